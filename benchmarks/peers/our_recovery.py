"""Our recovery: a partition of a changelog into the state of a worker, ready to process. Prints the seconds from the assignment to there."""

import asyncio
import os
import sys
from functools import partial
from time import monotonic

from faust.types import TP

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch
from config.fields import load_fields
from config.rules import load_rulebook
from streams.app import create_app
from streams.interpreter import tune_garbage_collector
from streams.kafka import KafkaBackend
from streams.observer import Unobserved
from streams.settings import StreamSettings
from streams.state import PartitionState


class Recovered(Unobserved):
    """``done`` once a partition's state is ready."""

    def __init__(self) -> None:
        self.done = asyncio.Event()

    def recovered(self, partition: int, rows: int, seconds: float) -> None:
        """Set it."""
        self.done.set()


def end(error: BaseException) -> None:
    """Say what went wrong, and go."""
    print(repr(error), file=sys.stderr)
    os._exit(1)


async def main() -> None:
    """Recover and print."""
    bootstrap, prefix, customers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    settings = StreamSettings(bootstrap=bootstrap, prefix=prefix, partitions=1)
    observer = Recovered()
    app = create_app(settings, KafkaBackend(settings), observer=observer, end=end)
    make = partial(PartitionWatch, load_rulebook(), load_fields(), Fingerprinter(b"a benchmark needs no secret"))
    state = PartitionState(app, app.names.touchpoints, make)
    await app.delivery.start()
    tune_garbage_collector()
    began = monotonic()
    state.assigned(frozenset({TP(app.names.touchpoints, 0)}))
    await observer.done.wait()
    print(f"SECONDS {monotonic() - began:.3f}")
    rows = state.recovered()[0].watch.rows
    if rows != customers:
        sys.exit(f"{rows} customers, expected {customers}")


if __name__ == "__main__":
    asyncio.run(main())
