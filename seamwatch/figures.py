"""What a running worker measures: the adapters between agents, sinks and metrics."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import time_ns
from typing import TYPE_CHECKING, cast

from agents.partition import PartitionWatch
from sinks.alerts import count_alerts
from sinks.errors import DatabaseUnavailable
from sinks.metrics import Metrics
from sinks.records import SinkRecord
from sinks.scores import entity_scores
from sinks.writer import DatabaseWriter

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from agents.live.sink import SinkRecord as Stored
    from agents.live.watch import PartitionEngine
    from streams.app import SeamwatchApp
    from streams.state import PartitionState

__all__ = ["StoredFigures", "Storing", "WatchFigures"]

_EVERY = 1.0
_SIZE_EVERY = 30
"""Rounds after which the size of a partition's state is taken again: that walks all of its rows."""
_STORED_EVERY = 10
_OF_LATE = timedelta(hours=24)

_log = logging.getLogger(__name__)


def _now() -> int:
    return time_ns() // 1000


class WatchFigures:
    """Counts and sizes of the owned partitions, once a second."""

    def __init__(self, app: "SeamwatchApp", state: "PartitionState[PartitionEngine]", metrics: Metrics) -> None:
        self._app = app
        self._state = state
        self._metrics = metrics
        self._sizes: dict[int, int] = {}
        self._round = 0
        app.before_stop(self._last)

    async def run(self) -> None:
        """Look until the app stops."""
        while not self._app.should_stop:
            self.take()
            await asyncio.sleep(_EVERY)

    def take(self) -> None:
        """Hand over what was counted since the last time."""
        metrics, now = self._metrics, _now()
        self._round += 1
        for owned in self._state.recovered():
            watch, partition = cast(PartitionWatch, owned.watch), owned.partition
            counts = watch.take_counts()
            metrics.touchpoints(counts.touchpoints)
            metrics.duplicates(same=counts.duplicates - counts.conflicts, other=counts.conflicts)
            metrics.unknown_keys(counts.unknown_keys)
            metrics.misplaced(counts.misplaced)
            metrics.unwatched(counts.unwatched)
            metrics.findings(counts.findings)
            metrics.withdrawn(counts.withdrawn)
            metrics.dead_letters(counts.dead_letters)
            if partition not in self._sizes or (self._round + partition) % _SIZE_EVERY == 0:
                self._sizes[partition] = watch.state_bytes
            metrics.state(partition, rows=watch.rows, size=self._sizes[partition], timers=watch.timers_pending)
            if watch.clock:
                metrics.event_time_lag(partition, max(0.0, (now - watch.clock) / 1_000_000))

    async def _last(self) -> None:
        self.take()


class StoredFigures:
    """The scores of entities and the numbers of alerts, from the database, every ten seconds."""

    def __init__(self, app: "SeamwatchApp", engine: "Engine", metrics: Metrics) -> None:
        self._app = app
        self._engine = engine
        self._metrics = metrics

    async def run(self) -> None:
        """Look until the app stops; a database that is away keeps the figures as they were."""
        due = 0
        while not self._app.should_stop:
            if due <= 0:
                due = _STORED_EVERY
                try:
                    self._metrics.scores(await asyncio.to_thread(entity_scores, self._engine))
                    since = datetime.now(UTC) - _OF_LATE
                    self._metrics.alerts(*await asyncio.to_thread(count_alerts, self._engine, since))
                except DatabaseUnavailable as error:
                    _log.debug("scores and alerts are shown as they were: %s", error)
            due -= 1
            await asyncio.sleep(_EVERY)


class Storing:
    """The writer of the agent that stores: a database, measured."""

    def __init__(self, engine: "Engine", metrics: Metrics) -> None:
        self._writer = DatabaseWriter(engine, _now)
        self._metrics = metrics

    def write(self, records: "Sequence[Stored]", /) -> None:
        """Store all of ``records`` or none.

        Raises `DatabaseUnavailable`, which says when to try again.
        """
        written = self._writer.write(
            cast(Sequence[SinkRecord], records)
        )  # the same tuple under the name of either room
        self._metrics.malformed({str(kind): number for kind, number in written.malformed.items()})
        self._metrics.end_to_end_latency(written.latencies)
        self._metrics.pulses(written.pulses)
