"""The worker: all rooms put together, from the first check to the last commit.

`plan` finds whatever can be wrong before anything is read. `Worker.run` opens the metrics port before all else, waits
for the database and the broker, and runs the agents of its roles until it is told to stop.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from agents.fields import FieldCatalog, Fingerprinter
from agents.rules import Rulebook
from agents.scores import faded, shown_value
from agents.text import Recogniser, Vocabulary
from agents.text.recognise import UNREAD
from config.fields import load_fields, load_vocabulary
from config.rules import load_rulebook
from config.settings import Settings
from models.score import Score
from seamwatch import __version__
from seamwatch.broker import mapped_sources, stream_settings
from seamwatch.errors import FAILED, explain
from seamwatch.tracing import tracer
from sinks.health import HealthServer
from sinks.metrics import Metrics
from streams.settings import StreamSettings
from streams.sources import Source, load_source

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from seamwatch.doors import TakingIn
    from streams.app import SeamwatchApp
    from streams.backend import Backend
    from streams.ingest import OpenDoor
    from streams.tracing import Tracing

__all__ = ["INGEST", "ROLES", "Plan", "Worker", "decayed", "leave", "plan"]

ROLES = ("normalise", "watch", "score", "sink")
"""What a worker does unless it is told."""
INGEST = "ingest"
"""What it does only when it is told: it opens a port to others."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LONGEST_PAUSE = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a worker is to do, with all that it needs for it, found to be right."""

    settings: Settings
    roles: frozenset[str]
    rulebook: Rulebook
    fields: FieldCatalog
    fingerprinter: Fingerprinter | None
    """What the role `watch` compares values with; None without it."""
    sources: tuple[Source, ...]
    vocabulary: Vocabulary | None = None
    doors: "Mapping[str, OpenDoor]" = field(default_factory=dict)
    tracer: "Callable[[], Tracing] | None" = None
    """Begins to trace; None where nothing is traced."""

    def streams(self) -> StreamSettings:
        """Return what the streams are told."""
        return stream_settings(self.settings, dict.fromkeys([*(source.name for source in self.sources), *self.doors]))


def plan(settings: Settings, roles: Iterable[str] | None = None) -> Plan:
    """Check everything that can be checked without a server. ``roles`` None: all.

    Raises `ConfigError` for a wrong rule, field or mapping, or a missing key. Without the key of customers the sources that need one
    are left out, unless the role that reads them was asked for.
    """
    wanted = frozenset(ROLES if roles is None else roles)
    rulebook = load_rulebook(settings.rules_dir, () if settings.findings_measured else ("measures=off",))
    fields = load_fields(settings.fields_dir, settings.region)
    fingerprinter = Fingerprinter(settings.require_hash_key(), settings.previous_key()) if "watch" in wanted else None
    sources: tuple[Source, ...] = ()
    vocabulary = None
    if "normalise" in wanted:
        if settings.customer_key is None and roles is None:
            _log.warning(
                "SEAMWATCH_CUSTOMER_KEY is not set: no raw topic is read, only %s.touchpoints", settings.prefix
            )
        else:
            key = settings.require_customer_key()
            sources = tuple(load_source(name, key, settings.sources_dir) for name in mapped_sources(settings))
            vocabulary = load_vocabulary(settings.fields_dir, settings.region, intents=settings.intents_file) if settings.read_messages else None
    doors: Mapping[str, OpenDoor] = {}
    if INGEST in wanted:
        from seamwatch.doors import open_doors

        doors = open_doors(settings)
    return Plan(settings, wanted, rulebook, fields, fingerprinter, sources, vocabulary, doors, tracer(settings))


class Worker:
    """One worker process.

    ``backend`` makes the connection to Kafka from the stream settings (default: Apache Kafka). ``streams`` replaces
    the stream settings of the plan.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        streams: StreamSettings | None = None,
        backend: "Callable[[StreamSettings], Backend] | None" = None,
        debug: bool = False,
    ) -> None:
        self.plan = plan
        self.metrics = Metrics(__version__, decayed)
        self._streams = streams or plan.streams()
        self._backend = backend
        self._debug = debug
        self._app: SeamwatchApp | None = None
        self._waiting = "starting: the program is being loaded"
        settings = plan.settings
        self.metrics.readiness(lambda: not self.ready())
        self.port = HealthServer(
            self.metrics.registry, self.live, self.ready, host=settings.metrics_host, port=settings.metrics_port
        )

    def live(self) -> bool:
        """Return whether the worker does its work, or still waits to begin."""
        app = self._app
        return app is None or (app.health.failed is None and app.liveness.age <= app.streams.stall_timeout)

    def ready(self) -> Sequence[str]:
        """Return why the worker is not ready, a sentence each."""
        if self._waiting:
            return [self._waiting]
        return [] if self._app is None else self._app.health.reasons

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; return the exit code.

        Raises what `seamwatch.errors` can explain: no metrics port, tables or topics that are not as they are to be.
        """
        _leave_on_signals()
        with self.port:
            _log.info("metrics and health at http://%s:%d", *self.port.address)
            return asyncio.run(self._run())

    async def _run(self) -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(_UnwaitedThreads())
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop.set)
        engine = None
        if "sink" in self.plan.roles:
            from sinks.database import create_engine

            engine = create_engine(self.plan.settings.database)
            if not await self._await_database(engine, stop):
                return 0
        from streams.app import create_app
        from streams.kafka import KafkaBackend
        from streams.worker import run_worker

        backend = (self._backend or KafkaBackend)(self._streams)
        tracing = None if self.plan.tracer is None else self.plan.tracer()
        try:
            if self.plan.roles == {INGEST}:
                code = await self._take_in(backend, stop, tracing)
            else:
                app = create_app(self._streams, backend, observer=self.metrics, end=self._end, tracing=tracing)
                self.assemble(app, engine)
                self._app, self._waiting = app, ""
                _log.info("roles: %s; %d rules; broker %s", self._roles(), len(self.plan.rulebook.rules), self._streams.bootstrap)
                code = await run_worker(app)
        finally:
            if engine is not None:
                engine.dispose()
            if tracing is not None:
                tracing.close()
        _log.info("stopped")
        return code

    def assemble(self, app: "SeamwatchApp", engine: "Engine | None") -> None:
        """Register the agents of all roles on ``app``, with what they measure."""
        from agents import live
        from agents.partition import UNWATCHED, PartitionWatch
        from agents.scores import Merger
        from seamwatch.figures import StoredFigures, Storing, WatchFigures
        from seamwatch.lifetimes import Lifetimes
        from seamwatch.mapping import mapper
        from streams.producer import partition_for

        plan, metrics = self.plan, self.metrics
        if "normalise" in plan.roles:
            refused: Callable[[str], None] = lambda reason: metrics.dead_letters({reason: 1})  # noqa: E731
            mappings = {}
            for source in plan.sources:
                recogniser = None if plan.vocabulary is None else Recogniser(plan.vocabulary)
                mappings[source.name] = mapper(source, refused, recogniser, metrics.unread)
            if plan.vocabulary is not None:
                metrics.reads(UNREAD)
            live.normalise(app, mappings)
        if "watch" in plan.roles and plan.fingerprinter is not None:
            home = partial(partition_for, partitions=app.streams.partitions)
            engine_of = partial(PartitionWatch, plan.rulebook, plan.fields, plan.fingerprinter, home=home)
            state = live.watch(app, engine_of, pulse=(plan.settings.pulse_every or 0) / 1_000_000)
            metrics.watches({rule.detector for rule in plan.rulebook.rules}, UNWATCHED)
            app.add_service_task(WatchFigures(app, state, metrics).run)
        if "score" in plan.roles:
            live.score(app, partial(Merger, plan.rulebook.engine.prior_opportunities))
        if INGEST in plan.roles:
            taking_in = self._taking_in(app.tracing)
            app.add_service_task(taking_in.start)
            app.before_stop(taking_in.stop)
        if "sink" in plan.roles and engine is not None:
            live.sink(app, Storing(engine, metrics))
            app.add_service_task(StoredFigures(app, engine, metrics).run)
            app.add_service_task(Lifetimes(app, engine, plan.settings.alert_expiry, decayed).run)

    async def _take_in(self, backend: "Backend", stop: asyncio.Event, tracing: "Tracing | None") -> int:
        """Do nothing but take in records: without a consumer group, and without Faust."""
        from streams.worker import reach_broker

        if not await reach_broker(self._streams, backend, stop):
            return 0
        taking_in = self._taking_in(tracing)
        await taking_in.start()
        self._waiting = ""
        await stop.wait()
        self._waiting = "stopping: no more records are taken in"
        await taking_in.stop()
        return 0

    def _taking_in(self, tracing: "Tracing | None") -> "TakingIn":
        from seamwatch.doors import OUTCOMES, TakingIn

        for source in self.plan.doors:
            self.metrics.door(source, OUTCOMES)
        return TakingIn(self.plan.settings, self._streams, self.plan.doors, self.metrics, tracing)

    async def _await_database(self, engine: "Engine", stop: asyncio.Event) -> bool:
        """Wait until the database answers and has the right tables; return False where told to stop first."""
        from sinks.database import check_schema
        from sinks.errors import DatabaseUnavailable

        pause, told = 0.5, asyncio.ensure_future(stop.wait())
        while not told.done():
            checked = asyncio.ensure_future(asyncio.to_thread(check_schema, engine))
            await asyncio.wait({checked, told}, return_when=asyncio.FIRST_COMPLETED)
            try:
                if checked.done():
                    checked.result()
                    self._waiting = "starting: the streams are being loaded"
                    return True
            except DatabaseUnavailable as error:
                self._waiting = f"database: {error}"
                _log.warning("%s; next attempt in %.1f s", error, pause)
                await asyncio.wait({told}, timeout=pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
        return False

    def _roles(self) -> str:
        return ", ".join(role for role in (INGEST, *ROLES) if role in self.plan.roles)

    def _end(self, error: BaseException) -> None:
        """End this process at once: nothing is acknowledged any more, and whoever starts next reads again."""
        told = explain(error).message if isinstance(error, Exception) else type(error).__name__
        _log.critical("the worker ends: %s", told, exc_info=error if self._debug else None)
        leave(FAILED)


class _UnwaitedThreads(ThreadPoolExecutor):
    """Threads that nobody waits for at the end: one may hang in a database that stands still."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing more."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)


def leave(code: int) -> NoReturn:
    """End this process without waiting for threads that may hang in a system call."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def decayed(score: Score, now: int) -> float | None:
    """Return an entity's score as of ``now``, in microseconds UTC; None where nothing is left to score, or too little to be shown."""
    if score.value is None:
        return None
    try:
        return shown_value(score.score, faded(score.components, now - round(score.as_of.timestamp() * 1_000_000), score.half_life * 1_000_000))
    except KeyError:  # of a score, or with components, that a later version wrote
        return score.value


def _leave_on_signals() -> None:
    """Let a signal end the process while nothing runs yet that had to be stopped first."""
    for number in _SIGNALS:
        signal.signal(number, lambda *_: leave(0))
