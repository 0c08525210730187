"""Our batch path on the peers' job: count by customer, with a changelog, every delivery awaited, offsets committed; no detection."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kafka.admin import KafkaAdminClient, NewTopic

from agents.live import watch
from agents.partition import Effects
from benchmarks.peers.rate import Rate
from streams.app import create_app
from streams.interpreter import tune_garbage_collector
from streams.kafka import KafkaBackend
from streams.observer import Unobserved
from streams.settings import StreamSettings
from streams.topics import Topics

_EVENTS = int(sys.argv[4])
_rate = Rate(_EVENTS)


class Counts:
    """The counts of one partition: rows in the changelog, each with the source offset in it."""

    def __init__(self, partition: int) -> None:
        self.last_offset = -1
        self.committed = 0
        self.next_deadline: int | None = None
        self._counts: dict[bytes, list[int]] = {}
        self._changed: dict[bytes, list[int]] = {}

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take in one row."""
        count = self._counts[key] = json.loads(value or b"[0, -1]")
        self.last_offset = max(self.last_offset, count[1])

    def restored_in_turns(self) -> Iterator[list[tuple[bytes, bytes]]]:
        """Nothing is derived, and nothing written again."""
        yield []

    def share(self, partitions: int) -> None:
        pass

    def take(self, records: Iterable[Any], _: Callable[[], bool]) -> Iterator[None]:
        """Count what is new."""
        _rate.start()
        for record in records:
            key = json.loads(record.value)["customer"].encode()
            count = self._counts.setdefault(key, [0, -1])
            if record.offset > count[1]:
                count[0] += 1
                count[1] = record.offset
                self._changed[key] = count
            self.last_offset = record.offset
        yield from ()

    def conclude(self, _: Callable[[], bool]) -> Iterator[None]:
        """Leave it all to `effects`."""
        yield from ()

    def effects(self) -> Effects:
        """Return the rows that changed."""
        effects = Effects()
        effects.rows = [(key, json.dumps(count).encode()) for key, count in self._changed.items()]
        self._changed.clear()
        return effects


@dataclass(frozen=True)
class _Names(Topics):
    """A changelog of its own, for touchpoints of another."""

    source: str

    @property
    def touchpoints(self) -> str:
        """Return the topic that is counted."""
        return self.source


class Progress(Unobserved):
    """``done`` once all is committed."""

    def __init__(self, topic: str) -> None:
        self.done = asyncio.Event()
        self._topic = topic
        self._offsets: dict[int, int] = {}

    def committed(self, topic: str, partition: int, offset: int) -> None:
        """Note how far a partition is."""
        if topic == self._topic:
            self._offsets[partition] = offset
            if sum(self._offsets.values()) >= _EVENTS:
                self.done.set()


def end(error: BaseException) -> None:
    """Say what went wrong, and go."""
    print(repr(error), file=sys.stderr)
    os._exit(1)


async def main() -> None:
    """Count, wait until all of it is committed, print and end."""
    bootstrap, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    settings = StreamSettings(bootstrap=bootstrap, prefix="our-count", partitions=partitions)
    changelog = NewTopic(Topics("our-count").changelog, num_partitions=partitions, replication_factor=1)
    KafkaAdminClient(bootstrap_servers=bootstrap).create_topics([changelog])
    tune_garbage_collector()
    progress = Progress(topic)
    app = create_app(settings, KafkaBackend(settings), observer=progress, end=end)
    app.names = _Names("our-count", topic)
    watch(app, Counts)
    await app.start()
    await progress.done.wait()
    _rate.stop()
    _rate.end(changelog=Topics("our-count").changelog)


if __name__ == "__main__":
    asyncio.run(main())
