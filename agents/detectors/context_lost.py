"""A customer is passed on without what we knew of them and the next one needs."""

from collections.abc import Iterable
from typing import Any

from agents.context import Wait
from agents.detector import Detector, Verdict
from agents.finding import Found, Gone, Side
from agents.rules import Rule
from models.finding import SiloType

__all__ = ["ContextLost"]


class ContextLostRule(Rule):
    silos: tuple[SiloType, ...] = ("handoff",)


class ContextLost(Detector[ContextLostRule]):
    """Fires once for each field that must travel, that the sender knew and that the handoff's context provably lacks; a context nobody reports is not lost."""

    name = "context_lost"
    rule_model = ContextLostRule

    def wait(self, memory: dict[Any, Any], wait: Wait) -> Iterable[Verdict]:
        if wait.seen.entry.type != "handoff.started":
            return
        context = wait.context
        for field in sorted(wait.known):
            if context is None or field in context:
                yield Gone(self.rule, wait.seen, field)
            else:
                yield self._lost(wait, field)

    def _lost(self, wait: Wait, field: str) -> Found:
        started, accepted = wait.seen, wait.accepted
        return Found(
            self.rule,
            started,
            again=started,
            first=wait.known[field],
            sender=Side(wait.sender, started.channel),
            receiver=Side(*wait.receiver),
            field=field,
            evidence=() if accepted is None else (accepted,),
        )
