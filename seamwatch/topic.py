"""A topic read from one moment to its end, without a consumer group: nothing is committed, nobody is disturbed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from kafka import TopicPartition

from seamwatch.broker import reading
from seamwatch.errors import Failed

__all__ = ["Run", "read_topic"]

_PATIENCE = 30.0
"""Seconds without a record before the end after which the broker counts as gone: a client that lost it waits for ever."""
_BOOTSTRAP = 10_000
_MOST = 2_000


class Run(NamedTuple):
    """Records that follow each other in one partition: its name, the offset of the first, and their values."""

    place: str
    first: int
    values: list[bytes]


def read_topic(
    connection: Mapping[str, Any], topic: str, since: int | None, begin: Callable[[int], None], patience: float = _PATIENCE
) -> Iterator[Run]:
    """Yield what lies in ``topic`` now, of each partition in its order, from the broker's time ``since`` (microseconds UTC; None: all).

    ``connection`` is what `seamwatch.broker.connection` returns. ``begin`` hears how many records there are at most.
    Raises `Failed` where there is no such topic, or nothing comes for ``patience`` seconds.
    """
    with reading(connection, "seamwatch-replay", _BOOTSTRAP, max_poll_records=_MOST) as consumer:
        left = _span(consumer, topic, since)
        begin(sum(left.values()) - sum(consumer.position(tp) for tp in left))
        deadline = monotonic() + patience
        while left:
            polled = consumer.poll(timeout_ms=500)
            for tp, records in polled.items():
                yield from _runs(tp, [record for record in records if record.offset < left[tp]])
            # By position: what the log holds besides records has offsets too.
            done = [tp for tp, end in left.items() if consumer.position(tp) >= end]
            for tp in done:
                del left[tp]
            consumer.pause(*done)
            if polled or done:
                deadline = monotonic() + patience
            elif monotonic() > deadline:
                raise Failed(
                    f"{topic}: no record for {patience:.0f} s, and the end is not reached: look at the broker"
                )


def _span(consumer: Any, topic: str, since: int | None) -> dict[Any, int]:
    """Place the consumer at the beginnings; return the ends of the partitions that hold something."""
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise Failed(f"there is no topic {topic}: `seamwatch topics create` makes it")
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    if since is not None:
        found = consumer.offsets_for_times(dict.fromkeys(partitions, since // 1000))
        begins = {tp: ends[tp] if found.get(tp) is None else found[tp].offset for tp in partitions}
    left = {tp: ends[tp] for tp in partitions if begins[tp] < ends[tp]}
    consumer.assign(list(left))
    for tp in left:
        consumer.seek(tp, begins[tp])
    return left


def _runs(tp: Any, records: Sequence[Any]) -> Iterator[Run]:
    place, start = f"{tp.topic}[{tp.partition}]", 0
    for index in range(1, len(records) + 1):
        if index == len(records) or records[index].offset != records[index - 1].offset + 1:
            run = records[start:index]
            yield Run(place, run[0].offset, [record.value or b"" for record in run])
            start = index
