"""All that listens, over real sockets, with requests that no client would send: refused by the rules of HTTP, never a
server's error, never a word of the inside, and the server lives on.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import h11
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from prometheus_client import CollectorRegistry, Counter

from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import Right
from sinks.console.moments import Said
from sinks.database import create_engine, upgrade
from sinks.health import HealthServer
from sinks.writer import DatabaseWriter
from streams.ingest.server import Ingest, OpenDoor
from streams.ingest.signatures import checker
from streams.sources.door import Door
from tests.fuzz.requests import Answer, Sent, ask, requests
from tests.support.properties import examples
from tests.unit.sinks.builders import clock, finding, letter, record, score
from tests.unit.sinks.console.served import served
from tests.unit.sinks.console.test_alerts import touch
from tests.unit.streams.ingest.test_server import Log

pytestmark = pytest.mark.slow

QUICK, LONG = 250, 20_000
EFFORT = pytest.mark.parametrize("count", [QUICK, pytest.param(LONG, marks=pytest.mark.full)], ids=["quick", "long"])
LIMIT = 5000
KEPT = 60
"""Threads and files that a server may keep for what comes next (a pool of 40 threads, connections to the database): far fewer than the requests."""


class Listening(NamedTuple):
    """A server that listens at ``address``."""

    address: tuple[str, int]
    targets: list[bytes]
    known: list[tuple[bytes, bytes]]
    judge: Callable[[Sent, Answer], None] = lambda _sent, _told: None


@contextmanager
def metrics_port(_: Path) -> Iterator[Listening]:
    """Serve the metrics port of a worker that is ready: the same class serves in all roles."""
    registry = CollectorRegistry()
    Counter("told_total", "Told.", registry=registry)

    def judge(_: Sent, told: Answer) -> None:
        assert told.status in {None, 200, 400, 404, 405, 414, 431, 505}

    with HealthServer(registry, lambda: True, list, port=0) as server:
        yield Listening(server.address, [b"/metrics", b"/livez", b"/readyz", b"/"], [(b"Host", b"a")], judge)


@contextmanager
def ways_in(_: Path) -> Iterator[Listening]:
    """Serve a door that wants a token, and one that wants a signature; what is confirmed, and nothing else, is in the log."""
    log = Log()
    token, signature = Door(scheme="token", header="X-Key"), Door(scheme="standard-webhooks")
    doors = {
        "desk": OpenDoor("t.raw.desk", checker(token, ["good"]), 1_000_000, LIMIT),
        "signed": OpenDoor("t.raw.signed", checker(signature, ["whsec_" + "QUJD" * 8]), 1_000_000, LIMIT),
    }
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    ingest = Ingest(doors, log.append, log)
    asyncio.run_coroutine_threadsafe(ingest.start(), loop).result(10)
    taken = 0

    def judge(_: Sent, told: Answer) -> None:
        nonlocal taken
        if told.status == 204:
            assert len(log.records) > taken, "confirmed, and not in the log"
        elif told.status is not None:
            assert json.loads(told.body or b'{"type": "urn:seamwatch:problem:"}')["type"].startswith(
                "urn:seamwatch:problem:"
            )
        taken = len(log.records)
        assert all(topic == "t.raw.desk" and 0 < len(body) <= LIMIT for topic, body, _ in log.records), (
            "taken without a signature, or beyond the limit"
        )

    try:
        yield Listening(
            ingest.address,
            [b"/in/desk", b"/in/desk", b"/in/signed", b"/"],
            [(b"Host", b"a"), (b"X-Key", b"good")],
            judge,
        )
        eventually(lambda: log.held == 0)
        good = b"POST /in/desk HTTP/1.1\r\nHost: a\r\nX-Key: good\r\nContent-Length: 2\r\n\r\n{}"
        assert ask(ingest.address, Sent(good, True)).status == 204
    finally:
        asyncio.run_coroutine_threadsafe(ingest.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def console(folder: Path) -> Iterator[Listening]:
    """Serve the console to whom it knows by a token: its pages, and of its API what is asked and what changes something."""
    url = f"sqlite:///{folder / 'a.db'}"
    upgrade(url)
    engine = create_engine(url)
    DatabaseWriter(engine, clock).write(
        [record(finding(first=touch("t"))), record(finding("b", alert="B")), score(), letter()]
    )
    token = Accounts(engine).add_token("fuzz", list(Right), datetime.now(UTC))
    app = create_console(engine, ConsoleSettings(forget=lambda *_: (1, True), reveal=lambda _: Said("4711", None)))
    paths = [path.replace("{key}", "B").encode() for path in app.openapi()["paths"] if path != "/api/stream"]
    known = [(b"Host", b"a"), (b"Authorization", f"Bearer {token}".encode())]
    with served(app) as port:
        yield Listening(("127.0.0.1", port), [*paths, b"/", b"/assets/a", b"/livez", b"/api/openapi.json"], known)
    engine.dispose()


@EFFORT
@pytest.mark.parametrize("serve", [metrics_port, ways_in, console])
def test_whatever_is_sent_is_refused_by_rule_and_the_server_lives(
    serve: Callable[[Path], AbstractContextManager[Listening]],
    count: int,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No request makes the server fail, tell of its inside or log a stack trace; afterwards it answers, and the requests left it no threads and files."""
    with serve(tmp_path) as listening:
        answers(listening)
        before = held()

        @settings(
            examples(count),
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
            database=None,
            derandomize=count == QUICK,
        )
        @given(requests(listening.targets, listening.known))
        def throw(sent: Sent) -> None:
            caplog.clear()
            listening.judge(sent, ask(listening.address, sent))
            assert not [each for each in caplog.records if failed(each)], caplog.text

        throw()
        answers(listening)
        eventually(lambda: all(now <= then + KEPT for now, then in zip(held(), before, strict=True)))


def failed(told: logging.LogRecord) -> bool:
    """Tell whether a line of the log is that of a failure. A body that turns out to be none while the console answers already
    is none: the client hears 400, and uvicorn tells in the log that it cannot hear the answer, too.
    """
    if told.exc_info and isinstance(told.exc_info[1], h11.LocalProtocolError):
        return False
    return told.levelno >= logging.ERROR or bool(told.exc_info and told.levelno > logging.DEBUG)


def answers(listening: Listening) -> None:
    """Ask what any client asks."""
    connection = HTTPConnection(*listening.address, timeout=5)
    connection.request("GET", "/livez")
    assert connection.getresponse().status in {200, 404}
    connection.close()


def held() -> tuple[int, int]:
    """Return how many threads run and how many files are open."""
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not come"
        sleep(0.05)
