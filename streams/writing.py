"""One thread for what blocks: batches of many partitions gather while it writes, and go together in the next write."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, Generic, TypeVar

from streams.app import SeamwatchApp
from streams.batches import Epoch
from streams.failpoints import failpoint

__all__ = ["WriterThread"]

_log = logging.getLogger(__name__)

_LONGEST_PAUSE = 30.0
_MOST_RECORDS = 10_000

R = TypeVar("R")


class _Pending(Generic[R]):
    __slots__ = ("came", "epoch", "records", "written")

    def __init__(self, records: Sequence[R], epoch: Epoch) -> None:
        self.records = records
        self.epoch = epoch
        self.came = monotonic()
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class WriterThread(Generic[R]):
    """Call ``write`` in one thread, with all that waits.

    An exception with an attribute ``retry_after`` (seconds) means later: the same records are tried again after that time, longer each time, while the
    worker stays in its group and says that it waits. Any other exception ends the worker.
    """

    def __init__(self, app: SeamwatchApp, write: Callable[[Sequence[R]], None]) -> None:
        self._app = app
        self._write = write
        self._pending: list[_Pending[R]] = []
        self._came = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._loop_task: asyncio.Task[Any] | None = None
        app.before_stop(self._stop)

    async def write(self, records: Sequence[R], epoch: Epoch) -> None:
        """Wait until ``records`` are written.

        Raises `Abandoned` when ``epoch`` ends first: the thread may still write them, which does no harm, since they are written again.
        """
        pending = _Pending(records, epoch)
        self._pending.append(pending)
        self._came.set()
        if self._loop_task is None:
            self._loop_task = asyncio.create_task(self._run(), name="writer")
        await epoch.first(asyncio.shield(pending.written))

    async def _run(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            while together := self._take():
                try:
                    await self._store(together)
                except Exception as error:  # noqa: BLE001  # a bug in a sink ends the worker before anything is acknowledged
                    self._app.fail(error)
                    return

    def _take(self) -> list[_Pending[R]]:
        """Return the next records to write, a transaction's worth at most, without those that another worker has by now."""
        waiting = [pending for pending in self._pending if not pending.epoch.over.is_set()]
        taken: list[_Pending[R]] = []
        size = 0
        for pending in waiting:
            if taken and size + len(pending.records) > _MOST_RECORDS:
                break
            taken.append(pending)
            size += len(pending.records)
        self._pending = waiting[len(taken) :]
        self._report(taken)
        return taken

    async def _store(self, together: list[_Pending[R]]) -> None:
        pause = 0.0
        while True:
            together = [pending for pending in together if not pending.epoch.over.is_set()]
            if not together:
                self._app.health.waiting.pop("sink", None)
                return
            records = [record for pending in together for record in pending.records]
            failpoint("before_transaction")
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._write, records)
            except Exception as error:
                retry_after = getattr(error, "retry_after", None)
                if retry_after is None:
                    raise
                pause = min(_LONGEST_PAUSE, max(float(retry_after), pause * 2))
                _log.warning("the sink cannot take more now, next attempt in %.1f s: %s", pause, error)
                self._app.health.waiting["sink"] = str(error)
                self._report(together)
                await together[0].epoch.pause(pause)
            else:
                break
        self._app.health.waiting.pop("sink", None)
        for pending in together:
            if not pending.written.done():
                pending.written.set_result(None)
        self._report([])

    def _report(self, together: list[_Pending[R]]) -> None:
        oldest = min((pending.came for pending in [*together, *self._pending]), default=None)
        backlog = 0.0 if oldest is None else monotonic() - oldest
        self._app.health.sink_backlog = backlog
        self._app.observer.sink_backlog(backlog)

    async def _stop(self) -> None:
        if self._loop_task is not None:
            self._loop_task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
