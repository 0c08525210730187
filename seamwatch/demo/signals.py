"""Being told to end: once is a wish, twice an order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

__all__ = ["shielded", "until_told"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def until_told() -> Iterator[Event]:
    """Give an event that Ctrl-C, SIGTERM and a closed terminal set, so that nothing is broken off in the middle; a second one does break it off."""
    stop = Event()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}

    def told(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    for number in _SIGNALS:
        signal.signal(number, told)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            signal.signal(number, before[number])


@contextmanager
def shielded() -> Iterator[None]:
    """Start what Ctrl-C in the terminal, which goes to all, must not end: what is blocked here stays blocked there."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
