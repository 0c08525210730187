"""Figures as the console shows them: scores, seams, rules, sources, dead letters, freshness."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from sqlalchemy import Engine, case, func, literal_column, select

from models.alert import Resolution
from models.finding import Severity, seam_sides
from models.score import BEHIND, Score, left_out
from models.tables import alerts, dead_letters, findings
from sinks.console.settings import ConsoleSettings
from sinks.console.shapes import (
    CorridorMap,
    DeadLetter,
    DeadLetters,
    FaceFigures,
    FaceItem,
    Faces,
    Freshness,
    FreshnessState,
    Insight,
    Insights,
    Letters,
    MoveItem,
    Partition,
    PlaceItem,
    RuleFacts,
    ScoreHistory,
    ScoreItem,
    ScorePoint,
    Scores,
    SeamItem,
    Seams,
    SnarlItem,
    Snarls,
    SourceItem,
    SourceList,
)
from sinks.corridor import Face, corridor, faces, snarls
from sinks.errors import database_errors
from sinks.insights import By, Period, burdens
from sinks.lifecycle import rank
from sinks.progress import progress
from sinks.rule_figures import shadow_counts
from sinks.scores import entity_scores, noted_scores

__all__ = [
    "corridor_of", "dead_letter_counts", "faces_of", "freshness", "history_of", "insights_of", "rule_figures",
    "scores_of", "seams_of", "snarls_of", "sources_of",
]  # fmt: skip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3600
_VISITS = 50
"""Visits that a place needs to be judged a snarl or none."""
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_RAW = ".raw."
_DAY = timedelta(days=1)
_SHADOW = timedelta(days=30)
_PATIENCE = 60.0
"""Seconds, four rounds of a worker that stores: then nobody is there."""
_LAG = 30.0
"""Seconds from broker to database from which what is shown is behind."""

Decay = Callable[[Score, int], float | None]


def scores_of(
    engine: Engine,
    decay: Decay,
    now: datetime,
    *,
    score: str | None = None,
    scope: str | None = None,
    tenant: str | None = None,
    half_life: int | None = None,
    teams: Collection[str] | None = None,
) -> Scores:
    """Return scores of entities as of ``now``, the worst first; with ``teams`` of no others. Raises `DatabaseUnavailable`."""
    found = [
        each
        for each in entity_scores(engine, score=score, scope=scope, tenant=tenant, half_life=half_life)
        if _is_of(each.scope, each.name, teams)
    ]
    items = [_decayed(each, decay, now) for each in found]
    items.sort(key=lambda item: (101.0 if item.value is None else item.value, item.scope, item.name, item.half_life))
    return Scores(items=items, as_of=now)


def history_of(
    engine: Engine, score: str, scope: str, half_life: int, since: datetime, teams: Collection[str] | None
) -> list[ScoreHistory]:
    """Return scores of one kind hour by hour; with ``teams`` of no others. Raises `DatabaseUnavailable`."""
    found = noted_scores(engine, score=score, scope=scope, half_life=half_life, since=since)
    return [
        ScoreHistory(
            tenant=each.tenant,
            name=each.name,
            points=[ScorePoint(hour=hour, value=value) for hour, value in each.points],
        )
        for each in found
        if _is_of(scope, each.name, teams)
    ]


def seams_of(
    engine: Engine,
    decay: Decay,
    now: datetime,
    *,
    harm: Mapping[Severity, float],
    tenant: str | None,
    teams: Collection[str] | None,
) -> Seams:
    """Return the seams between teams and channels with what goes wrong there. Raises `DatabaseUnavailable`."""
    seen, own = alerts.c, findings.c
    worst = func.max(case({name: rank(name) for name in _SEVERITIES}, value=seen.severity))
    waiting = select(seen.tenant, seen.seam_from, seen.seam_to, func.count(), worst).where(
        seen.state != literal_column("'resolved'"), seen.seam_from.is_not(None)
    )
    cost = func.sum(case(harm, value=own.severity, else_=0.0))
    counted = select(own.tenant, own.seam_from, own.seam_to, func.count(), cost).where(
        own.standing, own.seam_from.is_not(None)
    )
    with database_errors(engine), engine.connect() as connection:
        opened = connection.execute(waiting.group_by(seen.tenant, seen.seam_from, seen.seam_to)).all()
        found = connection.execute(counted.group_by(own.tenant, own.seam_from, own.seam_to)).all()
    scores = {
        (score.tenant, score.name): _decayed(score, decay, now)
        for score in entity_scores(engine, score="consistency", scope="seam", half_life=_HOUR)
    }
    of_alerts = {tuple(row[:3]): row[3:] for row in opened}
    of_findings = {tuple(row[:3]): row[3:] for row in found}
    items = []
    for whose, before, after in of_alerts.keys() | of_findings.keys():
        if (tenant is not None and whose != tenant) or not _touches(f"{before}>{after}", teams):
            continue
        number, severity = of_alerts.get((whose, before, after), (0, None))
        findings_here, harm_here = of_findings.get((whose, before, after), (0, 0.0))
        score = scores.get((whose, f"{before}>{after}"))
        items.append(
            SeamItem(
                tenant=whose,
                from_=before,
                to=after,
                alerts=number,
                findings=findings_here,
                harm=harm_here,
                severity=None if severity is None else _SEVERITIES[severity],
                score=None if score is None else score.value,
                samples=None if score is None else score.samples,
            )
        )
    items.sort(key=lambda item: (-item.alerts, 0 if item.severity is None else -rank(item.severity), -item.findings, item.tenant, item.from_, item.to))
    return Seams(items=items, as_of=now)


def insights_of(
    engine: Engine,
    by: By,
    days: int,
    settings: ConsoleSettings,
    *,
    tenant: str | None,
    teams: Collection[str] | None,
) -> Insights:
    """Return where it hurts most in the last ``days``, today's included; with ``teams`` no seams of others. As fresh as the last count.

    Raises `DatabaseUnavailable`.
    """
    now = settings.now()
    period = _last(days, now)
    found = burdens(engine, by, period, harm=settings.harm, minutes=settings.minutes, tenant=tenant)
    items = []
    for each in found:
        if not (each.findings or each.before) or (by == "seams" and not _touches(each.name, teams)):
            continue
        minutes = each.minutes if settings.minutes else None
        items.append(
            Insight(
                name=each.name,
                findings=each.findings,
                critical=each.critical,
                before=each.before,
                impact=each.impact,
                harm=each.harm,
                minutes=minutes,
                cost=None if minutes is None or settings.cost is None else minutes * settings.cost,
                detectors=dict(each.detectors.most_common()),
                seams={name: number for name, number in each.seams.most_common() if _touches(name, teams)},
            )
        )
    return Insights(items=items, first=period.first, last=period.last, as_of=now)


def snarls_of(engine: Engine, days: int, settings: ConsoleSettings, *, tenant: str | None, teams: Collection[str] | None) -> Snarls:
    """Return the places where findings pile up in the last ``days``; with ``teams`` none where another team works. Raises `DatabaseUnavailable`."""
    now = settings.now()
    period = _last(days, now)
    found, skipped = snarls(engine, period, settings.harm, minimum=_VISITS, tenant=tenant)
    items = [
        SnarlItem(
            place=each.place.name,
            visits=each.place.visits,
            findings=each.place.findings,
            rate=each.rate,
            low=each.low,
            high=each.high,
            elsewhere=each.elsewhere,
            detectors=dict(each.place.detectors.most_common()),
        )
        for each in found
        if _is_at(each.place.name, teams)
    ]
    return Snarls(items=items, skipped=skipped, first=period.first, last=period.last, as_of=now)


def corridor_of(engine: Engine, days: int, settings: ConsoleSettings, *, tenant: str | None, teams: Collection[str] | None) -> CorridorMap:
    """Return which places follow which in the last ``days``; with ``teams`` no others' places, nor ways between these. Raises `DatabaseUnavailable`."""
    now = settings.now()
    period = _last(days, now)
    found = corridor(engine, period, settings.harm, tenant=tenant)

    def seen(*places: str) -> bool:
        return teams is None or any(place.partition("/")[2] in teams for place in places) or not any("/" in place for place in places)

    places = [PlaceItem(place=name, visits=each.visits, hits=each.hits, findings=each.findings) for name, each in found.places.items() if seen(name)]
    moves = [MoveItem(from_=each.before, to=each.after, count=each.count, findings=each.findings) for each in found.moves if seen(each.before, each.after)]
    places.sort(key=lambda each: (-each.visits, each.place))
    return CorridorMap(places=places, moves=moves, late=found.late, first=period.first, last=period.last, as_of=now)


def faces_of(engine: Engine, days: int, settings: ConsoleSettings, *, tenant: str | None, teams: Collection[str] | None) -> Faces:
    """Return the two faces of teams in the last ``days``; with ``teams`` of no others. Raises `DatabaseUnavailable`."""
    now = settings.now()
    period = _last(days, now)
    items = [
        FaceItem(team=each.team, sales=_face(each.sales), service=_face(each.service), lag=each.lag)
        for each in faces(engine, period, settings.harm, settings.prior, tenant=tenant)
        if teams is None or each.team in teams
    ]
    return Faces(items=items, first=period.first, last=period.last, as_of=now)


def _face(face: Face) -> FaceFigures:
    return FaceFigures(score=face.score, visits=face.visits, findings=face.findings)


def _last(days: int, now: datetime) -> Period:
    return Period(now.date() - timedelta(days=days - 1), now.date())


def rule_figures(engine: Engine, configured: Sequence[Mapping[str, Any]], now: datetime) -> list[RuleFacts]:
    """Return the rules that are configured or have findings, with what became of each. Raises `DatabaseUnavailable`."""
    own, seen = findings.c, alerts.c
    fired = select(
        own.rule,
        func.max(own.detector).label("detector"),
        func.count().label("fired"),
        func.sum(case((own.withdrawn, 1), else_=0)).label("withdrawn"),
        func.sum(case((own.explained_by.is_not(None), 1), else_=0)).label("explained"),
        func.min(own.time).label("first"),
        func.max(own.time).label("last"),
    ).group_by(own.rule)
    verdicts = (Resolution.FIXED.value, Resolution.FALSE_POSITIVE.value)
    resolved = seen.state == literal_column("'resolved'")
    wrong = select(seen.judged_rules).where(resolved, seen.resolution == Resolution.FALSE_POSITIVE.value)
    judged = (
        select(own.rule, func.count(seen.key.distinct()).label("alerts"))
        .join(seen.key.table, seen.key == own.alert)
        .where(resolved, seen.resolution.in_(verdicts), own.standing)
        .group_by(own.rule)
    )
    with database_errors(engine), engine.connect() as connection:
        figures = {row.rule: row for row in connection.execute(fired)}
        judgements = {row.rule: row.alerts for row in connection.execute(judged)}
        false: dict[str, int] = {}
        for versions in connection.execute(wrong).scalars():
            for name in versions or ():
                false[name] = false.get(name, 0) + 1
    shadow = shadow_counts(engine, now - _SHADOW)
    known = {str(rule["name"]): dict(rule) for rule in configured}
    return [
        RuleFacts(
            name=name,
            detector=known[name]["detector"] if name in known else figures[name].detector,
            configured=known.get(name),
            fired=figures[name].fired if name in figures else 0,
            withdrawn=figures[name].withdrawn if name in figures else 0,
            explained=figures[name].explained if name in figures else 0,
            judged=max(judgements.get(name, 0), false.get(name, 0)),
            false_positives=false.get(name, 0),
            shadow=shadow[name][0] if name in shadow else 0,
            heard=shadow[name][1] if name in shadow else 0,
            first=figures[name].first if name in figures else None,
            last=figures[name].last if name in figures else None,
        )
        for name in sorted(known.keys() | figures.keys())
    ]


def dead_letter_counts(engine: Engine, now: datetime, limit: int) -> DeadLetters:
    """Return refused records by topic and reason, and the newest ``limit``. Raises `DatabaseUnavailable`."""
    own = dead_letters.c
    lately = func.sum(case((own.time >= now - _DAY, 1), else_=0)).label("lately")
    counted = select(own.topic, own.reason, func.count().label("count"), lately, func.max(own.time).label("newest"))
    newest = select(own.topic, own.partition, own.offset, own.reason, own.time)
    with database_errors(engine), engine.connect() as connection:
        counts = connection.execute(counted.group_by(own.topic, own.reason)).all()
        letters = connection.execute(newest.order_by(own.time.desc()).limit(limit)).all()
    return DeadLetters(
        counts=sorted(
            (Letters(**row._mapping) for row in counts), key=lambda each: (-each.count, each.topic, each.reason)
        ),
        newest=[DeadLetter(**row._mapping) for row in letters],
        as_of=now,
    )


def sources_of(engine: Engine, names: Sequence[str], others: Mapping[str, str], now: datetime) -> SourceList:
    """Return the sources that are read or had records refused; ``others`` are sources by the topics of others that they read.

    Raises `DatabaseUnavailable`.
    """
    refused: dict[str, tuple[str, int, int, datetime | None]] = dict.fromkeys(names, ("", 0, 0, None))
    for each in dead_letter_counts(engine, now, 0).counts:
        name = others.get(each.topic) or each.topic.partition(_RAW)[2]
        if not name:
            continue
        _, number, lately, newest = refused.get(name, ("", 0, 0, None))
        last = each.newest if newest is None else max(newest, each.newest)
        refused[name] = each.topic, number + each.count, lately + each.lately, last
    items = [
        SourceItem(name=name, topic=topic, refused=number, lately=lately, newest=newest)
        for name, (topic, number, lately, newest) in sorted(refused.items())
    ]
    return SourceList(items=items, as_of=now)


def freshness(engine: Engine, now: datetime) -> Freshness:
    """Return how old what the database holds is. Raises `DatabaseUnavailable`."""
    found = progress(engine)
    newest = max(found.partitions, key=lambda each: each.stored, default=None)
    record_age = None if newest is None else _age(max(each.appended for each in found.partitions), now)
    write_age = None if newest is None else _age(newest.stored, now)
    delay = None if newest is None else _age(newest.appended, newest.stored)
    worker_age = None if found.worker is None else _age(found.worker, now)
    return Freshness(
        state=_state(record_age, write_age, delay, worker_age),
        record_age=record_age,
        write_age=write_age,
        delay=delay,
        worker_age=worker_age,
        partitions=[Partition(**each._asdict()) for each in found.partitions],
        as_of=now,
    )


def _state(
    record_age: float | None, write_age: float | None, delay: float | None, worker_age: float | None
) -> FreshnessState:
    seen = min((age for age in (write_age, worker_age) if age is not None), default=None)
    if seen is None:
        return "empty"
    if seen > _PATIENCE:
        return "stale"
    if write_age is not None and delay is not None and write_age <= _PATIENCE and delay > _LAG:
        return "lagging"
    return "quiet" if record_age is None or record_age > _PATIENCE else "live"


def _is_of(scope: str, name: str, teams: Collection[str] | None) -> bool:
    """Return whether a score is of one of these teams or their seams, or of no team at all."""
    if teams is None:
        return True
    if scope == "partner":
        return name.partition(">")[0] in teams
    if scope == "seam":
        return _touches(name, teams)
    return scope != "team" or name.removeprefix("team:") in teams


def _is_at(place: str, teams: Collection[str] | None) -> bool:
    """Return whether one of these teams works at a place, or nobody."""
    return teams is None or place.partition("/")[2] in {"", *teams}


def _touches(seam: str, teams: Collection[str] | None) -> bool:
    return teams is None or not {f"team:{team}" for team in teams}.isdisjoint(seam_sides(seam))


def _decayed(score: Score, decay: Decay, now: datetime) -> ScoreItem:
    fade = 2.0 ** (-max(0.0, (now - score.as_of).total_seconds()) / score.half_life) if score.half_life else 1.0
    components = {name: value if name == "prior" else value * fade for name, value in score.components.items()}
    return ScoreItem(
        tenant=score.tenant,
        score=score.score,
        scope=score.scope,
        name=score.name,
        half_life=score.half_life,
        value=decay(score, (now - _EPOCH) // timedelta(microseconds=1)),
        samples=score.samples * fade,
        components=components,
        detectors=list(BEHIND.get(score.score, ())),
        left_out=left_out(score.score, components),
        stored=score.as_of,
    )


def _age(then: datetime, now: datetime) -> float:
    return max(0.0, (now - then).total_seconds())
