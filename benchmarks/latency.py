"""How long a finding takes under a steady load, beside an echo of aiokafka on the same broker in the same run.

Touchpoints are sent by a schedule that is fixed in advance, whatever becomes of them. The broker stamps what is appended (LogAppendTime, in whole
milliseconds), of the alerts topic too, and all clocks are those of one machine. A row counts as committed when a reader with a connection of its own sees it,
which looks every two milliseconds.
"""

import asyncio
import sqlite3
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import median, quantiles
from threading import Event, Thread
from time import monotonic, sleep, time
from typing import NamedTuple

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from benchmarks.installation import AS_PYTHON, PARTITIONS, Installation, Progress, installed
from benchmarks.report import Report, say
from benchmarks.workload import TOUCHPOINTS_A_CUSTOMER, touchpoints
from streams.interpreter import tune_garbage_collector
from streams.kafka import KafkaBackend
from streams.producer import Outgoing, partition_for
from streams.settings import StreamSettings
from tests.support.compiled import compiled

_TICK = 0.005
"""Seconds between two sends: what has become due since the last one goes together."""
_LOOK = 0.002
"""Seconds between two looks at the database."""
_WARM_UP = 5
"""Seconds of load before the first round."""
_COHORT = 1000
"""Customers whose touchpoints are interleaved; the next ones follow them."""
_PATIENCE = 120.0
"""Seconds until what was sent must have come through."""

_SOURCE, _TARGET = "echo.in", "echo.out"
_ECHO, _FINDING, _ROW = "aiokafka echo: to append", "finding: to append", "finding: to database row"
_PERCENTILES = (50, 90, 99, 99.9)
_BOUNDS = (0, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000)
_BAR = 50

_PREFIX = b'{"id": "event-'
_NUMBER = slice(len(_PREFIX), len(_PREFIX) + 12)

Stamps = Mapping[int, float]
"""Seconds UTC by the number of a touchpoint."""


class Round(NamedTuple):
    """What one round sent to either side: the number of its first touchpoint, how many, and when the first one was due."""

    first: int
    number: int
    echo_began: float
    began: float


class Samples(NamedTuple):
    """Milliseconds of one round, from the append of the touchpoint and from when it was due to be sent."""

    appended: list[float]
    due: list[float]


def run(rate: int, seconds: int, rounds: int) -> Report:
    """Measure ``rounds`` times both sides for ``seconds`` each, at ``rate`` touchpoints a second.

    Raises ``AssertionError`` where the database is not what a replay gives, ``TimeoutError`` where a side does not keep up.
    """
    customers, warm_up = (rate * each // TOUCHPOINTS_A_CUSTOMER for each in (seconds, _WARM_UP))
    tune_garbage_collector()
    with installed() as installation, _stamped_by_broker(installation), _echo(installation), installation.worker(compiled() or AS_PYTHON):
        load = _Load(installation, rate)
        say("warming up")
        sent = [load.send(0, warm_up)]
        with _Rows(installation.database) as rows:
            for number in range(rounds):
                say(f"round {number + 1} of {rounds}")
                sent.append(load.send(warm_up + number * customers, customers))
        say("reading and verifying")
        samples = asyncio.run(_samples(installation, rate, sent[1:], rows.seen))
        findings = installation.verify(value for each in sent for _, value in _stream(each.first, each.number))
    return _report(rate, seconds, samples, f"{findings:,} findings", load.latest)


# --- the two sides ----------------------------------------------------------------------------------------------------


@contextmanager
def _stamped_by_broker(installation: Installation) -> Iterator[None]:
    """Have the broker stamp findings, and make the topics of the echo."""
    stamped = {"message.timestamp.type": "LogAppendTime"}
    admin = KafkaAdminClient(bootstrap_servers=installation.bootstrap)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, installation.names.alerts, stamped)])
    topic = {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": stamped}
    admin.create_topics({_SOURCE: topic, _TARGET: topic})
    admin.wait_for_topics([_SOURCE, _TARGET])
    admin.close()
    yield


@contextmanager
def _echo(installation: Installation) -> Iterator[None]:
    arguments = [installation.bootstrap, _SOURCE, _TARGET, str(PARTITIONS)]
    program = [sys.executable, "-m", "benchmarks.peers.aiokafka_echo", *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, cwd=AS_PYTHON) as echo:
        try:
            if echo.stdout is None or not echo.stdout.readline():
                raise RuntimeError("the echo did not start: see above")
            yield
        finally:
            echo.terminate()


class _Rows:
    """Notes when the first revision of each finding is seen in SQLite, by its id, in seconds UTC."""

    def __init__(self, database: str) -> None:
        self.seen: dict[str, float] = {}
        self._path = database.removeprefix("sqlite:///")
        self._stop = Event()
        self._thread = Thread(target=self._look, name="rows")

    def __enter__(self) -> "_Rows":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        last = 0
        while not self._stop.wait(_LOOK):
            new = connection.execute("SELECT rowid, id FROM findings WHERE rowid > ? ORDER BY rowid", (last,)).fetchall()
            if new:
                now = time()
                self.seen |= {identifier: now for _, identifier in new}
                last = new[-1][0]
        connection.close()


# --- the load ---------------------------------------------------------------------------------------------------------


class _Load:
    """Sends the same touchpoints to either side, one after the other. ``latest`` is the most seconds that a send was late."""

    def __init__(self, installation: Installation, rate: int) -> None:
        self._topic = installation.names.touchpoints
        self._settings = StreamSettings(bootstrap=installation.bootstrap)
        self._progress = Progress(installation.bootstrap, installation.names)
        self._consumer = KafkaConsumer(bootstrap_servers=installation.bootstrap)
        self._rate = rate
        self.latest = 0.0

    def send(self, first_customer: int, customers: int) -> Round:
        """Send ten touchpoints of each customer, and wait for what comes of them."""
        first, count = first_customer * TOUCHPOINTS_A_CUSTOMER, customers * TOUCHPOINTS_A_CUSTOMER
        stream = [(partition_for(key, PARTITIONS), key, value) for key, value in _stream(first, count)]
        echo_began = asyncio.run(self._feed(_SOURCE, stream))
        _await(self._echoed)
        began = asyncio.run(self._feed(self._topic, stream))
        _await(self._progress.caught_up)
        return Round(first, count, echo_began, began)

    async def _feed(self, topic: str, stream: Sequence[tuple[int, bytes, bytes]]) -> float:
        """Send each when it is due, and return when the first one was; deliveries are awaited at the end."""
        producer = KafkaBackend(self._settings).producer(lambda: None)
        await producer.start()
        sent, began = 0, time() + 0.5
        async with asyncio.TaskGroup() as deliveries:
            while sent < len(stream):
                elapsed = time() - began
                due = min(len(stream), max(0, int(elapsed * self._rate)))
                if due > sent:
                    self.latest = max(self.latest, elapsed - sent / self._rate)
                    records = [Outgoing(topic, *each) for each in stream[sent:due]]
                    deliveries.create_task(producer.deliver(records))
                    sent = due
                await asyncio.sleep(_TICK)
        await producer.stop()
        return began

    def _echoed(self) -> bool:
        read, written = (
            sum(self._consumer.end_offsets([TopicPartition(topic, number) for number in range(PARTITIONS)]).values())
            for topic in (_SOURCE, _TARGET)
        )
        return bool(read == written)


def _stream(first: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of ``count`` touchpoints from number ``first`` on."""
    start, end = first // TOUCHPOINTS_A_CUSTOMER, (first + count) // TOUCHPOINTS_A_CUSTOMER
    for customer in range(start, end, _COHORT):
        yield from touchpoints(min(_COHORT, end - customer), seed=customer, first=customer)


def _await(done: Callable[[], bool]) -> None:
    deadline = monotonic() + _PATIENCE
    while not done():
        if monotonic() > deadline:
            raise TimeoutError(f"what was sent did not come through in {_PATIENCE:.0f} s")
        sleep(0.2)


# --- what was seen ----------------------------------------------------------------------------------------------------


async def _samples(
    installation: Installation, rate: int, rounds: Sequence[Round], seen: Mapping[str, float]
) -> dict[str, list[Samples]]:
    """Return the samples of each round by what was measured."""
    read = _Reader(installation.bootstrap)
    came, went = await read.stamps(_SOURCE), await read.stamps(_TARGET)
    appended = await read.stamps(installation.names.touchpoints)
    causes, found = await read.findings(installation.names.alerts)
    rows = {cause: seen[finding] for finding, cause in causes.items() if finding in seen}
    return {
        name: [
            Samples(
                [(end - since[number]) * 1000 for number, end in ends.items() if _within(each, number)],
                [(end - _due(each, number, began, rate)) * 1000 for number, end in ends.items() if _within(each, number)],
            )
            for each in rounds
            for began in [each.echo_began if name == _ECHO else each.began]
        ]
        for name, since, ends in ((_ECHO, came, went), (_FINDING, appended, found), (_ROW, appended, rows))
    }


def _within(round_: Round, number: int) -> bool:
    return round_.first <= number < round_.first + round_.number


def _due(round_: Round, number: int, began: float, rate: int) -> float:
    return began + (number - round_.first) / rate


class _Reader:
    def __init__(self, bootstrap: str) -> None:
        self._reader = KafkaBackend(StreamSettings(bootstrap=bootstrap)).reader()

    async def stamps(self, topic: str) -> Stamps:
        """Return when each touchpoint was appended to ``topic``."""
        return {
            int(record.value[_NUMBER]): record.timestamp / 1000
            async for chunk in self._reader.read(topic, range(PARTITIONS))
            for record in chunk.records
            if record.value is not None and record.value.startswith(_PREFIX)
        }

    async def findings(self, topic: str) -> tuple[dict[str, int], dict[int, float]]:
        """Return the touchpoint that set off each finding, by its id, and when the first revision was appended, by touchpoint."""
        causes: dict[str, int] = {}
        appended: dict[int, float] = {}
        async for chunk in self._reader.read(topic, range(PARTITIONS)):
            for record in chunk.records:
                body = msgspec.json.decode(record.value or b"{}")
                if body["revision"] == 1 and body["again"] is not None:
                    cause = causes[body["id"]] = int(body["again"]["id"].removeprefix("event-"))
                    appended[cause] = record.timestamp / 1000
        return causes, appended


def _report(rate: int, seconds: int, samples: Mapping[str, Sequence[Samples]], findings: str, latest: float) -> Report:
    rows = []
    for since, kind in (("append", 0), ("when it was due", 1)):
        echo = _percentiles([each[kind] for each in samples[_ECHO]])
        for name, rounds in samples.items():
            found = _percentiles([each[kind] for each in rounds])
            more = "" if name == _ECHO else f"{found[2] - echo[2]:+.0f}"
            start, _, end = name.partition(":")
            rows.append((f"{start}, from {since}{end}", *(f"{each:.0f}" for each in found), more))
    return Report(
        title="Milliseconds under load",
        columns=("", *(f"p{percentile}" for percentile in _PERCENTILES), "p99 over the echo's"),
        rows=rows,
        notes=[
            f"{rate:,} touchpoints a second, {PARTITIONS} partitions; medians of {len(samples[_ECHO])} rounds of {seconds} s for each side in turns, "
            f"{sum(len(each.appended) for each in samples[_FINDING]):,} findings; the latest send was {latest * 1000:.0f} ms late.",
            f"Verified: the {findings} in the database are those of a replay.",
        ],
        picture="\n\n".join(
            f"{name.replace(': to', ', append to')}, milliseconds\n{_histogram([ms for each in rounds for ms in each.appended])}"
            for name, rounds in samples.items()
        ),
    )


def _percentiles(rounds: Sequence[Sequence[float]]) -> list[float]:
    """Return the median over all rounds of each percentile."""
    cut = [quantiles(each, n=1000, method="inclusive") for each in rounds]
    return [median(each[round(percentile * 10) - 1] for each in cut) for percentile in _PERCENTILES]


def _histogram(milliseconds: Sequence[float]) -> str:
    counts = [0] * len(_BOUNDS)
    for each in milliseconds:
        counts[max(0, bisect_right(_BOUNDS, each) - 1)] += 1
    labels = [*(f"{low:>5} to {high:<4}" for low, high in pairwise(_BOUNDS)), f"{_BOUNDS[-1]:>5} up".ljust(13)]
    used = [number for number, count in enumerate(counts) if count]
    return "\n".join(
        f"{labels[number]} {counts[number] / len(milliseconds):7.2%} {'█' * round(_BAR * counts[number] / max(counts))}"
        for number in range(used[0], used[-1] + 1)
    )
