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
FLAPS = (0.0, 1.0, 10.0, 20.0, 29.0, 30.0, 30.0, 30.000001, 31.0, 40.0)
DUES = (-5.0, 0.0, 1.0, 5.0, 5.0, 60.0, 60.0, 65.0, HOUR, DAY, 2 * DAY, 40 * DAY, 366.0 * DAY, 366 * DAY + 0.000001)

INTENTS = ("complaint", "complaint", "delivery", "delivery", "Delivery", " COMPLAINT ", "complaint  about delivery")
CONFIDENCES = (None, None, None, 0.5, 0.499, 0.4, 1.0)
FACTS = ("price", "price", "price", "Price", "due date", "Acct_No", "acct_no", "account_number")
STATED = ("10", "10", "12", "12", " 10", "\uff11\uff10")
OFFERS = ("o1", "o1", "upgrade", "refund", " Goodwill", "COMPENSATION")
CASES = ("c1", "c1", "c2")
PROMISES = ("p1", "p1", "p2")
#: Some lie half-way between two thousandths, where binary fractions and rounding half up go astray.
MOODS = (-1.0, -0.5, -0.25, -0.2505, 0.0005, 0.0, 0, 0.249, 0.25, 0.2495, 0.5, 0.7, 1, 1.0)
HALVES = (((0.5,), (0.0005,)), ((0.5015,), (0.002,)), ((0.249,), (-0.2505,)))
#: Minimum, maximum, and numbers on the way; 3.4 of 1 to 5 and 6 of 0 to 10 lie exactly on 0.6, and so does 3.3995.
SCALES: tuple[tuple[float, float, tuple[float, ...]], ...] = (
    (1, 5, (1, 2, 3, 3.4, 3.3995, 3.399, 4, 5)),
    (1, 5, (2, 3, 3.0005, 4, 4.5)),
    (0, 10, (0, 2.5, 5, 6, 6.0, 7, 7.5, 8, 10)),
    (0, 10, (5.9, 6, 9)),
    (5, 1, (1, 2, 3, 5)),
    (-100, 100, (-100, 0, 20, 50, 100)),
    (3, 3, (3,)),
)
METRICS = ("csat", "csat", "nps", "other")
REVENUES = (1000, 1000.0, 999.999, 999.9995, 999.9994, 500, 2000.5, 0, None)


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
        self.intent = choose.among(INTENTS)
        self.dues: dict[str, datetime] = {}

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
            if kind != "info.provided":
                point["brand"] = f"{self.tenant}-{'mobile' if point['channel'] in ('app', 'sms', 'voice') else 'home'}"
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
            data = {"fact": "price", "value": self.choose.among(STATED)}
        self.add(kind, self.actor(self.team), data, self.choose.among((SHORT, SHORT, MIDDLE, LONG)))

    def talk(self) -> None:
        """Let somebody say something."""
        private = {"private": True} if self.chance(25) else {}
        actor = self.actor(self.team) if self.chance(60) else self.client()
        mood = {"sentiment": self.choose.among(MOODS)} if self.chance(30) else {}
        self.add("message", actor, {"text": "well"} | private | mood)

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
            self.start()

    def start(self) -> None:
        """Start the contact, mostly with an intent."""
        data: Json = {"direction": self.choose.among(("inbound", "inbound", "inbound", "outbound"))}
        if self.chance(60):
            data["intent"] = self.wish()
        self.add("contact.started", self.client() if self.chance(70) else {"kind": "system"}, data)

    def wish(self) -> str:
        """Name the intent, mostly the same one."""
        if self.chance(30):
            self.intent = self.choose.among(INTENTS)
        return self.intent

    def elsewhere(self, step: Sequence[float] = SHORT) -> None:
        """Go on in a new contact after a step of time."""
        self.contacts.append(f"k{len(self.contacts) + 1}")
        self.contact = self.contacts[-1]
        if self.chance(30):
            self.channel = self.choose.among(CHANNELS)
        later = self.now + timedelta(seconds=self.choose.among(step))
        if later - START < SPAN:
            self.now = later

    def pause(self) -> None:
        """Let time pass; something else is said then."""
        intent = self.wish() if self.chance(50) else "help"
        self.add("intent.stated", self.client(), {"intent": intent}, self.choose.among((MIDDLE, LONG, VERY_LONG)))

    def aside(self) -> None:
        """Let something happen that is passive or closes a case."""
        options: tuple[tuple[str, Json, Json], ...] = (
            ("offer.made", self.actor(self.team), {"offer": self.choose.among(OFFERS)}),
            ("mention.published", {"kind": "customer"}, {"sentiment": -0.5, "public": True}),
            ("case.closed", self.actor(self.team), {"case": "c1"}),
            ("account.updated", {"kind": "system"}, {}),
        )
        kind, actor, data = self.choose.among(options)
        self.add(kind, actor, dict(data), self.choose.among((SHORT, MIDDLE, LONG, VERY_LONG)))

    # What the later rules are about

    def flap(self) -> None:
        """Let machines and humans take turns."""
        machine = self.chance(50)
        for _ in range(self.choose.whole(2, 5)):
            if self.chance(40):
                self.team = self.choose.among(NAMED)
            kind = self.choose.among(("bot", "ivr") if machine else ("agent", "agent", "partner"))
            if self.chance(10):
                self.elsewhere()
            what = self.choose.among(("contact.answered", "contact.answered", "message"))
            data = {"text": "hello"} if what == "message" else {}
            self.add(what, {"kind": kind, "team": self.team or "front"}, data, self.choose.among((SHORT, FLAPS)))
            machine = machine == self.chance(15)

    def send_on(self) -> None:
        """Let a team answer and hand on, sooner or later."""
        if self.chance(70):
            self.team = self.choose.among(NAMED)
        if self.chance(80):
            self.add("contact.answered", self.actor(self.team))
        if self.chance(30):
            self.talk()
        self.now += timedelta(seconds=self.choose.among(MIDDLE)) if self.chance(40) else timedelta()
        self.hand_off()

    def routed(self) -> None:
        """Start for one thing, be answered, and say what it is about."""
        if self.chance(60):
            self.elsewhere()
        self.start()
        if self.chance(85):
            self.team = self.choose.among(NAMED) if self.chance(60) else self.team
            self.add("contact.answered", self.actor(self.team))
        data: Json = {"intent": self.choose.among(INTENTS)}
        sure = self.choose.among(CONFIDENCES)
        if sure is not None or self.chance(10):
            data["confidence"] = sure
        self.add("intent.stated", self.client() if self.chance(60) else self.actor(self.team), data)

    def strand(self) -> None:
        """Hand off, let the contact end without result, and go on at times."""
        if self.chance(50):
            self.add("contact.answered", self.actor(self.team), {}, MIDDLE)
        mode = self.choose.among(("blind", "blind", "warm", "callback"))
        name = f"h{len(self.handoffs) + 1}"
        self.handoffs.append(name)
        data: Json = {"handoff": name, "mode": mode, "to_team": self.choose.among(NAMED)}
        if self.chance(20):
            data["planned"] = True
        self.add("handoff.started", self.actor(self.team), data)
        if self.chance(25):
            self.accept(data["to_team"])
        for _ in range(self.choose.among((1, 1, 1, 2))):
            step = self.choose.among((SHORT, MIDDLE))
            if self.chance(50):
                self.add("contact.abandoned", {"kind": "customer"}, {}, step)
            else:
                ended: Json = {"resolved": self.choose.among((False, False, False, True, None))}
                if self.chance(25):
                    ended["planned_callback"] = self.choose.among((True, False))
                self.add("contact.ended", self.actor(self.team), ended, step)
        after = self.choose.among(("later", "later", "same", "new", "passive"))
        old = self.contact
        if after != "later" and self.chance(50):
            self.journey = f"{self.customer}-j{self.choose.whole(1, 3)}"
        if after == "passive":
            self.add("mention.published", {"kind": "customer"}, {"sentiment": -0.5, "public": True})
        elif after != "same":
            self.elsewhere((59.0, 60.0, 60.000001, 61.0, 65.0) if after == "new" else (*LONG, *VERY_LONG))
            if old and self.contact and self.chance(60):
                self.previous[self.contact] = old if self.chance(80) else self.choose.among(("k1", "k9"))
        if after != "later" or self.chance(60):
            for _ in range(self.choose.whole(1, 2)):
                self.add("message", self.client(), {"text": "and now?"}, (0.0, 0.0, 1.0, 59.0, 60.0, 60.000001))
                if self.contact in self.previous and self.chance(40):
                    self.previous[self.contact] = self.choose.among(("k1", "k9", old or "k2"))

    def promise(self) -> None:
        """Promise something, and keep it, call it off or promise it anew, in time or not."""
        name = self.choose.among(PROMISES)
        if not self.dues or self.chance(55):
            due = self.choose.among(DUES)
            actor = self.client() if self.chance(5) else self.actor(self.team)
            self.add("promise.made", actor, {"promise": name, "due": self.now.isoformat(), "about": "x"})
            self.dues[name] = self.now + timedelta(seconds=due)
            zone = timezone(timedelta(hours=-3)) if self.chance(10) else UTC
            self.made[-1]["data"]["due"] = self.dues[name].astimezone(zone).isoformat()
            if self.chance(20):
                return
        if name not in self.dues:
            name = next(iter(self.dues))
        if self.chance(60):
            at = self.dues[name] + timedelta(seconds=self.choose.among((-1.0, 0.0, 0.0, 0.000001, 4.0, HOUR)))
            if at >= self.now and at - START < SPAN:
                self.now = at
        if self.chance(80):
            kind = self.choose.among(("promise.kept", "promise.kept", "promise.kept", "promise.cancelled"))
            actor = self.client() if self.chance(10) else self.actor(self.team)
            self.add(kind, actor, {"promise": name}, (0.0,))

    def state(self) -> None:
        """Let two say what a fact is, the same or not."""
        fact = self.choose.among(FACTS)
        for number in range(self.choose.whole(1, 4)):
            if self.journeys and self.chance(40):
                self.journey = self.choose.among((None, f"{self.customer}-j1", f"{self.customer}-j2"))
            if number:
                self.team = self.choose.among(NAMED)
                if self.chance(40):
                    self.channel = self.choose.among(CHANNELS)
            data: Json = {"fact": fact if not self.chance(20) else self.choose.among(FACTS)}
            data["value"] = self.choose.among(STATED)
            if self.chance(20):
                data["correction"] = self.choose.among((True, True, False))
            actor = self.client() if self.chance(6) else self.actor(self.team)
            step = self.choose.among((SHORT, SHORT, MIDDLE, VERY_LONG))
            self.add("fact.stated", actor, data, step)

    def solve(self) -> None:
        """Claim that all is well, and come again at times, for the same or for something else."""
        if self.chance(50):
            self.add("intent.stated", self.client(), {"intent": self.wish()})
        actor = self.actor(self.team) if self.chance(85) else {"kind": "system"}
        case = self.choose.among(CASES)
        if self.chance(50):
            self.add("contact.ended", actor, {"resolved": self.choose.among((True, True, True, False))})
        if self.chance(60):
            claimed = self.choose.among((True, True, True, False, None))
            self.add("case.closed", actor, {"case": case, "claimed_resolved": claimed})
        if self.chance(20):
            return
        if self.chance(80):
            self.elsewhere(self.choose.among((MIDDLE, LONG, VERY_LONG)))
        if self.chance(50):
            self.start()
        for _ in range(self.choose.among((0, 1, 1, 2))):
            data = {"intent": self.wish()}
            self.add("intent.stated", self.client() if self.chance(85) else self.actor(self.team), data)
        if self.chance(50):
            self.reopen(case)

    def close(self) -> None:
        """Close a case, and let it be opened again at times."""
        data: Json = {"case": self.choose.among(CASES)}
        claimed = self.choose.among((True, True, False, None, None))
        if claimed is not None or self.chance(50):
            data["claimed_resolved"] = claimed
        self.add("case.closed", self.actor(self.team) if self.chance(90) else self.client(), data)
        if self.chance(25):
            self.move()
        for _ in range(self.choose.among((0, 1, 1, 1, 2))):
            self.reopen(data["case"])

    def reopen(self, case: str | None = None) -> None:
        """Open a case again."""
        actor = self.client() if self.chance(75) else self.actor(self.team)
        name = case if case and self.chance(90) else self.choose.among(CASES)
        self.add("case.reopened", actor, {"case": name}, self.choose.among((SHORT, LONG, VERY_LONG)))

    def sell(self) -> None:
        """Complain, and be offered something, before or after it is settled."""
        if self.chance(60):
            actor = self.client() if self.chance(80) else self.actor(self.team)
            self.add(
                "intent.stated", actor, {"intent": self.choose.among(("complaint", "complaint", "Complaint", "help"))}
            )
        if self.chance(25):
            actor = self.actor(self.team)
            if self.chance(50):
                self.add("contact.ended", actor, {"resolved": self.choose.among((True, True, False, None))})
            else:
                claimed = self.choose.among((True, False, None))
                self.add("case.closed", actor, {"case": self.choose.among(CASES), "claimed_resolved": claimed})
        if self.chance(40):
            self.move()
        if self.chance(50):
            self.team = self.choose.among(NAMED)
        actor = self.client() if self.chance(6) else self.actor(self.team)
        self.add("offer.made", actor, {"offer": self.choose.among(OFFERS)}, self.choose.among((SHORT, LONG, VERY_LONG)))

    def feel(self) -> None:
        """Let the customer write in a mood, change sides, and write again."""
        for mood in self.choose.among(((MOODS[6:], MOODS, MOODS), (MOODS[6:], MOODS), *HALVES)):
            for _ in range(self.choose.among((1, 1, 2, 3, 5))):
                step = self.choose.among((SHORT, SHORT, MIDDLE, LONG))
                data = {"text": "well", "sentiment": self.choose.among(mood)}
                self.add("message", self.client(), data | ({"private": True} if self.chance(10) else {}), step)
            change = self.choose.among(("team", "team", "channel", "contact", "none"))
            if change == "team":
                self.team = self.choose.among(NAMED)
                self.add("contact.answered", self.actor(self.team))
            elif change == "channel":
                self.channel = self.choose.among(CHANNELS)
            elif change == "contact":
                self.move()

    def survey(self) -> None:
        """Advertise something at times, and ask what came of it."""
        if self.chance(30):
            data: Json = {"metric": self.choose.among((*METRICS, "CSAT", None))}
            if self.chance(85):
                data["promised"] = self.choose.among(self.choose.among(SCALES)[2])
            self.add("brand.exposure", self.choose.among(({"kind": "system"}, {"kind": "customer"})), data)
        low, high, numbers = self.choose.among(SCALES)
        answer = {"survey": "v1", "metric": self.choose.among(METRICS), "minimum": low, "maximum": high}
        answer["score"] = self.choose.among(numbers)
        if self.chance(35):
            answer["expected"] = self.choose.among(numbers)
        actor = {"kind": "bot", "team": "survey"} if self.chance(30) else self.client()
        self.add("survey.answered", actor, answer, self.choose.among((SHORT, MIDDLE, LONG, VERY_LONG)))

    def account(self) -> None:
        """Bill the customer, more or less than before, and ask for the mood at times."""
        for _ in range(self.choose.whole(1, 3)):
            data: Json = {"billed_revenue": self.choose.among(REVENUES), "forecast_revenue": 10}
            self.add("account.updated", {"kind": "system"} if self.chance(60) else self.actor(self.team), data)
            for _ in range(self.choose.whole(0, 2)):
                self.survey()

    def play(self, length: int) -> list[Json]:
        """Let things happen until there are enough touchpoints."""
        moves = (
            [self.give] * 5 + [self.ask] * 6 + [self.read_back] * 2 + [self.work] * 6 + [self.talk] * 2
            + [self.authenticate] * 4 + [self.hand_off] * 5 + [self.accept, self.queue, self.queue]
            + [self.end, self.end, self.move, self.move, self.pause, self.aside, self.survey, self.work]
        )  # fmt: skip
        later = (
            self.flap, self.send_on, self.routed, self.strand, self.promise, self.state,
            self.solve, self.close, self.sell, self.feel, self.survey, self.account,
        )  # fmt: skip
        for _ in range(self.choose.among((0, 1, 2, 3, 4))):
            moves += [self.choose.among(later)] * 10
        if self.journeys and self.chance(50):
            self.journey = f"{self.customer}-j1"
        while len(self.made) < length:
            self.choose.among(moves)()
        return self.made[:length]


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
