"""One customer: what a record, or the passing of a deadline, changes in the findings and scores.

What is emitted is the difference of two folds, the timeline before and after. A touchpoint that sorts last extends the kept fold; any other one, or a moved
horizon, folds anew.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

from agents.brief import brief, tells
from agents.context import Seen
from agents.entry import Entry
from agents.experience import MOVED, MOVED_BY_PARTNERS, RESTS_ON, THREE_CS, Evidence, points_of
from agents.experience.fusion import partner_of
from agents.finding import Found
from agents.fold import EvidenceKey, Fold, Kept, Naming, Opportunity, Panel
from agents.timeline import SortKey, sort_key

__all__ = ["CONSISTENCY", "HANDOFF", "NO_CHANGE", "Change", "Charge", "Contribution", "Customer", "Outcome", "PartCharge", "Trace", "left_after"]


Outcome = Literal["duplicate", "conflict", "too_late", "floods"]
"""Why a touchpoint was not applied: its identity is known, with the same or with other content, it is from before the horizon, or there are too many."""

_HOUR = 3600 * 1_000_000
_NOTHING: dict[str, Found] = {}

_MOST_AWAITED: Final = 1_000
"""How many touchpoints beyond the maximum a customer can have because deadlines wait on them; with one more it is none, as with too many an hour."""
_FARTHEST = 900.0
"""Half-lives ahead: what is farther still would be no number."""

CONSISTENCY, HANDOFF = "consistency", "handoff"
"""The scores of entities."""


def left_after(age: int, half_life: int) -> float:
    """Return what is left of one after ``age``, both in microseconds; of what is still to come it is more than one."""
    return float(2.0 ** min(_FARTHEST, -age / half_life))


class Contribution(NamedTuple):
    """What one finding weighs: ``harm`` (0..0.95) at ``time``, charged to a team, a channel, a brand and a seam.

    ``points`` are those of the fusion score, ``partner`` is the partner's team to whom it belongs.
    """

    time: int
    harm: float
    team: str | None
    channel: str
    brand: str | None
    seam: str | None
    journey: str | None
    points: float = 0.0
    partner: str | None = None

    @property
    def weight(self) -> float:
        """Return what it adds to the sum of a journey: harms of a journey multiply."""
        return -math.log(1.0 - self.harm)

    @property
    def bond(self) -> Evidence:
        """Return how it moves what binds customer and brand."""
        evidence = Evidence(MOVED, self.time, 0.0, 0.0, None, self.channel, self.brand, self.journey, self.partner)
        return points_of(evidence, self.points)


class Charge(NamedTuple):
    """A change of one entity's sums at ``time``: harm and opportunities, and how many of each (undecayed).

    Of handoffs (``score`` is "handoff"): how many of those that were decided were late, and of those whose context is known lost some of it.
    """

    scope: str
    name: str
    time: int
    harm: float
    opportunities: int
    charges: int
    score: str = CONSISTENCY
    lost: int = 0
    known: int = 0


class PartCharge(NamedTuple):
    """A change of a part of an entity's sums at ``time``: ``short`` of ``of``, and how many pieces of evidence (undecayed)."""

    scope: str
    name: str
    part: str
    time: int
    short: float
    of: float
    pieces: int


Trace = tuple[str, str | None, str | None]
"""Which scores of a customer moved: part, journey, brand."""


class Change(NamedTuple):
    """What a record or a deadline changed.

    Bodies of findings with their revisions, charges, journeys whose consistency moved, and briefs that are due; what evidence charges, and what of the
    customer's own other scores moved.
    """

    findings: list[dict[str, Any]]
    charges: list[Charge]
    journeys: frozenset[str]
    briefs: Sequence[dict[str, Any]] = ()
    parts: Sequence[PartCharge] = ()
    traces: frozenset[Trace] = frozenset()


NO_CHANGE = Change([], [], frozenset())


class Customer:
    """A customer's timeline with its fold, the revisions of emitted findings, and the horizon."""

    __slots__ = (
        "_bytes",
        "_folded_opportunities",
        "_identities",
        "_left",
        "_panel",
        "_source",
        "aliases",
        "contributions",
        "customer",
        "entries",
        "fold",
        "forgotten",
        "horizon",
        "kept",
        "revisions",
        "scored",
        "tenant",
    )

    def __init__(
        self,
        panel: Panel,
        tenant: str,
        customer: str,
        *,
        entries: Sequence[Entry] = (),
        clock: int = 0,
        revisions: dict[str, tuple[int, int]] | None = None,
        horizon: SortKey | None = None,
        kept: Kept = ({}, None),
        aliases: dict[str, tuple[int, int, int]] | None = None,
        forgotten: int = 0,
        scored: int = 0,
    ) -> None:
        """Fold ``entries`` (any order) as of ``clock``; what comes out counts as emitted.

        ``revisions`` hold, by finding id, the last revision and the time of the cause. ``horizon`` is the sort key of the newest touchpoint dropped.
        ``aliases`` are keys that were taken in: the offset at which each left its partition, how many links away it is, and what the
        clock (microseconds UTC) was where it left. What is not later than ``forgotten`` (microseconds UTC) is not to be known again. Scores are as of
        ``scored`` (microseconds UTC) at least: others of the same names were told to have ended as of then.
        """
        self._panel = panel
        self.tenant = tenant
        self.customer = customer
        self._source = entries[0].source if entries else ""
        # What a crash among the chunks of a row left behind is stored once more by the repetition.
        self._identities: dict[str | tuple[str, str], Entry] = {self._identity(entry): entry for entry in entries}
        self.entries = sorted(self._identities.values(), key=sort_key)
        self._bytes = sum([entry.size for entry in self.entries])
        self.revisions = {} if revisions is None else revisions
        self.horizon = horizon
        self.kept = kept
        self.aliases: dict[str, tuple[int, int, int]] = {} if aliases is None else aliases
        self.forgotten = forgotten
        self.scored = scored
        self._left = NO_CHANGE
        self.contributions: dict[str, Contribution] = {}
        self.fold = self._folded(clock)
        self._take_as_emitted()

    def apply(self, entry: Entry, clock: int) -> Change | Outcome:
        """Add a touchpoint as of ``clock``; return what changed, or why it was not applied."""
        if not self._source:
            self._source = entry.source
        identity = self._identity(entry)
        known = self._identities.get(identity)
        if known is not None:
            return "duplicate" if known.says_the_same(entry) else "conflict"
        if self.horizon is not None and sort_key(entry) <= self.horizon:
            return "too_late"
        time, size, entries = entry.time, entry.size, self.entries
        newest = None
        if entries:
            memory, most, most_bytes, most_an_hour = self._panel.reach
            if len(entries) >= most_an_hour and self._in_hour_of(time) >= most_an_hour:
                return "floods"
            newest = entries[-1]
            oldest = max(newest.time, time) - memory
            if entries[0].time < oldest or len(entries) >= most or self._bytes + size > most_bytes:
                self._drop_beyond_memory(oldest, size, clock)
                if self.horizon is not None and sort_key(entry) <= self.horizon:
                    return "too_late"
                entries = self.entries
                if len(entries) >= most + _MOST_AWAITED:
                    return "floods"
                newest = entries[-1] if entries else None
        self._bytes += size
        self._identities[identity] = entry
        if newest is None or time > newest.time or sort_key(entry) > sort_key(newest):
            entries.append(entry)
            fold = self.fold
            fold.apply(entry)
            body = None if fold.briefing is None else self._brief(fold, fold.briefing)
            if fold.waiting:
                fold.settle(clock)
            change = self.with_what_left(self._extended())
            return change if body is None else change._replace(briefs=(body,))
        insort(entries, entry, key=sort_key)
        before, briefs = self.fold, dict[str, dict[str, Any]]()
        self.fold = self._folded(clock, entry, briefs)
        change = self.with_what_left(self._refolded(before))
        before.release()
        return change._replace(briefs=list(briefs.values())) if briefs else change

    def with_what_left(self, change: Change = NO_CHANGE) -> Change:
        """Return ``change`` with the scores that moved since the last one because touchpoints left the memory: findings stay as they are, scores do not."""
        left = self._left
        if left is NO_CHANGE:
            return change
        self._left = NO_CHANGE
        return change._replace(journeys=change.journeys | left.journeys, traces=change.traces | left.traces)

    def take_in(self, other: "Customer", then: int, clock: int) -> tuple[Change, list[Entry]]:
        """Take in, as of ``clock``, the timeline of another key of the same customer, which stands as of ``then``; return what changed, and what came in and
        stays: what both hold beyond the limits is dropped.

        What stands of the other's findings is told again, for it is this customer's from now on. ``other`` is of no use afterwards.
        """
        horizon = max(filter(None, (self.horizon, other.horizon)), default=None)
        if horizon is not None:
            self._drop_up_to(horizon, clock)
            other._drop_up_to(horizon, then)
            (contacts, latest), (others, other_latest) = self.kept, other.kept
            self.horizon, self.kept = horizon, (others | contacts, max(filter(None, (latest, other_latest)), default=None))
        if not self._source:
            self._source = other._source
        taken = [entry for entry in other.entries if self._identity(entry) not in self._identities]
        for entry in taken:
            self._identities[self._identity(entry)] = entry
            self._bytes += entry.size
        self.entries = sorted([*self.entries, *taken], key=sort_key)
        for identifier, emitted in other.revisions.items():
            self.revisions[identifier] = max(emitted, self.revisions.get(identifier, emitted))
        before, theirs = self.fold, other.fold
        briefs: dict[str, dict[str, Any]] = {}
        self.fold = self._folded(clock, taken[0] if taken else None, briefs)
        change = self._refolded(before, theirs)
        memory, most, most_bytes, _ = self._panel.reach
        if len(self.entries) > most or self._bytes > most_bytes:
            self._drop_beyond_memory(self.entries[-1].time - memory, 0, clock)
        change = self.with_what_left(other.with_what_left(change))
        journeys, traces = change.journeys | other.journeys(), change.traces | other.traces()
        before.release()
        theirs.release()
        return change._replace(journeys=journeys, traces=traces, briefs=list(briefs.values())), [each for each in taken if self.knows(each)]

    def taken_back(self) -> tuple[list[Charge], list[PartCharge]]:
        """Return what takes back all that this customer was charged with; who takes it in is charged anew."""
        opportunities: dict[Opportunity, int] = {}
        _count(opportunities, self.fold.opportunities, -1)
        charges = _opportunity_charges(self.tenant, opportunities)
        for each in self.contributions.values():
            charges += _harm_charges(self.tenant, each, -1)
        return charges, self._evidence_difference([(each, None) for each in self.evidence()])[0]

    def told_again(self) -> Change:
        """Return all findings that stand, each with a new revision; what they weigh was charged before."""
        findings = [self._revised(found, self._body(found, 0)) for found in self.fold.standing.values()]
        return Change(findings, [], self.journeys(), traces=self.traces())

    def journeys(self) -> frozenset[str]:
        """Return the journeys that have a consistency."""
        return frozenset([each.journey for each in self.contributions.values() if each.journey is not None])

    def traces(self) -> frozenset[Trace]:
        """Return which other scores there is evidence of."""
        return frozenset([(each.part, each.journey, each.brand) for each in self.evidence()])

    def knows(self, entry: Entry) -> bool:
        """Tell whether a touchpoint is still in the timeline."""
        return self._identity(entry) in self._identities

    def _identity(self, entry: Entry) -> str | tuple[str, str]:
        """Return source and id; the id alone of the one source that most customers have, for that takes no tuple."""
        return entry.id if entry.source == self._source else (entry.source, entry.id)

    def advance(self, clock: int) -> Change:
        """Let the deadlines up to ``clock`` come due."""
        self.fold.settle(clock)
        return self._extended()

    def harm(self, now: int, half_life: int, journey: str | None = None) -> tuple[float, int]:
        """Return the decayed sum of weights, and of how many findings, of one journey or of all."""
        weights = [
            each.weight * left_after(now - each.time, half_life)
            for each in self.contributions.values()
            if journey is None or each.journey == journey
        ]
        return math.fsum(weights), len(weights)

    def evidence(self) -> Iterator[Evidence]:
        """Yield all evidence of the timeline: what measures say, and how findings that score move a bond."""
        yield from self.fold.evidence.values()
        for each in self.contributions.values():
            if each.points:
                yield each.bond

    # Folding

    def _folded(self, clock: int, late: Entry | None = None, briefs: dict[str, dict[str, Any]] | None = None) -> Fold:
        """Fold all as of ``clock``; put into ``briefs`` the last one of each journey that a touchpoint from ``late`` on sets off."""
        fold = Fold(self._panel, self.tenant, self.kept)
        passed = False
        for entry in self.entries:
            fold.apply(entry)
            passed = passed or entry is late
            if passed and briefs is not None and fold.briefing is not None:
                body = self._brief(fold, fold.briefing)
                if body is not None:
                    briefs[body["journey"]] = body
        fold.settle(clock)
        fold.changed.clear()
        fold.moved.clear()
        return fold

    def _brief(self, fold: Fold, seen: Seen) -> dict[str, Any] | None:
        """Return the brief that ``seen``, the last touchpoint of ``fold``, sets off; None where nobody wants one, or a new contact's customer is not known."""
        if not self._panel.brief_items or (not seen.position and seen.entry.type != "handoff.started"):
            return None
        body = brief(self._panel, self.tenant, self.customer, self.kept, self.entries, fold, seen)
        return body if body["occasion"] == "handoff" or tells(body) else None

    def _take_as_emitted(self) -> None:
        self.fold.changed.clear()
        self.fold.moved.clear()
        self._folded_opportunities = len(self.fold.opportunities)
        self.contributions = self._contributions(self.fold)

    def _in_hour_of(self, time: int) -> int:
        """Return how many touchpoints lie in the UTC hour of ``time`` (microseconds UTC)."""
        hour = time - time % _HOUR
        return bisect_left(self.entries, hour + _HOUR, key=_time) - bisect_left(self.entries, hour, key=_time)

    def _drop_beyond_memory(self, oldest: int, size: int, clock: int) -> None:
        """Drop what is from before ``oldest`` (microseconds UTC) and what one more touchpoint of ``size`` bytes leaves no room for."""
        entries = self.entries
        _, most, most_bytes, _ = self._panel.reach
        surplus = len(entries) + 1 - most
        excess = self._bytes + size - most_bytes
        waiting = self.fold.awaited()
        dropped: list[Entry] = []
        stay: list[Entry] = []
        for position, each in enumerate(entries):
            if each.time >= oldest and surplus <= 0 and excess <= 0:
                stay.extend(entries[position:])
                break
            if id(each) in waiting:
                stay.append(each)
                continue
            dropped.append(each)
            surplus -= 1
            excess -= each.size
        if dropped:
            self._drop(dropped, stay, clock)

    def _drop_up_to(self, horizon: SortKey, clock: int) -> None:
        """Drop what sorts up to ``horizon``, but for what a deadline waits on."""
        waiting = self.fold.awaited()
        dropped: list[Entry] = []
        stay: list[Entry] = []
        for each in self.entries:
            (stay if sort_key(each) > horizon or id(each) in waiting else dropped).append(each)
        if dropped:
            self._drop(dropped, stay, clock)

    def _drop(self, dropped: Sequence[Entry], stay: list[Entry], clock: int) -> None:
        self.horizon = max(filter(None, (self.horizon, sort_key(dropped[-1]))))
        self.kept = self._still_named(dropped, stay)
        self.entries = stay
        for each in dropped:
            del self._identities[self._identity(each)]
            self._bytes -= each.size
        weighed, evidence = self.contributions, self.fold.evidence
        self.fold.release()
        self.fold = self._folded(clock)
        self._take_as_emitted()
        moves = [(evidence.get(key), self.fold.evidence.get(key)) for key in evidence.keys() | self.fold.evidence.keys()]
        _, journeys = self._reweighed(weighed, moves)
        traces = self._traces_moved(journeys, self._evidence_difference(moves)[1])
        if journeys or traces:
            left = self._left
            self._left = left._replace(journeys=left.journeys | journeys, traces=left.traces | traces)
        # A cause before the horizon never comes again, so neither does its finding.
        self.revisions = {
            identifier: (revision, cause)
            for identifier, (revision, cause) in self.revisions.items()
            if cause >= self.horizon[0] or identifier in self.fold.standing
        }

    def _still_named(self, dropped: Sequence[Entry], stay: Sequence[Entry]) -> Kept:
        """Return what names the journeys that lost touchpoints but go on."""
        last = sort_key(dropped[-1])
        naming = Naming(self._panel.engine.journey_gap, self.kept)
        for each in self.entries:
            if sort_key(each) > last:
                break
            naming.journey(each)
        contacts, latest = naming.kept()
        going_on = {naming.journey(each) for each in stay} if latest is not None else set()
        named = {each.contact for each in stay}
        return (
            {contact: journey for contact, journey in contacts.items() if contact in named},
            latest if latest is not None and latest[1] in going_on else None,
        )

    # Differences

    def _extended(self) -> Change:
        fold = self.fold
        known = self._folded_opportunities
        self._folded_opportunities = len(fold.opportunities)
        if not fold.changed and self._folded_opportunities == known and not fold.moved:
            return NO_CHANGE
        moves = [(before, fold.evidence.get(key)) for key, before in fold.moved.items()]
        fold.moved.clear()
        opportunities: dict[Opportunity, int] = {}
        _count(opportunities, fold.opportunities[known:], 1)
        if not fold.changed:
            charges = _opportunity_charges(self.tenant, opportunities)
            parts, traces = self._evidence_difference(moves)
            return Change([], charges, frozenset(), (), parts, frozenset(traces))
        pairs = [(before, fold.standing.get(identifier)) for identifier, before in fold.changed.items()]
        fold.changed.clear()
        return self._difference(pairs, opportunities, moves)

    def _refolded(self, before: Fold, theirs: Fold | None = None) -> Change:
        """Return what differs from ``before``, and from the fold of another customer who was taken in."""
        after = self.fold
        opportunities: dict[Opportunity, int] = {}
        _count(opportunities, after.opportunities, 1)
        _count(opportunities, before.opportunities, -1)
        self._folded_opportunities = len(after.opportunities)
        stood, told = before.standing, dict[str, Found]()
        if theirs is not None:
            told = theirs.standing
            stood = {**told, **stood}
        ids = {**stood, **after.standing}
        pairs = [(stood.get(identifier), after.standing.get(identifier)) for identifier in ids]
        keys: set[EvidenceKey] = {*before.evidence, *after.evidence}
        moves = [(before.evidence.get(key), after.evidence.get(key)) for key in sorted(keys)]
        return self._difference(pairs, opportunities, moves, told)

    def _evidence_difference(self, moves: Sequence[tuple[Evidence | None, Evidence | None]]) -> tuple[list[PartCharge], set[Trace]]:
        """Return what evidence that came, changed or went charges, and which scores of the customer it moves."""
        charges: list[PartCharge] = []
        traces: set[Trace] = set()
        for before, after in moves:
            if before == after:
                continue
            for sign, each in ((-1, before), (1, after)):
                if each is not None:
                    charges.extend(_part_charges(self.tenant, each, sign, self._panel.blame))
                    traces.add((each.part, each.journey, each.brand))
        return charges, traces

    def _difference(
        self,
        pairs: Sequence[tuple[Found | None, Found | None]],
        opportunities: Mapping[Opportunity, int],
        moves: list[tuple[Evidence | None, Evidence | None]],
        told: Mapping[str, Found] = _NOTHING,
    ) -> Change:
        """Return the changes between ``pairs`` and ``moves``, before and after; what others ``told``, by id, is told again whether it changed or not."""
        findings: list[dict[str, Any]] = []
        for before, after in pairs:
            old = None if before is None else self._body(before, 0)
            new = None if after is None else self._body(after, 0)
            found = after or before
            body = new or old
            if found is None or body is None or (old == new and found.id not in told):
                continue
            if new is None:
                body["withdrawn"] = True
            findings.append(self._revised(found, body))
        charges = _opportunity_charges(self.tenant, opportunities)
        weighed, self.contributions = self.contributions, self._contributions(self.fold)
        harm, journeys = self._reweighed(weighed, moves)
        findings.sort(key=lambda each: (each["time"], each["id"]))
        parts, traces = self._evidence_difference(moves)
        return Change(findings, charges + harm, frozenset(journeys), (), parts, frozenset(self._traces_moved(journeys, traces)))

    def _reweighed(self, before: Mapping[str, Contribution], moves: list[tuple[Evidence | None, Evidence | None]]) -> tuple[list[Charge], set[str]]:
        """Return what contributions that came, changed or went since ``before`` charge, and their journeys; append to ``moves`` how they move bonds."""
        charges: list[Charge] = []
        journeys: set[str] = set()
        for sign, these, those in ((-1, before, self.contributions), (1, self.contributions, before)):
            for identifier, contribution in these.items():
                if those.get(identifier) != contribution:
                    charges.extend(_harm_charges(self.tenant, contribution, sign))
                    if contribution.points:
                        moves.append((contribution.bond, None) if sign < 0 else (None, contribution.bond))
                    if contribution.journey is not None:
                        journeys.add(contribution.journey)
        return charges, journeys

    def _traces_moved(self, journeys: Collection[str], traces: set[Trace]) -> set[Trace]:
        """Return ``traces`` with those of the headline, which rests on the consistency of ``journeys`` besides."""
        if journeys:
            traces |= {(each.part, each.journey, each.brand) for each in self.fold.evidence.values() if each.part in RESTS_ON[THREE_CS]}
        return traces

    def _revised(self, found: Found, body: dict[str, Any]) -> dict[str, Any]:
        revision = self.revisions.get(found.id, (0, 0))[0] + 1
        self.revisions[found.id] = (revision, found.cause.entry.time)
        body["revision"] = revision
        return body

    def _body(self, found: Found, revision: int) -> dict[str, Any]:
        body = found.body(self.tenant, self.customer)
        if not self._panel.tells_measured:
            body.pop("measured", None)
        body["revision"] = revision
        return body

    def _contributions(self, fold: Fold) -> dict[str, Contribution]:
        """Return what scores, by finding id: of several findings of one cause the heaviest (equal: the first by rule name)."""
        harm_of, points_of_finding = self._panel.engine.harm, self._panel.points
        heaviest: dict[tuple[str, str], tuple[float, str, Found]] = {}
        for found in fold.standing.values():
            harm = harm_of[found.severity]
            if harm <= 0.0 or found.explained_by is not None or found.rule.mode != "on":
                continue
            entry = found.cause.entry
            rank = (-harm, found.rule.name + "\0" + found.discriminator, found)
            cause = (entry.source, entry.id)
            if cause not in heaviest or rank[:2] < heaviest[cause][:2]:
                heaviest[cause] = rank
        contributions = {}
        for negative, _, found in heaviest.values():
            seam = found.seam
            side = found.sender if "handoff" in found.silos else found.receiver
            contributions[found.id] = Contribution(
                found.time,
                -negative,
                side.team,
                found.cause.entry.channel,
                found.cause.entry.brand,
                None if seam is None else f"{seam[0]}>{seam[1]}",
                found.cause.journey.id,
                points_of_finding.get(found.rule.detector, 0.0),
                partner_of(found.cause.entry),
            )
        return contributions


_time = attrgetter("time")


def _count(opportunities: dict[Opportunity, int], these: Sequence[Opportunity], sign: int) -> None:
    """Add up how often there is each one; what was taken back counts against what was said: a sum is to see the net of both alone."""
    for each in these:
        if each[0][0] == "-":
            taken_back = (each[0][1:], each[1], each[2], each[3])
            opportunities[taken_back] = opportunities.get(taken_back, 0) - sign
        else:
            opportunities[each] = opportunities.get(each, 0) + sign


def _opportunity_charges(tenant: str, opportunities: Mapping[Opportunity, int]) -> list[Charge]:
    charges: list[Charge] = []
    for opportunity, count in opportunities.items():
        if not count:
            continue
        kind, name, channel, time = opportunity
        if kind in ("seam", "brand"):
            charges.append(Charge(kind, name, time, 0.0, count, 0))
        elif kind != "segment":
            charges += _handoff_charges(tenant, opportunity, count)
        else:
            charges.append(Charge("team", name, time, 0.0, count, 0))
            charges.append(Charge("channel", channel, time, 0.0, count, 0))
            charges.append(Charge("tenant", tenant, time, 0.0, count, 0))
    return charges


def _handoff_charges(tenant: str, evidence: Opportunity, count: int) -> Iterator[Charge]:
    kind, team, seam, time = evidence
    late, decided = count * (kind == "late"), count * (kind in ("in_time", "late"))
    lost, known = count * (kind == "lost"), count * (kind in ("whole", "lost"))
    for scope, name in (("team", team), ("seam", seam), ("tenant", tenant)):
        if name:
            yield Charge(scope, name, time, float(late), decided, late, HANDOFF, lost, known)


def _harm_charges(tenant: str, contribution: Contribution, sign: int) -> Iterator[Charge]:
    time, harm, team, channel, brand, seam, *_ = contribution
    for scope, name in (("team", team), ("channel", channel), ("brand", brand), ("seam", seam), ("tenant", tenant)):
        if name is not None:
            yield Charge(scope, name, time, sign * harm, 0, sign)


def _part_charges(tenant: str, evidence: Evidence, sign: int, blame: float) -> Iterator[PartCharge]:
    """Yield what evidence charges: team, channel, brand and tenant; of what binds, those who are blamed for it, and the partner to whom it belongs."""
    part, time, short, of, team, channel, brand, _, partner = evidence
    if part != MOVED:
        for scope, name in (("team", team), ("channel", channel), ("brand", brand), ("tenant", tenant)):
            if name is not None:
                yield PartCharge(scope, name, part, time, sign * short, sign * of, sign)
        return
    blamed = 1.0 if partner is None else blame
    if blamed > 0.0:
        for scope, name in (("brand", brand), ("tenant", tenant)):
            if name is not None:
                yield PartCharge(scope, name, part, time, sign * blamed * short, sign * blamed * of, sign)
                if partner is not None:
                    yield PartCharge(scope, name, MOVED_BY_PARTNERS, time, sign * blamed * short, sign * blamed * of, sign)
    if partner is not None:
        bond = partner if brand is None else f"{partner}>{brand}"
        yield PartCharge("partner", bond, part, time, sign * short, sign * of, sign)
