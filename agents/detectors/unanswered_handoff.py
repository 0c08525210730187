"""A customer is passed on, or queued for another team, and nobody takes over in time."""

from collections.abc import Iterable
from typing import Any

from agents.context import Wait
from agents.detector import Detector, Verdict
from agents.finding import Found, Gone, Side

__all__ = ["UnansweredHandoff"]


class UnansweredHandoff(Detector[Any]):
    """Awaits an acceptance, another team's work or the end of the contact until the deadline; an acceptance takes it back, however late."""

    name = "unanswered_handoff"
    engine_keys = ("answer_limits", "unlimited_modes", "grace")

    def wait(self, memory: dict[Any, Any], wait: Wait) -> Iterable[Verdict]:
        started = wait.seen
        if not wait.unanswered:
            return () if wait.limit is None else (Gone(self.rule, started, ""),)
        return (
            Found(
                self.rule,
                started,
                first=started,
                time=wait.deadline,
                sender=Side(wait.sender, started.channel),
                receiver=Side(*wait.receiver),
            ),
        )
