"""How far the stream is stored, and whether anybody stores it: what a page needs to say how old it is."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from models.tables import stream_progress
from sinks.database import one_by_one
from sinks.errors import database_errors

__all__ = ["Progress", "Stored", "note_worker", "progress"]

_WORKER = "worker"
"""In the place of a topic: when a worker that stores last said that it is there. No topic of ours has a name without a dot."""


class Stored(NamedTuple):
    """How far a partition is stored: the newest record, when the broker appended it, and when it was stored."""

    topic: str
    partition: int
    offset: int
    appended: datetime
    stored: datetime


class Progress(NamedTuple):
    """What is stored of each partition, and when a worker that stores was last there (None: never)."""

    partitions: list[Stored]
    worker: datetime | None


def note_worker(engine: Engine, now: datetime) -> None:
    """Say that a worker is there that stores what comes. Raises `DatabaseUnavailable`, `Conflict`."""
    insert: Any = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
    row = {"topic": _WORKER, "partition": 0, "log_offset": 0, "appended": now, "stored": now}
    upsert = insert(stream_progress).values(row)
    later = upsert.on_conflict_do_update(
        index_elements=["topic", "partition"],
        set_={"appended": now, "stored": now},
        where=upsert.excluded.stored > stream_progress.c.stored,
    )
    with (
        database_errors(engine),
        one_by_one(engine).begin() as connection,
    ):
        connection.execute(later)


def progress(engine: Engine) -> Progress:
    """Return how far the stream is stored. Raises `DatabaseUnavailable`."""
    own = stream_progress.c
    with database_errors(engine), engine.connect() as connection:
        rows = connection.execute(select(stream_progress).order_by(own.topic, own.partition)).all()
    partitions = [Stored(*row) for row in rows if row.topic != _WORKER]
    return Progress(partitions, next((row.stored for row in rows if row.topic == _WORKER), None))
