"""Addresses, pragmas, migrations."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from models.tables import UtcDateTime, metadata
from sinks.database import check_schema, create_engine, upgrade
from sinks.errors import DatabaseUnavailable, SchemaOutdated, UnsupportedDatabase

SQLITE = create_engine("sqlite://").dialect
POSTGRESQL = create_engine("postgresql://127.0.0.1/none").dialect

COMPARED = {
    "compare_type": True,
    "compare_server_default": True,
    "include_object": lambda each, _, kind, *__: kind != "index" or each.dialect_options["postgresql"]["using"] != "brin",
}
"""All but what PostgreSQL alone has."""


def test_migrations_make_the_tables_of_the_models(tmp_path: Path) -> None:
    """A database brought up to date has the tables, columns and indexes that the program works with."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=COMPARED)
        assert compare_metadata(context, metadata) == []
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


def test_a_database_without_tables_is_named_with_the_cure(tmp_path: Path) -> None:
    """A program that finds no tables, or newer ones, says what to do."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    engine = create_engine(url)
    with pytest.raises(SchemaOutdated, match=r"empty.*run `seamwatch db upgrade`"):
        check_schema(engine)
    upgrade(url)
    check_schema(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutdated, match=r"9999.*newer"):
        check_schema(engine)
    engine.dispose()


def test_an_upgrade_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A migration that cannot go to its end leaves the database as it was."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE dead_letters (id INTEGER)"))
    with pytest.raises(Exception, match="dead_letters already exists"):
        upgrade(url)
    assert inspect(engine).get_table_names() == ["dead_letters"]
    engine.dispose()


def test_programs_that_upgrade_at_once_all_succeed(tmp_path: Path) -> None:
    """Several programs that start on an empty file make its tables once."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    errors: list[Exception] = []

    def run() -> None:
        try:
            upgrade(url)
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("conflicts", [3, 20])
def test_an_upgrade_gives_way_to_those_who_write_and_comes_again(conflicts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it and a writer wait for each other, PostgreSQL ends one of them: the upgrade is tried again, and after long it says why it was not done."""

    class Deadlock(Exception):
        sqlstate = "40P01"

    migrate, tries = command.upgrade, iter(range(conflicts))

    def disturbed(*arguments: Any) -> None:
        if next(tries, None) is not None:
            raise OperationalError("DROP INDEX", {}, Deadlock("deadlock detected"))
        migrate(*arguments)

    monkeypatch.setattr(command, "upgrade", disturbed)
    monkeypatch.setattr("sinks.database.sleep", lambda _: None)
    url = f"sqlite:///{tmp_path / 'seamwatch.db'}"
    if conflicts == 20:
        with pytest.raises(DatabaseUnavailable, match="deadlock"):
            upgrade(url)
    else:
        upgrade(url)
        check_schema(create_engine(url))


def test_sqlite_loses_no_commit_when_the_power_fails(tmp_path: Path) -> None:
    """Every connection writes ahead, waits for the disk and keeps foreign keys."""
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]
    engine.dispose()


def test_a_database_in_memory_is_one_for_all_threads() -> None:
    """What one thread writes into a database in memory another reads."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE told (id INTEGER)"))
    found: list[list[str]] = []
    thread = threading.Thread(target=lambda: found.append(inspect(engine).get_table_names()))
    thread.start()
    thread.join()
    assert found == [["told"]]


@pytest.mark.parametrize("address", ["mysql://root:hunter2@localhost/x", "nonsense hunter2", ""])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    """An address that is neither SQLite nor PostgreSQL is refused, and no password shown."""
    with pytest.raises(UnsupportedDatabase, match="expected") as raised:
        create_engine(address)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_to_by_psycopg_3(scheme: str) -> None:
    """Every usual spelling of a PostgreSQL address leads to the same driver; nobody there is an error that asks to
    try again.
    """
    engine = create_engine(f"{scheme}://nobody@127.0.0.1:1/none")
    assert engine.driver == "psycopg"
    with pytest.raises(DatabaseUnavailable):
        check_schema(engine)


def test_a_directory_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    """A file that cannot be opened is an error that asks to try again, as when a volume is not mounted yet."""
    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        upgrade(f"sqlite:///{tmp_path / 'none' / 'a.db'}")


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001 - made aware below
    st.integers(-23, 23),
)
def test_times_come_back_to_the_microsecond(naive: datetime, hours: int) -> None:
    """Whatever its zone, a time comes back as the same instant in UTC, and text sorts as time does."""
    kind = UtcDateTime()
    time = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    for dialect in (SQLITE, POSTGRESQL):
        stored = kind.process_bind_param(time, dialect)
        read = kind.process_result_value(stored, dialect)
        assert read == time
        assert read is not None
        assert read.tzinfo is UTC
    later = kind.process_bind_param(time + timedelta(microseconds=1), SQLITE)
    assert kind.process_bind_param(time, SQLITE) < later


def test_a_naive_time_is_refused() -> None:
    """A time without a zone never reaches the database."""
    with pytest.raises(ValueError, match="naive"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 2), SQLITE)  # noqa: DTZ001 - that is the point
