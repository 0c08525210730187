"""A worker that maps raw records ends between any two steps, on a real Kafka: each touchpoint of the raw log is there, as mapped, and counts once."""

import json
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from agents.links import INTERNAL
from seamwatch.mapping import mapper
from streams.errors import Poison
from streams.failpoints import EXIT_CODE
from streams.producer import partition_for
from streams.sources import load_source
from tests.support.stories import newest, replayed, stories
from tests.support.workers import (
    COMMITTED,
    CUSTOMER_KEY,
    Installation,
    WorkerProcess,
    assert_same,
    database_state,
    stored,
    until,
    wait_until_caught_up,
)

pytestmark = pytest.mark.slow

SMALL = {
    "max_poll_records": 6,
    "commit_interval": 0.2,
    "session_timeout": 6.0,
    "delivery_timeout": 4.0,
    "heartbeat_interval": 1.5,
}
"""Many batches of a small log, and a group that soon misses who died or froze."""

SOURCE = "cloudevents"

DEATHS = ("before_delivery:2", "half_delivered:4", "after_delivery:1", "after_delivery:5", "after_commit:1")
"""Where one worker after the other dies: at its first pass of a point, or at a later one; see `tests.support.tuned_worker`."""

Identity = tuple[str, str]
"""Source and id of a touchpoint."""


class Raw(NamedTuple):
    """A record of a topic, as it lies there."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Mapped(NamedTuple):
    """What a raw log comes to: key and content of each touchpoint, in the order of the log by raw partition; and why a record was refused, by its place."""

    touchpoints: dict[Identity, tuple[bytes | None, dict[str, Any]]]
    order: dict[int, list[Identity]]
    refused: dict[tuple[int, int], str]


def events(touchpoints: list[dict[str, Any]], chance: random.Random) -> Iterator[bytes | None]:
    """Yield touchpoints as the raw records of a source: events alone or up to five in one record, some records twice, and in between what is no event."""
    bad = (b"no event", None, b'{"specversion": "1.0", "id": "x", "source": "s", "type": "unheard.of", "data": {}}')
    waiting = list(reversed(touchpoints))
    while waiting:
        together = [_event(waiting.pop()) for _ in range(min(len(waiting), chance.choice((1, 1, 2, 5))))]
        record = json.dumps(together[0] if len(together) == 1 else together).encode()
        yield record
        if chance.random() < 0.1:
            yield record
        if chance.random() < 0.05:
            yield chance.choice(bad)
        if chance.random() < 0.03:  # of two touchpoints one cannot be used: the record is set aside whole
            yield json.dumps([_event(dict(touchpoints[0], id="half")), _event(dict(touchpoints[0], id="bad", type="unheard"))]).encode()


def _event(touchpoint: dict[str, Any]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "e", "source": "/e", "type": "io.seamwatch.touchpoint", "data": touchpoint}


def read(installation: Installation, topic: str) -> list[Raw]:
    """Return all records of a topic (named without prefix), in order within each partition."""
    consumer = KafkaConsumer(bootstrap_servers=installation.bootstrap, auto_offset_reset="earliest")
    numbers = [TopicPartition(f"{installation.prefix}.{topic}", number) for number in range(installation.partitions)]
    consumer.assign(numbers)
    ends, found = consumer.end_offsets(numbers), list[Raw]()
    while any(consumer.position(each) < ends[each] for each in numbers):
        for records in consumer.poll(500).values():
            found += [Raw(each.partition, each.offset, each.key, each.value, each.headers) for each in records]
    consumer.close()
    return found


def mapped(log: list[Raw]) -> Mapped:
    """Map a raw log as one worker without any fault would; of what comes twice the first counts."""
    map_record = mapper(load_source(SOURCE, CUSTOMER_KEY.encode()))
    made = Mapped({}, defaultdict(list), {})
    for record in log:
        try:
            pairs = list(map_record(record.value, record.headers))
        except Poison as poison:
            made.refused[record.partition, record.offset] = str(poison.reason)
            continue
        for key, value in pairs:
            touchpoint = json.loads(value)
            identity = touchpoint["source"], touchpoint["id"]
            made.touchpoints.setdefault(identity, (key, touchpoint))
            made.order[record.partition].append(identity)
    return made


def test_what_maps_may_die_anywhere(installation: Installation) -> None:
    """Workers die around deliveries and commits, in a rebalance, and freeze while others go on: topic, database and dead letters fit the raw log."""
    installation.settings |= {"SEAMWATCH_SOURCES": SOURCE, "SEAMWATCH_READ_MESSAGES": "no"}  # what is read out of words, adr/0016 tells
    installation.prepare()
    told = stories(range(200, 225))
    log = list(events(told, random.Random(8)))
    assert len(log) > 300
    share = len(log) // (len(DEATHS) + 2)
    shares = [log[number * share : (number + 1) * share] for number in range(len(DEATHS) + 1)] + [log[(len(DEATHS) + 1) * share :]]

    for failpoint, coming in zip(DEATHS, shares, strict=False):
        _produce(installation, coming)
        worker = installation.start_tuned(SMALL, "normalise", FAILPOINT=failpoint, INSTANCE_ID="one")
        assert worker.wait(60) == EXIT_CODE, worker.tail()
    _die_in_a_rebalance(installation)
    _freeze_in_a_delivery(installation, shares[-2], shares[-1])

    worker = installation.start_tuned(SMALL)
    wait_until_caught_up(installation, worker, topics=(*COMMITTED, f"raw.{SOURCE}"))
    expected = mapped(read(installation, f"raw.{SOURCE}"))
    _assert_topic_holds(installation, expected)
    _assert_refused(installation, expected)
    assert len(expected.touchpoints) == len(told)
    state = replayed(told)
    assert len(state.findings) > 50
    assert_same(database_state(installation.database, newest(told)), state)


def _produce(installation: Installation, records: list[bytes | None]) -> None:
    """Append raw records to each partition in turn."""
    producer = KafkaProducer(bootstrap_servers=installation.bootstrap, linger_ms=20)
    topic = f"{installation.prefix}.raw.{SOURCE}"
    futures = [producer.send(topic, key=b"any", value=value, partition=number % installation.partitions) for number, value in enumerate(records)]
    producer.flush()
    producer.close()
    for future in futures:
        future.get(0)


def _die_in_a_rebalance(installation: Installation) -> None:
    """Let a worker die as it gives up its partitions to another one, which is then killed, too."""
    first = installation.start_tuned(SMALL, "normalise", FAILPOINT="mid_rebalance:2", INSTANCE_ID="two").wait_ready(60)
    other = installation.start_tuned(SMALL, "normalise", INSTANCE_ID="three")
    assert first.wait(60) == EXIT_CODE, first.tail()
    other.kill()


def _freeze_in_a_delivery(installation: Installation, coming: list[bytes | None], later: list[bytes | None]) -> None:
    """Freeze a worker that has written half of what it has; when another one has done all, let it go on beside that one with what comes then."""
    frozen = installation.start_tuned(SMALL, "normalise", FAILPOINT="half_delivered:2:freeze")
    _produce(installation, coming)
    until(lambda: _is_stopped(frozen), 60, frozen.tail)
    other = installation.start_tuned(SMALL, "normalise")
    _wait_until_mapped(installation, other)
    frozen.process.send_signal(signal.SIGCONT)
    _produce(installation, later)
    time.sleep(2)
    _wait_until_mapped(installation, other)
    for each in (frozen, other):
        if each.running:
            each.kill()


def _is_stopped(worker: WorkerProcess) -> bool:
    return Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _wait_until_mapped(installation: Installation, worker: WorkerProcess) -> None:
    wait_until_caught_up(installation, worker, topics=(f"raw.{SOURCE}",))


def _assert_topic_holds(installation: Installation, expected: Mapped) -> None:
    """Of every touchpoint: its key, its content in each of its copies, its partition; of each partition the order of the raw log; and that some came again."""
    numbers, copies = installation.partitions, 0
    order: dict[int, dict[Identity, None]] = defaultdict(dict)
    for record in read(installation, "touchpoints"):
        if record.value is None or record.value.startswith(INTERNAL):
            continue
        touchpoint = json.loads(record.value)
        if touchpoint["type"] == "heartbeat":
            continue
        identity = touchpoint["source"], touchpoint["id"]
        assert (record.key, touchpoint) == expected.touchpoints[identity]
        assert record.partition == partition_for(record.key or b"", numbers)
        order[record.partition][identity] = None
        copies += 1
    found = {identity for each in order.values() for identity in each}
    assert found == expected.touchpoints.keys()
    assert copies > sum(map(len, expected.order.values())), "nothing was written again: no worker died where it should have"
    raw_partitions = Counter(identity for came in expected.order.values() for identity in set(came))
    for came in expected.order.values():  # but for what the source sent to two partitions of the raw topic
        for there in order.values():
            mine = dict.fromkeys(identity for identity in came if identity in there and raw_partitions[identity] == 1)
            assert list(mine) == [identity for identity in there if identity in mine]


def _assert_refused(installation: Installation, expected: Mapped) -> None:
    """The dead letters of the raw topic, in the topic and in the database, are the records that the mapping refuses, for its reasons."""
    assert set(expected.refused.values()) == {"unmapped", "empty_value"}
    topic = f"{installation.prefix}.raw.{SOURCE}"
    told = [dict(record.headers) for record in read(installation, "dead-letters")]
    ours = [each for each in told if each["topic"].decode() == topic]
    assert {(int(each["partition"]), int(each["offset"])): each["reason"].decode() for each in ours} == expected.refused
    rows = [row for row in stored(installation.database, "SELECT * FROM dead_letters") if row.topic == topic]
    assert {(row.partition, row.offset): row.reason for row in rows} == expected.refused
    assert len(rows) == len(expected.refused)
