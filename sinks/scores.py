"""Read scores of entities, for the metrics and the console."""

from sqlalchemy import Engine, select

from models.score import Score
from models.tables import scores
from sinks.errors import database_errors

__all__ = ["ENTITY_SCOPES", "entity_scores"]

ENTITY_SCOPES = ("tenant", "brand", "channel", "team", "seam", "partner")
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
