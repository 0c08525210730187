"""A receiver of webhooks and of Alertmanager's alerts: notes what it is told, answers what it is to answer, and can be away."""

import json
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from time import sleep
from typing import Any, NamedTuple

__all__ = ["ReceiverServer", "Told"]


class Told(NamedTuple):
    """A request: its path, headers by lower case, body, and what was answered."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


class ReceiverServer:
    """Listens on a free port of this machine. ``status`` and ``answer`` are what it answers; ``start`` and ``stop`` keep the port."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: dict[str, str] = {}
        self.content = b""
        self.silent = Event()
        """While it is set, nothing is answered."""
        self._told: list[Told] = []
        self._lock = Lock()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def told(self) -> list[Told]:
        """Return all requests so far."""
        with self._lock:
            return list(self._told)

    def start(self) -> None:
        """Listen."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                while outer.silent.is_set():
                    sleep(0.01)
                status = outer.status
                with outer._lock:
                    outer._told.append(Told(self.path, {name.lower(): value for name, value in self.headers.items()}, body, status))
                self.send_response(status)
                for name, value in outer.answer.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # who asked may have gone
                    self.wfile.write(outer.content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Be away: connections are refused."""
        self.silent.clear()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> "ReceiverServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
