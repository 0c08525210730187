"""Work out the scores of experience from whole timelines: three Cs, laws, expectation and fusion.

Readings (numbers go on from those of `rest`; the formulas stand in docs/scores.md):
E1. A mood is that of a customer's message; it is compared with the mood before it in its journey, whoever was talked to.
E2. A promise that is due later than `furthest` after it was made, or that was cancelled or made anew by its due time, says nothing.
E3. A statement is compared with the latest by another speaker, as `contradiction` does, whatever the mode of that rule.
E4. Of a contact the last end that says how it went decides; the teams that worked in it are those that are not transit.
E5. A handling is (segment, team); it is dated by the first touchpoint that shows whether known values are used.
E6. An answer is of the team that did the last chain work in its contact, the answer itself where a team noted it down.
E7. A promise kept moves a bond where it was made before and is kept by its due time; the latest promise of that name counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .rest import apart, mood_of, share, share_of, thousandths
from .timeline import SECOND, Json, Point, fold_value, microseconds

if TYPE_CHECKING:
    from .oracle import Oracle

POINTS = {
    "promise_kept": 3, "resolved": 2, "survey": 5, "mention": 8,
    "broken_promise": -8, "dead_end": -6, "contradiction": -5, "premature_closure": -5, "unanswered_handoff": -4,
    "ping_pong": -4, "excessive_handoffs": -4, "repeat_contact": -4, "two_faces": -4, "context_lost": -3,
    "repeated_story": -3, "handoff_flap": -3, "repeated_request": -2, "repeated_answer": -2,
    "reauthentication": -2, "slow_handoff": -2, "misroute": -2,
}
HALF_LIVES = (3_600, 604_800)


@dataclass
class Mark:
    """A chance, dated, and by how much it was missed; of a bond the points, plus or minus."""

    part: str
    time: int
    missed: float
    team: str | None
    channel: str
    brand: str | None
    journey: str | None
    customer: str
    tenant: str
    partner: str | None = None


def marks_of(line: Oracle, charged: list[Json]) -> list[Mark]:
    """List all evidence of one timeline; ``charged`` are its findings that score."""
    marks = [*moods(line), *promises(line), *facts(line), *contacts(line), *handlings(line), *answers(line), *bonds(line)]
    causes = {(point.source, point.id): point for point in line.points}
    for one in charged:
        cause = causes[one["cause"]["source"], one["cause"]["id"]]
        if POINTS.get(one["detector"]) and one["severity"] != "info":
            mark = made(cause, "bond", -POINTS[one["detector"]], None)
            mark.time = one["time"]
            marks.append(mark)
    return marks


def made(point: Point, part: str, missed: float, team: str | None) -> Mark:
    """Make a mark of a touchpoint."""
    partner = point.team if part == "bond" and point.kind == "partner" else None
    where = point.channel, point.raw.get("brand"), point.journey
    return Mark(part, point.time, missed, team, *where, point.customer, point.tenant, partner)


def moods(line: Oracle) -> Iterator[Mark]:
    """Feel well, and steadily."""
    felt = [point for point in line.points if mood_of(point) is not None]
    for point in felt:
        mood = mood_of(point) or 0
        before = [o for o in felt if o.index < point.index and o.journey == point.journey]
        fell = (mood_of(before[-1]) or 0) - mood if before else 0
        yield made(point, "moods", max(0.0, -mood / 1000, fell / 2000), point.side)


def promises(line: Oracle) -> Iterator[Mark]:
    """Keep a promise by its due time."""
    for one in line.points:
        if one.type != "promise.made":
            continue
        due = microseconds(one.data["due"])
        if due - one.time > line.rules["broken_promise"]["furthest"] * SECOND:
            continue
        later = [
            o
            for o in line.points[one.index + 1 :]
            if o.type.startswith("promise.") and o.data["promise"] == one.data["promise"] and o.time <= due
        ]
        if later and later[0].type == "promise.kept":
            yield made(one, "promises", 0, one.side)
        elif not later and line.clock >= due + line.rules["grace"] * SECOND:
            yield made(one, "promises", 1, one.side)


def facts(line: Oracle) -> Iterator[Mark]:
    """Say the same whoever is asked."""
    for point in line.points:
        if not line.states(point) or point.data.get("correction") is True:
            continue
        fact = line.fact_of(point)
        same = [o for o in line.points[: point.index] if line.states(o) and line.fact_of(o) == fact]
        voided = max((o.index for o in same if o.data.get("correction") is True), default=-1)
        others = [
            o
            for o in same
            if o.index >= voided
            and line.age_within("contradiction", o, point)
            and apart(o, point)
            and not (o.raw.get("journey") and point.raw.get("journey") and o.journey != point.journey)
        ]
        if others:
            differs = fold_value(others[-1].data["value"]) != fold_value(point.data["value"])
            yield made(point, "facts", float(differs), point.side)


def contacts(line: Oracle) -> Iterator[Mark]:
    """Reach what they came for, without detour."""
    for contact in sorted({point.contact for point in line.points if point.contact}):
        here = [point for point in line.points if point.contact == contact]
        ends = [o for o in here if o.type == "contact.abandoned" or o.data.get("resolved") in (True, False)]
        decided: Mark | None = None
        for end in [o for o in ends if o.type in ("contact.ended", "contact.abandoned")]:
            before = [o for o in here if o.index < end.index]
            starts = [o for o in before if o.type == "contact.started"]
            if not (starts and starts[-1].data.get("intent")) and not any(o.type == "intent.stated" for o in before):
                continue
            worked = [o.team for o in here if o.index <= end.index and o.counted]
            well = end.data.get("resolved") is True and len(set(worked)) <= 1
            decided = made(end, "contacts", float(not well), worked[-1] if worked else None)
        if decided:
            yield decided


def handlings(line: Oracle) -> Iterator[Mark]:
    """Use what is known."""
    shown: dict[object, list[Point]] = {}
    for point in line.points:
        if point.type not in ("info.requested", "info.confirmed") or point.kind == "customer":
            continue
        if point.data.get("purpose") != "policy" and line.valid_values(point, line.field_of(point)):
            shown.setdefault((point.segment, point.team), []).append(point)
    for points in shown.values():
        asked = any(o.type == "info.requested" and (o.data.get("purpose") or "collect") == "collect" for o in points)
        yield made(points[0], "handlings", float(asked), points[0].team)


def answers(line: Oracle) -> Iterator[Mark]:
    """Report what came, and what had been hoped for."""
    for point in line.points:
        got = share_of(point, "score") if point.type == "survey.answered" else None
        if got is None:
            continue
        work = point if point.counted else line.last_work_in(point.place, point)
        team = work.team if work else None
        yield made(point, "answers", float(1 - got), team)
        part, hoped = "expected", share_of(point, "expected")
        if hoped is None:
            exposed = [o for o in line.points[: point.index] if line.advertises(o, point)]
            part, hoped = "advertised", share(point, exposed[-1].data["promised"]) if exposed else None
        if hoped is not None and 0 <= hoped <= 1:
            yield made(point, part, float(max(Fraction(0), hoped - got)), team)


def bonds(line: Oracle) -> Iterator[Mark]:
    """Grow together, or apart."""
    resolved: dict[str, Point] = {}
    for point in line.points:
        points = 0.0
        if point.type == "promise.kept":
            same = [o for o in line.points[: point.index] if o.data.get("promise") == point.data["promise"]]
            last = [o for o in same if o.type in ("promise.made", "promise.kept")]
            if last and last[-1].type == "promise.made" and point.time <= microseconds(last[-1].data["due"]):
                points = POINTS["promise_kept"]
        elif point.type == "contact.ended" and point.contact and point.data.get("resolved") is not None:
            resolved[point.contact] = point
        elif point.type == "survey.answered":
            got = share_of(point, "score")
            points = 0.0 if got is None else POINTS["survey"] * float(2 * got - 1)
        elif point.type == "mention.published" and point.data["public"]:
            points = POINTS["mention"] * thousandths(point.data["sentiment"]) / 1000
        if points:
            yield made(point, "bond", -points, None)
    for end in resolved.values():
        if end.data["resolved"]:
            yield made(end, "bond", -POINTS["resolved"], None)


def rows_of(line_marks: list[tuple[Oracle, list[Mark]]], journeys: dict[tuple[str, str, str, int], float], as_of: int) -> list[Json]:
    """Return the scores of entities, customers and journeys.

    ``journeys`` has the consistency of those that have evidence of it, by tenant, scope, name and half-life; of journeys and customers their own is there too.
    """
    rows: list[Json] = []

    def row(tenant: str, score: str, scope: str, name: str, half_life: int, value: float | None, customer: str | None = None) -> None:
        if value is not None:
            base: Json = {"tenant": tenant, "score": score, "scope": scope, "name": name, "half_life": half_life}
            rows.append(base | {"customer": customer, "harm": None, "opportunities": None, "value": value})

    told: dict[tuple[str, str, str], list[Mark]] = {}
    for line, marks in line_marks:
        tenant, customer = line.points[0].tenant, line.points[0].customer
        for mark in marks:
            places = [("team", mark.team), ("channel", mark.channel), ("brand", mark.brand), ("tenant", tenant)]
            if mark.part == "bond":
                places = [("brand", mark.brand), ("tenant", tenant)]
                if mark.partner:
                    places.append(("partner", ">".join(filter(None, (mark.partner, mark.brand)))))
            for scope, name in places:
                if name:
                    told.setdefault((tenant, scope, name), []).append(mark)
        week = HALF_LIVES[1]
        own = Summed(marks, as_of, week)
        whole = own.three_cs(journeys.get((tenant, "customer", customer, week)))
        if own.has("moods", "promises", "facts"):
            row(tenant, "three_cs", "customer", customer, week, whole)
        row(tenant, "expectation", "customer", customer, week, own.expectation())
        for journey in sorted({mark.journey or "" for mark in marks if mark.part in ("moods", "promises", "facts")}):
            part = Summed([mark for mark in marks if mark.journey == journey], as_of, week)
            at = journeys.get((tenant, f"journey of {customer}", journey, week))
            row(tenant, "three_cs", "journey", journey, week, part.three_cs(at), customer)
        for brand in {mark.brand for mark in marks if mark.part == "bond"}:
            gain = -sum(part.missed * fade(part.time, as_of, week) for part in marks if part.part == "bond" and part.brand == brand)
            row(tenant, "fusion", "customer", f"{customer}>{brand}" if brand else customer, week, min(100.0, max(0.0, 50 + gain)))
    for (tenant, scope, name), marks in told.items():
        for half_life in HALF_LIVES:
            sums = Summed(marks, as_of, half_life)
            if sums.has("moods", "promises", "facts"):
                row(tenant, "three_cs", scope, name, half_life, sums.three_cs(journeys.get((tenant, scope, name, half_life))))
            row(tenant, "emotional", scope, name, half_life, sums.percent("moods"))
            row(tenant, "communication", scope, name, half_life, sums.communication())
            row(tenant, "purpose", scope, name, half_life, sums.percent("contacts"))
            row(tenant, "difference", scope, name, half_life, sums.percent("handlings"))
            row(tenant, "value", scope, name, half_life, sums.percent("answers"))
            row(tenant, "expectation", scope, name, half_life, sums.expectation())
            moved = [(mark.missed, fade(mark.time, as_of, half_life)) for mark in marks if mark.part == "bond"]
            if moved:
                gain, size = -sum(one * weight for one, weight in moved), sum(abs(one) * weight for one, weight in moved)
                row(tenant, "fusion", scope, name, half_life, 50 + 50 * gain / (size + 50))
    return rows


def fade(time: int, as_of: int, half_life: int) -> float:
    """Return what is left of one at a time."""
    return math.pow(2.0, -(as_of - time) / SECOND / half_life)


class Summed:
    """Decayed sums of marks by part."""

    def __init__(self, marks: list[Mark], as_of: int, half_life: int) -> None:
        """Add up."""
        self.sums: dict[str, tuple[float, float]] = {}
        for mark in marks:
            missed, chances = self.sums.get(mark.part, (0.0, 0.0))
            weight = fade(mark.time, as_of, half_life)
            self.sums[mark.part] = missed + weight * mark.missed, chances + weight

    def has(self, *parts: str) -> bool:
        """Tell whether there is any evidence of these parts."""
        return any(part in self.sums for part in parts)

    def good(self, *parts: str) -> float | None:
        """Return the share that was not missed; less than a millionth of a chance is none."""
        missed, chances = (sum(self.sums.get(part, (0.0, 0.0))[place] for part in parts) for place in (0, 1))
        return None if chances < 1e-6 else 1 - missed / chances

    def percent(self, part: str) -> float | None:
        """Return a score of one part."""
        good = self.good(part)
        return None if good is None else 100 * good

    def communication(self) -> float | None:
        """Return promises kept x not contradicted."""
        known = [good for good in (self.good("promises"), self.good("facts")) if good is not None]
        return 100 * math.prod(known) if known else None

    def expectation(self) -> float | None:
        """Return what came of what was promised, expected or advertised."""
        good = self.good("promises", "expected", "advertised")
        return None if good is None else 100 * good

    def three_cs(self, journey: float | None) -> float | None:
        """Return the geometric mean of at least two."""
        known = [each for each in (journey, self.percent("moods"), self.communication()) if each is not None]
        return math.prod(known) ** (1 / len(known)) if len(known) > 1 else None
