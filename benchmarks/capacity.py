"""What an event, a customer and a rule cost: measured, and the calculator's answers held against runs at steady rates."""

import os
from collections.abc import Callable, Iterator, Sequence
from gc import collect
from pathlib import Path
from re import search
from statistics import median
from time import monotonic, process_time, sleep
from typing import NamedTuple

from kafka import KafkaProducer
from sqlalchemy import create_engine

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from benchmarks.installation import AS_PYTHON, Installation, Progress, await_ready, installed
from benchmarks.report import Report, say
from benchmarks.workload import TEAMS, TOUCHPOINTS_A_CUSTOMER, crowds, produce, touchpoints
from config.fields import load_fields
from config.rules import load_rulebook
from seamwatch.capacity import BUSY, COSTS, DAY, MEBIBYTE, need
from streams.interpreter import tune_garbage_collector
from tests.support.compiled import compiled

_TICK = os.sysconf("SC_CLK_TCK")
_OF_RULES = 1_500
_COHORT = 1_000
"""Customers whose touchpoints are interleaved; the next ones follow them."""
_PAUSE = 0.005
"""Seconds between two sends."""
_PATIENCE = 600.0
"""Seconds after the last event in which all must be stored."""


def run(customers: int, rates: Sequence[int], seconds: int, rounds: int) -> Report:
    """Measure what an event costs a worker at full speed; then let one take each of ``rates`` events a second, and hold that against what
    `seamwatch capacity` says.

    Raises ``AssertionError`` where the database is not what a replay gives, ``TimeoutError`` where the worker does not keep up.
    """
    full, steady = _at_full_speed(customers), {rate: _at_rate(rate, seconds) for rate in rates}
    event, log, resident = full.processor / full.events, (full.log - full.size) / full.events, (full.resident - COSTS.base) / customers
    rows = [
        ["processor of the worker", f"{event * 1e6:.1f} µs an event"],
        ["memory of the worker", f"{resident / 1024:.1f} KiB a customer"],
        ["Kafka, besides the events", f"{log:.0f} bytes an event"],
        ["records for the sinks", f"{full.stored / full.events:.3f} an event"],
        ["database (SQLite), besides the empty tables", f"{full.database / full.events:.0f} bytes an event"],
    ]
    columns = ["", f"{customers:,} customers at full speed"]
    for rate, took in steady.items():
        size, of = round(took.size / took.events), took.events // TOUCHPOINTS_A_CUSTOMER
        said = need(rate, of, size=size, live=1, teams=TEAMS, days=seconds / DAY, replication=1)
        if said.workers > 2:
            raise ValueError(f"{rate:,} events a second are more than one worker is meant for: {said.workers - 1} besides the one to spare")
        columns += [f"calculator, {rate:,} events/s", "the run", "run / calculator"]
        for row, held in zip(
            rows,
            [
                _held(BUSY * 100, took.processor / seconds * 100, "{:.1f} %"),
                _held(said.memory / MEBIBYTE, took.resident / MEBIBYTE),
                _held((said.kafka - took.size) / MEBIBYTE, (took.log - took.size) / MEBIBYTE),
                _held(said.records * seconds, took.stored, "{:,.0f}"),
                _held(said.database_a_day / DAY * seconds / MEBIBYTE, took.database / MEBIBYTE),
            ],
            strict=True,
        ):
            row += held
    rows += [[f"without the rule {name}", f"{cost:+.2f} µs an event, of the engine", *[""] * 3 * len(steady)] for name, cost in _rules(rounds)]
    told = [f"{took.events // TOUCHPOINTS_A_CUSTOMER:,} customers at {rate:,} events a second" for rate, took in steady.items()]
    return Report(
        title="What an event costs, and the calculator's answer beside what runs took",
        columns=columns,
        rows=rows,
        notes=[
            f"The runs lasted {seconds} s each, with one worker and {TEAMS} teams, and had {', '.join(told)}, all of them in contact; "
            f"{', '.join(f'{took.late:.1f} s' for took in steady.values())} after the last event all was stored.",
            f"Verified: the {', '.join(f'{took.findings:,}' for took in (full, *steady.values()))} findings in the databases are those of replays.",
            "The calculator gives a worker half of a processor. Few events at a time cost more each than at full speed, so a worker that has little to do is "
            "busier than so many times the cost of an event.",
            "A rule costs what the engine takes less when it is off, median of pairs of runs: differences below some two microseconds are noise. Costs of "
            "rules that share work do not add up.",
        ],
    )


def _held(said: float, took: float, form: str = "{:,.1f} MiB") -> tuple[str, str, str]:
    return form.format(said), form.format(took), f"{took / said:.2f}"


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


def _at_full_speed(customers: int) -> _Took:
    """Let a worker do all of a log that is there."""
    with installed() as installation:
        say(f"producing the touchpoints of {customers:,} customers")
        produce(installation.bootstrap, installation.names.touchpoints, customers)
        return _measured(installation, lambda: None, list(crowds(customers)))


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


def _measured(installation: Installation, load: Callable[[], None], stream: Sequence[tuple[bytes, bytes]]) -> _Took:
    """Start a worker, and return what it took until all is stored."""
    progress = Progress(installation.bootstrap, installation.names)
    with installation.worker(compiled() or AS_PYTHON) as worker:
        await_ready(installation.metrics_port)
        began, empty = _processor(worker.pid), _database(installation)
        load()
        ended = monotonic()
        while not progress.caught_up():
            if worker.poll() is not None:
                raise RuntimeError("the worker ended: see above")
            if monotonic() > ended + _PATIENCE:
                raise TimeoutError(f"{_PATIENCE:.0f} s after the last event not all is stored")
            sleep(0.2)
        late, took, resident = monotonic() - ended, _processor(worker.pid) - began, _resident(worker.pid)
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


def _rules(rounds: int) -> Iterator[tuple[str, float]]:
    """Yield by rule the microseconds that an event takes less in the engine when it is off; medians of pairs, with it and without it one after the other."""
    records = [Record(offset, None, key, value) for offset, (key, value) in enumerate(crowds(_OF_RULES))]
    names = sorted(rule.name for rule in load_rulebook().rules if rule.mode == "on")
    takes: dict[str, list[float]] = {name: [] for name in names}
    tune_garbage_collector()
    _microseconds(records, "")
    for number in range(rounds):
        say(f"rules, round {number + 1}")
        for name, less in takes.items():
            first, second = ("", name) if number % 2 else (name, "")
            between = _microseconds(records, first) - _microseconds(records, second)
            less.append(between if number % 2 else -between)
    for name in names:
        yield name, median(takes[name])


def _microseconds(records: Sequence[Record], off: str) -> float:
    """Return the processor's microseconds of an event, with a rule off or none."""
    rulebook = load_rulebook(None, (f"{off}.mode=off",) if off else ())
    watch = PartitionWatch(rulebook, load_fields(), Fingerprinter(b"a benchmark needs no secret, but a key"), 0)
    collect()
    began = process_time()
    for start in range(0, len(records), 2000):
        for _ in watch.take(records[start : start + 2000], lambda: False):
            pass
        watch.effects()
    return (process_time() - began) / len(records) * 1e6
