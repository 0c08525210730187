"""The shape of a detector: a pure object that is told what happens in one customer's timeline and answers with verdicts."""

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

from agents.context import Hop, Seen, Turn, Wait
from agents.fields import FieldCatalog
from agents.finding import Found, Gone
from agents.rules import EngineRules, Rule

__all__ = ["Detector", "Verdict"]

R = TypeVar("R", bound=Rule)
Verdict = Found | Gone


class Detector(Generic[R]):
    """Base of all detectors; each overrides what it wants to be told.

    A later verdict with the same cause and discriminator replaces the earlier one. ``memory`` is for what a detector must know of the customer later, under
    keys that are tuples and begin with the detector; it goes when the timeline is folded anew. A touchpoint is told before what it says counts (a value is
    not yet among those given), a wait whenever it starts, is accepted or answered.

    Who waits for something that may never come finds its absence at once: a ``Found`` without ``again``, its ``time`` the deadline. It counts when the clock
    gets there, and until then keeps its touchpoints in memory; what is awaited makes it ``Gone``, before the deadline or, late, after it.
    """

    name: ClassVar[str]
    rule_model: ClassVar[type[Rule]] = Rule
    types: ClassVar[frozenset[str]] = frozenset()
    """The touchpoint types that ``touchpoint`` is told of."""
    engine_keys: ClassVar[tuple[str, ...]] = ()
    """Which of the keys that all rules share decide what it finds, for those who want it explained."""

    def __init__(self, rule: R, engine: EngineRules, fields: FieldCatalog) -> None:
        self.rule = rule
        self.engine = engine
        self.fields = fields

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        """Judge a touchpoint of one of ``types``."""
        return ()

    def hop(self, memory: dict[Any, Any], hop: Hop) -> Iterable[Verdict]:
        """Judge work by another team than the work it follows."""
        return ()

    def turn(self, memory: dict[Any, Any], turn: Turn) -> Iterable[Verdict]:
        """Judge work by a human after that of a machine, or the reverse."""
        return ()

    def wait(self, memory: dict[Any, Any], wait: Wait) -> Iterable[Verdict]:
        """Judge a wait that has started or changed."""
        return ()

    def follow(self, memory: dict[Any, Any], absence: Found, seen: Seen) -> Iterable[Verdict]:
        """Judge a touchpoint of any type after the cause of one of its absences that is not Gone, at the deadline at the latest."""
        return ()
