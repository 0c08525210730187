"""Comparisons of two sets of rules that somebody kept, for the console to show."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, delete, insert, select

from models.tables import back_tests
from sinks.database import writing
from sinks.errors import database_errors

__all__ = ["keep_back_test", "kept_back_tests"]

_KEPT: Final = 50
_COUNTS = ("findings", "changes", "alerts", "rules", "teams", "seams")


def keep_back_test(engine: Engine, comparison: Mapping[str, Any], touchpoints: int, actor: str, now: datetime) -> None:
    """Keep the counts of a comparison, and of all comparisons the last 50; its examples, which name customers, are not kept.

    Raises `DatabaseUnavailable`.
    """
    told = {"tested": comparison["tested"], "against": comparison["against"], "touchpoints": touchpoints}
    with database_errors(engine), writing(engine).begin() as connection:
        connection.execute(insert(back_tests).values(time=now, actor=actor, body={name: comparison[name] for name in _COUNTS}, **told))
        oldest = select(back_tests.c.id).order_by(back_tests.c.id.desc()).limit(_KEPT)
        connection.execute(delete(back_tests).where(back_tests.c.id.not_in(oldest)))


def kept_back_tests(engine: Engine, limit: int) -> list[dict[str, Any]]:
    """Return comparisons, the latest first. Raises `DatabaseUnavailable`."""
    with database_errors(engine), engine.connect() as connection:
        rows = connection.execute(select(back_tests).order_by(back_tests.c.id.desc()).limit(limit)).all()
    return [{**row.body, **{name: getattr(row, name) for name in ("id", "time", "actor", "tested", "against", "touchpoints")}} for row in rows]
