"""A customer is passed from team to team too often in one journey."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from agents.context import Hop
from agents.detector import Detector, Verdict
from agents.finding import Found, Side
from agents.rules import Rule

__all__ = ["ExcessiveHandoffs"]


class ExcessiveHandoffsRule(Rule):
    """``hops``: how many changes of team in one journey are too many."""

    hops: Annotated[int, Field(ge=1)] = 3


class ExcessiveHandoffs(Detector[ExcessiveHandoffsRule]):
    """Fires at the n-th hop of a journey, once, over all its chains."""

    name = "excessive_handoffs"
    rule_model = ExcessiveHandoffsRule
    engine_keys = ("transit",)

    def hop(self, memory: dict[Any, Any], hop: Hop) -> Iterable[Verdict]:
        again = hop.after.seen
        journey = again.journey
        if journey.hops != self.rule.hops or journey.first_hop is None:
            return
        yield Found(
            self.rule,
            again,
            again=again,
            first=journey.first_hop.after.seen,
            sender=Side.of(hop.before.seen),
            receiver=Side.of(again),
            measured={"hops": float(journey.hops)},
        )
