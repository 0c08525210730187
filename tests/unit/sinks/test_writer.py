"""The writer on SQLite."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from sinks.database import create_engine, upgrade
from sinks.writer import DatabaseUnavailable, DatabaseWriter
from tests.unit.sinks.builders import clock, finding, record, rows
from tests.unit.sinks.conformance import Conformance


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with an empty database."""
    path = tmp_path_factory.mktemp("upgraded") / "seamwatch.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def engine(upgraded: Path, tmp_path: Path) -> Iterator[Engine]:
    """Give an empty database in a file."""
    engine = create_engine(f"sqlite:///{shutil.copy(upgraded, tmp_path)}")
    yield engine
    engine.dispose()


class TestSqlite(Conformance):
    """SQLite conforms."""


def test_times_sort_and_read_as_text(engine: Engine) -> None:
    """A time in SQLite is text of fixed width in UTC that the database's own functions understand."""
    DatabaseWriter(engine, clock).write([record(finding(time="2026-03-02T10:14:05+01:00"))])
    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT time, datetime(time) FROM findings").one()
    assert tuple(stored) == ("2026-03-02T09:14:05.000000Z", "2026-03-02 09:14:05")


def test_a_full_disk_is_waited_for(engine: Engine) -> None:
    """When the disk is full the writer says when to come again, later each time, and goes on when there is room."""
    writer = DatabaseWriter(engine, clock)
    writer.write([record(finding("f0"))])
    engine.dispose()
    pages = [1]

    @event.listens_for(engine, "checkout")
    def _limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages[0]}")

    batch = [record(finding(f"f{number}", summary="x" * 1000)) for number in range(200)]
    waits = []
    for _ in range(8):
        with pytest.raises(DatabaseUnavailable, match="full") as raised:
            writer.write(batch)
        waits.append(raised.value.retry_after)
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    pages[0] = 1_000_000
    assert writer.write(batch).findings == 199
    assert rows(engine, "alerts", "occurrences") == [(200,)]


def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    """While another program holds the write lock the writer gives way with an error that asks to try again."""
    url = f"sqlite:///{tmp_path / 'seamwatch.db'}?timeout=0.05"
    upgrade(url)
    other = sqlite3.connect(tmp_path / "seamwatch.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine = create_engine(url)
    writer = DatabaseWriter(engine, clock)
    with pytest.raises(DatabaseUnavailable, match="locked"):
        writer.write([record(finding())])
    other.execute("ROLLBACK")
    assert writer.write([record(finding())]).findings == 1
    other.close()
    engine.dispose()


def test_a_missing_table_is_a_bug(tmp_path: Path) -> None:
    """A database without tables is not waited for: the error goes through."""
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(Exception, match="no such table"):
        DatabaseWriter(engine, clock).write([record(finding())])
    engine.dispose()


def test_a_topic_that_is_none_of_the_three_is_a_bug(engine: Engine) -> None:
    """A record of a topic that the sinks do not know is refused by the topic's name."""
    with pytest.raises(ValueError, match=r"seamwatch\.touchpoints: expected"):
        DatabaseWriter(engine, clock).write([record(finding(), "seamwatch.touchpoints")])


def test_prefixes_may_hold_dots(engine: Engine) -> None:
    """Only the end of a topic's name tells what it holds."""
    assert DatabaseWriter(engine, clock).write([record(finding(), "eu.prod-1.alerts")]).findings == 1


def test_many_malformed_records_do_not_flood_the_log(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Of a batch full of malformed records ten are logged, and the number of the others."""
    written = DatabaseWriter(engine, clock).write([record(b"{")] * 1000)
    assert sum(written.malformed.values()) == 1000
    assert len(caplog.records) == 11
    assert "990 more" in caplog.text
