"""A customer is sent back and forth between a machine and humans."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from agents.context import Turn
from agents.detector import Detector, Verdict
from agents.finding import Found, Side
from agents.rules import Duration, Rule

__all__ = ["HandoffFlap"]


class HandoffFlapRule(Rule):
    """``times``: how many turns from machine to human or back are too many, ``within`` this span from the first to the last of them."""

    times: Annotated[int, Field(ge=1)] = 3
    within: Duration = "60s"  # type: ignore[assignment]


class HandoffFlap(Detector[HandoffFlapRule]):
    """Fires at the n-th turn in short time; the next finding counts the turns after it."""

    name = "handoff_flap"
    rule_model = HandoffFlapRule
    engine_keys = ("transit",)

    def turn(self, memory: dict[Any, Any], turn: Turn) -> Iterable[Verdict]:
        turns = [turn]
        while len(turns) < self.rule.times:
            earlier = turns[-1].earlier
            if earlier is None or (self, earlier.after) in memory:
                return
            turns.append(earlier)
        again, first = turn.after, turns[-1].after
        if again.entry.time - first.entry.time <= self.rule.within:
            memory[self, again] = True
            yield Found(
                self.rule,
                again,
                again=again,
                first=first,
                sender=Side.of(turn.before),
                receiver=Side.of(again),
                evidence=[each.after for each in turns],
                measured={"times": float(len(turns))},
            )
