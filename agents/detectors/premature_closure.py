"""A case is closed, and the customer has to open it again."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import NOBODY, Explanation, Found, Side
from agents.intents import NAMING, intent_of
from agents.rules import Duration, Rule
from models.finding import SiloType

__all__ = ["PrematureClosure"]


class PrematureClosureRule(Rule):
    """``within`` is how long ago it was closed."""

    silos: tuple[SiloType, ...] = ("metric",)
    within: Duration = "7d"  # type: ignore[assignment]


class Closed(StrEnum):
    """What the closing said."""

    CLAIMED_RESOLVED = "claimed_resolved"
    CLOSED = "closed"


class PrematureClosure(Detector[PrematureClosureRule]):
    """Fires where the customer reopens a case; that they came back with the same intent explains it, also if they name it later in that contact."""

    name = "premature_closure"
    rule_model = PrematureClosureRule
    types = NAMING | {"case.closed", "case.reopened"}

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        entry = seen.entry
        if entry.type in NAMING:
            return self._named(memory, seen)
        if entry.data and entry.type == "case.closed":
            memory[self, "closed", entry.data[0]] = seen
        elif entry.data:
            closing = memory.pop((self, "closed", entry.data[0]), None)
            if closing is not None and seen.by_customer and entry.time - closing.entry.time <= self.rule.within:
                return self._reopened(memory, closing, seen)
        return ()

    def _named(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        contact = seen.contact.id
        if contact is None or intent_of(seen.entry) is None or (self, "named", contact) in memory:
            return ()
        memory[self, "named", contact] = seen
        return [
            self._found(closing, reopening, seen) for closing, reopening in memory.pop((self, "reopened", contact), ())
        ]

    def _reopened(self, memory: dict[Any, Any], closing: Seen, reopening: Seen) -> Iterable[Verdict]:
        contact = reopening.contact.id
        named = memory.get((self, "named", contact))
        if named is None and contact is not None:
            memory.setdefault((self, "reopened", contact), []).append((closing, reopening))
        return (self._found(closing, reopening, named),)

    def _found(self, closing: Seen, reopening: Seen, named: Seen | None) -> Found:
        claimed = closing.entry.data[-1] is True
        return Found(
            self.rule,
            reopening,
            again=reopening,
            first=closing,
            reason=Closed.CLAIMED_RESOLVED if claimed else Closed.CLOSED,
            sender=NOBODY,
            receiver=Side.of(closing),
            explanations=() if named is None else (Explanation("repeat_contact", named, ""),),
        )
