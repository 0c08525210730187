"""A console that listens, for what a client in the same process cannot show."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from threading import Thread
from time import monotonic, sleep
from typing import Any, NamedTuple

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sinks.console.accounts import Accounts
from sinks.console.connections import PromptConnection
from tests.unit.sinks.handling import Desk

PATIENCE = 20.0


class Event(NamedTuple):
    """A server-sent event; ``id`` None: it has none."""

    name: str
    data: Any
    id: str | None


class Listener:
    """Reads a stream, an event at a time."""

    def __init__(self, port: int, session: str, last: str | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        sent = {"Cookie": f"seamwatch={session}"} | ({} if last is None else {"Last-Event-ID": last})
        self._connection.request("GET", "/api/stream", headers=sent)
        self.answer: HTTPResponse = self._connection.getresponse()
        self.last = last

    def next(self, *names: str) -> Event:
        """Return the next event of one of these names, or of any."""
        deadline = monotonic() + PATIENCE
        fields: dict[str, str] = {}
        while monotonic() < deadline:
            line = self.answer.readline().decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "event" in fields:
                found = Event(fields["event"], json.loads(fields["data"]), fields.get("id"))
                self.last = found.id or self.last
                if not names or found.name in names:
                    return found
            fields = {}
        raise AssertionError(f"none of {names} came")

    def alerts(self, *keys: str) -> dict[str, int]:
        """Return the versions of alerts as they come, once all of these came."""
        seen: dict[str, int] = {}
        while not seen.keys() >= set(keys):
            for item in self.next("alerts").data["items"]:
                seen[item["alert"]["key"]] = item["alert"]["version"]
        return seen

    def close(self) -> None:
        """Break off."""
        self.answer.close()
        self._connection.close()


def enter(accounts: Accounts, name: str, desk: Desk) -> str:
    """Return the secret of a session of somebody."""
    entered = accounts.follow_link(accounts.make_link(name, desk.clock.now), desk.clock.now)
    assert entered is not None
    return entered[1]


def known(client: TestClient, app: FastAPI, session: str) -> TestClient:
    """Return the client with a session."""
    client.cookies.set("seamwatch", session)
    client.headers["X-CSRF-Token"] = app.state.doors.csrf(session)
    return client


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """Serve ``app`` on a free port of this machine, and give the port."""
    config = uvicorn.Config(app, http=PromptConnection, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        deadline = monotonic() + PATIENCE
        while not server.started:
            assert monotonic() < deadline
            sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(PATIENCE)
