"""Writing to Kafka: in bulk, and done only when every record is confirmed."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from murmurhash2 import murmurhash2

from streams.errors import DeliveryFailed
from streams.settings import StreamSettings

__all__ = ["Ends", "KafkaDelivery", "Outgoing", "Producer", "Rows", "group_by_partition", "partition_for"]

Ends = Mapping[tuple[str, int], int]
"""By topic and partition: the offset after the last record that was delivered."""


class Outgoing(NamedTuple):
    """A record to be written; ``partition`` None: by murmur2 of the key, as Java clients do."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Rows(NamedTuple):
    """Many records of one partition, in order, by key and value."""

    topic: str
    partition: int
    pairs: Sequence[tuple[bytes, bytes | None]]


Content = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""A record's key, value and headers."""


class Producer(Protocol):
    """Delivers records."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""

    async def deliver(self, records: Iterable[Outgoing | Rows]) -> Ends:
        """Write all of ``records``, in order within a partition, and wait until each is confirmed.

        Raises `DeliveryFailed` when a single one is not; which of the others were written is then unknown.
        """
        ...


_SEED = 0x9747B28C
"""Of murmur2, in Java's clients."""


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition of ``key`` among ``partitions``, as Java's default partitioner does."""
    return int((murmurhash2(key, _SEED) & 0x7FFFFFFF) % partitions)


def group_by_partition(
    records: Iterable[Outgoing | Rows], partitions: Callable[[str], int]
) -> dict[tuple[str, int], list[Content]]:
    """Return ``records`` by topic and partition, in order; ``partitions`` gives the count of a topic's partitions.

    Raises ``ValueError`` for a record with neither key nor partition: it would have no place of its own.
    """
    groups: defaultdict[tuple[str, int], list[Content]] = defaultdict(list)
    for record in records:
        if isinstance(record, Rows):
            if record.pairs:
                groups[record.topic, record.partition] += [(key, value, ()) for key, value in record.pairs]
            continue
        topic, partition, key, value, headers = record
        if partition is None:
            if key is None:
                raise ValueError(f"a record for {topic} has neither key nor partition")
            partition = partition_for(key, partitions(topic))
        groups[topic, partition].append((key, value, headers))
    return groups


class KafkaDelivery:
    """An idempotent producer that appends whole batches.

    ``guard`` is asked before anything is written and raises when this worker must write no more. aiokafka never gives up on an idempotent
    batch, so the time limit is kept here.
    """

    def __init__(self, settings: StreamSettings, guard: Callable[[], None]) -> None:
        self._settings = settings
        self._guard = guard
        self._producer: Any = None
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect."""
        settings = self._settings
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap,
            client_id=settings.client,
            acks="all",
            enable_idempotence=not settings.embedded,  # which knows no producer ids, and on the loopback no retries
            compression_type=settings.compression,
            max_batch_size=settings.max_batch_size,
            max_request_size=8 * settings.max_batch_size,
            request_timeout_ms=int(settings.delivery_timeout * 1000),
            **settings.security,
            linger_ms=0,  # batches arrive whole, and those of other partitions gather while a request is under way
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; nothing is pending, since `deliver` waits."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def deliver(self, records: Iterable[Outgoing | Rows]) -> Ends:
        """Write all of ``records`` and wait until each is confirmed.

        Raises `DeliveryFailed`.
        """
        self._guard()
        try:
            async with asyncio.timeout(self._settings.delivery_timeout):
                return await self._deliver(records)
        except (KafkaError, TimeoutError) as error:
            raise DeliveryFailed(f"not confirmed within {self._settings.delivery_timeout:.0f} s: {error!r}") from error

    async def _deliver(self, records: Iterable[Outgoing | Rows]) -> Ends:
        producer = self._producer
        pending: list[tuple[tuple[str, int], int, Any]] = []
        records = list(records)
        topics = {record.topic for record in records if record.partition is None}
        counts = {topic: len(await producer.partitions_for(topic)) for topic in topics}
        now = int(time.time() * 1000)
        for (topic, partition), group in group_by_partition(records, counts.__getitem__).items():
            builder = producer.create_batch()
            for key, value, headers in group:
                if builder.append(timestamp=now, key=key, value=value, headers=list(headers)) is None:
                    pending.append(((topic, partition), builder.record_count(), await self._hand_over(builder, topic, partition)))
                    builder = producer.create_batch()
                    builder.append(timestamp=now, key=key, value=value, headers=list(headers))
            pending.append(((topic, partition), builder.record_count(), await self._hand_over(builder, topic, partition)))
        confirmed = await asyncio.gather(*(future for _, _, future in pending))
        return {tp: metadata.offset + count for (tp, count, _), metadata in zip(pending, confirmed, strict=True)}

    async def _hand_over(self, builder: Any, topic: str, partition: int) -> Any:
        """Give a batch to aiokafka, one at a time per partition: of several that wait for the slot it counts the time of one wait again at each turn."""
        async with self._turns[topic, partition]:
            return await self._producer.send_batch(builder, topic, partition=partition)
