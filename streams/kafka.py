"""Apache Kafka as the app's broker."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any

import aiokafka.consumer.consumer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.futures import maybe_async

from streams.backend import Bounds, Chunk, LogReader
from streams.batches import BatchConsumer
from streams.idle import IdleProducer
from streams.interpreter import MANY, share_interpreter
from streams.lenient import FetchedRecords, LenientRecords
from streams.pauses import Pauses
from streams.producer import KafkaDelivery, Producer
from streams.settings import StreamSettings
from streams.topics import TopicAdmin

__all__ = ["KafkaBackend", "KafkaConsumer", "KafkaReader"]


def _as_it_is(value: bytes | None) -> bytes | None:
    """Return ``value``: a consumer with this deserializer gets what aiokafka's decoder made, without a copy into a ``ConsumerRecord``."""
    return value


_MARKERS: defaultdict[TopicPartition, deque[int]] = defaultdict(lambda: deque(maxlen=1000))
"""Of each partition the last offsets at which transactions ended: those between one record and the next, and not many before."""


class _PartitionRecords(fetcher.PartitionRecords):
    """Hands on the decoder's records, which have offset, timestamp, key, value and headers, to consumers that ask for it by their deserializer.

    What the decoder stumbles over is decoded again, see `streams.lenient`.
    """

    _records: Any

    def _unpack_records(self) -> Any:
        self._records.markers = _MARKERS[self._tp]
        return super()._unpack_records()

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except UnicodeDecodeError:
            if isinstance(self._records, LenientRecords):
                raise
            reached = self.next_fetch_offset
            self._records = LenientRecords(self._records.data)
            self._records_iterator = self._unpack_records()
            while (record := super().__next__()).offset < reached:
                pass  # handed on before; batches that came to their end begin anew
            return record

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return record if self._value_deserializer is _as_it_is else super()._consumer_record(tp, record)


class _Fetcher(fetcher.Fetcher):
    """Can be told to rest: between two fetches, not between a fetch and the poll that takes what it brought.

    aiokafka fetches again as soon as a poll took all, gets what little was appended in that millisecond, and fetches no more while it waits to be
    polled: records would wait for two polls.
    """

    _rests_until = 0.0

    def rest(self, seconds: float) -> None:
        """Send no fetch for so long."""
        self._rests_until = time.monotonic() + seconds

    def _get_actions_per_node(self, assignment: Any) -> tuple[Any, ...]:
        fetches, resets, timeout, *others = super()._get_actions_per_node(assignment)
        rest = self._rests_until - time.monotonic()
        return ([], resets, min(timeout, rest), *others) if fetches and rest > 0 else (fetches, resets, timeout, *others)


fetcher.PartitionRecords = _PartitionRecords  # aiokafka names its classes and takes no others; all else stays as it is
fetcher.MemoryRecords = FetchedRecords
aiokafka.consumer.consumer.Fetcher = _Fetcher

_PACE = 0.01
"""Seconds from what one poll brought to the next fetch, at least: where records trickle in, ever smaller batches would take the time of who handles them."""

_RECOVERY_ROWS = 5000
_RECOVERY_STALL = 60.0


class _Reading(driver.AIOKafkaConsumerThread):
    """aiokafka's consumer after our settings, in the event loop of the worker.

    Faust gives it a thread with a loop of its own, lest a long computation keep it from its heartbeats. Here no computation is long, and threads that
    take turns at the interpreter cost a sixth of the rate: adr/0038.
    """

    wait_for_shutdown = False  # nobody else sets it: this is the loop that waits

    async def start(self) -> None:
        """Start here what Faust starts in a thread."""
        self._thread_started.set()
        await self._default_start()

    async def on_stop(self) -> None:
        """Leave the group and disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``fun``, which may be a coroutine function."""
        return await maybe_async(fun(*args, **kwargs))

    def _create_worker_consumer(self, transport: Any) -> Any:
        settings: StreamSettings = self.app.streams
        return AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            client_id=settings.client,
            group_id=settings.group_id,
            group_instance_id=settings.instance,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            value_deserializer=_as_it_is,
            auto_offset_reset="earliest",
            max_poll_records=settings.max_poll_records,
            max_partition_fetch_bytes=settings.max_fetch_size,
            fetch_max_wait_ms=100,  # while it waits for quiet partitions, aiokafka fetches nothing for busy ones
            request_timeout_ms=int(settings.request_timeout * 1000),
            session_timeout_ms=int(settings.session_timeout * 1000),
            rebalance_timeout_ms=int(settings.rebalance_timeout * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_interval * 1000),
            **settings.security,
        )

    async def seek_to_start(self, partitions: Collection[TP]) -> None:
        """Go back to the earliest offset that Kafka holds."""
        await self._ensure_consumer().seek_to_beginning(*(TopicPartition(*tp) for tp in partitions))

    def rest(self, seconds: float) -> None:
        """Fetch nothing for so long."""
        self._ensure_consumer()._fetcher.rest(seconds)

    def stay(self) -> None:
        """Keep the member in the group while it has no room for records."""
        with self._ensure_consumer()._subscription.fetch_context():
            pass

    async def behind(self, topics: Collection[str], tolerance: float) -> bool:
        """Return whether the group is behind on ``topics``, by at most ``tolerance`` seconds of records."""
        consumer = self._ensure_consumer()
        partitions = [
            TopicPartition(topic, number) for topic in topics for number in range(self.app.streams.partitions)
        ]
        ends = await consumer.end_offsets(partitions)
        committed = {tp: await consumer.committed(tp) or 0 for tp in partitions if ends[tp]}
        late = {tp for tp, offset in committed.items() if offset < ends[tp]}
        if not late:
            return False
        since = int((time.time() - tolerance) * 1000)
        recent = await consumer.offsets_for_times(dict.fromkeys(late, since))
        # Behind by more: the next record to handle is older than the first recent one.
        return any(found is not None and committed[tp] >= found.offset for tp, found in recent.items())


class KafkaConsumer(BatchConsumer, driver.Consumer):
    """Faust's consumer of aiokafka, in batches."""

    seek_errors = (KafkaError, AssertionError)  # aiokafka asserts that something is assigned

    def _new_consumer_thread(self) -> Any:
        return _Reading(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109  # Faust's signature
        polled = await super()._getmany(active_partitions, timeout)
        records = sum(map(len, polled.values()))
        share_interpreter(records)
        if 0 < records < MANY:
            self._thread.rest(_PACE)
        return polled

    async def _seek_to_start(self, partitions: Iterable[TP]) -> None:
        await self._thread.seek_to_start(list(partitions))

    async def _stay(self) -> None:
        self._thread.stay()

    def highwater(self, tp: TP) -> int | None:
        """Return the end offset of ``tp`` as of the last fetch, None before one."""
        try:
            return self._thread.highwater(TopicPartition(*tp))  # type: ignore[no-any-return]
        except (AssertionError, KafkaError):
            return None  # not assigned in this instant

    def markers(self, tp: TP, start: int, end: int) -> int:
        """Return how many of the offsets from ``start`` to before ``end`` hold no record, but the end of a transaction."""
        return len({offset for offset in _MARKERS[TopicPartition(*tp)] if start <= offset < end})

    async def behind(self, topics: Collection[str], tolerance: float) -> bool:
        """Return whether the group is behind on ``topics``, by at most ``tolerance`` seconds of records."""
        return await self._thread.behind(topics, tolerance)  # type: ignore[no-any-return]


class _Transport(driver.Transport):
    Consumer = KafkaConsumer
    Producer = IdleProducer


class KafkaReader:
    """Read partitions of a topic from their beginning to the end that they have now."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings

    def _consumer(self, group: str | None = None) -> Any:
        return AIOKafkaConsumer(
            group_id=group,
            bootstrap_servers=self._settings.bootstrap,
            client_id=f"{self._settings.client}-reader",
            enable_auto_commit=False,
            value_deserializer=_as_it_is,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=self._settings.max_fetch_size,
            request_timeout_ms=int(self._settings.request_timeout * 1000),
            **self._settings.security,
        )

    async def bounds(self, partitions: Collection[TP]) -> dict[TP, Bounds]:
        """Return where each of ``partitions`` begins and ends now."""
        tps = {tp: TopicPartition(*tp) for tp in partitions}
        consumer = self._consumer()
        await consumer.start()
        try:
            starts = await consumer.beginning_offsets(tps.values())
            ends = await consumer.end_offsets(tps.values())
        finally:
            await consumer.stop()
        return {tp: Bounds(starts[kafka_tp], ends[kafka_tp]) for tp, kafka_tp in tps.items()}

    async def committed(self, partitions: Collection[TP]) -> dict[TP, int | None]:
        """Return what the group has committed of each of ``partitions``, without becoming its member."""
        consumer = self._consumer(self._settings.group_id)
        await consumer.start()
        try:
            return {tp: await consumer.committed(TopicPartition(*tp)) for tp in partitions}
        finally:
            await consumer.stop()

    async def read(self, topic: str, partitions: Collection[int], *, first: bool = False) -> AsyncIterator[Chunk]:
        """Read ``partitions`` until each position reached the end offset of the beginning; if ``first``, only the first record of each.

        Raises ``TimeoutError`` when no position moves for a minute.
        """
        tps = {TopicPartition(topic, partition) for partition in partitions}
        consumer = self._consumer()
        await consumer.start()
        try:
            consumer.assign(tps)
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(tps)
            starts: Mapping[TopicPartition, int] = await consumer.beginning_offsets(tps)
            for tp in [tp for tp in tps if starts[tp] >= ends[tp]]:
                tps.discard(tp)
                yield Chunk(tp.partition, (), ends[tp])
            deadline = time.monotonic() + _RECOVERY_STALL
            while tps:
                polled = await consumer.getmany(*tps, timeout_ms=500, max_records=1 if first else _RECOVERY_ROWS)
                if polled:
                    deadline = time.monotonic() + _RECOVERY_STALL
                elif time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{topic}: no record for {_RECOVERY_STALL:.0f} s before the end of partitions {sorted(tp.partition for tp in tps)}"
                    )
                for tp in list(tps):
                    reached = await consumer.position(tp) >= ends[tp] or (first and tp in polled)
                    if self._settings.embedded and tp in polled:
                        reached = False  # it tells an end that lies within the last batch: only a poll that finds nothing is the end
                    if reached:
                        tps.discard(tp)
                        consumer.pause(tp)
                    if reached or tp in polled:
                        yield Chunk(tp.partition, polled.get(tp, ()), await consumer.position(tp) if reached else None)
        finally:
            await consumer.stop()


class KafkaBackend:
    """Apache Kafka, or what speaks its protocol, at ``settings.bootstrap``."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._paused: frozenset[str] = frozenset()

    def transport(self, app: Any) -> Any:
        """Return a Faust transport over aiokafka."""
        return _Transport(app.conf.broker_consumer, app)

    def producer(self, guard: Callable[[], None]) -> Producer:
        """Return an idempotent producer."""
        return KafkaDelivery(self._settings, guard)

    def reader(self) -> LogReader:
        """Return a reader with a connection of its own."""
        return KafkaReader(self._settings)

    async def await_broker(self, retry: Callable[[str, float], None]) -> None:
        """Wait until a broker answers, with longer and longer pauses, 30 s at most."""
        pause = 0.5
        while True:
            client = AIOKafkaClient(
                bootstrap_servers=self._settings.bootstrap, client_id=self._settings.client, **self._settings.security
            )
            try:
                await client.bootstrap()
            except KafkaError as error:
                retry(f"no broker at {self._settings.bootstrap}: {error}", pause)
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)
            else:
                return
            finally:
                await client.close()

    async def topic_id(self, topic: str) -> str | None:
        """Return Kafka's id of ``topic``; None before Kafka 2.8."""
        return await asyncio.to_thread(self._topic_id, topic)

    def _topic_id(self, topic: str) -> str | None:
        with TopicAdmin(self._settings) as admin:
            return admin.topic_id(topic)

    async def paused(self, topics: Collection[str]) -> frozenset[str]:
        """Return those of ``topics`` that are paused; the embedded broker keeps no such marks beyond this process."""
        if self._settings.embedded:
            return self._paused & frozenset(topics)
        return frozenset(await asyncio.to_thread(self._read_pauses, topics))

    async def keep_paused(self, topic: str) -> None:
        """Note that ``topic`` is paused."""
        self._paused |= {topic}
        if not self._settings.embedded:
            await asyncio.to_thread(self._write_pause, topic)

    def _read_pauses(self, topics: Collection[str]) -> dict[str, str]:
        with Pauses(self._settings) as pauses:
            return pauses.paused(topics)

    def _write_pause(self, topic: str) -> None:
        with Pauses(self._settings) as pauses:
            pauses.pause(topic)

    async def catching_up(self, app: Any, topics: Collection[str], tolerance: float) -> bool:
        """Return whether the group is behind on one of ``topics``, by at most ``tolerance`` seconds of records."""
        return bool(topics) and bool(await app.consumer.behind(topics, tolerance))
