"""How sources are doing: when their last record came, how many come, how many wait to be mapped, and how many were refused."""

import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError

from config.settings import Settings
from seamwatch.broker import connection, reading, topics_of_others
from seamwatch.database import opened
from seamwatch.errors import Failed
from sinks.dead_letters import Filter, count_letters
from sinks.errors import DatabaseUnavailable, SchemaOutdated, UnsupportedDatabase
from streams.topics import Topics

__all__ = ["Health", "answers", "health", "raw_topics"]

_PATIENCE = 5.0
_KNOCK = 1.0
"""Seconds for a connection to a broker."""


class Health(NamedTuple):
    """Of the topics of one source: the time of the last record as Kafka has it, how many came within the last hour, how many wait to be mapped.

    ``refused`` counts its dead letters. None where nobody knows: no broker, no database, nothing committed yet.
    """

    last: datetime | None
    hour: int | None
    waiting: int | None
    refused: int | None


def raw_topics(settings: Settings, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the topics that are read, by source: our own, and that of others where there is one."""
    own, others = Topics(settings.prefix), topics_of_others(settings)
    return {name: [own.raw(name), *([others[name]] if name in others else [])] for name in names}


def health(settings: Settings, topics: Mapping[str, Sequence[str]], now: datetime) -> tuple[dict[str, Health], list[str]]:
    """Return the health of the sources that read ``topics``, and a sentence for what could not be asked."""
    problems = []
    refused: dict[str, int] | None = None
    try:
        refused = _refused(settings, topics)
    except (Failed, SchemaOutdated, UnsupportedDatabase, DatabaseUnavailable) as error:
        problems.append(str(error))
    flow: dict[str, tuple[datetime | None, int | None, int | None]] = {}
    try:
        if not answers(settings.broker):
            raise KafkaConnectionError
        flow = _flow(settings, topics, now)
    except KafkaError:
        problems.append(f"no broker answers at {settings.broker}")
    none = (None, None, None)
    return {
        name: Health(*flow.get(name, none), None if refused is None else refused.get(name, 0)) for name in topics
    }, problems


def answers(brokers: str) -> bool:
    """Return whether one of the ``brokers`` (host:port with commas between them) takes a connection."""
    for broker in brokers.split(","):
        host, _, port = broker.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _KNOCK).close()
        except OSError:
            continue
        return True
    return False


def _refused(settings: Settings, topics: Mapping[str, Sequence[str]]) -> dict[str, int]:
    source_of = {topic: name for name, read in topics.items() for topic in read}
    found: dict[str, int] = {}
    with opened(settings) as engine:
        for tally in count_letters(engine, Filter(topics=list(source_of))):
            found[source_of[tally.topic]] = found.get(source_of[tally.topic], 0) + tally.letters
    return found


def _flow(
    settings: Settings, topics: Mapping[str, Sequence[str]], now: datetime
) -> dict[str, tuple[datetime | None, int | None, int | None]]:
    with reading(connection(settings), "seamwatch-sources", int(_PATIENCE * 1000), settings.prefix) as consumer:
        numbers = {
            name: [TopicPartition(topic, number) for topic in read for number in consumer.partitions_for_topic(topic) or ()]
            for name, read in topics.items()
        }
        everything = [tp for tps in numbers.values() for tp in tps]
        if not everything:
            return {}
        ends, starts = consumer.end_offsets(everything), consumer.beginning_offsets(everything)
        an_hour_ago = int((now - timedelta(hours=1)).timestamp() * 1000)
        since = consumer.offsets_for_times(dict.fromkeys(everything, an_hour_ago))
        last = _last_times(consumer, {tp: ends[tp] for tp in everything if ends[tp] > starts[tp]})
        found = {}
        for name, tps in numbers.items():
            committed = {tp: consumer.committed(tp) for tp in tps}
            times = [last[tp] for tp in tps if tp in last]
            hour = sum(ends[tp] - since[tp].offset for tp in tps if since.get(tp) is not None)
            known = any(offset is not None for offset in committed.values())
            waiting = sum(ends[tp] - max(committed[tp] or 0, starts[tp]) for tp in tps) if known else None
            found[name] = (datetime.fromtimestamp(max(times) / 1000, UTC) if times else None, hour, waiting)
        return found


def _last_times(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Return the time of the last record of each partition, in milliseconds; of those that give none in time, none."""
    consumer.assign(list(ends))
    for tp, end in ends.items():
        consumer.seek(tp, end - 1)
    found: dict[TopicPartition, int] = {}
    deadline = monotonic() + _PATIENCE
    while len(found) < len(ends) and monotonic() < deadline:
        for tp, records in consumer.poll(200).items():
            found[tp] = records[-1].timestamp
    return found
