"""The live stream: server-sent events of what changed in the database, found by one look for all who listen.

An alert's row says when it was written, not when that became visible: a transaction that takes long shows a row that is
older than one that was told before. So every look goes back a little, and now and then as far as a transaction can
last; what was told is known by its version. A listener who comes back is given everything from that far before the id
that it saw last, and tells by the version what it has.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import Engine, select
from starlette.responses import Response, StreamingResponse

from models.tables import alerts
from sinks.alerts import LATEST_COMMIT
from sinks.console.alert_queries import Desk
from sinks.console.callers import Caller, Right
from sinks.console.figure_queries import freshness, scores_of
from sinks.console.gate import allowed, doors_of
from sinks.console.problems import PROBLEMS, Refusal
from sinks.console.settings import ConsoleSettings
from sinks.console.shapes import AlertItem, ScoreItem
from sinks.errors import Conflict, DatabaseUnavailable, database_errors

__all__ = ["Feed", "read_id", "stream_routes"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TURN = 0.2
"""Seconds between two looks; what changes in between is told together."""
_HEARTBEAT = 10.0
_CHECK_EVERY = 15.0
"""Seconds until a session or token is looked at again, which also counts as its use."""
_DEEP_EVERY = 25
"""Looks at alerts until one goes back as far as a transaction can last; as often scores and freshness are looked at."""
_BACK = timedelta(seconds=2)
_CHUNK = 250
"""Alerts in one event."""
_MOST_MISSED = 5_000
"""Alerts that are replayed to a listener who comes back; who missed more loads the list again."""
_QUEUE = 64
_LISTENERS = 500

_Scope = frozenset[str] | None
_json = TypeAdapter(Any).dump_json


class _Listener:
    """Who listens: what is still to be sent, at most 64 events; ``lost`` when there were more."""

    def __init__(self, scope: _Scope) -> None:
        self.scope = scope
        self.lost = False
        self._events: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE)

    def put(self, told: bytes) -> None:
        """Take an event to be sent; to one who does not read, nothing is kept."""
        if self._events.full():
            self.lost = True
            while not self._events.empty():
                self._events.get_nowait()
        if not self.lost:
            self._events.put_nowait(told)
        elif self._events.empty():
            self._events.put_nowait(b"")  # wakes it up

    async def get(self) -> bytes:
        """Return the next event, a comment where there is none for a while."""
        try:
            return await asyncio.wait_for(self._events.get(), _HEARTBEAT)
        except TimeoutError:
            return b":\n\n"


class _Watch:
    """Finds what changed since it looked last."""

    def __init__(self, engine: Engine, settings: ConsoleSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._told: dict[str, tuple[int, datetime]] = {}
        self._scores: dict[tuple[Any, ...], datetime] = {}
        self.newest = settings.now()

    def begin(self) -> None:
        """Take all that is there for told."""
        self.newest = self._settings.now()
        self._told.clear()
        self.alerts(deep=True)
        self.scores()

    def alerts(self, *, deep: bool) -> list[str]:
        """Return the keys of the alerts that changed; ``deep``: also those that became visible long after they were written."""
        now, own = self._settings.now(), alerts.c
        since = self.newest - (LATEST_COMMIT if deep else _BACK)
        query = select(own.key, own.version, own.updated).where(own.updated >= since).order_by(own.updated, own.key)
        with database_errors(self._engine), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        fresh = [row.key for row in rows if self._told.get(row.key, (0, now))[0] < row.version]
        self._told.update((row.key, (row.version, row.updated)) for row in rows)
        if rows:
            # A clock that goes ahead elsewhere is not to hide what others write.
            self.newest = max(self.newest, min(rows[-1].updated, now))
        if deep:
            oldest = self.newest - LATEST_COMMIT
            self._told = {key: seen for key, seen in self._told.items() if seen[1] >= oldest}
        return fresh

    def items(self, keys: Sequence[str], scope: _Scope) -> list[AlertItem]:
        """Return those of the alerts that may be seen by who is limited to these teams."""
        return Desk(self._engine, "", scope, self._settings.now()).some(keys)

    def scores(self) -> list[ScoreItem]:
        """Return the scores that were written anew."""
        found = scores_of(self._engine, self._settings.decay, self._settings.now()).items
        stored = {(each.tenant, each.score, each.scope, each.name, each.half_life): each.stored for each in found}
        fresh = [each for each, (key, at) in zip(found, stored.items(), strict=True) if self._scores.get(key) != at]
        self._scores = stored
        return fresh


def stream_routes(feed: "Feed") -> APIRouter:
    """Return the route of the live stream."""
    api = APIRouter(prefix="/api", responses=PROBLEMS, tags=["stream"])

    @api.get("/stream", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
    async def stream(
        request: Request,
        caller: Annotated[Caller, allowed(Right.ALERTS_READ)],
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Tell what changes from now on, or since the id that was seen last: `hello`, `alerts`, `scores`, `freshness`, `caught-up`, `reset`."""
        if feed.is_full:
            wait = {"Retry-After": "10"}
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too_many", "too many listen already", headers=wait)
        headers = {"X-Accel-Buffering": "no"}
        still = partial(doors_of(request).still, request, Right.ALERTS_READ)
        return StreamingResponse(
            feed.listen(caller, last_event_id, still), headers=headers, media_type="text/event-stream"
        )

    return api


class Feed:
    """Looks at the database while anybody listens, and tells all of them."""

    def __init__(self, engine: Engine, settings: ConsoleSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._watch = _Watch(engine, settings)
        self._listeners: set[_Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._stopped = False

    def stop(self) -> None:
        """Let everybody's stream end, in the event loop: the server is about to."""
        self._stopped = True
        for listener in self._listeners:
            listener.put(b":\n\n")

    @property
    def is_full(self) -> bool:
        """Return whether nobody else can listen now."""
        return len(self._listeners) >= _LISTENERS

    async def listen(self, caller: Caller, last: str | None, still: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Yield events: `hello`, what was missed since the id ``last`` or `reset`, then what comes, as long as the caller is ``still`` let in."""
        listener = _Listener(caller.teams)
        self._listeners.add(listener)
        try:
            if self._looking is None or self._looking.done():
                self._begun.clear()
                self._looking = asyncio.create_task(self._look())
            looking = self._looking
            while not (self._begun.is_set() or self._stopped):  # the database may be away
                yield b":\n\n"
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._begun.wait(), _HEARTBEAT)
            hello = {"version": self._settings.version, "now": self._settings.now()}
            yield b"retry: 1000\n" + _event("hello", hello, None if last else self._watch.newest)
            if last is not None:
                for told in await asyncio.to_thread(self._missed, caller, last):
                    yield told
            yield await asyncio.to_thread(self._fresh)
            check_at = monotonic() + _CHECK_EVERY
            while not (looking.done() or self._stopped):
                told = await listener.get()
                if monotonic() > check_at:
                    check_at = monotonic() + _CHECK_EVERY
                    if not await self._is_let_in(still):
                        return
                if listener.lost:
                    listener.lost = False
                    told = _event("reset", {}, self._watch.newest)
                yield told
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _is_let_in(self, still: Callable[[], bool]) -> bool:
        try:
            return await asyncio.to_thread(still)
        except (Conflict, DatabaseUnavailable):
            return True  # asked again before long; without a database there is nothing to tell

    async def _look(self) -> None:
        begun, turn, keys = False, 0, list[str]()
        while True:
            with suppress(Conflict, DatabaseUnavailable):  # what is missed meanwhile is found when it is back
                if not begun:
                    await asyncio.to_thread(self._watch.begin)
                    begun = True
                    self._begun.set()
                rarely = turn % _DEEP_EVERY == 0
                turn += 1
                keys += await asyncio.to_thread(self._watch.alerts, deep=rarely)
                if keys:
                    await self._tell(keys)
                    keys = []
                if rarely:
                    await self._tell_figures()
            await asyncio.sleep(_TURN)

    async def _tell(self, keys: list[str]) -> None:
        for start in range(0, len(keys), _CHUNK):
            chunk, last = keys[start : start + _CHUNK], start + _CHUNK >= len(keys)
            for scope in {listener.scope for listener in self._listeners}:
                items = await asyncio.to_thread(self._watch.items, chunk, scope)
                if items:
                    # Only the last one moves the id: whoever breaks off in between is given all of them again.
                    self._put(_event("alerts", {"items": items}, self._watch.newest if last else None), scope)

    async def _tell_figures(self) -> None:
        if scores := await asyncio.to_thread(self._watch.scores):
            for start in range(0, len(scores), _CHUNK):
                told = _event("scores", {"items": scores[start : start + _CHUNK]})
                for listener in self._listeners:
                    listener.put(told)
        fresh = await asyncio.to_thread(self._fresh)
        for listener in self._listeners:
            listener.put(fresh)

    def _put(self, told: bytes, scope: _Scope) -> None:
        for listener in self._listeners:
            if listener.scope == scope:
                listener.put(told)

    def _missed(self, caller: Caller, last: str) -> list[bytes]:
        now, since = self._watch.newest, read_id(last)
        if since is None:
            return [_event("reset", {}, now)]
        desk = Desk(self._engine, caller.name, caller.teams, self._settings.now())
        try:
            items = desk.changed(since - LATEST_COMMIT, _MOST_MISSED + 1)
        except (Conflict, DatabaseUnavailable):
            return [_event("reset", {}, now)]
        if len(items) > _MOST_MISSED:
            return [_event("reset", {}, now)]
        starts = range(0, len(items), _CHUNK)
        chunks = [_event("alerts", {"items": items[start : start + _CHUNK]}) for start in starts]
        return [*chunks, _event("caught-up", {}, now)]

    def _fresh(self) -> bytes:
        try:
            return _event("freshness", freshness(self._engine, self._settings.now()))
        except (Conflict, DatabaseUnavailable):
            return _event("unavailable", {})


def _event(name: str, data: BaseModel | dict[str, Any], at: datetime | None = None) -> bytes:
    """Return an event; with ``at`` the id from which a listener goes on."""
    identity = b"" if at is None else b"id: %d\n" % ((at - _EPOCH) // timedelta(microseconds=1))
    return b"%sevent: %s\ndata: %s\n\n" % (identity, name.encode(), _json(data, by_alias=True))


def read_id(text: str) -> datetime | None:
    """Return the moment that an id stands for, None where it is no id of ours."""
    if not (text.isascii() and text.isdigit() and len(text) <= 17):
        return None
    moment = _EPOCH + timedelta(microseconds=int(text))
    return moment if moment > _EPOCH + LATEST_COMMIT else None
