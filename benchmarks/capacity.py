"""What an event, a customer and a rule cost: measured, and the calculator's answers held against runs at steady rates."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from re import search
from statistics import median
from sys import gettrace, settrace
from time import monotonic, sleep
from types import FrameType
from typing import Any, NamedTuple

from kafka import KafkaProducer
from sqlalchemy import create_engine

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from benchmarks.installation import AS_PYTHON, Installation, Progress, await_ready, installed
from benchmarks.report import Report, say
from benchmarks.workload import TEAMS, TOUCHPOINTS_A_CUSTOMER, crowds, produce, touchpoints
from config.fields import load_fields
from config.rules import load_rulebook
from seamwatch.capacity import COSTS, DAY, MEBIBYTE, Need, need
from tests.support.compiled import compiled

_TICK = os.sysconf("SC_CLK_TCK")
_OF_RULES = 500
"""Customers of whom instructions are counted."""
_COHORT = 1_000
"""Customers whose touchpoints are interleaved; the next ones follow them."""
_PAUSE = 0.005
"""Seconds between two sends."""
_SETTLING, _IDLE = 3.0, 15.0
"""Seconds until a worker that is ready has nothing more to do, and for which it is watched then."""
_PATIENCE = 600.0
"""Seconds after the last event in which all must be stored."""


class _Took(NamedTuple):
    """What a run took: processor seconds, bytes (of the database those that came), records, and seconds from the last event until all was stored."""

    events: int
    size: int
    processor: float
    resident: int
    log: int
    stored: int
    database: int
    late: float
    findings: int


def run(customers: int, rates: Sequence[int], seconds: int, rounds: int) -> Report:
    """Measure what an event costs a worker at full speed; then let one take each of ``rates`` events a second, and hold that against what
    `seamwatch capacity` says. Of ``rounds`` runs of each that one counts which took the median of the processor's time.

    Raises ``AssertionError`` where the database is not what a replay gives, ``TimeoutError`` where the worker does not keep up, ``ValueError`` where a rate
    is more than one worker is meant for.
    """
    expected = {rate: _expected(rate, seconds) for rate in rates}
    at_full_speed = []
    runs: dict[int, list[_Took]] = {rate: [] for rate in rates}
    for number in range(rounds):
        say(f"round {number + 1}")
        at_full_speed.append(_at_full_speed(customers))
        for rate, found in runs.items():
            found.append(_at_rate(rate, seconds))
    full, idle = _median(took for took, _ in at_full_speed), median(idle for _, idle in at_full_speed)
    steady = {rate: _median(found) for rate, found in runs.items()}
    event, log, resident = full.processor / full.events, (full.log - full.size) / full.events, (full.resident - COSTS.base) / customers
    rows = [
        ["processor of the worker", f"{idle * 100:.1f} % with nothing to do; {event * 1e6:.1f} µs an event"],
        ["memory of the worker", f"{resident / 1024:.1f} KiB a customer"],
        ["Kafka, besides the events", f"{log:.0f} bytes an event"],
        ["records for the sinks", f"{full.stored / full.events:.3f} an event"],
        ["database (SQLite), besides the empty tables", f"{full.database / full.events:.0f} bytes an event"],
    ]
    columns = ["", f"{customers:,} customers at full speed"]
    for rate, took in steady.items():
        said = expected[rate]
        columns += [f"calculator, {rate:,} events/s", "the run", "run / calculator"]
        for row, held in zip(
            rows,
            [
                _held(said.processor * 100, took.processor / seconds * 100, "{:.1f} %"),
                _held(said.memory / MEBIBYTE, took.resident / MEBIBYTE),
                _held((said.kafka - took.size) / MEBIBYTE, (took.log - took.size) / MEBIBYTE),
                _held(said.records * seconds, took.stored, "{:,.0f}"),
                _held(said.database_a_day / DAY * seconds / MEBIBYTE, took.database / MEBIBYTE),
            ],
            strict=True,
        ):
            row += held
    # In a process of its own, for the collector would count what it ends of servers and clients.
    told_of_rules = subprocess.run([sys.executable, "-m", __name__], cwd=AS_PYTHON, stdout=subprocess.PIPE, text=True, check=True).stdout
    costs: list[tuple[str, float, float]] = sorted(json.loads(told_of_rules), key=lambda each: (-each[1], each[0]))
    rows += [
        [f"the rule {name}", f"{cost:.1f} instructions an event, {share:.2%} of the engine's", *[""] * 3 * len(steady)]
        for name, cost, share in costs
        if cost
    ]
    told = [f"{took.events // TOUCHPOINTS_A_CUSTOMER:,} customers at {rate:,} events a second" for rate, took in steady.items()]
    return Report(
        title="What an event costs, and the calculator's answer beside what runs took",
        columns=columns,
        rows=rows,
        notes=[
            f"The runs lasted {seconds} s each, with one worker and {TEAMS} teams, and had {', '.join(told)}, all of them in contact; "
            f"{', '.join(f'{took.late:.1f} s' for took in steady.values())} after the last event all was stored. "
            f"Each was made {rounds} times, in turns: what is shown took the median of the processor's time, which was "
            f"{', '.join(_range(found, seconds) for found in runs.values())}; at full speed "
            f"{min(took.processor / took.events for took, _ in at_full_speed) * 1e6:.1f} to "
            f"{max(took.processor / took.events for took, _ in at_full_speed) * 1e6:.1f} µs.",
            "Verified: the findings in the database of each run, of those shown "
            f"{', '.join(f'{took.findings:,}' for took in (full, *steady.values()))}, are those of a replay.",
            "The processor's time at full speed is that of the whole process, less what a worker takes until it is ready that finds nothing to do.",
            "A rule costs the bytecode instructions that Python (not compiled) runs less for the same touchpoints when it is off: a count, the same each time. "
            "What C functions do is not in it, and costs of rules that share work do not add up. These touchpoints give nothing to do to "
            f"{', '.join(name for name, cost, _ in costs if not cost)}.",
        ],
    )


def _expected(rate: int, seconds: int) -> Need:
    """Return what the calculator says of such a run."""
    values = [len(value) for _, value in touchpoints(_COHORT)]
    count = rate * seconds // TOUCHPOINTS_A_CUSTOMER
    said = need(rate, count, size=round(sum(values) / len(values)), live=1, teams=TEAMS, days=seconds / DAY, replication=1)
    if said.workers > 2:
        raise ValueError(f"{rate:,} events a second are more than one worker is meant for: {said.workers - 1} besides the one to spare")
    return said


def _median(runs: Iterable[_Took]) -> _Took:
    ordered = sorted(runs, key=lambda took: took.processor / took.events)
    return ordered[len(ordered) // 2]


def _range(runs: Sequence[_Took], seconds: int) -> str:
    shares = [took.processor / seconds * 100 for took in runs]
    return f"{min(shares):.1f} to {max(shares):.1f} %"


def _held(said: float, took: float, form: str = "{:,.1f} MiB") -> tuple[str, str, str]:
    return form.format(said), form.format(took), f"{took / said:.2f}"


def _at_full_speed(customers: int) -> tuple[_Took, float]:
    """Let a worker do all of a log that is there; return what it took, and the share of a processor that one with nothing to do takes.

    A worker begins to read before it says that it is ready. So the processor's time counts from the beginning of its process, less what a worker took until
    it was ready that found nothing.
    """
    with installed() as installation:
        say("a worker that has nothing to do")
        with installation.worker(compiled() or AS_PYTHON) as worker:
            await_ready(installation.metrics_port)
            start = _processor(worker.pid)
            sleep(_SETTLING)
            began = _processor(worker.pid)
            sleep(_IDLE)
            idle = (_processor(worker.pid) - began) / _IDLE
        say(f"the touchpoints of {customers:,} customers, at full speed")
        produce(installation.bootstrap, installation.names.touchpoints, customers)
        return _measured(installation, lambda: None, list(crowds(customers)), start), idle


def _at_rate(rate: int, seconds: int) -> _Took:
    """Let a worker take so many events a second, of customers who follow one another."""
    count = rate * seconds // TOUCHPOINTS_A_CUSTOMER
    cohorts = (touchpoints(min(_COHORT, count - first), seed=first, first=first) for first in range(0, count, _COHORT))
    stream = [pair for cohort in cohorts for pair in cohort]
    with installed() as installation:
        say(f"{rate:,} events a second, for {seconds} s")
        return _measured(installation, lambda: _feed(installation, stream, rate), stream)


def _feed(installation: Installation, stream: Sequence[tuple[bytes, bytes]], rate: int) -> None:
    """Send each event when it is due."""
    producer = KafkaProducer(bootstrap_servers=installation.bootstrap, acks="all", linger_ms=5, batch_size=262_144)
    sent, began = 0, monotonic()
    while sent < len(stream):
        due = min(len(stream), int((monotonic() - began) * rate))
        for key, value in stream[sent:due]:
            producer.send(installation.names.touchpoints, key=key, value=value)
        sent = due
        sleep(_PAUSE)
    producer.flush()
    producer.close()


def _measured(installation: Installation, load: Callable[[], None], stream: Sequence[tuple[bytes, bytes]], start: float | None = None) -> _Took:
    """Start a worker, and return what it took until all is stored: after its first ``start`` seconds of the processor, or else since it was ready."""
    progress, empty = Progress(installation.bootstrap, installation.names), _database(installation)
    with installation.worker(compiled() or AS_PYTHON) as worker:
        await_ready(installation.metrics_port)
        began = _processor(worker.pid) if start is None else start
        load()
        ended = monotonic()
        while not progress.caught_up():
            if worker.poll() is not None:
                raise RuntimeError("the worker ended: see above")
            if monotonic() > ended + _PATIENCE:
                raise TimeoutError(f"{_PATIENCE:.0f} s after the last event not all is stored")
            sleep(0.2)
        late, took, resident = monotonic() - ended, _processor(worker.pid) - began, _resident(worker.pid)
    say(f"took {took:.2f} s of the processor for {len(stream):,} events; {late:.1f} s after the last all was stored")
    files = _database(installation) - empty
    size = sum(len(value) for _, value in stream)
    findings = installation.verify(value for _, value in stream)
    return _Took(len(stream), size, took, resident, progress.log_bytes(), progress.stored(), files, late, findings)


def _database(installation: Installation) -> int:
    """Return the bytes of the pages that hold something, or did; what is still in the write-ahead log is counted where it will be."""
    with create_engine(installation.database).connect() as connection:
        return int(connection.exec_driver_sql("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").scalar_one())


def _processor(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _resident(process: int) -> int:
    found = search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _rules() -> Iterator[tuple[str, float, float]]:
    """Yield by rule the bytecode instructions that an event takes less in the engine when it is off, and the share of all of them that these are.

    Raises ``AssertionError`` where the same input does not take the same instructions twice.
    """
    records = [Record(offset, None, key, value) for offset, (key, value) in enumerate(crowds(_OF_RULES))]
    say("rules")
    _take(_engine(""), records)  # what is computed once for all is there from now on
    all_on = _instructions(records, "")
    if _instructions(records, "") != all_on:
        raise AssertionError("the same records took other instructions the second time")
    for name in sorted(rule.name for rule in load_rulebook().rules if rule.mode == "on"):
        less = all_on - _instructions(records, name)
        yield name, less / len(records), less / all_on


def _instructions(records: Sequence[Record], off: str) -> int:
    """Count the bytecode instructions that Python runs for all of ``records``, with a rule off or none."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if event == "call":
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
        elif event == "opcode":
            count += 1
        return trace

    watch, before = _engine(off), gettrace()
    gc.collect()
    gc.disable()
    settrace(trace)
    try:
        _take(watch, records)
    finally:
        settrace(before)
        gc.enable()
    return count


def _engine(off: str) -> PartitionWatch:
    """Return the engine of a partition, with a rule off or none."""
    rulebook = load_rulebook(None, (f"{off}.mode=off",) if off else ())
    return PartitionWatch(rulebook, load_fields(), Fingerprinter(b"a benchmark needs no secret, but a key"), 0)


def _take(watch: PartitionWatch, records: Sequence[Record]) -> None:
    for start in range(0, len(records), 2000):
        for _ in watch.take(records[start : start + 2000], lambda: False):
            pass
        watch.effects()


if __name__ == "__main__":
    print(json.dumps(list(_rules())))
