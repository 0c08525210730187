"""What is refused at start: topics, state and committed offsets that do not fit together."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.live import sink, watch
from streams.app import SeamwatchApp, create_app
from streams.backend import Bounds
from streams.continuity import SOURCE_KEY, Source, check_applied, check_committed, check_source
from streams.errors import CorruptChangelog, LogMismatch
from streams.memory import MemoryBackend, MemoryBroker
from streams.producer import partition_for
from streams.worker import run_worker
from tests.unit.streams.support import CountingEngine, Ends, eventually, settings, worker

TOPIC, CHANGELOG = "t.touchpoints", "t.watch-changelog"
PARTITION = TP(TOPIC, 1)
TO_EARLIEST = "--reset-offsets --to-earliest --execute --group t --topic t.touchpoints:1"
DELETE_OFFSETS = "--delete-offsets --group t --topic t.touchpoints"
BEGIN_ANEW = "delete t.watch-changelog and t.tallies"


@pytest.mark.parametrize(
    ("start", "end", "committed", "applied"),
    [
        (0, 0, None, -1),
        (5, 9, None, -1),
        (0, 9, 5, 4),
        (0, 9, 5, 7),
        (5, 9, 5, 4),
        (5, 9, 3, 4),
        (0, 9, None, 8),
        (5, 9, None, 4),
        (5, 9, 5, 2),
    ],
    ids=[
        "nothing was ever read", "a topic that others used before", "as it was left", "rows ahead of the commit", "the rest was deleted",
        "only what was applied was deleted",
        "offsets expired", "offsets expired, and what was applied was deleted", "a loss that was accepted",
    ],
)  # fmt: skip
def test_what_is_exact_goes_on(start: int, end: int, committed: int | None, applied: int) -> None:
    """Wherever every record that the state lacks is still there and will be read, or its loss was accepted, the worker starts."""
    check_applied(settings(), PARTITION, Bounds(start, end), committed, applied)


@pytest.mark.parametrize(
    ("start", "end", "committed", "applied", "said", "advice"),
    [
        (0, 9, 5, 20, "t.touchpoints[1] ends at offset 9, before offset 20", BEGIN_ANEW),
        (0, 9, None, 9, "t.touchpoints[1] ends at offset 9, before offset 9", BEGIN_ANEW),
        (5, 9, 3, 2, "2 records of t.touchpoints[1] deleted unread, from offset 3", TO_EARLIEST),
        (5, 9, None, 2, "2 records of t.touchpoints[1] deleted unread", TO_EARLIEST),
        (5, 9, 8, 2, "2 records of t.touchpoints[1] deleted unread", TO_EARLIEST),
        (0, 9, 5, -1, "of t.touchpoints[1] the changelog holds nothing, though offset 5 is committed", DELETE_OFFSETS),
        (5, 5, 5, -1, "of t.touchpoints[1] the changelog holds nothing, though offset 5 is committed", DELETE_OFFSETS),
        (0, 9, 8, 3, "the changelog holds the records up to offset 3 alone, though offset 8", DELETE_OFFSETS),
    ],
    ids=[
        "recreated and shorter", "recreated and shorter by one", "deleted unread", "offsets expired and deleted unread", "deleted unread and rows lost",
        "changelog recreated", "changelog recreated and all deleted", "changelog shortened",
    ],
)  # fmt: skip
def test_what_would_lose_records_is_refused(
    start: int, end: int, committed: int | None, applied: int, said: str, advice: str
) -> None:
    """Each refusal says what is wrong, with partition and offsets, and what to do."""
    with pytest.raises(LogMismatch) as refused:
        check_applied(settings(), PARTITION, Bounds(start, end), committed, applied)
    assert said in str(refused.value)
    assert advice in str(refused.value)


def test_other_topics_go_on_where_the_group_stopped() -> None:
    """Without a state to compare, committed offsets must lie within the log; none is committed of a topic that is new to the group."""
    tp = TP("t.alerts", 0)
    for committed in (None, 3, 9):
        check_committed(settings(), tp, Bounds(3, 9), committed)
    with pytest.raises(LogMismatch, match=r"2 records of t\.alerts\[0\] deleted unread, from offset 1"):
        check_committed(settings(), tp, Bounds(3, 9), 1)
    with pytest.raises(LogMismatch, match=r"t\.alerts\[0\] ends at offset 9, before the committed offset 10"):
        check_committed(settings(), tp, Bounds(3, 9), 10)


def test_a_state_belongs_to_one_topic() -> None:
    """Another id or another number of partitions is refused; a changelog or a broker that tells no id is believed."""
    check = partial(check_source, settings(), TOPIC)
    known = Source("x", 2)
    assert Source.decode(known.encode()) == known
    for written, present in ((None, known), (known, known), (Source(None, 2), known), (known, Source(None, 2))):
        check(written, present)
    with pytest.raises(LogMismatch, match=r"t\.touchpoints was deleted and made again"):
        check(known, Source("y", 2))
    with pytest.raises(LogMismatch, match="had 2 partitions, now there are 3"):
        check(known, Source("x", 3))


# Over the in-memory broker


def watching(app: SeamwatchApp) -> None:
    """Register the watching agent with the counting engine."""
    watch(app, CountingEngine)


def fill(broker: MemoryBroker, records: int) -> None:
    """Append records of ten customers under their keys."""
    for number in range(records):
        key = b"acme/c%d" % (number % 10)
        broker.append(TOPIC, partition_for(key, broker.partitions), key, b"{}")


def counts(broker: MemoryBroker) -> Counter[bytes]:
    """Return the counts of customers that the changelog alone gives."""
    found: Counter[bytes] = Counter()
    for partition in range(broker.partitions):
        engine = CountingEngine(partition)
        for record in broker.fetch(TP(CHANGELOG, partition), 0, 1 << 30):
            engine.restore(record.key or b"", record.value)
        found.update({key: count for key, (count, _) in engine.counts.items()})
    return found


def at_rest(broker: MemoryBroker) -> bool:
    """Return whether all touchpoints are committed."""
    return all(
        broker.committed["t"].get(tp) == len(broker.logs[tp])
        for tp in (TP(TOPIC, number) for number in range(broker.partitions))
    )


async def used() -> MemoryBroker:
    """Return a broker after a first run: a hundred records, all done."""
    broker = MemoryBroker()
    fill(broker, 100)
    async with worker(broker, watching):
        await eventually(lambda: at_rest(broker))
    return broker


async def refusal(
    broker: MemoryBroker, caplog: pytest.LogCaptureFixture, build: Callable[[SeamwatchApp], Any] = watching, **changes: Any
) -> str:
    """Return what a worker says that ends by itself; it was never ready, and has written and committed nothing."""
    logs, commits = {tp: len(log) for tp, log in broker.logs.items() if log}, len(broker.commits)
    chosen, end = settings(**changes), Ends()
    app = create_app(chosen, MemoryBackend(broker, chosen.group_id), end=end)
    build(app)
    caplog.clear()
    assert await asyncio.wait_for(run_worker(app, check_topics=False), 10) == 1
    assert end.errors == []
    assert not app.health.ready
    assert {tp: len(log) for tp, log in broker.logs.items() if log} == logs
    assert len(broker.commits) == commits
    [said] = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
    return said


@pytest.mark.slow
async def test_a_recreated_topic_is_refused_before_the_worker_joins(caplog: pytest.LogCaptureFixture) -> None:
    """However many records the new topic holds, a worker sees by its id that they are others, and does not even join."""
    broker = await used()
    broker.recreate(TOPIC)
    fill(broker, 300)
    assert "the worker does not start: t.touchpoints was deleted and made again" in await refusal(broker, caplog)


@pytest.mark.slow
async def test_without_an_id_a_recreated_topic_is_known_by_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """An older changelog names no source; a topic that ends before what the state holds is refused all the same, and one that fits is accepted and named."""
    broker = await used()
    for number in range(broker.partitions):
        log = broker.logs[TP(CHANGELOG, number)]
        log[:] = [row._replace(offset=offset) for offset, row in enumerate(row for row in log if row.key != SOURCE_KEY)]
    fill(broker, 20)
    async with worker(broker, watching):
        await eventually(lambda: at_rest(broker))
    assert sum(counts(broker).values()) == 120
    assert sum(row.key == SOURCE_KEY for row in broker.records(CHANGELOG)) == broker.partitions
    for number in range(broker.partitions):
        log = broker.logs[TP(CHANGELOG, number)]
        log[:] = [row._replace(value=Source(None, 2).encode()) if row.key == SOURCE_KEY else row for row in log]
    broker.recreate(TOPIC)
    fill(broker, 10)
    assert "made again or lost its end" in await refusal(broker, caplog)


@pytest.mark.slow
async def test_more_partitions_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """When all topics grew together, customers would be at home elsewhere and their history not: also a new partition's owner does not start."""
    broker = await used()
    broker.partitions = 3
    assert "had 2 partitions, now there are 3" in await refusal(broker, caplog, partitions=3)


@pytest.mark.slow
async def test_a_group_that_was_deleted_goes_on_where_the_state_ends() -> None:
    """With all committed offsets gone, nothing is counted twice, no finding is told again, and what came meanwhile is counted."""
    broker = await used()
    told = len(broker.records("t.alerts"))
    broker.committed.clear()
    fill(broker, 2)
    async with worker(broker, watching):
        await eventually(lambda: at_rest(broker))
    assert sum(counts(broker).values()) == 102
    assert len(broker.records("t.alerts")) == told


@pytest.mark.slow
async def test_records_deleted_unread_are_refused_until_that_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    """Retention passed what was read: the number of lost records is told; with the offset set to the earliest the worker goes on with what is left."""
    broker = await used()
    tp = TP(TOPIC, 0)
    end = len(broker.logs[tp])
    fill(broker, 100)
    broker.delete_before(TOPIC, 0, end + 7)
    assert f"7 records of t.touchpoints[0] deleted unread, from offset {end} on" in await refusal(broker, caplog)
    broker.committed["t"][tp] = end + 7
    for _ in range(2):
        async with worker(broker, watching):
            await eventually(lambda: at_rest(broker))
    assert sum(counts(broker).values()) == 193


async def overtaken(
    broker: MemoryBroker, tp: TP, lose: Callable[[], None], build: Callable[[SeamwatchApp], Any], caplog: pytest.LogCaptureFixture
) -> str:
    """Return what a running worker says when records of ``tp`` are lost; it ends in order and commits none of what is left."""
    chosen, end = settings(), Ends()
    app = create_app(chosen, MemoryBackend(broker, chosen.group_id), end=end)
    build(app)
    running = asyncio.create_task(run_worker(app, check_topics=False))
    await eventually(lambda: app.health.ready)
    committed = broker.committed["t"].get(tp)
    caplog.clear()
    lose()
    assert await asyncio.wait_for(running, 10) == 1
    assert end.errors == []
    assert broker.committed["t"].get(tp) == committed
    [said] = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
    return said


@pytest.mark.slow
async def test_retention_that_overtakes_a_running_worker_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    """A gap that compaction left is passed over; records deleted before they were read end the worker with their number, and nothing behind them is applied."""
    broker = await used()
    tp = TP(TOPIC, 0)
    end = len(broker.logs[tp]) + 5

    def lose() -> None:
        fill(broker, 100)
        broker.delete_before(TOPIC, 0, end + 7)

    broker.skip(TOPIC, 0, 5)
    key = next(b"acme/c%d" % number for number in range(10) if partition_for(b"acme/c%d" % number, broker.partitions) == 0)
    broker.append(TOPIC, 0, key, b"{}")
    async with worker(broker, watching):
        await eventually(lambda: at_rest(broker))
    before = counts(broker)
    said = await overtaken(broker, tp, lose, watching, caplog)
    assert f"the worker ends: 6 records of t.touchpoints[0] deleted unread, from offset {end + 1} on" in said
    assert TO_EARLIEST.replace(":1", ":0") in said
    after = counts(broker)
    assert all(after[name] == before[name] for name in after if partition_for(name, broker.partitions) == 0)
    assert "6 records of t.touchpoints[0] deleted unread" in await refusal(broker, caplog)
    broker.committed["t"][tp] = end + 7
    async with worker(broker, watching):
        await eventually(lambda: at_rest(broker))
    assert sum(counts(broker).values()) == 195


@pytest.mark.slow
async def test_retention_that_overtakes_a_sink_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    """Findings that were deleted before they were stored end the worker, too: its database was away for longer than the topic keeps them."""
    broker = MemoryBroker()
    tp = TP("t.alerts", 0)
    stored: list[Any] = []
    broker.append(tp.topic, tp.partition, b"k", b"{}")

    def sinking(app: SeamwatchApp) -> None:
        sink(app, SimpleNamespace(write=stored.extend))

    async with worker(broker, sinking):
        await eventually(lambda: broker.committed["t"].get(tp) == 1)

    def lose() -> None:
        for _ in range(5):
            broker.append(tp.topic, tp.partition, b"k", b"{}")
        broker.delete_before(tp.topic, tp.partition, 4)

    said = await overtaken(broker, tp, lose, sinking, caplog)
    assert "the worker ends: 3 records of t.alerts[0] deleted unread, from offset 1 on" in said
    assert len(stored) == 1


@pytest.mark.slow
async def test_a_lost_changelog_is_refused_and_built_again_from_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Without its state the worker does not go on from the committed offset; with that deleted it reads the topic again, to the same state."""
    broker = await used()
    before = counts(broker)
    broker.recreate(CHANGELOG)
    assert "the changelog holds nothing, though offset" in await refusal(broker, caplog)
    broker.committed.clear()
    async with worker(broker, watching):
        await eventually(lambda: at_rest(broker))
    assert counts(broker) == before


@pytest.mark.slow
async def test_unread_alerts_that_were_deleted_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """What a sink had not stored yet is lost, too: the worker does not even join."""
    broker = MemoryBroker()
    broker.append("t.alerts", 0, b"k", b"{}")
    broker.committed["t"][TP("t.alerts", 0)] = 0
    broker.delete_before("t.alerts", 0, 1)
    said = await refusal(broker, caplog, lambda app: sink(app, SimpleNamespace(write=print)))
    assert "1 record of t.alerts[0] deleted unread, from offset 0 on" in said


@pytest.mark.slow
async def test_a_source_that_cannot_be_read_is_a_corrupt_changelog() -> None:
    """A row that names the source in another way is refused by its place."""
    broker, end = MemoryBroker(), Ends()
    broker.append(CHANGELOG, 1, SOURCE_KEY, json.dumps({"topic": "x"}).encode())
    async with worker(broker, watching, ends=end):
        await eventually(lambda: bool(end.errors))
    assert isinstance(end.errors[0], CorruptChangelog)


@pytest.mark.slow
async def test_a_topic_that_is_recreated_under_a_worker_is_refused_at_the_next_rebalance() -> None:
    """State that would be taken up again as it is does not fit the new topic either."""
    broker = MemoryBroker()
    fill(broker, 100)
    async with worker(broker, watching) as app:
        await eventually(lambda: at_rest(broker))
        broker.recreate(TOPIC)
        fill(broker, 300)
        await broker.rebalance("t")
        await eventually(lambda: app.refusal is not None)
        assert "t.touchpoints was deleted and made again" in str(app.refusal)
    assert broker.committed["t"] == {}
