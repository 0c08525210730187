"""One message per partition and poll: the consumer's half that Kafka and the in-memory broker share.

Faust handles records one at a time and derives what to commit from single acknowledgements; it loses records where an acknowledgement comes out of order, where
offsets have gaps, where an agent raises and where a stale event is skipped. Here a batch counts as done only when its handler returned, and what is
committed is the end of the last batch of the contiguous head of done ones, in the partition's present epoch.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Protocol, TypeVar

from faust.serializers.schemas import Schema
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.errors import Abandoned, DeliveryFailed
from streams.failpoints import failpoint

__all__ = ["AssignmentListener", "Batch", "BatchConsumer", "BatchSchema", "Epoch", "RawRecord", "Tracker"]

_log = logging.getLogger(__name__)

_TURN = 0.5
"""Seconds after which the polling loop comes round at the latest."""

_SHORT_TURN = 0.01
"""The same while a partition has no room: it has soon, and must not wait for others that have nothing to read."""

_ANSWER = 2.0
"""Seconds within which the broker says where a log begins; otherwise all is read again from what is committed."""

_T = TypeVar("_T")


class RawRecord(Protocol):
    """A record as aiokafka gives it; ``timestamp`` is in milliseconds UTC."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class AssignmentListener(Protocol):
    """Learns which partitions this worker owns. Both are called on the event loop and return at once."""

    def assigned(self, partitions: frozenset[TP]) -> None:
        """These are owned from now on, all others are not; may repeat without a revocation between."""

    def revoked(self) -> None:
        """Nothing is owned from now on: all batches are done or abandoned, what was done is committed."""


class Epoch:
    """The time between two seeks: batches of an epoch that is over may still finish, but never commit."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def first(self, waited: Awaitable[_T]) -> _T:
        """Wait for ``waited``, but not longer than the epoch lasts.

        Raises `Abandoned` when it ends first; what was waited for is then cancelled.
        """
        task = asyncio.ensure_future(waited)
        end = asyncio.ensure_future(self.over.wait())
        try:
            await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Abandoned("the partition was revoked")
            return task.result()
        finally:
            end.cancel()
            task.cancel()

    async def pause(self, seconds: float) -> None:
        """Sleep, but not past the end of the epoch."""
        await _within(self.over.wait(), seconds)


class Batch:
    """All records of one partition that one poll returned.

    ``records`` are aiokafka's, undecoded; ``end`` is the offset after the last one; ``polled_at`` is monotonic seconds. ``start`` is None unless records before
    the first one were deleted unread: then it is where the log begins. ``committed`` is the offset that was committed before it came, 0 where none was.
    """

    __slots__ = ("committed", "done", "end", "epoch", "message", "partition", "polled_at", "records", "start", "topic")

    def __init__(self, topic: str, partition: int, records: Sequence[RawRecord], epoch: Epoch, start: int | None = None, committed: int = 0) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self.end = records[-1].offset + 1
        self.start = start
        self.committed = committed
        self.epoch = epoch
        self.polled_at = monotonic()
        self.done = False
        self.message: Any = None

    def __repr__(self) -> str:
        return f"<Batch {self.topic}/{self.partition} {self.records[0].offset}..{self.end - 1}>"


class Tracker:
    """What of one partition is in flight (so many ``records``), done and committed in one epoch."""

    __slots__ = ("committed", "done_at", "in_flight", "position", "processed", "records")

    def __init__(self, committed: int | None) -> None:
        self.in_flight: deque[Batch] = deque()
        self.records = 0
        self.position = committed
        self.processed = committed
        self.committed = committed
        self.done_at: float | None = None

    def add(self, batch: Batch) -> None:
        """Take a batch in, in order of offsets."""
        self.in_flight.append(batch)
        self.records += len(batch.records)
        self.position = batch.end

    def advance(self) -> int | None:
        """Return the offset up to which everything is done, without a gap; None before anything is."""
        while self.in_flight and self.in_flight[0].done:
            batch = self.in_flight.popleft()
            self.processed = batch.end
            self.records -= len(batch.records)
            if self.done_at is None:
                self.done_at = monotonic()
        return self.processed

    def settle(self, offset: int) -> None:
        """Note that ``offset`` is committed."""
        self.committed = offset
        self.done_at = None if self.processed == offset else monotonic()


class BatchSchema(Schema):
    """A schema that decodes nothing: a batch's records reach the agent as Kafka has them."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Return a decoder that wraps the message, as it is, into an event."""
        create = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create(None, message.value, (), message)

        return decode


class BatchConsumer:
    """Mixin over a Faust consumer: batches instead of records, own bookkeeping of what may be committed.

    The class that it is mixed into brings `_getmany`, `_commit`, `seek_to_committed`, `assignment`, `highwater`, flow control and the services; see
    `streams.selfcheck` for every name.
    """

    app: Any
    seek_errors: tuple[type[Exception], ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epoch = Epoch()
        self._trackers: dict[TP, Tracker] = {}
        self._room = asyncio.Event()
        self._dropped = False
        self._missed: dict[TP, int] = {}
        self._halted = False
        self.suspended_at: float | None = None

    # --- reading --------------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        """Poll until the consumer or ``fetcher`` stops, and hand every partition's records on as one message."""
        stopped = self._stopped.is_set  # type: ignore[attr-defined]
        fetcher_stopped = fetcher._stopped.is_set
        try:
            while not (stopped() or fetcher_stopped()):
                self.app.liveness.turn()
                await self._poll()
        except self.consumer_stopped_errors:  # type: ignore[attr-defined]
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as error:
            self.app.fail(error)
            raise
        finally:
            self.app.liveness.rest()

    async def _poll(self) -> None:
        if not self.flow_active:  # type: ignore[attr-defined]
            self.suspended_at = self.suspended_at or monotonic()
            await _within(self.can_resume_flow.wait(), _TURN)  # type: ignore[attr-defined]
            return
        if (self._dropped or not self._trackers) and self.assignment():  # type: ignore[attr-defined]
            self.suspended_at = self.suspended_at or monotonic()
            await self._seek_back()
            return
        self.suspended_at = None
        wanted, full = self._wanted()
        if not wanted:
            await self._stay()
            self._room.clear()
            await _within(self._room.wait(), _TURN)
            return
        epoch = self.epoch
        records = await self._get(wanted, _SHORT_TURN if full else _TURN)
        if not records:
            await asyncio.sleep(0)
            return
        if epoch is not self.epoch or not self.flow_active:  # type: ignore[attr-defined]
            # The consumer's position is past records that nobody got. The seek of a rebalance may lie before this poll or after it.
            self._dropped = True
            return
        for tp, polled in records.items():
            await self._hand_on(TP(tp.topic, tp.partition), polled, epoch)

    async def _get(self, wanted: set[TP], turn: float) -> Mapping[TP, Sequence[RawRecord]]:
        """Return what there is within ``turn`` seconds.

        A poll that begins as a rebalance does returns when that is over, whatever its timeout, and it may wait for somebody who is dead: no standstill.
        """
        polling = asyncio.ensure_future(self._getmany(active_partitions=wanted, timeout=turn))  # type: ignore[attr-defined]
        try:
            while not (await asyncio.wait({polling}, timeout=_TURN))[0]:
                if not self.flow_active:  # type: ignore[attr-defined]
                    self.suspended_at = self.suspended_at or monotonic()
                    self.app.liveness.turn()
            records: Mapping[TP, Sequence[RawRecord]] = polling.result()
            return records
        finally:
            polling.cancel()

    async def _seek_back(self) -> None:
        """Go to what is committed; while partitions come and go, later."""
        seek = asyncio.ensure_future(self._go_to_committed())
        try:
            while not (await asyncio.wait({seek}, timeout=_TURN))[0]:
                self.app.liveness.turn()
            seek.result()
        except self.seek_errors:
            await asyncio.sleep(_TURN)
        else:
            self._dropped = False
        finally:
            seek.cancel()

    def _wanted(self) -> tuple[set[TP], bool]:
        """Return the partitions to poll, those with room for more records, of topics that are not paused; and whether others have none."""
        most, paused, trackers = self.app.streams.records_in_flight, self.app.health.paused, self._trackers
        active = {tp for tp in self._get_active_partitions() if tp.topic not in paused}  # type: ignore[attr-defined]
        full = {tp for tp in active if tp in trackers and trackers[tp].records >= most}
        return active - full, bool(full)

    async def _hand_on(self, tp: TP, records: Sequence[RawRecord], epoch: Epoch) -> None:
        if epoch is not self.epoch:
            return
        tracker = self._trackers[tp]
        start = None
        if tracker.position is not None and records[0].offset != tracker.position:
            records = [record for record in records if record.offset >= tracker.position]
            if not records:
                return
            if records[0].offset > tracker.position and tp.topic not in self.app.reread_topics:
                start = await self._log_start(tp)
                if start is None or epoch is not self.epoch:
                    self._dropped = True
                    return
                if start <= tracker.position:
                    start = None  # compaction or a transaction left the gap
                    if not self._is_in_the_log(tp, tracker.position, records[0].offset):
                        return
                elif self.app.lost(tp, tracker.position, start):
                    return
        batch = Batch(tp.topic, tp.partition, records, epoch, start, tracker.committed or 0)
        last = records[-1]
        batch.message = ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, 0, (), None, batch, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip
        tracker.add(batch)
        await self.wait_first(self.callback(batch.message), self.suspend_flow.wait())  # type: ignore[attr-defined]

    def _is_in_the_log(self, tp: TP, position: int, first: int) -> bool:
        """Return whether the offsets from ``position`` to before ``first``, of which no record came, are to be taken for a gap in the log.

        In a topic that is not compacted only the ends of transactions leave one. What else is missing was passed over on its way here, by whatever fault:
        it is read again from what is committed. What is missing then, too, is nowhere.
        """
        missing = first - position - self.markers(tp, position, first)
        if not missing or tp.topic not in self.app.gapless_topics:
            return True
        where = f"{tp.topic}[{tp.partition}]: {missing} of the offsets {position} to {first - 1} came without a record"
        if self._missed.get(tp) == first:
            _log.error("%s twice: the log holds none there", where)
            return True
        _log.error("%s: reading again from what is committed", where)
        self._missed[tp] = first
        self._dropped = True
        return False

    def markers(self, tp: TP, start: int, end: int) -> int:
        """Return how many of the offsets from ``start`` to before ``end`` hold no record, but the end of a transaction."""
        return 0

    async def _log_start(self, tp: TP) -> int | None:
        """Return the first offset that the broker holds of ``tp``; None where it does not say so in time."""
        try:
            starts: Mapping[TP, int] = await asyncio.wait_for(self.earliest_offsets(tp), _ANSWER)  # type: ignore[attr-defined]
        except TimeoutError:
            return None
        except self.seek_errors:
            return None
        return starts[tp]

    async def _stay(self) -> None:
        """Tell the group that this worker is there although it polls nothing."""

    # --- acknowledging and committing -----------------------------------------------------------------------------

    def finish(self, batch: Batch) -> None:
        """Count ``batch`` as done; called by the lane when the handler returned."""
        batch.done = True
        self.release(batch)
        tracker = self._trackers.get(TP(batch.topic, batch.partition))
        if tracker is not None and batch.epoch is self.epoch:
            tracker.advance()
        self._room.set()

    def release(self, batch: Batch) -> None:
        """Let go of the message of ``batch``, done or not."""
        message, batch.message = batch.message, None
        if message is not None:
            message.acked = True
            self._unacked_messages.discard(message)  # type: ignore[attr-defined]

    def ack(self, message: Any) -> bool:
        """Do nothing: Faust also acknowledges what it skipped or what failed. Only `finish` counts."""
        return False

    def halt(self) -> None:
        """Commit nothing and begin no batch from here on: the worker ends."""
        self._halted = True
        self.epoch.over.set()

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what is done and not committed, of all topics or of ``topics``. A commit that fails changes nothing."""
        if self._halted:
            return False
        owned = self.assignment()  # type: ignore[attr-defined]
        trackers = self._trackers
        offsets: dict[TP, int] = {}
        for tp, tracker in trackers.items():
            if tp.topic in self.app.reread_topics or (
                topics is not None and tp not in topics and tp.topic not in topics
            ):
                continue
            end = tracker.advance()
            if end is not None and end != tracker.committed and tp in owned:
                offsets[tp] = end
        if not offsets or not await self._commit(offsets):  # type: ignore[attr-defined]
            return False
        for tp, offset in offsets.items():
            if trackers is self._trackers:
                trackers[tp].settle(offset)
            self.app.observer.committed(tp.topic, tp.partition, offset)
        failpoint("after_commit")
        return True

    async def _commit_done(self) -> None:
        """Commit what is done, after a commit that is under way."""
        while await self.maybe_wait_for_commit_to_finish():  # type: ignore[attr-defined]
            pass
        await self.commit()  # type: ignore[attr-defined]

    # --- owning ---------------------------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Begin a new epoch; the polling loop goes back to what is committed before it polls.

        Not here: Faust never resumes when a seek takes longer than a request may, and it resumes into the next assignment when a rebalance overtook one.
        """
        self._begin_epoch({})

    async def _go_to_committed(self) -> None:
        """Go back to what is committed, in a new epoch; topics that are never committed start over."""
        self._begin_epoch({})
        epoch = self.epoch
        committed = {TP(tp.topic, tp.partition): offset for tp, offset in (await self.seek_to_committed()).items()}  # type: ignore[attr-defined]
        reread = self.app.reread_topics
        # aiokafka leaves the position where it is when nothing, or offset 0, is committed.
        start_over = {tp for tp, offset in committed.items() if not offset or tp.topic in reread}
        if start_over:
            await self._seek_to_start(start_over)
        positions = {tp: await self.position(tp) for tp in start_over}  # type: ignore[attr-defined]
        if epoch is not self.epoch:
            return  # the partitions were taken away meanwhile
        self._begin_epoch({tp: Tracker(None if tp in start_over else offset) for tp, offset in committed.items()})
        for tp, position in positions.items():
            self._trackers[tp].position = position
        self.app.owns(frozenset(committed))

    async def _seek_to_start(self, partitions: Iterable[TP]) -> None:
        raise NotImplementedError

    def _begin_epoch(self, trackers: dict[TP, Tracker]) -> None:
        self.epoch.over.set()
        self.epoch = Epoch()
        self._trackers = trackers
        self._room.set()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish what is running, commit it and give everything up, before Faust forgets what was acknowledged."""
        self.stop_flow()  # type: ignore[attr-defined]
        self.app.flow_control.suspend()
        self.app.flow_control.clear()
        await self._retire()
        failpoint("mid_rebalance")
        self._begin_epoch({})
        self.app.owns_nothing()
        await super().on_partitions_revoked(revoked)  # type: ignore[misc]

    async def wait_empty(self) -> None:
        """Finish and commit what is running, within the time that a handler may take."""
        await self._retire()

    async def _retire(self) -> None:
        self.epoch.over.set()
        if not await self.app.lanes.retire(self.app.retire_timeout):
            self.app.fail(
                DeliveryFailed(f"a batch was not done {self.app.retire_timeout:.0f} s after its partition was revoked")
            )
            return
        await self._commit_done()
        self._unacked_messages.clear()  # type: ignore[attr-defined]

    # --- figures --------------------------------------------------------------------------------------------------

    def at_end(self, tp: TP) -> bool:
        """Return whether everything that the broker is known to hold of ``tp`` is done."""
        tracker = self._trackers.get(tp)
        if tracker is None or tracker.in_flight:
            return False
        highwater = self.highwater(tp)  # type: ignore[attr-defined]
        return highwater is not None and (tracker.processed or 0) >= highwater

    def lags(self) -> dict[tuple[str, int], int]:
        """Return the records that are not done yet, by owned topic and partition, where the broker's end is known."""
        found: dict[tuple[str, int], int] = {}
        for tp, tracker in self._trackers.items():
            highwater = self.highwater(tp)  # type: ignore[attr-defined]
            if highwater is not None:
                found[tp.topic, tp.partition] = max(0, highwater - (tracker.processed or 0))
        return found

    def committed_offset(self, tp: TP) -> int | None:
        """Return what is committed of an owned partition; None where nothing is."""
        tracker = self._trackers.get(tp)
        return None if tracker is None else tracker.committed

    def commit_age(self) -> float:
        """Return the seconds that the oldest finished batch has waited for its commit; 0 where none waits."""
        reread = self.app.reread_topics
        waiting = [
            tracker.done_at
            for tp, tracker in self._trackers.items()
            if tracker.done_at is not None and tp.topic not in reread
        ]
        return monotonic() - min(waiting) if waiting else 0.0

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust's search for stuck streams judges single records; `Watchdog` watches instead."""


async def _within(waited: Awaitable[Any], seconds: float) -> None:
    try:
        await asyncio.wait_for(asyncio.ensure_future(waited), seconds)
    except TimeoutError:
        return
