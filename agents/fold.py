"""The fold: touchpoints in order go in, standing findings and opportunities come out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.context import Contact, Handler, Hop, Journey, Provision, Seen, Segment, Turn, Wait, Work
from agents.detector import Detector, Verdict
from agents.detectors import DETECTORS
from agents.detectors.broken_promise import BrokenPromiseRule
from agents.detectors.contradiction import ContradictionRule
from agents.detectors.expectation_gap import ExpectationGapRule
from agents.detectors.reauthentication import ReauthenticationRule
from agents.entry import Entry
from agents.experience import MEASURES, Evidence, Measure, Settings, Told
from agents.fields import FieldCatalog
from agents.finding import Explanation, Found, Gone, Side, auto_journey, finding_id, seam_between
from agents.fingerprints import parts
from agents.rules import MICROSECONDS, EngineRules, Rule, Rulebook
from agents.timeline import CHANNEL_FOLD, PASSIVE

__all__ = ["EvidenceKey", "Fold", "Kept", "Opportunity", "Panel"]

Opportunity = tuple[str, str, str, int]
"""A chance to do well: (``segment``, team, channel, time), (``brand``, brand, "", time), (``seam``, seam, "", time); or what became of a handoff, dated by its
start: (``in_time``, ``late``, ``whole`` or ``lost``, receiving team, seam, time), each of the two "" where it is not known; with ``-`` before it, taken back.
"""

EvidenceKey = tuple[str, str, str, str]
"""What a piece of evidence is of: its measure, and what that tells it apart by."""

Kept = tuple[dict[str, str], tuple[int, str] | None]
"""What a row keeps of dropped touchpoints: the journeys of contacts, and the time and journey of the latest one."""

_AUTHENTICATION = 24 * 3600 * MICROSECONDS
"""How long an authentication holds whose source does not say, where no rule does either."""

_MACHINES = frozenset({"bot", "ivr"})
_HANDLERS = frozenset({"agent", "bot", "ivr", "partner"})
_NEVER_WORK = frozenset({"contact.queued", "handoff.failed"})
_ENDS = frozenset({"contact.ended", "contact.abandoned"})


class Panel:
    """The detectors that judge, one for each rule that is not off, sorted by what they are told."""

    def __init__(self, rulebook: Rulebook, fields: FieldCatalog) -> None:
        self.engine: EngineRules = rulebook.engine
        self.fields = fields
        # Read for every touchpoint, so not through the model.
        engine = rulebook.engine
        self.grace = engine.grace
        self.tells_measured = engine.measures == "on"
        self.brief_items = engine.brief_items if engine.briefs == "on" else 0
        self.authentication = next((rule.validity for rule in rulebook.rules if isinstance(rule, ReauthenticationRule)), _AUTHENTICATION)
        self.reach = engine.memory, engine.maximum_touchpoints, engine.maximum_bytes, engine.maximum_an_hour
        detectors: list[Detector[Any]] = [
            DETECTORS[rule.detector](rule, rulebook.engine, fields) for rule in rulebook.rules if rule.mode != "off"
        ]
        self.by_type: dict[str, list[Detector[Any]]] = {}
        for detector in detectors:
            for kind in detector.types:
                self.by_type.setdefault(kind, []).append(detector)
        self.on_hop = [each for each in detectors if type(each).hop is not Detector.hop]
        self.on_turn = [each for each in detectors if type(each).turn is not Detector.turn]
        self.on_wait = [each for each in detectors if type(each).wait is not Detector.wait]
        self.following: dict[str, Detector[Any]] = {
            each.rule.name: each for each in detectors if type(each).follow is not Detector.follow
        }
        self.measures: dict[str, list[Measure]] = {}
        self.points, self.blame = engine.fusion, engine.fusion_blame
        settings = _settings(rulebook, fields)
        for measure in [each(settings) for each in MEASURES]:
            for kind in measure.types():
                self.measures.setdefault(kind, []).append(measure)
        self.explaining: dict[str, list[str]] = {}
        for rule in rulebook.rules:
            if rule.mode == "on":
                self.explaining.setdefault(rule.detector, []).append(rule.name)


def _settings(rulebook: Rulebook, fields: FieldCatalog) -> Settings:
    """Return what measures take from the rules: the windows of those that look at the same, whatever their mode."""
    return Settings(
        fields,
        rulebook.engine.transit,
        rulebook.engine.fusion,
        _window(rulebook, ContradictionRule, "within"),
        _window(rulebook, ExpectationGapRule, "within"),
        _window(rulebook, BrokenPromiseRule, "furthest"),
    )


def _window(rulebook: Rulebook, model: type[Rule], key: str) -> int:
    """Return a window of the first rule of a model, in microseconds; its default where there is none."""
    rules = (each for each in rulebook.rules if isinstance(each, model))
    return int(getattr(next(rules, model(name="usual", detector="usual")), key))


class Naming:
    """Which journey a touchpoint belongs to: the one it names, that of its contact, the latest one, or one of its own."""

    __slots__ = ("_contacts", "_gap", "_latest")

    def __init__(self, gap: int, kept: Kept) -> None:
        """Begin with what is ``kept``; a touchpoint joins the latest journey at most ``gap`` microseconds later."""
        self._gap = gap
        self._contacts, self._latest = dict(kept[0]), kept[1]

    def journey(self, entry: Entry) -> str:
        """Return the id of the journey of the next touchpoint; a passive one takes a journey and gives none."""
        identifier = entry.journey
        contact = entry.contact
        if identifier is None:
            if contact is not None:
                identifier = self._contacts.get(contact)
            if identifier is None:
                latest = self._latest
                joins = latest is not None and entry.time - latest[0] <= self._gap
                identifier = latest[1] if latest is not None and joins else auto_journey(entry.source, entry.id)
        if entry.type not in PASSIVE:
            self._latest = (entry.time, identifier)
            if contact is not None:
                self._contacts[contact] = identifier
        return identifier

    def kept(self) -> Kept:
        """Return what must be known of the touchpoints so far to name the journeys of later ones."""
        return dict(self._contacts), self._latest


class Fold:
    """One customer's timeline so far: touchpoints are applied in the order of their sort keys.

    ``standing`` holds the findings that hold now, by id, ``pending`` the absences whose deadlines the clock has not reached; ``changed`` the ids that
    came, changed or went since it was last cleared. ``evidence`` is what measures say now, ``moved`` what they said before where it changed.
    ``waiting`` tells whether anything happens when the clock moves on. ``briefing`` is the last touchpoint, where the next handler is to be briefed at it.
    """

    __slots__ = (
        "_accepting",
        "_by_handoff",
        "_contacts",
        "_dependents",
        "_followed",
        "_journeys",
        "_memory",
        "_naming",
        "_open",
        "_panel",
        "_tenant",
        "_undecided",
        "briefing",
        "changed",
        "evidence",
        "moved",
        "opportunities",
        "pending",
        "position",
        "standing",
    )

    def __init__(self, panel: Panel, tenant: str, kept: Kept = ({}, None)) -> None:
        self._panel = panel
        self._tenant = tenant
        self._contacts: dict[str | tuple[str | None], Contact] = {}
        self._journeys: dict[str | None, Journey] = {}
        self._naming = Naming(panel.engine.journey_gap, kept)
        self._by_handoff: dict[str, list[Wait]] = {}
        self._memory: dict[Any, Any] = {}
        self._dependents: dict[str, set[str]] = {}
        self._accepting: Wait | None = None
        self.briefing: Seen | None = None
        self._followed: dict[str, Found] = {}
        self._undecided: list[Wait] = []
        self.position = 0
        self.standing: dict[str, Found] = {}
        self.changed: dict[str, Found | None] = {}
        self.opportunities: list[Opportunity] = []
        self.pending: dict[str, Found] = {}
        self.evidence: dict[EvidenceKey, Evidence] = {}
        self.moved: dict[EvidenceKey, Evidence | None] = {}
        self._open: dict[EvidenceKey, Told] = {}

    def release(self) -> None:
        """Undo the circles among what is known, so that it is freed at once and not by the cycle collector; the fold is of no use afterwards."""
        for contact in self._contacts.values():
            contact.release()
        for journey in self._journeys.values():
            journey.release()
        self._undecided = []
        self._open = {}

    def apply(self, entry: Entry) -> None:
        """Take the next touchpoint of the timeline."""
        seen = Seen()
        seen.entry = entry
        seen.position = self.position
        self.briefing = None
        self.position += 1
        kind = entry.type
        journey = seen.journey = self._journey(entry)
        contact = seen.contact = self._contact(entry, journey)
        works = _is_work(entry)
        handler = self._resolve_handler(seen, contact, works=works)
        segment = seen.segment = self._segment(entry, handler, contact)
        if kind == "handoff.accepted":
            self._accept(seen)
        if entry.kind in _HANDLERS:
            if works and handler is not None:
                self._work(seen, handler)
            # An answer is to a read-back only until the handler speaks again.
            if segment.read_backs:
                segment.read_backs = [asked for asked in segment.read_backs if asked.entry.time == entry.time]
        if kind == "info.provided":
            seen.answers = segment.open_requests.pop(entry.data[0], []) if seen.by_customer and entry.data[3] else []
        elif kind == "handoff.started":
            self._start_handoff(seen)
        elif kind == "contact.queued":
            self._queue(seen)
        elif kind in _ENDS:
            self._end(seen)
        if self._followed:
            self._follow(seen)
        for detector in self._panel.by_type.get(kind, ()):
            self._judge(detector.touchpoint(self._memory, seen))
        measures = self._panel.measures.get(kind)
        if measures is not None:
            for measure in measures:
                for told in measure.touchpoint(self._memory, seen):
                    self._learn(told)
        remember = _REMEMBER.get(kind)
        if remember is not None:
            remember(seen)
            if kind == "contact.started" and (contact.id is None or not contact.briefed):
                contact.briefed = True
                self.briefing = seen

    def settle(self, clock: int) -> None:
        """Let everything come due whose deadline, grace included, the clock (microseconds UTC) has reached."""
        latest = clock - self._panel.engine.grace
        due = [found for found in self.pending.values() if found.time <= latest]
        for found in due:
            del self.pending[found.id]
            self._stand(found)
        for wait in [wait for wait in self._undecided if wait.deadline <= latest]:
            self._undecided.remove(wait)
            wait.overdue = True
            self._weigh(wait)
        for told in [told for told in self._open.values() if told.due <= latest]:
            del self._open[told.key]
            self._move(told.key, told.evidence)

    @property
    def waiting(self) -> bool:
        return bool(self.pending) or bool(self._undecided) or bool(self._open)

    def awaited(self) -> set[int]:
        """Return the ``id`` of each entry that a deadline still waits on."""
        absences = self.pending.values()
        seen = [seen for found in absences for seen in (found.cause, found.first) if seen is not None]
        waiting = (*(wait.seen for wait in self._undecided), *(told.seen for told in self._open.values()))
        return {id(each.entry) for each in (*seen, *waiting)}

    def next_deadline(self) -> int | None:
        """Return when, grace included, something comes due unless it is fulfilled; microseconds UTC."""
        deadlines = [found.time for found in self.pending.values()]
        deadlines += [wait.deadline for wait in self._undecided]
        deadlines += [told.due for told in self._open.values()]
        return min(deadlines) + self._panel.engine.grace if deadlines else None

    # Places

    def _journey(self, entry: Entry) -> Journey:
        identifier = self._naming.journey(entry)
        journey = self._journeys.get(identifier)
        if journey is None:
            journey = self._journeys[identifier] = Journey(identifier)
        return journey

    def _contact(self, entry: Entry, journey: Journey) -> Contact:
        key = entry.contact if entry.contact is not None else (journey.id,)
        contact = self._contacts.get(key)
        if contact is None:
            contact = self._contacts[key] = Contact(entry.contact)
        if entry.previous_contact is not None:
            contact.previous = entry.previous_contact
        if contact.journey is not journey:
            contact.journey = journey
            journey.contacts[id(contact)] = contact
        return contact

    def _resolve_handler(self, seen: Seen, contact: Contact, *, works: bool) -> Handler | None:
        """Tell whose touchpoint it is: work is its team's, a customer talks to ``actor.team``, all else is with who last worked in the contact."""
        entry = seen.entry
        kind, team = entry.kind, entry.team
        handler = contact.last_worker
        if kind == "customer":
            if team is not None:
                handler = Handler(team, contact.is_machine(team))
            seen.team, seen.machine = (None, None) if handler is None else handler
        else:
            seen.team = team
            seen.machine = kind in _MACHINES if kind in _HANDLERS else None
            if works and team is not None and (handler is None or handler != (team, seen.machine)):
                handler = Handler(team, kind in _MACHINES)
        seen.handler = handler
        return handler

    def _segment(self, entry: Entry, handler: Handler | None, contact: Contact) -> Segment:
        if contact.run_of is not handler and contact.run_of != handler:
            contact.run_of = handler
            contact.run += 1
        key = contact.run if entry.segment is None else entry.segment
        segment = contact.segments.get(key)
        if segment is None:
            segment = contact.segments[key] = Segment()
        return segment

    def chain(self, seen: Seen) -> list[Contact]:
        """Return the contacts of the chain that a touchpoint belongs to, or will with the first work of its contact."""
        contact = seen.contact
        follows = self._predecessor(seen) if contact.last_work is None else None
        return contact.chain if follows is None or follows.seen.contact in contact.chain else contact.chain + follows.seen.contact.chain

    # Work, chains, hops

    def _work(self, seen: Seen, handler: Handler) -> None:
        contact, team, time = seen.contact, handler.team, seen.entry.time
        if not contact.briefed:
            contact.briefed = True
            self.briefing = seen
        contact.last_worker = handler
        contact.worked[handler] = seen.position
        if handler not in seen.segment.workers:
            seen.segment.workers += (handler,)
            self.opportunities.append(("segment", team, seen.entry.channel, time))
            if seen.entry.brand is not None:
                self.opportunities.append(("brand", seen.entry.brand, "", time))
        if team in self._panel.engine.transit:
            return
        follows = contact.last_work
        if follows is None or follows.team != team:
            contact.taken_up = seen
        if contact.human_since < 0 and not handler.machine:
            contact.human_since = seen.position
        if follows is None:
            follows = self._predecessor(seen)
            if follows is not None:
                contact.joins(follows.seen.contact)
        work = contact.last_work = Work(seen, team, follows)
        if contact.working_at != time:
            contact.working_at, contact.working_teams = time, ()
        contact.working_teams += (team,)
        self._answer_waits(work)
        if follows is not None and follows.team != team:
            accepting = self._accepting
            accepted = accepting if accepting is not None and accepting.accepted is seen else None
            self._hop(Hop(follows, work, accepted))
        if follows is not None and follows.seen.machine != seen.machine:
            turn = work.turn = Turn(follows.seen, seen, follows.turn)
            for detector in self._panel.on_turn:
                self._judge(detector.turn(self._memory, turn))

    def _predecessor(self, seen: Seen) -> Work | None:
        contact = seen.contact
        previous = None if contact.previous is None else self._contacts.get(contact.previous)
        if previous is not None and previous is not contact and previous.last_work is not None:
            return previous.last_work
        accepting = self._accepting
        if accepting is not None and accepting.accepted is seen and accepting.contact.last_work is not None:
            return accepting.contact.last_work
        latest: Contact | None = None
        for other in seen.journey.contacts.values():
            if other is contact:
                continue
            if other.ended < 0:
                if other.id is not None:
                    return None
            elif other.last_work is not None and (latest is None or other.ended > latest.ended):
                latest = other
        return None if latest is None else latest.last_work

    def _hop(self, hop: Hop) -> None:
        after = hop.after
        journey = after.seen.journey
        journey.hops += 1
        if journey.first_hop is None:
            journey.first_hop = hop
        self.opportunities.append(("seam", f"team:{hop.before.team}>team:{after.team}", "", after.seen.entry.time))
        for detector in self._panel.on_hop:
            self._judge(detector.hop(self._memory, hop))

    # Waits

    def _start_handoff(self, seen: Seen) -> None:
        handoff, to_team, to_channel, mode, _, planned = seen.entry.data
        sender = seen.team
        if sender is None and seen.contact.last_worker is not None:
            sender = seen.contact.last_worker.team
        channel = CHANNEL_FOLD.get(to_channel, to_channel) if to_channel else seen.channel
        wait = Wait(seen, sender, to_team, self._panel.engine.answer_limit(channel, mode))
        wait.handoff, wait.to_channel, wait.mode, wait.planned = handoff, to_channel, mode, planned
        self._by_handoff.setdefault(handoff, []).append(wait)
        seen.contact.handoffs += (wait,)
        if sender is not None:
            wait.known = self._known_to(sender, seen)
        self._begin(wait)

    def _known_to(self, team: str, seen: Seen) -> dict[str, Seen]:
        """Return where a team last learnt each field that must travel."""
        known: dict[str, Seen] = {}
        journey = seen.journey
        for field in self._panel.fields.must_travel:
            validity = self._panel.fields.definition(field).validity
            learnt = [
                each.seen for each in journey.valid_values(field, seen.entry.time, validity) if each.seen.team == team
            ]
            listed = journey.learnt.get((team, field))
            if listed is not None:
                learnt.append(listed)
            if learnt:
                known[field] = max(learnt, key=lambda each: each.position)
        return known

    def _queue(self, seen: Seen) -> None:
        contact, team = seen.contact, seen.entry.data[0]
        last = contact.last_worker
        # Without earlier work nobody has handed anything over: the customer waits, but at no seam.
        if last is None or last.team == team:
            return
        if any(wait.running and wait.to_team in (None, team) for wait in contact.waits):
            return
        self._begin(Wait(seen, last.team, team, self._panel.engine.answer_limit(seen.channel, None)))

    def _begin(self, wait: Wait) -> None:
        contact, time = wait.contact, wait.seen.entry.time
        self.briefing = wait.seen
        contact.waits += (wait,)
        # Answers and ends count by time, so one at the very moment counts though it sorts before.
        wait.answered = wait.within(time) and any(
            each.working_at == time and any(team != wait.sender for team in each.working_teams) for each in contact.chain
        )
        wait.ended_in_time = contact.last_ended == time
        self._tell(wait)
        if wait.unanswered:
            self._undecided.append(wait)

    def _accept(self, seen: Seen) -> None:
        handoff, context = seen.entry.data
        if handoff is not None:
            waits: Iterable[Wait] = self._by_handoff.get(handoff, ())
            wait = next((each for each in waits if each.accepted is None), None)
        else:
            wait = next((each for each in seen.contact.waits if each.accepted is None and each.fits(seen.team)), None)
        if wait is not None:
            wait.accepted = seen
            self._accepting = wait
            if context is None and wait.seen.entry.type == "handoff.started":
                context = wait.seen.entry.data[4]
            self._tell(wait)
        team = seen.team if wait is None else wait.receiver[0]
        if team is not None:
            for field in context or ():
                seen.journey.learnt[team, field] = seen

    def _answer_waits(self, work: Work) -> None:
        contact, team, time = work.seen.contact, work.team, work.seen.entry.time
        for each in contact.chain:
            for wait in each.waits:
                if each is contact:
                    wait.workers.add(team)
                if team != wait.sender and not wait.answered and wait.within(time):
                    wait.answered = True
                    if wait.accepted is None:
                        self._tell(wait)

    def _end(self, seen: Seen) -> None:
        contact, time = seen.contact, seen.entry.time
        contact.ended, contact.last_ended = seen.position, time
        contact.planned_callback = seen.entry.type == "contact.ended" and seen.entry.data[0]
        for wait in contact.waits:
            wait.ended = True
            if not wait.ended_in_time and wait.within(time):
                wait.ended_in_time = True
                if wait.accepted is None:
                    self._tell(wait)

    # Verdicts

    def _tell(self, wait: Wait) -> None:
        for detector in self._panel.on_wait:
            self._judge(detector.wait(self._memory, wait))
        if not wait.unanswered and wait in self._undecided:
            self._undecided.remove(wait)
        self._weigh(wait)

    def _weigh(self, wait: Wait) -> None:
        """Note what became of a handoff by now, and take back what was said of it before and no longer holds."""
        team, time = wait.receiver[0] or "", wait.seen.entry.time
        between = seam_between(Side(wait.sender, wait.seen.channel), Side(*wait.receiver))
        seam = "" if between is None else f"{between[0]}>{between[1]}"
        evidence: tuple[Opportunity, ...] = ()
        if wait.in_time is not None:
            evidence += (("in_time" if wait.in_time else "late", team, seam, time),)
        if wait.nothing_lost is not None:
            evidence += (("whole" if wait.nothing_lost else "lost", team, seam, time),)
        if evidence != wait.evidence:
            self.opportunities += [("-" + kind, to, at, since) for kind, to, at, since in wait.evidence]
            self.opportunities += evidence
            wait.evidence = evidence

    def _learn(self, told: Told) -> None:
        """Take what a measure says in place of what it said before."""
        key = told.key
        self._open.pop(key, None)
        if told.evidence is not None and told.due >= 0:
            self._open[key] = told
            self._move(key, None)
        else:
            self._move(key, told.evidence)

    def _move(self, key: EvidenceKey, evidence: Evidence | None) -> None:
        before = self.evidence.get(key)
        if before == evidence:
            return
        self.moved.setdefault(key, before)
        if evidence is None:
            del self.evidence[key]
        else:
            self.evidence[key] = evidence

    def _judge(self, verdicts: Iterable[Verdict]) -> None:
        for verdict in verdicts:
            if isinstance(verdict, Gone) and not self.standing and not self.pending:
                continue
            entry = verdict.cause.entry
            identifier = finding_id(self._tenant, verdict.rule.name, entry.source, entry.id, verdict.discriminator)
            if isinstance(verdict, Gone):
                self._take_back(identifier)
                continue
            verdict.id = identifier
            if verdict.again is not None:
                self._stand(verdict)
                continue
            self._take_back(identifier)
            self.pending[identifier] = verdict
            if verdict.rule.name in self._panel.following:
                self._followed[identifier] = verdict

    def _stand(self, found: Found) -> None:
        self._note(found.id)
        self.standing[found.id] = found
        found.explained_by = self._explain(found)
        self._explain_dependents(found.id)

    def _take_back(self, identifier: str) -> None:
        self._followed.pop(identifier, None)
        if self.pending.pop(identifier, None) is None and identifier in self.standing:
            self._note(identifier)
            del self.standing[identifier]
            self._explain_dependents(identifier)

    def _follow(self, seen: Seen) -> None:
        """Tell of a touchpoint those whose absences it may still end."""
        time, following = seen.entry.time, self._panel.following
        self._followed = {identifier: found for identifier, found in self._followed.items() if found.time >= time}
        for found in list(self._followed.values()):
            self._judge(following[found.rule.name].follow(self._memory, found, seen))

    def _note(self, identifier: str) -> None:
        self.changed.setdefault(identifier, self.standing.get(identifier))

    def _explain(self, found: Found) -> str | None:
        chosen = None
        for explanation in found.explanations:
            for identifier in self._ids(explanation):
                self._dependents.setdefault(identifier, set()).add(found.id)
                if chosen is None and identifier in self.standing:
                    chosen = identifier
        return chosen

    def is_explained(self, found: Found, standing: Mapping[str, Found]) -> bool:
        """Tell whether a finding is explained where these stand, by id."""
        return any(identifier in standing for explanation in found.explanations for identifier in self._ids(explanation))

    def _ids(self, explanation: Explanation) -> Sequence[str]:
        entry = explanation.cause.entry
        return [
            finding_id(self._tenant, rule, entry.source, entry.id, explanation.discriminator)
            for rule in self._panel.explaining.get(explanation.detector, ())
        ]

    def _explain_dependents(self, identifier: str) -> None:
        for dependent in self._dependents.get(identifier, ()):
            self._explain_again(dependent)

    def _explain_again(self, identifier: str) -> None:
        found = self.standing.get(identifier)
        if found is None:
            return
        explained_by = self._explain(found)
        if explained_by != found.explained_by:
            self._note(identifier)
            again = self.standing[identifier] = found.copied()
            again.explained_by = explained_by


def _is_work(entry: Entry) -> bool:
    """Tell whether a touchpoint is work: what somebody or something of a known team does, unless the customer does not see it."""
    return (
        entry.team is not None
        and entry.kind in _HANDLERS
        and entry.type not in _NEVER_WORK
        and not (entry.type == "message" and entry.data[0])
    )


# What a touchpoint leaves behind for later ones, after it was judged.


def _started(seen: Seen) -> None:
    contact = seen.contact
    if seen.entry.data or contact.started is not None:
        contact.started = seen


def _provided(seen: Seen) -> None:
    field, fingerprint, _, valid, corrects = seen.entry.data
    if not valid:
        return
    given = seen.journey.values.setdefault(field, [])
    if corrects:
        for provision in given:
            provision.void = True
    if seen.by_customer:
        given.append(Provision(seen, fingerprint))
        for part in parts(fingerprint):
            seen.contact.said[field, part] = seen.entry.time


def _requested(seen: Seen) -> None:
    if seen.by_customer:
        return
    field, purpose = seen.entry.data
    if purpose == "collect":
        seen.segment.open_requests.setdefault(field, []).append(seen)
    else:
        seen.segment.read_backs.append(seen)


def _confirmed(seen: Seen) -> None:
    if not seen.by_customer:
        seen.segment.read_backs.append(seen)


def _passed(seen: Seen) -> None:
    seen.contact.authentications += (seen,)


def _authentication_requested(seen: Seen) -> None:
    seen.segment.authentications += (seen,)


_REMEMBER = {
    "contact.started": _started,
    "info.provided": _provided,
    "info.requested": _requested,
    "info.confirmed": _confirmed,
    "auth.passed": _passed,
    "auth.requested": _authentication_requested,
}
