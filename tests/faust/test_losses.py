"""Where stock Faust commits what was not done, on a real Kafka, and ours does not: six known ways, and a seventh."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from streams.errors import DeliveryFailed
from tests.faust.support import RAW, Log, Ours, Stock, Worker, running, stock_does
from tests.unit.streams.support import eventually

pytestmark = pytest.mark.real


async def test_l1_a_later_acknowledgement_commits_an_earlier_record(log: Log) -> None:
    """Where the record in flight is the first that is not committed, Faust commits past it as soon as one behind it is done. Ours waits for it."""
    log.append(10)
    await _hold_the_next(log, before=10, behind=3)


async def test_l2_a_gap_in_the_offsets_commits_the_record_after_it(log: Log) -> None:
    """Faust takes the first record after a gap (here: the end of a transaction) for a part of the gap, and that for done. Ours waits for it."""
    log.append(5)
    log.append(1, transactional_id=log.topic)
    await _hold_the_next(log, before=6, behind=1)


async def _hold_the_next(log: Log, *, before: int, behind: int) -> None:
    """Let both commit ``before``, then keep the next record in flight, and those ``behind`` it done where they can be: stock Faust loses it, we do not."""
    stock, ours = Stock(log, concurrency=2), Ours(log)
    release = asyncio.Event()
    held: list[int] = []

    async def hold(offset: int) -> None:
        if offset in held:
            await release.wait()

    stock.job = ours.job = hold
    async with running(stock, ours):
        await eventually(lambda: stock.committed == ours.committed == before)
        held = log.append(1 + behind)[:1]
        await stock_does(lambda: stock.lost == {*held})
        await eventually(lambda: held == ours.begun[-1:])
        await ours.commit()
        committed = ours.committed
        release.set()
    assert committed == before


async def test_l3_a_table_that_kafka_refuses_is_committed_over(log: Log) -> None:
    """When Kafka refuses the records of a table's changelog, Faust logs it and commits. Ours ends before it commits."""
    log.append(10)
    stock, ours = Stock(log), Ours(log)
    refused = log.create(f"{stock.group}-results-changelog", max_message_bytes="1")
    table = stock.app.Table("results", default=int, key_type=int, partitions=1)

    async def keep(offset: int) -> None:
        table[offset] = 1

    stock.job, ours.job = keep, lambda offset: ours.deliver(refused, offset)
    async with running(stock, ours):
        await stock_does(lambda: stock.committed == 10)
        await _assert_failed_delivery(ours)
    assert log.read(refused) == []


async def test_l4_results_that_wait_to_be_sent_are_committed_over(log: Log) -> None:
    """When results cannot be sent (here: their topic is missing), Faust's flush gives up after 0.1 s, and it commits. Ours ends before it commits."""
    log.append(10)
    stock, ours = Stock(log), Ours(log)
    missing = f"{log.topic}-missing"
    topic = stock.app.topic(missing, **RAW)

    async def send(offset: int) -> None:
        topic.send_soon(key=b"%d" % offset, value=b"1")  # as tables do

    stock.job, ours.job = send, lambda offset: ours.deliver(missing, offset)
    async with running(stock, ours):
        await stock_does(lambda: stock.committed == 10 and stock.app.producer.buffer.size > 0)
        await _assert_failed_delivery(ours)


async def _assert_failed_delivery(ours: Ours) -> None:
    await eventually(lambda: bool(ours.ends.errors))
    await ours.commit()
    assert ours.committed is None
    assert isinstance(ours.ends.errors[0], DeliveryFailed)


async def test_l5_an_exception_in_an_agent_commits_its_record(log: Log) -> None:
    """Faust acknowledges the record whose agent raised, and starts the agent anew behind it. Ours ends before it commits."""
    log.append(10)
    stock, ours = Stock(log), Ours(log)

    async def fail(offset: int) -> None:
        if offset == 5:
            raise KeyError("bug")

    stock.job = ours.job = fail
    async with running(stock, ours):
        await stock_does(lambda: stock.lost == {5})
        await eventually(lambda: bool(ours.ends.errors))
        await ours.commit()
        assert isinstance(ours.ends.errors[0], KeyError)
        assert (ours.committed or 0) <= 5


@pytest.mark.parametrize("committed", [0, 1])
async def test_l7_records_polled_during_a_rebalance_are_never_read_again(log: Log, committed: int) -> None:
    """Faust drops what a poll brings after the seek of a rebalance and seeks again: where nothing is committed, to where it is. Ours reads it again."""
    stock, ours = Stock(log), Ours(log)
    async with running(stock, ours):
        if committed:
            log.append(committed)
            await eventually(lambda: stock.committed == ours.committed == committed)
        seeking = [await _poll_through_a_rebalance(worker) for worker in (stock, ours)]
        rebalances = asyncio.gather(stock.rebalance(), ours.rebalance())
        for waits in seeking:
            await waits.wait()
        [polled] = log.append(1)
        await rebalances
        [last] = log.append(1)
        await stock_does(lambda: last in stock.done and stock.lost == (set() if committed else {polled}))
        await eventually(lambda: ours.committed == last + 1)
        assert ours.done == [*range(last + 1)]


async def _poll_through_a_rebalance(worker: Worker) -> asyncio.Event:
    """Wait for a poll that lasts until a record comes, and let the seek of the next rebalance last until that poll has ended; tell when it has begun.

    Ours only notes that it must seek, and does it when that poll has ended.
    """
    consumer, loop = worker.app.consumer, asyncio.get_running_loop()
    fetch, poll, seek = consumer._thread._fetch_records, consumer._getmany, consumer.seek_to_committed
    perform_seek = consumer.perform_seek
    polling, seeking, polled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def fetch_long(*args: Any, **kwargs: Any) -> Any:
        """Run in the thread of aiokafka's consumer, which fetches nothing when the flow is stopped by now."""
        if consumer.flow_active and not polled.is_set():
            loop.call_soon_threadsafe(polling.set)
            kwargs["timeout"] = 10.0
        return await fetch(*args, **kwargs)

    async def poll_and_tell(active_partitions: set[TP], timeout: float) -> Any:  # noqa: ASYNC109  # Faust's signature
        records = await poll(active_partitions, timeout)
        if polling.is_set():
            polled.set()
        return records

    async def seek_and_wait() -> Any:
        found = await seek()
        seeking.set()
        await polled.wait()
        return found

    async def perform_seek_and_tell() -> None:
        await perform_seek()
        seeking.set()

    consumer.perform_seek = perform_seek_and_tell
    consumer._thread._fetch_records, consumer._getmany, consumer.seek_to_committed = (
        fetch_long,
        poll_and_tell,
        seek_and_wait,
    )
    await polling.wait()
    return seeking
