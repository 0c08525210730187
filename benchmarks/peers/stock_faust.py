"""Stock Faust as its documentation has it: one JSON event at a time, counted by customer in a table with its changelog."""

import sys
import tempfile
from time import time
from typing import Any

import faust

from benchmarks.peers.rate import Rate


class Touchpoint(faust.Record, serializer="json"):  # type: ignore[misc, call-arg]  # Faust's models are untyped
    """What is read of a touchpoint."""

    id: str
    customer: str


def main() -> None:
    """Count, print and end."""
    bootstrap, name, partitions, events = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    app = faust.App(
        f"stock-{int(time())}",
        broker=f"kafka://{bootstrap}",
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="stock-faust-"),
        topic_partitions=partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        worker_redirect_stdouts=False,
        broker_max_poll_records=2000,
        stream_buffer_maxsize=16384,
    )
    touchpoints = app.topic(name, key_type=bytes, key_serializer="raw", value_type=Touchpoint)
    counts = app.Table("counts", default=int, partitions=partitions, key_type=str)
    rate = Rate(events)

    @app.agent(touchpoints)  # type: ignore[untyped-decorator]  # as above
    async def count(stream: Any) -> None:
        async for event in stream:
            rate.start()
            counts[event.customer] += 1
            if rate.count():
                rate.end(sum(counts.values()))

    app.finalize()
    faust.Worker(app, loglevel="ERROR").execute_from_commandline()


if __name__ == "__main__":
    main()
