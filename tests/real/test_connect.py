"""Ways in without HTTP, on a real Kafka: a telephone system that is listened to, and a topic of others that is read."""

import asyncio
import json
import signal
import subprocess
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from tests.support.pbx import PASSWORD, Script, ami_event, ami_login, serving, stay
from tests.support.services import KafkaServer
from tests.support.workers import Installation, stored, until


@contextmanager
def in_background(*scripts: Script) -> Iterator[int]:
    """Serve in a thread of its own; give the port."""
    ports: list[int] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(scripts) as port:
            ports.append(port)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield ports[0]
    finally:
        over.set()
        thread.join()


def call(number: int) -> bytes:
    """Return the event of a call that comes in."""
    name = f"pbx-177244284{number}.1"
    return ami_event("Newchannel", Timestamp=f"177244284{number}.0", Channel=f"PJSIP/trunk-{number}", CallerIDNum="+493012345678", Uniqueid=name, Linkedid=name)


async def breaking(reader: StreamReader, writer: StreamWriter) -> None:
    """Tell one call and a half."""
    await ami_login(reader, writer)
    writer.write(call(1) + call(2)[:20])


async def going_on(reader: StreamReader, writer: StreamWriter) -> None:
    """Tell another one."""
    await ami_login(reader, writer)
    writer.write(call(3))
    await stay(reader, writer)


def test_what_a_telephone_system_tells_is_in_its_topic(kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path) -> None:
    """Over a connection that breaks: whole events in the topic, a sentence of what is missing, 0 when it is told to stop; a wrong password ends with 1."""
    installation = Installation(tmp_path, kafka.bootstrap, database_url, prefix, SOURCES="asterisk_ami")
    installation.run("topics", "create")
    (tmp_path / "password").write_text(PASSWORD + "\n")
    topic, told = f"{prefix}.raw.asterisk_ami", tmp_path / "told"

    def there() -> list[str]:
        consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
        numbers = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(numbers)
        ends, found = consumer.end_offsets(numbers), []
        while sum(consumer.position(each) for each in numbers) < sum(ends.values()):
            found += [json.loads(record.value)["Uniqueid"] for records in consumer.poll(500).values() for record in records]
        consumer.close()
        return sorted(found)

    try:
        with in_background(breaking, going_on) as port, told.open("w") as errors:
            arguments = installation.command("produce", "--connect", f"ami://seamwatch@127.0.0.1:{port}", "--password-file", "password")
            process = subprocess.Popen(arguments, cwd=tmp_path, env=installation.environment(), stderr=errors, text=True)
            installation.workers.append(process)
            until(lambda: there() == ["pbx-1772442841.1", "pbx-1772442843.1"], 40, told.read_text)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        assert "connected again; what happened from " in told.read_text()
        assert PASSWORD not in told.read_text()
        (tmp_path / "password").write_text("another")
        with in_background(going_on) as port:
            arguments[-3] = f"ami://seamwatch@127.0.0.1:{port}"
            ended = subprocess.run(arguments, cwd=tmp_path, env=installation.environment(), capture_output=True, text=True, timeout=40, check=False)
        assert (ended.returncode, "the login is refused" in ended.stderr) == (1, True)
    finally:
        installation.end()


def genesys(minute: int, conversation: str, team: str) -> bytes:
    """Return an agent's answer."""
    body = {"eventTime": 1_772_442_000_000 + 60_000 * minute, "conversationId": conversation, "mediaType": "VOICE", "queueId": team, "acdOutcome": "ANSWERED"}
    return json.dumps({"id": f"{conversation}-{minute}", "detail": {"topicName": "v2.detail.events.conversation.c.acd.end", "eventBody": body}}).encode()


def test_a_topic_of_others_is_read_beside_our_own(kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path) -> None:
    """With other partitions than ours: its records become findings, its lag and its refusals are shown, and what is replayed does not go into it."""
    others = f"others-{prefix}"
    settings = {"SOURCES": "genesys", "SOURCE_TOPICS__GENESYS": others, "PARTITIONS": "2"}
    installation = Installation(tmp_path, kafka.bootstrap, database_url, prefix, **settings)
    try:
        installation.run("db", "upgrade")
        assert "topic of others" in installation.run("topics", "create", code=1)
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        admin.create_topics({others: {"num_partitions": 3, "replication_factor": 1}})
        admin.wait_for_topics([others])
        admin.close()
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
        records = [genesys(minute, f"c-{each}", team) for each in range(4) for minute, team in enumerate(["sales", "service", "sales"])]
        for number, record in enumerate([*records, b"no record"]):
            producer.send(others, record, partition=number % 3)
        producer.flush()
        worker = installation.start().wait_ready()
        until(lambda: len(stored(database_url, "SELECT 1 FROM findings WHERE detector = 'ping_pong' AND NOT withdrawn")) == 4)
        until(lambda: len(stored(database_url, "SELECT 1 FROM dead_letters")) == 1)
        until(lambda: f'seamwatch_consumer_lag_records{{partition="0",topic="{others}"}} 0' in worker.get("/metrics")[1])
        (listed,) = (each for each in json.loads(installation.run("sources", "list", "--json")) if each["read"])
        assert listed["topics"] == [f"{prefix}.raw.genesys", others]
        assert (listed["health"]["hour"], listed["health"]["waiting"], listed["health"]["refused"]) == (13, 0, 1)
        installation.run("dead-letters", "replay", "--filter", f"topic={others}")
        until(lambda: len(stored(database_url, f"SELECT 1 FROM dead_letters WHERE topic = '{prefix}.raw.genesys'")) == 1)
        assert worker.stop()[0] == 0
    finally:
        installation.end()
