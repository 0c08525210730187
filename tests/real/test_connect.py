"""A telephone system that is listened to, on a real Kafka: what it tells is confirmed and becomes touchpoints, and a gap is said."""

import asyncio
import json
import signal
import subprocess
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from tests.support.pbx import PASSWORD, Script, ami_event, ami_login, serving, stay
from tests.support.services import KafkaServer
from tests.support.workers import Installation, until


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
