"""Quix Streams: a stateful count with its changelog, as its documentation has it."""

import os
import sys
import tempfile
from time import monotonic, time
from typing import Any

from quixstreams import Application, State

_EVENTS = int(sys.argv[4])
_seen = {"events": 0, "since": 0.0}


def count(value: dict[str, Any], state: State) -> dict[str, Any]:
    """Count one event of the message's key."""
    _seen["since"] = _seen["since"] or monotonic()
    state.set("count", state.get("count", 0) + 1)
    _seen["events"] += 1
    if _seen["events"] == _EVENTS:
        print(f"RATE {_EVENTS / (monotonic() - _seen['since']):.0f}", flush=True)
        os._exit(0)
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
