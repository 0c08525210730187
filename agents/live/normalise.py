"""The agent that normalises: raw records of a source in, touchpoints out, what cannot be used to the dead letters."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic

from agents.live.traces import Traced, trace_mapped, trace_refused
from streams.app import SeamwatchApp
from streams.batches import Batch
from streams.dead_letters import dead_letter
from streams.errors import Poison
from streams.producer import Outgoing

__all__ = ["MapRecord", "normalise"]

_log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, bytes | None]]
MapRecord = Callable[[bytes | None, Headers], Iterable[tuple[bytes | None, bytes]]]
"""A source's mapping: value and headers of a raw record in, touchpoints as (key ``tenant/customer``, JSON) out.

Raises `Poison` for a record that it cannot use.
"""

_SLICE = 0.02
"""Seconds after which the event loop gets its turn."""


def normalise(app: SeamwatchApp, mappings: Mapping[str, MapRecord], *, refused_in_a_row: int = 1000) -> None:
    """Register the agent on ``app`` for the raw topics of ``mappings``, by source, and for the topics of others.

    A topic of which ``refused_in_a_row`` records in a row are refused is paused: its mapping is wrong, or what it reads.
    """
    names = app.names
    by_topic = {names.raw(source): mapping for source, mapping in mappings.items()}
    by_topic |= {topic: mappings[source] for source, topic in app.streams.topics_of_others.items() if source in mappings}
    refused: Counter[str] = Counter()

    async def handle(batch: Batch) -> None:
        mapping, outgoing, turn = by_topic[batch.topic], [], monotonic()
        tracing, traced = app.tracing, Traced()
        for record in batch.records:
            try:
                mapped = [
                    Outgoing(names.touchpoints, None, key, value) for key, value in mapping(record.value, record.headers)
                ]
            except Poison as poison:
                refused[batch.topic] += 1
                if tracing is not None:
                    trace_refused(tracing, batch, record, poison.reason, traced)
                source = (batch.topic, batch.partition, record.offset)
                outgoing.append(
                    dead_letter(
                        names.dead_letters,
                        source=source,
                        reason=poison.reason,
                        detail=poison.detail,
                        key=record.key,
                        value=record.value,
                        headers=record.headers,
                    )
                )
            else:
                refused[batch.topic] = 0
                outgoing += mapped if tracing is None else trace_mapped(tracing, batch, record, mapped, traced)
            if monotonic() - turn > _SLICE:
                await asyncio.sleep(0)
                turn = monotonic()
        await app.delivery.deliver(outgoing)
        traced.end()
        if refused[batch.topic] >= refused_in_a_row and batch.topic not in app.health.paused:
            _log.error(
                "%s is paused: %d records in a row were refused; see its dead letters, then `seamwatch dead-letters resume %s`",
                batch.topic,
                refused[batch.topic],
                batch.topic,
            )
            refused[batch.topic] = 0
            await app.pause_until_told(batch.topic)

    if by_topic:
        app.batch_agent(by_topic, handle, name="normalise")
