"""A simulated day on full workers: the hash key is replaced under load, nothing that was said is where it would stay, and who is forgotten is gone."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from kafka import KafkaConsumer, TopicPartition
from sqlalchemy import MetaData, select

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch
from config.fields import load_fields
from config.rules import load_rulebook
from config.settings import load_settings
from seamwatch.console import console_settings
from seamwatch.forgetting import touchpoints
from sinks.console import create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import Right
from sinks.database import create_engine
from streams.continuity import SOURCE_KEY
from streams.simulator import ContactCentre
from tests.support.chatwoot import SECRET, ping_pong, signed
from tests.support.server import free_ports
from tests.support.services import KafkaServer
from tests.support.workers import (
    CUSTOMER_KEY,
    HASH_KEY,
    Installation,
    WorkerProcess,
    stored,
    until,
    wait_until_caught_up,
)
from tests.unit.seamwatch.support import findings, write
from tests.unit.seamwatch.test_privacy import said

pytestmark = pytest.mark.full

START = datetime(2026, 3, 2, tzinfo=UTC)
ROLES = "ingest,normalise,watch,score,sink"
KEPT = ("alerts", "briefs", "scores", "tallies", "watch-changelog", "invitations")
"""Topics, but for those that hold what was said until their retention ends."""
FIRST_VISITOR = 700_000


class Day:
    """An installation of full workers on one database (empty: a file), and a day of canonical touchpoints and of webhooks."""

    def __init__(self, bootstrap: str, prefix: str, directory: Path, database: str) -> None:
        self.directory = directory
        self.installation = Installation(
            directory, bootstrap, database or f"sqlite:///{directory / 'day.db'}", prefix, SOURCES="chatwoot", INGEST_SECRETS__CHATWOOT=SECRET
        ).prepare()
        deliveries = ContactCentre(5, customers=40, mishap_rate=0.4, mess_rate=0.1).stream(START, 0.02)
        self.points = [each.touchpoint for each in takewhile(lambda each: each.due < START + timedelta(days=1), deliveries)]
        self.webhooks = [_named(body, FIRST_VISITOR + n) for n in range(6) for body in ping_pong(FIRST_VISITOR + n, 100 * n)]
        self.ports = free_ports(2)
        self.workers: list[WorkerProcess] = []
        self.insight = self.installation.start("--roles", "insight")

    def start(self, number: int, **settings: str) -> WorkerProcess:
        """Start one of the two workers."""
        return self.installation.start("--roles", ROLES, INGEST_LISTEN=f"127.0.0.1:{self.ports[number]}", **settings).wait_ready(120)

    def post(self, bodies: list[bytes], number: int) -> None:
        """Post webhooks at a worker's door."""
        connection = HTTPConnection("127.0.0.1", self.ports[number], timeout=20)
        for body in bodies:
            connection.request("POST", "/in/chatwoot", body, signed(body))
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204
        connection.close()

    def records(self, topic: str) -> Iterator[Any]:
        """Yield what a topic holds, partition by partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.installation.bootstrap, enable_auto_commit=False)
        partitions = [TopicPartition(f"{self.installation.prefix}.{topic}", number) for number in range(self.installation.partitions)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            for records in consumer.poll(500).values():
                yield from records
        consumer.close()

    def file(self) -> bytes:
        """Return what the database's files hold, pages that are free too; of a server's, nothing."""
        return b"".join(path.read_bytes() for path in self.directory.glob("day.db*"))

    def tables(self) -> str:
        """Return all rows of all tables."""
        engine, metadata = create_engine(self.installation.database), MetaData()
        metadata.reflect(engine)
        with engine.connect() as connection:
            rows = [repr(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
        engine.dispose()
        return "\n".join(rows)


def _named(body: bytes, customer: int) -> bytes:
    record = json.loads(body)
    record["conversation"]["id"] = customer + 100_000
    record["content"] = f"My order number is {customer * 7}-K and my mail is {customer}@example.org"
    record["conversation"]["meta"]["sender"] |= {"name": f"Erika Muster{customer}", "email": f"{customer}@example.org", "phone_number": f"+49301{customer}"}
    return json.dumps(record).encode()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def day(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Day]:
    """Give a day that two workers have seen, whose hash key was replaced one after the other while it went on."""
    database = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    directory = tmp_path_factory.mktemp("day")
    made = Day(kafka.bootstrap, f"test-{directory.parent.name}-{directory.name}", directory, database)
    third, half = len(made.points) // 3, len(made.webhooks) // 2
    workers = made.workers = [made.start(number) for number in range(2)]
    made.installation.produce(made.points[:third])
    made.post(made.webhooks[:half], 0)
    with ThreadPoolExecutor(1) as pool:
        for number, slice_ in enumerate((made.points[third : 2 * third], made.points[2 * third :])):
            produced = pool.submit(_slowly, made, slice_)
            assert workers[number].stop()[0] == 0
            workers[number] = made.start(number, HASH_KEY=HASH_KEY[::-1], PREVIOUS_HASH_KEY=HASH_KEY)
            produced.result()
    made.post(made.webhooks[half:], 1)
    wait_until_caught_up(made.installation, *workers, topics=("touchpoints", "alerts", "scores", "briefs", "dead-letters", "raw.chatwoot"))
    yield made
    made.installation.end()


def _slowly(day: Day, points: list[dict[str, Any]]) -> None:
    for begin in range(0, len(points), 50):
        day.installation.produce(points[begin : begin + 50])


def test_a_key_replaced_under_load_changes_no_finding(day: Day) -> None:
    """Neither a change that is none nor a lost repeat: what stands is what `replay` finds with one key, of touchpoints and of webhooks."""
    expected: dict[str, Any] = {}
    for source, lines in (("touchpoints", [json.dumps(each).encode() for each in day.points]), ("chatwoot", day.webhooks)):
        path = write(day.installation.directory, b"\n".join(lines) + b"\n")
        day.installation.run("replay", "--format", source, path, "--findings", f"found-{source}.jsonl")
        expected |= findings(day.installation.directory / f"found-{source}.jsonl")
    assert len({each["detector"] for each in expected.values()}) > 8
    rows = stored(day.installation.database, "SELECT id, body FROM findings WHERE NOT withdrawn")
    assert {row.id: json.loads(row.body) if isinstance(row.body, str) else row.body for row in rows} == expected


def test_nothing_that_was_said_is_where_it_would_stay(day: Day) -> None:
    """No word or value of customers, and no name or address, is in a topic that outlives its week, the database, a log or the metrics."""
    words = {each for point in day.points for each in said(point)}
    for body in day.webhooks:
        record = json.loads(body)
        words |= {record["content"], *map(str, record["conversation"]["meta"]["sender"].values())}
    assert len(words) > 100
    stores = {topic: b"\n".join(part for each in day.records(topic) for part in (each.key, each.value, *_of(each.headers)) if part) for topic in KEPT}
    stores |= {
        "tables": day.tables().encode(),
        "file": day.file(),
        "logs": b"".join(path.read_bytes() for path in day.installation.directory.glob("worker-*.log")),
        "metrics": "".join(worker.get("/metrics")[1] for worker in day.workers).encode(),
    }
    assert all(len(kept) > 500 for name, kept in stores.items() if name not in {"logs", "file"}), {name: len(kept) for name, kept in stores.items()}
    found = {name: [each for each in words if _stands(each, kept) or _stands(json.dumps(each)[1:-1], kept)] for name, kept in stores.items()}
    assert {name: each for name, each in found.items() if each} == {}


def _stands(word: str, kept: bytes) -> bool:
    """Tell whether a word is in a store, and not as a part of a longer one or of a number."""
    return word.encode() in kept and re.search(rb"(?<![\w.-])" + re.escape(word.encode()) + rb"(?![\w-])", kept) is not None


def _of(headers: list[tuple[str, bytes | None]]) -> list[bytes]:
    return [value for _, value in headers if value]


def test_who_is_forgotten_is_in_no_store_and_what_arrives_late_is_not_taken_in(day: Day) -> None:
    """Visitors by the API, the others as the command tells it: no key is left in any table or in the file, in the state only as a mark without anything."""
    installation = day.installation
    settings = load_settings(
        broker=installation.bootstrap, database=installation.database, prefix=installation.prefix, customer_key=CUSTOMER_KEY, hash_key=HASH_KEY
    )
    pseudonyms = {name for (name,) in stored(installation.database, "SELECT DISTINCT customer FROM findings") if re.fullmatch("c-[0-9a-f]{24}", name)}
    keys = {(each.get("tenant", "default"), each["customer"]) for each in day.points}
    assert len(pseudonyms) == 6
    engine = create_engine(installation.database)
    token = Accounts(engine).add_token("privacy-desk", [Right.CUSTOMERS_FORGET], datetime.now(UTC))
    with TestClient(create_console(engine, console_settings(settings)), headers={"Authorization": f"Bearer {token}"}) as client:
        for number in range(6):
            answer = client.post("/api/customers/forget", json={"customer": f"chatwoot/{FIRST_VISITOR + number}"})
            assert (answer.status_code, answer.json()) == (202, {"keys": 2, "known": True})
    engine.dispose()
    told = [json.loads(value) for tenant, customer in sorted(keys) for _, value in touchpoints(tenant, [customer], datetime.now(UTC))]
    installation.produce(told)
    installation.produce([each | {"id": f"late-{each['id']}"} for each in day.points])
    day.post(day.webhooks, 0)
    wait_until_caught_up(installation, *day.workers)
    written = sum(1 for _ in day.records("touchpoints"))
    until(lambda: stored(installation.database, "SELECT sum(next_offset) FROM observed")[0][0] == written, told=day.insight.tail)
    names = {customer for _, customer in keys} | pseudonyms
    left = day.tables()
    assert [row for row in left.splitlines() if any(_stands(name, row.encode()) for name in names)] == []
    assert [worker.stop()[0] for worker in (*day.workers, day.insight)] == [0, 0, 0]
    assert sorted(name for name in names if _stands(name, day.file())) == []
    kept_scores = {each.key: each.value for each in day.records("scores")}
    lasting = b"\n".join(key for key, value in kept_scores.items() if value is not None)
    assert lasting
    assert sorted(name for name in names if _stands(name, lasting)) == []
    for number in range(installation.partitions):
        watch = PartitionWatch(load_rulebook(), load_fields(), Fingerprinter(HASH_KEY.encode()), number)
        for record in day.records("watch-changelog"):
            if record.partition == number and record.key != SOURCE_KEY:
                watch.restore(record.key, record.value)
        watch.restored()
        assert not any(each.entries or each.aliases or each.revisions for each in watch.customers())
