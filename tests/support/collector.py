"""A collector of OpenTelemetry's traces on the loopback: keeps the spans that it is sent by HTTP."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Collector", "collector"]


class Collector:
    """What came: spans by trace, and the headers ``authorization`` that came with them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.traces: defaultdict[bytes, list[Span]] = defaultdict(list)
        self.authorizations: set[str | None] = set()

    def take(self, body: bytes, authorization: str | None) -> None:
        """Keep the spans of a request."""
        self.authorizations.add(authorization)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.traces[span.trace_id].append(span)

    def stages(self) -> set[frozenset[str]]:
        """Return the names of the spans of each trace."""
        return {frozenset(span.name for span in spans) for spans in list(self.traces.values())}


@contextmanager
def collector() -> Iterator[Collector]:
    """Take spans on a free port until the end of the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.take(self.rfile.read(int(self.headers["Content-Length"])), self.headers["Authorization"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Collector(f"http://127.0.0.1:{server.server_address[1]}/v1/traces")
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield kept
        finally:
            server.shutdown()
