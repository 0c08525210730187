"""Handlers at work: one batch at a time per partition, partitions side by side, so that deliveries overlap with computing.

A handler that returns a coroutine has computed its batch and told what it found: the next batch of the partition may begin while that coroutine delivers the
rest, behind the rests of the batches before it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any

from streams.batches import Batch
from streams.errors import Abandoned

__all__ = ["Handler", "Lanes"]

Rest = Coroutine[Any, Any, None]
Handler = Callable[[Batch], Coroutine[Any, Any, Rest | None]]
"""Returns what is left to do of a batch, None where nothing is."""


class Lanes:
    """Run handlers over batches.

    A batch is finished when its handler returned and nothing is left to do of it. `Abandoned` leaves it unfinished; any other exception goes to ``fail`` (which
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
        self._waiting: dict[tuple[str, int], deque[tuple[Handler, Batch]]] = {}
        self._running: dict[tuple[str, int], asyncio.Task[Any]] = {}
        self._ending: dict[tuple[str, int], asyncio.Task[bool]] = {}

    def submit(self, handler: Handler, batch: Batch) -> None:
        """Queue ``batch`` behind the earlier ones of its partition."""
        lane = (batch.topic, batch.partition)
        self._waiting.setdefault(lane, deque()).append((handler, batch))
        if lane not in self._running:
            self._running[lane] = asyncio.create_task(self._run(lane), name=f"lane {batch.topic}/{batch.partition}")

    async def retire(self, patience: float) -> bool:
        """Wait at most ``patience`` seconds until nothing runs; batches of epochs that are over are not begun.

        Returns whether all lanes are empty.
        """
        end = monotonic() + patience
        while running := [*self._running.values(), *self._ending.values()]:  # what runs may leave something to do
            _, late = await asyncio.wait(running, timeout=max(0.0, end - monotonic()))
            if late:
                return False
        return True

    async def _run(self, lane: tuple[str, int]) -> None:
        waiting = self._waiting[lane]
        try:
            while waiting:
                handler, batch = waiting.popleft()
                if batch.epoch.over.is_set():
                    self._release(batch)
                elif not await self._handle(handler, batch):
                    return
                await asyncio.sleep(0)
        finally:
            del self._running[lane]

    async def _handle(self, handler: Handler, batch: Batch) -> bool:
        """Return whether the next batch may begin."""
        began = monotonic()
        try:
            rest = await handler(batch)
        except Abandoned:
            self._release(batch)
            return True
        except Exception as error:  # noqa: BLE001  # a bug ends the worker, whatever its type, before the batch is acknowledged
            self._fail(error)
            return False
        if rest is None:
            self._end(batch, began)
            return True
        lane = (batch.topic, batch.partition)
        ending = self._ending[lane] = asyncio.create_task(self._complete(rest, self._ending.get(lane), batch, began), name=f"end of {batch}")
        ending.add_done_callback(lambda done: self._ending.pop(lane) if self._ending[lane] is done else None)
        return True

    async def _complete(self, rest: Rest, before: "asyncio.Task[bool] | None", batch: Batch, began: float) -> bool:
        """Do what is left of a batch, once the same is done of the one before; return whether all of it is."""
        try:
            if before is not None and not await before:
                rest.close()
                return False
            await rest
        except Exception as error:  # noqa: BLE001  # as in `_handle`
            self._fail(error)
            return False
        self._end(batch, began)
        return True

    def _end(self, batch: Batch, began: float) -> None:
        self._finish(batch)
        self._done(batch, monotonic() - began)
