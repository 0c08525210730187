"""The way of one customer through the corridor: places one after the other, counted by day.

A way is a function of its steps in the timeline's order. The last of them are kept, so that one that comes late, or those of another key of the same
customer, take their place: what was counted is taken back, and counted again.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from agents.rules import EngineRules
from agents.timeline import moment

__all__ = ["Count", "Marks", "Step", "Way", "Where"]

_STEPS: Final = 50
"""How many steps of a customer are kept."""

Key = tuple[int, int, int, str, str]
Count = tuple[str, str, str, str]
"""What is counted by day, UTC: the day, the kind (move, visit, promise, answer, refused, declined, late), and two names."""
Marks = set[tuple[str, str, str]]
"""Of contacts: the contact, ``intent`` or ``sales``, and the intent or the team that sold."""


class Step(msgspec.Struct, array_like=True, frozen=True, omit_defaults=True):
    """A touchpoint as far as the corridor goes: where it is (empty: nowhere new), its contact, its journey if named, its intent, and whether it is an offer."""

    key: Key
    place: str = ""
    contact: str | None = None
    journey: str | None = None
    intent: str | None = None
    offers: bool = False


class Where(msgspec.Struct, omit_defaults=True):
    """Where a customer is after a step (``key`` None: before the first one).

    ``time`` is that of the last step that was no offer (microseconds UTC); ``sells``: the contact does.
    """

    key: Key | None = None
    time: int = 0
    place: str = ""
    contact: str | None = None
    journey: str | None = None
    intent: str | None = None
    sells: bool = False

    @property
    def team(self) -> str:
        """Return who works there, nobody where it is empty."""
        return self.place.partition("/")[2]


class Way(msgspec.Struct, omit_defaults=True):
    """The last steps of a customer, the oldest first: ``before`` is where they began, ``now`` where they led to."""

    before: Where = msgspec.field(default_factory=Where)
    steps: list[Step] = []
    now: Where = msgspec.field(default_factory=Where)

    def take(self, step: Step, rules: EngineRules, counts: "Counter[Count]", marks: Marks) -> bool:
        """Take a step, count what follows from it, and return whether it could be placed: there may be later ones, but not more than are kept."""
        if self.now.key is None or step.key > self.now.key:
            walk(self.now, [step], rules, counts, marks)
            self.steps = [*self.steps, step]
        elif self.before.key is not None and step.key <= self.before.key:
            return False
        elif all(step.key != each.key for each in self.steps):
            self._recount({step.key: step}, self.before, rules, counts, marks)
        self._shorten(rules)
        return True

    def join(self, other: "Way", rules: EngineRules, counts: "Counter[Count]", marks: Marks) -> None:
        """Take in the way of another key of the customer; what one of the two has no steps of any more stays as it was counted."""
        horizon = max((each.before.key for each in (self, other) if each.before.key is not None), default=None)
        for each in (self, other):
            while horizon is not None and each.steps and each.steps[0].key <= horizon:
                each._drop(rules)
        walk(msgspec.structs.replace(other.before), other.steps, rules, counts, set(), -1)
        begin = max(self.before, other.before, key=lambda each: each.key or ())
        self._recount({each.key: each for each in other.steps}, begin, rules, counts, marks)
        self._shorten(rules)

    def forget(self, time: int) -> None:
        """Forget what is not later than ``time``; what was counted of it stays."""
        self.steps = [each for each in self.steps if each.key[0] > time]
        self.before = Where((time, 1 << 62, 0, "", ""))
        if not self.steps:
            self.now = msgspec.structs.replace(self.before)

    def _recount(self, more: dict[Key, Step], begin: Where, rules: EngineRules, counts: "Counter[Count]", marks: Marks) -> None:
        walk(msgspec.structs.replace(self.before), self.steps, rules, counts, set(), -1)
        steps = {each.key: each for each in self.steps} | more
        self.before, self.steps, self.now = begin, [steps[key] for key in sorted(steps)], msgspec.structs.replace(begin)
        walk(self.now, self.steps, rules, counts, marks)

    def _shorten(self, rules: EngineRules) -> None:
        while len(self.steps) > _STEPS:
            self._drop(rules)

    def _drop(self, rules: EngineRules) -> None:
        first, *self.steps = self.steps
        walk(self.before, [first], rules, Counter(), set())


def walk(where: Where, steps: Iterable[Step], rules: EngineRules, counts: "Counter[Count]", marks: Marks, number: int = 1) -> None:
    """Go on from ``where``, which changes; add ``number`` to ``counts`` for each move and visit, and mark contacts."""
    for step in steps:
        day = moment(step.key[0])[:10]
        if step.offers:
            # One made elsewhere, such as an advertisement, tells nothing of this contact.
            sells = step.contact is not None and step.contact == where.contact
        else:
            _arrive(where, step, rules, counts, marks, day, number)
            sells = step.intent is not None and step.intent in rules.sales_intents
        where.key = step.key
        if sells and not where.sells:
            where.sells = True
            if where.team:  # who is there already shows this face
                counts[day, "visit", where.team, "service"] -= number
                counts[day, "visit", where.team, "sales"] += number
                _mark(where, "sales", where.team, marks)


def _arrive(where: Where, step: Step, rules: EngineRules, counts: "Counter[Count]", marks: Marks, day: str, number: int) -> None:
    gone = not where.time or step.key[0] - where.time > rules.journey_gap
    if gone or (step.journey is not None and step.journey != where.journey):
        where.place, where.intent, where.journey = "", None, step.journey
    other_contact = step.contact != where.contact
    if other_contact:
        where.contact, where.sells, where.intent = step.contact, False, None
    if step.place and (step.place != where.place or other_contact):
        counts[day, "move", where.place, step.place] += number
        where.place = step.place
        if where.team:
            counts[day, "visit", where.team, "sales" if where.sells else "service"] += number
            if where.sells:
                _mark(where, "sales", where.team, marks)
    where.time = step.key[0]
    if step.intent is not None:
        where.intent = step.intent
        if step.intent in rules.moments:
            _mark(where, "intent", step.intent, marks)


def _mark(where: Where, kind: str, name: str, marks: Marks) -> None:
    if where.contact is not None:
        marks.add((where.contact, kind, name))
