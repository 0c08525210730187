"""The watching agent over the in-memory broker: nothing lost, nothing counted twice, nothing committed that is not done."""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from faust.types import TP

from agents.live import watch
from agents.partition import Mark
from streams.app import SeamwatchApp
from streams.errors import CorruptChangelog, DeliveryFailed, Overtaken
from streams.memory import MemoryBroker
from streams.observer import Unobserved
from streams.producer import Outgoing, partition_for
from streams.state import PartitionState
from tests.unit.streams.support import CountingEngine, Effects, Ends, eventually, worker

TOPIC = "t.touchpoints"

pytestmark = pytest.mark.slow  # a Faust app takes a second to start and one to stop


def fill(broker: MemoryBroker, records: int, *, seed: int = 1) -> Counter[bytes]:
    """Append records of ten customers to the partitions of their keys, and return how many each has."""
    chance, counts = random.Random(seed), Counter[bytes]()
    for _ in range(records):
        customer = chance.randrange(10)
        key = b"acme/c%d" % customer
        broker.append(TOPIC, customer % broker.partitions, key, b"{}")
        counts[key] += 1
    return counts


def committed(broker: MemoryBroker) -> dict[int, int]:
    """Return the committed offsets of the watched topic by partition."""
    return {tp.partition: offset for tp, offset in broker.committed["t"].items() if tp.topic == TOPIC}


def ends(broker: MemoryBroker) -> dict[int, int]:
    """Return the end offsets of the watched topic by partition."""
    return {tp.partition: len(log) for tp, log in broker.logs.items() if tp.topic == TOPIC and log}


def state(broker: MemoryBroker) -> dict[bytes, int]:
    """Return the counts that the changelog alone gives."""
    counts: dict[bytes, int] = {}
    for partition in range(broker.partitions):
        engine = CountingEngine(partition)
        for record in broker.fetch(TP("t.watch-changelog", partition), 0, 1 << 30):
            engine.restore(record.key or b"", record.value)
        counts |= {key: count for key, (count, _) in engine.counts.items()}
    return counts


def watching(app: SeamwatchApp) -> None:
    """Register the agent with the counting engine."""
    watch(app, CountingEngine)


async def test_every_record_is_counted_once_and_committed() -> None:
    """All records reach the engine, their effects all topics, and the group's offset the end."""
    broker = MemoryBroker()
    counts = fill(broker, 500)
    async with worker(broker, watching):
        await eventually(lambda: committed(broker) == ends(broker))
    assert state(broker) == counts
    found = Counter(json.loads(record.value or b"")["id"] for record in broker.records("t.alerts"))
    assert found == Counter(f"{key.decode()}/{n}" for key, count in counts.items() for n in range(3, count + 1, 3))
    tallies = {json.loads(record.key or b"")[3].encode(): int(record.value or b"") for record in broker.records("t.tallies")}
    assert tallies == {key: count - count % 3 for key, count in counts.items()}


async def test_findings_stay_in_the_partition_of_their_source() -> None:
    """A finding's partition number is its source's, so that one customer's findings keep their order."""
    broker = MemoryBroker()
    fill(broker, 100)
    async with worker(broker, watching):
        await eventually(lambda: committed(broker) == ends(broker))
    assert {(record.partition, int((record.key or b"")[-1:]) % 2) for record in broker.records("t.alerts")} == {
        (0, 0),
        (1, 1),
    }


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_committed_ahead_or_lost_under_forced_rebalances(seed: int) -> None:
    """With partitions taken away at any moment, every commit lies at or below what is in the changelog, and in the end all is there."""
    broker, chance = MemoryBroker(), random.Random(seed)
    counts = fill(broker, 1500, seed=seed)
    ahead: list[tuple[TP, int]] = []

    def check(offsets: Mapping[TP, int]) -> bool:
        for tp, offset in offsets.items():
            log = broker.logs[TP("t.watch-changelog", tp.partition)]
            applied = max(
                (json.loads(row.value or b"")[1] for row in log if (row.key or b"").startswith(b"acme/")), default=-1
            )
            if offset > applied + 1 or offset < broker.committed["t"].get(tp, 0):
                ahead.append((tp, offset))
        return chance.random() < 0.2

    broker.commit_error = check
    async with worker(broker, watching), worker(broker, watching):
        for _ in range(8):
            await asyncio.sleep(chance.random() * 0.05)
            await broker.rebalance("t")
        await eventually(lambda: committed(broker) == ends(broker), 20)
    assert ahead == []
    assert state(broker) == counts


async def test_a_gap_in_the_offsets_is_passed_only_with_what_precedes_it() -> None:
    """Offsets that compaction removed are committed over, and records on both sides of the gap are handled."""
    broker = MemoryBroker(partitions=1)
    broker.append(TOPIC, 0, b"a", b"{}")
    broker.skip(TOPIC, 0, 40)
    broker.append(TOPIC, 0, b"a", b"{}")
    async with worker(broker, watching, partitions=1):
        await eventually(lambda: committed(broker) == {0: 42})
    assert state(broker) == {b"a": 2}


@pytest.mark.parametrize("topic", ["t.alerts", "t.briefs", "t.tallies", "t.watch-changelog", "t.dead-letters"])
async def test_a_failed_delivery_ends_the_worker_and_commits_nothing(topic: str) -> None:
    """When Kafka does not confirm a record of any step, the worker fails, and the batch stays uncommitted for the next one."""
    broker = MemoryBroker()
    for partition in (0, 1):
        for _ in range(3):
            broker.append(TOPIC, partition, b"acme/c0", b"{}")
        broker.append(TOPIC, partition, b"acme/c0", b"bad")
    broker.send_error = lambda record: TimeoutError("gone") if record.topic == topic else None
    end = Ends()
    async with worker(broker, watching, ends=end):
        await eventually(lambda: bool(end.errors))
        await asyncio.sleep(0.2)
    assert isinstance(end.errors[0], DeliveryFailed)
    assert len(end.errors) == 1
    assert committed(broker) == {}


async def test_a_worker_that_failed_is_made_good_by_the_next() -> None:
    """After deliveries failed half way through a batch, a new worker ends with the same state as an undisturbed one."""
    broker = MemoryBroker()
    counts = fill(broker, 400)
    sent = Counter[str]()

    def fail(record: Outgoing) -> BaseException | None:
        sent[record.topic] += 1
        return TimeoutError("gone") if sent["t.watch-changelog"] == 100 else None

    broker.send_error = fail
    end = Ends()
    async with worker(broker, watching, ends=end):
        await eventually(lambda: bool(end.errors))
    broker.send_error = lambda _: None
    async with worker(broker, watching):
        await eventually(lambda: committed(broker) == ends(broker))
    assert state(broker) == counts


async def test_a_corrupt_row_ends_the_worker() -> None:
    """State rebuilt around a row that cannot be read would be wrong, so the worker refuses, and says where the row is."""
    broker = MemoryBroker()
    fill(broker, 10)
    broker.append("t.watch-changelog", 1, b"a", b"{")
    end = Ends()
    async with worker(broker, watching, ends=end):
        await eventually(lambda: bool(end.errors))
    assert isinstance(end.errors[0], CorruptChangelog)
    assert "t.watch-changelog, partition 1, offset 0" in str(end.errors[0])


class Recoveries(Unobserved):
    def __init__(self) -> None:
        self.rows: list[tuple[int, int]] = []

    def recovered(self, partition: int, rows: int, seconds: float) -> None:
        self.rows.append((partition, rows))


async def test_state_that_comes_back_unchanged_is_taken_up_again() -> None:
    """After a rebalance that leaves a partition where it was, its changelog is not read again; when another wrote to it meanwhile, it is."""
    broker, seen = MemoryBroker(), Recoveries()
    fill(broker, 100)
    async with worker(broker, watching, observer=seen):
        await eventually(lambda: committed(broker) == ends(broker))
        await broker.rebalance("t")
        await eventually(lambda: len(seen.rows) == 4)
        assert [rows for _, rows in seen.rows] == [0, 0, 0, 0]
        broker.append("t.watch-changelog", 0, b"x", b"[1, 0]")
        await broker.rebalance("t")
        await eventually(lambda: len(seen.rows) == 6)
        assert {partition: rows > 0 for partition, rows in seen.rows[4:]} == {0: True, 1: False}


async def test_states_are_told_how_many_share_a_worker() -> None:
    """Each of two partitions has half of a worker's memory, and all of it where another worker takes one of them."""
    broker, states = MemoryBroker(), list[PartitionState[Any]]()

    def told() -> list[list[int]]:
        return [[owned.watch.sharing for owned in state.recovered()] for state in states]

    async with worker(broker, lambda app: states.append(watch(app, CountingEngine))):
        await eventually(lambda: told() == [[2, 2]])
        async with worker(broker, lambda app: states.append(watch(app, CountingEngine))):
            await eventually(lambda: told() == [[1], [1]])


async def test_a_batch_that_takes_long_is_taken_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever time a turn may take, others run between two of them, and all turns of a batch are delivered as one."""
    monkeypatch.setattr(sys.modules["agents.live.watch"], "_TURN", 0.0)
    broker = MemoryBroker(partitions=1)
    turns: list[int] = []

    class Turning(CountingEngine):
        def take(self, records: Iterable[Any], pause: Callable[[], bool]) -> Iterator[None]:
            for record in records:
                if pause():
                    yield
                turns.append(1)
                asyncio.get_running_loop().call_soon(turns.append, 0)
                yield from super().take([record], pause)

        def conclude(self, pause: Callable[[], bool]) -> Iterator[None]:
            if pause():
                yield
            turns.append(-2)
            asyncio.get_running_loop().call_soon(turns.append, 0)

        def effects(self) -> Effects:
            turns.append(-1)
            return super().effects()

    counts = fill(broker, 3)
    async with worker(broker, lambda app: watch(app, Turning)):
        await eventually(lambda: committed(broker) == ends(broker))
    assert turns == [1, 0, 1, 0, 1, 0, -2, 0, -1]
    assert state(broker) == counts


async def test_recovery_of_many_rows_ends_in_turns() -> None:
    """Where the end of a recovery comes in parts, others run between two of them, what is to be written again is so, and no record is taken before the last."""
    broker = MemoryBroker(partitions=1)
    turns: list[str] = []

    class Many(CountingEngine):
        def restored_in_turns(self) -> Iterator[list[tuple[bytes, bytes]]]:
            for part in range(3):
                turns.append("part")
                asyncio.get_running_loop().call_soon(turns.append, "others")
                yield [(b"k%d" % part, b"[1, 0]")] if part else []

        def effects(self) -> Effects:
            turns.append("records")
            return super().effects()

    fill(broker, 1)
    async with worker(broker, lambda app: watch(app, Many), partitions=1):
        await eventually(lambda: committed(broker) == ends(broker))
    assert turns == ["part", "others"] * 3 + ["records"]
    assert [record.key for record in broker.records("t.watch-changelog")][:2] == [b"k1", b"k2"]


async def test_scores_of_a_timeline_that_leaves_come_before_those_of_where_it_goes() -> None:
    """What waits to be settled is told before the timeline is sent on: else a score that its new partition removes would come back."""
    broker = MemoryBroker(partitions=2)
    away = next(b"acme/%d" % each for each in range(9) if partition_for(b"acme/%d" % each, 2) == 1)

    class Leaving(CountingEngine):
        def process(self, records: Sequence[Any]) -> Effects:
            effects = super().process(records)
            for record in records:
                arrived = record.key == away
                effects.customer_scores.append((b"score", None if arrived else b"%d" % record.offset))
                if record.value == b"leaves":
                    effects.onward.append((away, b"{}"))
                    effects.marks.append(Mark(0, 0, record.key, "alias-of", "c", record.offset, 0))
            return effects

    for value in (b"{}", b"{}", b"leaves"):
        broker.append(TOPIC, 0, b"acme/alias", value)
    async with worker(broker, lambda app: watch(app, Leaving), max_poll_records=1):
        await eventually(lambda: committed(broker) == ends(broker) == {0: 3, 1: 1})
    assert [record.value for record in broker.records("t.scores")] == [b"0", b"1", b"2", None]


async def test_rows_that_arrive_late_end_their_owner_and_are_written_over() -> None:
    """A row of a worker that had lost the partition lands behind a newer one: the owner notices at its next write, and its successor repairs it."""
    broker, end = MemoryBroker(), Ends()
    key = b"acme/c0"
    for _ in range(2):
        broker.append(TOPIC, 0, key, b"{}")
    async with worker(broker, watching, ends=end):
        await eventually(lambda: committed(broker) == ends(broker))
        broker.append("t.watch-changelog", 0, key, b"[1, 0]")
        broker.append(TOPIC, 0, b"acme/c2", b"{}")
        await eventually(lambda: bool(end.errors))
    assert isinstance(end.errors[0], Overtaken)
    async with worker(broker, watching):
        await eventually(lambda: committed(broker) == ends(broker))
    last = {record.key: record.value for record in broker.records("t.watch-changelog")}
    assert last[key] == b"[2, 1]"


async def test_a_poll_that_waits_for_its_group_is_no_standstill() -> None:
    """A poll that began as a rebalance did waits until that is over; a worker in it is alive all the while, and reads on afterwards."""
    broker, held = MemoryBroker(), asyncio.Event()
    async with worker(broker, watching) as app:
        consumer, polls = app.consumer, []
        get = consumer._getmany

        async def wait(**asked: Any) -> Any:
            polls.append(asked)
            await held.wait()
            return await get(**asked)

        consumer._getmany = wait
        await eventually(lambda: bool(polls))
        consumer.stop_flow()
        await asyncio.sleep(1.5)
        assert app.liveness.age < 1.0
        assert consumer.suspended_at is not None
        held.set()
        consumer.resume_flow()
        fill(broker, 20)
        await eventually(lambda: committed(broker) == ends(broker))


async def test_the_loop_has_its_turn_between_partitions_that_compute() -> None:
    """However many partitions have a batch, between two turns of computing whatever else waits in the loop runs, so heartbeats do."""
    turns = 0
    seen: list[int] = []

    class Slow(CountingEngine):
        def take(self, records: Iterable[Any], pause: Callable[[], bool]) -> Iterator[None]:
            for each in records:
                seen.append(turns)
                yield from super().take([each], pause)
                yield

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    broker = MemoryBroker(partitions=8)
    for partition in range(8):
        for _ in range(5):
            broker.append(TOPIC, partition, b"acme/c%d" % partition, b"{}")
    async with worker(broker, lambda app: watch(app, Slow), partitions=8):
        other = asyncio.create_task(others())
        await eventually(lambda: committed(broker) == ends(broker))
        other.cancel()
    assert len(seen) == 40
    assert len(set(seen)) == len(seen)
