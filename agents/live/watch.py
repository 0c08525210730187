"""The agent that watches: touchpoints in, findings, scores, tallies and state out."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Protocol

from streams.app import SeamwatchApp
from streams.batches import Batch
from streams.dead_letters import dead_letter
from streams.failpoints import failpoint
from streams.garbage import growing_state
from streams.heartbeat import Heartbeats
from streams.producer import Outgoing, Rows, partition_for
from streams.state import PartitionState, Watch

__all__ = ["PartitionEngine", "watch"]


class PartitionEngine(Watch, Protocol):
    """`agents.partition.PartitionWatch`, as far as it is driven here."""

    def process(self, records: Sequence[Any]) -> Any:
        """Apply records in order and return what follows from them."""
        ...


def watch(app: SeamwatchApp, make: Callable[[int], PartitionEngine]) -> PartitionState[PartitionEngine]:
    """Register the agent on ``app``; ``make`` builds the engine of a source partition. Return the states, for who counts rows and timers."""
    names = app.names
    state = PartitionState(app, names.touchpoints, make)
    heartbeats = Heartbeats(app, state)

    async def handle(batch: Batch) -> None:
        owned = await state.of(batch)
        partition, deliver = batch.partition, app.delivery.deliver
        owned.settled = False
        with growing_state():
            effects = owned.watch.process(batch.records)
        failpoint("before_findings")
        await deliver([
            *(Outgoing(names.alerts, partition, key, value) for key, value in effects.findings),
            *(Outgoing(names.scores, None, key, value) for key, value in effects.customer_scores),
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
        ])  # fmt: skip
        app.observer.findings_delivered(partition, monotonic() - batch.polled_at)
        failpoint("after_findings")
        await deliver([
            *(Outgoing(names.tallies, _tally_partition(key, app.streams.partitions), key, value) for key, value in effects.tallies),
            Rows(names.changelog, partition, effects.tally_rows),
        ])  # fmt: skip
        failpoint("after_tallies")
        ends = await deliver([Rows(names.changelog, partition, effects.rows)])
        failpoint("after_rows")
        owned.changelog_end = ends.get((names.changelog, partition), owned.changelog_end)
        owned.settled = True
        heartbeats.processed(partition)

    app.batch_agent([names.touchpoints], handle, name="watch")
    return state


def _tally_partition(key: bytes, partitions: int) -> int:
    """Return where the tallies of one entity are merged: the partition of its key without the source partition, which comes last."""
    return partition_for(key[: key.rindex(b",")] + b"]", partitions)
