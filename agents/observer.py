"""What touchpoints tell besides failures: accounts, answers, the corridor, promises, and whom to ask how it went.

Pure: a customer's state and the next touchpoint in, counts, marks and invitations out. Touchpoints are taken in the order of the log; of one that comes late
what it says counts, where it was does not.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from agents.fields import fold_words
from agents.invitations import Asked, InvitationRules, Invited, decide
from agents.portfolio import Account, Terms, pattern_of
from agents.rules import EngineRules
from agents.timeline import CHANNEL_FOLD, PASSIVE, TYPE_RANK, SortKey, microseconds, moment

__all__ = ["Count", "Customer", "Observed", "Observer"]

_RECENT: Final = 50
_HANDLERS = frozenset({"agent", "bot", "ivr", "partner"})
_SELF_SERVICE = frozenset({"web", "app", "store"})
_PROMISES = {"promise.made": "made", "promise.kept": "kept", "promise.cancelled": "cancelled"}

Key = tuple[int, int, int, str, str]
Count = tuple[str, str, str, str]
"""What is counted by day, UTC: the day, the kind (move, visit, promise, answer, refused, declined, late), and two names."""


class Customer(msgspec.Struct, omit_defaults=True):
    """What is kept of a customer.

    ``place`` is where they were last, ``newest`` the sort key of the newest touchpoint, ``first`` the time of the first one seen (microseconds UTC).
    ``recent`` holds digests of the last touchpoints, so that one that comes again counts once.
    """

    account: Account = msgspec.field(default_factory=Account)
    place: str = ""
    team: str = ""
    sells: bool = False
    contact: str | None = None
    journey: str | None = None
    intent: str | None = None
    newest: Key | None = None
    first: int = 0
    recent: list[str] = []
    invited: list[Invited] = []


@dataclass(slots=True)
class Observed:
    """What came of some touchpoints of one tenant: counts, sums beside some of them, marks of contacts, and invitations."""

    counts: Counter[Count] = field(default_factory=Counter)
    sums: Counter[Count] = field(default_factory=Counter)
    marks: set[tuple[str, str, str]] = field(default_factory=set)
    """Contact, ``intent`` or ``sales``, and the intent or the team that sold."""
    invitations: list[dict[str, Any]] = field(default_factory=list)


class Observer:
    """Takes the touchpoints of customers, one by one."""

    def __init__(self, engine: EngineRules, invitations: InvitationRules, terms: Terms) -> None:
        self._engine = engine
        self._invitations = invitations
        self._surveys = invitations.surveys
        self._terms = terms
        self._keep = max([invitations.fatigue, *(rule.every or 0 for rule in invitations.invitations)])

    @property
    def memory(self) -> int:
        """How long touchpoints of before may still arrive, in microseconds."""
        return self._engine.memory

    def take(self, customer: Customer, touchpoint: Any, seen: Observed) -> None:
        """Take a touchpoint; ``customer`` and ``seen`` change."""
        digest = hashlib.sha256(f"{touchpoint.source}\0{touchpoint.id}".encode()).hexdigest()[:12]
        if digest in customer.recent:
            return
        customer.recent = [*customer.recent[1 - _RECENT :], digest]
        time, kind, data = microseconds(touchpoint.time), touchpoint.type, touchpoint.data
        key: SortKey = (time, touchpoint.sequence, TYPE_RANK.get(kind, 1), touchpoint.source, touchpoint.id)
        day = moment(time)[:10]
        if kind == "account.updated":
            customer.account.update(key, data)
        elif kind == "survey.answered":
            self._answer(customer, key, touchpoint, seen, day)
        elif kind in _PROMISES:
            seen.counts[day, "promise", _PROMISES[kind], ""] += 1
        if customer.newest is not None and key <= customer.newest:
            seen.counts[day, "late", "", ""] += 1
            return
        if kind == "offer.made":
            self._offer(customer, touchpoint, day, seen)
        elif kind not in PASSIVE:
            self._walk(customer, touchpoint, time, day, seen)
        customer.first = customer.first or time
        customer.newest = key
        self._invite(customer, touchpoint, time, day, seen)

    def _answer(self, customer: Customer, key: SortKey, touchpoint: Any, seen: Observed, day: str) -> None:
        data = touchpoint.data
        refused = customer.account.refused
        satisfied = customer.account.answer(key, data)
        if customer.account.refused > refused:
            seen.counts[day, "refused", "answer", data.metric] += 1
        elif satisfied is not None:
            pattern = pattern_of(data, touchpoint.contact, self._surveys).value
            seen.counts[day, "answer", pattern, data.metric] += 1
            seen.sums[day, "answer", pattern, data.metric] += satisfied  # type: ignore[assignment]  # sums are of floats

    # The corridor

    def _walk(self, customer: Customer, touchpoint: Any, time: int, day: str, seen: Observed) -> None:
        gone = customer.newest is not None and time - customer.newest[0] > self._engine.journey_gap
        other_journey = touchpoint.journey is not None and touchpoint.journey != customer.journey
        if customer.newest is None or gone or other_journey:
            customer.place = customer.team = ""
            customer.intent, customer.journey = None, touchpoint.journey
        other_contact = touchpoint.contact != customer.contact
        if other_contact:
            customer.contact, customer.sells, customer.intent = touchpoint.contact, False, None
        place, team = _place(touchpoint)
        arrives = bool(place) and (place != customer.place or other_contact)
        if arrives:
            seen.counts[day, "move", customer.place, place] += 1
            customer.place, customer.team = place, team
            if team:
                seen.counts[day, "visit", team, "sales" if customer.sells else "service"] += 1
                if customer.sells:
                    self._mark(customer, "sales", team, seen)
        self._learn(customer, touchpoint, day, seen)

    def _learn(self, customer: Customer, touchpoint: Any, day: str, seen: Observed) -> None:
        """Learn what a contact is about, and whether it sells."""
        intent = touchpoint.data.intent if touchpoint.type in {"contact.started", "intent.stated"} else None
        if intent is None:
            return
        customer.intent = fold_words(intent)
        if customer.intent in self._engine.moments:
            self._mark(customer, "intent", customer.intent, seen)
        if customer.intent in self._engine.sales_intents:
            self._sells(customer, day, seen)

    def _offer(self, customer: Customer, touchpoint: Any, day: str, seen: Observed) -> None:
        """Learn from an offer that this contact sells; one made elsewhere, such as an advertisement, tells nothing of it."""
        if touchpoint.contact is not None and touchpoint.contact == customer.contact:
            self._sells(customer, day, seen)

    def _sells(self, customer: Customer, day: str, seen: Observed) -> None:
        if customer.sells:
            return
        customer.sells = True
        if customer.team:  # who is there already shows this face
            seen.counts[day, "visit", customer.team, "service"] -= 1
            seen.counts[day, "visit", customer.team, "sales"] += 1
            self._mark(customer, "sales", customer.team, seen)

    def _mark(self, customer: Customer, kind: str, name: str, seen: Observed) -> None:
        if customer.contact is not None:
            seen.marks.add((customer.contact, kind, name))

    # Invitations

    def _invite(self, customer: Customer, touchpoint: Any, time: int, day: str, seen: Observed) -> None:
        if not self._invitations.invitations:
            return
        customer.invited = [each for each in customer.invited if time - each.time <= self._keep]
        for asked in decide(self._invitations, customer.invited, customer.first, touchpoint, time, self._facts(customer, touchpoint)):
            self._asked(customer, asked, time, day, seen)

    def _asked(self, customer: Customer, asked: Asked, time: int, day: str, seen: Observed) -> None:
        if asked.body is None:
            seen.counts[day, "declined", asked.rule.name, "fatigue"] += 1
            return
        customer.invited.append(Invited(time, asked.rule.name))
        seen.invitations.append(asked.body)

    def _facts(self, customer: Customer, touchpoint: Any) -> Mapping[str, str | None]:
        account, resolved = customer.account, getattr(touchpoint.data, "resolved", None)
        segment = None if account.segment is None else account.segment.value
        told: dict[str, str | None] = {
            "type": touchpoint.type,
            "channel": touchpoint.channel,
            "actor": touchpoint.actor.kind,
            "team": touchpoint.actor.team or customer.team or None,
            "brand": touchpoint.brand,
            "language": touchpoint.language,
            "intent": customer.intent,
            "segment": segment,
            "quadrant": self._terms.quadrant(account),
            "resolved": None if resolved is None else str(resolved),
        }
        return {name: None if value is None else fold_words(value) for name, value in told.items()}


def _place(touchpoint: Any) -> tuple[str, str]:
    """Return where a touchpoint is, and whose team that is: where a team works, where a customer serves themself; else nowhere new."""
    actor, channel = touchpoint.actor, CHANNEL_FOLD.get(touchpoint.channel, touchpoint.channel)
    team = actor.team if actor.kind in _HANDLERS or actor.kind == "customer" else None
    if team is not None and touchpoint.type not in {"contact.queued", "handoff.failed"} and not getattr(touchpoint.data, "private", None):
        return f"{channel}/{team}", team
    return (channel, "") if actor.kind == "customer" and touchpoint.channel in _SELF_SERVICE else ("", "")
