"""Python's cycle collector and its lock, told what a stream processor is like. Needs no Kafka, so that `replay` can use it."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["MANY", "growing_state", "share_interpreter", "tune_garbage_collector"]

_LARGE = 100
"""Records from which on a batch is worth a look of its own."""

_YOUNG = 5000
"""Objects after which small batches are worth one: at some hundred of them a second, each with its own, looks cost more than the engine."""

MANY = 1000
"""Records of one poll from which on the worker catches up: how many go through counts, not how soon one does."""

_PROMPT, _SPARING = 0.0005, 0.005
"""Seconds after which a thread that computes hands over to another that wants to: where records trickle in, and where the worker catches up."""


def tune_garbage_collector() -> None:
    """Keep the collector from walking what was loaded at start, and from running at every few hundred objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@contextmanager
def growing_state(records: int) -> Iterator[None]:
    """Keep the collector from walking the state while a batch of ``records`` adds to it, and ever after.

    State lives as long as the program, and what it drops is freed without the collector (`Fold.release`). So what is young is collected before, while it
    is little, and what the batch leaves behind is taken out of the collector's sight; small batches share such a look.
    """
    look = records >= _LARGE or gc.get_count()[0] > _YOUNG
    if look:
        gc.collect(0)
    gc.disable()
    try:
        yield
    finally:
        if look:
            gc.freeze()
        gc.enable()


def share_interpreter(records: int) -> None:
    """Say how soon threads take turns, after a poll that brought so many ``records``.

    Who writes to the database gives up the interpreter's lock at each statement and waits for it afterwards: by Python's own 5 ms, each time, a row
    waits longer for its turns than for its transaction.
    """
    sys.setswitchinterval(_SPARING if records >= MANY else _PROMPT)
