"""The agent that stores: findings, scores, briefs and dead letters to a writer, acknowledged only when it has them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from agents.live.traces import Traced, trace_rows
from streams.app import SeamwatchApp
from streams.batches import Batch
from streams.failpoints import failpoint
from streams.writing import WriterThread

__all__ = ["SinkRecord", "Writer", "sink"]


class SinkRecord(NamedTuple):
    """A record to be stored; ``timestamp`` is the broker's, in microseconds UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Writer(Protocol):
    """Where records go, for instance a database."""

    def write(self, records: Sequence[SinkRecord], /) -> None:
        """Store all of ``records``, in order, or none. Called in one thread of its own, again with the same records when it raised with ``retry_after``."""


def sink(app: SeamwatchApp, writer: Writer) -> None:
    """Register the agent on ``app``."""
    names = app.names
    thread: WriterThread[SinkRecord] = WriterThread(app, writer.write)

    async def handle(batch: Batch) -> None:
        topic, partition = batch.topic, batch.partition
        records = [
            SinkRecord(topic, partition, r.offset, r.timestamp * 1000, r.key, r.value, r.headers) for r in batch.records
        ]
        traced = Traced() if app.tracing is None or topic != names.alerts else trace_rows(app.tracing, batch)
        await thread.write(records, batch.epoch)
        traced.end()
        failpoint("after_transaction")

    app.batch_agent([names.alerts, names.scores, names.briefs, names.dead_letters], handle, name="sink")
