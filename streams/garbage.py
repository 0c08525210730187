"""Python's cycle collector, told what a stream processor is like. Needs no Kafka, so that `replay` can use it."""

import gc

__all__ = ["tune_garbage_collector"]


def tune_garbage_collector() -> None:
    """Keep Python's cycle collector from walking the whole state again and again.

    State is a few large trees without cycles that live as long as the program: the default thresholds more than double
    the cost of an event.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
