"""Handlers at work: one batch at a time per partition, partitions side by side, so that one's deliveries overlap with another's computing."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from streams.batches import Batch
from streams.errors import Abandoned

__all__ = ["Handler", "Lanes"]

Handler = Callable[[Batch], Awaitable[None]]


class Lanes:
    """Run handlers over batches.

    A batch is finished when its handler returned. `Abandoned` leaves it unfinished; any other exception goes to ``fail`` (which ends the worker)
    before anything is acknowledged. ``finish``, ``release`` belong to the consumer; ``done`` hears of each batch and its seconds.
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
        running = list(self._running.values())
        if not running:
            return True
        _, late = await asyncio.wait(running, timeout=patience)
        return not late

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
        began = monotonic()
        try:
            await handler(batch)
        except Abandoned:
            self._release(batch)
            return True
        except Exception as error:  # noqa: BLE001  # a bug ends the worker, whatever its type, before the batch is acknowledged
            self._fail(error)
            return False
        self._finish(batch)
        self._done(batch, monotonic() - began)
        return True
