"""Being told to end: once is a wish, twice an order."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import Any

from seamwatch.told import set_from_handler

__all__ = ["bounded", "shielded", "until_told"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_WISH = 1.0
"""Seconds in which the same wish may come twice: `make` hands on a SIGTERM that its whole process group was sent."""
_LATEST = 10.0
"""Seconds from the wish until all is taken down from elsewhere."""
_LAST_WORDS = 5.0


@contextmanager
def until_told() -> Iterator[Event]:
    """Give an event that Ctrl-C, SIGTERM and a closed terminal set, so that nothing is broken off in the middle; a second one does break it off."""
    stop = Event()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
    first = 0.0

    def told(number: int, frame: object) -> None:
        nonlocal first
        if not first:
            first = monotonic()
            set_from_handler(stop)
        elif monotonic() - first > _ONE_WISH:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    for number in _SIGNALS:
        signal.signal(number, told)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            signal.signal(number, before[number])


@contextmanager
def bounded(stop: Event, end: Callable[[], None]) -> Iterator[None]:
    """Call ``end`` on another thread, and end this process, where what is done here does not end soon after ``stop``.

    Who writes to a terminal that stands still, or to a pipe that nobody reads, comes to nothing else.
    ``end`` may be called when all has ended already, and waits where it is about to.
    """
    ended = Event()

    def see_to_it() -> None:
        stop.wait()
        if not ended.wait(_LATEST):
            end()
            if not ended.wait(_LAST_WORDS):
                os._exit(1)  # all else would write what is still to be written

    Thread(target=see_to_it, name="end", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


@contextmanager
def shielded() -> Iterator[None]:
    """Start what Ctrl-C in the terminal, which goes to all, must not end: what is blocked here stays blocked there."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
