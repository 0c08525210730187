"""One topic read by a consumer group of its own, off the hot path: partition by partition, from where the reader has come to."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition

from streams.errors import StreamError
from streams.settings import StreamSettings

__all__ = ["GroupedReader", "Publisher"]

_BOOTSTRAP = 10_000
_POLL = 500
_MOST = 2_000
"""Records of one poll."""


class GroupedReader:
    """Reads ``topic`` in the group ``<prefix>.<name>``; any number of processes share its partitions.

    ``position`` tells where to go on in a partition: the reader keeps that beside what it makes of the records, and Kafka is only told of it so that the lag
    can be seen.
    """

    def __init__(self, settings: StreamSettings, topic: str, name: str, position: Callable[[int], int]) -> None:
        self._topic = topic
        self._position = position
        self._unplaced: set[TopicPartition] = set()
        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            client_id=f"{settings.client}-{name}",
            group_id=f"{settings.group_id}.{name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=_BOOTSTRAP,
            max_poll_records=_MOST,
            session_timeout_ms=int(settings.session_timeout * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_interval * 1000),
            **settings.security,
        )
        self._consumer.subscribe([topic], listener=_Noting(self._unplaced))

    def poll(self) -> Mapping[int, list[Any]]:
        """Return the next records by partition, none after half a second without.

        Raises `StreamError` where the log ends before what was read: it is another log.
        """
        polled = self._consumer.poll(timeout_ms=_POLL)
        fresh = self._unplaced & self._consumer.assignment()
        if fresh:  # what was polled of these began anywhere
            self._place(fresh)
            self._unplaced.difference_update(fresh)
        return {tp.partition: records for tp, records in polled.items() if tp not in fresh}

    def back(self, partition: int, offset: int) -> None:
        """Read a partition again from ``offset``."""
        tp = TopicPartition(self._topic, partition)
        if tp in self._consumer.assignment():
            self._consumer.seek(tp, offset)

    def lag(self) -> dict[int, int]:
        """Return how many records are not read yet, by partition, as far as the broker has told."""
        ends = {tp: self._consumer.highwater(tp) for tp in self._consumer.assignment()}
        return {tp.partition: max(0, end - self._consumer.position(tp)) for tp, end in ends.items() if end is not None}

    @property
    def alone(self) -> bool:
        """Whether no other process of the group has a partition, as far as the broker has told."""
        return len(self._consumer.assignment()) == len(self._consumer.partitions_for_topic(self._topic) or ())

    def tell(self) -> None:
        """Tell Kafka how far this reader is, for whoever looks at the group's lag."""
        self._consumer.commit_async()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(autocommit=False)

    def _place(self, assigned: set[TopicPartition]) -> None:
        """Go to where the reader has come to."""
        ends, begins = self._consumer.end_offsets(assigned), self._consumer.beginning_offsets(assigned)
        for tp in assigned:
            offset = self._position(tp.partition)
            if offset > ends[tp]:
                raise StreamError(
                    f"{tp.topic}[{tp.partition}] ends at {ends[tp]}, before {offset}, where the database is: it is another log; use another database or prefix"
                )
            self._consumer.seek(tp, max(offset, begins[tp]))


class _Noting(ConsumerRebalanceListener):
    """Notes what was assigned: the client allows no calls of its own while it tells of that."""

    def __init__(self, assigned: set[TopicPartition]) -> None:
        self._assigned = assigned

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Do nothing: what was read is stored, or will be read again."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Note it."""
        self._assigned.update(assigned)


class Publisher:
    """Writes records to one topic, each confirmed by all replicas in sync."""

    def __init__(self, settings: StreamSettings, topic: str) -> None:
        self._topic = topic
        self._producer: Any = KafkaProducer(
            bootstrap_servers=settings.bootstrap,
            client_id=f"{settings.client}-{topic}",
            acks="all",
            enable_idempotence=not settings.embedded,
            bootstrap_timeout_ms=_BOOTSTRAP,
            max_block_ms=_BOOTSTRAP,
            delivery_timeout_ms=int(settings.delivery_timeout * 1000),
            request_timeout_ms=int(settings.delivery_timeout * 500),
            allow_auto_create_topics=False,
            **settings.security,
        )

    def publish(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Write keys and values; return when all are confirmed. Raises ``KafkaError``."""
        sent = [self._producer.send(self._topic, key=key, value=value) for key, value in records]
        if sent:
            self._producer.flush()
        for each in sent:
            each.get(timeout=0)

    def close(self) -> None:
        """Disconnect."""
        self._producer.close(timeout=2)
