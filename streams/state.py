"""State by source partition: rebuilt from the changelog when a partition comes, dropped when it goes."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from faust.types import TP

from streams.app import SeamwatchApp
from streams.backend import Bounds
from streams.batches import Batch
from streams.continuity import SOURCE_KEY, Source, check_applied, check_source, present_source
from streams.errors import Abandoned, CorruptChangelog, LogMismatch, Overtaken
from streams.failpoints import failpoint
from streams.producer import Rows
from streams.settings import StreamSettings

__all__ = ["Owned", "PartitionState", "Watch"]

_log = logging.getLogger(__name__)


class Watch(Protocol):
    """What this room needs of the state of one partition; see `agents.partition.PartitionWatch`."""

    @property
    def next_deadline(self) -> int | None:
        """When the clock must pass for something to fire, microseconds UTC; None where nothing waits."""

    @property
    def last_offset(self) -> int:
        """The offset of the last source record that the state holds, -1 before the first."""

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take in one changelog record; raises an exception with the cause when it cannot be read."""

    def restored_in_turns(self) -> Iterator[Sequence[tuple[bytes, bytes | None]]]:
        """Everything was taken in: end recovery in parts, and yield after each what must be written again, because something older came after it."""
        ...

    def share(self, partitions: int) -> None:
        """So many partitions share the memory of this worker from now on."""
        ...


W = TypeVar("W", bound=Watch)


class Owned(Generic[W]):
    """One owned partition: its state, where the changelog ends that it was written to, and the source that this names.

    ``committed`` is what the group had committed when the partition came. ``unsettled`` counts the batches that the state holds and the changelog does not, not
    wholly: a state with any may not be taken up again after a revocation.
    """

    __slots__ = ("changelog_end", "committed", "partition", "ready", "source", "unsettled", "watch")

    def __init__(self, partition: int, watch: W, committed: int | None) -> None:
        self.partition = partition
        self.watch = watch
        self.committed = committed
        self.source: Source | None = None
        self.ready = asyncio.Event()
        self.changelog_end = 0
        self.unsettled = 0

    def wrote(self, rows: int, end: int) -> None:
        """Note that so many rows were written, and that the changelog then ended at ``end``.

        Raises `Overtaken` where others stand between: the next recovery finds them.
        """
        expected, self.changelog_end = self.changelog_end + rows, end
        if end != expected:
            raise Overtaken(f"partition {self.partition}: {end - expected} rows in the changelog are not this worker's")


class PartitionState(Generic[W]):
    """The states of the partitions of ``topic`` that this worker owns.

    ``make`` builds an empty one. Kafka takes everything from everybody at each rebalance; what comes back with the changelog's end where this
    worker left it is taken up again instead of being read.
    """

    def __init__(self, app: SeamwatchApp, topic: str, make: Callable[[int], W]) -> None:
        self._app = app
        self._topic = topic
        self._make = make
        self._owned: dict[int, Owned[W]] = {}
        self._aside: dict[int, Owned[W]] = {}
        self._recovery: asyncio.Task[Any] | None = None
        app.listen(self)

    async def of(self, batch: Batch) -> Owned[W]:
        """Return the state that ``batch`` belongs to, once it is rebuilt.

        Raises `Abandoned` when the partition goes away first, or records that the state lacks were deleted before the batch: then the worker ends.
        """
        owned = self._owned[batch.partition]
        if not owned.ready.is_set():
            await batch.epoch.first(owned.ready.wait())
        if batch.start is not None and owned.watch.last_offset + 1 < batch.start:
            tp = TP(batch.topic, batch.partition)
            try:
                check_applied(self._app.streams, tp, Bounds(batch.start, batch.end), owned.committed, owned.watch.last_offset)
            except LogMismatch as error:
                self._app.refuse(error)
                raise Abandoned("records before it were deleted unread") from error
        return owned

    def recovered(self) -> list[Owned[W]]:
        """Return the owned partitions whose state is complete."""
        return [owned for owned in self._owned.values() if owned.ready.is_set()]

    def assigned(self, partitions: frozenset[TP]) -> None:
        """Begin to rebuild what is not here yet."""
        wanted = {tp.partition for tp in partitions if tp.topic == self._topic}
        new = wanted - self._owned.keys()
        if not new:
            return
        for partition in new:
            committed = self._app.consumer.committed_offset(TP(self._topic, partition))
            self._owned[partition] = Owned(partition, self._make(partition), committed)
        self._app.health.recovering = frozenset(self._owned) - {owned.partition for owned in self.recovered()}
        self._recovery = asyncio.create_task(self._recover(new), name="recovery")

    def revoked(self) -> None:
        """Set aside what is complete, drop the rest."""
        if self._recovery is not None:
            self._recovery.cancel()
            self._recovery = None
        self._aside |= {
            partition: owned for partition, owned in self._owned.items() if owned.ready.is_set() and not owned.unsettled
        }
        self._owned = {}
        self._app.health.recovering = frozenset()

    async def _recover(self, partitions: set[int]) -> None:
        origin: _Asked = None
        try:
            if not self._app.streams.embedded:
                origin = asyncio.create_task(_Origin.find(self._app, self._topic, partitions), name="origin")
            await self._rebuild(await self._take_up(partitions, origin), origin)
        except LogMismatch as error:
            self._app.refuse(error)
        except Exception as error:  # noqa: BLE001  # half a state must not be used, whatever the cause
            self._app.fail(error)
        finally:
            if origin is not None:
                origin.cancel()

    async def _take_up(self, partitions: set[int], origin: "_Asked") -> set[int]:
        """Take up again what is still true, and return the other partitions."""
        aside, self._aside = self._aside, {}
        kept = partitions & aside.keys()
        if kept:
            changelog = {partition: TP(self._app.names.changelog, partition) for partition in kept}
            bounds = await self._app.backend.reader().bounds(changelog.values())
            kept = {partition for partition in kept if bounds[changelog[partition]].end == aside[partition].changelog_end}
        for partition in kept:
            owned = self._owned[partition]
            owned.watch, owned.changelog_end = aside[partition].watch, aside[partition].changelog_end
            owned.source = aside[partition].source
            if origin is not None:
                (await origin).check(owned)
        for partition in kept:
            self._complete(self._owned[partition], 0, 0.0)
        return partitions - kept

    async def _rebuild(self, partitions: set[int], origin: "_Asked") -> None:
        if not partitions:
            return
        began, rows, seconds = monotonic(), dict.fromkeys(partitions, 0), dict.fromkeys(partitions, 0.0)
        changelog = self._app.names.changelog
        async for partition, records, end in self._app.backend.reader().read(changelog, partitions):
            owned = self._owned[partition]
            restore = owned.watch.restore
            for record in records:
                try:
                    key = record.key or b""
                    if key == SOURCE_KEY:
                        owned.source = Source.decode(record.value)
                    else:
                        restore(key, record.value)
                except Exception as error:
                    raise CorruptChangelog(
                        f"{changelog}, partition {partition}, offset {record.offset}: {error}"
                    ) from error
            rows[partition] += len(records)
            failpoint("mid_recovery")
            if end is not None:
                if origin is not None:
                    (await origin).check(owned)
                owned.changelog_end, seconds[partition] = end, monotonic() - began
            await asyncio.sleep(0)
        for partition in partitions:  # none before all are found to be right: a worker that is refused has done nothing
            await self._repair(self._owned[partition], None if origin is None else await origin)
            self._complete(self._owned[partition], rows[partition], seconds[partition])
            await asyncio.sleep(0)

    async def _repair(self, owned: Owned[W], origin: "_Origin | None") -> None:
        """Write what the changelog lacks.

        It may not name the source yet; and rows may stand before older ones of their keys, of which compaction would keep the last.
        """
        partition, changelog, rows = owned.partition, self._app.names.changelog, list[tuple[bytes, bytes | None]]()
        for again in owned.watch.restored_in_turns():
            rows += again
            await asyncio.sleep(0)
        if rows:
            _log.warning("partition %d: %d rows were overtaken by older ones and are written again", partition, len(rows))
        if origin is not None and owned.source != origin.source and (owned.source is None or owned.source.topic_id is None):
            owned.source = origin.source
            rows.append((SOURCE_KEY, origin.source.encode()))
        if rows:
            ends = await self._app.delivery.deliver([Rows(changelog, partition, rows)])
            owned.changelog_end = ends[changelog, partition]

    def _complete(self, owned: Owned[W], rows: int, seconds: float) -> None:
        owned.watch.share(len(self._owned))
        owned.ready.set()
        self._app.health.recovering -= {owned.partition}
        self._app.observer.recovered(owned.partition, rows, seconds)
        _log.info("partition %d: state of %d rows in %.2f s", owned.partition, rows, seconds)


class _Origin(NamedTuple):
    """The source topic as it is while partitions are recovered: what their states must fit."""

    settings: StreamSettings
    topic: str
    source: Source
    bounds: Mapping[TP, Bounds]

    @classmethod
    async def find(cls, app: SeamwatchApp, topic: str, partitions: Iterable[int]) -> "_Origin":
        """Ask the broker."""
        bounds = await app.backend.reader().bounds([TP(topic, partition) for partition in partitions])
        return cls(app.streams, topic, await present_source(app, topic), bounds)

    def check(self, owned: Owned[Any]) -> None:
        """Compare a state that is complete.

        Raises `LogMismatch`.
        """
        tp = TP(self.topic, owned.partition)
        check_source(self.settings, self.topic, owned.source, self.source)
        check_applied(self.settings, tp, self.bounds[tp], owned.committed, owned.watch.last_offset)


_Asked = asyncio.Task[_Origin] | None
"""The source topic, asked for while the changelog is read; None of the embedded broker, which is not asked."""
