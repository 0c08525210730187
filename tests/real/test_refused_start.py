"""Topics and groups that were changed between two runs of a worker or during one, on a real Kafka: it goes on exactly, or ends and says what to do."""

import signal
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from time import sleep

import pytest
from kafka import TopicPartition
from kafka.admin import OffsetSpec

from streams.settings import StreamSettings
from streams.topics import TopicAdmin
from tests.support.services import KafkaServer
from tests.support.workers import Installation, until
from tests.unit.seamwatch.support import asked_twice


class Watched:
    """An installation whose workers only watch."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.admin = installation.admin
        self.prefix = installation.prefix
        self.partitions = installation.partitions
        self._customers = count()
        self.create()

    def name(self, topic: str) -> str:
        """Return the full name of a topic."""
        return f"{self.prefix}.{topic}"

    def create(self) -> None:
        """Create the topics that are missing."""
        sources = ("bpic2013",)
        settings = StreamSettings(self.installation.bootstrap, self.prefix, sources=sources, partitions=self.partitions)
        with TopicAdmin(settings) as admin:
            admin.create()

    def grow(self) -> None:
        """Add a partition to every topic, and tell the workers."""
        self.partitions += 1
        own = [name for name in self.admin.list_topics() if name.startswith(f"{self.prefix}.")]
        self.admin.create_partitions(dict.fromkeys(own, self.partitions))
        self.installation.settings["SEAMWATCH_PARTITIONS"] = str(self.partitions)

    def produce(self, customers: int) -> None:
        """Append the stories of so many new customers: six touchpoints and two findings each."""
        stories = [asked_twice(f"c-{number}") for number in islice(self._customers, customers)]
        self.installation.produce([each for story in stories for each in story])

    def ends(self, topic: str) -> list[int]:
        """Return the end offset of each partition of a topic."""
        partitions = [TopicPartition(self.name(topic), number) for number in range(self.partitions)]
        found = self.admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        return [found[tp].offset for tp in partitions]

    def committed(self) -> list[int]:
        """Return what is committed of each partition of touchpoints; 0 where nothing is."""
        found = self.installation.offsets()
        return [found.get(TopicPartition(self.name("touchpoints"), number), 0) for number in range(self.partitions)]

    def run(self) -> list[int]:
        """Let a worker do all there is; return the ends of the findings' partitions, which are those of their customers."""
        worker = self.installation.start("--roles", "watch")
        until(lambda: not worker.running or self.committed() == self.ends("touchpoints"), told=worker.tail)
        assert worker.stop()[0] == 0, worker.tail()
        return self.ends("alerts")

    def refused(self, said: str) -> None:
        """Let a worker start that is refused: it ends with 1 and a sentence, was never ready, and wrote and committed nothing."""
        before = self.committed(), self.ends("watch-changelog"), self.ends("alerts")
        worker, ready = self.installation.start("--roles", "watch"), False
        while worker.running:
            ready |= worker.get("/readyz")[0] == 200
            sleep(0.05)
        assert worker.wait(0) == 1
        assert not ready
        assert said in worker.tail()
        assert "Traceback" not in worker.tail()
        assert (self.committed(), self.ends("watch-changelog"), self.ends("alerts")) == before


@pytest.fixture
def watched(kafka: KafkaServer, prefix: str, tmp_path: Path) -> Iterator[Watched]:
    """Give an installation with topics and without a database."""
    installation = Installation(tmp_path, kafka.bootstrap, "sqlite:///unused.db", prefix)
    yield Watched(installation)
    installation.end()


def test_a_deleted_group_and_records_deleted_unread(watched: Watched) -> None:
    """Records that were deleted unread stop the worker until that is accepted; elsewhere it goes on where the state ends, tells all, and nothing twice."""
    watched.produce(20)
    assert sum(watched.run()) == 40
    read = watched.ends("touchpoints")
    watched.admin.delete_groups([watched.prefix])
    watched.produce(20)
    ends = watched.ends("touchpoints")
    lossy = max(range(3), key=lambda number: ends[number] - read[number])
    tp = TopicPartition(watched.name("touchpoints"), lossy)
    watched.admin.delete_records({tp: read[lossy] + 3})
    watched.refused(f"3 records of {tp.topic}[{lossy}] deleted unread, from offset {read[lossy]} on")
    watched.admin.reset_group_offsets(watched.prefix, {tp: OffsetSpec.EARLIEST})
    findings = watched.run()
    assert [findings[number] for number in range(3) if number != lossy] == [
        ends[number] // 3 for number in range(3) if number != lossy
    ]
    assert read[lossy] // 3 < findings[lossy] < ends[lossy] // 3


def test_records_deleted_before_a_running_worker_read_them(watched: Watched) -> None:
    """Retention overtakes a worker that stood still: it ends with the number of records and what to do, and applies and commits nothing behind them."""
    watched.produce(20)
    worker = watched.installation.start("--roles", "watch").wait_ready()
    until(lambda: watched.committed() == watched.ends("touchpoints"), told=worker.tail)
    read = watched.ends("touchpoints")
    worker.process.send_signal(signal.SIGSTOP)
    sleep(1)  # longer than a fetch waits at the broker
    watched.produce(20)
    ends = watched.ends("touchpoints")
    lossy = max(range(3), key=lambda number: ends[number] - read[number])
    tp = TopicPartition(watched.name("touchpoints"), lossy)
    watched.admin.delete_records({tp: read[lossy] + 3})
    worker.process.send_signal(signal.SIGCONT)
    assert worker.wait(30) == 1
    said = f"3 records of {tp.topic}[{lossy}] deleted unread, from offset {read[lossy]} on"
    assert f"the worker ends: {said}" in worker.tail()
    assert "Traceback" not in worker.tail()
    assert watched.committed()[lossy] == read[lossy]
    watched.refused(said)
    watched.admin.reset_group_offsets(watched.prefix, {tp: OffsetSpec.EARLIEST})
    findings = watched.run()
    assert read[lossy] // 3 < findings[lossy] < ends[lossy] // 3


def test_recreated_and_grown_topics(watched: Watched) -> None:
    """Touchpoints that were deleted and made again, and topics that all grew, are refused, however well the offsets fit; what the sentence says helps."""
    watched.produce(5)
    assert sum(watched.run()) == 10
    watched.admin.delete_topics([watched.name("touchpoints")])
    watched.create()
    watched.produce(20)
    watched.refused(f"{watched.name('touchpoints')} was deleted and made again")
    watched.grow()
    watched.refused("had 3 partitions, now there are 4")
    watched.admin.delete_topics([watched.name("watch-changelog"), watched.name("tallies")])
    watched.create()
    assert sum(watched.run()) == 50
