"""A worker of the role `deliver`, from the first check to the last request."""

import asyncio
import logging
import signal
import socket
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event
from time import monotonic
from typing import Any

import msgspec
from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from kafka.errors import KafkaError
from sqlalchemy import Engine

from config.receivers import Receiver, Receivers, load_receivers
from config.settings import Settings
from seamwatch import __version__
from seamwatch.broker import stream_settings
from seamwatch.errors import WrongUse, explain
from seamwatch.worker import decayed
from sinks.database import check_schema, create_engine
from sinks.delivery import Courier, DeliveryStore, Poster, brief_message
from sinks.delivery.courier import LEFT_TO_COURIER, LOOK
from sinks.delivery.messages import Message
from sinks.delivery.sending import sign
from sinks.delivery.store import BriefStore
from sinks.errors import Conflict, DatabaseUnavailable
from sinks.health import HealthServer
from sinks.metrics import Metrics
from sinks.records import Forgotten, SinkRecord, parse
from streams.grouped import GroupedReader
from streams.topics import TopicAdmin, Topics

__all__ = ["NAME", "Addressee", "run", "secrets_of"]

NAME = "deliver"
"""What the group that reads briefs is called after the prefix."""
_PAUSE = 5.0
_KEPT = 60.0
"""Seconds that a connection to a receiver is kept for the next request, if the receiver keeps it, too."""
_APART = 0.02
"""Seconds from one transaction of briefs to the next: under a steady load one for each brief costs the processor more than the wait costs the handler."""
_TOLD = 0.5
"""Seconds between two tales of how far the topic of briefs was read."""
_LOOK_BESIDE_OTHERS = 0.05
"""Seconds between two looks for briefs that another process may have put."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Addressee:
    """One receiver with its secrets."""

    receiver: Receiver
    secrets: Sequence[str]


def secrets_of(settings: Settings, receivers: Receivers) -> list[Addressee]:
    """Return the receivers with their secrets.

    Raises `ConfigError`, and `WrongUse` for a webhook without a secret, for one that nothing can be signed with, and for one of nobody.
    """
    posts = []
    for receiver in receivers.receivers:
        secrets, variable = settings.receiver_secrets(receiver.name), f"SEAMWATCH_DELIVER_SECRETS__{receiver.name.replace('-', '_').upper()}"
        if receiver.kind != "alertmanager":
            if not secrets:
                raise WrongUse(f"{variable} is not set: nothing that {receiver.name} is told could be told from what anybody else sends")
            try:
                sign(secrets, "", 0, b"")
            except ValueError:
                raise WrongUse(f"{variable}: expected whsec_ and base64, as Standard Webhooks has it") from None
        posts.append(Addressee(receiver, secrets))
    names = {receiver.name.replace("-", "_") for receiver in receivers.receivers}
    for name in sorted(settings.deliver_secrets.keys() - names):
        raise WrongUse(f"SEAMWATCH_DELIVER_SECRETS__{name.upper()}: there is no receiver of this name")
    return posts


def run(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT; return the exit code.

    A database, a broker or a receiver that is away is waited for. Raises `ConfigError`, `WrongUse`, `SchemaOutdated`, `TopicMismatch`.
    """
    receivers = load_receivers(settings.receivers_file)
    posts = secrets_of(settings, receivers)
    if not posts:
        raise WrongUse("nobody is to be told: name receivers in a file, and the file in SEAMWATCH_RECEIVERS_FILE (docs/routing.md)")
    return asyncio.run(_Delivering(settings, receivers, posts).run())


class _Delivering:
    def __init__(self, settings: Settings, receivers: Receivers, posts: Sequence[Addressee]) -> None:
        self._settings = settings
        self._receivers = receivers
        self._posts = posts
        self._metrics = Metrics(__version__, decayed)
        self._couriers: dict[str, Courier] = {}
        self._waiting = ["starting"]
        self._metrics.readiness(lambda: not self._ready())

    def _ready(self) -> list[str]:
        return [*self._waiting, *(f"{name}: {courier.trouble}" for name, courier in self._couriers.items() if courier.trouble)]

    async def run(self) -> int:
        stop, loop, settings = asyncio.Event(), asyncio.get_running_loop(), self._settings
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        engine = create_engine(settings.database)
        port = HealthServer(self._metrics.registry, lambda: True, self._ready, host=settings.metrics_host, port=settings.metrics_port)
        try:
            with port:
                _log.info("metrics and health at http://%s:%d", *port.address)
                # Couriers limit themselves, and a connection that is there saves a brief the time of another handshake.
                connector = TCPConnector(limit=0, keepalive_timeout=_KEPT)
                async with ClientSession(cookie_jar=DummyCookieJar(), connector=connector) as session:
                    created = await self._begin(engine, session, stop)
                    if not stop.is_set():
                        await self._work(engine, created, stop)
        finally:
            engine.dispose()
        _log.info("stopped")
        return 0

    async def _begin(self, engine: Engine, session: ClientSession, stop: asyncio.Event) -> Mapping[str, datetime]:
        """Wait for the database, and make the couriers; return since when each receiver is known."""
        holder = f"{socket.gethostname()}/{uuid.uuid4().hex[:8]}"
        url = self._settings.console_url or ""
        created: dict[str, datetime] = {}
        while not stop.is_set():
            try:
                await asyncio.to_thread(check_schema, engine)
                for post in self._posts:
                    receiver = post.receiver
                    store, poster = DeliveryStore(engine, receiver.name), Poster(receiver, post.secrets, session)
                    created[receiver.name] = await asyncio.to_thread(store.register, datetime.now(UTC))
                    self._metrics.receiver(receiver.name)
                    courier = Courier(self._receivers, receiver, store, poster, self._metrics, holder=holder, console=url)
                    self._couriers[receiver.name] = courier
                self._waiting.clear()
                return created
            except (DatabaseUnavailable, Conflict) as error:
                self._waiting[:] = [explain(error).message]
                _log.warning("%s; next attempt in %.0f s", self._waiting[0], _PAUSE)
                await _sleep(stop, _PAUSE)
        return created

    async def _work(self, engine: Engine, created: Mapping[str, datetime], stop: asyncio.Event) -> None:
        over = Event()
        tasks = [asyncio.ensure_future(courier.run(stop)) for courier in self._couriers.values()]
        if readers := [post.receiver for post in self._posts if post.receiver.kind == "brief"]:
            loop = asyncio.get_running_loop()
            tasks.append(asyncio.ensure_future(asyncio.to_thread(self._read_briefs, engine, readers, created, loop, over)))
        _log.info("telling %s", ", ".join(self._couriers))
        told = asyncio.ensure_future(stop.wait())
        await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)  # a task ends by itself only by a bug
        stop.set()
        over.set()
        await asyncio.gather(told, *tasks)

    def _read_briefs(
        self, engine: Engine, readers: Sequence[Receiver], created: Mapping[str, datetime], loop: asyncio.AbstractEventLoop, over: Event
    ) -> None:
        """Put what each receiver is to be told of the topic of briefs, until told to stop."""
        streams, topic, store = stream_settings(self._settings, ()), Topics(self._settings.prefix).briefs, BriefStore(engine)
        while not over.is_set():
            try:
                with TopicAdmin(streams) as admin:
                    admin.require()
                with closing(GroupedReader(streams, topic, NAME, partial(store.next_offset, topic))) as reader:
                    told = put = 0.0
                    while not over.wait(max(0.0, put + _APART - monotonic())):
                        if polled := reader.poll():
                            put = monotonic()
                            self._put_briefs(store, topic, polled, readers, created, loop)
                        if monotonic() - told < _TOLD:
                            continue
                        told = monotonic()
                        reader.tell()
                        self._metrics.lags(topic, reader.lag())
                        for each in readers:
                            self._couriers[each.name].look = LOOK if reader.alone else _LOOK_BESIDE_OTHERS
                        self._waiting.clear()
            except (DatabaseUnavailable, Conflict, KafkaError) as error:
                self._waiting[:] = [explain(error).message]
                self._metrics.lags(topic, {})
                _log.warning("%s; next attempt in %.0f s", self._waiting[0], _PAUSE)
                over.wait(_PAUSE)

    def _put_briefs(
        self,
        store: BriefStore,
        topic: str,
        polled: Mapping[int, Sequence[Any]],
        readers: Sequence[Receiver],
        created: Mapping[str, datetime],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Put all that was polled at once, and hand it to the couriers: whoever waits for a brief waits for one transaction, not for one a partition."""
        messages: dict[str, list[Message]] = {}
        forgotten: list[tuple[str, str]] = []
        for partition, records in polled.items():
            parsed = parse([SinkRecord(topic, partition, each.offset, each.timestamp * 1000, each.key, each.value, each.headers) for each in records])
            appended = {each.offset: each.timestamp / 1000 for each in records}
            for brief, _, body, offset, _ in parsed.briefs.values():
                message = brief_message(brief, msgspec.json.decode(body), offset)
                for receiver in readers:
                    if receiver.takes_brief(brief) and appended[offset] >= created[receiver.name].timestamp():
                        messages.setdefault(receiver.name, []).append(message)
            forgotten += [(mark.tenant, mark.customer) for mark in parsed.marks if isinstance(mark, Forgotten)]
        next_offsets = {partition: records[-1].offset + 1 for partition, records in polled.items()}
        now = datetime.now(UTC)
        left = {name: now + LEFT_TO_COURIER for name in messages if self._couriers[name].sends_at_once}
        for name, put in store.store(topic, next_offsets, messages, forgotten, now, left).items():
            if put.replaced:
                self._metrics.deliveries(name, "superseded", put.replaced)
            courier = self._couriers[name]
            if name in left:
                loop.call_soon_threadsafe(courier.hand_over, put.fresh)
            else:
                loop.call_soon_threadsafe(courier.woken.set)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
