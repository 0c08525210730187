"""The agent that watches: touchpoints in, findings, scores, tallies and state out."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from time import monotonic
from typing import Any, Protocol

from agents.live.traces import Traced, trace_findings
from streams.app import SeamwatchApp
from streams.batches import Batch
from streams.dead_letters import dead_letter
from streams.errors import Abandoned
from streams.failpoints import failpoint
from streams.heartbeat import Heartbeats
from streams.interpreter import growing_state
from streams.producer import Outgoing, Rows, partition_for
from streams.pulse import Pulses
from streams.state import Owned, PartitionState, Watch

__all__ = ["PartitionEngine", "watch"]

_TURN = 0.2
"""Seconds of computing after which the event loop has its turn, however large the batch and however many partitions have one."""

_SETTLED_EVERY = 0.25
"""Seconds: of a tally or score that many small batches change, the last value is written. What nobody waits for must not keep findings and briefs waiting."""

_DONE = object()


class PartitionEngine(Watch, Protocol):
    """`agents.partition.PartitionWatch`, as far as it is driven here."""

    committed: int

    def take(self, records: Iterable[Any], pause: Callable[[], bool]) -> Iterator[None]:
        """Apply records in order; yield wherever ``pause`` tells to."""
        ...

    def conclude(self, pause: Callable[[], bool]) -> Iterator[None]:
        """Do what `effects` would do at once; yield wherever ``pause`` tells to."""
        ...

    def effects(self) -> Any:
        """Return what follows from what was taken since the last call."""
        ...


def watch(app: SeamwatchApp, make: Callable[[int], PartitionEngine], *, pulse: float = 0.0) -> PartitionState[PartitionEngine]:
    """Register the agent on ``app``; ``make`` builds the engine of a source partition. Return the states, for who counts rows and timers.

    ``pulse``: seconds from one pulse through the whole pipe to the next; 0: none.
    """
    names = app.names
    state = PartitionState(app, names.touchpoints, make)
    heartbeats = Heartbeats(app, state)
    pulses = Pulses(app, state, pulse) if pulse else None

    computing = asyncio.Lock()

    async def handle(batch: Batch) -> tuple[Owned[PartitionEngine], Any]:
        owned = await state.of(batch)
        partition, deliver = batch.partition, app.delivery.deliver
        owned.unsettled += 1
        owned.watch.committed = batch.committed
        end = 0.0
        pause = lambda: monotonic() >= end  # noqa: E731
        turns = chain(owned.watch.take(batch.records, pause), owned.watch.conclude(pause))
        ongoing = True
        while ongoing:
            async with computing:
                end = monotonic() + _TURN
                with growing_state(len(batch.records)):
                    ongoing = next(turns, _DONE) is not _DONE
                await asyncio.sleep(0)
            if batch.epoch.over.is_set():
                raise Abandoned("the partition was revoked")
        effects = owned.watch.effects()
        failpoint("before_findings")
        traced, first = Traced(), batch.records[0].offset
        findings = _told(names.alerts, partition, effects.findings, [(mark.findings, mark) for mark in effects.marks], first)
        forgotten = [(mark.briefs, mark) for mark in effects.marks if mark.what == "forgotten"]
        onward = [Outgoing(names.touchpoints, None, key, value) for key, value in (*effects.misplaced, *effects.onward)]
        await deliver([
            *(findings if app.tracing is None else trace_findings(app.tracing, batch, findings, traced)),
            *_told(names.briefs, partition, effects.briefs, forgotten, first),
            *(
                dead_letter(
                    names.dead_letters,
                    source=(batch.topic, partition, letter.offset),
                    reason=letter.reason,
                    detail=letter.detail,
                    key=letter.key,
                    value=letter.value,
                )
                for letter in effects.dead_letters
            ),
            *(() if pulses is None else pulses.marks(partition, batch.records)),
            *(() if effects.marks else onward),
        ])  # fmt: skip
        if effects.marks:  # a timeline leaves: what was told of it here comes before what its new partition tells
            await app.lanes.settled(batch.topic, partition)
            failpoint("before_scores_that_leave")
            await deliver(_scores(names.scores, [effects]))
            effects.customer_scores = []
            failpoint("before_onward")
            await deliver(onward)
        traced.end()
        app.observer.findings_delivered(partition, monotonic() - batch.polled_at)
        failpoint("after_findings")
        return owned, effects

    async def settle(left: Sequence[tuple[Owned[PartitionEngine], Any]]) -> None:
        """Deliver what the next batches do not wait for: a crash before repeats all of them, and they find the same."""
        owned = left[0][0]
        partition, deliver = owned.partition, app.delivery.deliver
        tallies, tally_rows = (dict(pair for _, effects in left for pair in getattr(effects, name)) for name in ("tallies", "tally_rows"))
        rows = [row for _, effects in left for row in effects.rows]
        await deliver([
            *_scores(names.scores, (effects for _, effects in left)),
            *(Outgoing(names.tallies, _tally_partition(key, app.streams.partitions), key, value) for key, value in tallies.items()),
            Rows(names.changelog, partition, list(tally_rows.items())),
        ])  # fmt: skip
        failpoint("after_tallies")
        ends = await deliver([Rows(names.changelog, partition, rows)])
        failpoint("after_rows")
        owned.wrote(len(tally_rows) + len(rows), ends[names.changelog, partition])
        owned.unsettled -= len(left)
        heartbeats.processed(partition)

    app.batch_agent([names.touchpoints], handle, name="watch", settle=settle, every=_SETTLED_EVERY)
    return state


def _told(topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes]], marks: Sequence[tuple[int, Any]], first: int) -> Iterator[Outgoing]:
    """Yield records of a topic, and between them, where they belong, records without a value that mark what became of a key.

    ``first`` is the offset of the batch. The header ``offset`` of a mark is that of the record that made it, that of others is none above the records that they
    follow from, and none below a mark before them: whoever meets a record after a mark of its key with a higher offset knows that it came late.
    """
    begin, since = 0, first - 1
    for at, mark in marks:
        yield from _with_offset(topic, partition, pairs[begin:at], since)
        begin, since = at, mark.offset
        yield Outgoing(topic, partition, mark.key, None, ((mark.what, mark.value.encode()), ("offset", b"%d" % since), ("scores", b"%d" % mark.scores)))
    yield from _with_offset(topic, partition, pairs[begin:], since)


def _with_offset(topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes]], offset: int) -> Iterator[Outgoing]:
    headers = (("offset", b"%d" % offset),)
    return (Outgoing(topic, partition, *pair, headers) for pair in pairs)


def _scores(topic: str, told: Iterable[Any]) -> list[Outgoing]:
    """Return the customers' scores of effects, in their order."""
    return [Outgoing(topic, None, *each) for each in _latest(score for effects in told for score in effects.customer_scores)]


def _latest(told: Iterable[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes | None]]:
    """Leave out what another value of the same key follows. What a tombstone follows stays: it is the last that others hear of it."""
    kept: dict[bytes, list[bytes | None]] = {}
    for key, value in told:
        values = kept.setdefault(key, [])
        if value is not None and values and values[-1] is not None:
            values[-1] = value
        else:
            values.append(value)
    return [(key, value) for key, values in kept.items() for value in values]


def _tally_partition(key: bytes, partitions: int) -> int:
    """Return where the tallies of one entity are merged: the partition of its key without the source partition, which comes last."""
    return partition_for(key[: key.rindex(b",")] + b"]", partitions)
