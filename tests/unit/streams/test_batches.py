"""Bookkeeping of batches: what may be committed, and what an epoch that is over can no longer do."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from faust.types import TP

from streams.app import SeamwatchApp
from streams.batches import Batch, Epoch, Tracker
from streams.errors import Abandoned
from streams.memory import MemoryBroker, MemoryConsumer, StoredRecord
from tests.unit.streams.support import eventually, worker

pytestmark = pytest.mark.slow  # a Faust app takes a second to start and one to stop


def batch(first: int, last: int, epoch: Epoch) -> Batch:
    """Return a batch of the offsets from ``first`` to ``last``."""
    return Batch(
        "t.in", 0, [StoredRecord("t.in", 0, offset, 0, None, b"", ()) for offset in range(first, last + 1)], epoch
    )


def test_only_the_contiguous_head_of_done_batches_counts() -> None:
    """A later batch that is done first moves nothing, also when the unfinished one begins exactly at what is committed."""
    tracker, epoch = Tracker(10), Epoch()
    first, second = batch(10, 14, epoch), batch(15, 19, epoch)
    tracker.add(first)
    tracker.add(second)
    second.done = True
    assert tracker.advance() == 10
    first.done = True
    assert tracker.advance() == 20


def test_nothing_is_known_before_the_first_batch_is_done() -> None:
    """A partition of which nothing is committed has no offset to commit until something is done."""
    tracker = Tracker(None)
    tracker.add(batch(0, 4, Epoch()))
    assert tracker.advance() is None


def test_a_gap_before_an_unfinished_batch_is_not_passed() -> None:
    """Offsets that compaction removed do not count as the batch that follows them."""
    tracker, epoch = Tracker(None), Epoch()
    first, second = batch(0, 4, epoch), batch(100, 104, epoch)
    tracker.add(first)
    tracker.add(second)
    first.done = True
    assert tracker.advance() == 5


def test_waiting_for_a_commit_is_measured_from_the_first_batch_that_waits() -> None:
    """Commit age begins when something is done, and ends when it is committed."""
    tracker = Tracker(None)
    one = batch(0, 4, Epoch())
    tracker.add(one)
    waits = [tracker.done_at is not None]
    one.done = True
    tracker.advance()
    waits.append(tracker.done_at is not None)
    tracker.settle(5)
    assert waits == [False, True]
    assert tracker.committed == 5
    assert tracker.done_at is None


async def test_waiting_ends_with_the_epoch() -> None:
    """What a handler waits for is given up when its partition is taken away, and its result is passed on when it comes first."""
    epoch = Epoch()
    assert await epoch.first(asyncio.sleep(0, "result")) == "result"
    asyncio.get_running_loop().call_later(0.01, epoch.over.set)
    with pytest.raises(Abandoned):
        await epoch.first(asyncio.sleep(60))


async def test_a_batch_that_finishes_after_its_partition_was_taken_away_commits_nothing() -> None:
    """A late end of a batch does not count for the generation that follows, even if the partition came back to the same worker."""
    broker, held, began = MemoryBroker(partitions=1), asyncio.Event(), asyncio.Event()
    for _ in range(10):
        broker.append("t.in", 0, b"k", b"")
    seen: list[int] = []

    async def handle(one: Batch) -> None:
        began.set()
        if not held.is_set():
            await one.epoch.first(held.wait())
        seen.extend(record.offset for record in one.records)

    async with worker(broker, lambda app: app.batch_agent(["t.in"], handle, name="in"), partitions=1) as app:
        await began.wait()
        late: list[Any] = list(app.consumer._trackers[TP("t.in", 0)].in_flight)
        await broker.rebalance("t")
        app.consumer.finish(late[0])
        await app.consumer.commit()
        assert broker.commits == []
        held.set()
        await eventually(lambda: broker.committed["t"] == {TP("t.in", 0): 10})
    assert seen == list(range(10))


async def test_no_more_records_are_in_flight_than_allowed() -> None:
    """A handler that hangs holds up its own partition, and no other."""
    broker = MemoryBroker()
    for partition in (0, 1):
        for _ in range(100):
            broker.append("t.in", partition, b"k", b"")
    polled: dict[int, int] = {0: 0, 1: 0}

    async def handle(one: Batch) -> None:
        if one.partition == 0:
            await one.epoch.first(asyncio.sleep(60))
        polled[one.partition] += len(one.records)

    async with worker(broker, lambda app: app.batch_agent(["t.in"], handle, name="in"), records_in_flight=20) as app:
        await eventually(lambda: polled[1] == 100)
        assert app.consumer._trackers[TP("t.in", 0)].records == 21  # polls of seven
        assert app.consumer.lags()["t.in", 0] == 100


async def test_reading_begins_also_after_a_seek_that_outlasts_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that says late what is committed holds a worker up as long, and not for ever."""
    broker, seen = MemoryBroker(partitions=1), list[int]()
    broker.append("t.in", 0, b"k", b"")
    seek_to_committed = MemoryConsumer.seek_to_committed

    async def late(self: MemoryConsumer) -> Any:
        await asyncio.sleep(0.3)
        return await seek_to_committed(self)

    async def handle(one: Batch) -> None:
        seen.extend(record.offset for record in one.records)

    def build(app: SeamwatchApp) -> None:
        app.conf.broker_request_timeout = 0.1
        app.batch_agent(["t.in"], handle, name="in")

    monkeypatch.setattr(MemoryConsumer, "seek_to_committed", late)
    async with worker(broker, build, partitions=1):
        await eventually(lambda: seen == [0])


async def test_a_seek_that_a_rebalance_overtook_counts_for_no_later_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed is asked for anew after each rebalance, and nothing is read before it is known."""
    broker, told, asked, seen = MemoryBroker(partitions=1), asyncio.Event(), list[int](), list[int]()
    for _ in range(10):
        broker.append("t.in", 0, b"k", b"")
    seek_to_committed = MemoryConsumer.seek_to_committed

    async def late(self: MemoryConsumer) -> Any:
        asked.append(self.generation)
        await told.wait()
        return await seek_to_committed(self)

    async def handle(one: Batch) -> None:
        seen.extend(record.offset for record in one.records)

    monkeypatch.setattr(MemoryConsumer, "seek_to_committed", late)
    async with worker(broker, lambda app: app.batch_agent(["t.in"], handle, name="in"), partitions=1) as app:
        await eventually(lambda: len(asked) == 1)
        await broker.rebalance("t")
        broker.committed["t"][TP("t.in", 0)] = 4
        await asyncio.sleep(0.2)
        assert seen == []
        told.set()
        await eventually(lambda: broker.committed["t"] == {TP("t.in", 0): 10})
        assert asked[-1] == app.consumer.generation
    assert seen == list(range(4, 10))


async def test_the_next_batch_begins_while_what_the_last_one_left_is_settled() -> None:
    """What is left is settled in order; a batch is committed when its own is, and not before."""
    broker, happened, go = MemoryBroker(partitions=1), list[str](), asyncio.Event()
    for _ in range(14):
        broker.append("t.in", 0, b"k", b"")

    async def handle(one: Batch) -> int:
        happened.append(f"{one.end} begins")
        return one.end

    async def settle(left: Sequence[int]) -> None:
        await go.wait()
        happened.append(f"{left} settled")

    async with worker(broker, lambda app: app.batch_agent(["t.in"], handle, name="in", settle=settle), partitions=1) as app:
        await eventually(lambda: len(happened) == 2)
        assert app.consumer.lags()["t.in", 0] == 14
        go.set()
        await eventually(lambda: app.consumer.committed_offset(TP("t.in", 0)) == 14)
    assert happened == ["7 begins", "14 begins", "[7] settled", "[14] settled"]


async def test_what_a_fault_passed_over_is_read_again(caplog: pytest.LogCaptureFixture) -> None:
    """Touchpoints have no gaps. Where the position in the log jumped, for whatever reason, all is read that was jumped over, and it is told."""
    broker, seen = MemoryBroker(partitions=1), list[int]()
    for _ in range(3):
        broker.append("t.touchpoints", 0, b"k", b"")

    async def handle(one: Batch) -> None:
        seen.extend(record.offset for record in one.records)

    async with worker(broker, lambda app: app.batch_agent(["t.touchpoints"], handle, name="in"), partitions=1) as app:
        await eventually(lambda: seen == [0, 1, 2])
        app.consumer._positions[TP("t.touchpoints", 0)] = 5
        for _ in range(5):
            broker.append("t.touchpoints", 0, b"k", b"")
        await eventually(lambda: broker.committed["t"] == {TP("t.touchpoints", 0): 8})
    assert sorted(set(seen)) == list(range(8))
    assert "t.touchpoints[0]: 2 of the offsets 3 to 4 came without a record: reading again" in caplog.text
    assert "twice" not in caplog.text


@pytest.mark.parametrize(("topic", "told"), [("t.touchpoints", True), ("t.in", False)])
async def test_a_gap_that_the_log_has_is_passed(topic: str, told: bool, caplog: pytest.LogCaptureFixture) -> None:
    """What is missing the second time, too, is not waited for for ever; in topics that may be compacted nothing is told of it."""
    broker, seen = MemoryBroker(partitions=1), list[int]()
    for gap in (0, 0, 3, 0):
        broker.skip(topic, 0, gap)
        broker.append(topic, 0, b"k", b"")

    async def handle(one: Batch) -> None:
        seen.extend(record.offset for record in one.records)

    def build(app: SeamwatchApp) -> None:
        app.batch_agent([topic], handle, name="in")

    async with worker(broker, build, partitions=1, max_poll_records=2):
        await eventually(lambda: broker.committed["t"] == {TP(topic, 0): 7})
    assert sorted(set(seen)) == [0, 1, 5, 6]
    assert ("3 of the offsets 2 to 4 came without a record twice: the log holds none there" in caplog.text) is told
