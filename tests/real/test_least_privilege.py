"""An installation in which everything is encrypted and nobody may do more than documented: TLS and SCRAM to Kafka with ACLs, TLS to PostgreSQL with roles."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from config.settings import Settings
from models.finding import Evidence
from seamwatch.forgetting import tell
from seamwatch.revealing import moment_reader
from sinks.console.moments import Sought
from sinks.console.settings import StreamUnavailable
from streams.producer import partition_for
from tests.support.acls import allow, deny, grants
from tests.support.chatwoot import SECRET, message, signed
from tests.support.receiver import ReceiverServer
from tests.support.roles import CONSOLE, DELIVER, DOCTOR, INSIGHT, OWNER, PARTS, WORKER, address_of, make_roles
from tests.support.server import free_ports
from tests.support.services import KafkaServer, PostgresServer
from tests.support.workers import Installation, WorkerProcess, stored, until
from tests.unit.seamwatch.support import asked_twice
from tests.unit.sinks.builders import brief

PASSWORD = "correct-horse-battery-staple"
USERS = ("setup", "worker", "ingest", "insight", "deliver", "console", "doctor")
ROLES = {"setup": OWNER, "worker": WORKER, "insight": INSIGHT, "deliver": DELIVER, "console": CONSOLE, "doctor": DOCTOR}
"""Of those who enter the database by whom."""
KEYS = {"HASH_KEY": {"worker", "doctor"}, "CUSTOMER_KEY": {"worker", "console", "doctor"}, "INGEST_SECRETS__CHATWOOT": {"ingest", "doctor"}}
"""Who is given which secret, as in the files of a deployment."""
WHSEC = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PATIENCE = 120.0
"""Seconds within which a user with all rights has done what it is there for."""


def identity(directory: Path, name: str) -> tuple[Path, Path]:
    """Return a certificate that vouches for itself, and a file with it and its key."""
    key, certificate, both = (directory / f"{name}.{kind}.pem" for kind in ("key", "certificate", "both"))
    made: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", f"/CN={name}"]
    subprocess.run([*made, "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    return certificate, both


class Secured:
    """Servers that speak TLS alone at the addresses that installations are given, with certificates of an authority of their own."""

    def __init__(self, directory: Path) -> None:
        self.ca, self.identity = identity(directory, "localhost")
        certificate, self.client = identity(directory, "client")
        self.kafka = KafkaServer(identity=self.identity, clients=certificate)
        self.postgres = PostgresServer(identity=self.identity)

    def installation(self, directory: Path, prefix: str) -> "Guarded":
        """Return an installation on them, with topics, tables, users and rights."""
        return Guarded(self, directory, prefix)


class Guarded(Installation):
    """An installation each part of which enters by a name of its own."""

    def __init__(self, servers: Secured, directory: Path, prefix: str) -> None:
        self.owned = servers.postgres.new_database()
        tls = f"?sslmode=verify-full&sslrootcert={servers.ca}"
        self.addresses = {role: address_of(self.owned, role).replace("127.0.0.1", "localhost") + tls for role in (OWNER, *PARTS)}
        (directory / "password").write_text(PASSWORD)
        (self.door,) = free_ports(1)
        super().__init__(
            directory,
            servers.kafka.bootstrap,
            self.addresses[WORKER],
            prefix,
            BROKER=servers.kafka.secured,
            KAFKA_SECURITY_PROTOCOL="SASL_SSL",
            KAFKA_PASSWORD=f"file:{directory / 'password'}",
            KAFKA_CA_FILE=str(servers.ca),
            SOURCES="chatwoot",
            INGEST_SECRETS__CHATWOOT=SECRET,
            INGEST_LISTEN=f"127.0.0.1:{self.door}",
            PARTITIONS="2",
        )
        self.grants = grants(prefix)
        self.keys = {"HASH_KEY": "9f86d081884c7d659a2feaa0c55ad015", "CUSTOMER_KEY": "a3bf4f1b2b0b822cd15d6c15b0f00a08", "INGEST_SECRETS__CHATWOOT": SECRET}
        make_roles(self.owned)
        allow(self.admin, self.grants)
        self.become("setup")
        self.run("db", "upgrade", "--grants")

    def become(self, user: str) -> None:
        """Enter Kafka and the database as another user from now on, with the secrets that this part is given."""
        told = {"KAFKA_USERNAME": f"seamwatch-{user}"} | {name: value for name, value in self.keys.items() if user in KEYS[name]}
        told |= {"DATABASE": self.addresses[ROLES[user]]} if user in ROLES else {}
        for name in ("DATABASE", *self.keys):
            self.settings.pop(f"SEAMWATCH_{name}", None)
        self.settings |= {f"SEAMWATCH_{name}": value for name, value in told.items()}

    def begin(self, user: str, *roles: str) -> WorkerProcess:
        """Start a worker as a user."""
        self.become(user)
        return self.start(*(["--roles", ",".join(roles)] if roles else []))

    def post(self, number: int) -> int:
        """Post a webhook; return the status, 0 where there was none."""
        connection, body = HTTPConnection("127.0.0.1", self.door, timeout=10), message(number)
        try:
            connection.request("POST", "/in/chatwoot", body, signed(body))
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def has(self, query: str) -> bool:
        """Return whether the database has a row."""
        return bool(stored(self.owned, query))


@pytest.fixture(scope="module")
def secured(kafka: KafkaServer, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Give servers of the module's own."""
    del kafka, postgres  # their fixtures know when to skip
    servers = Secured(tmp_path_factory.mktemp("secured"))
    with servers.kafka, servers.postgres:
        for user in (*USERS, "stranger"):
            servers.kafka.add_user(f"seamwatch-{user}", PASSWORD)
        yield servers


@pytest.fixture
def guarded(secured: Secured, tmp_path: Path, prefix: str) -> Iterator[Guarded]:
    """Give an installation with its rights, and without topics."""
    made = secured.installation(tmp_path, prefix)
    yield made
    deny(made.admin, made.grants)
    made.end()


def feed(guarded: Guarded, story: str) -> None:
    """Write what everybody has something to do with: a story with a finding, a hand-over and an end to ask about, a touchpoint in the wrong partition, one
    that is none.
    """
    producer = KafkaProducer(bootstrap_servers=guarded.bootstrap)
    told = [*asked_twice(story), {"id": "broken"}]
    handoff = {"handoff": "h", "mode": "blind", "to_team": "service"}
    told.insert(3, told[0] | {"id": f"{story}-h", "type": "handoff.started", "time": "2026-03-02T10:03:00Z", "data": handoff})
    told.append(told[0] | {"id": f"{story}-e", "type": "contact.ended", "time": "2026-03-02T10:10:00Z"})
    key = f"acme/{story}".encode()
    for each in told:
        producer.send(f"{guarded.prefix}.touchpoints", key=key, value=json.dumps(each).encode())
    astray = told[0] | {"id": f"{story}-astray", "time": "2026-03-02T10:00:30Z"}
    producer.send(f"{guarded.prefix}.touchpoints", key=key, value=json.dumps(astray).encode(), partition=1 - partition_for(key, 2))
    producer.send(f"{guarded.prefix}.raw.chatwoot", value=message(1))
    producer.close()


STORED = ("SELECT 1 FROM findings", "SELECT 1 FROM alerts", "SELECT 1 FROM scores WHERE scope = 'team'", "SELECT 1 FROM briefs", "SELECT 1 FROM dead_letters")


def test_the_documented_rights_are_enough_and_all_is_encrypted(guarded: Guarded) -> None:
    """Topics, tables, worker, door, insight, deliver, console and doctor, each by its own name over TLS: webhook and touchpoints end in the database, a brief
    at its receiver."""
    guarded.run("topics", "create")
    workers = [guarded.begin("worker"), guarded.begin("ingest", "ingest"), guarded.begin("insight", "insight")]
    for worker in workers:
        worker.wait_ready(90)
    assert guarded.post(7) == 204
    feed(guarded, "c-1")
    for query in (*STORED, "SELECT 1 FROM observed WHERE next_offset > 0"):
        until(lambda query=query: guarded.has(query), told=workers[0].tail)  # type: ignore[misc]
    until(lambda: workers[0].metric("touchpoints_total", source="chatwoot") >= 1)
    guarded.become("doctor")
    told = json.loads(guarded.run("doctor", "--json"))
    assert [each for each in told["checks"] if each["state"] != "ok"] == []
    assert delivers(guarded, "c-3", PATIENCE)
    assert reveals_and_forgets(guarded, "c-2")
    sessions = stored(guarded.owned, "SELECT DISTINCT usename, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename ^@ 'seamwatch_'")
    assert {(row.usename, row.ssl) for row in sessions} >= {(WORKER, True), (INSIGHT, True)}
    assert all(row.ssl for row in sessions)


@pytest.mark.parametrize("way", ["SCRAM-SHA-256", "PLAIN", "certificate"])
def test_every_way_in_is_a_way_in(way: str, guarded: Guarded, secured: Secured) -> None:
    """By the other mechanisms, and by a certificate of one's own, topics are made and a worker stores a finding; without the certificate nobody enters."""
    if way == "certificate":
        guarded.settings = {name: value for name, value in guarded.settings.items() if name not in ("SEAMWATCH_KAFKA_USERNAME", "SEAMWATCH_KAFKA_PASSWORD")}
        guarded.settings |= {"SEAMWATCH_BROKER": secured.kafka.certified, "SEAMWATCH_KAFKA_SECURITY_PROTOCOL": "SSL"}
        assert_told(guarded, "topics", "check", says="SEAMWATCH_KAFKA_")
        guarded.settings["SEAMWATCH_KAFKA_CERTIFICATE_FILE"] = str(secured.client)
    else:
        guarded.settings["SEAMWATCH_KAFKA_SASL_MECHANISM"] = way
        if way == "PLAIN":
            guarded.settings["SEAMWATCH_KAFKA_USERNAME"] = KafkaServer.PLAIN_USER
            (guarded.directory / "password").write_text(KafkaServer.PLAIN_USER)
    guarded.run("topics", "create")
    guarded.become("worker")
    if way == "PLAIN":
        guarded.settings["SEAMWATCH_KAFKA_USERNAME"] = KafkaServer.PLAIN_USER
    elif way == "certificate":
        del guarded.settings["SEAMWATCH_KAFKA_USERNAME"]
    worker = guarded.start().wait_ready(90)
    feed(guarded, "c-1")
    until(lambda: guarded.has("SELECT 1 FROM findings"), told=worker.tail)
    assert worker.stop()[0] == 0


def test_whoever_may_not_is_told_in_a_sentence(guarded: Guarded) -> None:
    """A wrong password, a certificate of another authority, a user without rights: each command ends with a sentence that names what to look at."""
    guarded.run("topics", "create")
    guarded.become("stranger")
    assert_told(guarded, "topics", "create", says="config/kafka/acls.sh")
    other, _ = identity(guarded.directory, "another")
    right = dict(guarded.settings)
    guarded.settings["SEAMWATCH_KAFKA_CA_FILE"] = str(other)
    assert_told(guarded, "topics", "check", says="SEAMWATCH_KAFKA_")
    guarded.settings = dict(right)
    guarded.settings["SEAMWATCH_DATABASE"] = guarded.addresses[WORKER].partition("sslrootcert=")[0] + f"sslrootcert={other}"
    assert_told(guarded, "alerts", "list", says="certificate verify failed")
    guarded.settings = right
    (guarded.directory / "password").write_text("not-the-password")
    assert_told(guarded, "topics", "check", says="SEAMWATCH_KAFKA_")


FEWER = list(grants("PREFIX"))


@pytest.mark.full
@pytest.mark.parametrize("index", range(len(FEWER)), ids=[f"{each.user}-{each.operation}-{each.name}" for each in FEWER])
def test_with_one_right_fewer_something_does_not_work(index: int, guarded: Guarded) -> None:
    """Each line of the file, and each operation in it, is needed by the user that it is for: there is none too many. What is done with all of them
    is not done in twice the time with one fewer."""
    taken = guarded.grants[index]
    guarded.run("topics", "create")
    user = taken.user.removeprefix("seamwatch-")
    began = time.monotonic()
    assert works(guarded, user, "c-1", PATIENCE)
    took = time.monotonic() - began
    deny(guarded.admin, [taken])
    assert not works(guarded, user, "c-2", max(10.0, 2 * took))


def assert_told(guarded: Guarded, *command: str, says: str) -> None:
    """Assert that a command fails with a sentence, and shows no secret."""
    ended = subprocess.run(guarded.command(*command), cwd=guarded.directory, env=guarded.environment(), capture_output=True, text=True, check=False)
    told = ended.stdout + ended.stderr
    assert ended.returncode in (1, 2), told
    assert says in told
    assert not [word for word in ("Traceback", "this is a bug", PASSWORD, *guarded.keys.values()) if word in told], told


def works(guarded: Guarded, user: str, story: str, seconds: float) -> bool:
    """Tell whether what a user is there for is done in so many seconds."""
    does: dict[str, Callable[[Guarded, str, float], bool]] = {
        "setup": sets_up, "worker": watches, "ingest": takes_in, "insight": observes, "deliver": delivers, "console": reveals_and_forgets, "doctor": diagnoses
    }  # fmt: skip
    return does[user](guarded, story, seconds)


def sets_up(guarded: Guarded, _story: str, _seconds: float) -> bool:
    """Make a topic that is missing, and see that it is as it is to be."""
    guarded.admin.delete_topics([f"{guarded.prefix}.briefs"])
    time.sleep(1)
    guarded.become("setup")
    try:
        guarded.run("topics", "create")
    except AssertionError:
        return False
    return True


def watches(guarded: Guarded, story: str, seconds: float) -> bool:
    """Store what a story comes to, send a touchpoint where it belongs, and pause a raw topic of which a thousand records in a row are refused."""
    for table in ("alert_changes", "findings", "alerts", "scores", "briefs", "dead_letters"):
        _empty(guarded, table)
    worker = guarded.begin("worker")
    feed(guarded, story)
    producer = KafkaProducer(bootstrap_servers=guarded.bootstrap)
    for _ in range(3000):
        producer.send(f"{guarded.prefix}.raw.chatwoot", value=b"{")
    producer.close()
    return _in_time(worker, seconds, lambda: all(map(guarded.has, STORED)) and worker.metric("topic_paused") * worker.metric("misplaced_records_total") == 1)


def takes_in(guarded: Guarded, _story: str, seconds: float) -> bool:
    """Confirm a webhook."""
    worker = guarded.begin("ingest", "ingest")
    return _in_time(worker, seconds, lambda: guarded.post(9) == 204)


def observes(guarded: Guarded, story: str, seconds: float) -> bool:
    """Learn of a customer, and decide to ask how it went."""
    for table in ("customers", "invitations"):
        _empty(guarded, table)
    worker = guarded.begin("insight", "insight")
    feed(guarded, story)
    return _in_time(worker, seconds, lambda: guarded.has("SELECT 1 FROM customers") and guarded.has("SELECT 1 FROM invitations"))


def delivers(guarded: Guarded, story: str, seconds: float) -> bool:
    """Tell a receiver of a brief."""
    numbers = count()
    producer = KafkaProducer(bootstrap_servers=guarded.bootstrap)

    def told() -> bool:
        written = brief(journey=f"{story}-{next(numbers)}")  # what was there before the receiver was known is none of its
        producer.send(f"{guarded.prefix}.briefs", key=written.key, value=written.value)
        return any(each.json["data"]["journey"].startswith(f"{story}-") for each in place.told)  # and not what an earlier story left to be sent

    with ReceiverServer() as place:
        (guarded.directory / "receivers.yaml").write_text(json.dumps({"receivers": [{"name": "desktop", "kind": "brief", "url": place.url}]}))
        guarded.settings |= {"SEAMWATCH_RECEIVERS_FILE": "receivers.yaml", "SEAMWATCH_DELIVER_SECRETS__DESKTOP": WHSEC}
        done = _in_time(guarded.begin("deliver", "deliver"), seconds, told)
    producer.close()
    return done


def diagnoses(guarded: Guarded, _story: str, _seconds: float) -> bool:
    """Answer every question."""
    guarded.become("doctor")
    command, environment = guarded.command("doctor", "--json"), guarded.environment()
    told = json.loads(subprocess.run(command, cwd=guarded.directory, env=environment, capture_output=True, check=False).stdout)
    return not [each for each in told["checks"] if each["check"] in ("broker", "topics") and each["state"] != "ok"]


def reveals_and_forgets(guarded: Guarded, story: str, _seconds: float = PATIENCE) -> bool:
    """Show what a customer said, and have the customer forgotten."""
    [said, *_] = asked_twice(story)
    producer = KafkaProducer(bootstrap_servers=guarded.bootstrap)
    producer.send(f"{guarded.prefix}.touchpoints", key=f"acme/{story}".encode(), value=json.dumps(said).encode())
    producer.close()
    guarded.become("console")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in guarded.settings.items():
            patch.setenv(name, value)
        settings = Settings()
    about = {name: said.get(name) for name in ("source", "id", "time", "type", "channel")}
    evidence = Evidence.model_validate_json(json.dumps(about | {"team": None, "field": None, "mask": None}))
    try:
        moment_reader(settings)(Sought("acme", [story], evidence, datetime.now(UTC)))
        tell(settings, "acme", [story], datetime.now(UTC))
    except (StreamUnavailable, KafkaError):
        return False
    return True


def _empty(guarded: Guarded, table: str) -> None:
    with psycopg.connect(guarded.owned.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"TRUNCATE {table} CASCADE")


def _in_time(worker: WorkerProcess, seconds: float, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    try:
        while worker.running and time.monotonic() < deadline:
            if done():
                return True
            time.sleep(0.3)
        return False
    finally:
        worker.kill()
