"""The way in by HTTP on a real Kafka: what was confirmed is in the topic whatever ends, and what was posted becomes findings."""

import asyncio
import json
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.errors import DeliveryFailed
from streams.ingest import Appender
from streams.settings import StreamSettings
from streams.topics import TopicAdmin
from tests.support.chatwoot import SECRET, message, ping_pong, signed
from tests.support.collector import Collector, collector
from tests.support.server import free_ports
from tests.support.services import KafkaServer
from tests.support.workers import Installation, WorkerProcess, stored, until
from tests.unit.seamwatch.support import findings, write


class Door:
    """A worker that takes in, and those who post to it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.port = free_ports(1)[0]
        self.confirmed: list[bytes] = []
        self.worker = self.start()

    def start(self) -> WorkerProcess:
        """Start a worker at the same place."""
        self.worker = self.installation.start("--roles", "ingest", INGEST_LISTEN=f"127.0.0.1:{self.port}")
        return self.worker.wait_ready()

    def post(self, body: bytes, path: str = "/in/chatwoot", **headers: str) -> int:
        """Post a body; return the status, 0 where none came."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, body, signed(body) | headers)
            status = connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()
        if status == 204:
            self.confirmed.append(body)
        return status

    def confirmed_more_than(self, number: int) -> bool:
        """Return whether so many posts were confirmed."""
        return len(self.confirmed) > number

    def keep_posting(self, first: int, until_told: threading.Event) -> None:
        """Post one message after the other."""
        number = first
        while not until_told.is_set():
            self.post(message(number))
            number += 1


@pytest.fixture
def door(kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path) -> Iterator[Door]:
    """Give a door for webhooks of Chatwoot."""
    settings = {"SOURCES": "chatwoot", "INGEST_SECRETS__CHATWOOT": SECRET}
    installation = Installation(tmp_path, kafka.bootstrap, database_url, prefix, **settings)
    yield Door(installation)
    installation.end()


def read_topic(bootstrap: str, topic: str) -> list[tuple[int, bytes | None, bytes, tuple[tuple[str, bytes], ...]]]:
    """Return partition, key, value and headers of every record of ``topic``."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    numbers = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(numbers)
    ends, found = consumer.end_offsets(numbers), []
    while sum(consumer.position(each) for each in numbers) < sum(ends.values()):
        for records in consumer.poll(500).values():
            found += [(each.partition, each.key, each.value, tuple(each.headers)) for each in records]
    consumer.close()
    return found


def test_what_was_confirmed_is_in_the_topic_whatever_ends(door: Door) -> None:
    """While eight clients post, the worker is killed, started again and told to stop: each body that was confirmed is in the topic as it was sent."""
    for number in (signal.SIGKILL, signal.SIGTERM):
        told, before = threading.Event(), len(door.confirmed)
        with ThreadPoolExecutor(8) as clients:
            for client in range(8):
                clients.submit(door.keep_posting, 1_000_000 * (number + 100 * client), told)
            until(partial(door.confirmed_more_than, before + 200))
            code, seconds = door.worker.stop(number)
            told.set()
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        assert seconds < 10
        if number == signal.SIGKILL:
            door.start()
    there = [
        value for _, _, value, _ in read_topic(door.installation.bootstrap, f"{door.installation.prefix}.raw.chatwoot")
    ]
    assert len(door.confirmed) > 400
    assert set(door.confirmed) <= set(there)
    assert len(set(there)) == len(there), "nothing was posted twice, so nothing is there twice"


@pytest.fixture
def traces() -> Iterator[Collector]:
    """Give a collector of traces."""
    with collector() as kept:
        yield kept


@pytest.fixture
def traced_door(kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path, traces: Collector) -> Iterator[Door]:
    """Give a door of which every record is traced."""
    (tmp_path / "token").write_text("swordfish\n")
    settings = {"SOURCES": "chatwoot", "INGEST_SECRETS__CHATWOOT": SECRET}
    tracing = {"TRACING_URL": traces.url, "TRACING_SHARE": "1", "TRACING_TOKEN": f"file:{tmp_path}/token"}
    installation = Installation(tmp_path, kafka.bootstrap, database_url, prefix, **settings, **tracing)
    yield Door(installation)
    installation.end()


def test_what_is_posted_becomes_findings(traced_door: Door, traces: Collector) -> None:
    """Webhooks, some of them posted twice and one with a wrong signature, give the findings of `replay` over the same records, traced to their rows."""
    door, installation = traced_door, traced_door.installation
    installation.run("db", "upgrade")
    bodies = [body for customer in range(5) for body in ping_pong(customer, 100 * customer)]
    path = write(installation.directory, b"\n".join(bodies) + b"\n")
    installation.run("replay", "--format", "chatwoot", path, "--findings", "findings.jsonl")
    expected = findings(installation.directory / "findings.jsonl")
    assert "ping_pong" in {each["detector"] for each in expected.values()}
    watching = installation.start()
    assert {door.post(body) for body in [*bodies, *bodies[:7]]} == {204}
    assert door.post(message(1, team="nobody"), **{"X-Chatwoot-Signature": "sha256=" + "0" * 64}) == 401
    assert door.post(b"x", "/in/asterisk") == 404
    until(
        lambda: (
            {
                row.id: row.body
                for row in stored(installation.database, "SELECT id, body FROM findings WHERE NOT withdrawn")
            }
            == expected
        )
    )
    assert door.worker.metric("ingest_requests_total", source="chatwoot", outcome="accepted") == len(bodies) + 7
    assert door.worker.metric("ingest_requests_total", outcome="wrong_signature") == 1
    assert [worker.stop()[0] for worker in (door.worker, watching)] == [0, 0]
    assert not {"Message", "swordfish"} & {*door.worker.log.read_text().split(), *watching.log.read_text().split()}
    assert {"door", "normalise", "watch", "finding", "store"} in traces.stages()
    assert traces.authorizations == {"Bearer swordfish"}
    spans = [span for each in traces.traces.values() for span in each]
    assert sum(span.name == "store" for span in spans) >= len(expected)
    assert not [span for span in spans if "Message" in str(span) or '"c-' in str(span)]


async def test_a_broker_that_stands_still_confirms_nothing(prefix: str) -> None:
    """A broker that stops answering makes requests fail within seconds, not wait for ever; when it answers again, they are taken."""
    with KafkaServer() as own:
        settings = StreamSettings(own.bootstrap, prefix, sources=("desk",), partitions=2, delivery_timeout=2.0)
        with TopicAdmin(settings) as admin:
            admin.create()
        appender, topic = Appender(settings), f"{prefix}.raw.desk"
        await appender.start()
        await confirmed(appender, topic, b"before")
        own.pause()
        async with asyncio.timeout(15):
            waiting = [appender.append(topic, b"during %d" % number) for number in range(20)]
            answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in answers} == {DeliveryFailed}
        own.resume()
        await confirmed(appender, topic, b"after")
        await appender.stop()


async def confirmed(appender: Appender, topic: str, value: bytes) -> None:
    """Append a record, again where it is not confirmed, as its sender does: a broker that has only begun, or wakes up, may take longer than two seconds."""
    async with asyncio.timeout(45):
        while True:
            with suppress(DeliveryFailed):
                await appender.append(topic, value)
                return


DESK = """
format: json
source: our-desk
customer: who
contact: ticket
channel: chat
time: {path: at, unit: s}
actor: {kind: agent, team: team}
records:
  - touchpoints:
      - {type: contact.answered}
"""


def test_a_flood_is_paused_seen_mended_and_written_back(
    kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path
) -> None:
    """A source that is refused 1,000 times in a row is paused alone and stays so; its mapping mended, what was refused is written back, each once."""
    mapping, number = tmp_path / "our-desk.yaml", 1500
    mapping.write_text(DESK.replace("who", "whom"))
    installation = Installation(
        tmp_path, kafka.bootstrap, database_url, prefix, SOURCES="our-desk", SOURCES_DIR=str(tmp_path), PARTITIONS="2"
    )
    try:
        installation.run("topics", "create")
        installation.run("db", "upgrade")
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=20)
        topic = f"{prefix}.raw.our-desk"
        for each in range(number):
            record = {"who": f"Mr {each}", "ticket": each, "at": 1_772_442_840 + each, "team": "sales"}
            headers = [("content-type", b"application/json")]
            producer.send(topic, json.dumps(record).encode(), key=b"k%d" % each, headers=headers, partition=each % 2)
        producer.flush()
        worker = installation.start().wait_ready()
        until(lambda: worker.metric("topic_paused", topic=topic) == 1)
        until(lambda: len(stored(database_url, "SELECT 1 FROM dead_letters")) == number)
        assert "is paused: 1" in worker.log.read_text()
        assert worker.stop()[0] == 0

        listed = json.loads(
            installation.run("dead-letters", "list", "--filter", "topic=raw.our-desk", "--limit", "1", "--json")
        )
        assert [(each["reason"], each["letters"]) for each in listed["counts"]] == [("unmapped", number)]
        place = listed["letters"][0]["place"]
        shown = installation.run("dead-letters", "show", place)
        assert '"who": "text of' in shown
        assert "Mr" not in shown
        seen = installation.run("dead-letters", "show", place, "--raw", "--because", "ticket 1", "--as", "ann")
        assert json.loads(seen)["who"].startswith("Mr ")
        assert [tuple(each) for each in stored(database_url, "SELECT act, actor, because FROM dead_letter_acts")] == [
            ("viewed", "ann", "ticket 1")
        ]
        assert f"{topic} is paused since" in installation.run("dead-letters", "resume")

        mapping.write_text(DESK)
        worker = installation.start().wait_ready()
        assert worker.metric("topic_paused", topic=topic) == 1
        installation.run("dead-letters", "resume", "raw.our-desk")
        until(lambda: worker.metric("topic_paused", topic=topic) == 0)
        installation.run("dead-letters", "resume", "raw.our-desk", code=1)
        for _ in range(2):
            installation.run("dead-letters", "replay", "--filter", "reason=unmapped", "--filter", "since=1h")
        until(lambda: worker.metric("touchpoints_total", source="our-desk") >= number)
        records = read_topic(kafka.bootstrap, topic)
        assert len(records) == 2 * number
        assert Counter(records).most_common(1)[0][1] == 2
        assert worker.metric("touchpoints_total", source="our-desk") == number
        acts = stored(
            database_url, "SELECT count(*), count(DISTINCT time) FROM dead_letter_acts WHERE act = 'replayed'"
        )
        assert acts[0][0] == number
        assert worker.stop()[0] == 0
    finally:
        installation.end()


def test_a_log_that_grows_and_is_rotated_is_followed(
    kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path
) -> None:
    """`produce --follow`, killed in the middle and started again while the log is rotated, sends every line, and stops with 0 when it is told."""
    installation = Installation(tmp_path, kafka.bootstrap, database_url, prefix, SOURCES="asterisk")
    installation.run("topics", "create")
    log, topic = tmp_path / "queue_log", f"{prefix}.raw.asterisk"
    log.touch()
    arguments = installation.command("produce", "--follow", "--format", "asterisk", "queue_log")
    written: list[bytes] = []

    def write(count: int) -> None:
        lines = [
            b"17724428%02d|1772442840.%d|sales|PJSIP/1|CONNECT|10|1|3" % (each % 60, len(written) + each)
            for each in range(count)
        ]
        written.extend(lines)
        with log.open("ab") as stream:
            stream.write(b"\n".join(lines) + b"\n")

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            arguments, cwd=tmp_path, env=installation.environment(), stderr=subprocess.DEVNULL, text=True
        )
        installation.workers.append(process)
        return process

    def there() -> set[bytes]:
        return {value for _, _, value, _ in read_topic(kafka.bootstrap, topic)}

    try:
        process = start()
        write(100)
        until(lambda: there() == set(written))
        process.kill()
        process.wait()
        write(50)
        log.rename(tmp_path / "queue_log.1")
        write(30)
        process = start()
        until(lambda: there() == set(written))
        write(20)
        until(lambda: there() == set(written))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        installation.end()
