"""Workers that die at any moment, on a real Kafka: the state and the findings are those of an undisturbed run."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import aiokafka
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.failpoints import EXIT_CODE
from streams.settings import StreamSettings
from streams.topics import TopicAdmin, Topics
from tests.support.services import KafkaServer
from tests.unit.streams.support import CountingEngine

ROOT = Path(__file__).parents[2]
PARTITIONS = 2


class Crew:
    """Worker processes over one prefix."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.names = Topics(prefix)
        self.processes: list[subprocess.Popen[bytes]] = []
        with TopicAdmin(StreamSettings(bootstrap=bootstrap, prefix=prefix, partitions=PARTITIONS)) as admin:
            assert admin.require() == []

    def start(self, failpoint: str = "", instance: str = "one") -> subprocess.Popen[bytes]:
        """Start a worker that ends itself at ``failpoint``."""
        command = [
            sys.executable,
            "-m",
            "tests.unit.streams.live_worker",
            self.bootstrap,
            self.prefix,
            str(PARTITIONS),
            instance,
        ]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "SEAMWATCH_FAILPOINT": failpoint})
        self.processes.append(process)
        return process

    def produce(self, count: int) -> Counter[str]:
        """Append touchpoints of fifty customers, and return how many each has."""
        chance, counts = random.Random(count), Counter[str]()
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=5)
        for _ in range(count):
            key = f"acme/c{chance.randrange(50)}"
            producer.send(self.names.touchpoints, key=key.encode(), value=b"{}")
            counts[key] += 1
        producer.flush()
        producer.close()
        return counts

    def lag(self) -> int:
        """Return the records that are not committed, as Kafka tells."""
        tps = [TopicPartition(self.names.touchpoints, partition) for partition in range(PARTITIONS)]
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=self.prefix, enable_auto_commit=False)
        try:
            return sum(consumer.end_offsets(tps)[tp] - (consumer.committed(tp) or 0) for tp in tps)
        finally:
            consumer.close()

    def read(self, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
        """Return everything in ``topic``: partition, key and value."""
        return asyncio.run(_read(self.bootstrap, topic))

    def state(self) -> dict[str, int]:
        """Return the counts that the changelog alone gives."""
        engines = {partition: CountingEngine(partition) for partition in range(PARTITIONS)}
        for partition, key, value in self.read(self.names.changelog):
            engines[partition].restore(key or b"", value)
        return {key.decode(): count for engine in engines.values() for key, (count, _) in engine.counts.items()}

    def findings(self) -> set[str]:
        """Return the ids in the alerts topic."""
        return {json.loads(value or b"")["id"] for _, _, value in self.read(self.names.alerts)}

    def end(self) -> None:
        """Kill what runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


async def _read(bootstrap: str, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
    tps = [aiokafka.TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        found: list[tuple[int, bytes | None, bytes | None]] = []
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [(record.partition, record.key, record.value) for record in records]
        return found
    finally:
        await consumer.stop()


@pytest.fixture
def crew(kafka: KafkaServer, prefix: str) -> Iterator[Crew]:
    """Give workers over a prefix of their own."""
    workers = Crew(kafka.bootstrap, prefix)
    yield workers
    workers.end()


def until(true: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait until ``true()``."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def expected_findings(counts: Counter[str]) -> set[str]:
    """Return the ids that an undisturbed run finds."""
    return {f"{key}/{number}" for key, count in counts.items() for number in range(3, count + 1, 3)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["before_findings:3", "after_findings:3", "after_tallies:3", "after_rows:3", "after_commit:1"]
)
def test_a_crash_between_any_two_steps_changes_nothing(crew: Crew, point: str) -> None:
    """Killed at one point, twice over, and started again, the worker ends with every record counted once and every finding found."""
    counts = Counter[str]()
    for _ in range(2):
        counts += crew.produce(2000)
        assert crew.start(point).wait(40) == EXIT_CODE
    counts += crew.produce(100)  # so that no lag means that the last worker has worked
    last = crew.start()
    until(lambda: crew.lag() == 0)
    last.send_signal(signal.SIGTERM)
    assert last.wait(15) == 0
    assert crew.state() == counts
    assert crew.findings() == expected_findings(counts)


@pytest.mark.slow
def test_a_worker_that_stood_still_ends_before_it_writes(crew: Crew) -> None:
    """A worker stopped for longer than its session exits with code 1 when it wakes, and the one that took over ends with the right state."""
    counts = crew.produce(300)
    first = crew.start(instance="one")
    until(lambda: crew.lag() == 0)
    first.send_signal(signal.SIGSTOP)
    counts += crew.produce(2000)
    crew.start(instance="two")
    until(lambda: crew.lag() == 0)
    first.send_signal(signal.SIGCONT)
    assert first.wait(15) == 1
    assert crew.state() == counts


def test_a_worker_leaves_its_group_in_time(crew: Crew) -> None:
    """SIGTERM ends a worker within ten seconds, with everything that it did committed."""
    crew.produce(500)
    only = crew.start()
    until(lambda: crew.lag() == 0)
    began = time.monotonic()
    only.send_signal(signal.SIGTERM)
    assert only.wait(15) == 0
    assert time.monotonic() - began < 10
