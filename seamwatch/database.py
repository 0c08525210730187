"""The database of an installation, for commands that read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from config.settings import Settings
from seamwatch.errors import Failed
from sinks.database import check_schema, create_engine

__all__ = ["opened"]


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """Open the database, and make none.

    Raises `Failed` where there is none, `SchemaOutdated`, `UnsupportedDatabase`, `DatabaseUnavailable`.
    """
    engine = create_engine(settings.database)
    file = make_url(settings.database).database if engine.dialect.name == "sqlite" else None
    if file and ":" not in file and not Path(file).exists():
        raise Failed(f"{settings.shown()['database']}: there is no such file: run `seamwatch db upgrade`")
    try:
        check_schema(engine)
        yield engine
    finally:
        engine.dispose()
