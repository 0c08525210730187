"""What a customer said at one moment, looked for in the topic of touchpoints: nothing that is read here is kept, or written anywhere."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from config.fields import load_fields
from config.settings import Settings
from models.touchpoint import Refusal, Touchpoint, parse_touchpoint
from seamwatch.broker import connection, reading
from sinks.console.moments import Reader, Said, Sought, Unread
from sinks.console.settings import StreamUnavailable
from streams.producer import partition_for
from streams.topics import Topics

__all__ = ["moment_reader", "said_in"]

_log = logging.getLogger(__name__)
_BOOTSTRAP = 5_000
_SKEW = timedelta(minutes=1)
"""By which a source's clock may be ahead of the broker's."""
_MARGIN = timedelta(minutes=10)
"""Before a finding was stored: there its touchpoint is where it came long after it happened."""
_RECORDS = 200_000
_SECONDS = 6.0
_AFTER = 200
"""Records that are read beyond the touchpoint: what was read out of the same message stands beside it."""

Record = tuple[bytes | None, bytes | None]


def moment_reader(settings: Settings) -> Reader:
    """Return what reads a moment from Kafka. Raises `ConfigError` where the broker's settings or the fields are wrong."""
    catalog = load_fields(settings.fields_dir, settings.region)
    how = connection(settings)

    def is_secret(name: str) -> bool:
        return catalog.definition(name).secret

    def read(sought: Sought) -> Said:
        name = sought.evidence.field
        if name is not None and is_secret(name):
            raise Unread("secret")
        try:
            with reading(how, "seamwatch-console", _BOOTSTRAP) as consumer:
                return _looked_for(consumer, Topics(settings.prefix).touchpoints, sought, is_secret)
        except KafkaError as error:
            _log.error("nothing could be revealed: %s", type(error).__name__)
            raise StreamUnavailable from error

    return read


def said_in(records: Iterator[Record], sought: Sought, is_secret: Callable[[str], bool]) -> Said | None:
    """Return what was said as records (keys and values) tell it, None where they do not.

    The words are those of the touchpoint itself, or of a message of the same contact and moment, unless that tells something of a secret field, too.
    """
    keys = {f"{sought.tenant}/{customer}".encode() for customer in sought.customers}
    wanted, found, beside, left = sought.evidence, None, list[Touchpoint](), _AFTER
    for key, value in records:
        if found is not None:
            left -= 1
            if not left:
                break
        if key not in keys:
            continue
        touchpoint = parse_touchpoint(value)
        if isinstance(touchpoint, Refusal) or touchpoint.source != wanted.source or touchpoint.time != wanted.time or touchpoint.type == "heartbeat":
            continue
        beside.append(touchpoint)
        if touchpoint.id == wanted.id:
            found = found or touchpoint
    if found is None:
        return None
    together = [each for each in beside if each.contact == found.contact]
    if any(is_secret(name) for each in together if (name := getattr(each.data, "field", None)) is not None):
        return Said(getattr(found.data, "value", None), None)
    messages = [each.data.text for each in together if each.type == "message" and not each.data.private]
    own = next((told for name in ("text", "about", "note") if (told := getattr(found.data, name, None)) is not None), None)
    return Said(getattr(found.data, "value", None), own if own is not None else next(iter(messages), None))


def _looked_for(consumer: Any, topic: str, sought: Sought, is_secret: Callable[[str], bool]) -> Said:
    """Look from the moment on, and then, where that is far from when the record came, before its finding was stored."""
    count = len(consumer.partitions_for_topic(topic) or ())
    if not count:
        raise UnknownTopicOrPartitionError
    keys = [f"{sought.tenant}/{customer}".encode() for customer in sought.customers]
    partitions = [TopicPartition(topic, number) for number in dict.fromkeys(partition_for(key, count) for key in keys)]
    ends = consumer.end_offsets(partitions) | _first(consumer, partitions, sought.stored + _SKEW)
    for moment in (sought.evidence.time - _SKEW, sought.stored - _MARGIN):
        starts = {tp: first for tp, first in _first(consumer, partitions, moment).items() if first < ends[tp]}
        walk = _Walk(consumer, starts, ends)
        found = said_in(walk.records(), sought, is_secret)
        if found is not None:
            return found
        if walk.whole and moment < sought.evidence.time:
            raise Unread("not_kept")
    raise Unread("too_far")


def _first(consumer: Any, partitions: Sequence[Any], moment: datetime) -> dict[Any, int]:
    """Return by partition the first offset from a moment on, of the broker's clock; partitions without one are left out."""
    found = consumer.offsets_for_times(dict.fromkeys(partitions, max(0, int(moment.timestamp() * 1000))))
    return {tp: place.offset for tp, place in found.items() if place is not None}


class _Walk:
    """Reads partitions from ``starts`` to ``ends``; ``whole``: it came there before a limit of records or of time."""

    def __init__(self, consumer: Any, starts: Mapping[Any, int], ends: Mapping[Any, int]) -> None:
        self.whole = False
        self._consumer = consumer
        self._starts = starts
        self._ends = ends

    def records(self) -> Iterator[Record]:
        """Yield keys and values."""
        consumer, deadline, left, waiting = self._consumer, monotonic() + _SECONDS, _RECORDS, set(self._starts)
        consumer.assign(list(waiting))
        for tp, start in self._starts.items():
            consumer.seek(tp, start)
        while waiting:
            if monotonic() > deadline or left <= 0:
                return
            for batch in consumer.poll(200).values():
                left -= len(batch)
                yield from ((record.key, record.value) for record in batch)
            reached = {tp for tp in waiting if consumer.position(tp) >= self._ends[tp]}
            consumer.pause(*reached)
            waiting -= reached
        self.whole = True
