"""A customer is passed on, and the next team takes over too late."""

from collections.abc import Iterable
from typing import Any

from agents.context import Wait
from agents.detector import Detector, Verdict
from agents.finding import Found, Side

__all__ = ["SlowHandoff"]


class SlowHandoff(Detector[Any]):
    """Fires at an acceptance later than the limit, unless another team worked within it."""

    name = "slow_handoff"
    engine_keys = ("answer_limits", "unlimited_modes")

    def wait(self, memory: dict[Any, Any], wait: Wait) -> Iterable[Verdict]:
        accepted = wait.accepted
        if accepted is None or wait.limit is None or wait.answered or accepted.entry.time <= wait.deadline:
            return ()
        started = wait.seen
        return (
            Found(
                self.rule,
                accepted,
                again=accepted,
                first=started,
                sender=Side(wait.sender, started.channel),
                receiver=Side(*wait.receiver),
            ),
        )
