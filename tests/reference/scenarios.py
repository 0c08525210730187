"""Make hard timelines: few fields, few values, few teams, steps around every threshold, in any order.

`random_scenario(seed)` is quick and repeatable; `scenarios()` is the same maker as a Hypothesis strategy. Every
touchpoint is valid by the contract, spans stay under 30 days, and a source never uses an id for two customers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

Json = dict[str, Any]
T = TypeVar("T")

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SPAN = timedelta(days=29)
MINUTE, HOUR, DAY = 60, 3_600, 86_400

TEAMS = ("front", "billing", "tech", "entry-ivr")
NAMED = ("front", "billing", "tech")
CHANNELS = ("voice", "voice", "chat", "ivr", "bot", "web")
FIELDS = ("account_number", "account_number", "acct_no", "order_number", "one_time_code", "colour")
#: The fifth is 4711 in full-width digits.
VALUES = ("4711", "4711", "4711", "4712", "\uff14\uff17\uff11\uff11", " 4711 ", "4712")
COLOURS = ("red", "red", "RED", " dark  red", "Dark Red", "4711")
CONTEXTS: tuple[list[str] | None, ...] = (
    None,
    [],
    [],
    ["account_number"],
    ["acct_no"],
    ["order_number"],
    ["account_number", "order_number"],
    ["colour"],
)
MODES = ("blind", "warm", "escalation", "handback", "callback", "referral")
SHORT = (0.0, 0.0, 1.0, 1.0, 2.0, 4.0, 5.0, 6.0, 5.000001, 10.0)
MIDDLE = (24.0, 25.0, 26.0, 25.000001, 30.0, 59.0, 60.0, 61.0, 60.000001, 65.0, 299.0, 300.0, 301.0)
LONG = (HOUR - 1.0, HOUR, HOUR + 1.0, DAY - 1.0, DAY, DAY + 1.0, DAY + 5.0)
VERY_LONG = (7 * DAY - 1.0, 7 * DAY, 7 * DAY + 1.0, 7 * DAY + 0.000001, 8 * DAY)


class Chooser(Protocol):
    """Where choices come from."""

    def among(self, options: Sequence[T]) -> T:
        """Choose one."""
        ...

    def whole(self, low: int, high: int) -> int:
        """Choose a whole number, both ends included."""
        ...


class SeededChooser:
    """Choices of a seeded generator."""

    def __init__(self, seed: int) -> None:
        """Start from a seed."""
        self.random = random.Random(seed)

    def among(self, options: Sequence[T]) -> T:
        """Choose one."""
        return self.random.choice(options)

    def whole(self, low: int, high: int) -> int:
        """Choose a whole number, both ends included."""
        return self.random.randint(low, high)


class DrawnChooser:
    """Choices that Hypothesis draws, and so can shrink."""

    def __init__(self, draw: st.DrawFn) -> None:
        """Start from a strategy's draw."""
        self.draw = draw

    def among(self, options: Sequence[T]) -> T:
        """Choose one."""
        return options[self.whole(0, len(options) - 1)]

    def whole(self, low: int, high: int) -> int:
        """Choose a whole number, both ends included."""
        return self.draw(st.integers(low, high))


class Maker:
    """Play one customer's story and keep its touchpoints."""

    def __init__(self, choose: Chooser, customer: str, tenant: str | None, journeys: bool, segments: bool) -> None:
        """Prepare an empty story; `journeys` and `segments` say whether explicit ones may occur."""
        self.choose = choose
        self.customer = customer
        self.tenant = tenant
        self.journeys = journeys
        self.segments = segments
        self.now = START
        self.made: list[Json] = []
        self.contacts: list[str | None] = [choose.among(("k1", "k1", "k1", None))]
        self.contact = self.contacts[0]
        self.previous: dict[str, str] = {}
        self.channel = choose.among(CHANNELS)
        self.journey: str | None = None
        self.team: str | None = choose.among(TEAMS)
        self.field = choose.among(FIELDS)
        self.handoffs: list[str] = []

    def chance(self, percent: int) -> bool:
        """Say yes that often (shrinks to no)."""
        return self.choose.whole(0, 99) >= 100 - percent

    def actor(self, team: str | None) -> Json:
        """Make one who works for a team, mostly; sometimes one that is no worker or has no team."""
        if self.chance(4):
            return {"kind": "system", **({"team": self.choose.among(NAMED)} if self.chance(20) else {})}
        if self.chance(6) or team is None:
            return {"kind": self.choose.among(("agent", "agent", "bot"))}
        if team == "entry-ivr":
            return {"kind": self.choose.among(("ivr", "ivr", "ivr", "agent")), "team": team}
        return {"kind": self.choose.among(("agent", "agent", "agent", "agent", "bot", "bot", "partner")), "team": team}

    def client(self) -> Json:
        """Make the customer, at times with the team talked to."""
        if self.chance(12):
            return {"kind": "customer", "team": self.choose.among((self.team or "front", *NAMED))}
        return {"kind": "customer"}

    def add(self, kind: str, actor: Json, data: Json | None = None, step: Sequence[float] = SHORT) -> None:
        """Append one touchpoint after a step of time."""
        seconds = self.choose.among(step)
        later = self.now + timedelta(seconds=seconds)
        if later - START < SPAN:
            self.now = later
        source = self.choose.among(("s1", "s1", "s2"))
        number = 1 + sum(one["source"] == source for one in self.made)
        zone = timezone(timedelta(hours=2)) if self.chance(5) else UTC
        point: Json = {
            "id": f"{self.customer}-{number}",
            "source": source,
            "type": kind,
            "time": self.now.astimezone(zone).isoformat(),
            "customer": self.customer,
            "channel": self.channel if not self.chance(6) else self.choose.among(CHANNELS),
            "actor": actor,
            "data": data or {},
        }
        if self.tenant:
            point["tenant"] = self.tenant
        if self.contact and not self.chance(3):
            point["contact"] = self.contact
            if self.contact in self.previous and not self.chance(30):
                point["previous_contact"] = self.previous[self.contact]
        if self.journey and not self.chance(15):
            point["journey"] = self.journey
        if self.segments and self.chance(50):
            point["segment"] = f"g{self.choose.whole(1, 3)}"
        if self.chance(15):
            point["sequence"] = self.choose.whole(0, 3)
        self.made.append(point)

    # What may happen next

    def give(self) -> None:
        """Let the customer give a value (seldom: let somebody else state it)."""
        data: Json = {"field": self.about()}
        data["value"] = self.choose.among(COLOURS if data["field"] == "colour" else VALUES)
        if self.chance(10):
            data["valid"] = self.choose.among((False, False, True))
        if self.chance(8):
            data["corrects"] = self.choose.among((True, True, False))
        actor = self.actor(self.team) if self.chance(5) else self.client()
        self.add("info.provided", actor, data, self.choose.among((SHORT, SHORT, MIDDLE)))

    def ask(self) -> None:
        """Let the handler ask for a field, for one reason or another."""
        data: Json = {"field": self.about()}
        purpose = self.choose.among((None, "collect", "collect", "collect", "confirm", "policy"))
        if purpose:
            data["purpose"] = purpose
        actor = {"kind": "customer"} if self.chance(2) else self.actor(self.team)
        self.add("info.requested", actor, data, self.choose.among((SHORT, SHORT, MIDDLE)))
        if self.chance(40):
            self.give()

    def read_back(self) -> None:
        """Let the handler read a value back, and the customer answer at times."""
        data: Json = {"field": self.about()}
        if self.chance(50):
            data["value"] = self.choose.among(COLOURS if data["field"] == "colour" else VALUES)
        self.add("info.confirmed", self.client() if self.chance(5) else self.actor(self.team), data)
        if self.chance(30):
            self.talk()
        if self.chance(60):
            self.give()

    def about(self) -> str:
        """Name the field that the talk is about, mostly the same one."""
        if self.chance(25):
            self.field = self.choose.among(FIELDS)
        return self.field

    def work(self) -> None:
        """Let a team work, the same or another one."""
        if self.chance(55):
            self.team = self.choose.among((*TEAMS, None)) if self.chance(20) else self.choose.among(NAMED)
        kind = self.choose.among(("contact.answered", "contact.answered", "message", "fact.stated", "auth.failed"))
        data: Json = {}
        if kind == "message":
            data = {"text": "hello"} | ({"private": True} if self.chance(25) else {})
        if kind == "fact.stated":
            data = {"fact": "price", "value": "10"}
        self.add(kind, self.actor(self.team), data, self.choose.among((SHORT, SHORT, MIDDLE, LONG)))

    def talk(self) -> None:
        """Let somebody say something."""
        private = {"private": True} if self.chance(25) else {}
        actor = self.actor(self.team) if self.chance(60) else self.client()
        self.add("message", actor, {"text": "well"} | private)

    def authenticate(self) -> None:
        """Ask for authentication, or let it pass."""
        data: Json = {"level": self.choose.whole(0, 2)} if self.chance(35) else {}
        if self.chance(55):
            if self.chance(25):
                data["valid_for_seconds"] = self.choose.among((0, 5, 60, 300, HOUR, 2 * DAY))
            actor = self.client() if self.chance(12) else self.actor(self.team)
            self.add("auth.passed", actor, data, self.choose.among((SHORT, MIDDLE)))
            if self.chance(40):
                self.team = self.choose.among(NAMED)
                self.add("contact.answered", self.actor(self.team), {}, self.choose.among((SHORT, MIDDLE)))
                self.add("auth.requested", self.actor(self.team), {}, self.choose.among((SHORT, MIDDLE, LONG)))
        else:
            actor = {"kind": "customer"} if self.chance(4) else self.actor(self.team)
            self.add("auth.requested", actor, data, self.choose.among((SHORT, MIDDLE, LONG)))

    def hand_off(self) -> None:
        """Start a handoff and let it go well or wrong."""
        target = self.choose.among((*NAMED, self.team or "front"))
        name = f"h{len(self.handoffs) + 1}"
        if self.handoffs and self.chance(5):
            name = self.choose.among(self.handoffs)
        self.handoffs.append(name)
        data: Json = {"handoff": name, "mode": self.choose.among(("blind", "warm", *MODES))}
        if not self.chance(25):
            data["to_team"] = target
        if self.chance(20):
            data["to_channel"] = self.choose.among((*CHANNELS, "email"))
        context = self.choose.among(CONTEXTS)
        if context is not None or self.chance(70):
            data["context"] = context
        if self.chance(25):
            data["planned"] = True
        actor = self.client() if self.chance(3) else self.actor(self.team)
        self.add("handoff.started", actor, data, self.choose.among((SHORT, SHORT, MIDDLE)))
        if self.chance(20):
            self.queue(target)
        if self.chance(10):
            failed = {"handoff": name} if self.chance(50) else {}
            self.add("handoff.failed", self.actor(self.team), failed)
        if self.chance(20):
            self.move()
        if self.chance(30):
            return
        if self.chance(70):
            self.accept(target)
            if self.chance(45):
                self.ask()
        elif self.chance(60):
            self.team = target
            self.add("contact.answered", self.actor(target), {}, self.choose.among((SHORT, MIDDLE)))

    def accept(self, target: str | None = None) -> None:
        """Let a team accept a handoff, the right one or another, by id or not."""
        self.team = target if target and not self.chance(15) else self.choose.among(NAMED)
        data: Json = {}
        if self.handoffs and self.chance(50):
            data["handoff"] = self.handoffs[-1] if not self.chance(20) else self.choose.among(self.handoffs)
        elif self.chance(30):
            data["handoff"] = None
        if self.chance(50):
            data["context"] = self.choose.among(CONTEXTS)
        step = self.choose.among((SHORT, MIDDLE, MIDDLE, MIDDLE, LONG))
        self.add("handoff.accepted", self.actor(self.team), data, step)

    def queue(self, target: str | None = None) -> None:
        """Put the contact into a queue."""
        actor = {"kind": "system"} if self.chance(80) else self.actor(self.team)
        self.add("contact.queued", actor, {"team": target or self.choose.among(NAMED)}, SHORT)

    def end(self) -> None:
        """End or abandon the contact."""
        if self.chance(30):
            self.add("contact.abandoned", {"kind": "customer"}, {}, self.choose.among((SHORT, MIDDLE)))
        else:
            data: Json = {"resolved": self.choose.among((True, False, None))} if self.chance(50) else {}
            if self.chance(35):
                data["planned_callback"] = self.choose.among((True, True, False))
            actor = self.actor(self.team) if self.chance(70) else {"kind": "system"}
            self.add("contact.ended", actor, data, self.choose.among((SHORT, MIDDLE)))
        if self.chance(75):
            self.move()

    def move(self) -> None:
        """Go on in another contact, new or old, at times later, in another journey or on another channel."""
        old = self.contact
        if self.chance(55) or len(self.contacts) == 1:
            self.contact = self.choose.among((f"k{len(self.contacts) + 1}",) * 6 + (None,))
            self.contacts.append(self.contact)
            if self.contact and self.chance(35):
                self.previous[self.contact] = old if old and self.chance(85) else self.choose.among(("k1", "k2", "k9"))
        else:
            self.contact = self.choose.among(self.contacts)
        if self.chance(50):
            self.channel = self.choose.among(CHANNELS)
        if self.journeys and self.chance(40):
            self.journey = self.choose.among((None, f"{self.customer}-j1", f"{self.customer}-j2"))
        if self.chance(35):
            step = timedelta(seconds=self.choose.among(self.choose.among((MIDDLE, LONG, LONG, VERY_LONG))))
            if self.now + step - START < SPAN:
                self.now += step
        if self.chance(40):
            data = {"direction": self.choose.among(("inbound", "outbound"))}
            self.add("contact.started", self.client() if self.chance(70) else {"kind": "system"}, data)

    def pause(self) -> None:
        """Let time pass; something else is said then."""
        self.add("intent.stated", self.client(), {"intent": "help"}, self.choose.among((MIDDLE, LONG, VERY_LONG)))

    def aside(self) -> None:
        """Let something happen that is passive or closes a case."""
        options: tuple[tuple[str, Json, Json], ...] = (
            ("offer.made", self.actor(self.team), {"offer": "o1"}),
            ("mention.published", {"kind": "customer"}, {"sentiment": -0.5, "public": True}),
            ("survey.answered", {"kind": "bot", "team": "survey"}, SURVEY),
            ("survey.answered", {"kind": "customer"}, SURVEY),
            ("case.closed", self.actor(self.team), {"case": "c1"}),
            ("account.updated", {"kind": "system"}, {}),
        )
        kind, actor, data = self.choose.among(options)
        self.add(kind, actor, dict(data), self.choose.among((SHORT, MIDDLE, LONG, VERY_LONG)))

    def play(self, length: int) -> list[Json]:
        """Let things happen until there are enough touchpoints."""
        moves = (
            [self.give] * 5 + [self.ask] * 6 + [self.read_back] * 2 + [self.work] * 6 + [self.talk] * 2
            + [self.authenticate] * 4 + [self.hand_off] * 5 + [self.accept, self.queue, self.queue]
            + [self.end, self.end, self.move, self.move, self.pause, self.aside]
        )  # fmt: skip
        if self.journeys and self.chance(50):
            self.journey = f"{self.customer}-j1"
        while len(self.made) < length:
            self.choose.among(moves)()
        return self.made[:length]


SURVEY: Json = {"survey": "v1", "metric": "csat", "score": 3, "minimum": 1, "maximum": 5}


def build(choose: Chooser) -> list[Json]:
    """Make one or two customers' touchpoints in a mixed order, with duplicates, some of other content."""
    result: list[Json] = []
    customers = choose.among((("c1", None),)) if choose.whole(0, 2) < 2 else None
    for customer, tenant in [customers] if customers else [("c1", "acme"), ("c2", choose.among(("acme", None)))]:
        journeys, segments = choose.whole(0, 99) >= 50, choose.whole(0, 99) >= 75
        maker = Maker(choose, customer, tenant, journeys, segments)
        result += maker.play(choose.whole(5, 40))
    for point in [point for point in result if choose.whole(0, 99) >= 97]:
        changed = {"data": {**point["data"], "value": "4712"}} if "value" in point["data"] else {"channel": "web"}
        result.append({**point, **(changed if choose.whole(0, 1) else {})})
    how = choose.whole(0, 3)
    if how == 0:
        return result
    if how == 1:
        return result[::-1]
    keyed = [(choose.whole(0, 999), number, point) for number, point in enumerate(result)]
    return [point for _, _, point in sorted(keyed, key=lambda item: item[:2])]


def random_scenario(seed: int) -> list[Json]:
    """Make one scenario from a seed: the same seed, the same touchpoints."""
    return build(SeededChooser(seed))


@st.composite
def scenarios(draw: st.DrawFn) -> list[Json]:
    """Draw scenarios (Hypothesis)."""
    return build(DrawnChooser(draw))
