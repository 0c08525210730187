"""What touchpoints tell besides failures: accounts, answers, the corridor, promises, and whom to ask how it went.

Pure: a customer's state and the next touchpoint in, counts, marks and invitations out. Touchpoints are taken in the order of the log; what each says counts
in the order of the timeline, but for invitations: one that comes late asks nobody.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from agents.corridor import Count, Marks, Step, Way
from agents.fields import fold_words
from agents.invitations import Asked, InvitationRules, Invited, decide, next_due, remind
from agents.portfolio import Account, Known, Terms, pattern_of
from agents.rules import EngineRules
from agents.timeline import CHANNEL_FOLD, PASSIVE, TYPE_RANK, SortKey, microseconds, moment

__all__ = ["Customer", "Observed", "Observer"]

_RECENT: Final = 50
_HANDLERS = frozenset({"agent", "bot", "ivr", "partner"})
_SELF_SERVICE = frozenset({"web", "app", "store"})
_TOLD = ("channel", "language", "brand")
"""What is known of a customer besides, as told last."""
_PROMISES = {"promise.made": "made", "promise.kept": "kept", "promise.cancelled": "cancelled"}

Key = tuple[int, int, int, str, str]


class Customer(msgspec.Struct, omit_defaults=True):
    """What is kept of a customer.

    ``newest`` is the sort key of the newest touchpoint, ``first`` the time of the first one seen, ``due`` when a rule may ask without one (0: none may), all
    in microseconds UTC. ``channel``, ``language`` and ``brand`` are what was told last of each. ``recent`` holds digests of the last
    touchpoints, so that one that comes again counts once.
    """

    account: Account = msgspec.field(default_factory=Account)
    way: Way = msgspec.field(default_factory=Way)
    newest: Key | None = None
    first: int = 0
    due: int = 0
    channel: Known | None = None
    language: Known | None = None
    brand: Known | None = None
    recent: list[str] = []
    invited: list[Invited] = []

    @property
    def heard(self) -> int:
        """Return the time of the newest touchpoint that opens or prolongs a journey, 0 where there was none."""
        return self.way.now.time

    def learn(self, name: str, told: Known | None) -> None:
        """Learn what was told, unless it is nothing, or something is known that was told later."""
        known: Known | None = getattr(self, name)
        if told is not None and told.value is not None and (known is None or told.key > known.key):
            setattr(self, name, told)

    def forget(self, time: int) -> bool:
        """Forget what is not later than ``time`` (microseconds UTC); return whether that is all."""
        self.account.forget(time)
        self.way.forget(time)
        self.invited = [each for each in self.invited if each.time > time]
        return self.newest is None or self.newest[0] <= time


@dataclass(slots=True)
class Observed:
    """What came of some touchpoints of one tenant: counts, sums beside some of them, marks of contacts, and invitations."""

    counts: Counter[Count] = field(default_factory=Counter)
    sums: Counter[Count] = field(default_factory=Counter)
    marks: Marks = field(default_factory=set)
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
        if (kind == "offer.made" or kind not in PASSIVE) and not customer.way.take(_step(key, touchpoint), self._engine, seen.counts, seen.marks):
            seen.counts[day, "late", "", ""] += 1
        customer.first = min(customer.first or time, time)
        for name in _TOLD if kind not in PASSIVE else ():
            customer.learn(name, Known(key, getattr(touchpoint, name)))
        if customer.newest is not None and key <= customer.newest:
            return
        customer.newest = key
        self._invite(customer, touchpoint, time, day, seen)

    def remind(self, customer: Customer, tenant: str, name: str, seen: Observed) -> None:
        """Ask a customer whose time has come without a touchpoint; ``customer`` and ``seen`` change."""
        time = customer.due
        facts = self._facts(customer, {name: None if (told := getattr(customer, name)) is None else told.value for name in _TOLD})
        for asked in remind(self._invitations, customer.invited, customer.first, customer.heard, time, facts, tenant, name):
            self._asked(customer, asked, time, moment(time)[:10], seen)
        customer.due = next_due(self._invitations, customer.invited, customer.first, customer.heard, time)

    def join(self, customer: Customer, alias: Customer, seen: Observed) -> None:
        """Take in what is known under another key of a customer; ``customer`` and ``seen`` change, ``alias`` is not to be used any more."""
        customer.account.join(alias.account)
        customer.way.join(alias.way, self._engine, seen.counts, seen.marks)
        customer.newest = max(filter(None, (customer.newest, alias.newest)), default=None)
        for name in _TOLD:
            customer.learn(name, getattr(alias, name))
        customer.first = min(filter(None, (customer.first, alias.first)), default=0)
        half = _RECENT // 2
        customer.recent = [*alias.recent[-half:], *customer.recent[-half:]]
        customer.invited = sorted([*customer.invited, *alias.invited], key=lambda each: each.time)
        customer.due = next_due(
            self._invitations, customer.invited, customer.first, customer.heard, 0 if customer.newest is None else customer.newest[0]
        )

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

    def _invite(self, customer: Customer, touchpoint: Any, time: int, day: str, seen: Observed) -> None:
        if not self._invitations.invitations:
            return
        customer.invited = [each for each in customer.invited if time - each.time <= self._keep]
        resolved = getattr(touchpoint.data, "resolved", None)
        facts = self._facts(
            customer,
            {
                "type": touchpoint.type,
                "channel": touchpoint.channel,
                "actor": touchpoint.actor.kind,
                "team": touchpoint.actor.team or customer.way.now.team or None,
                "brand": touchpoint.brand,
                "language": touchpoint.language,
                "intent": customer.way.now.intent,
                "resolved": None if resolved is None else str(resolved),
            },
        )
        for asked in decide(self._invitations, customer.invited, customer.first, touchpoint, time, facts):
            self._asked(customer, asked, time, day, seen)
        customer.due = next_due(self._invitations, customer.invited, customer.first, customer.heard, time)

    def _asked(self, customer: Customer, asked: Asked, time: int, day: str, seen: Observed) -> None:
        if asked.body is None:
            seen.counts[day, "declined", asked.rule.name, "fatigue"] += 1
            return
        customer.invited.append(Invited(time, asked.rule.name))
        seen.invitations.append(asked.body)

    def _facts(self, customer: Customer, told: Mapping[str, str | None]) -> Mapping[str, str | None]:
        """Return what conditions look at, folded as words: what was ``told``, and what is known of the customer."""
        segment = customer.account.segment
        told = {**told, "segment": None if segment is None else segment.value, "quadrant": self._terms.quadrant(customer.account)}
        return {name: None if value is None else fold_words(value) for name, value in told.items()}


def _step(key: Key, touchpoint: Any) -> Step:
    if touchpoint.type == "offer.made":
        return Step(key, contact=touchpoint.contact, offers=True)
    intent = touchpoint.data.intent if touchpoint.type in {"contact.started", "intent.stated"} else None
    return Step(key, _place(touchpoint), touchpoint.contact, touchpoint.journey, None if intent is None else fold_words(intent))


def _place(touchpoint: Any) -> str:
    """Return where a touchpoint is: where a team works, where a customer serves themself; else nowhere new."""
    actor, channel = touchpoint.actor, CHANNEL_FOLD.get(touchpoint.channel, touchpoint.channel)
    team = actor.team if actor.kind in _HANDLERS or actor.kind == "customer" else None
    if team is not None and touchpoint.type not in {"contact.queued", "handoff.failed"} and not getattr(touchpoint.data, "private", None):
        return f"{channel}/{team}"
    return channel if actor.kind == "customer" and touchpoint.channel in _SELF_SERVICE else ""
