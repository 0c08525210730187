"""Heartbeats: where time must pass at the end of a log."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from agents.live import normalise, watch
from streams.app import SeamwatchApp
from streams.heartbeat import heartbeat
from streams.memory import MemoryBroker
from tests.unit.streams.support import CountingEngine, Effects, eventually, worker

pytestmark = pytest.mark.slow  # a Faust app takes a second to start and one to stop


def wall() -> int:
    """Return the present in milliseconds."""
    return time.time_ns() // 1_000_000


class Waiting(CountingEngine):
    def __init__(self, partition: int) -> None:
        super().__init__(partition)
        self.deadlines: list[int] = []

    def process(self, records: Sequence[Any]) -> Effects:
        """Wait for a moment that a record names; a heartbeat moves the clock."""
        effects = super().process(records)
        for record in records:
            if record.key == b"wait":
                self.deadlines.append(int(record.value))
            elif record.key is None:
                moment = int(json.loads(record.value)["id"].rsplit("/", 1)[1])
                self.deadlines = [deadline for deadline in self.deadlines if deadline > moment]
        self.next_deadline = min(self.deadlines, default=None)
        return effects


def waiting(app: SeamwatchApp) -> None:
    """Register the agent with the waiting engine."""
    watch(app, Waiting)


def test_a_heartbeat_is_a_touchpoint_without_a_key() -> None:
    """Its id follows from partition and moment, its time is that moment, and it goes to the named partition."""
    record = heartbeat("t.touchpoints", 3, 1_700_000_000_123_456)
    assert (record.topic, record.partition, record.key) == ("t.touchpoints", 3, None)
    assert json.loads(record.value or b"") == {
        "id": "heartbeat/3/1700000000123456", "source": "seamwatch", "type": "heartbeat", "time": "2023-11-14T22:13:20.123456Z",
    }  # fmt: skip


async def test_a_deadline_that_passed_at_the_end_of_the_log_is_met_by_a_heartbeat() -> None:
    """Only the partition with a deadline gets one, no earlier than the deadline, and no second one."""
    broker = MemoryBroker(now=wall)
    deadline = time.time_ns() // 1000 + 1_500_000
    broker.append("t.touchpoints", 1, b"wait", b"%d" % deadline)
    async with worker(broker, waiting):
        await eventually(lambda: len(broker.records("t.touchpoints")) == 2)
        assert time.time_ns() // 1000 >= deadline
        await eventually(lambda: broker.committed["t"] != {} and set(broker.committed["t"].values()) == {2})
    beat = broker.records("t.touchpoints")[-1]
    assert beat.partition == 1
    assert int(json.loads(beat.value or b"")["id"].rsplit("/", 1)[1]) >= deadline


async def test_deadlines_close_to_each_other_share_a_heartbeat_and_later_ones_follow_at_once() -> None:
    """A thousand waits within a second take one record; one that is ten seconds later takes a second, without waiting for a tick each."""
    broker = MemoryBroker(partitions=1, now=wall)
    base = time.time_ns() // 1000 - 60_000_000
    for number in range(100):
        broker.append("t.touchpoints", 0, b"wait", b"%d" % (base + number))
    broker.append("t.touchpoints", 0, b"wait", b"%d" % (base + 10_000_000))
    async with worker(broker, waiting, partitions=1):
        await eventually(lambda: len(broker.records("t.touchpoints")) == 103)
        await eventually(lambda: broker.committed["t"] != {} and set(broker.committed["t"].values()) == {103})


async def test_raw_records_that_are_on_their_way_are_waited_for() -> None:
    """No heartbeat while a raw topic is behind by recent records; one that is behind by more than a minute, or paused, is not waited for."""
    moment = [wall()]
    broker = MemoryBroker(partitions=1, now=lambda: moment[0])
    broker.append("t.touchpoints", 0, b"wait", b"1")
    broker.append("t.raw.shop", 0, None, b"1")
    async with worker(broker, waiting, partitions=1, sources=("shop",)) as app:
        await eventually(lambda: bool(broker.committed["t"]))
        await asyncio.sleep(0.8)
        assert len(broker.records("t.touchpoints")) == 1
        assert await app.backend.catching_up(app, ["t.raw.shop"], 60)
        moment[0] += 61_000
        await eventually(lambda: len(broker.records("t.touchpoints")) == 2)


async def test_a_paused_raw_topic_is_not_waited_for() -> None:
    """A topic that nobody reads would hold up time for ever."""
    broker = MemoryBroker(partitions=1, now=wall)
    broker.append("t.touchpoints", 0, b"wait", b"1")
    broker.append("t.raw.shop", 0, None, b"1")

    def build(app: SeamwatchApp) -> None:
        waiting(app)
        normalise(app, {"shop": lambda value, headers: []})
        app.pause("t.raw.shop")

    async with worker(broker, build, partitions=1, sources=("shop",)):
        await eventually(lambda: len(broker.records("t.touchpoints")) == 2)
    assert broker.committed["t"].keys() == {("t.touchpoints", 0)}
