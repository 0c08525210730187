"""Lanes: what batches leave is settled in order, together, and never after a failure."""

import asyncio
from collections.abc import Sequence
from typing import Any

from streams.batches import Batch, Epoch
from streams.lanes import Lanes, Work
from streams.memory import StoredRecord
from tests.unit.streams.support import eventually


class _Heard:
    """Lanes, and what their owner hears of them."""

    def __init__(self) -> None:
        self.finished: list[int] = []
        self.failures: list[BaseException] = []
        self.settled: list[list[int]] = []
        self.lanes = Lanes(lambda batch: self.finished.append(batch.end), lambda _: None, self.failures.append, lambda *_: None)

    async def settle(self, left: Sequence[int]) -> None:
        self.settled.append(list(left))


def _batch(offset: int, epoch: Epoch) -> Batch:
    return Batch("t.in", 0, [StoredRecord("t.in", 0, offset, 0, None, b"", ())], epoch)


async def _end(batch: Batch) -> int | None:
    return batch.end


async def test_what_is_left_during_a_settlement_is_settled_together() -> None:
    """The handler goes on while one settlement lasts; the next takes all that came, in order, and only then do those batches count as done."""
    heard, epoch, may = _Heard(), Epoch(), asyncio.Event()

    async def settle(left: Sequence[int]) -> None:
        await heard.settle(left)
        await may.wait()

    work = Work(_end, settle)
    heard.lanes.submit(work, _batch(0, epoch))
    await eventually(lambda: bool(heard.settled))
    for offset in (1, 2, 3):
        heard.lanes.submit(work, _batch(offset, epoch))
    await eventually(lambda: not heard.lanes._running)
    assert heard.finished == []
    may.set()
    assert await heard.lanes.retire(5)
    assert (heard.settled, heard.finished) == ([[1], [2, 3, 4]], [1, 2, 3, 4])


async def test_a_partition_that_is_given_up_does_not_wait_for_the_pause() -> None:
    """An hour between settlements is cut short by the end of the epoch, and nothing of what was handled is left out."""
    heard, epoch = _Heard(), Epoch()
    work = Work(_end, heard.settle, every=3600)
    heard.lanes.submit(work, _batch(0, epoch))
    await eventually(lambda: heard.settled == [[1]])
    heard.lanes.submit(work, _batch(1, epoch))
    await eventually(lambda: not heard.lanes._running)
    before = list(heard.settled)
    epoch.over.set()
    assert await heard.lanes.retire(5)
    assert (before, heard.settled, heard.finished) == ([[1]], [[1], [2]], [1, 2])


async def test_epochs_are_settled_apart() -> None:
    """Batches of two assignments of a partition belong to two states."""
    heard, first, second, may = _Heard(), Epoch(), Epoch(), asyncio.Event()

    async def settle(left: Sequence[int]) -> None:
        await heard.settle(left)
        await may.wait()

    for offset, epoch in enumerate((first, first, first, second)):
        heard.lanes.submit(Work(_end, settle), _batch(offset, epoch))
    await eventually(lambda: not heard.lanes._running)
    may.set()
    assert await heard.lanes.retire(5)
    assert heard.settled == [[1], [2, 3], [4]]


async def test_nothing_is_settled_after_a_settlement_that_failed() -> None:
    """What follows stands on what was not delivered: the worker ends, and none of it counts as done."""
    heard, epoch = _Heard(), Epoch()

    async def fail(_: Sequence[int]) -> Any:
        raise OSError("no")

    heard.lanes.submit(Work(_end, fail), _batch(0, epoch))
    await eventually(lambda: bool(heard.failures))
    heard.lanes.submit(Work(_end, heard.settle), _batch(1, epoch))
    assert await heard.lanes.retire(5)
    assert (heard.settled, heard.finished, len(heard.failures)) == ([], [], 1)
