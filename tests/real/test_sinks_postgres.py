"""The writer on a real PostgreSQL, and what it does when that is away or stands still."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from sinks.database import check_schema, create_engine, patient, upgrade, writing
from sinks.postgres import LONGEST_SILENCE, ImpatientConnection
from sinks.writer import DatabaseUnavailable, DatabaseWriter
from tests.support.services import PostgresServer
from tests.unit.sinks.builders import clock, finding, record, rows
from tests.unit.sinks.burdens import Burdens
from tests.unit.sinks.conformance import Conformance
from tests.unit.sinks.corridors import Corridors
from tests.unit.sinks.couriers import Couriers
from tests.unit.sinks.figures import Figures
from tests.unit.sinks.handed_over import HandedOver
from tests.unit.sinks.identities import Identities
from tests.unit.sinks.letters import Letters
from tests.unit.sinks.portfolios import Portfolios
from tests.unit.sinks.promised import Promised
from tests.unit.sinks.pruned import Pruned


@contextmanager
def own_server() -> Iterator[tuple[PostgresServer, Engine, DatabaseWriter]]:
    """Give a server that may be broken, and a writer on it that has written a finding."""
    with PostgresServer() as server:
        url = server.new_database()
        upgrade(url)
        engine = create_engine(url)
        writer = DatabaseWriter(engine, clock)
        writer.write([record(finding("f0"))])
        yield server, engine, writer
        engine.dispose()


class TestPostgres(Conformance):
    """PostgreSQL conforms."""


class TestPostgresFigures(Figures):
    """PostgreSQL tells of rules what SQLite tells."""


class TestCorridors(Corridors):
    """PostgreSQL tells the same of the corridor."""


class TestPortfolios(Portfolios):
    """PostgreSQL tells the same of customers."""


class TestPromised(Promised):
    """PostgreSQL tells the same."""


class TestBurdens(Burdens):
    """PostgreSQL tells the same of what hurts most."""


class TestCouriers(Couriers):
    """PostgreSQL loses nothing that receivers are to be told."""


class TestHandedOver(HandedOver):
    """What is posted from memory is on PostgreSQL what its rows say."""


class TestLetters(Letters):
    """PostgreSQL keeps dead letters alike."""


class TestIdentities(Identities):
    """PostgreSQL forgets whom it is told to."""


class TestPruned(Pruned):
    """PostgreSQL forgets the same."""


def test_a_statement_may_take_its_time_where_it_is_told_so(database_url: str) -> None:
    """A statement that the server's limit ends goes through as a patient one, and the limit and our own patience are as before afterwards."""
    engine = create_engine(f"{database_url}?options={quote('-c statement_timeout=200ms')}")
    slow = text("SELECT pg_sleep(0.5)")
    with engine.connect() as connection:
        with patient(connection, 30):
            connection.execute(slow)
            assert connection.connection.driver_connection.silence == 30 + LONGEST_SILENCE  # type: ignore[union-attr]
        assert connection.connection.driver_connection.silence == LONGEST_SILENCE  # type: ignore[union-attr]
        connection.rollback()
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.execute(slow)
    engine.dispose()


def test_programs_that_upgrade_at_once_all_succeed(database_url: str) -> None:
    """Several programs that start on an empty database make its tables once."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            upgrade(database_url)
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    engine = create_engine(database_url)
    check_schema(engine)
    engine.dispose()


def test_a_database_that_goes_away_is_waited_for(postgres: PostgresServer) -> None:
    """A server that stops is an error that asks to try again; when it is back the same writer goes on, nothing lost."""
    del postgres  # its fixture knows when to skip
    with own_server() as (server, engine, writer):
        batch = [record(finding(f"f{number}")) for number in range(600)]
        server.kill()
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable) as raised:
                writer.write(batch)
            assert raised.value.retry_after <= 0.5
        server.start()
        assert writer.write(batch).findings == 599
        assert rows(engine, "alerts", "occurrences") == [(600,)]


def test_a_transaction_that_the_server_ends_is_tried_again(engine: Engine) -> None:
    """When the server ends the session in the middle of a batch, nothing of it is there and the next try writes all
    of it.
    """
    writer = DatabaseWriter(engine, clock)
    writer.write([record(finding())])
    blocker = psycopg.connect(_address(engine))
    blocker.execute("SELECT 1 FROM findings WHERE id = 'f1' FOR UPDATE")
    batch = [record(finding("f1", 2, severity="critical")), record(finding("e1", minutes=1))]
    ended = threading.Thread(target=_end_waiting_session, args=(_address(engine),))
    ended.start()
    with pytest.raises(DatabaseUnavailable):
        writer.write(batch)
    ended.join()
    assert rows(engine, "findings", "id", "revision") == [("f1", 1)]
    blocker.rollback()
    blocker.close()
    assert writer.write(batch).findings == 2
    assert rows(engine, "alerts", "severity", "occurrences") == [("critical", 2)]


def test_a_writer_that_stands_still_holds_nobody_up(database_url: str) -> None:
    """A transaction that stands still is ended by the server, and the rows that it held go to the next owner."""
    upgrade(database_url)
    patient = create_engine(database_url)
    writer = DatabaseWriter(patient, clock)
    writer.write([record(finding())])
    halted = create_engine(f"{database_url}?options={quote('-c idle_in_transaction_session_timeout=500ms')}")
    with writing(halted).connect() as still:
        still.execute(text("UPDATE findings SET revision = 7"))
        assert writer.write([record(finding("f1", 2))]).findings == 1
        still.invalidate()
    assert rows(patient, "findings", "revision") == [(2,)]
    halted.dispose()
    patient.dispose()


def test_a_server_that_never_answers_is_given_up() -> None:
    """A server that takes connections and says nothing is an error that asks to try again, not a hanging writer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = create_engine(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none?connect_timeout=2")
        begin = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            DatabaseWriter(engine, clock).write([record(finding())])
        assert time.monotonic() - begin < 10
        engine.dispose()


def test_a_server_that_freezes_within_a_statement_is_given_up(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stands still while it is asked something is an error that asks to try again; when it goes on, so does the same writer."""
    del postgres  # its fixture knows when to skip
    monkeypatch.setattr(ImpatientConnection, "silence", 2.0)
    with own_server() as (server, engine, writer):
        blocker = psycopg.connect(_address(engine))
        blocker.execute("LOCK TABLE alerts")
        freeze = threading.Timer(0.5, server.pause)
        freeze.start()
        batch = [record(finding(f"f{number}")) for number in range(600)]
        for _ in range(2):  # within a statement, then at a new connection
            with pytest.raises(DatabaseUnavailable):
                writer.write(batch)
        server.resume()
        blocker.close()
        assert writer.write(batch).findings == 599


def test_times_are_times(engine: Engine) -> None:
    """A time in PostgreSQL is a timestamp with time zone, to the microsecond."""
    DatabaseWriter(engine, clock).write([record(finding(time="2026-03-02T10:14:05.120001+01:00"))])
    with engine.connect() as connection:
        found = connection.execute(text("SELECT to_char(time, 'HH24:MI:SS.US'), body->>'severity' FROM findings")).one()
    assert tuple(found) == ("09:14:05.120001", "warning")


def _address(engine: Engine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _end_waiting_session(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        deadline = time.monotonic() + 20
        waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while connection.execute(waiting).fetchone() is None and time.monotonic() < deadline:
            time.sleep(0.05)
