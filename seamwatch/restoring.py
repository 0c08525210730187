"""After a restore: the group's offsets go back to what the restored database holds, so that the rest is stored again from Kafka."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from time import sleep, time
from typing import NamedTuple

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

from config.settings import Settings
from seamwatch.broker import connection, members_of, reading
from seamwatch.database import opened
from seamwatch.errors import Failed
from sinks.progress import Stored, progress
from streams.topics import Topics

__all__ = ["Rewound", "rewind"]

_PATIENCE = 10_000
_SESSION = 15.0


class Rewound(NamedTuple):
    """By topic: how many records are to be stored again, and how many of them Kafka has deleted since the backup."""

    again: Mapping[str, int]
    lost: Mapping[str, int]


class _Log(NamedTuple):
    """Of a partition: its first offset, its end, and what the group has committed (None: nothing)."""

    start: int
    end: int
    committed: int | None


def rewind(settings: Settings, *, without_lost: bool = False) -> Rewound:
    """Set back what is committed of the topics that are stored, wherever that is beyond what the database holds.

    With ``without_lost`` it goes on where Kafka has deleted records since the backup. Raises `Failed` where a worker is in the group, records are lost, or
    the database holds more than the log.
    """
    names = Topics(settings.prefix)
    with closing(KafkaAdminClient(**connection(settings), bootstrap_timeout_ms=_PATIENCE)) as admin:
        # Before anything is read: what a worker that ends commits meanwhile would be taken for what nobody has to store again.
        if members := _members(admin, settings.prefix):
            raise Failed(f"{members} workers are in the group {settings.prefix}: stop all of them first")
        with opened(settings) as engine:
            stored = {TopicPartition(each.topic, each.partition): each for each in progress(engine).partitions}
        targets, again, lost = _targets(stored, _logs(settings, [names.alerts, names.scores, names.briefs, names.dead_letters]))
        if lost and not without_lost:
            told = ", ".join(f"{records:,} of {topic}" for topic, records in lost.items())
            raise Failed(f"records were deleted by Kafka since the backup: {told}; --without-lost goes on without them")
        if targets:
            ended = admin.alter_group_offsets(settings.prefix, {tp: OffsetAndMetadata(offset, "", -1) for tp, offset in targets.items()})
            if refused := sorted({error.__name__ for error in ended.values() if error is not NoError}):
                raise Failed(f"the broker refused the offsets: {', '.join(refused)}")
    return Rewound(again, lost)


def _members(admin: KafkaAdminClient, group: str) -> int:
    """Return how many workers are in the group; one with a name of its own is so for a session after it has ended."""
    until = time() + _SESSION
    while (members := members_of(admin, group)) and time() < until:
        sleep(0.5)
    return members


def _targets(stored: Mapping[TopicPartition, Stored], logs: Mapping[TopicPartition, _Log]) -> tuple[dict[TopicPartition, int], Counter[str], Counter[str]]:
    """Return where to go on in each partition that is to be set back, and by topic how many records come again and how many are gone."""
    targets: dict[TopicPartition, int] = {}
    again: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for tp, log in logs.items():
        held = stored[tp].offset + 1 if tp in stored else 0
        if held > log.end:
            raise Failed(
                f"{tp.topic}[{tp.partition}] ends at offset {log.end}, the database holds it up to {held}: it is of another log, set another SEAMWATCH_PREFIX"
            )
        if log.committed is None or log.committed <= held:
            continue
        targets[tp] = max(held, log.start)
        again[tp.topic] += log.end - targets[tp]
        if held < log.start and tp in stored:
            lost[tp.topic] += log.start - held
    return targets, again, lost


def _logs(settings: Settings, topics: Sequence[str]) -> dict[TopicPartition, _Log]:
    with reading(connection(settings), "seamwatch-restoring", _PATIENCE, settings.prefix) as consumer:
        tps = [TopicPartition(topic, number) for topic in topics for number in sorted(consumer.partitions_for_topic(topic) or ())]
        starts, ends = consumer.beginning_offsets(tps), consumer.end_offsets(tps)
        return {tp: _Log(starts[tp], ends[tp], consumer.committed(tp)) for tp in tps}
