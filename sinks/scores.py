"""Read scores of entities, for the metrics and the console, and note once an hour what they are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from models.score import Score
from models.tables import score_history, scores
from sinks.database import writing
from sinks.errors import database_errors
from sinks.records import score_key

__all__ = ["ENTITY_SCOPES", "NotedScores", "entity_scores", "note_scores", "noted_scores"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT = timedelta(days=90)

ENTITY_SCOPES = ("tenant", "brand", "channel", "team", "seam")
"""What a score can be of, apart from single customers and their journeys."""


def entity_scores(engine: Engine, *, limit: int = 20_000) -> list[Score]:
    """Return the scores of entities as they were last written, the latest ``limit`` of them where there are more.

    Raises `DatabaseUnavailable`.
    """
    query = select(scores).where(scores.c.scope.in_(ENTITY_SCOPES)).order_by(scores.c.as_of.desc()).limit(limit)
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
    insert: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[engine.dialect.name]
    engine = writing(engine) if engine.dialect.name == "sqlite" else engine
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
