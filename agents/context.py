"""What a fold knows when a touchpoint comes: contacts, segments, chains, journeys, values given, waits."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from agents.entry import Entry
from agents.timeline import CHANNEL_FOLD

__all__ = ["Contact", "Handler", "Hop", "Journey", "Provision", "Seen", "Segment", "Turn", "Wait", "Work"]


class Handler(NamedTuple):
    """Who serves a customer: a team, by a human or by a machine."""

    team: str
    machine: bool


class Provision:
    """A value that the customer gave: ``fingerprint`` compares it, ``void`` marks one that was replaced."""

    __slots__ = ("fingerprint", "seen", "void")

    def __init__(self, seen: "Seen", fingerprint: bytes) -> None:
        self.seen = seen
        self.fingerprint = fingerprint
        self.void = False


class Seen:
    """A touchpoint in its place: whose it is, and what it belongs to.

    ``position`` counts the touchpoints of the fold. ``team`` is the actor's own, for a customer that of the handler who is talked to; None is unknown.
    ``machine`` tells whether that handler is one; None is unknown. ``handler`` is whose run it belongs to. ``answers`` are the requests for a provision's
    field in its segment since the last provision of it there.
    """

    __slots__ = ("answers", "contact", "entry", "handler", "journey", "machine", "position", "segment", "team")

    entry: Entry
    position: int
    journey: "Journey"
    contact: "Contact"
    segment: "Segment"
    handler: Handler | None
    team: str | None
    machine: bool | None
    answers: "list[Seen]"

    @property
    def channel(self) -> str:
        """Return the channel as it is compared and named: ivr is voice, bot is chat."""
        channel = self.entry.channel
        return CHANNEL_FOLD.get(channel, channel)

    @property
    def by_customer(self) -> bool:
        return self.entry.kind == "customer"


class Turn(NamedTuple):
    """Work by a human after that of a machine, or the reverse; ``earlier`` is the turn before it along what each work follows."""

    before: Seen
    after: Seen
    earlier: "Turn | None"


class Work:
    """Work of a team in a chain (transit teams are skipped).

    ``entered_from`` is the last work of another team that the chain was with before, ``turn`` the latest turn that led here.
    """

    __slots__ = ("entered_from", "seen", "team", "turn")

    def __init__(self, seen: Seen, team: str, follows: "Work | None") -> None:
        self.seen = seen
        self.team = team
        self.entered_from: Work | None
        if follows is not None and follows.team == team:
            self.entered_from = follows.entered_from
        else:
            self.entered_from = follows
        self.turn: Turn | None = None if follows is None else follows.turn

    def before(self) -> Iterator["Work"]:
        """Yield, newest first, the last work of each stint that the chain was with before this one."""
        work = self.entered_from
        while work is not None:
            yield work
            work = work.entered_from


class Hop(NamedTuple):
    """Work by another team than the work it follows; ``accepted`` is the wait that this very work accepts, where it does."""

    before: Work
    after: Work
    accepted: "Wait | None"


class Segment:
    """The part of a contact with one handler."""

    __slots__ = ("authentications", "open_requests", "read_backs", "workers")

    def __init__(self) -> None:
        self.open_requests: dict[str, list[Seen]] = {}
        self.read_backs: list[Seen] = []
        self.authentications: tuple[Seen, ...] = ()
        self.workers: tuple[Handler, ...] = ()


class Contact:
    """One interaction on one channel; without an id, all touchpoints of a journey that name none.

    ``briefed`` tells that its beginning has been noted.

    ``run`` counts the handlers' runs, ``run_of`` is whose the present one is. ``working_teams`` are those that worked at ``working_at``, the latest time.
    ``started`` is its latest start, None where none has told anything. ``taken_up`` is the first of the latest team's works in a row, ``human_since`` the
    position of the first work of a human, negative before it (transit teams are skipped in both). ``ended`` is the position of its last end, negative while
    it is open.
    """

    __slots__ = (
        "authentications",
        "briefed",
        "chain",
        "ended",
        "handoffs",
        "human_since",
        "id",
        "journey",
        "last_ended",
        "last_work",
        "last_worker",
        "planned_callback",
        "previous",
        "run",
        "run_of",
        "said",
        "segments",
        "started",
        "taken_up",
        "waits",
        "worked",
        "working_at",
        "working_teams",
    )

    def __init__(self, identifier: str | None) -> None:
        self.id = identifier
        self.journey: Journey | None = None
        self.previous: str | None = None
        self.chain: list[Contact] = [self]
        self.briefed = False
        self.last_work: Work | None = None
        self.last_worker: Handler | None = None
        self.started: Seen | None = None
        self.taken_up: Seen | None = None
        self.human_since = -1
        self.worked: dict[Handler, int] = {}
        self.working_at = -1
        self.working_teams: tuple[str, ...] = ()
        self.run = 0
        self.run_of: Handler | None = None
        self.segments: dict[object, Segment] = {}
        self.ended = -1
        self.last_ended: int | None = None
        self.planned_callback = False
        self.waits: tuple[Wait, ...] = ()
        self.handoffs: tuple[Wait, ...] = ()
        self.authentications: tuple[Seen, ...] = ()
        self.said: dict[tuple[str, bytes], int] = {}

    def is_machine(self, team: str) -> bool:
        """Tell whether a team last worked here by a machine; a team that has not is taken for human."""
        machine = self.worked.get(Handler(team, True))
        return machine is not None and machine > self.worked.get(Handler(team, False), -1)

    def release(self) -> None:
        """Let go of everything that leads back here."""
        for segment in self.segments.values():
            segment.open_requests = {}
            segment.read_backs = []
            segment.authentications = ()
        self.chain = []
        self.journey = self.last_work = self.started = self.taken_up = None
        self.waits = self.handoffs = self.authentications = ()

    def last_handoff_to(self, team: str, since: int) -> "Wait | None":
        """Return the last handoff of the chain, from position ``since`` on, that another team sent to ``team`` or to none named."""
        sent = (
            wait
            for contact in self.chain
            for wait in contact.handoffs
            if wait.seen.position >= since and wait.sender not in (None, team) and wait.to_team in (None, team)
        )
        return max(sent, key=lambda wait: wait.seen.position, default=None)

    def joins(self, other: "Contact") -> None:
        """Make this contact part of the other one's chain."""
        chain = other.chain
        chain.append(self)
        self.chain = chain


class Journey:
    """All touchpoints of one customer towards one goal; ``id`` is None for passive ones that found no journey."""

    __slots__ = ("contacts", "first_hop", "hops", "id", "learnt", "values")

    def __init__(self, identifier: str | None) -> None:
        self.id = identifier
        self.contacts: dict[int, Contact] = {}
        self.hops = 0
        self.first_hop: Hop | None = None
        self.values: dict[str, list[Provision]] = {}
        self.learnt: dict[tuple[str, str], Seen] = {}

    def release(self) -> None:
        """Let go of everything that leads back here."""
        self.contacts = {}
        self.values = {}
        self.learnt = {}
        self.first_hop = None

    def valid_values(self, field: str, time: int, validity: int | None) -> list[Provision]:
        """Return what the customer gave of a field that is neither replaced nor expired at ``time``, oldest first."""
        given = self.values.get(field)
        if given is None:
            return []
        if validity is None:
            return [provision for provision in given if not provision.void]
        return [provision for provision in given if not provision.void and time - provision.seen.entry.time <= validity]


class Wait:
    """A customer waits for somebody to take over: since a handoff, or in another team's queue.

    ``limit`` is in microseconds, None where nobody has to hurry; ``overdue`` tells that the clock has passed it, grace included.
    ``evidence`` is what it says of handoffs by now, as ``agents.fold.Opportunity``.
    """

    __slots__ = (
        "accepted",
        "answered",
        "contact",
        "ended",
        "ended_in_time",
        "evidence",
        "handoff",
        "known",
        "limit",
        "mode",
        "overdue",
        "planned",
        "seen",
        "sender",
        "to_channel",
        "to_team",
        "workers",
    )

    def __init__(self, seen: Seen, sender: str | None, to_team: str | None, limit: int | None) -> None:
        self.seen = seen
        self.contact = seen.contact
        self.sender = sender
        self.to_team = to_team
        self.limit = limit
        self.handoff: str | None = None
        self.to_channel: str | None = None
        self.mode: str | None = None
        self.planned = False
        self.known: dict[str, Seen] = {}
        self.workers: set[str] = set()
        self.answered = False
        self.ended = False
        self.ended_in_time = False
        self.overdue = False
        self.evidence: tuple[tuple[str, str, str, int], ...] = ()
        self.accepted: Seen | None = None

    @property
    def receiver(self) -> tuple[str | None, str | None]:
        """Return the team and the folded channel that take over: who accepted, else who was meant to."""
        accepted = self.accepted
        team, channel = (None, None) if accepted is None else (accepted.team, accepted.channel)
        meant = self.to_channel
        return team or self.to_team, channel or (CHANNEL_FOLD.get(meant, meant) if meant else None)

    @property
    def context(self) -> Sequence[str] | None:
        """Return the fields that were passed on: what the acceptance names, else what the handoff does; None is unknown."""
        accepted = self.accepted
        if accepted is not None and accepted.entry.type == "handoff.accepted" and accepted.entry.data[1] is not None:
            return cast(Sequence[str], accepted.entry.data[1])
        return cast("Sequence[str] | None", self.seen.entry.data[4])

    @property
    def deadline(self) -> int:
        """Return when the limit is over, in microseconds UTC; only for a wait that has a limit."""
        return self.seen.entry.time + (self.limit or 0)

    @property
    def unanswered(self) -> bool:
        """Tell whether there is a limit, and so far no acceptance, no work by another team in time and no end of the contact in time."""
        return self.limit is not None and not (self.answered or self.ended_in_time or self.accepted is not None)

    @property
    def running(self) -> bool:
        """Tell whether the customer still waits in this contact: not accepted, no other team's work, no end."""
        return self.accepted is None and self.workers <= {self.sender} and not self.ended

    @property
    def in_time(self) -> bool | None:
        """Tell whether somebody took over within the limit; None while that is open, without a limit, and where the contact ended before."""
        if self.limit is None:
            return None
        accepted = self.accepted
        if self.answered or (accepted is not None and accepted.entry.time <= self.deadline):
            return True
        return False if accepted is not None or (self.overdue and self.unanswered) else None

    @property
    def nothing_lost(self) -> bool | None:
        """Tell whether all that the sender knew and the next one needs was passed on; None where nobody can tell, and for a queue."""
        context = self.context if self.seen.entry.type == "handoff.started" and self.sender is not None else None
        return None if context is None else all(field in context for field in self.known)

    def fits(self, team: str | None) -> bool:
        """Tell whether an acceptance by ``team`` that names no handoff can be of this one: no third team worked there since."""
        return self.to_team in (None, team) and self.workers <= {self.sender, team}

    def within(self, time: int) -> bool:
        """Tell whether ``time`` lies in the wait's limit, both ends included."""
        return self.limit is not None and self.seen.entry.time <= time <= self.seen.entry.time + self.limit
