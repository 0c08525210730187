"""Recovery of one partition beside aiokafka reading the same changelog into a dict, one process each."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from operator import truediv
from statistics import median
from time import time

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from benchmarks.installation import AS_PYTHON
from benchmarks.report import Report, say
from benchmarks.workload import touchpoints
from config.fields import load_fields
from config.rules import load_rulebook
from streams.kafka import KafkaBackend
from streams.producer import Rows
from streams.settings import StreamSettings
from streams.topics import TopicAdmin, Topics
from tests.support.services import KafkaServer

_PREFIX = "recovery"
_TOUCHPOINTS = 6
"""Of each customer, in one chunk."""
_COHORT = 2000
"""Customers that are made, written and forgotten together."""

_OURS, _BARE = "our_recovery", "aiokafka_dict"


def run(rows: int, rounds: int) -> Report:
    """Measure both in turns; raises ``RuntimeError`` where one of them did not read all that was written."""
    with KafkaServer() as kafka:
        settings = StreamSettings(bootstrap=kafka.bootstrap, prefix=_PREFIX, partitions=1)
        with TopicAdmin(settings) as admin:
            admin.create()
        say(f"writing {rows:,} rows")
        changelog = Topics(_PREFIX).changelog
        records, size = asyncio.run(_write(settings, changelog, rows))
        seconds: dict[str, list[float]] = {_OURS: [], _BARE: []}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            seconds[_BARE].append(_seconds(_BARE, kafka.bootstrap, changelog, records))
            seconds[_OURS].append(_seconds(_OURS, kafka.bootstrap, _PREFIX, rows))
    ratio = median(map(truediv, seconds[_BARE], seconds[_OURS]))
    return Report(
        title="Recovery of one partition",
        columns=("", "rows/s", "seconds", "ratio"),
        rows=[
            (name, f"{rows / median(found):,.0f}", f"{median(found):.2f}", f"{share:.2f}")
            for name, found, share in (
                ("Seamwatch, until the state is ready", seconds[_OURS], ratio),
                ("aiokafka alone, into a dict", seconds[_BARE], 1.0),
            )
        ],
        notes=[
            f"{rows:,} customers of {_TOUCHPOINTS} touchpoints, {size / rows:.0f} bytes a row, in one partition; medians of {rounds} rounds, in turns.",
            "Verified: either has as many rows as were written.",
        ],
    )


async def _write(settings: StreamSettings, changelog: str, rows: int) -> tuple[int, int]:
    """Fill the changelog with one row a customer, as compaction would leave it; return how many records it holds, clock included, and their bytes."""
    producer = KafkaBackend(settings).producer(lambda: None)
    await producer.start()
    # Recovery makes sure that the source holds what the state has seen of it: each cohort has seen the same offsets.
    source = Topics(_PREFIX).touchpoints
    await producer.deliver([Rows(source, 0, [(b"acme/nobody", b"{}")] * _COHORT * _TOUCHPOINTS)])
    size = 0
    written: set[bytes] = set()
    for pairs in _cohorts(rows):
        written.update(key for key, _ in pairs)
        size += sum(len(key) + len(value or b"") for key, value in pairs)
        await producer.deliver([Rows(changelog, 0, pairs)])
    await producer.stop()
    return len(written), size


def _cohorts(rows: int) -> Iterator[list[tuple[bytes, bytes | None]]]:
    rulebook, fields = load_rulebook(), load_fields()
    now = int(time() * 1000)
    for first in range(0, rows, _COHORT):
        watch = PartitionWatch(rulebook, fields, Fingerprinter(b"a benchmark needs no secret"), 0)
        values = _first_of_each(first, min(_COHORT, rows - first))
        effects = watch.process(Record(number, now, key, value) for number, (key, value) in enumerate(values))
        yield effects.rows


def _first_of_each(first: int, customers: int) -> Iterator[tuple[bytes, bytes]]:
    seen: dict[bytes, int] = {}
    for key, value in touchpoints(customers, seed=first, first=first):
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= _TOUCHPOINTS:
            yield key, value


def _seconds(program: str, bootstrap: str, name: str, rows: int) -> float:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.peers.{program}", bootstrap, name, str(rows)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        cwd=AS_PYTHON,
        check=False,
    )
    found = re.search(r"SECONDS ([\d.]+)", done.stdout)
    if found is None or done.returncode:
        raise RuntimeError(f"{program} ended with {done.returncode}: {done.stdout[-500:]}")
    return float(found[1])
