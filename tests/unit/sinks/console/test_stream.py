"""The live stream over a database that others write."""

import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update

from models.alert import Acknowledge
from models.tables import alerts, stream_progress
from sinks.console import ConsoleSettings, create_console
from sinks.console.stream import _Listener as Waiting
from sinks.console.stream import read_id
from sinks.progress import note_worker
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import NOW, finding, record, score
from tests.unit.sinks.console.served import Listener, served
from tests.unit.sinks.handling import Desk


@pytest.fixture
def port(engine: Engine, settings: ConsoleSettings) -> Iterator[int]:
    """Give the port of a console."""
    with served(create_console(engine, settings)) as port:
        yield port


def test_what_others_do_is_told(port: int, session: str, desk: Desk, engine: Engine) -> None:
    """Who listens is greeted with the build and the freshness, and told alerts and scores that change, as the list has them."""
    listener = Listener(port, session)
    assert listener.answer.headers["content-type"].startswith("text/event-stream")
    hello = listener.next()
    assert (hello.name, hello.data["version"]) == ("hello", "b1")
    assert listener.next().name == "freshness"
    desk.clock.now += timedelta(seconds=1)
    desk.found(finding())
    told = listener.next("alerts")
    [item] = told.data["items"]
    assert (item["alert"]["key"], item["latest"]["reason"], item["alert"]["seam"]["from"]) == (
        "A",
        "after_handoff",
        "team:billing",
    )
    desk.act(Acknowledge())
    [item] = listener.next("alerts").data["items"]
    assert (item["alert"]["state"], item["alert"]["version"]) == ("acknowledged", 2)
    DatabaseWriter(engine, desk.clock).write([score()])
    [changed] = listener.next("scores").data["items"]
    assert changed["name"] == "tech"
    listener.close()


def test_who_comes_back_misses_nothing(port: int, session: str, desk: Desk, engine: Engine) -> None:
    """With the last id that was seen, all that changed since is told again from the database, what was committed late too."""
    listener = Listener(port, session)
    listener.next("hello")
    desk.clock.now += timedelta(seconds=1)
    desk.found(finding())
    listener.alerts("A")
    last = listener.last
    listener.close()
    desk.found(finding("b", alert="B"))
    with engine.begin() as late:
        late.execute(update(alerts).where(alerts.c.key == "B").values(updated=desk.clock.now - timedelta(seconds=30)))
    desk.clock.now += timedelta(seconds=40)
    desk.found(finding("c", alert="C"))
    back = Listener(port, session, last)
    assert back.next().name == "hello"
    assert back.alerts("B", "C").keys() == {"A", "B", "C"}
    assert int(back.next("caught-up").id or "") > int(last or "")
    back.close()


def test_a_late_commit_is_told(port: int, session: str, desk: Desk, engine: Engine) -> None:
    """An alert that becomes visible half a minute after it was written is told, too."""
    desk.found(finding())
    listener = Listener(port, session)
    listener.next("freshness")
    with engine.begin() as late:
        before = desk.clock.now - timedelta(seconds=30)
        late.execute(update(alerts).values(updated=before, version=5))
    assert listener.alerts("A") == {"A": 5}
    listener.close()


@pytest.mark.parametrize("last", ["x", "-1", "0", "9" * 30, "१"])
def test_an_id_that_is_none_begins_anew(last: str) -> None:
    """An id that this API never gave tells the listener to load everything again, and is no error."""
    assert read_id(last) is None


def test_who_missed_too_much_begins_anew(port: int, session: str, desk: Desk) -> None:
    """Who comes back after more than can be replayed is told to load the list again."""
    desk.found(*(finding(f"f{number}", alert=f"A{number}") for number in range(5001)))
    back = Listener(port, session, str(NOW))
    assert back.next("reset", "alerts").name == "reset"
    back.close()


def test_who_does_not_read_keeps_nobody_waiting(
    engine: Engine, settings: ConsoleSettings, session: str, desk: Desk
) -> None:
    """A listener that does not read is kept at a bounded number of events, and others are told as if it were not there."""
    with served(create_console(engine, settings)) as port:
        lazy = socket.create_connection(("127.0.0.1", port))
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        lazy.sendall(f"GET /api/stream HTTP/1.1\r\nHost: x\r\nCookie: seamwatch={session}\r\n\r\n".encode())
        eager = Listener(port, session)
        eager.next("hello")
        for number in range(3):
            desk.clock.now += timedelta(seconds=1)
            desk.found(*(finding(f"{number}-{each}", alert=f"A{each}") for each in range(300)))
            assert len(eager.alerts(*(f"A{each}" for each in range(300)))) == 300
        eager.close()
        lazy.close()


async def test_what_nobody_reads_is_dropped() -> None:
    """Of more events than are kept for a listener none is left but the knowledge that it has to begin anew."""
    listener = Waiting(None)
    for number in range(100):
        listener.put(b"%d" % number)
    assert (await listener.get(), listener.lost) == (b"", True)


def test_freshness_tells_quiet_from_dead(
    client: TestClient, desk: Desk, engine: Engine, settings: ConsoleSettings
) -> None:
    """What is stored by records of late is live; nothing to store while a worker is there is quiet; without a worker it is
    stale; records that had waited mean that the worker lags.
    """

    def state() -> str:
        return str(client.get("/api/freshness").json()["state"])

    assert state() == "empty"
    desk.found(finding())
    assert state() == "live"
    desk.clock.now += timedelta(seconds=50)
    note_worker(engine, desk.clock.now)
    desk.clock.now += timedelta(seconds=30)
    fresh = client.get("/api/freshness").json()
    assert (fresh["state"], fresh["record_age"], fresh["write_age"], fresh["worker_age"]) == ("quiet", 80.0, 80.0, 30.0)
    desk.clock.now += timedelta(seconds=31)
    assert state() == "stale"
    writer = DatabaseWriter(engine, desk.clock)
    writer.write([record(finding("b", minutes=1), timestamp=NOW + 70_000_000)])
    assert state() == "lagging"
    [partition] = client.get("/api/freshness").json()["partitions"]
    assert partition["appended"] == "2026-03-02T09:16:10Z"


def test_progress_goes_by_the_brokers_time(desk: Desk, engine: Engine) -> None:
    """A batch that comes again leaves what is known of its partition; a topic that was made again, with lower offsets, goes on."""
    writer = DatabaseWriter(engine, desk.clock)

    def offset() -> int:
        with engine.connect() as connection:
            return int(connection.execute(stream_progress.select()).one().log_offset)

    writer.write([record(finding(), offset=7), record(b"{", offset=8)])
    writer.write([record(finding(), offset=7, timestamp=NOW - 1)])
    assert offset() == 8
    writer.write([record(finding(), offset=0, timestamp=NOW + 1)])
    assert offset() == 0
