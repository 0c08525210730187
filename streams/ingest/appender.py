"""Bodies into raw topics: what comes while a write is under way goes with the next one, so that one confirmation serves many requests."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.errors import DeliveryFailed
from streams.settings import StreamSettings

__all__ = ["Appender", "Headers"]

Headers = Sequence[tuple[str, bytes]]


class _Record(NamedTuple):
    value: bytes
    headers: Headers
    done: "asyncio.Future[None]"


class Appender:
    """Appends records without a key, to one partition after the other.

    Every record is confirmed by all replicas in sync or fails, at the latest some seconds after twice the delivery timeout: the producer is not
    idempotent, since such a one never gives up, and what it would hold on to is posted again anyway. A copy in the topic changes nothing: touchpoints
    have ids.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._waiting: defaultdict[str, list[_Record]] = defaultdict(list)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._turn = count()

    async def start(self) -> None:
        """Connect."""
        settings = self._settings
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap,
            client_id=f"{settings.client}-ingest",
            acks="all",
            compression_type=settings.compression,
            max_batch_size=settings.max_batch_size,
            max_request_size=8 * settings.max_batch_size,
            request_timeout_ms=int(settings.delivery_timeout * 1000),
            **settings.security,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; whoever still waits is told that nothing is confirmed."""
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def append(self, topic: str, value: bytes, headers: Headers = ()) -> None:
        """Append a record to ``topic`` and wait until it is confirmed.

        Raises `DeliveryFailed`; the record may be in the topic all the same.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting[topic].append(_Record(value, headers, done))
        if topic not in self._running:
            self._running[topic] = asyncio.create_task(self._work(topic))
        await done

    async def _work(self, topic: str) -> None:
        try:
            while records := self._waiting.pop(topic, None):
                await self._write(topic, records)
        finally:
            del self._running[topic]
            _fail(self._waiting.pop(topic, ()), DeliveryFailed("this program ends"))

    async def _write(self, topic: str, records: Sequence[_Record]) -> None:
        try:
            partitions = sorted(await self._producer.partitions_for(topic))
            pending = []
            start = 0
            while start < len(records):
                builder = self._producer.create_batch()
                end = start
                while end < len(records) and builder.append(
                    timestamp=None, key=None, value=records[end].value, headers=list(records[end].headers)
                ):
                    end += 1
                partition = partitions[next(self._turn) % len(partitions)]
                confirmed = await self._producer.send_batch(builder, topic, partition=partition)
                pending.append((confirmed, records[start:end]))
                start = end
            for confirmed, written in pending:
                try:
                    await confirmed
                except KafkaError as error:
                    _fail(written, DeliveryFailed(f"{topic}: not confirmed: {error!r}"))
                else:
                    for record in written:
                        if not record.done.done():
                            record.done.set_result(None)
        except KafkaError as error:
            _fail(records, DeliveryFailed(f"{topic}: not written: {error!r}"))
        finally:
            _fail(records, DeliveryFailed(f"{topic}: this program ends"))


def _fail(records: Sequence[_Record], error: DeliveryFailed) -> None:
    """Tell those who still wait."""
    for record in records:
        if not record.done.done():
            record.done.set_exception(error)
