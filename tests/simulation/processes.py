"""Time that jumps, and processes that can be killed and frozen between two steps of their event loop."""

import asyncio
import contextlib
import heapq
import itertools
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context, ContextVar, copy_context
from functools import cache
from types import ModuleType
from typing import Any

__all__ = ["Exited", "Process", "Stuck", "VirtualLoop", "current", "outside", "virtual_clocks"]

_CLOCKS = (time, time.monotonic, time.perf_counter, time.time, time.time_ns)
_READERS_OF_CLOCKS = ("streams", "agents", "seamwatch", "faust", "mode")


class Exited(BaseException):
    """The process ends here and now, as by `os._exit`: nothing of it runs after this."""


class Stuck(Exception):
    """Nothing is left that could ever happen."""


class _Handle:
    """What asyncio asks of a handle and of a timer, and no more."""

    __slots__ = ("args", "callback", "context", "dropped", "moment")

    def __init__(self, moment: float, callback: Callable[..., Any], args: tuple[Any, ...], context: Context | None) -> None:
        self.moment = moment
        self.callback = callback
        self.args = args
        self.context = copy_context() if context is None else context
        self.dropped = False

    def cancel(self) -> None:
        self.dropped = True

    def cancelled(self) -> bool:
        return self.dropped

    def when(self) -> float:
        return self.moment


class Process:
    """A process of the simulation: what is begun in it runs while it is alive and not frozen, and not a step longer.

    ``number`` says which worker it is an incarnation of, ``lot`` is its own seeded chance. ``ended`` hears when it is no more; ``pause`` is how many
    seconds later a supervisor starts the next. ``signals`` holds handlers by number, ``held`` what came due while it was frozen or dead, else None.
    """

    def __init__(self, loop: "VirtualLoop", number: int, lot: random.Random, ended: Callable[["Process"], None]) -> None:
        self.number = number
        self.lot = lot
        self.pause = 1.0
        self.alive = True
        self.held: list[_Handle] | None = None
        self.signals: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]] = {}
        self._ended = ended
        self._loop = loop
        self._context = copy_context()
        self._context.run(_current.set, self)

    @property
    def runs(self) -> bool:
        """Whether it is alive and not frozen."""
        return self.held is None

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``coroutine`` as a task of this process."""
        return self._loop.create_task(coroutine, context=self._context.copy())

    def call(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run ``callback`` in this process, soon."""
        self._loop.call_soon(callback, *args, context=self._context)

    def kill(self) -> None:
        """Run nothing more of it: no handler, no ``finally``; what came due is kept, for collected it would run its ``finally``."""
        if self.alive:
            self.freeze()
            self.alive = False
            self._loop.dead.append(self)
            self._ended(self)

    def freeze(self) -> None:
        """Stop it as SIGSTOP does, while time goes on."""
        if self.held is None:
            self.held = []

    def thaw(self) -> None:
        """Let it go on with what came due meanwhile."""
        if self.alive and self.held is not None:
            held, self.held = self.held, None
            self._loop.put_back(held)


def outside() -> Context:
    """Return a context that belongs to no process."""
    return Context()


_current: ContextVar[Process | None] = ContextVar("process", default=None)
current = _current.get
"""Return the process that runs now; None for the world around them."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without waiting, without threads and without sockets; ``time`` starts at 0 seconds.

    Work for a thread is done on the loop after ``thread_delay(process)`` seconds, and its result comes as long after.    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._next: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._order = itertools.count()
        self.dead: list[Process] = []
        self.thread_delay: Callable[[Process | None], float] = lambda _: 0.0
        self.thread_work: Callable[[Callable[[], Any]], Any] = lambda work: work()
        self.set_exception_handler(lambda *_: None)  # of processes that were killed in the middle of something

    def time(self) -> float:
        """Return the seconds since the beginning."""
        return self._now

    def put_back(self, handles: list[_Handle]) -> None:
        """Run ``handles`` next, in their order."""
        self._next.extend(handles)

    def abandon(self) -> None:
        """Close the loop with all that still waits on it."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine: Any = task.get_coro()
            with contextlib.suppress(BaseException):
                coroutine.close()
        self._next.clear()
        self._timers.clear()
        self.dead.clear()
        self.close()

    # --- what asyncio asks ----------------------------------------------------------------------------------------

    def _run_once(self) -> None:
        ready, timers = self._next, self._timers
        if not ready:
            while timers and timers[0][2].dropped:
                heapq.heappop(timers)
            if not timers:
                raise Stuck("nothing is left to happen")
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle.dropped:
                continue
            process = handle.context.get(_current)
            if process is not None and process.held is not None:
                process.held.append(handle)
                continue
            try:
                handle.context.run(handle.callback, *handle.args)
            except (Exception, Exited):
                if process is None:
                    raise

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """Run ``callback`` next."""
        handle = _Handle(self._now, callback, args, context)
        self._next.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """Run ``callback`` in ``delay`` seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """Run ``callback`` at ``when``; of two of one moment in the order in which they were asked for."""
        handle = _Handle(when, callback, args, context)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def run_in_executor(self, _: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Do ``func`` on the loop, later, in the process that asked for it."""
        future: asyncio.Future[Any] = self.create_future()
        process = current()
        self.call_later(self.thread_delay(process), self._work, process, future, func, args)
        return future

    def _work(self, process: Process | None, future: asyncio.Future[Any], func: Any, args: Any) -> None:
        result: Any = None
        error: Exception | None = None
        try:
            result = self.thread_work(lambda: func(*args))
        except Exception as raised:  # noqa: BLE001  # it goes to whoever waits
            error = raised
        self.call_later(self.thread_delay(process), _settle, future, result, error)

    def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]
        """Keep the handler with its process."""
        process = current()
        if process is not None:
            process.signals[sig] = callback, args

    def remove_signal_handler(self, sig: int) -> bool:
        """Forget the handler."""
        process = current()
        return process is not None and process.signals.pop(sig, None) is not None


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class _Time:
    """What the module `time` is for those who ask it by name; there is no clock that counts the machine's sleep."""

    def __init__(self, elapsed: Callable[[], float], wall: Callable[[], int]) -> None:
        self.monotonic = self.perf_counter = elapsed
        self.time_ns = lambda: wall() * 1000
        self.time = lambda: wall() / 1e6

    def __getattr__(self, name: str) -> Any:
        if name == "CLOCK_BOOTTIME":
            raise AttributeError(name)
        return getattr(time, name)


@contextlib.contextmanager
def virtual_clocks(loop: VirtualLoop, wall: Callable[[], int]) -> Iterator[None]:
    """Give the program the loop's time, and ``wall`` (microseconds UTC) as the time of day."""
    clock = _Time(loop.time, wall)
    changed = _clocks_in_use()
    for module, name, found in changed:
        setattr(module, name, clock if found is time else getattr(clock, found.__name__))
    try:
        yield
    finally:
        for module, name, found in changed:
            setattr(module, name, found)


@cache
def _clocks_in_use() -> list[tuple[ModuleType, str, Any]]:
    """Return where modules hold a clock; looked for once, when the first history begins."""
    return [
        (module, name, value)
        for path, module in list(sys.modules.items())
        if path.partition(".")[0] in _READERS_OF_CLOCKS
        for name, value in list(vars(module).items())
        if any(value is clock for clock in _CLOCKS)
    ]
