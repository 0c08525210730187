"""A broker, a database and a worker process, as an installation has them; and the verifier."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from urllib.request import urlopen

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError
from sqlalchemy import create_engine, text

from agents.fields import Fingerprinter
from agents.replay import Replay
from config.fields import load_fields
from config.rules import load_rulebook
from streams.topics import Topics
from tests.support.server import free_ports
from tests.support.services import KafkaServer

__all__ = ["AS_PYTHON", "PARTITIONS", "Installation", "Progress", "await_ready", "installed"]

PARTITIONS = 4
AS_PYTHON = Path(__file__).parents[1]
"""The program as it stands here."""
_PATIENCE = 120.0
"""Seconds in which a worker must be ready."""
_PREFIX = "bench"
_KEY = "a benchmark needs no secret, but a key"


@dataclass(frozen=True)
class Installation:
    """Real Apache Kafka with our topics, and SQLite with our tables, in ``folder``; ``environment`` holds a worker's settings."""

    bootstrap: str
    folder: Path
    environment: Mapping[str, str]

    names = Topics(_PREFIX)

    @property
    def database(self) -> str:
        """Return the database's address."""
        return self.environment["SEAMWATCH_DATABASE"]

    @property
    def metrics_port(self) -> int:
        """Return the port of the worker's metrics."""
        return int(self.environment["SEAMWATCH_METRICS_PORT"])

    @contextmanager
    def worker(self, program: Path = AS_PYTHON, role: str = "", **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a worker of ``program`` with the roles of a worker, or ``role``; ``settings`` are its own. The end of its log is shown where it ends with an
        error."""
        log = self.folder / f"worker{role}.log"
        with log.open("w") as output:
            command = [sys.executable, "-m", "seamwatch", "worker", *(("--roles", role) if role else ())]
            own = {f"SEAMWATCH_{name}": value for name, value in settings.items()}
            worker = subprocess.Popen(command, cwd=program, env={**self.environment, **own}, stderr=output, stdout=output)
            try:
                yield worker
            finally:
                worker.terminate()
                if worker.wait(timeout=30):
                    sys.stderr.write(log.read_text()[-4000:])

    def verify(self, values: Iterable[bytes]) -> int:
        """Compare the findings in the database with what a replay of the same touchpoints finds; return how many there are.

        Raises ``AssertionError`` where they differ.
        """
        replay = Replay(load_rulebook(), load_fields(), Fingerprinter(_KEY.encode()))
        for number, value in enumerate(values):
            replay.feed(number, value)
        replay.flush()
        wanted = {each["id"]: {**each, "revision": 0} for each in replay.findings()}
        with create_engine(self.database).connect() as connection:
            rows = connection.execute(text("SELECT id, body FROM findings WHERE NOT withdrawn"))
            found = {identifier: {**json.loads(body), "revision": 0} for identifier, body in rows}
        if found != wanted:
            missing, extra = len(wanted.keys() - found.keys()), len(found.keys() - wanted.keys())
            raise AssertionError(f"{missing} findings are missing, {extra} too many, of {len(wanted)}")
        return len(found)


class Progress:
    """How far a worker's group is."""

    def __init__(self, bootstrap: str, names: Topics) -> None:
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap)
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self._names = names

    def stored(self) -> int:
        """Return how many records there were for the sinks."""
        topics = (self._names.alerts, self._names.scores, self._names.briefs)
        return sum(self._consumer.end_offsets([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]).values())

    def log_bytes(self) -> int:
        """Return the bytes of all topics of ours in Kafka, without indexes."""
        sizes = self._admin.describe_log_dirs()
        found: dict[tuple[str, int], int] = {}
        for directory in (each for broker in sizes for each in broker.get("log_dirs", broker.get("results", [broker]))):
            for topic in directory.get("topics", ()):
                for partition in topic["partitions"]:
                    found[topic["name"], partition["partition_index"]] = partition["partition_size"]
        return sum(size for (name, _), size in found.items() if name.startswith(f"{self._names.prefix}."))

    def caught_up(self) -> bool:
        """Tell whether everything is committed: by the watch role up to the end of the touchpoints, by the sink up to the end of what came of them."""
        try:
            committed = self._admin.list_group_offsets([self._names.prefix])
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError):
            return False  # the first worker is only beginning
        offsets = {tp: each.offset for tp, each in dict(committed.get(self._names.prefix, committed)).items()}
        for topic in (self._names.touchpoints, self._names.alerts, self._names.scores, self._names.briefs):
            partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            ends = self._consumer.end_offsets(partitions)
            if any(offsets.get(each, 0) < ends[each] for each in partitions):
                return False
        return True


@contextmanager
def installed() -> Iterator[Installation]:
    """Start the broker, and make topics and tables."""
    with KafkaServer() as kafka, tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "SEAMWATCH_BROKER": kafka.bootstrap,
            "SEAMWATCH_DATABASE": f"sqlite:///{folder}/seamwatch.db",
            "SEAMWATCH_HASH_KEY": _KEY,
            "SEAMWATCH_PREFIX": _PREFIX,
            "SEAMWATCH_PARTITIONS": str(PARTITIONS),
            "SEAMWATCH_METRICS_PORT": str(*free_ports(1)),
        }
        for command in (("topics", "create"), ("db", "upgrade")):
            subprocess.run([sys.executable, "-m", "seamwatch", *command], env=environment, check=True, stdout=2)
        yield Installation(kafka.bootstrap, Path(folder), environment)


def await_ready(port: int) -> None:
    """Wait until the worker whose metrics are at ``port`` works: what it takes to load is nobody's latency or cost. Raises ``TimeoutError``."""
    deadline = monotonic() + _PATIENCE
    while monotonic() < deadline:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            if answer.status == 200:
                return
        sleep(0.1)
    raise TimeoutError(f"the worker was not ready in {_PATIENCE:.0f} s")
