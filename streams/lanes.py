"""Handlers at work: one batch at a time per partition, partitions side by side, so that deliveries overlap with computing.

A handler may leave something of a batch to be settled. The next batch of the partition begins meanwhile, and what several batches left, while an
earlier settlement was under way or its pause lasted, is settled together, as if they had been one batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple

from streams.batches import Batch
from streams.errors import Abandoned

__all__ = ["Handler", "Lanes", "Settle", "Work"]

Handler = Callable[[Batch], Coroutine[Any, Any, Any]]
"""Returns what it left of a batch, None where nothing is."""

Settle = Callable[[Sequence[Any]], Coroutine[Any, Any, None]]
"""Is given what was left of one or more batches of a partition, in order."""


@dataclass(frozen=True, slots=True)
class Work:
    """What to do with the batches of some topics.

    ``settle`` is called once in ``every`` seconds per partition at the most, and at once where the partition is given up.
    """

    handle: Handler
    settle: Settle | None = None
    every: float = 0.0


class _Left(NamedTuple):
    of: Any
    batch: Batch
    began: float


class Lanes:
    """Do the work on batches.

    A batch is finished when its handler returned and nothing is left of it. `Abandoned` leaves it unfinished; any other exception goes to ``fail`` (which
    ends the worker) before anything is acknowledged. ``finish``, ``release`` belong to the consumer; ``done`` hears of each batch and its seconds.
    """

    def __init__(
        self,
        finish: Callable[[Batch], None],
        release: Callable[[Batch], None],
        fail: Callable[[BaseException], None],
        done: Callable[[Batch, float], None],
    ) -> None:
        self._finish = finish
        self._release = release
        self._fail = fail
        self._done = done
        self._waiting: dict[tuple[str, int], deque[tuple[Work, Batch]]] = {}
        self._running: dict[tuple[str, int], asyncio.Task[Any]] = {}
        self._left: dict[tuple[str, int], deque[_Left]] = {}
        self._settling: dict[tuple[str, int], asyncio.Task[Any]] = {}
        self._settled: dict[tuple[str, int], float] = {}
        self._failed = False

    def submit(self, work: Work, batch: Batch) -> None:
        """Queue ``batch`` behind the earlier ones of its partition."""
        lane = (batch.topic, batch.partition)
        self._waiting.setdefault(lane, deque()).append((work, batch))
        if lane not in self._running:
            self._running[lane] = asyncio.create_task(self._run(lane), name=f"lane {batch.topic}/{batch.partition}")

    async def retire(self, patience: float) -> bool:
        """Wait at most ``patience`` seconds until nothing runs; batches of epochs that are over are not begun.

        Returns whether all lanes are empty.
        """
        end = monotonic() + patience
        while running := [*self._running.values(), *self._settling.values()]:  # what runs may leave something
            _, late = await asyncio.wait(running, timeout=max(0.0, end - monotonic()))
            if late:
                return False
        return True

    async def settled(self, topic: str, partition: int) -> None:
        """Wait until nothing that earlier batches of a partition left is to be settled.

        Raises `Abandoned` where that failed.
        """
        settling = self._settling.get((topic, partition))
        if settling is not None:
            await asyncio.wait({settling})
        if self._failed:
            raise Abandoned("what earlier batches left could not be settled")

    async def _run(self, lane: tuple[str, int]) -> None:
        waiting = self._waiting[lane]
        try:
            while waiting:
                work, batch = waiting.popleft()
                if batch.epoch.over.is_set():
                    self._release(batch)
                elif not await self._handle(work, batch):
                    return
                await asyncio.sleep(0)
        finally:
            del self._running[lane]

    async def _handle(self, work: Work, batch: Batch) -> bool:
        """Return whether the next batch may begin."""
        began = monotonic()
        try:
            left = await work.handle(batch)
        except Abandoned:
            self._release(batch)
            return True
        except Exception as error:  # noqa: BLE001  # a bug ends the worker, whatever its type, before the batch is acknowledged
            self._fail(error)
            return False
        if left is None or work.settle is None:
            self._end(batch, began)
            return True
        lane = (batch.topic, batch.partition)
        self._left.setdefault(lane, deque()).append(_Left(left, batch, began))
        if lane not in self._settling and not self._failed:
            self._settling[lane] = asyncio.create_task(self._settle(lane, work.settle, work.every), name=f"settling {batch.topic}/{batch.partition}")
        return True

    async def _settle(self, lane: tuple[str, int], settle: Settle, every: float) -> None:
        left, now = self._left[lane], asyncio.get_running_loop().time
        try:
            while left:
                epoch = left[0].batch.epoch
                pause = self._settled.get(lane, -every) + every - now()
                if pause > 0:
                    await epoch.pause(pause)
                together: list[_Left] = []
                while left and left[0].batch.epoch is epoch:
                    together.append(left.popleft())
                self._settled[lane] = now()
                await settle([each.of for each in together])
                for each in together:
                    self._end(each.batch, each.began)
        except Exception as error:  # noqa: BLE001  # as in `_handle`
            self._failed = True  # what follows stands on what was not settled
            self._fail(error)
        finally:
            del self._settling[lane]

    def _end(self, batch: Batch, began: float) -> None:
        self._finish(batch)
        self._done(batch, monotonic() - began)
