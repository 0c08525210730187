"""The figures of a report: read from the database as of the last `sinks.insights.refresh`."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, case, func, select

from models.finding import Severity, seam_sides
from models.score import Score
from models.tables import day_counts, finding_days, findings, score_history
from sinks.corridor import Move, Place, Snarl, consistency, corridor, snarls
from sinks.errors import database_errors
from sinks.insights import Burden, Period, burdens
from sinks.portfolio import Money, Needing, Portfolio, Terms, needing, portfolio
from sinks.records import score_key
from sinks.scores import entity_scores

__all__ = ["Figures", "Nothing", "PeriodScore", "Promises", "Story", "Tile", "collect"]

_SEAMS = 3
_STORIES = 3
_LOOKED_AT = 200
"""Findings of a seam among which a story is looked for."""
_MINIMUM = 30
"""Visits from which a place can be called a snarl."""
_FIRST = ("three_cs", "consistency")
"""Scores that come first."""


class Nothing(Exception):
    """There is nothing to tell of the period."""


class PeriodScore(NamedTuple):
    """Consistency over the whole period, undecayed: ``100 x (1 - harm / (visits + prior))``; ``before`` that of as many days before, None: not known."""

    value: float
    before: float | None
    visits: int
    visits_before: int


class Mean(NamedTuple):
    """What a score was in a period, hour by hour: its mean, and that of its samples."""

    value: float
    samples: float


class Tile(NamedTuple):
    """A score of a tenant or brand: its mean in the period or, where nobody noted it then, what it is now."""

    score: str
    name: str | None
    """Of the brand or tenant; None where there is but one tenant."""
    value: float
    samples: float
    noted: bool
    before: Mean | None
    """Of as many days before the period; None: nobody noted it then."""


class Story(NamedTuple):
    """A finding that shows a seam: its body holds both moments, masked."""

    finding: Mapping[str, Any]


class Promises(NamedTuple):
    """What became of promises: ``kept`` and ``cancelled`` as told, ``broken`` as found; None: nobody counted them."""

    made: int
    kept: int
    cancelled: int
    broken: int

    @property
    def share(self) -> float | None:
        """Return how many of those that came due were kept, 0..1."""
        due = self.kept + self.broken
        return self.kept / due if due else None


@dataclass(slots=True)
class Figures:
    """All that a report shows; what is not known is None or empty."""

    tenant: str | None
    period: Period
    made: datetime
    headline: PeriodScore | None
    tiles: list[Tile]
    days: dict[date, int]
    findings: int
    before: int
    critical: int
    minutes: float
    seams: list[Burden]
    moves: list[Move]
    places: dict[str, Place]
    snarls: list[Snarl]
    stories: list[Story]
    promises: Promises
    answers: dict[str, tuple[int, float]]
    """By pattern: how many, and their mean as a share of the scale."""
    portfolio: Portfolio | None
    portfolio_refused: str | None
    today: list[Needing]
    moved: int
    """Customers who moved to a worse quadrant in the period."""
    cost_per_minute: float | None = None
    detectors: Counter[str] = field(default_factory=Counter)


def collect(
    engine: Engine,
    period: Period,
    now: datetime,
    *,
    harm: Mapping[Severity, float],
    prior: float,
    minutes: Mapping[str, float],
    cost_per_minute: float | None,
    decay: Callable[[Score, int], float | None],
    money: Money | str,
    terms: Terms,
    tenant: str | None = None,
) -> Figures:
    """Read the figures of ``period``; ``money`` is what revenue is in, or why nobody can say.

    Raises `Nothing` where there is nothing to tell, `DatabaseUnavailable`.
    """
    by_detector = burdens(engine, "detectors", period, harm=harm, minutes=minutes, tenant=tenant)
    by_seam = [each for each in burdens(engine, "seams", period, harm=harm, minutes=minutes, tenant=tenant) if each.findings]
    total_harm = sum(each.harm for each in by_detector)
    map_ = corridor(engine, period, harm, tenant=tenant)
    earlier = period.earlier
    harm_before = sum(each.harm for each in burdens(engine, "detectors", earlier, harm=harm, minutes={}, tenant=tenant))
    with database_errors(engine), engine.connect() as connection:
        counts = _counts(connection, period, tenant)
        visits, visits_before = (_visits(connection, each, tenant) for each in (period, earlier))
        days = _days(connection, period, tenant)
        stories = _stories(connection, period, by_seam, tenant)
        moved = _moved(connection, period, tenant)
    tiles = _tiles(engine, period, now, decay, tenant)
    found = sum(each.findings for each in by_detector)
    if not (found or visits or tiles or counts):
        raise Nothing(f"nothing is known of {period.first} to {period.last}: no finding stands, and no touchpoint was counted")
    headline = None
    if visits:
        before = consistency(harm_before, visits_before, prior) if visits_before else None
        headline = PeriodScore(consistency(total_harm, visits, prior), before, visits, visits_before)
    refused = money if isinstance(money, str) else None
    standing = None if isinstance(money, str) else portfolio(engine, money, terms, tenant=tenant)
    today = [] if isinstance(money, str) else needing(engine, money, terms, harm, tenant=tenant, limit=5)[0]
    promised: Counter[str] = Counter({name: number for (kind, name), (number, _) in counts.items() if kind == "promise"})
    return Figures(
        tenant=tenant,
        period=period,
        made=now,
        headline=headline,
        tiles=tiles,
        days={period.first + timedelta(days=n): days.get(period.first + timedelta(days=n), 0) for n in range((period.last - period.first).days + 1)},
        findings=found,
        before=sum(each.before for each in by_detector),
        critical=sum(each.critical for each in by_detector),
        minutes=sum(each.minutes for each in by_detector),
        seams=by_seam[:_SEAMS],
        moves=[move for move in map_.moves if move.before and move.before != move.after],
        places=map_.places,
        snarls=snarls(engine, period, harm, minimum=_MINIMUM, tenant=tenant)[0],
        stories=stories,
        promises=Promises(
            promised["made"], promised["kept"], promised["cancelled"], sum(each.findings for each in by_detector if each.name == "broken_promise")
        ),
        answers={name: (number, total / number) for (kind, name), (number, total) in counts.items() if kind == "answer" and number},
        portfolio=standing if standing is not None and any(each.customers for each in standing.quadrants) else None,
        portfolio_refused=refused,
        today=today,
        moved=moved,
        cost_per_minute=cost_per_minute,
        detectors=Counter({each.name: each.findings for each in by_detector if each.findings}),
    )


def _counts(connection: Connection, period: Period, tenant: str | None) -> dict[tuple[str, str], tuple[int, float]]:
    own = day_counts.c
    query = select(own.kind, own.name, func.sum(own["count"]).label("number"), func.sum(own["sum"]).label("total"))
    query = query.where(own.kind.in_(["promise", "answer"]), *period.within(own, tenant, period.months)).group_by(own.kind, own.name)
    return {(row.kind, row.name): (int(row.number), float(row.total)) for row in connection.execute(query)}


def _visits(connection: Connection, period: Period, tenant: str | None) -> int:
    own = day_counts.c
    query = select(func.sum(own["count"])).where(own.kind == "visit", *period.within(own, tenant, period.months))
    return int(connection.execute(query).scalar() or 0)


def _days(connection: Connection, period: Period, tenant: str | None) -> dict[date, int]:
    own = finding_days.c
    query = select(own.day, func.sum(own.findings).label("findings")).where(*period.within(own, tenant)).group_by(own.day)
    return {date.fromisoformat(row.day): int(row.findings) for row in connection.execute(query)}


def _span(period: Period) -> tuple[datetime, datetime]:
    return datetime.combine(period.first, time(), UTC), datetime.combine(period.last + timedelta(days=1), time(), UTC)


def _stories(connection: Connection, period: Period, seams: Sequence[Burden], tenant: str | None) -> list[Story]:
    """Return a finding of each of the worst seams: it tells both moments, is of another detector than the others and has quotes, if that can be."""
    own, (begin, end) = findings.c, _span(period)
    told: list[Story] = []
    for seam in seams[: 2 * _STORIES]:
        before, after = seam_sides(seam.name)
        query = select(own.body).where(own.standing, own.seam_from == before, own.seam_to == after, own.time >= begin, own.time < end)
        query = query.where(*([] if tenant is None else [own.tenant == tenant]))
        query = query.order_by(case((own.severity == "critical", 0), else_=1), own.time.desc(), own.id).limit(_LOOKED_AT)
        bodies = [row.body for row in connection.execute(query)]
        whole = [body for body in bodies if body["first"] and body["again"]]
        known = {story.finding["detector"] for story in told}
        whole.sort(key=lambda body: (body["detector"] in known, -sum(body[moment]["mask"] is not None for moment in ("first", "again"))))
        if whole:
            told.append(Story(whole[0]))
        if len(told) == _STORIES:
            break
    return told


def _moved(connection: Connection, period: Period, tenant: str | None) -> int:
    own, (begin, end) = findings.c, _span(period)
    query = select(func.count(own.customer.distinct())).where(own.standing, own.detector == "portfolio_shift", own.time >= begin, own.time < end)
    return int(connection.execute(query.where(*([] if tenant is None else [own.tenant == tenant]))).scalar_one())


def _tiles(engine: Engine, period: Period, now: datetime, decay: Callable[[Score, int], float | None], tenant: str | None) -> list[Tile]:
    """Return the scores of tenants and brands of the longest half-life."""
    at = round(now.timestamp() * 1_000_000)
    wanted = [each for each in entity_scores(engine) if each.scope in {"tenant", "brand"} and tenant in {None, each.tenant}]
    alone = len({each.tenant for each in wanted}) == 1
    longest: dict[tuple[str, str, str, str], Score] = {}
    for score in sorted(wanted, key=lambda each: each.half_life):
        longest[score.tenant, score.score, score.scope, score.name] = score
    keys = {score_key((*whose, score.half_life)): score for whose, score in longest.items()}
    with database_errors(engine), engine.connect() as connection:
        noted, earlier = (_means(connection, each, keys) for each in (period, period.earlier))
    tiles = []
    for key, score in keys.items():
        fade = 2.0 ** (-max(0.0, (now - score.as_of).total_seconds()) / score.half_life) if score.half_life else 1.0
        present = decay(score, at) if score.samples * fade >= 1 else None
        shown = noted.get(key) or (None if present is None else Mean(present, score.samples * fade))
        if shown is not None:
            name = None if alone and score.scope == "tenant" else score.name
            tiles.append(Tile(score.score, name, *shown, key in noted, earlier.get(key) if key in noted else None))
    order = {name: place for place, name in enumerate(_FIRST)}
    return sorted(tiles, key=lambda tile: (order.get(tile.score, len(order)), tile.score, tile.name or ""))


def _means(connection: Connection, period: Period, keys: Collection[str]) -> dict[str, Mean]:
    own, (begin, end) = score_history.c, _span(period)
    query = select(own.score, func.avg(own.value).label("value"), func.avg(own.samples).label("samples")).group_by(own.score)
    found = connection.execute(query.where(own.score.in_(keys), own.hour >= begin, own.hour < end))
    return {row.score: Mean(row.value, row.samples) for row in found}
