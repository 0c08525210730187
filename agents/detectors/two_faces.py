"""A customer who waits for an answer to a complaint is sold to."""

from collections.abc import Iterable
from typing import Any

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import Found, Side
from agents.intents import NAMING, intent_of
from agents.rules import Duration, Rule, Words
from models.finding import SiloType

__all__ = ["TwoFaces"]


class TwoFacesRule(Rule):
    """``complaints`` are intents, ``reconciling`` the offers that a complaint is answered with; a complaint is open for ``open_for`` unless it is settled."""

    silos: tuple[SiloType, ...] = ("goal",)
    complaints: tuple[Words, ...] = ("complaint",)
    reconciling: tuple[Words, ...] = ("goodwill", "compensation", "refund")
    open_for: Duration = "30d"  # type: ignore[assignment]


class TwoFaces(Detector[TwoFacesRule]):
    """Fires at an offer, other than one to make up for it, while a complaint of the customer is open in any journey."""

    name = "two_faces"
    rule_model = TwoFacesRule
    types = NAMING | {"contact.ended", "case.closed", "offer.made"}

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        entry, kind, journey = seen.entry, seen.entry.type, seen.journey.id
        if kind in NAMING:
            if intent_of(entry) in self.rule.complaints:
                complaints = memory.setdefault((self, "open"), {})
                complaints.pop(journey, None)  # so that the latest stands last
                complaints[journey] = seen
            return ()
        complaints = memory.get((self, "open"))
        if not complaints:
            return ()
        if kind == "offer.made":
            return self._offered(complaints, seen)
        resolved = entry.data[1] if len(entry.data) > 1 else None
        if resolved or (resolved is None and kind == "case.closed"):
            complaints.pop(journey, None)
        return ()

    def _offered(self, complaints: dict[str | None, Seen], seen: Seen) -> Iterable[Verdict]:
        entry, latest = seen.entry, next(reversed(complaints.values()))
        if seen.by_customer or not entry.data or entry.data[0] in self.rule.reconciling:
            return
        if entry.time - latest.entry.time <= self.rule.open_for:
            yield Found(self.rule, seen, again=seen, first=latest, sender=Side.of(latest), receiver=Side.of(seen))
