"""A customer is passed on, the contact comes to nothing, and nobody takes it up again."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from agents.context import Seen, Wait
from agents.detector import Detector, Verdict
from agents.finding import Explanation, Found, Gone, Side
from agents.rules import Duration, Rule
from agents.timeline import PASSIVE
from models.finding import SiloType

__all__ = ["DeadEnd"]

_ENDS = frozenset({"contact.abandoned", "contact.ended"})


class End(StrEnum):
    """How a contact came to nothing."""

    ABANDONED = "abandoned"
    UNRESOLVED = "unresolved"


class DeadEndRule(Rule):
    """``within``: how long after the end something has to follow."""

    silos: tuple[SiloType, ...] = ("handoff",)
    within: Duration = "60s"  # type: ignore[assignment]


class DeadEnd(Detector[DeadEndRule]):
    """Awaits after the end of a contact that was handed off that something follows, there, in its journey or in a contact that continues it."""

    name = "dead_end"
    rule_model = DeadEndRule
    engine_keys = ("grace",)
    types = _ENDS

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        contact = seen.contact
        if contact.id is None or not contact.handoffs or _reason(seen) is None:
            return
        handoff = contact.handoffs[-1]
        if handoff.mode != "callback" or not handoff.planned:
            memory.setdefault((self, handoff.seen), []).append(seen)
            yield self._nothing_after(seen, handoff)

    def wait(self, memory: dict[Any, Any], wait: Wait) -> Iterable[Verdict]:
        return [self._nothing_after(end, wait) for end in memory.get((self, wait.seen), ())]

    def follow(self, memory: dict[Any, Any], absence: Found, seen: Seen) -> Iterable[Verdict]:
        if seen.entry.type in PASSIVE or seen.entry.type in _ENDS:
            return
        end = absence.cause
        if seen.contact is end.contact or seen.journey is end.journey or seen.contact.previous == end.contact.id:
            memory[self, absence.first].remove(end)
            yield Gone(self.rule, end, "")

    def _nothing_after(self, end: Seen, handoff: Wait) -> Found:
        return Found(
            self.rule,
            end,
            first=handoff.seen,
            time=end.entry.time + self.rule.within,
            reason=_reason(end),
            sender=Side(handoff.sender, handoff.seen.channel),
            receiver=Side(*handoff.receiver),
            explanations=[Explanation("unanswered_handoff", handoff.seen, "")],
        )


def _reason(end: Seen) -> End | None:
    """Tell how a contact came to nothing; None where it did not, where it goes on by plan, and where nobody said."""
    if end.entry.type == "contact.abandoned":
        return End.ABANDONED
    # Of an end that was stored before anybody read it, it is not known whether it resolved anything.
    planned_callback, *resolved = end.entry.data
    return None if planned_callback or resolved != [False] else End.UNRESOLVED
