"""Read scores, for the metrics, the console and the command line, and the findings behind one; note once an hour what they are."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, delete, false, or_, select, true

from models.finding import seam_sides
from models.score import BEHIND, Score
from models.tables import findings, score_history, scores
from sinks.database import insert_into, one_by_one
from sinks.errors import database_errors
from sinks.records import score_key

__all__ = ["ENTITY_SCOPES", "NotedScores", "chosen_scores", "entity_scores", "findings_behind", "note_scores", "noted_scores"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT = timedelta(days=90)

ENTITY_SCOPES = ("tenant", "brand", "channel", "team", "seam", "partner")
"""What a score can be of, apart from single customers and their journeys."""


def entity_scores(
    engine: Engine,
    *,
    score: str | None = None,
    scope: str | None = None,
    tenant: str | None = None,
    half_life: int | None = None,
    limit: int = 20_000,
) -> list[Score]:
    """Return the scores of entities, or some of them, as they were last written, the latest ``limit`` of them where there are more.

    Raises `DatabaseUnavailable`.
    """
    own = scores.c
    wanted = _equal({own.score: score, own.scope: scope, own.tenant: tenant, own.half_life: half_life})
    return _read(engine, [own.scope.in_(ENTITY_SCOPES), *wanted], limit)


def chosen_scores(
    engine: Engine, *, score: str | None, scope: str | None, name: str | None, tenant: str | None, limit: int = 20_000
) -> list[Score]:
    """Return scores as they were last written, of customers and journeys only where ``scope`` or ``name`` asks for them.

    Raises `DatabaseUnavailable`.
    """
    own = scores.c
    conditions = _equal({own.score: score, own.scope: scope, own.name: name, own.tenant: tenant})
    if scope is None and name is None:
        conditions.append(own.scope.in_(ENTITY_SCOPES))
    return _read(engine, conditions, limit)


def findings_behind(engine: Engine, score: Score, *, limit: int) -> Sequence[Any]:
    """Return the newest findings that count and are of what a score is of, by the detectors that find what lowers it: their id, detector, time and summary.

    Those of a brand or of a partner are not known apart: there are none. Raises `DatabaseUnavailable`.
    """
    own = findings.c
    before, after = seam_sides(score.name)
    customer = score.name.rpartition(">")[0] or score.name if score.score == "fusion" else score.name  # a bond is with a brand
    of: dict[str, ColumnElement[bool]] = {
        "tenant": true(),
        "channel": own.channel == score.name,
        "team": or_(own.team == score.name, own.seam_from == f"team:{score.name}", own.seam_to == f"team:{score.name}"),
        "seam": (own.seam_from == before) & (own.seam_to == after),
        "customer": own.customer == customer,
        "journey": own.journey == score.name,
    }
    conditions = [own.standing, own.tenant == score.tenant, of.get(score.scope, false())]
    if score.score in BEHIND:
        conditions.append(own.detector.in_(BEHIND[score.score]))
    query = select(own.id, own.detector, own.time, own.summary).where(*conditions).order_by(own.time.desc()).limit(limit)
    with database_errors(engine), engine.connect() as connection:
        return connection.execute(query).all()


def _equal(wanted: Mapping[ColumnElement[Any], str | int | None]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in wanted.items() if value is not None]


def _read(engine: Engine, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[Score]:
    query = select(scores).where(*conditions).order_by(scores.c.as_of.desc()).limit(limit)
    with database_errors(engine), engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        Score(
            tenant=row.tenant,
            score=row.score,
            scope=row.scope,
            name=row.name,
            half_life=row.half_life,
            value=row.value,
            samples=row.samples,
            components=row.components,
            as_of=row.as_of,
        )
        for row in rows
    ]


class NotedScores(NamedTuple):
    """A score hour by hour; what it is, as in `Score`; ``points`` are hours and values, the oldest first."""

    tenant: str
    name: str
    points: list[tuple[datetime, float]]


def note_scores(engine: Engine, decay: Callable[[Score, int], float | None], now: datetime) -> int:
    """Note what scores of entities are ``now``, unless this hour has them; forget those of 90 days ago. Return how many were noted.

    ``decay`` makes a score's value that of a time in microseconds UTC. Raises `DatabaseUnavailable`.
    """
    hour, moment = now.replace(minute=0, second=0, microsecond=0), (now - _EPOCH) // timedelta(microseconds=1)
    own = score_history.c
    with database_errors(engine), engine.connect() as connection:
        if connection.execute(select(own.hour).where(own.hour == hour).limit(1)).first() is not None:
            return 0
    rows = []
    for each in entity_scores(engine):
        value = decay(each, moment)
        if value is not None:
            subject = each.tenant, each.score, each.scope, each.name, each.half_life
            rows.append({"score": score_key(subject), "hour": hour, "value": value, "samples": each.samples})
    insert = insert_into(engine)
    engine = one_by_one(engine)
    with database_errors(engine), engine.begin() as connection:
        if rows:
            connection.execute(insert(score_history).on_conflict_do_nothing(), rows)
        connection.execute(delete(score_history).where(own.hour < hour - _KEPT))
    return len(rows)


def noted_scores(engine: Engine, *, score: str, scope: str, half_life: int, since: datetime) -> list[NotedScores]:
    """Return what scores of one kind were, hour by hour. Raises `DatabaseUnavailable`."""
    own, seen = scores.c, score_history.c
    query = (
        select(own.tenant, own.name, seen.hour, seen.value)
        .join(score_history, seen.score == own.key)
        .where(own.score == score, own.scope == scope, own.half_life == half_life, seen.hour >= since)
        .order_by(own.tenant, own.name, seen.hour)
    )
    found: dict[tuple[str, str], NotedScores] = {}
    with database_errors(engine), engine.connect() as connection:
        for row in connection.execute(query):
            noted = found.setdefault((row.tenant, row.name), NotedScores(row.tenant, row.name, []))
            noted.points.append((row.hour, row.value))
    return list(found.values())
