"""A customer was sent to the wrong place: who answers passes them on at once, or it turns out to be about something else."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from agents.context import Seen, Wait
from agents.detector import Detector, Verdict
from agents.finding import Found, Side
from agents.rules import Duration, Rule
from models.finding import SiloType

__all__ = ["Misroute"]

_HUMANS = frozenset({"agent", "partner"})


class Mistake(StrEnum):
    """How it showed that the place was the wrong one."""

    HANDED_ON_AT_ONCE = "handed_on_at_once"
    OTHER_INTENT = "other_intent"


class MisrouteRule(Rule):
    """``within``: how soon after it took up a contact a team may not pass it on; ``confidence``: from what on a stated intent counts."""

    silos: tuple[SiloType, ...] = ("assumption",)
    within: Duration = "60s"  # type: ignore[assignment]
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.5


class Misroute(Detector[MisrouteRule]):
    """Fires at a handoff by a human soon after the team's first work, and once a contact at an intent that is not the one it was routed by."""

    name = "misroute"
    rule_model = MisrouteRule
    engine_keys = ("transit",)
    types = frozenset({"handoff.started", "intent.stated"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        return self._handed_on(memory, seen) if seen.entry.type == "handoff.started" else self._stated(memory, seen)

    def wait(self, memory: dict[Any, Any], wait: Wait) -> Iterable[Verdict]:
        first = memory.get((self, wait.seen))
        return () if first is None else (self._at_once(wait, first),)

    def _handed_on(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        wait, first = seen.contact.handoffs[-1], seen.contact.taken_up
        if seen.entry.kind not in _HUMANS or seen.team is None or seen.team in self.engine.transit:
            return
        if wait.planned or wait.mode in ("callback", "referral") or first is None or first is seen:
            return
        if seen.entry.time - first.entry.time <= self.rule.within:
            memory[self, seen] = first
            yield self._at_once(wait, first)

    def _at_once(self, wait: Wait, first: Seen) -> Found:
        return Found(
            self.rule,
            wait.seen,
            again=wait.seen,
            first=first,
            reason=Mistake.HANDED_ON_AT_ONCE,
            sender=Side(wait.sender, wait.seen.channel),
            receiver=Side(*wait.receiver),
        )

    def _stated(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        contact, started = seen.contact, seen.contact.started
        if started is None or not 0 <= contact.human_since < seen.position or (self, contact) in memory:
            return
        # What is missing was not told, or was stored before anybody read it.
        (routed_by,) = (*started.entry.data, None)[:1]
        stated, confidence = (*seen.entry.data, None, None)[:2]
        if None in (routed_by, stated) or stated == routed_by:
            return
        if confidence is not None and confidence < self.rule.confidence:
            return
        memory[self, contact] = True
        yield Found(
            self.rule,
            seen,
            again=seen,
            first=started,
            reason=Mistake.OTHER_INTENT,
            sender=Side(None, None),
            receiver=Side.of(seen),
            measured=None if confidence is None else {"confidence": round(confidence, 6)},
        )
