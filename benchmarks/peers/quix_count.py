"""Quix Streams: a stateful count with its changelog, as its documentation has it."""

import sys
import tempfile
from time import time
from typing import Any

from quixstreams import Application, State

from benchmarks.peers.rate import Rate

_rate = Rate(int(sys.argv[4]))


def main() -> None:
    """Count, print and end."""
    group = f"quix-{int(time())}"
    app = Application(
        broker_address=sys.argv[1],
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="quix-"),
        loglevel="WARNING",
    )

    def count(value: dict[str, Any], state: State) -> dict[str, Any]:
        """Count one event of the message's key."""
        _rate.start()
        state.set("count", state.get("count", 0) + 1)
        if _rate.count():
            app.stop()
        return value

    topic = app.topic(sys.argv[2], value_deserializer="json", key_deserializer="str")
    app.dataframe(topic).apply(count, stateful=True)
    app.run()
    _rate.end(changelog=f"changelog__{group}--")


if __name__ == "__main__":
    main()
