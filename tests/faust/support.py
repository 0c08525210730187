"""One fault, two workers under it: a stock Faust agent and ours, both reading one topic of a real Kafka."""

import asyncio
import contextlib
import gc
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faust
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from streams.app import create_app
from streams.batches import Batch
from streams.kafka import KafkaBackend
from streams.producer import Outgoing
from streams.settings import StreamSettings
from tests.unit.streams.support import Ends, eventually

__all__ = ["MENDED", "RAW", "Job", "Log", "Ours", "Stock", "Worker", "running", "stock_does"]

MENDED = f"Faust {version('faust-streaming')} no longer does this: correct docs/faust-paths.md, and see what of streams/ is left without a cause"

RAW = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
"""How Faust leaves keys and values as they are."""

Job = Callable[[int], Awaitable[None]]
"""What an agent does with the record at an offset."""


async def _nothing(offset: int) -> None:
    """Do no more than note that the record came."""


class Log:
    """A topic of one partition, and other topics beside it; ``directory`` is for Faust, which wants one."""

    def __init__(self, bootstrap: str, topic: str, directory: Path) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.directory = directory
        self.offsets: set[int] = set()
        self.create(topic)

    def create(self, topic: str, **configs: str) -> str:
        """Create a topic of one partition and return its name; ``configs`` are Kafka's, with underscores."""
        named = {name.replace("_", "."): value for name, value in configs.items()}
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1, "configs": named}})
        return topic

    def append(self, count: int, **producer: Any) -> list[int]:
        """Append records and return their offsets; with a ``transactional_id`` in one transaction, the end of which takes an offset, too."""
        with contextlib.closing(KafkaProducer(bootstrap_servers=self.bootstrap, **producer)) as client:
            if producer:
                client.init_transactions()
                client.begin_transaction()
            sent = [client.send(self.topic, key=b"k", value=b"{}") for _ in range(count)]
            if producer:
                client.commit_transaction()
            offsets = [each.get(10).offset for each in sent]
        self.offsets.update(offsets)
        return offsets

    def committed(self, group: str) -> int | None:
        """Return what Kafka holds as committed by ``group``."""
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            offsets = admin.list_group_offsets([group])[group]
        return next((each.offset for tp, each in offsets.items() if tp.topic == self.topic), None)

    def read(self, topic: str) -> list[tuple[int, int]]:
        """Return all records of ``topic``, whose keys and values are numbers."""
        tp = TopicPartition(topic, 0)
        with contextlib.closing(KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)) as client:
            client.assign([tp])
            client.seek_to_beginning(tp)
            end, found = client.end_offsets([tp])[tp], []
            while client.position(tp) < end:
                for records in client.poll(200).values():
                    found += [(int(record.key), int(record.value)) for record in records]
        return found


class Worker(ABC):
    """A worker in this process, whose agent does its ``job`` with every record of ``log``; set it before the start.

    ``begun`` and ``done``: the offsets that the job was begun and done with, each as often as it was.
    """

    app: Any
    kind: str

    def __init__(self, log: Log, commit_interval: float) -> None:
        self.log = log
        self.group = f"{log.topic}-{self.kind}"
        self.job: Job = _nothing
        self.begun: list[int] = []
        self.done: list[int] = []
        self.app = self._app(commit_interval)

    @abstractmethod
    def _app(self, commit_interval: float) -> Any: ...

    async def _do(self, offset: int) -> None:
        self.begun.append(offset)
        await self.job(offset)
        self.done.append(offset)

    @property
    def committed(self) -> int | None:
        """What Kafka holds as committed."""
        return self.log.committed(self.group)

    @property
    def lost(self) -> set[int]:
        """The offsets that Kafka will give to nobody any more, and that were not done."""
        return {offset for offset in self.log.offsets if offset < (self.committed or 0)} - set(self.done)

    async def commit(self) -> None:
        """Commit what the worker takes for done."""
        for _ in range(2):  # the first may only wait for a commit that is under way
            await self.app.consumer.commit()

    async def rebalance(self) -> None:
        """Let the group deal its partitions out anew, as when a member comes or goes, and wait until this worker reads again."""
        before = self.app.consumer_generation_id
        self.app.consumer._thread._consumer._coordinator.request_rejoin()
        await self.reads_after(before)

    async def reads_after(self, generation: int) -> None:
        """Wait until this worker reads in another generation of the group."""
        app = self.app
        await eventually(lambda: app.consumer_generation_id != generation and not app.rebalancing)


class Stock(Worker):
    """An agent as Faust's documentation has it."""

    kind = "stock"

    def __init__(self, log: Log, *, commit_interval: float = 0.1, concurrency: int = 1, **options: Any) -> None:
        self._concurrency = concurrency
        self._options = options
        super().__init__(log, commit_interval)

    def _app(self, commit_interval: float) -> Any:
        app = faust.App(
            self.group,
            broker=f"kafka://{self.log.bootstrap}",
            broker_commit_interval=commit_interval,
            consumer_auto_offset_reset="earliest",
            store="memory://",
            datadir=str(self.log.directory),
            topic_partitions=1,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            autodiscover=False,
            **self._options,
        )

        async def agent(stream: Any) -> None:
            async for event in stream.events():
                await self._do(event.message.offset)

        app.agent(app.topic(self.log.topic, **RAW), concurrency=self._concurrency)(agent)
        return app


class Ours(Worker):
    """An agent of this program; ``ends`` hears what ended the worker."""

    kind = "ours"

    def __init__(self, log: Log, *, commit_interval: float = 0.1) -> None:
        self.ends = Ends()
        super().__init__(log, commit_interval)

    def _app(self, commit_interval: float) -> Any:
        settings = StreamSettings(
            bootstrap=self.log.bootstrap,
            prefix=self.group,
            partitions=1,
            max_poll_records=1,
            commit_interval=commit_interval,
            delivery_timeout=1.0,
        )
        app = create_app(settings, KafkaBackend(settings), end=self.ends)

        async def handle(batch: Batch) -> None:
            for record in batch.records:
                await batch.epoch.first(self._do(record.offset))

        app.batch_agent([self.log.topic], handle, name="agent")
        return app

    async def deliver(self, topic: str, offset: int) -> None:
        """Write a result."""
        await self.app.delivery.deliver([Outgoing(topic, 0, b"%d" % offset, b"1")])


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[None]:
    """Run workers side by side, all of which read."""
    await asyncio.gather(*(worker.app.start() for worker in workers))
    try:
        await asyncio.gather(*(worker.reads_after(0) for worker in workers))
        yield
    finally:
        await asyncio.gather(*(asyncio.wait_for(worker.app.stop(), 10) for worker in workers))
        gc.collect()  # so that what Faust never looked at is told here, not in the middle of another test


async def stock_does(wrong: Callable[[], bool]) -> None:
    """Wait until stock Faust did what is ``wrong``; fail and say that it is mended when it does not."""
    try:
        await eventually(wrong)
    except TimeoutError:
        pytest.fail(MENDED)
