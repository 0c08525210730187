"""How traces go through a stage: from a raw record to its touchpoints, from a touchpoint to the findings that it set off, from a finding to its row."""

from collections.abc import Iterable, Iterator, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Any

import msgspec

from streams.batches import Batch, RawRecord
from streams.producer import Outgoing

if TYPE_CHECKING:
    from streams.tracing import Tracing

__all__ = ["Traced", "trace_findings", "trace_mapped", "trace_refused", "trace_rows"]


class Traced(list[Any]):
    """The spans of a batch. Those of a batch that is given up are never ended, and told to nobody."""

    def end(self) -> None:
        """End all at one moment."""
        if self:
            now = time_ns()
            for span in self:
                span.end(now)


class _Cause(msgspec.Struct):
    source: str
    id: str


class _Finding(msgspec.Struct):
    id: str
    revision: int
    withdrawn: bool
    detector: str
    reason: str
    severity: str
    again: _Cause | None


_cause = msgspec.json.Decoder(_Cause).decode
_finding = msgspec.json.Decoder(_Finding).decode


def trace_mapped(tracing: "Tracing", batch: Batch, record: RawRecord, mapped: Sequence[Outgoing], traced: Traced) -> Sequence[Outgoing]:
    """Return what a raw record became, with the header of its trace where it has one: its own, or one that begins here for one of the touchpoints."""
    context = tracing.chosen(record.headers, *(each.value for each in mapped))
    if context is None:
        return mapped
    span = tracing.of_record("normalise", batch, record.offset, context)
    span.set_attribute("seamwatch.touchpoints", len(mapped))
    traced.append(span)
    return [each._replace(headers=[tracing.header(span)]) for each in mapped]


def trace_refused(tracing: "Tracing", batch: Batch, record: RawRecord, reason: str, traced: Traced) -> None:
    """End the trace of a raw record that becomes a dead letter, and say why."""
    context = tracing.chosen(record.headers)
    if context is not None:
        span = tracing.of_record("normalise", batch, record.offset, context)
        span.set_attribute("seamwatch.refused", reason)
        traced.append(span)


def trace_findings(tracing: "Tracing", batch: Batch, findings: Iterable[Outgoing], traced: Traced) -> Iterator[Outgoing]:
    """Yield ``findings``, with the header of a trace those that a traced touchpoint of the batch set off, and those that a trace begins with."""
    causes = {}
    for record in batch.records:
        context = tracing.chosen(record.headers, record.value)
        if context is not None:
            span = tracing.of_record("watch", batch, record.offset, context)
            traced.append(span)
            try:
                cause = _cause(record.value or b"")
            except msgspec.MsgspecError:  # one between workers, or no touchpoint at all
                continue
            causes[record.key, cause.source, cause.id] = span
    customers = {key for key, _, _ in causes}
    for each in findings:
        alone = None if each.value is None else tracing.chosen((), each.value)
        if each.value is None or (alone is None and each.key not in customers):
            yield each
            continue
        told = _finding(each.value)
        cause_of = None if told.again is None else causes.get((each.key, told.again.source, told.again.id))
        context = alone if cause_of is None else tracing.within(cause_of)
        if context is None:
            yield each
            continue
        span = tracing.of_finding(context, msgspec.structs.asdict(told))
        traced.append(span)
        yield each._replace(headers=[*each.headers, tracing.header(span)])


def trace_rows(tracing: "Tracing", batch: Batch) -> Traced:
    """Begin the spans of the findings that are stored; none begins a trace here."""
    contexts = ((record.offset, tracing.chosen(record.headers)) for record in batch.records)
    return Traced(tracing.of_record("store", batch, offset, context) for offset, context in contexts if context is not None)
