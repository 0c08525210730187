"""The broker that comes with the program."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from agents.live import watch
from streams.app import create_app
from streams.embedded import EmbeddedBroker
from streams.errors import EmbeddedBrokerFailed
from streams.kafka import KafkaBackend
from streams.observer import Unobserved
from streams.producer import Outgoing
from streams.settings import StreamSettings
from streams.topics import TopicAdmin
from tests.unit.streams.support import CountingEngine


class Records(Unobserved):
    def __init__(self) -> None:
        self.done: Counter[int] = Counter()

    def batch_done(self, topic: str, partition: int, records: int, seconds: float) -> None:
        self.done[partition] += records


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """Give an embedded broker, where it is installed."""
    try:
        started = EmbeddedBroker().__enter__()
    except EmbeddedBrokerFailed as missing:
        pytest.skip(str(missing))
    yield started
    started.__exit__(None, None, None)


@pytest.fixture
def settings(broker: EmbeddedBroker) -> StreamSettings:
    """Return settings for the embedded broker, with its topics."""
    found = broker.settings(StreamSettings(prefix="e", partitions=3))
    with TopicAdmin(found) as admin:
        assert admin.require() == []
    return found


def test_a_worker_watches_over_the_embedded_broker(settings: StreamSettings) -> None:
    """With nothing installed but a wheel, touchpoints reach the engine within seconds."""
    seen = Records()
    asyncio.run(watch_thousand(settings, seen))
    assert seen.done.total() == 1000


def test_the_broker_ends_with_the_program() -> None:
    """Nothing listens when the context is left."""
    try:
        with EmbeddedBroker() as broker:
            port = broker.port
    except EmbeddedBrokerFailed as missing:
        pytest.skip(str(missing))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_everything_is_read_although_the_broker_tells_too_early_an_end(settings: StreamSettings) -> None:
    """Recovery reads a changelog to its real end: the broker's answer lies within the last batch."""
    assert asyncio.run(write_and_read(settings)) == 15


async def write_and_read(settings: StreamSettings) -> int:
    """Write fifteen rows in three batches, and return how many a reader finds."""
    backend = KafkaBackend(settings)
    producer = backend.producer(lambda: None)
    await producer.start()
    for _ in range(3):
        await producer.deliver([Outgoing("e.watch-changelog", 0, b"k", b"row")] * 5)
    await producer.stop()
    return sum([len(chunk.records) async for chunk in backend.reader().read("e.watch-changelog", [0])])


async def watch_thousand(settings: StreamSettings, seen: Records) -> None:
    """Write a thousand touchpoints, and wait until they are watched."""
    app = create_app(settings, KafkaBackend(settings), observer=seen)
    watch(app, CountingEngine)
    await app.start()
    try:
        await app.delivery.deliver(
            [Outgoing("e.touchpoints", None, b"acme/c%d" % (number % 50), b"{}") for number in range(1000)]
        )
        deadline = time.monotonic() + 30
        while seen.done.total() < 1000:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    finally:
        await app.stop()
