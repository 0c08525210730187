"""The world that faults happen in: servers, a network between, supervised workers, and touchpoints that keep coming."""

import contextlib
import math
import random
import re
import signal
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from sqlalchemy.engine import make_url

from tests.faults.load import Load
from tests.support.proxy import Proxy
from tests.support.services import KafkaServer, PostgresServer
from tests.support.versions import earlier_program
from tests.support.workers import COMMITTED, ROOT, Installation, WorkerProcess, caught_up, until

__all__ = ["Crew", "Servers", "World", "client_ports", "resident"]

PARTITIONS = 4
TUNED: Mapping[str, Any] = {"max_poll_records": 200, "commit_interval": 0.3}
"""Many batches and commits of a small log; all else is as an installation has it."""

QUICK: Mapping[str, Any] = {"session_timeout": 6.0, "heartbeat_interval": 1.5, "delivery_timeout": 4.0}
"""Besides, where a test may not take long."""

PAUSE = 0.5
"""Seconds after which a supervisor starts a worker again."""

_SAID = re.compile(r"CRITICAL\s+(.*)")


class Servers:
    """A broker and a database, each behind a network that can fail. With `disk` the database has a disk of so many bytes."""

    def __init__(self, disk: int = 0) -> None:
        self.to_broker = Proxy()
        self.to_database = Proxy()
        self.kafka = KafkaServer(proxy=self.to_broker.port)
        self.postgres = PostgresServer(disk)

    def __enter__(self) -> Self:
        self.kafka.start()
        self.to_broker.target = self.kafka.behind_proxy
        self.postgres.start()
        self.to_database.target = make_url(self.postgres.url).port or 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self.kafka, self.postgres, self.to_broker, self.to_database):
            each.close()

    def heal(self) -> None:
        """End every fault of servers and network."""
        self.to_broker.heal()
        self.to_database.heal()
        for server in (self.kafka, self.postgres):
            if server.running:
                server.resume()
            server.start()


class Crew:
    """Workers with names, under a supervisor that starts again whoever ends or is killed. With ``static`` their names are known to the group.

    ``programs`` holds the root of the program that a worker runs, by its name, where that is not the installation's.
    """

    def __init__(self, installation: Installation, tuned: Mapping[str, Any], *, static: bool) -> None:
        self.kills = 0
        self.stops: list[tuple[int, float]] = []
        self.ended: list[str] = []
        self.memory = 0
        self.programs: dict[str, Path] = {}
        self._installation = installation
        self._tuned = tuned
        self._static = static
        self._workers: dict[str, WorkerProcess] = {}
        self._frozen: list[WorkerProcess] = []
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    @property
    def workers(self) -> list[WorkerProcess]:
        """The workers that are wanted now."""
        with self._lock:
            return list(self._workers.values())

    @property
    def names(self) -> list[str]:
        """Their names."""
        with self._lock:
            return sorted(self._workers)

    def worker(self, name: str) -> WorkerProcess:
        """Return the present process of this name."""
        with self._lock:
            return self._workers[name]

    def start(self, *names: str, failpoint: str = "") -> None:
        """Start workers; one that is to die at a failpoint comes back without it."""
        with self._lock:
            for name in names:
                named = {"INSTANCE_ID": name} if self._static else {}
                armed = {"FAILPOINT": failpoint} if failpoint else {}
                self._workers[name] = self._installation.start_tuned(self._tuned, program=self.programs.get(name), **named, **armed)

    def wait_ready(self, *names: str, seconds: float = 300) -> None:
        """Wait until the workers of these names, or all, are ready: the process that has the name, or the next one where that ended by itself.

        On a machine that has no time one may end because it did not poll for half a session, as it must; it is started again like any other.
        """
        until(lambda: all(self.worker(name).get("/readyz")[0] == 200 for name in names or self.names), seconds, self._tails)

    def kill(self, *names: str) -> None:
        """End workers at once; the supervisor starts them again."""
        for name in names:
            self.kills += 1
            self.worker(name).process.kill()

    def leave(self, name: str) -> None:
        """Ask a worker to end, and do not start it again; note its exit code and the seconds that it took."""
        with self._lock:
            worker = self._workers.pop(name)
        self.kills += 1
        try:
            self.stops.append(worker.stop())
        except AssertionError:
            worker.kill()
            self.stops.append((-signal.SIGKILL, math.inf))

    def restart(self, name: str) -> None:
        """Ask a worker to end, note how it does, and start it again."""
        self.leave(name)
        self.start(name)

    def freeze(self, name: str) -> WorkerProcess:
        """Stop a worker's time."""
        self.kills += 1
        worker = self.worker(name)
        worker.process.send_signal(signal.SIGSTOP)
        return worker

    def replace(self, name: str, failpoint: str = "") -> WorkerProcess:
        """Start another worker under the name of one that stands still or is dead, and return that one."""
        with self._lock:
            old = self._workers.pop(name)
            self._frozen.append(old)
            self.start(name, failpoint=failpoint)
        return old

    def end(self) -> None:
        """Kill whatever runs."""
        self._over.set()
        self._supervisor.join()
        for worker in [*self.workers, *self._frozen]:
            worker.kill()

    def _tails(self) -> str:
        return "\n".join(worker.tail() for worker in self.workers)

    def _supervise(self) -> None:
        gone: dict[str, float] = {}
        while not self._over.wait(0.1):
            with self._lock:
                for name, worker in list(self._workers.items()):
                    if worker.running:
                        gone.pop(name, None)
                        self.memory = max(self.memory, resident(worker.process.pid))
                    elif name not in gone:
                        gone[name] = time.monotonic()
                        if worker.process.returncode != -signal.SIGKILL:
                            said = _SAID.findall(worker.tail())
                            self.ended.append(f"{name} ended with {worker.process.returncode}: {said[-1:]}")
                    elif time.monotonic() - gone[name] > PAUSE:
                        self.start(name)


class World:
    """Everything that a fault can touch. ``quick`` makes sessions and outages short; ``minutes`` is how long a long outage lasts.

    ``earlier``: tables, topics and workers are those of the version before. ``returning`` as of `Load`. ``tuned``: stream settings besides those of all.
    """

    def __init__(
        self,
        servers: Servers,
        directory: Path,
        *,
        workers: int = 3,
        rate: int = 300,
        seed: int = 0,
        quick: bool = False,
        static: bool = False,
        minutes: int = 10,
        earlier: bool = False,
        returning: int = 0,
        tuned: Mapping[str, Any] | None = None,
    ) -> None:
        self.servers = servers
        self.quick = quick
        self.minutes = minutes
        self.chance = random.Random(seed)
        self.notes: list[str] = []
        self.server_kills = 0
        self.patience = 300.0
        prefix = f"faults-{uuid.uuid4().hex[:8]}"
        database = servers.postgres.new_database()
        through = make_url(database).set(port=servers.to_database.port).render_as_string(hide_password=False)
        self.installation = Installation(
            directory,
            servers.kafka.bootstrap,
            database,
            prefix,
            PARTITIONS=str(PARTITIONS),
            BROKER=f"127.0.0.1:{servers.to_broker.port}",
            DATABASE=through,
            **({"FINDINGS_MEASURED": "false"} if earlier else {}),  # the version before knows no such key
        )
        self.load = Load(servers.kafka.bootstrap, f"{prefix}.touchpoints", rate, seed, returning, linked=not earlier)
        self.crew = Crew(self.installation, {**TUNED, **(QUICK if quick else {}), **(tuned or {})}, static=static)
        self.names = [f"w{number}" for number in range(workers)]
        if earlier:
            self.installation.program = before = earlier_program(directory)
            for command in (("db", "upgrade"), ("topics", "create")):
                self.installation.run(*command)
            self.crew.programs = dict.fromkeys(self.names, before)
            self.installation.program = ROOT
        else:
            self.installation.prepare()

    @property
    def session(self) -> float:
        """Seconds after which a worker that says nothing loses its partitions."""
        return 6.0 if self.quick else 10.0

    def outage(self, seconds: float) -> None:
        """Let time pass in a fault: less where all is to be quick."""
        time.sleep(min(seconds, 10.0) if self.quick else seconds)

    def catch_up(self) -> float:
        """Wait until everything that is in the topics now is committed, while more comes. Return how long that took; fails after ``patience`` seconds."""
        tps = [TopicPartition(f"{self.installation.prefix}.{name}", number) for name in COMMITTED for number in range(PARTITIONS)]
        began = time.monotonic()
        ends: dict[TopicPartition, int] | None = None
        while True:
            with contextlib.suppress(KafkaError):  # a broker that was only just started sends clients away
                if ends is None:
                    with contextlib.closing(KafkaConsumer(bootstrap_servers=self.installation.bootstrap)) as consumer:
                        ends = consumer.end_offsets(tps)
                committed = self.installation.offsets()
                if all(committed.get(tp, 0) >= end for tp, end in ends.items()):
                    return time.monotonic() - began
            assert time.monotonic() - began < self.patience, f"not caught up after {self.patience:.0f} s"
            time.sleep(0.5)

    def settle(self) -> float:
        """Wait until everything is done: all is committed, no deadline waits, nothing new comes. Return how long that took.

        Fails after ``patience`` seconds.
        """
        return caught_up(self.installation, lambda: self.crew.workers, seconds=self.patience)

    def records(self, topic: str) -> int:
        """Return how many records a topic (named without prefix) was given."""
        consumer = KafkaConsumer(bootstrap_servers=self.installation.bootstrap)
        try:
            tps = [TopicPartition(f"{self.installation.prefix}.{topic}", number) for number in range(PARTITIONS)]
            return sum(consumer.end_offsets(tps).values())
        finally:
            consumer.close()

    def figures(self) -> str:
        """Say what a worker's memory is, and how long the sinks have waited."""
        workers = self.crew.workers
        memory = max(resident(worker.process.pid) for worker in workers) >> 20
        return f"a worker has {memory} MiB, the sinks wait {max(worker.metric('sink_backlog_seconds') for worker in workers):.0f} s"

    def rebalances(self) -> int:
        """Return how often the group's partitions were dealt out, as the broker tells."""
        said = re.findall(
            rf"Stabilized group {self.installation.prefix} generation (\d+)",
            self.servers.kafka.log.read_text(errors="replace"),
        )
        return len(said)

    def end(self) -> None:
        """Kill what runs, and delete the topics."""
        self.crew.end()
        self.load.end()
        if self.servers.kafka.running:
            admin = self.installation.admin
            with contextlib.suppress(KafkaError):  # what failed is told, and not that nothing could be cleared away
                own = [topic for topic in admin.list_topics() if topic.startswith(f"{self.installation.prefix}.")]
                admin.delete_topics(own)
        self.installation.end()


def client_ports(process: int) -> frozenset[int]:
    """Return the local ports of a process's connections, as Linux tells them."""
    sockets = set()
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(link.readlink()))
    lines = [line.split() for line in Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:]]
    return frozenset(int(line[1].rpartition(":")[2], 16) for line in lines if f"socket:[{line[9]}]" in sockets)


def resident(process: int) -> int:
    """Return the bytes of memory that a process has now; 0 once it is gone."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0
