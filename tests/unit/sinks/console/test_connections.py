"""Connections that take their time."""

import socket
from time import monotonic, sleep

import pytest
from fastapi import FastAPI

from sinks.console.connections import PromptConnection
from tests.unit.sinks.console.served import PATIENCE, served

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
LIMIT = 1.0


def console() -> FastAPI:
    """Return an application that answers."""
    app = FastAPI()
    app.get("/")(lambda: "here")

    @app.post("/")
    def take(_: dict[str, str]) -> str:
        return "here"

    return app


def _answer(connection: socket.socket) -> bytes:
    """Read an answer to its end: its head and what the application says may come one after the other."""
    answer = b""
    while not answer.endswith(b'"here"'):
        part = connection.recv(4096)
        assert part, answer
        answer += part
    return answer


@pytest.mark.parametrize("before", [b"", HEAD + b"{}"], ids=["first", "second"])
@pytest.mark.parametrize("drip", [b"", b"a"], ids=["silent", "dripping"])
def test_a_head_that_does_not_come_ends_the_connection(monkeypatch: pytest.MonkeyPatch, before: bytes, drip: bytes) -> None:
    """Whoever sends no head, or one byte of it now and then, is left when the time is over, also after a request that was answered."""
    monkeypatch.setattr(PromptConnection, "head_seconds", LIMIT)
    with served(console()) as port, socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        if before:
            connection.sendall(before)
            assert _answer(connection).startswith(b"HTTP/1.1 200")
        assert LIMIT * 0.9 < _seconds_left(connection, b"GET / HTTP/1.1\r\nX: " if before or drip else b"", drip) < LIMIT * 4


@pytest.mark.parametrize("before", [b"", HEAD + b"{}"], ids=["first", "second"])
@pytest.mark.parametrize("drip", [b"", b"a"], ids=["silent", "dripping"])
def test_a_body_that_does_not_come_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, before: bytes, drip: bytes
) -> None:
    """Whoever sends no body, or one byte of it now and then, is left when its own time is over; nothing is logged as an error of ours."""
    monkeypatch.setattr(PromptConnection, "head_seconds", LIMIT / 4)
    monkeypatch.setattr(PromptConnection, "body_seconds", LIMIT)
    head = HEAD.replace(b"GET", b"POST").replace(b" 2", b" 2000")
    with served(console()) as port, socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        if before:
            connection.sendall(before)
            assert _answer(connection).startswith(b"HTTP/1.1 200")
        assert LIMIT * 0.9 < _seconds_left(connection, head, drip) < LIMIT * 4
    assert [each for each in caplog.records if each.levelname in {"ERROR", "CRITICAL"}] == []


def _seconds_left(connection: socket.socket, begin: bytes, drip: bytes) -> float:
    """Return after how many seconds the other side closed the connection on which ``begin`` came, and then ``drip`` now and then."""
    began = monotonic()
    connection.sendall(begin)
    connection.settimeout(0.1)
    while True:
        assert monotonic() - began < PATIENCE
        try:
            connection.sendall(drip)
            assert connection.recv(1) == b""
        except TimeoutError:
            continue
        except ConnectionError:
            pass  # it was closed while a byte was on its way
        return monotonic() - began


def test_a_body_may_come_later_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the head is there the time for it is not counted any more."""
    monkeypatch.setattr(PromptConnection, "head_seconds", LIMIT)
    with served(console()) as port, socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(HEAD.replace(b"GET", b"POST"))
        sleep(LIMIT * 1.5)
        connection.sendall(b"{}")
        assert _answer(connection).startswith(b"HTTP/1.1 200")
