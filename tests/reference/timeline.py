"""Order one customer's touchpoints and derive what they belong to: journey, handler, segment, wait, chain.

The choices made here are numbered in the Readings of `oracle`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
Handler = tuple[str, str]  # (team, "human" or "machine")

SECOND = 1_000_000
RANKS = {"contact.started": 0, "handoff.started": 2, "handoff.accepted": 3, "handoff.failed": 3}
RANKS |= {"contact.abandoned": 4, "contact.ended": 4, "case.closed": 5}
PASSIVE = {"brand.exposure", "mention.published", "account.updated", "offer.made", "survey.answered", "heartbeat"}
ENDS = {"contact.ended", "contact.abandoned"}
WORKERS = {"agent": "human", "partner": "human", "bot": "machine", "ivr": "machine"}
DEFAULT_FIELDS: dict[str, Json] = {
    "account_number": {"kind": "identity", "aliases": ["acct_no"], "must_travel": True},
    "order_number": {"kind": "order", "must_travel": True},
    "one_time_code": {"kind": "contact", "secret": True, "valid_for": 300},
}

#: Rules by name (seconds everywhere), and four settings that belong to no rule.
DEFAULT_RULES: Json = {
    "repeated_request": {"mode": "on"},
    "repeated_answer": {"mode": "on", "read_back": 25, "same_breath": 5},
    "reauthentication": {"mode": "on", "valid_for": 86_400},
    "context_lost": {"mode": "on"},
    "unanswered_handoff": {"mode": "on"},
    "slow_handoff": {"mode": "on"},
    "ping_pong_direct": {"mode": "on"},
    "ping_pong_return": {"mode": "off"},
    "ping_pong_timed": {"mode": "off", "within": 86_400},
    "excessive_handoffs": {"mode": "on", "hops": 3},
    "handoff_flap": {"mode": "on", "times": 3, "within": 60},
    "misroute": {"mode": "on", "within": 60, "confidence": 0.5},
    "dead_end": {"mode": "on", "within": 60},
    "broken_promise": {"mode": "on", "furthest": 366 * 86_400},
    "contradiction": {"mode": "on", "within": 7 * 86_400},
    "repeat_contact": {"mode": "on", "within": 7 * 86_400},
    "premature_closure": {"mode": "on", "within": 7 * 86_400},
    "two_faces": {
        "mode": "on",
        "open_for": 30 * 86_400,
        "complaints": ["complaint"],
        "reconciling": ["goodwill", "compensation", "refund"],
    },
    "mood_drop": {"mode": "on", "within": 86_400, "messages": 3, "margin": 0.5},
    "expectation_gap": {"mode": "on", "within": 90 * 86_400, "margin": 0.25},
    "portfolio_shift": {"mode": "on", "revenue": 1000, "surveys": 3, "satisfaction": 0.6},
    "repeated_story": {"mode": "on", "similarity": 0.65, "minimum_words": 8, "minimum_characters": 12},
    "limits": {"voice": 60, "chat": 60, "other": 86_400},
    "transit": ["entry-ivr", "survey", "payment"],
    "journey_gap": 7 * 86_400,
    "grace": 5,
}


def microseconds(text: str) -> int:
    """Turn an ISO 8601 time with offset into microseconds since 1970, UTC."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def digest(parts: list[str]) -> str:
    """Return the first 32 hex digits of SHA-256 over a JSON array without spaces, not escaped."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def fold_value(value: object) -> str:
    """Fold a value so that equal ones are equal: NFKC, case, outer space, runs of space."""
    return " ".join(unicodedata.normalize("NFKC", str(value)).casefold().split())


def fold_channel(channel: str) -> str:
    """Name a channel for limits, comparing and seams."""
    return {"ivr": "voice", "bot": "chat"}.get(channel, channel)


def merged_rules(rules: Json | None) -> Json:
    """Lay the given rules over the default ones, key by key."""
    result = dict(DEFAULT_RULES)
    for name, change in (rules or {}).items():
        result[name] = {**result.get(name, {}), **change} if isinstance(change, dict) else change
    return result


@dataclass(eq=False)
class Point:
    """One touchpoint and what follows from its place in the timeline."""

    raw: Json
    index: int = -1
    journey: str = ""
    place: tuple[str, str] = ("", "")  # its contact, or the journey's own contact of touchpoints without one
    handler: Handler | None = None
    segment: tuple[Any, ...] = ()
    work: bool = False
    counted: bool = False  # work of a team that is not transit: what hops, chains and answers are made of
    follows: Point | None = None
    root: int = -1

    def __post_init__(self) -> None:
        """Read what the contract gives."""
        raw = self.raw
        self.time = microseconds(raw["time"])
        self.tenant: str = raw.get("tenant") or "default"
        self.customer: str = raw["customer"]
        self.source: str = raw["source"]
        self.id: str = raw["id"]
        self.type: str = raw["type"]
        self.contact: str | None = raw.get("contact")
        self.channel: str = raw["channel"]
        self.kind: str = raw["actor"]["kind"]
        self.team: str | None = raw["actor"].get("team") or None
        self.data: Json = raw.get("data") or {}
        self.key = (self.time, raw.get("sequence") or 0, RANKS.get(self.type, 1), self.source, self.id)

    @property
    def side(self) -> str | None:
        """The team on this side of a seam: told-to of a customer's touchpoint, else the actor's."""
        if self.kind != "customer":
            return self.team
        return self.handler[0] if self.handler else None

    @property
    def asks_as(self) -> str | None:
        """Human, machine or neither: who speaks, or to whom the customer speaks."""
        if self.kind != "customer":
            return WORKERS.get(self.kind)
        return self.handler[1] if self.handler else None

    @property
    def given(self) -> bool:
        """Whether this is a provision."""
        return self.type == "info.provided" and self.kind == "customer" and self.data.get("valid") is not False


@dataclass(eq=False)
class Wait:
    """A handoff or a queue that waits for someone; limit in microseconds, None where there is none."""

    start: Point
    sender: str | None
    to_team: str | None
    limit: int | None
    accepted: Point | None = None

    @property
    def receiver(self) -> str | None:
        """The team that it went to: the accepting one, else the one named."""
        return (self.accepted.side if self.accepted else None) or self.to_team

    @property
    def to_channel(self) -> str:
        """The channel that it went to: the acceptance's, else the one named, else its own."""
        return self.accepted.channel if self.accepted else self.start.data.get("to_channel") or self.start.channel

    @property
    def context(self) -> list[str] | None:
        """What was passed, None where the source cannot tell."""
        late = self.accepted.data.get("context") if self.accepted else None
        return late if late is not None else self.start.data.get("context")


@dataclass
class Timeline:
    """All touchpoints of one customer in order, with everything derived from them."""

    points: list[Point]
    rules: Json
    fields: dict[str, Json]
    clock: int
    waits: list[Wait] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sort, and derive in order: journey, handler, segment, waits, chains."""
        self.points.sort(key=lambda point: point.key)
        self.names = {alias: name for name, about in self.fields.items() for alias in about.get("aliases", [])}
        for index, point in enumerate(self.points):
            point.index = index
            point.journey = self.journey_of(point)
            point.place = ("contact", point.contact) if point.contact else ("journey", point.journey)
            point.work = (
                point.kind in WORKERS
                and point.team is not None
                and point.type not in ("contact.queued", "handoff.failed")
                and not (point.type == "message" and bool(point.data.get("private")))
            )
            point.counted = point.work and point.team not in self.rules["transit"]
            point.handler = self.handler_of(point)
            point.segment = self.segment_of(point)
        for point in self.points:
            self.wait_on(point)
        for point in self.points:
            if point.counted:
                point.follows = self.work_before(point)
                point.root = point.follows.root if point.follows else point.index

    # What each touchpoint belongs to

    def before(self, point: Point, test: Callable[[Point], bool]) -> list[Point]:
        """List the touchpoints before one in the order that pass a test."""
        return [other for other in self.points[: point.index] if test(other)]

    def last(self, point: Point, test: Callable[[Point], bool]) -> Point | None:
        """Find the latest touchpoint before one that passes a test."""
        return next((other for other in reversed(self.points[: point.index]) if test(other)), None)

    def journey_of(self, point: Point) -> str:
        """Name the journey: given, of the contact, of the customer within the gap, or its own."""
        if point.raw.get("journey"):
            return str(point.raw["journey"])
        if point.contact:
            same = self.last(point, lambda o: o.contact == point.contact and o.type not in PASSIVE)
            if same:
                return same.journey
        latest = self.last(point, lambda o: o.type not in PASSIVE)
        if latest and point.time - latest.time <= self.rules["journey_gap"] * SECOND:
            return latest.journey
        return "auto-" + digest([point.source, point.id])

    def worker_before(self, point: Point, team: str | None = None) -> Point | None:
        """Find who (of a team, if named) last worked in the contact before this touchpoint."""
        return self.last(point, lambda o: o.work and o.place == point.place and team in (None, o.team))

    def handler_of(self, point: Point) -> Handler | None:
        """Tell whose touchpoint it is."""
        if point.work and point.team:
            return (point.team, WORKERS[point.kind])
        if point.kind == "customer" and point.team:
            same = self.worker_before(point, point.team)
            return (point.team, WORKERS[same.kind] if same else "human")
        worker = self.worker_before(point)
        return worker.handler if worker else None

    def segment_of(self, point: Point) -> tuple[Any, ...]:
        """Name the segment: the given one within its contact, else the run of one handler."""
        if point.raw.get("segment"):
            return ("given", point.place, point.raw["segment"])
        run = [o.handler for o in self.points[: point.index + 1] if o.place == point.place]
        changes = sum(1 for one, next_one in itertools.pairwise(run) if one != next_one)
        return ("run", point.place, changes)

    # Waits

    def wait_on(self, point: Point) -> None:
        """Start or accept a wait, if this touchpoint does."""
        worker = self.worker_before(point)
        last_team = worker.team if worker else None
        if point.type == "handoff.started":
            none = point.data.get("mode") in ("callback", "referral")
            channel = fold_channel(point.data.get("to_channel") or point.channel)
            limit = None if none else self.limit_of(channel)
            self.waits.append(Wait(point, point.team or last_team, point.data.get("to_team") or None, limit))
        elif point.type == "contact.queued":
            team = point.data["team"]
            running = any(self.runs(wait, point) for wait in self.waits if wait.to_team in (team, None))
            if last_team is not None and last_team != team and not running:
                self.waits.append(Wait(point, last_team, team, self.limit_of(fold_channel(point.channel))))
        elif point.type == "handoff.accepted":
            wait = next((wait for wait in self.waits if self.can_accept(point, wait)), None)
            if wait:
                wait.accepted = point

    def limit_of(self, channel: str) -> int:
        """Return the limit of a folded channel in microseconds."""
        limits = self.rules["limits"]
        return int(limits.get(channel, limits["other"])) * SECOND

    def others_since(self, wait: Wait, point: Point, *teams: str | None) -> bool:
        """Tell whether a team besides those named worked in the wait's contact since it started."""
        since = self.points[wait.start.index + 1 : point.index]
        return any(o.counted and o.place == wait.start.place and o.team not in teams for o in since)

    def runs(self, wait: Wait, point: Point) -> bool:
        """Tell whether a wait is still running in the contact of a touchpoint when that comes."""
        since = self.points[wait.start.index + 1 : point.index]
        ended = any(o.type in ENDS and o.place == wait.start.place for o in since)
        here = wait.start.place == point.place
        return here and wait.accepted is None and not ended and not self.others_since(wait, point, wait.sender)

    def can_accept(self, point: Point, wait: Wait) -> bool:
        """Tell whether a `handoff.accepted` may accept a wait that started before it."""
        if wait.accepted is not None:
            return False
        if point.data.get("handoff"):
            return wait.start.type == "handoff.started" and wait.start.data.get("handoff") == point.data["handoff"]
        named = wait.to_team is None or wait.to_team == point.side
        free = not self.others_since(wait, point, wait.sender, point.side)
        return wait.start.place == point.place and named and free

    def accepts(self, point: Point) -> Wait | None:
        """Find the wait that this very touchpoint accepted."""
        return next((wait for wait in self.waits if wait.accepted is point), None)

    # Chains

    def last_work_in(self, place: tuple[str, str], point: Point) -> Point | None:
        """Find the last chain work of a contact before a touchpoint."""
        return self.last(point, lambda o: o.counted and o.place == place)

    def work_before(self, point: Point) -> Point | None:
        """Find the work that this work follows."""
        same = self.last_work_in(point.place, point)
        if same:
            return same
        here = [o for o in self.points[: point.index + 1] if o.place == point.place]
        previous = [o.raw["previous_contact"] for o in here if o.raw.get("previous_contact")]
        if previous:
            found = self.last_work_in(("contact", previous[-1]), point)
            if found:
                return found
        wait = self.accepts(point)
        if wait:
            found = self.last_work_in(wait.start.place, point)
            if found:
                return found
        places = {o.place for o in self.before(point, lambda o: o.journey == point.journey)} - {point.place}
        ends = {
            place: self.last(point, lambda o, place=place: o.place == place and o.type in ENDS)  # type: ignore[misc]
            for place in places
        }
        if any(end is None and place[0] == "contact" for place, end in ends.items()):
            return None
        closed = [end for place, end in ends.items() if end and self.last_work_in(place, point)]
        if not closed:
            return None
        return self.last_work_in(max(closed, key=lambda end: end.index).place, point)

    def chain_of(self, place: tuple[str, str], upto: int) -> object:
        """Name the chain of a contact as known at an index: its root work, or the contact alone."""
        first = next((o for o in self.points[: upto + 1] if o.counted and o.place == place), None)
        return first.root if first else place

    def same_chain(self, one: Point, other: Point, upto: int) -> bool:
        """Tell whether two touchpoints are of one chain as known at an index."""
        return one.place == other.place or self.chain_of(one.place, upto) == self.chain_of(other.place, upto)

    def hops(self) -> list[Point]:
        """List the works that are hops, in order."""
        return [o for o in self.points if o.counted and o.follows and o.follows.team != o.team]
