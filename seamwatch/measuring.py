"""What this machine's processor does with touchpoints: the engine and the reading of messages alone, without Kafka and without a database."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from statistics import median
from time import process_time
from typing import Any, NamedTuple

from agents.fields import FieldCatalog, Fingerprinter
from agents.partition import PartitionWatch, Record
from agents.rules import Rulebook
from agents.text import Conversations, Recogniser, derived
from models.decoding import decode_touchpoint
from streams.interpreter import growing_state, tune_garbage_collector
from streams.simulator import ContactCentre

__all__ = ["Measured", "measure", "simulated"]

_BATCH = 1000
"""Touchpoints that a partition takes together, as a poll under load brings them."""
_START = datetime(2026, 3, 2, 9, tzinfo=UTC)
_RATE = 500.0
"""Touchpoints a second."""


class Measured(NamedTuple):
    """Of so many ``touchpoints`` in one partition: ``findings``, seconds of this processor that a touchpoint took, how many ``messages`` were among them, and
    seconds that the reading of one took.
    """

    touchpoints: int
    findings: int
    touchpoint_seconds: float
    messages: int
    message_seconds: float


def simulated(count: int, seed: int) -> list[Record]:
    """Return the first ``count`` touchpoints of a made-up contact centre, as a topic holds them."""
    deliveries = islice(ContactCentre(seed, customers=max(100, count // 20)).stream(_START, _RATE), count)
    records = []
    for offset, (due, touchpoint) in enumerate(deliveries):
        key = f"{touchpoint.get('tenant', 'default')}/{touchpoint['customer']}".encode()
        records.append(Record(offset, round(due.timestamp() * 1000), key, json.dumps(touchpoint).encode()))
    return records


def measure(
    records: Sequence[Record], rulebook: Rulebook, fields: FieldCatalog, recogniser: Recogniser, rounds: int, done: Callable[[int], None]
) -> Measured:
    """Put ``records`` through engine and recogniser ``rounds`` times, each time from nothing; medians count. ``done`` hears after each how many there were."""
    messages = [each for record in records if (each := decode_touchpoint(record.value)) is not None and each.type == "message"]
    tune_garbage_collector()
    engine, reading, found = [], [], list[bytes]()
    for number in range(1, rounds + 1):
        seconds, found = _watch(records, PartitionWatch(rulebook, fields, Fingerprinter(b"what is measured is no secret"), 0))
        engine.append(seconds)
        reading.append(_read(messages, recogniser))
        done(number)
    findings = len({json.loads(each)["id"] for each in found})
    return Measured(len(records), findings, median(engine) / len(records), len(messages), median(reading) / max(1, len(messages)))


def _watch(records: Sequence[Record], watch: PartitionWatch) -> tuple[float, list[bytes]]:
    found: list[bytes] = []
    began = process_time()
    for start in range(0, len(records), _BATCH):
        with growing_state(_BATCH):
            effects = watch.process(records[start : start + _BATCH])
        found += (value for _, value in effects.findings)
    return process_time() - began, found


def _read(messages: Sequence[Any], recogniser: Recogniser) -> float:
    conversations = Conversations()
    began = process_time()
    for each in messages:
        derived(each, recogniser, conversations.of(each))
    return process_time() - began
