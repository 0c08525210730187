"""Quix Streams: a stateful count with its changelog, as its documentation has it."""

import sys
import tempfile
from time import time
from typing import Any

from quixstreams import Application, State

from benchmarks.peers.rate import Rate

_rate = Rate(int(sys.argv[4]))


def count(value: dict[str, Any], state: State) -> dict[str, Any]:
    """Count one event of the message's key."""
    _rate.start()
    state.set("count", state.get("count", 0) + 1)
    _rate.count()
    return value


def main() -> None:
    """Count, print and end."""
    app = Application(
        broker_address=sys.argv[1],
        consumer_group=f"quix-{int(time())}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="quix-"),
        loglevel="WARNING",
    )
    topic = app.topic(sys.argv[2], value_deserializer="json", key_deserializer="str")
    app.dataframe(topic).apply(count, stateful=True)
    app.run()


if __name__ == "__main__":
    main()
