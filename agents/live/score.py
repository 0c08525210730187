"""The agent that merges: the tallies of all source partitions in, one score per entity out."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from faust.types import TP

from streams.app import SeamwatchApp
from streams.batches import Batch
from streams.producer import Outgoing

__all__ = ["TallyMerger", "score"]

_PUBLISHED_EVERY = 0.5
"""Seconds: a score changes with every touchpoint, and half-lives are hours."""

_log = logging.getLogger(__name__)


class TallyMerger(Protocol):
    """`agents.scores.Merger`, as far as it is driven here."""

    def take(self, key: bytes | None, value: bytes | None) -> bool:
        """Take in a tally; return whether it is one."""

    def take_overtaken(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and JSON of each tally that is to be written again."""
        ...

    def take_scores(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and JSON of each score that changed."""
        ...


def score(app: SeamwatchApp, make: Callable[[], TallyMerger]) -> None:
    """Register the agent on ``app``; ``make`` builds an empty merger, one for each partition of tallies.

    The compacted topic of tallies is its only state: it never commits, so every assignment reads the topic from its beginning, and publishes once it has
    seen its end.
    """
    merging = _Merging(app, make)
    app.reread(app.names.tallies)
    app.listen(merging)
    app.batch_agent([app.names.tallies], merging.handle, name="score", settle=merging.publish, every=_PUBLISHED_EVERY)


class _Merging:
    def __init__(self, app: SeamwatchApp, make: Callable[[], TallyMerger]) -> None:
        self._app = app
        self._make = make
        self._mergers: dict[int, TallyMerger] = {}
        self._targets: dict[int, int] = {}

    def assigned(self, partitions: frozenset[TP]) -> None:
        """Start over: the topic is read from its beginning."""
        self._targets.clear()

    def revoked(self) -> None:
        """Forget everything."""
        self._mergers.clear()
        self._targets.clear()

    async def handle(self, batch: Batch) -> tuple[int, TallyMerger] | None:
        """Take in tallies; return what then has scores to publish."""
        app, partition = self._app, batch.partition
        merger = self._mergers.get(partition)
        if merger is None:
            merger = self._mergers[partition] = self._make()
        for record in batch.records:
            if not merger.take(record.key, record.value):
                _log.warning("%s[%d] offset %d is no tally and is passed over", batch.topic, partition, record.offset)
        if partition not in self._targets:
            self._targets[partition] = app.consumer.highwater(TP(batch.topic, partition)) or 0
        return (partition, merger) if batch.end >= self._targets[partition] else None

    async def publish(self, left: Sequence[tuple[int, TallyMerger]]) -> None:
        """Publish the scores that changed."""
        app, (partition, merger) = self._app, left[-1]
        await app.delivery.deliver([
            *(Outgoing(app.names.scores, None, *each) for each in merger.take_scores()),
            *(Outgoing(app.names.tallies, partition, *each) for each in merger.take_overtaken()),
        ])  # fmt: skip
