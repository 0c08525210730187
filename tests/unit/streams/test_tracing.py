"""Traces over the whole engine and the broker in memory: one webhook, from the door to the rows that it leads to."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest
from aiohttp import ClientSession
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from agents.live.traces import Traced, trace_findings
from config.errors import ConfigError
from config.settings import load_settings
from models.tables import findings
from seamwatch.worker import Worker, plan
from sinks.database import create_engine, upgrade
from streams.app import SeamwatchApp
from streams.batches import Batch, Epoch
from streams.ingest import Ingest, OpenDoor, checker
from streams.memory import MemoryBroker, StoredRecord
from streams.producer import Outgoing
from streams.sources.door import Door
from streams.tracing import Tracing
from tests.support.chatwoot import ping_pong
from tests.unit.streams.ingest.test_server import Log
from tests.unit.streams.support import eventually, worker

KEY = "0123456789abcdef"
ASKED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LEFT = ASKED.removesuffix("1") + "0"
PERSONAL = ("Message", "c-", "chatwoot/7", "contact", "agent")
"""What is in the records of the test, or begins what customers and people are called."""


def of_trace(spans: Sequence[ReadableSpan], trace: str) -> dict[str, list[ReadableSpan]]:
    """Return the spans of a trace by name."""
    found: dict[str, list[ReadableSpan]] = {}
    for span in spans:
        if f"{span.context.trace_id:032x}" == trace:
            found.setdefault(span.name, []).append(span)
    return found


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Give what keeps spans."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Iterator[Tracing]:
    """Give a tracing that begins no trace by itself."""
    tracing = Tracing(exporter, 0.0, {"service.name": "seamwatch"})
    yield tracing
    tracing.close()


@pytest.mark.slow
async def test_a_trace_leads_from_the_door_to_the_row(tracing: Tracing, exporter: InMemorySpanExporter, tmp_path: Path) -> None:
    """A webhook that asks for it is traced, and it alone, through topics, engine and findings to the database; no span holds anything personal."""
    broker, database = MemoryBroker(now=lambda: time.time_ns() // 1_000_000), f"sqlite:///{tmp_path}/s.db"
    upgrade(database)
    engine = create_engine(database)
    wanted = load_settings(hash_key=KEY, customer_key=KEY, sources="chatwoot", database=database, prefix="t", partitions=2)

    def build(app: SeamwatchApp) -> None:
        app.tracing = tracing
        Worker(plan(wanted), streams=app.streams).assemble(app, engine)

    async def append(topic: str, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        broker.append(topic, 0, None, value, headers)

    async def post(session: ClientSession, body: bytes, **headers: str) -> None:
        async with session.post("/in/chatwoot", data=body, headers=headers) as answer:
            assert answer.status == 204

    def caused() -> list[str]:
        with engine.connect() as connection:
            return [body["again"]["id"] for body in connection.scalars(select(findings.c.body))]

    check = checker(Door(scheme="token", header="X-Key"), ["good"])
    ingest = Ingest({"chatwoot": OpenDoor("t.raw.chatwoot", check, 1000, 10_000)}, append, Log(), tracing=tracing)
    async with worker(broker, build, sources=("chatwoot",)):
        await ingest.start()
        host, port = ingest.address
        async with ClientSession(f"http://{host}:{port}", headers={"X-Key": "good"}) as session:
            for number, body in enumerate(ping_pong(7, 100)):
                asked = {3: ASKED, 4: LEFT}.get(number)  # 3 comes back to the team that had it before
                await post(session, body, **({} if asked is None else {"traceparent": asked}))
            await post(session, b"no webhook", traceparent=ASKED)
        await ingest.stop()
        await eventually(lambda: "message_created/103/0" in caused() and bool(broker.records("t.dead-letters")))
    tracing.close()
    spans = exporter.get_finished_spans()
    found = of_trace(spans, ASKED.split("-")[1])
    assert len(spans) == sum(map(len, found.values()))
    assert found.keys() == {"door", "normalise", "watch", "finding", "store"}
    door, refused = sorted(found["door"], key=lambda span: span.start_time or 0)
    (normalise, left_out), (watch,) = sorted(found["normalise"], key=lambda span: "seamwatch.refused" in (span.attributes or {})), found["watch"]
    assert (door.parent and f"{door.parent.span_id:016x}") == ASKED.split("-")[2]
    assert [child.parent and child.parent.span_id for child in (normalise, left_out, watch)] == [each.context.span_id for each in (door, refused, normalise)]
    assert (left_out.attributes or {})["seamwatch.refused"] == "unmapped"
    assert {each.parent and each.parent.span_id for each in found["finding"]} == {watch.context.span_id}
    assert {each.parent and each.parent.span_id for each in found["store"]} == {each.context.span_id for each in found["finding"]}
    assert len(found["finding"]) == len(found["store"]) == caused().count("message_created/103/0")
    for span in spans:
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.end_time >= span.start_time > 1.7e18
    told = str([(span.name, dict(span.attributes or {}), span.events, span.status.description) for span in spans])
    assert not [each for each in PERSONAL if each in told]
    engine.dispose()


def test_the_same_records_are_chosen_by_everybody(exporter: InMemorySpanExporter) -> None:
    """A share of the records is traced by their bytes, whoever reads them and however often; with 0 none, with 1 all."""
    values = [b"record %d" % number for number in range(20_000)]

    def chosen(share: float) -> set[bytes]:
        tracing = Tracing(exporter, share, {})
        found = {value for value in values if tracing.chosen((), value) is not None}
        tracing.close()
        return found

    assert chosen(0.0) == set()
    assert chosen(1.0) == set(values)
    assert chosen(0.01) == chosen(0.01) < chosen(0.1)
    assert 0.08 < len(chosen(0.1)) / len(values) < 0.12


@pytest.mark.parametrize("header", [b"", b"\xff", b"00-0-0-01", ASKED.encode() + b"x" * 9000, b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"])
def test_a_header_that_is_none_is_passed_over(tracing: Tracing, header: bytes) -> None:
    """What is no `traceparent` begins no trace and ends nothing."""
    assert tracing.chosen([("traceparent", header), ("traceparent", None), ("other", ASKED.encode())], b"x") is None


def test_a_finding_of_nobody_in_the_batch_begins_its_own_trace(exporter: InMemorySpanExporter) -> None:
    """An absence is found when a deadline passes: no touchpoint of the batch set it off, and its trace begins with the finding."""
    tracing = Tracing(exporter, 1.0, {})
    record = StoredRecord("t.touchpoints", 0, 0, 0, b"acme/c1", b"between workers", ())
    finding = {"id": "f", "revision": 1, "withdrawn": False, "detector": "dead_end", "reason": "dead_end", "severity": "info", "again": None}
    traced = Traced()
    written = [Outgoing("t.alerts", 0, b"acme/c1", None), Outgoing("t.alerts", 0, b"acme/c1", json.dumps(finding).encode())]
    mark, told = trace_findings(tracing, Batch("t.touchpoints", 0, [record], Epoch()), written, traced)
    traced.end()
    tracing.close()
    assert mark == written[0]
    ((name, header),) = told.headers
    watch, found = exporter.get_finished_spans()
    assert (watch.name, found.name, found.parent, name) == ("watch", "finding", None, "traceparent")
    assert header.decode().split("-")[1:3] == [f"{found.context.trace_id:032x}", f"{found.context.span_id:016x}"]


def test_a_collector_that_hangs_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that takes nothing costs spans: as many as come are begun and ended meanwhile, and the program ends."""
    answers = Event()

    class Hanging(InMemorySpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            answers.wait()
            return SpanExportResult.FAILURE

    monkeypatch.setattr("streams.tracing._FLUSH", 0.01)
    tracing = Tracing(Hanging(), 1.0, {})
    for _ in range(2100):  # more than the SDK keeps
        span = tracing.of_request("t.raw.chatwoot", b"x", None, 0.0)
        assert span is not None
        span.end()
    tracing.close()
    answers.set()


def test_a_collector_is_named_in_full_and_its_token_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address is refused with a sentence, and so is a worker without OpenTelemetry; the token is shown to nobody."""
    for url in ("localhost:4318", "http://ann:secret@collector/v1/traces", "ftp://collector/x"):
        with pytest.raises(ConfigError, match=r"^SEAMWATCH_TRACING_URL: expected http://HOST:PORT/PATH"):
            load_settings(tracing_url=url)
    wanted = load_settings(hash_key=KEY, tracing_url="http://127.0.0.1:4318/v1/traces", tracing_token="swordfish")
    assert plan(wanted).tracer is not None
    assert "swordfish" not in str(wanted.shown())
    assert plan(load_settings(hash_key=KEY)).tracer is None
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"^SEAMWATCH_TRACING_URL is set, and OpenTelemetry is not installed: install seamwatch\[tracing\]$"):
        plan(wanted)
