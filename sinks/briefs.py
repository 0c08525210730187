"""Read the latest briefs of journeys."""

from collections.abc import Collection

from sqlalchemy import Engine, or_, select

from models.brief import Brief
from models.tables import briefs
from sinks.errors import database_errors

__all__ = ["latest_brief"]


def latest_brief(engine: Engine, name: str, *, tenant: str | None = None, teams: Collection[str] | None = None) -> Brief | None:
    """Return the latest brief of the journey or the customer of this name, of any tenant unless one is given; None where there is none, or it is for none of
    ``teams``.

    Raises `DatabaseUnavailable`.
    """
    query = select(briefs.c.body).where(or_(briefs.c.journey == name, briefs.c.customer == name))
    if tenant is not None:
        query = query.where(briefs.c.tenant == tenant)
    query = query.order_by(briefs.c.time.desc(), briefs.c.log_offset.desc()).limit(1)
    with database_errors(engine), engine.connect() as connection:
        body = connection.scalar(query)
    brief = None if body is None else Brief.model_validate(body, strict=False)
    return None if brief is None or (teams is not None and brief.to_team not in teams) else brief
