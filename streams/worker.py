"""A worker's life in its process: from the first contact with the broker to the last commit."""

import asyncio
import contextlib
import logging
import signal
from typing import Any

from streams.app import SeamwatchApp
from streams.backend import Backend
from streams.continuity import check_before_joining
from streams.errors import LogMismatch, StreamError, TopicMismatch
from streams.interpreter import tune_garbage_collector
from streams.settings import StreamSettings
from streams.topics import TopicAdmin

__all__ = ["reach_broker", "run_worker"]

_log = logging.getLogger(__name__)


async def run_worker(app: SeamwatchApp, *, check_topics: bool = True) -> int:
    """Run ``app`` until SIGTERM or SIGINT, or until it fails; return the exit code.

    Waits for the broker, checks the topics (creating what is missing) and that state and committed offsets fit them, and stops within ``stop_timeout``
    seconds, finishing and committing what is running.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        if not await reach_broker(app.streams, app.backend, stop, check_topics=check_topics):
            return 0
        if not await _unless(stop, check_before_joining(app)) or not await _unless(stop, app.load_pauses()):
            return 0
        tune_garbage_collector()
        if await _unless(stop, app.start()):
            await _until_end(app, stop)
        return await _stop(app)
    except TopicMismatch as error:
        _log.critical("topics are not as they are to be: %s", error)
        return 1
    except LogMismatch as error:
        _say_refused(error)
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _say(problem: str, seconds: float) -> None:
    _log.warning("%s; next attempt in %.1f s", problem, seconds)


def _say_refused(error: LogMismatch) -> None:
    _log.critical("the worker does not start: %s", error)


async def reach_broker(
    settings: StreamSettings, backend: Backend, stop: asyncio.Event, *, check_topics: bool = True
) -> bool:
    """Wait for the broker and check the topics, creating what is missing; return False where ``stop`` was set first.

    Raises `TopicMismatch`.
    """
    if not await _unless(stop, backend.await_broker(_say)):
        return False
    if check_topics:
        await asyncio.to_thread(_require_topics, settings)
    return True


def _require_topics(settings: StreamSettings) -> None:
    with TopicAdmin(settings) as admin:
        for deviation in admin.require():
            _log.warning("topic %s", deviation)


async def _unless(stop: asyncio.Event, waited: Any) -> bool:
    """Return whether ``waited`` ended before ``stop`` was set."""
    task, stopped = asyncio.ensure_future(waited), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        for each in (task, stopped):
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError, StreamError):
                await each


async def _until_end(app: SeamwatchApp, stop: asyncio.Event) -> None:
    """Wait until ``stop`` is set or the app refuses its state; a crash of Faust itself ends the worker like any other failure."""
    while not stop.is_set():
        if app.refusal is not None:
            _log.critical("the worker ends: %s", app.refusal)
            return
        if app.crashed:
            app.fail(app.crash_reason or RuntimeError("Faust crashed"))
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)


async def _stop(app: SeamwatchApp) -> int:
    """Stop within ``stop_timeout``, whatever Faust waits for: a broker that is gone, a group that never forms.

    On a timeout the process ends here and now: nothing that was not committed is lost by that, and a thread that hangs would keep it forever.
    """
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait({stopping}, timeout=app.streams.stop_timeout)
    if stopping.done():
        stopping.result()
        return 1 if app.health.failed else 0
    app.fail(
        StreamError(f"it did not stop within {app.streams.stop_timeout:.0f} s; what was not committed is read again")
    )
    return 1
