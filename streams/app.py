"""The Faust app: what all agents of a worker share."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TYPE_CHECKING, Any

import faust
from faust.app.base import BootStrategy
from faust.types import TP

from streams.backend import Backend
from streams.batches import AssignmentListener, Batch, BatchSchema
from streams.continuity import deleted_unread
from streams.errors import LogMismatch, StreamError
from streams.health import Health
from streams.lanes import Handler, Lanes, Settle, Work
from streams.liveness import Liveness, Watchdog
from streams.observer import Observer, Unobserved
from streams.producer import Producer
from streams.selfcheck import self_check
from streams.settings import StreamSettings
from streams.topics import Topics

if TYPE_CHECKING:
    from streams.tracing import Tracing

__all__ = ["SeamwatchApp", "create_app", "end_process"]

_log = logging.getLogger(__name__)

_FIGURES = 1.0
_PAUSES = 2.0


def end_process(error: BaseException) -> None:
    """End this process at once with exit code 1: nothing is acknowledged any more, and whoever starts next reads again."""
    _log.critical("the worker ends: %s", error, exc_info=error)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(1)


class _Boot(BootStrategy):
    enable_kafka_producer = False
    enable_web = False


class SeamwatchApp(faust.App):
    """A Faust app whose agents get batches.

    ``streams`` are the settings, ``names`` the topics, ``delivery`` the producer to write through, ``health`` and ``observer`` what others read,
    ``tracing`` what sampled records are traced with, None where nothing is traced.
    """

    BootStrategy = _Boot

    def __init__(
        self,
        settings: StreamSettings,
        backend: Backend,
        observer: Observer,
        end: Callable[[BaseException], None],
        tracing: "Tracing | None" = None,
    ) -> None:
        self.streams = settings
        self.names = Topics(settings.prefix)
        self.backend = backend
        self.observer = observer
        self.tracing = tracing
        self.health = Health()
        self.refusal: LogMismatch | None = None
        self.liveness = Liveness(settings.session_timeout / 2)
        self.delivery: Producer = backend.producer(self.liveness.check)
        self.lanes = Lanes(self._finish, self._release, self.fail, self._batch_done)
        self.retire_timeout = settings.rebalance_timeout * 0.8
        self.read_topics: set[str] = set()
        self.reread_topics: set[str] = set()
        self._told: frozenset[str] = frozenset()
        self._end = end
        self._listeners: list[AssignmentListener] = []
        self._stops: list[Callable[[], Any]] = []
        self._watchdog = Watchdog(self.liveness, settings.stall_timeout, self.fail)
        super().__init__(
            settings.group_id,
            broker=f"kafka://{settings.bootstrap}",
            broker_session_timeout=settings.session_timeout,
            broker_heartbeat_interval=settings.heartbeat_interval,
            broker_rebalance_timeout=settings.rebalance_timeout,
            broker_request_timeout=settings.request_timeout,
            broker_commit_interval=settings.commit_interval,
            broker_max_poll_records=settings.max_poll_records,
            stream_buffer_maxsize=4096,  # counts batches, and what is in flight is limited by partition
            stream_wait_empty=True,
            consumer_auto_offset_reset="earliest",
            table_standby_replicas=0,
            topic_disable_leader=True,
            topic_allow_declare=False,
            topic_partitions=settings.partitions,
            web_enabled=False,
            worker_redirect_stdouts=False,
            autodiscover=False,
            store="memory://",
        )
        self.add_service_task(self._figures)
        self.add_service_task(self._resume_when_told)

    # --- what agents use ------------------------------------------------------------------------------------------

    def batch_agent(self, topics: Iterable[str], handler: Handler, *, name: str, settle: Settle | None = None, every: float = 0.0) -> None:
        """Register an agent: ``handler`` gets every batch of ``topics``, one at a time per partition.

        It returns when everything that follows from the batch is delivered, or what is left for ``settle`` to do, see `streams.lanes`. It raises
        `Abandoned` when the partition went away meanwhile, and any other exception ends the worker before the batch is acknowledged.
        """
        topics, work = set(topics), Work(handler, settle, every)
        self.read_topics |= topics
        source = self.topic(
            *topics, schema=BatchSchema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        )

        async def hand_over(stream: Any) -> None:
            async for batch in stream.noack():
                self.lanes.submit(work, batch)

        self.agent(source, name=name)(hand_over)

    def reread(self, topic: str) -> None:
        """Never commit ``topic``: every assignment reads it from its beginning."""
        self.reread_topics.add(topic)

    def listen(self, listener: AssignmentListener) -> None:
        """Tell ``listener`` which partitions this worker owns."""
        self._listeners.append(listener)

    def before_stop(self, stop: Callable[[], Any]) -> None:
        """Await ``stop()`` when the app stops, after all batches are done."""
        self._stops.append(stop)

    def add_service_task(self, task: Callable[[], Any]) -> None:
        """Run ``task`` while the app runs; what it raises ends the worker."""

        async def guarded() -> None:
            try:
                await task()
            except Exception as error:  # noqa: BLE001  # whatever it is, the worker is no longer whole
                self.fail(error)

        self.task(guarded)

    def pause(self, topic: str) -> None:
        """Read no more of ``topic`` until `resume`."""
        self.health.paused |= {topic}
        self.observer.paused(topic, True)

    def resume(self, topic: str) -> None:
        """Read ``topic`` again."""
        self.health.paused -= {topic}
        self.observer.paused(topic, False)

    async def pause_until_told(self, topic: str) -> None:
        """Read no more of ``topic`` until somebody resumes it, not even after a restart."""
        await self.backend.keep_paused(topic)
        self._told |= {topic}
        self.pause(topic)

    @property
    def raw_topics(self) -> set[str]:
        """Return the topics of raw records, our own and those of others."""
        return {*map(self.names.raw, self.streams.sources), *self.streams.topics_of_others.values()}

    @property
    def gapless_topics(self) -> set[str]:
        """Return the topics in which every offset has a record, but for the ends of transactions: our own that are not compacted."""
        names = self.names
        return {names.touchpoints, names.alerts, names.briefs, names.dead_letters}

    async def load_pauses(self) -> None:
        """Find the raw topics that somebody paused before; tell of all others that they are not."""
        raw = self.raw_topics & self.read_topics
        for topic in raw:
            self.observer.paused(topic, False)
        for topic in await self.backend.paused(raw) if raw else ():
            _log.warning("%s is paused: `seamwatch dead-letters resume %s` lets it be read", topic, topic)
            self._told |= {topic}
            self.pause(topic)

    def fail(self, error: BaseException) -> None:
        """End the worker because of ``error``; nothing is committed from here on."""
        if self.health.failed is None:
            self.health.failed = f"{type(error).__name__}: {error}"
            if self._consumer is not None:
                self._consumer.halt()
            self._end(error)

    def refuse(self, error: LogMismatch) -> None:
        """Let `run_worker` stop the worker because of ``error``, in order: it leaves its group, so that its offsets can be put right; nothing is committed."""
        if self.health.failed is None:
            self.health.failed = str(error)
            self.refusal = error
            self.consumer.halt()

    # --- what the consumer tells ----------------------------------------------------------------------------------

    def lost(self, tp: TP, position: int, start: int) -> bool:
        """Hear that ``tp`` begins at ``start`` although ``position`` was to be read next; tell whether the worker ends because of it.

        Of touchpoints the state knows what was applied, and decides: see `PartitionState.of`.
        """
        if tp.topic == self.names.touchpoints:
            return False
        self.refuse(deleted_unread(self.streams, tp, position, start))
        return True

    def owns(self, partitions: frozenset[TP]) -> None:
        """Pass on an assignment."""
        self.health.started = True
        self.health.owned = frozenset((tp.topic, tp.partition) for tp in partitions)
        for listener in self._listeners:
            listener.assigned(partitions)

    def owns_nothing(self) -> None:
        """Pass on a revocation."""
        for topic, partition in self.health.owned:
            self.observer.released(topic, partition)
        self.health.owned = frozenset()
        for listener in self._listeners:
            listener.revoked()

    def _finish(self, batch: Batch) -> None:
        self.consumer.finish(batch)

    def _release(self, batch: Batch) -> None:
        self.consumer.release(batch)

    def _batch_done(self, batch: Batch, seconds: float) -> None:
        self.observer.batch_done(batch.topic, batch.partition, len(batch.records), seconds)

    # --- life -----------------------------------------------------------------------------------------------------

    def _new_transport(self) -> Any:
        return self.backend.transport(self)

    _new_producer_transport = _new_transport

    async def on_first_start(self) -> None:
        """Make no directories: nothing is kept on disk."""

    async def on_start(self) -> None:
        """Connect the producer and begin to watch the loop."""
        await super().on_start()
        await self.delivery.start()
        self._watchdog.start()

    async def on_stop(self) -> None:
        """Finish what is running, commit it, leave."""
        self._watchdog.stop()
        await super().on_stop()
        for stop in self._stops:
            await stop()
        await self.delivery.stop()
        self.health.started = False

    async def _resume_when_told(self) -> None:
        while not self.should_stop:
            await asyncio.sleep(_PAUSES)
            if self._told:
                for topic in self._told - await self.backend.paused(self._told):
                    _log.info("%s is read again", topic)
                    self._told -= {topic}
                    self.resume(topic)

    async def _figures(self) -> None:
        while not self.should_stop:
            await asyncio.sleep(_FIGURES)
            consumer, health = self.consumer, self.health
            health.poll_age = self.liveness.age
            health.lag = consumer.lags()
            health.commit_age = consumer.commit_age()
            for (topic, partition), records in health.lag.items():
                self.observer.lag(topic, partition, records)
            self.observer.commit_age(health.commit_age)
            self._look_for_standstill()

    def _look_for_standstill(self) -> None:
        """End the worker when its group does not come to rest, or its commits to nothing: a fresh start has found its way out of both."""
        suspended, limit = self.consumer.suspended_at, 2 * (self.streams.stall_timeout + self.streams.rebalance_timeout)
        if suspended is not None and monotonic() - suspended > limit:
            self.fail(StreamError(f"no partitions for {limit:.0f} s after they were revoked"))
        elif self.health.commit_age > limit:
            self.fail(StreamError(f"finished batches wait for their commit for {limit:.0f} s"))


def create_app(
    settings: StreamSettings,
    backend: Backend,
    *,
    observer: Observer | None = None,
    end: Callable[[BaseException], None] = end_process,
    tracing: "Tracing | None" = None,
) -> SeamwatchApp:
    """Return an app without agents; `agents.live` brings those of the wanted roles.

    ``end`` is called once, with what ended the worker; by default the process exits with code 1.

    Raises `IncompatibleLibrary` when the installed Faust is not the one that this was built on.
    """
    self_check()
    return SeamwatchApp(settings, backend, observer or Unobserved(), end, tracing)
