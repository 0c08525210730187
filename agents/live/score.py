"""The agent that merges: the tallies of all source partitions in, one score per entity out."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from faust.types import TP

from streams.app import SeamwatchApp
from streams.batches import Batch
from streams.producer import Outgoing

__all__ = ["Merge", "score"]

Merge = Callable[[Sequence[Any], Iterable[bytes]], bytes]
"""`agents.scores.merge`: gets an entity's key ([tenant, score, scope, name, half_life]) and its tallies (JSON, one per source partition); gives its score."""


def score(app: SeamwatchApp, merge: Merge) -> None:
    """Register the agent on ``app``.

    The compacted topic of tallies is its only state: it never commits, so every assignment reads the topic from its beginning, and publishes once it has
    seen its end.
    """
    names = app.names
    merger = _Merger(app, merge)
    app.reread(names.tallies)
    app.listen(merger)
    app.batch_agent([names.tallies], merger.handle, name="score")


class _Merger:
    def __init__(self, app: SeamwatchApp, merge: Merge) -> None:
        self._app = app
        self._merge = merge
        self._partials: dict[int, dict[bytes, dict[bytes, bytes]]] = {}
        self._changed: dict[int, set[bytes]] = {}
        self._targets: dict[int, int] = {}

    def assigned(self, partitions: frozenset[TP]) -> None:
        """Start over: the topic is read from its beginning."""
        self._targets.clear()

    def revoked(self) -> None:
        """Forget everything."""
        self._partials.clear()
        self._changed.clear()
        self._targets.clear()

    async def handle(self, batch: Batch) -> None:
        """Take in tallies and publish the scores that changed."""
        app, partition = self._app, batch.partition
        partials, changed = self._partials.setdefault(partition, {}), self._changed.setdefault(partition, set())
        for record in batch.records:
            entity, source = _split(record.key or b"")
            changed.add(entity)
            if record.value is None:
                partials.get(entity, {}).pop(source, None)
            else:
                partials.setdefault(entity, {})[source] = record.value
        if partition not in self._targets:
            self._targets[partition] = app.consumer.highwater(TP(batch.topic, partition)) or 0
        if batch.end < self._targets[partition]:
            return
        self._changed[partition] = set()
        scores = [
            (entity, self._merge(json.loads(entity), partials[entity].values()))
            for entity in changed
            if partials.get(entity)
        ]
        await app.delivery.deliver([Outgoing(app.names.scores, None, entity, value) for entity, value in scores])


def _split(key: bytes) -> tuple[bytes, bytes]:
    """Return the entity's key, as a JSON array, and the source partition of a tally's key, of which it is the last element."""
    entity, _, source = key.rpartition(b",")
    return entity + b"]", source
