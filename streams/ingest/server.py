"""The HTTP server: `POST /in/<source>` is answered with 204 when Kafka has the body, with a problem document when it has not."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from streams.errors import DeliveryFailed
from streams.ingest.appender import Headers
from streams.ingest.rules import PROBLEMS, Rule
from streams.ingest.signatures import Check, Posted
from streams.sources.door import MOST_BYTES

if TYPE_CHECKING:
    from streams.tracing import Tracing

__all__ = ["Append", "DoorObserver", "Ingest", "OpenDoor", "kept_headers"]

_log = logging.getLogger(__name__)

ACCEPTED = "accepted"
_PATH = "/in/"
_BODY_SECONDS = 10.0
_HEAD_SECONDS = 75.0
"""So long a connection may take to bring the head of its next request; aiohttp would wait for an hour. Longer than proxies keep one idle."""
_STOP_SECONDS = 3.0
_EVENT = "ce-"
_SERVER = {"Server": "seamwatch"}
_MOST_HEADERS = 8 * 1024
"""Bytes of the headers that go into the topic beside a body of the largest size."""


class Append(Protocol):
    """Puts a record into a topic and returns when it is confirmed; raises `DeliveryFailed`."""

    async def __call__(self, topic: str, value: bytes, headers: Headers = ()) -> None: ...


class DoorObserver(Protocol):
    """Receives figures on the event loop: an implementation returns at once and raises nothing."""

    def request_answered(self, source: str, outcome: str, seconds: float) -> None:
        """A request was answered: ``outcome`` is ``accepted`` or the word of a rule; ``source`` is empty where there is no such door."""

    def request_bytes(self, held: int) -> None:
        """Bodies of so many bytes are read or being written now."""


class OpenDoor:
    """A door with what it takes to pass it: ``check`` the signature, ``rate`` requests a second, ``limit`` bytes of a body."""

    def __init__(self, topic: str, check: Check, rate: int, limit: int, clock: Callable[[], float] = monotonic) -> None:
        self.topic = topic
        self.check = check
        self.limit = limit
        self._rate = rate
        self._clock = clock
        self._tokens, self._then = float(rate), clock()

    def within_rate(self) -> bool:
        """Count a request; return whether the source may post it now."""
        now = self._clock()
        self._tokens = min(float(self._rate), self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Ingest:
    """Serves the ``doors``, by source. Bodies of ``memory`` bytes at most are held at once; what is more is told to come again.

    Nothing that a request says is logged or sent back.
    """

    def __init__(
        self,
        doors: Mapping[str, OpenDoor],
        append: Append,
        observer: DoorObserver,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        memory: int = 64 * 1024 * 1024,
        now: Callable[[], float] = time,
        tracing: "Tracing | None" = None,
    ) -> None:
        self._doors = doors
        self._append = append
        self._observer = observer
        self._host, self._port = host, port
        self._memory = memory
        self._now = now
        self._tracing = tracing
        self._held = 0
        self._runner: web.ServerRunner | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Return where it listens: the port that was given or, for 0, a free one."""
        host, port = self._runner.addresses[0][:2] if self._runner else (self._host, self._port)
        return host, port

    async def start(self) -> None:
        """Listen. Raises ``OSError``, with the address in its message, where that is not possible."""
        server = _Server(
            self._answer, request_factory=_request, access_log=None, auto_decompress=False, keepalive_timeout=_HEAD_SECONDS
        )
        runner = web.ServerRunner(server, shutdown_timeout=_STOP_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, backlog=512).start()
        except OSError as error:
            raise OSError(error.errno, f"door {self._host}:{self._port}: {error.strerror}") from error
        self._runner = runner

    async def stop(self) -> None:
        """Take no more, wait some seconds for what is being written, and close."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        began = monotonic()
        path = request.path
        source = path[len(_PATH) :] if path.startswith(_PATH) else ""
        door = self._doors.get(source)
        broken = Rule.UNKNOWN_SOURCE if door is None else await self._take(door, request)
        self._observer.request_answered(
            source if door else "", ACCEPTED if broken is None else broken, monotonic() - began
        )
        return web.Response(status=204, headers=_SERVER) if broken is None else _problem(broken)

    async def _take(self, door: OpenDoor, request: web.BaseRequest) -> Rule | None:
        """Put the body into the topic; return the rule that the request breaks instead."""
        if request.method != "POST":
            return Rule.METHOD
        if request.headers.get("Content-Encoding", "identity") != "identity":
            return Rule.ENCODED
        length = request.content_length
        size = door.limit if length is None else length
        if size > door.limit:
            return Rule.TOO_LARGE
        if self._held + size > self._memory:
            return Rule.PRESSURE
        self._hold(size)
        try:
            return await self._pass(door, request)
        finally:
            self._hold(-size)

    async def _pass(self, door: OpenDoor, request: web.BaseRequest) -> Rule | None:
        began = monotonic()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await request.read()
        except TimeoutError:
            return Rule.TOO_SLOW
        except web.HTTPRequestEntityTooLarge:
            return Rule.TOO_LARGE
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError):  # the last: who posted left, and hears no answer
            return Rule.MALFORMED
        if not body:
            return Rule.EMPTY_BODY
        if len(body) > door.limit:
            return Rule.TOO_LARGE
        broken = door.check(Posted(request.raw_path, request.headers, body), self._now())
        if broken is not None:
            return broken
        if not door.within_rate():
            return Rule.RATE
        headers = kept_headers(request.headers)
        if headers is None:
            return Rule.BAD_HEADER
        if self._tracing is None:
            return await self._write(door.topic, body, headers)
        span = self._tracing.of_request(door.topic, body, request.headers.get("traceparent"), began)
        broken = await self._write(door.topic, body, headers if span is None else [*headers, self._tracing.header(span)])
        if span is not None:
            span.set_attribute("seamwatch.outcome", broken or ACCEPTED)
            span.end()
        return broken

    async def _write(self, topic: str, body: bytes, headers: Headers) -> Rule | None:
        try:
            await self._append(topic, body, headers)
        except DeliveryFailed as error:
            _log.warning("a record was not accepted: %s", error)
            return Rule.UNCONFIRMED
        return None

    def _hold(self, size: int) -> None:
        self._held += size
        self._observer.request_bytes(self._held)


def kept_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]] | None:
    """Return what goes into the topic beside the body, as CloudEvents' binding to Kafka names it; None where it cannot be read."""
    kind = headers.get("Content-Type")
    kept = [] if kind is None else [("content-type", kind.encode(errors="replace"))]
    if "ce-specversion" in headers:
        try:
            kept += [
                (f"ce_{name[len(_EVENT) :].lower()}", unquote(value.strip('"'), errors="strict").encode())
                for name, value in headers.items()
                if name.lower().startswith(_EVENT)
            ]
        except UnicodeError:
            return None
    return kept if sum(len(name) + len(value) for name, value in kept) <= _MOST_HEADERS else None


def _problem(rule: Rule) -> web.Response:
    status, title, detail, retry_after = PROBLEMS[rule]
    document = {"type": f"urn:seamwatch:problem:{rule}", "title": title, "status": status.value, "detail": detail}
    response = web.Response(
        status=status, body=json.dumps(document).encode(), content_type="application/problem+json", headers=_SERVER
    )
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if rule is Rule.METHOD:
        response.headers["Allow"] = "POST"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Signature realm="seamwatch"'
    if rule in {Rule.TOO_LARGE, Rule.TOO_SLOW, Rule.PRESSURE, Rule.MALFORMED}:
        response.force_close()  # what may still come of the body is not read
    return response


class _Handler(RequestHandler):
    """A connection whose errors are told as problem documents: aiohttp's own repeat a part of the request."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status < 500:
            _log.debug("a request was malformed")
            return _problem(Rule.MALFORMED)
        _log.error("a request failed", exc_info=exc)
        return _problem(Rule.UNCONFIRMED)


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: "asyncio.Task[None]") -> web.BaseRequest:
    return web.BaseRequest(
        message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=MOST_BYTES
    )
