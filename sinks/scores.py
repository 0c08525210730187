"""Read scores, for the metrics, the console and the command line, and the findings behind one."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, false, or_, select, true

from models.score import BEHIND, Score
from models.tables import findings, scores
from sinks.errors import database_errors

__all__ = ["ENTITY_SCOPES", "chosen_scores", "entity_scores", "findings_behind"]

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
    before, _, after = score.name.partition(">")
    of: dict[str, ColumnElement[bool]] = {
        "tenant": true(),
        "channel": own.channel == score.name,
        "team": or_(own.team == score.name, own.seam_from == f"team:{score.name}", own.seam_to == f"team:{score.name}"),
        "seam": (own.seam_from == before) & (own.seam_to == after),
        "customer": own.customer == before,
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
