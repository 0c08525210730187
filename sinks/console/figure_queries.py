"""Figures as the console shows them: scores, seams, rules, sources, dead letters, freshness."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from sqlalchemy import Engine, case, func, literal_column, select

from models.alert import Resolution
from models.finding import Severity
from models.score import BEHIND, Score
from models.tables import alerts, dead_letters, findings
from sinks.console.shapes import (
    DeadLetter,
    DeadLetters,
    Freshness,
    FreshnessState,
    Letters,
    Partition,
    RuleFacts,
    ScoreItem,
    Scores,
    SeamItem,
    Seams,
    SourceItem,
    SourceList,
)
from sinks.errors import database_errors
from sinks.lifecycle import rank
from sinks.progress import progress
from sinks.scores import entity_scores

__all__ = ["dead_letter_counts", "freshness", "rule_figures", "scores_of", "seams_of", "sources_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3600
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_RAW = ".raw."
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
        if teams is None or _is_of(each, teams)
    ]
    items = [_decayed(each, decay, now) for each in found]
    items.sort(key=lambda item: (101.0 if item.value is None else item.value, item.scope, item.name, item.half_life))
    return Scores(items=items, as_of=now)


def seams_of(
    engine: Engine, decay: Decay, now: datetime, *, tenant: str | None, teams: Collection[str] | None
) -> Seams:
    """Return the seams between teams and channels with what goes wrong there. Raises `DatabaseUnavailable`."""
    seen, own = alerts.c, findings.c
    worst = func.max(case({name: rank(name) for name in _SEVERITIES}, value=seen.severity))
    waiting = select(seen.tenant, seen.seam_from, seen.seam_to, func.count(), worst).where(
        seen.state != literal_column("'resolved'"), seen.seam_from.is_not(None)
    )
    counted = select(own.tenant, own.seam_from, own.seam_to, func.count()).where(
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
    of_findings = {tuple(row[:3]): row[3] for row in found}
    items = []
    for whose, before, after in of_alerts.keys() | of_findings.keys():
        sides = {before, after}
        if (tenant is not None and whose != tenant) or (
            teams is not None and not sides & {f"team:{team}" for team in teams}
        ):
            continue
        number, severity = of_alerts.get((whose, before, after), (0, None))
        score = scores.get((whose, f"{before}>{after}"))
        items.append(
            SeamItem(
                tenant=whose,
                from_=before,
                to=after,
                alerts=number,
                findings=of_findings.get((whose, before, after), 0),
                severity=None if severity is None else _SEVERITIES[severity],
                score=None if score is None else score.value,
                samples=None if score is None else score.samples,
            )
        )
    items.sort(key=lambda item: (-item.alerts, -item.findings, item.tenant, item.from_, item.to))
    return Seams(items=items, as_of=now)


def rule_figures(engine: Engine, configured: Sequence[Mapping[str, Any]]) -> list[RuleFacts]:
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
    judged = select(seen.judged_rules).where(
        seen.state == literal_column("'resolved'"), seen.resolution == Resolution.FALSE_POSITIVE.value
    )
    with database_errors(engine), engine.connect() as connection:
        figures = {row.rule: row for row in connection.execute(fired)}
        false: dict[str, int] = {}
        for versions in connection.execute(judged).scalars():
            for name in versions or ():
                false[name] = false.get(name, 0) + 1
    known = {str(rule["name"]): dict(rule) for rule in configured}
    return [
        RuleFacts(
            name=name,
            detector=known[name]["detector"] if name in known else figures[name].detector,
            configured=known.get(name),
            fired=figures[name].fired if name in figures else 0,
            withdrawn=figures[name].withdrawn if name in figures else 0,
            explained=figures[name].explained if name in figures else 0,
            false_positives=false.get(name, 0),
            first=figures[name].first if name in figures else None,
            last=figures[name].last if name in figures else None,
        )
        for name in sorted(known.keys() | figures.keys())
    ]


def dead_letter_counts(engine: Engine, now: datetime, limit: int) -> DeadLetters:
    """Return refused records by topic and reason, and the newest ``limit``. Raises `DatabaseUnavailable`."""
    own = dead_letters.c
    counted = select(own.topic, own.reason, func.count().label("count"), func.max(own.time).label("newest"))
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
    refused: dict[str, tuple[str, int, datetime | None]] = dict.fromkeys(names, ("", 0, None))
    for each in dead_letter_counts(engine, now, 0).counts:
        name = others.get(each.topic) or each.topic.partition(_RAW)[2]
        if not name:
            continue
        _, number, newest = refused.get(name, ("", 0, None))
        refused[name] = each.topic, number + each.count, each.newest if newest is None else max(newest, each.newest)
    items = [
        SourceItem(name=name, topic=topic, refused=number, newest=newest)
        for name, (topic, number, newest) in sorted(refused.items())
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


def _is_of(score: Score, teams: Collection[str]) -> bool:
    """Return whether a score is of one of these teams or their seams, or of no team at all."""
    if score.scope == "partner":
        return score.name.partition(">")[0] in teams
    if score.scope == "seam":
        return any(side.removeprefix("team:") in teams for side in score.name.split(">"))
    return score.scope != "team" or score.name.removeprefix("team:") in teams


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
        stored=score.as_of,
    )


def _age(then: datetime, now: datetime) -> float:
    return max(0.0, (now - then).total_seconds())
