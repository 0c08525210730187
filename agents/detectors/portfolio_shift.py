"""A customer becomes one whom we please less, or who pays us less."""

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
from agents.rules import EngineRules, Rule
from models.finding import SiloType

__all__ = ["QUADRANT", "PortfolioShift", "PortfolioShiftRule", "Quadrant"]


class PortfolioShiftRule(Rule):
    """From which ``revenue`` (as billed) and which ``satisfaction`` (a share of the scale, the mean of the last ``surveys``) on these are high."""

    silos: tuple[SiloType, ...] = ("goal",)
    revenue: Annotated[float, Field(allow_inf_nan=False)] = 1000.0
    surveys: Annotated[int, Field(ge=1)] = 3
    satisfaction: Annotated[float, Field(ge=0, le=1)] = 0.6


class Quadrant(StrEnum):
    """Where a customer stands, from best to worst (Meyer & Schwager)."""

    MODEL = "model"
    GROWTH = "growth"
    AT_RISK = "at_risk"
    DANGLING = "dangling"


_RANK = {quadrant: rank for rank, quadrant in enumerate(Quadrant)}
QUADRANT = {
    (True, True): Quadrant.MODEL,
    (False, True): Quadrant.GROWTH,
    (True, False): Quadrant.AT_RISK,
    (False, False): Quadrant.DANGLING,
}
"""By whether revenue and satisfaction are high."""


class PortfolioShift(Detector[PortfolioShiftRule]):
    """Fires at a bill or an answer that moves the customer to a worse quadrant."""

    name = "portfolio_shift"
    rule_model = PortfolioShiftRule
    types = frozenset({"account.updated", "survey.answered"})

    def __init__(self, rule: PortfolioShiftRule, engine: EngineRules, fields: FieldCatalog) -> None:
        super().__init__(rule, engine, fields)
        self.revenue = thousandths(rule.revenue)
        self.satisfaction = Fraction(thousandths(rule.satisfaction), 1000)

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        data = seen.entry.data
        if not data:
            return ()
        if seen.entry.type == "account.updated":
            memory[self, "revenue"] = data[0]
        else:
            satisfied = share(*data[1:4])
            if satisfied is not None:
                answers = (*memory.get((self, "answers"), ()), satisfied)
                memory[self, "answers"] = answers[-self.rule.surveys :]
        return self._judged(memory, seen)

    def _judged(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        revenue, answers = memory.get((self, "revenue")), memory.get((self, "answers"))
        if revenue is None or answers is None:
            return
        mean = sum(answers, Fraction()) / len(answers)
        quadrant = QUADRANT[revenue >= self.revenue, mean >= self.satisfaction]
        before, first = memory.get((self, "quadrant"), (None, None))
        if quadrant is before:
            return
        memory[self, "quadrant"] = quadrant, seen
        if before is not None and _RANK[quadrant] > _RANK[before]:
            # Not the revenue: who sees an alert need not see what the customer pays, and the quadrant tells on which side it is.
            measured = {"satisfaction": round(float(mean), 6)}
            yield Found(
                self.rule, seen, again=seen, first=first, reason=quadrant, sender=NOBODY, receiver=Side.of(seen), measured=measured
            )
