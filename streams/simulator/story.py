"""How one journey is told: a clock that goes on, a contact, who serves the customer, and what comes of it."""

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from streams.simulator.cast import IVR, PHRASES, TEAMS, Handler, Intent, make_value, rewrite

__all__ = ["Expected", "Line", "Story"]

_SOURCES = {
    "voice": "acd-eu",
    "chat": "chat-eu",
    "email": "mail-desk",
    "web": "portal",
    "app": "portal",
    "social": "social-desk",
}
_SPOKEN = {"ivr": "ivr", "bot": "bot"}


class Expected(NamedTuple):
    """A finding that must be there in the end.

    ``cause`` is the id of the touchpoint that set it off, of an absence the one that started the wait; ``explained_by`` the rule of the finding behind it.
    """

    rule: str
    cause: str
    field: str | None
    reason: str
    severity: str = "warning"
    explained_by: str | None = None


class Line(NamedTuple):
    """A touchpoint of a story; ``time`` is in milliseconds since the story began, and so is what a promise is due at."""

    time: int
    touchpoint: dict[str, Any]


class Story:
    """Tells one journey of one customer; every call adds a touchpoint some seconds after the last one and returns its id.

    ``journey`` is None where the sources know no id that spans contacts. ``expected`` holds what must be found.
    """

    def __init__(
        self, random: Random, number: int, customer: str, journey: str | None, brand: str, language: str, intent: Intent
    ) -> None:
        self.random = random
        self.customer = customer
        self.intent = intent
        self.language = language
        self.lines: list[Line] = []
        self.expected: list[Expected] = []
        self.handler: Handler | None = None
        self.known: dict[str, str] = {}
        self._number = number
        self._journey = journey
        self._brand = brand
        self._time = 0
        self._contacts = 0
        self._contact: str | None = None
        self._previous: str | None = None
        self._taken_up = 0
        self._channel = "voice"
        self._returns = journey is not None
        self._segments = random.random() < 0.4
        self._segment = 0
        self._names_team = random.random() < 0.5
        self._handoffs = 0

    # --- time and telling -----------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._time += round(seconds * 1000)

    def wait_since(self, identifier: str, seconds: float) -> None:
        """Go on exactly this long after an earlier touchpoint."""
        began = next(line.time for line in self.lines if line.touchpoint["id"] == identifier)
        self._time = began + round(seconds * 1000)

    def add(
        self,
        kind: str,
        actor: dict[str, Any],
        data: dict[str, Any] | None = None,
        *,
        customer: str | None = None,
        **other: Any,
    ) -> str:
        """Add a touchpoint of this type, now; the next one comes 2 to 7 seconds later."""
        identifier = f"e-{self._number}-{len(self.lines) + 1}"
        by = self.handler.kind if self.handler else ""
        point: dict[str, Any] = {
            "id": identifier,
            "source": "ivr-eu" if by == "ivr" else _SOURCES[self._channel],
            "schema_version": 1,
            "type": kind,
            "brand": self._brand,
            "customer": customer or self.customer,
            "journey": self._journey,
            "contact": self._contact,
            "channel": _SPOKEN.get(by, self._channel),
            "actor": actor,
            "language": self.language,
            "data": data or {},
        }
        if self._segments and self._contact is not None:
            point["segment"] = f"{self._contact}/{self._segment}"
        if self._previous is not None:
            point["previous_contact"] = self._previous
        self.lines.append(Line(self._time, point | other))
        self.wait(self.random.uniform(2, 7))
        return identifier

    def aside(
        self,
        kind: str,
        actor: dict[str, Any],
        data: dict[str, Any] | None = None,
        *,
        customer: str | None = None,
        **other: Any,
    ) -> str:
        """Add what happens outside of any contact."""
        contact, previous, handler, self._contact, self._previous, self.handler = (
            self._contact,
            self._previous,
            self.handler,
            None,
            None,
            None,
        )
        identifier = self.add(kind, actor, data, customer=customer, **other)
        self._contact, self._previous, self.handler = contact, previous, handler
        return identifier

    def expect(
        self, rule: str, cause: str, field: str | None = None, reason: str | None = None, **other: str | None
    ) -> None:
        """Note a finding that must be there in the end."""
        self.expected.append(Expected(rule, cause, field, reason or rule, **other))  # type: ignore[arg-type]

    def become_newcomer(self) -> None:
        """Let it be a customer who has no other journey, where what is found rests on all that they ever did; only at the beginning."""
        self.customer, self._returns = f"n-{self._number}", False

    @property
    def is_regular(self) -> bool:
        """Tell whether the customer may have other journeys."""
        return self._returns

    # --- who ------------------------------------------------------------------------------------------------------

    def human(self, team: str) -> Handler:
        """Return somebody of a team."""
        return Handler(team, "agent", f"a-{team}-{self.random.randint(1, 9)}")

    def bot(self) -> Handler:
        """Return the bot that welcomes customers in chats."""
        return Handler("welcome", "bot", "bot-1")

    def other_team(self, *taken: str) -> str:
        """Return a team that is none of these."""
        teams = {team: weight for team, weight in TEAMS.items() if team not in taken}
        return self.random.choices(list(teams), list(teams.values()))[0]

    def _actor(self) -> dict[str, Any]:
        if self.handler is None:
            return {"kind": "system"}
        team, kind, identifier = self.handler
        return {"kind": kind, "team": team} | ({"id": identifier} if identifier else {})

    def _customer(self) -> dict[str, Any]:
        team = self.handler.team if self.handler and self._names_team else None
        return {"kind": "customer"} | ({"team": team} if team else {})

    # --- contacts -------------------------------------------------------------------------------------------------

    def contact(
        self, channel: str, *, direction: str = "inbound", linked: bool = False, intent: str | None = None
    ) -> None:
        """Begin another contact; ``linked``: it names the one before; ``intent``: what it is routed by."""
        self._previous = self._contact if linked else None
        self._contacts += 1
        self._contact = f"k-{self._number}-{self._contacts}"
        self._channel = channel
        self._segment = 1
        self.handler = None
        by = {"kind": "customer"} if direction == "inbound" else {"kind": "system"}
        self.add("contact.started", by, {"direction": direction} | ({"intent": intent} if intent else {}))

    def answer(self, handler: Handler) -> str:
        """Let somebody answer."""
        self._take(handler)
        return self.add("contact.answered", self._actor())

    def _take(self, handler: Handler) -> None:
        if self.handler is not None and self.handler[:2] != handler[:2]:
            self._segment += 1
        if self.handler is None or self.handler.team != handler.team:
            self._taken_up = self._time
        self.handler = handler

    def end(self, *, resolved: bool | None = True, planned_callback: bool = False) -> str:
        """Let the handler end the contact; of a customer who has other journeys no source knows that all is resolved."""
        resolved = None if resolved and self._returns else resolved
        data: dict[str, Any] = {"resolved": resolved} | ({"planned_callback": True} if planned_callback else {})
        return self.add("contact.ended", self._actor(), data)

    def abandon(self, waited: float) -> str:
        """Let the customer give up."""
        return self.add("contact.abandoned", {"kind": "customer"}, {"waited_seconds": round(waited, 1)})

    def queue(self, team: str) -> str:
        """Put the customer into a team's queue."""
        return self.add("contact.queued", {"kind": "system"}, {"team": team})

    # --- talk -----------------------------------------------------------------------------------------------------

    def say(self, phrase: str, sentiment: float | None = None) -> str:
        """Let the customer say something."""
        return self._message(self._customer(), phrase, sentiment)

    def reply(self, phrase: str) -> str:
        """Let the handler say something."""
        return self._message(self._actor(), phrase, None)

    def _message(self, actor: dict[str, Any], phrase: str, sentiment: float | None) -> str:
        text = PHRASES[self.language][phrase].format(intent=self.intent.name)
        return self.add("message", actor, {"text": text} | ({} if sentiment is None else {"sentiment": sentiment}))

    def state_intent(self) -> str:
        """Let the customer say what it is about."""
        confidence = round(self.random.uniform(0.7, 1), 2)
        return self.add("intent.stated", self._customer(), {"intent": self.intent.name, "confidence": confidence})

    def ask(self, field: str, purpose: str | None = None) -> str:
        """Let the handler ask for a field."""
        return self.add("info.requested", self._actor(), {"field": field} | ({"purpose": purpose} if purpose else {}))

    def tell(self, field: str, *, new: bool = False, **how: bool) -> str:
        """Let the customer tell the value of a field: the one told before, perhaps written in another way, unless ``new``."""
        said = self.known.get(field)
        if said is None or new:
            value = make_value(self.random, field)
            while value == said:
                value = make_value(self.random, field)
            self.known[field] = value
        else:
            value = rewrite(self.random, self.language, field, said)
        return self.add("info.provided", self._customer(), {"field": field, "value": value} | how)

    def ask_and_tell(self, field: str) -> None:
        """Let the handler ask for what nobody knows yet, and the customer tell it."""
        self.ask(field)
        self.tell(field)

    def read_back(self, field: str) -> None:
        """Let the handler read back what was told before, and the customer agree; nothing is asked again."""
        way = self.random.randrange(3)
        if way == 0:
            self.add("info.confirmed", self._actor(), {"field": field, "value": self.known[field]})
            self.say("yes")
        else:
            self.ask(field, "confirm") if way == 1 else self.add("info.confirmed", self._actor(), {"field": field})
            self.tell(field)

    def talk(self, seconds: float = 20) -> None:
        """Let the handler look at it for a while."""
        self.reply("looking")
        self.wait(self.random.uniform(0.5, 1.5) * seconds)

    def authenticate(self, *, level: int, fails: bool = False, valid_for_seconds: float | None = None) -> str:
        """Let the handler check who the customer is; return the id of the request."""
        data = {"method": "security question" if level == 1 else "one-time code", "level": level}
        request = self.add("auth.requested", self._actor(), data)
        if fails:
            self.add("auth.failed", self._actor(), data)
            self.add("auth.requested", self._actor(), data)
        valid = {} if valid_for_seconds is None else {"valid_for_seconds": valid_for_seconds}
        self.add("auth.passed", self._actor(), data | valid)
        return request

    def promise(self, *, hours: float, about: str) -> str:
        """Let the handler promise something; return the promise's id."""
        promise = f"p-{self._number}-{len(self.lines) + 1}"
        self.add(
            "promise.made",
            self._actor(),
            {"promise": promise, "due": self._time + round(hours * 3_600_000), "about": about},
        )
        return promise

    def survey(self, score: int, expected: int | None = None) -> str:
        """Let the customer answer the survey after a contact, from 1 to 5, and perhaps say what they had ``expected``."""
        data = {"survey": "after-contact", "metric": "csat", "score": float(score), "minimum": 1.0, "maximum": 5.0}
        hoped = {} if expected is None else {"expected": float(expected)}
        return self.aside("survey.answered", {"kind": "customer"}, data | {"pattern": "past"} | hoped)

    def bill(self, amount: float) -> str:
        """Let the customer be billed this much in a period."""
        return self.aside("account.updated", {"kind": "system"}, {"billed_revenue": amount, "currency": "EUR"})

    def state(self, fact: str, value: str) -> str:
        """Let the handler tell the customer how it is."""
        return self.add("fact.stated", self._actor(), {"fact": fact, "value": value})

    def offer(self, offer: str) -> str:
        """Let the handler make an offer."""
        return self.add("offer.made", self._actor(), {"offer": offer, "amount": 5.0})

    def close_case(self, *, claimed_resolved: bool) -> str:
        """Let the handler close a case, perhaps with the claim that it is resolved; return the case's id."""
        case = f"case-{self._number}"
        self.add("case.closed", self._actor(), {"case": case} | ({"claimed_resolved": True} if claimed_resolved else {}))
        return case

    # --- handing off ----------------------------------------------------------------------------------------------

    def hand_off(
        self,
        team: str | None,
        context: Sequence[str] | None,
        *,
        mode: str = "warm",
        at_once: bool = False,
        **other: Any,
    ) -> tuple[str, str]:
        """Let the handler pass the customer on; return the ids of the touchpoint and of the handoff.

        A human does so after more than a minute, unless it is ``at_once``.
        """
        if self.handler and self.handler.kind == "agent" and not at_once:
            self._time = max(self._time, self._taken_up + 61_000)
        self._handoffs += 1
        handoff = f"h-{self._number}-{self._handoffs}"
        data: dict[str, Any] = {
            "handoff": handoff,
            "mode": mode,
            "context": None if context is None else list(context),
        } | other
        return self.add("handoff.started", self._actor(), data | ({"to_team": team} if team else {})), handoff

    def accept(self, handler: Handler, handoff: str | None = None, context: Sequence[str] | None = None) -> str:
        """Let somebody take over; ``context`` None leaves open what reached them."""
        self._take(handler)
        data: dict[str, Any] = ({"handoff": handoff} if handoff else {}) | (
            {} if context is None else {"context": list(context)}
        )
        return self.add("handoff.accepted", self._actor(), data)

    def pass_on(
        self, handler: Handler, context: Sequence[str] | None, *, mode: str | None = None, **other: Any
    ) -> tuple[str, str]:
        """Pass the customer on to somebody who takes over in good time; return the ids of handing off and of taking over."""
        mode = mode or self.random.choice(("blind", "warm", "escalation"))
        started, handoff = self.hand_off(
            self.random.choice((handler.team, handler.team, None)), context, mode=mode, **other
        )
        self.wait(self.random.choice((1, 8, 20, 40)))
        return started, self.accept(handler, self.random.choice((handoff, None)))

    def enter(self, team: str, *, give: Sequence[str] = (), passes: bool = True) -> None:
        """Begin a call: the IVR answers, asks for what is to be given, and a human of the team takes over in good time.

        ``passes``: what was given to the IVR reaches the team.
        """
        self.contact("voice")
        self.answer(IVR)
        self.state_intent()
        for field in give:
            self.ask_and_tell(field)
        if give or self.random.random() < 0.5:
            self.pass_on(self.human(team), list(give) if passes else None, mode="blind")
        else:
            self.queue(team)
            self.wait(self.random.choice((0, 10, 30)))
            self.answer(self.human(team))
        self.reply("greeting")
        self.say("problem", round(self.random.uniform(-0.4, -0.2), 2))
