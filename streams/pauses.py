"""Which raw topics are paused until somebody says otherwise: kept in Kafka, where every worker and every command finds it.

A group of its own, `<group>.paused`, has no members; its committed offset of a topic's first partition is 1 while the topic is paused. Kafka forgets
what such a group committed after `offsets.retention.minutes` (a week unless set), which is as long as raw topics are kept: a topic that was paused for
so long is read again, and paused again when its next records are refused too.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from streams.settings import StreamSettings

__all__ = ["Pauses"]

_BOOTSTRAP = 10_000


class Pauses:
    """Reads and writes the marks. Use as a context manager; every call blocks."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._consumer: Any = None

    def __enter__(self) -> "Pauses":
        settings = self._settings
        self._consumer = KafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            client_id=f"{settings.client}-pauses",
            group_id=f"{settings.group_id}.paused",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=_BOOTSTRAP,
            **settings.security,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def paused(self, topics: Iterable[str]) -> dict[str, str]:
        """Return those of ``topics`` that are paused, each with the time since when."""
        found = {topic: self._consumer.committed(TopicPartition(topic, 0), metadata=True) for topic in topics}
        return {topic: mark.metadata for topic, mark in found.items() if mark is not None and mark.offset == 1}

    def pause(self, topic: str) -> None:
        """Mark ``topic`` as paused from now on."""
        self._commit(topic, OffsetAndMetadata(1, datetime.now(UTC).isoformat(timespec="seconds"), -1))

    def resume(self, topic: str) -> None:
        """Take the mark away."""
        self._commit(topic, OffsetAndMetadata(0, "", -1))

    def _commit(self, topic: str, mark: OffsetAndMetadata) -> None:
        tp = TopicPartition(topic, 0)
        self._consumer.assign([tp])
        self._consumer.commit({tp: mark})
