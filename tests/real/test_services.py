"""The servers that the other real tests stand on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from sqlalchemy.engine import make_url

from tests.support.services import KafkaServer, PostgresServer, Server, ServerError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def own_kafka(kafka: KafkaServer) -> Iterator[KafkaServer]:
    """Give a broker that may be broken."""
    del kafka  # its fixture knows when to skip
    with KafkaServer() as server:
        yield server


@pytest.fixture
def own_postgres(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """Give a database server that may be broken."""
    del postgres  # its fixture knows when to skip
    with PostgresServer() as server:
        yield server


def create_topic(server: KafkaServer, topic: str) -> None:
    """Create a topic of one partition."""
    admin = KafkaAdminClient(bootstrap_servers=server.bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()


def produce(server: KafkaServer, topic: str, value: bytes) -> None:
    """Append one record, acknowledged."""
    producer = KafkaProducer(bootstrap_servers=server.bootstrap, acks="all", max_request_size=15 * 1024 * 1024)
    producer.send(topic, value).get(timeout=30)
    producer.close()


def consume(server: KafkaServer, topic: str, count: int) -> list[bytes]:
    """Read the first `count` values of a topic."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=server.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    values = [record.value for record in islice(consumer, count)]
    consumer.close()
    return values


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """Open a connection to the address that SQLAlchemy is given."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True)


def test_kafka_gives_back_what_it_took(kafka: KafkaServer, prefix: str) -> None:
    """A record of ten megabytes comes back from the broker as it was sent."""
    create_topic(kafka, prefix)
    value = os.urandom(10_000_000)
    produce(kafka, prefix, value)
    assert consume(kafka, prefix, 1) == [value]


@pytest.mark.parametrize("end", [Server.stop, Server.kill], ids=["stop", "kill"])
def test_kafka_keeps_its_records(own_kafka: KafkaServer, end: Callable[[Server], None]) -> None:
    """Acknowledged records, topics and the address outlive a stop and a kill of the broker."""
    bootstrap = own_kafka.bootstrap
    create_topic(own_kafka, "kept")
    produce(own_kafka, "kept", b"before")
    end(own_kafka)
    assert not own_kafka.running
    own_kafka.start()
    assert own_kafka.bootstrap == bootstrap
    produce(own_kafka, "kept", b"after")
    assert consume(own_kafka, "kept", 2) == [b"before", b"after"]


def test_each_database_is_empty_and_its_own(postgres: PostgresServer) -> None:
    """Two databases of one server do not see each other's tables."""
    first, second = postgres.new_database(), postgres.new_database()
    with connect(first) as connection:
        connection.execute("CREATE TABLE told (id integer)")
    with connect(second) as connection:
        assert connection.execute("SELECT to_regclass('told')").fetchone() == (None,)


def test_postgres_answers(database_url: str) -> None:
    """The address of the fixture leads to a database that takes queries, in UTC and with fsync on."""
    with connect(database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_postgres_keeps_its_rows(own_postgres: PostgresServer) -> None:
    """Committed rows outlive a restart and a kill while a session is open, and the address stays."""
    url = own_postgres.new_database()
    with connect(url) as connection:
        connection.execute("CREATE TABLE told (id integer)")
        connection.execute("INSERT INTO told VALUES (1)")
    own_postgres.restart()
    with connect(url) as connection:
        connection.execute("INSERT INTO told VALUES (2)")
        own_postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    own_postgres.start()
    with connect(url) as connection:
        assert connection.execute("SELECT id FROM told ORDER BY id").fetchall() == [(1,), (2,)]


def test_a_server_that_cannot_start_shows_its_log(kafka: KafkaServer) -> None:
    """The error of a failed start names the server and holds the end of its log."""
    del kafka  # its fixture knows when to skip
    broken = KafkaServer(log_retention_bytes="many")
    with pytest.raises(ServerError, match=r"Apache Kafka(.|\n)*many"):
        broken.start()
    broken.close()


def test_a_server_dies_with_its_owner(postgres: PostgresServer) -> None:
    """A server ends when the process that started it is killed, whichever thread started it."""
    del postgres  # its fixture knows when to skip
    program = (
        "import threading, time; from tests.support.services import PostgresServer; server = PostgresServer();"
        "thread = threading.Thread(target=server.start); thread.start(); thread.join(); time.sleep(1);"
        "print(server.pid, server.directory, server.running, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, directory, running = owner.stdout.readline().split()
        assert running == "True"
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline, f"the server {pid} outlived its owner"
        time.sleep(0.1)
    shutil.rmtree(directory)
