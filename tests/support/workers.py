"""Installations with real workers, and what they left in the database, as it can be compared."""

import contextlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from http.client import HTTPException
from math import exp, prod
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError
from sqlalchemy import text

from agents.replay import Replay
from seamwatch.playback import counts_for_alert
from sinks.database import upgrade
from streams.settings import StreamSettings
from streams.topics import TopicAdmin

__all__ = [
    "COMMITTED",
    "Installation",
    "Rest",
    "State",
    "WorkerProcess",
    "assert_same",
    "caught_up",
    "database_state",
    "expected_state",
    "stored",
    "until",
    "wait_until_caught_up",
]

ROOT = Path(__file__).parents[2]
LOG_TAIL = 40  # lines

COMMITTED = ("touchpoints", "alerts", "scores", "briefs", "dead-letters")
"""The topics of which a group commits what it has done. Of tallies it commits nothing: they are read anew at each start."""

STILL = 1.2
"""Seconds without a new record after which a group that committed everything is at rest: longer than any pause of a worker that has a processor."""

HASH_KEY = "0123456789abcdef"
CUSTOMER_KEY = "fedcba9876543210"


class WorkerProcess:
    """A worker process with a metrics port and a log of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a page of the metrics port; 0 where nothing answers."""
        try:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
        except (OSError, HTTPException):  # also in the middle of an answer
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels; 0 where there is none."""
        found = re.findall(rf"^seamwatch_{name}(?:\{{(.*)\}})? (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(value) for given, value in found if all(each in given for each in wanted))

    def undone(self, prefix: str) -> float:
        """Return how many deadlines wait, and tallies, which nobody commits; infinitely many where the worker does not answer, as if it had any."""
        if self.get("/metrics")[0] != 200:
            return math.inf
        return self.metric("timers_pending") + self.metric("consumer_lag_records", topic=f"{prefix}.tallies")

    def wait_ready(self, seconds: float = 40.0) -> "WorkerProcess":
        """Wait until the worker says that it is ready."""
        until(lambda: not self.running or self.get("/readyz")[0] == 200, seconds, self.tail)
        assert self.running, f"the worker ended with {self.process.returncode}\n{self.tail()}"
        return self

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds until then."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.wait(20), time.monotonic() - began

    def kill(self) -> None:
        """End the worker at once, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def wait(self, seconds: float) -> int:
        """Return the exit code of a worker that ends by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker did not end within {seconds:.0f} s\n{self.tail()}") from None

    def tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL:])


class Rest:
    """Whether a thing that is looked at again and again is at rest: it has nothing to do, and shows the same for `STILL` seconds and three of the longest
    pauses that there were between two looks.

    From the begin of a look to the begin of another, each of which found nothing to do: how long a look takes, or the sleep after it, tells nothing. Where
    the looks themselves have to wait for a processor, what is looked at has none either.
    """

    def __init__(self) -> None:
        self._looked: float | None = None
        self._since: float | None = None
        self._shown: object = None
        self._needed = STILL

    def reached(self, looked: float, *, idle: bool, shows: object) -> bool:
        """Take in a look that began at ``looked`` (seconds of any clock); return whether it is at rest."""
        if self._looked is not None:
            self._needed = max(self._needed, 3 * (looked - self._looked))
        self._looked = looked
        if not idle:
            self._since = None
        elif self._since is None or shows != self._shown:
            self._since = looked
        self._shown = shows
        return self._since is not None and looked - self._since >= self._needed


class Installation:
    """An installation of its own: settings, commands and workers. ``settings`` are named without their prefix."""

    def __init__(self, directory: Path, bootstrap: str, database: str, prefix: str, **settings: str) -> None:
        self.directory = directory
        self.bootstrap = bootstrap
        self.database = database
        self.prefix = prefix
        self.partitions = int(settings.get("PARTITIONS", "3"))
        own = {
            "BROKER": bootstrap,
            "DATABASE": database,
            "PREFIX": prefix,
            "PARTITIONS": str(self.partitions),
            "HASH_KEY": HASH_KEY,
            "CUSTOMER_KEY": CUSTOMER_KEY,
        }
        self.settings = {f"SEAMWATCH_{name}": value for name, value in (own | settings).items()}
        self.program = ROOT
        self.workers: list[subprocess.Popen[str]] = []

    def prepare(self) -> "Installation":
        """Create topics and tables."""
        sources = tuple(self.settings.get("SEAMWATCH_SOURCES", "bpic2013").split(","))
        with TopicAdmin(
            StreamSettings(self.bootstrap, self.prefix, sources=sources, partitions=self.partitions)
        ) as admin:
            admin.require()
        upgrade(self.database)
        return self

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command and return its standard output."""
        ended = subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == code, ended.stderr
        return ended.stdout

    def start(self, *arguments: str, **settings: str) -> WorkerProcess:
        """Start `seamwatch worker` with a metrics port of its own; ``settings`` are named without their prefix."""
        return self._start(self.command("worker", *arguments), settings)

    def start_tuned(self, tuned: Mapping[str, Any], roles: str = "", program: Path | None = None, **settings: str) -> WorkerProcess:
        """Start a worker with other stream settings, for instance smaller batches; ``program`` is the root of another version of it."""
        return self._start([sys.executable, "-m", "tests.support.tuned_worker", roles, json.dumps(tuned)], settings, program)

    def produce(self, touchpoints: Iterable[Mapping[str, Any]]) -> int:
        """Append touchpoints under their keys; return how many."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=20)
        futures = [
            producer.send(
                f"{self.prefix}.touchpoints",
                key=f"{each.get('tenant', 'default')}/{each['customer']}".encode(),
                value=json.dumps(each).encode(),
            )
            for each in touchpoints
        ]
        producer.flush()
        producer.close()
        for future in futures:
            future.get(0)
        return len(futures)

    def committed(self, topic: str) -> int:
        """Return how many records of ``topic`` (named without prefix) are committed."""
        return sum(offset for tp, offset in self.offsets().items() if tp.topic == f"{self.prefix}.{topic}")

    def offsets(self) -> dict[TopicPartition, int]:
        """Return what the workers' group has committed."""
        try:
            listed = self.admin.list_group_offsets([self.prefix])
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError):
            return {}  # there never was a group on this broker, or it is only being made
        return {tp: each.offset for tp, each in dict(listed.get(self.prefix, listed)).items()}

    @cached_property
    def admin(self) -> KafkaAdminClient:
        """A client of the broker."""
        return KafkaAdminClient(bootstrap_servers=self.bootstrap)

    def end(self) -> None:
        """Kill what runs."""
        if "admin" in self.__dict__:
            self.admin.close()
        for process in self.workers:
            if process.poll() is None:
                process.kill()
            process.wait()

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a command."""
        return [sys.executable, "-m", "seamwatch", *arguments]

    def environment(self, program: Path | None = None) -> dict[str, str]:
        """Return the environment of every command; ``program`` as of `start_tuned`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SEAMWATCH_")}
        return kept | {"PYTHONPATH": f"{self.program}:{ROOT}" if program is None else str(program)} | self.settings

    def _start(self, command: Sequence[str], settings: Mapping[str, str], program: Path | None = None) -> WorkerProcess:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = self.environment(program) | {"SEAMWATCH_METRICS_PORT": str(port)}
        environment |= {f"SEAMWATCH_{name}": value for name, value in settings.items()}
        path = self.directory / f"worker-{len(self.workers)}.log"
        with path.open("w") as log:
            process = subprocess.Popen(command, cwd=self.directory, env=environment, stderr=log, text=True)
        self.workers.append(process)
        return WorkerProcess(process, port, path)


def until(true: Callable[[], bool], seconds: float = 40.0, told: Callable[[], str] = lambda: "") -> None:
    """Wait until ``true()``; after ``seconds`` fail with what ``told`` returns."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain\n{told()}")
        time.sleep(0.2)


def wait_until_caught_up(
    installation: Installation, *workers: WorkerProcess, topics: Sequence[str] = COMMITTED, seconds: float = 60.0
) -> None:
    """Wait until ``workers`` are done with everything, as `caught_up`; fails at once where one of them ended."""

    def running() -> Sequence[WorkerProcess]:
        for worker in workers:
            assert worker.running, f"the worker ended with {worker.process.returncode}\n{worker.tail()}"
        return workers

    caught_up(installation, running, topics=topics, seconds=seconds)


def caught_up(
    installation: Installation, workers: Callable[[], Sequence[WorkerProcess]], *, topics: Sequence[str] = COMMITTED, seconds: float
) -> float:
    """Wait until all is committed, all ``workers`` are ready, none of their deadlines waits, and nothing new comes; return the seconds that took.

    ``workers`` is asked again and again who they are; ``topics`` are named without prefix. Fails with what is left after ``seconds``.
    """
    prefix, numbers = installation.prefix, range(installation.partitions)
    consumer = KafkaConsumer(bootstrap_servers=installation.bootstrap)
    committing = [TopicPartition(f"{prefix}.{name}", number) for name in topics for number in numbers]
    reread = [TopicPartition(f"{prefix}.tallies", number) for number in numbers]
    began, rest = time.monotonic(), Rest()
    try:
        while True:
            looked = time.monotonic()
            ends = consumer.end_offsets([*committing, *reread])
            committed = installation.offsets()
            left = {tp: ends[tp] - committed.get(tp, 0) for tp in committing if ends[tp] > committed.get(tp, 0)}
            asked = workers()
            undone = sum(worker.undone(prefix) for worker in asked)
            ready = all(worker.get("/readyz")[0] == 200 for worker in asked)
            if rest.reached(looked, idle=ready and not left and not undone, shows=ends):
                return time.monotonic() - began
            if time.monotonic() - began > seconds:
                tails = "\n".join(worker.tail() for worker in asked)
                shown = ", ".join(f"{tp.topic}[{tp.partition}] {records}" for tp, records in left.items())
                pytest.fail(f"not caught up after {seconds:.0f} s: {undone:.0f} deadlines and tallies, left: {shown}\n{tails}")
            time.sleep(0.2)
    finally:
        consumer.close()


# What is compared


class State(NamedTuple):
    """What stands in the end.

    ``findings`` are bodies by id; ``alerts`` with findings: how many, and whether it is resolved, by key; ``scores`` the numbers of each as of
    one instant, by tenant, score, scope, name and half-life.
    """

    findings: dict[str, dict[str, Any]]
    alerts: dict[str, tuple[int, bool]]
    scores: dict[tuple[str, str, str, str, int], tuple[float, ...]]


def database_state(url: str, as_of: datetime) -> State:
    """Read what stands in the database, with all scores decayed to ``as_of``."""
    return State(
        {row.id: dict(row.body) for row in stored(url, "SELECT id, body FROM findings WHERE NOT withdrawn")},
        {
            row.key: (row.occurrences, row.state == "resolved")
            for row in stored(url, "SELECT key, occurrences, state FROM alerts WHERE occurrences > 0")
        },
        _decayed((row._asdict() for row in stored(url, "SELECT * FROM scores")), as_of),
    )


def expected_state(replay: Replay, until: datetime, as_of: datetime) -> State:
    """Finish ``replay`` and return what it comes to."""
    replay.finish(_microseconds(until))
    found = [{key: value for key, value in each.items() if key != "revision"} for each in replay.findings()]
    alerts = Counter(each["alert"] for each in found if counts_for_alert(each))
    scores = [each | {"as_of": as_of} for each in replay.scores(_microseconds(as_of)) if each["value"] is not None]
    return State(
        {each["id"]: each for each in found},
        {key: (count, False) for key, count in alerts.items()},
        _decayed(scores, as_of),
    )


def assert_same(found: State, expected: State) -> None:
    """Fail where two states differ, telling how; scores may by 1e-6."""
    for kind in ("findings", "alerts"):
        ours, theirs = getattr(found, kind), getattr(expected, kind)
        missing, extra = theirs.keys() - ours.keys(), ours.keys() - theirs.keys()
        assert not missing | extra, (
            f"{kind}: {len(missing)} of {len(theirs)} missing, {len(extra)} too many: {missing | extra}"
        )
        other = {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]}
        assert not other, f"{kind}: {len(other)} differ: {next(iter(other.values()))}"
    missing, extra = expected.scores.keys() - found.scores.keys(), found.scores.keys() - expected.scores.keys()
    assert not missing | extra, f"scores: {sorted(missing)} missing, {sorted(extra)} too many"
    for key, numbers in found.scores.items():
        assert numbers == pytest.approx(expected.scores[key], abs=1e-6), key


def stored(url: str, query: str) -> list[Any]:
    """Return the rows of a query."""
    engine = sqlalchemy.create_engine(url)
    with contextlib.closing(engine.connect()) as connection:
        rows = list(connection.execute(text(query)))
    engine.dispose()
    return rows


def _decayed(scores: Iterable[Mapping[str, Any]], as_of: datetime) -> dict[Any, tuple[float, ...]]:
    """Return value and sums of each score as of ``as_of``, by the formulas of the definition; one of handoffs without evidence is none."""
    found: dict[Any, tuple[float, ...]] = {}
    for score in scores:
        parts = score["components"]
        decay = 2.0 ** ((score["as_of"] - as_of).total_seconds() / score["half_life"])
        harm = parts.get("harm", 0.0) * decay
        numbers: tuple[float, ...]
        if score["score"] == "three_cs" and score["half_life"] < 86_400:
            continue  # as of a deadline that is many half-lives ahead, its evidence is none any more, and the row is gone
        if score["score"] in _EXPERIENCE:
            sums = {name: each if name in ("prior", "findings") else each * decay for name, each in parts.items()}
            value = _EXPERIENCE[score["score"]](sums)
            if value is None:
                continue
            numbers = value, *(sums[name] for name in sorted(sums))
        elif "decided" in parts:
            sums = {name: each * decay for name, each in parts.items()}
            shares = ((sums["late"], sums["decided"]), (sums["lost"], sums["known"]))
            if max(sums["decided"], sums["known"]) < 1e-6:
                continue
            numbers = 100 * prod(1 - bad / of for bad, of in shares if of >= 1e-6), *(sums[name] for name in sorted(sums))
        elif "opportunities" in parts:
            opportunities = parts["opportunities"] * decay
            numbers = 100 * (1 - min(1.0, harm / (opportunities + parts["prior"]))), harm, opportunities
        else:
            numbers = 100 * exp(-harm), harm, parts["findings"]
        found[tuple(score[name] for name in ("tenant", "score", "scope", "name", "half_life"))] = numbers
    return found


def _kept(sums: Mapping[str, float], *pairs: tuple[str, str]) -> float | None:
    """Return the share of the chances that was not missed, by the names of both; None where less than a millionth is left."""
    missed, chances = (sum(sums.get(pair[place], 0.0) for pair in pairs) for place in (0, 1))
    return None if chances < 1e-6 else 1 - missed / chances


def _product(*factors: float | None) -> float | None:
    known = [each for each in factors if each is not None]
    return prod(known) if known else None


def _percent(*pairs: tuple[str, str]) -> Callable[[Mapping[str, float]], float | None]:
    def value(sums: Mapping[str, float]) -> float | None:
        kept = _kept(sums, *pairs)
        return None if kept is None else 100 * kept

    return value


def _three_cs(sums: Mapping[str, float]) -> float | None:
    journey: float | None
    if "prior" in sums:
        journey = 1 - min(1.0, sums["harm"] / (sums["opportunities"] + sums["prior"]))
        journey = None if sums["harm"] + sums["opportunities"] < 1e-6 else journey
    else:
        journey = exp(-sums["harm"])
    communication = _product(_kept(sums, ("broken", "promises")), _kept(sums, ("contradicted", "facts")))
    known = [each for each in (journey, _kept(sums, ("gloom", "moods")), communication) if each is not None]
    return 100 * prod(known) ** (1 / len(known)) if len(known) > 1 else None


def _fusion(sums: Mapping[str, float]) -> float:
    gain = sums["moved"] - 2 * sums["loss"]
    return 50 + 50 * gain / (sums["moved"] + 50) if "prior" in sums else min(100.0, max(0.0, 50 + gain))


def _communication(sums: Mapping[str, float]) -> float | None:
    kept = _product(_kept(sums, ("broken", "promises")), _kept(sums, ("contradicted", "facts")))
    return None if kept is None else 100 * kept


_EXPERIENCE: Mapping[str, Callable[[Mapping[str, float]], float | None]] = {
    "emotional": _percent(("gloom", "moods")),
    "communication": _communication,
    "three_cs": _three_cs,
    "purpose": _percent(("missed", "contacts")),
    "difference": _percent(("unused", "handlings")),
    "value": _percent(("discontent", "answers")),
    "expectation": _percent(("broken", "promises"), ("below_expected", "expected"), ("below_advertised", "advertised")),
    "fusion": _fusion,
}


def _microseconds(moment: datetime) -> int:
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
