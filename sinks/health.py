"""The metrics port: `/metrics`, `/livez`, `/readyz`, nothing else, answered by threads of its own while the main loop
works.
"""

import logging
import re
import socket
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

__all__ = ["HealthServer"]

_CONNECTIONS = 16
_LIFETIME = 10.0
_TURN = 0.5
_TEXT = "text/plain; charset=utf-8"
_FORMAT = re.compile(
    r"\s*(application/openmetrics-text|text/plain)\s*"
    r"(;\s*(version=[0-9]{1,4}(\.[0-9]{1,4}){0,2}|escaping=[a-z-]{1,20}|charset=utf-8|q=[0-9.]{1,5})\s*)*"
)
"""What Prometheus asks for. `choose_encoder` compares versions as they come, fails where one is no number, and repeats it in its answer."""

_log = logging.getLogger(__name__)


class HealthServer:
    """Serves the metrics port from `start` to `stop`, also as a context manager.

    ``live`` tells whether the process does its work at all; ``ready`` gives the reasons why it is not ready, a
    sentence each. Both are called on other threads and return at once. A connection lives at most 10 seconds; of more
    than 16 the oldest is dropped, so that slow clients lock nobody out.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        live: Callable[[], bool],
        ready: Callable[[], Sequence[str]],
        *,
        host: str = "127.0.0.1",
        port: int = 9464,
    ) -> None:
        self._host = host
        self._port = port
        self._handler = _handler(registry, live, ready)
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Return where it listens: the port that was given or, for 0, a free one."""
        if self._server is None:
            return self._host, self._port
        host, port = self._server.server_address[:2]
        return str(host), port

    def start(self) -> None:
        """Listen. Raises ``OSError``, with the address in its message, where that is not possible."""
        try:
            self._server = _Server((self._host, self._port), self._handler)
        except OSError as error:
            raise OSError(error.errno, f"metrics port {self._host}:{self._port}: {error.strerror}") from error
        self._thread = Thread(target=self._server.serve_forever, args=(_TURN,), name="metrics-port", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and drop open connections."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.drop_all()
            self._server.server_close()
            self._server = self._thread = None

    def __enter__(self) -> "HealthServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._open: dict[socket.socket, float] = {}
        self._lock = Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # Not the base's: it asks the name service for the host's name, which may take long.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            while len(self._open) >= _CONNECTIONS:
                self._drop(next(iter(self._open)))
            self._open[request] = monotonic() + _LIFETIME
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        with self._lock:
            now = monotonic()
            for connection in [connection for connection, end in self._open.items() if end <= now]:
                self._drop(connection)

    def drop_all(self) -> None:
        with self._lock:
            for connection in list(self._open):
                self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        del self._open[connection]
        try:
            connection.shutdown(socket.SHUT_RDWR)  # wakes its thread, which closes it
        except OSError:
            _log.debug("the connection was gone already")

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a connection to the metrics port broke off", exc_info=True)


def _handler(
    registry: CollectorRegistry, live: Callable[[], bool], ready: Callable[[], Sequence[str]]
) -> type[BaseHTTPRequestHandler]:
    def metrics(accept: str) -> tuple[HTTPStatus, str, bytes]:
        encode, kind = choose_encoder(",".join(each for each in accept.split(",") if _FORMAT.fullmatch(each)))
        return HTTPStatus.OK, kind, encode(registry)

    def livez(_: str) -> tuple[HTTPStatus, str, bytes]:
        if live():
            return HTTPStatus.OK, _TEXT, b"live\n"
        return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"not live\n"

    def readyz(_: str) -> tuple[HTTPStatus, str, bytes]:
        reasons = ready()
        if not reasons:
            return HTTPStatus.OK, _TEXT, b"ready\n"
        lines = "".join(" ".join(reason.split()) + "\n" for reason in reasons)
        return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, lines.encode()

    pages = {"/metrics": metrics, "/livez": livez, "/readyz": readyz}

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0
        protocol_version = "HTTP/1.1"  # each answer closes its connection all the same: see _send

        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            if self.request_version == "HTTP/0.9":  # answers to it have no head
                self.send_error(HTTPStatus.BAD_REQUEST)
                return False
            if self.command not in {"GET", "HEAD"}:
                self._send(HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"only GET and HEAD\n")
                return False
            return True

        def do_GET(self) -> None:
            try:
                page = pages.get(urlsplit(self.path).path)
            except ValueError:  # such as http://[
                page = None
            if page is None:
                self._send(HTTPStatus.NOT_FOUND, _TEXT, b"not found: there are /metrics, /livez and /readyz\n")
                return
            try:
                status, kind, body = page(self.headers.get("Accept", ""))
            except Exception:  # noqa: BLE001 - whatever a check raises, the port goes on answering, and says that something is wrong
                _log.exception("%s failed", self.path)
                status, kind, body = HTTPStatus.INTERNAL_SERVER_ERROR, _TEXT, b"failed: see the log\n"
            self._send(status, kind, body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            # Not the base's: it repeats a part of the request, and to who names no version of HTTP it sends a page without a head.
            self.request_version = self.protocol_version
            status = HTTPStatus(code)
            self._send(status, _TEXT, f"{status.phrase}\n".encode())

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.close_connection = True
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            if status is HTTPStatus.METHOD_NOT_ALLOWED:
                self.send_header("Allow", "GET, HEAD")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def version_string(self) -> str:
            return "seamwatch"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            _log.debug(format, *args)

    return Handler
