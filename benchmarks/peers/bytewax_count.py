"""Bytewax: a stateful count, as its documentation has it; without recovery, so nothing of it is kept."""

import json
import sys
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from bytewax.testing import TestingSink

from benchmarks.peers.rate import Rate

_rate = Rate(int(sys.argv[4]))


def parse(message: Any) -> tuple[str, dict[str, Any]]:
    """Return the customer and the event."""
    event = json.loads(message.value)
    return event["customer"], event


def count(state: int | None, event: dict[str, Any]) -> tuple[int, int]:
    """Count one event of its key."""
    _rate.count()
    counted = (state or 0) + 1
    return counted, counted


def main() -> None:
    """Count, print and end."""
    flow = Dataflow("count")
    source = op.input("in", flow, KafkaSource([sys.argv[1]], [sys.argv[2]], batch_size=1000, tail=False))
    counted = op.stateful_map("count", op.map("parse", source, parse), count)
    told: list[tuple[str, int]] = []
    op.output("out", counted, TestingSink(told))
    cli_main(flow)
    _rate.end(sum(dict(told).values()))


if __name__ == "__main__":
    main()
