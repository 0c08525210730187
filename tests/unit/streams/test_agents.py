"""The other live agents over the in-memory broker."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pytest
from faust.types import TP

from agents.live import normalise, score, sink, watch
from agents.live.sink import SinkRecord
from agents.scores import Merger
from streams.app import SeamwatchApp
from streams.errors import Backpressure, DeliveryFailed, Poison
from streams.memory import MemoryBroker
from tests.unit.streams.support import CountingEngine, Ends, eventually, worker

pytestmark = pytest.mark.slow  # a Faust app takes a second to start and one to stop


def to_touchpoint(value: bytes | None, headers: object) -> list[tuple[bytes, bytes]]:
    """Map a record to as many touchpoints as it says; what is no number is refused."""
    if value is None or not value.isdigit():
        raise Poison("malformed_json", "no number")
    return [(b"acme/c%d" % number, b"{}") for number in range(int(value))]


def normalising(app: SeamwatchApp) -> None:
    """Register the agent for one source."""
    normalise(app, {"shop": to_touchpoint}, refused_in_a_row=20)


async def test_one_raw_record_gives_any_number_of_touchpoints() -> None:
    """None, one or several touchpoints come of a raw record, each in the partition of its key."""
    broker = MemoryBroker()
    for value in (b"0", b"1", b"3"):
        broker.append("t.raw.shop", 0, None, value)
    async with worker(broker, normalising, sources=("shop",)):
        await eventually(lambda: len(broker.records("t.touchpoints")) == 4)
    places = {(record.key, record.partition) for record in broker.records("t.touchpoints")}
    assert len(places) == len({key for key, _ in places}) == 3


async def test_a_refused_record_is_kept_with_its_origin_and_the_others_go_on() -> None:
    """A record that the mapping refuses becomes a dead letter with its bytes, topic, partition, offset and reason; the records around it are mapped."""
    broker = MemoryBroker()
    for value in (b"1", b"\xff", b"1"):
        broker.append("t.raw.shop", 1, b"k", value)
    async with worker(broker, normalising, sources=("shop",)):
        await eventually(lambda: bool(broker.committed["t"]))
    [letter] = broker.records("t.dead-letters")
    headers = dict(letter.headers)
    assert letter.value == b"\xff"
    assert (headers["topic"], headers["partition"], headers["offset"], headers["reason"]) == (
        b"t.raw.shop",
        b"1",
        b"1",
        b"malformed_json",
    )
    assert headers["key"] == b"k"
    assert len(broker.records("t.touchpoints")) == 2


async def test_a_topic_of_refused_records_is_paused_alone() -> None:
    """Many refused records in a row pause their topic, and no other; resumed, it is read on."""
    broker = MemoryBroker()

    def build(app: SeamwatchApp) -> None:
        normalise(app, {"shop": to_touchpoint, "web": to_touchpoint}, refused_in_a_row=20)

    for _ in range(40):
        broker.append("t.raw.shop", 0, None, b"x")
    async with worker(broker, build, sources=("shop", "web")) as app:
        await eventually(lambda: app.health.paused == {"t.raw.shop"})
        broker.append("t.raw.web", 0, None, b"1")
        await eventually(lambda: len(broker.records("t.touchpoints")) == 1)
        assert len(broker.records("t.dead-letters")) < 40
        app.resume("t.raw.shop")
        await eventually(lambda: len(broker.records("t.dead-letters")) == 40)


async def test_a_paused_topic_stays_paused_until_somebody_resumes_it() -> None:
    """A worker that starts later finds the topic paused, and reads it on, with what came meanwhile, when the mark is taken away."""
    broker = MemoryBroker()
    for _ in range(40):
        broker.append("t.raw.shop", 0, None, b"x")
    async with worker(broker, normalising, sources=("shop",)) as app:
        await eventually(lambda: broker.paused == {"t.raw.shop"} == app.health.paused)
    for _ in range(3):
        broker.append("t.raw.shop", 0, None, b"1")
    there = len(broker.records("t.dead-letters"))

    loading = []

    def paused(app: SeamwatchApp) -> None:
        normalising(app)
        loading.append(asyncio.ensure_future(app.load_pauses()))  # as `run_worker` does before it joins

    async with worker(broker, paused, sources=("shop",)) as app:
        await asyncio.sleep(2.5)
        assert app.health.paused == {"t.raw.shop"}
        assert len(broker.records("t.dead-letters")) == there
        broker.paused.clear()
        await eventually(lambda: len(broker.records("t.touchpoints")) == 3)
        assert app.health.paused == frozenset()


class AddingMerger:
    """Adds up the latest number of every source partition."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}

    def take(self, key: bytes | None, value: bytes | None) -> bool:
        """Take in a number."""
        if key is None or value is None or not value.isdigit():
            return False
        self.numbers[key] = int(value)
        return True

    def take_overtaken(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield nothing."""
        return iter(())

    def take_scores(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the sum under the key without the source partition."""
        if self.numbers:
            yield next(iter(self.numbers)).rpartition(b",")[0] + b"]", b"%d" % sum(self.numbers.values())


async def test_scores_are_merged_from_the_latest_tally_of_every_partition() -> None:
    """Of one entity, the last tally of each source partition counts; a worker that starts later reads them all again and gets the same."""
    broker = MemoryBroker()
    for source, value in ((0, b"1"), (1, b"10"), (0, b"no tally"), (0, b"5")):
        broker.append("t.tallies", 0, b'["acme","s","team","x",60,%d]' % source, value)
    for _ in range(2):
        async with worker(broker, lambda app: score(app, AddingMerger)):
            await eventually(lambda: bool(broker.records("t.scores")))
            broker.append("t.tallies", 0, b'["acme","s","team","x",60,1]', b"20")
            await eventually(lambda: broker.records("t.scores")[-1].value == b"25")
    assert {record.key for record in broker.records("t.scores")} == {b'["acme","s","team","x",60]'}
    assert broker.committed["t"] == {}


async def test_a_tally_that_was_overtaken_is_written_again() -> None:
    """An older tally behind a newer one of its key would be what compaction keeps: the newer one is appended once more, and only once."""
    broker = MemoryBroker()
    newer, older = (
        json.dumps({"harm": 1.0, "opportunities": 2.0, "charges": 1, "segments": 2, "at": 5, "offset": offset}).encode()
        for offset in (9, 8)
    )
    for value in (newer, older):
        broker.append("t.tallies", 0, b'["acme","s","team","x",60,0]', value)
    for _ in range(2):
        async with worker(broker, lambda app: score(app, partial(Merger, 20.0))):
            await eventually(lambda: len(broker.records("t.tallies")) == 3)
            await asyncio.sleep(0.2)
    assert [json.loads(record.value or b"")["offset"] for record in broker.records("t.tallies")] == [9, 8, 9]


class ListWriter:
    def __init__(self) -> None:
        self.batches: list[list[SinkRecord]] = []
        self.unavailable = 0

    def write(self, records: Sequence[SinkRecord]) -> None:
        """Store, or say that it cannot now."""
        if self.unavailable:
            self.unavailable -= 1
            raise Backpressure("database down", retry_after=0.05)
        self.batches.append(list(records))

    @property
    def records(self) -> list[tuple[str, int, int]]:
        """Return where every stored record came from."""
        return [(record.topic, record.partition, record.offset) for batch in self.batches for record in batch]


def fill_sink(broker: MemoryBroker) -> set[tuple[str, int, int]]:
    """Append records for the sink, and return where they are."""
    places = [(topic, partition) for topic in ("t.alerts", "t.scores", "t.dead-letters") for partition in (0, 1)]
    return {(*place, broker.append(*place, b"k", b"{}")) for place in places for _ in range(30)}


async def test_the_sink_stores_everything_before_it_is_committed() -> None:
    """All records of the three topics reach the writer; what is committed was written."""
    broker, writer = MemoryBroker(), ListWriter()
    ahead: list[tuple[TP, int]] = []
    wanted = fill_sink(broker)

    def check(offsets: Mapping[TP, int]) -> bool:
        stored = set(writer.records)
        ahead.extend((tp, end) for tp, end in offsets.items() if (tp.topic, tp.partition, end - 1) not in stored)
        return False

    broker.commit_error = check
    async with worker(broker, lambda app: sink(app, writer)):
        await eventually(lambda: len(broker.committed["t"]) == 6 and set(broker.committed["t"].values()) == {30})
    assert set(writer.records) == wanted
    assert ahead == []


async def test_a_sink_that_is_down_is_waited_for() -> None:
    """While the database is away nothing is committed and the worker says that it waits; then the same records are written."""
    broker, writer = MemoryBroker(), ListWriter()
    wanted = fill_sink(broker)
    writer.unavailable = 4
    async with worker(broker, lambda app: sink(app, writer)) as app:
        await eventually(lambda: "sink" in app.health.waiting)
        assert not app.health.ready
        assert "sink: database down" in app.health.reasons
        await eventually(lambda: set(writer.records) == wanted)
        await eventually(lambda: app.health.ready)
    assert set(broker.committed["t"].values()) == {30}


async def test_a_sink_that_is_down_holds_up_neither_rebalance_nor_stop() -> None:
    """A batch that waits for the database is let go when its partition is revoked or the worker stops, and is read again."""
    broker, writer = MemoryBroker(), ListWriter()
    wanted = fill_sink(broker)
    writer.unavailable = 1_000_000
    async with worker(broker, lambda app: sink(app, writer)) as app:
        await eventually(lambda: "sink" in app.health.waiting)
        await asyncio.wait_for(broker.rebalance("t"), 3)
        await eventually(lambda: "sink" in app.health.waiting)
    assert broker.committed["t"] == {}
    writer.unavailable = 0
    async with worker(broker, lambda app: sink(app, writer)):
        await eventually(lambda: set(writer.records) == wanted)


async def test_a_bug_in_a_sink_ends_the_worker() -> None:
    """What the writer raises without `retry_after` is no outage: nothing is committed, the worker fails."""
    broker, end = MemoryBroker(), Ends()
    fill_sink(broker)

    class Faulty(ListWriter):
        def write(self, records: Sequence[SinkRecord]) -> None:
            raise TypeError("bug")

    async with worker(broker, lambda app: sink(app, Faulty()), ends=end):
        await eventually(lambda: bool(end.errors))
        await asyncio.sleep(0.2)
    assert isinstance(end.errors[0], TypeError)
    assert broker.committed["t"] == {}


@pytest.mark.parametrize("role", ["normalise", "score"])
async def test_a_failed_delivery_ends_any_role(role: str) -> None:
    """Whatever could not be written, the record that it came from is not committed."""
    broker, end = MemoryBroker(), Ends()
    broker.append("t.raw.shop", 0, None, b"1")
    broker.append("t.tallies", 0, b'["acme","s","team","x",60,1]', b"1")
    broker.send_error = lambda _: TimeoutError("gone")
    build = normalising if role == "normalise" else lambda app: score(app, AddingMerger)
    async with worker(broker, build, ends=end, sources=("shop",)):
        await eventually(lambda: bool(end.errors))
    assert isinstance(end.errors[0], DeliveryFailed)
    assert broker.committed["t"] == {}


async def test_all_roles_share_one_app() -> None:
    """Raw records become touchpoints, findings, briefs, tallies, scores and rows in one worker."""
    broker, writer = MemoryBroker(), ListWriter()

    def build(app: SeamwatchApp) -> None:
        normalising(app)
        watch(app, CountingEngine)
        score(app, AddingMerger)
        sink(app, writer)

    for _ in range(9):
        broker.append("t.raw.shop", 0, None, b"2")
    async with worker(broker, build, sources=("shop",)):
        await eventually(lambda: {topic for topic, _, _ in writer.records} == {"t.alerts", "t.briefs", "t.scores"})
        await eventually(lambda: len([topic for topic, _, _ in writer.records if topic == "t.alerts"]) == 6)
