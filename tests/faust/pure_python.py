"""A stale record where Faust is pure Python: `NO_CYTHON=1 python -m tests.faust.pure_python BOOTSTRAP TOPIC DIRECTORY`.

Fails unless Faust loses it and ours does not.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from faust import streams

from tests.faust.support import Log, Ours, Stock, Worker, running, stock_does
from tests.unit.streams.support import eventually

STALE = 3
"""The offset of a record that another generation of the group has polled by the time that the stream takes it."""


async def main(bootstrap: str, topic: str, directory: str) -> None:
    """Let a record become stale, commit, and go through the rebalance that changes generations."""
    assert streams._CStreamIterator is None
    log = Log(bootstrap, topic, Path(directory))
    log.append(10)
    stock, ours = Stock(log), Ours(log)
    _make_stale(stock)
    _make_stale(ours)
    async with running(stock, ours):
        await stock_does(lambda: stock.lost == {STALE})
        await eventually(lambda: STALE + 1 in ours.done)
        await ours.commit()
        assert ours.committed == STALE
        await ours.rebalance()
        await eventually(lambda: ours.committed == len(log.offsets))
        assert not ours.lost


def _make_stale(worker: Worker) -> None:
    """Change the generation between the poll of a record and its way through the stream."""
    app, hand_on = worker.app, worker.app.consumer.callback

    async def callback(message: Any) -> None:
        if message.offset == STALE and app.consumer.callback is callback:
            app.consumer.callback = hand_on
            await eventually(lambda: STALE - 1 in worker.done)
            app.consumer_generation_id = message.generation_id + 10
        await hand_on(message)

    app.consumer.callback = callback


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
