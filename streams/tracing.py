"""Traces of sampled records, from where they come in to their row in the database: spans of OpenTelemetry, joined by W3C's `traceparent` in Kafka's headers.

A record belongs to a trace where its header says so. Besides, a checksum of its bytes decides, so that a record that is read again is chosen again, and every
worker chooses the same. Only who traces imports this module: without a collector nothing of it is loaded.

No attribute holds what a customer said or who that is: topics, partitions, offsets, and of findings their id and what their metrics hold, too.
"""

from collections.abc import Iterable, Mapping
from threading import Thread
from time import monotonic, time_ns
from typing import Any
from zlib import crc32

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from streams.batches import Batch

__all__ = ["Tracing"]

_HEADER = "traceparent"
_FLUSH = 3.0
"""Seconds that a program waits at its end for a collector to take the last spans."""

_w3c = TraceContextTextMapPropagator()


class Tracing:
    """The spans of one process.

    ``share`` of the records, 0 to 1, are traced though no header asks for it. ``exporter`` gets the spans in a thread of its own; those that it is too slow for
    are dropped. ``about`` are attributes of the process.
    """

    def __init__(self, exporter: SpanExporter, share: float, about: Mapping[str, str]) -> None:
        self._below = round(share * 2**32)
        self._provider = TracerProvider(ALWAYS_ON, Resource.create(about), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("seamwatch")

    def chosen(self, headers: Iterable[tuple[str, bytes | None]], *values: bytes | None) -> Context | None:
        """Return the context in which the span of a record begins, an empty one where a trace begins with it; None where it is not traced.

        It is where a header asks for it, or one of ``values`` is in the share.
        """
        context = None
        for name, content in headers:
            if name == _HEADER and content is not None:
                context = _w3c.extract({_HEADER: content.decode(errors="replace")}, Context())
                if get_current_span(context).get_span_context().trace_flags.sampled:
                    return context
        for value in values:
            if value is not None and crc32(value) < self._below:
                return Context() if context is None else context
        return None

    def of_request(self, topic: str, body: bytes, parent: str | None, since: float) -> Span | None:
        """Begin the span of a request whose ``body`` goes into a raw topic; None where it is not traced."""
        context = self.chosen([] if parent is None else [(_HEADER, parent.encode(errors="replace"))], body)
        return None if context is None else self._begin("door", SpanKind.SERVER, context, since, {"messaging.destination.name": topic})

    def of_record(self, stage: str, batch: Batch, offset: int, context: Context) -> Span:
        """Begin the span of a record in a stage: it began when its batch was read."""
        place: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.destination.name": batch.topic,
            "messaging.destination.partition.id": str(batch.partition),
            "messaging.kafka.offset": offset,
        }
        return self._begin(stage, SpanKind.CONSUMER, context, batch.polled_at, place)

    def of_finding(self, context: Context, finding: Mapping[str, Any]) -> Span:
        """Begin the span of a finding that is written to the alerts."""
        about = {f"seamwatch.finding.{name}": finding[name] for name in ("id", "revision", "withdrawn", "detector", "reason", "severity")}
        return self._begin("finding", SpanKind.PRODUCER, context, monotonic(), about)

    def within(self, span: Span) -> Context:
        """Return the context of spans that follow from ``span``."""
        return set_span_in_context(span, Context())

    def header(self, span: Span) -> tuple[str, bytes]:
        """Return the header by which whoever reads the record goes on with the trace of ``span``."""
        carrier: dict[str, str] = {}
        _w3c.inject(carrier, self.within(span))
        return _HEADER, carrier[_HEADER].encode()

    def close(self) -> None:
        """Hand over the last spans; a collector that does not answer is left after some seconds."""
        closing = Thread(target=self._provider.shutdown, name="tracing", daemon=True)
        closing.start()
        closing.join(_FLUSH)

    def _begin(self, name: str, kind: SpanKind, context: Context, since: float, about: Mapping[str, str | int]) -> Span:
        started = time_ns() - round((monotonic() - since) * 1e9)
        return self._tracer.start_span(name, context, kind, about, start_time=started)
