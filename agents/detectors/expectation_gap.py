"""A customer got less than they expected, or than we had advertised."""

from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field

from agents.amounts import share, thousandths
from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.fields import FieldCatalog
from agents.finding import NOBODY, Found, Side
from agents.rules import Duration, EngineRules, Rule
from models.finding import SiloType

__all__ = ["ExpectationGap"]


class ExpectationGapRule(Rule):
    """``margin`` is the share of the scale by which a score falls short; ``within``: since it was advertised."""

    silos: tuple[SiloType, ...] = ("vision",)
    margin: Annotated[float, Field(ge=0, le=1)] = 0.25
    within: Duration = "90d"  # type: ignore[assignment]


class Expectation(StrEnum):
    """Where it comes from."""

    EXPECTED = "expected"
    ADVERTISED = "advertised"


class ExpectationGap(Detector[ExpectationGapRule]):
    """Fires at an answer to a survey that lies below what the customer says they expected, else below what we promised in public."""

    name = "expectation_gap"
    rule_model = ExpectationGapRule
    types = frozenset({"survey.answered", "brand.exposure"})

    def __init__(self, rule: ExpectationGapRule, engine: EngineRules, fields: FieldCatalog) -> None:
        super().__init__(rule, engine, fields)
        self.margin = Fraction(thousandths(rule.margin), 1000)

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        data = seen.entry.data
        if not data:
            return ()
        if seen.entry.type == "brand.exposure":
            memory[self, data[0]] = seen
            return ()
        advertised: Seen | None = memory.get((self, data[0]))
        if len(data) > 4:
            return self._answered(seen, data[4], Expectation.EXPECTED, None)
        if advertised is None or seen.entry.time - advertised.entry.time > self.rule.within:
            return ()
        return self._answered(seen, advertised.entry.data[1], Expectation.ADVERTISED, advertised)

    def _answered(self, seen: Seen, expected: int, reason: Expectation, first: Seen | None) -> Iterable[Verdict]:
        _, score, minimum, maximum, *_ = seen.entry.data
        gap = share(expected - score, 0, maximum - minimum)
        if gap is not None and gap >= self.margin:
            measured = {"margin": round(float(gap), 6)}
            yield Found(self.rule, seen, again=seen, first=first, reason=reason, sender=NOBODY, receiver=Side.of(seen), measured=measured)
