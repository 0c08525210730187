"""Our database writer beside the bare driver: the same rows into the same tables, one transaction a batch.

Ours gets records as they come out of the topics. The driver alone gets the rows that ours makes of them, ready as parameters: it reads nothing, decides
nothing, and writes them by ``executemany`` (SQLite), or by COPY into a temporary table and one upsert a table (PostgreSQL). Once it does that alone, once it
also reads the JSON of every record, as whoever writes what comes out of a topic must.
"""

import json
import re
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, count
from operator import truediv
from statistics import median
from time import perf_counter, time_ns
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Engine, event

from agents.fields import FieldCatalog, FieldDefinition, Fingerprinter
from agents.partition import PartitionWatch, Record
from agents.scores import Merger
from benchmarks.report import Report, say
from benchmarks.workload import touchpoints
from config.rules import load_rulebook
from sinks.database import create_engine, upgrade
from sinks.records import SinkRecord
from sinks.statements import Statements, Upsert
from sinks.writer import DatabaseWriter
from streams.interpreter import tune_garbage_collector
from tests.support.services import PostgresServer
from tests.unit.sinks.builders import everything

_POLLED = 5000
"""Touchpoints of one batch of the partition that the records come from: as many as a worker polls at full speed, which is when a writer has to be fast."""

_FIELDS = FieldCatalog(FieldDefinition(name, kind="identity") for name in ("customer_name", "postal_code"))
"""To ask for one of these again is a failure at once, which opens an alert; the order number, asked for as often, has to wait for the customer's answer."""

_INSERT = re.compile(r"INSERT INTO (?P<table>\w+) ")

Rows = Sequence[tuple[str, Sequence[tuple[Any, ...]]]]
"""What one batch writes: SQLite's statements, each with its rows."""


class Rates(NamedTuple):
    """Records a second by round: of ours, of the driver alone, and of the driver with `json.loads` before it."""

    ours: list[float]
    bare: list[float]
    reading: list[float]


def run(customers: int, batch: int, rounds: int) -> Report:
    """Measure on both databases, in turns; raises ``AssertionError`` where the two sides leave different rows."""
    records = list(_records(customers))
    batches = [records[start : start + batch] for start in range(0, len(records), batch)]
    tune_garbage_collector()  # as a worker does
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as postgres:
        numbers = count()
        new_file: Callable[[], str] = lambda: f"sqlite:///{folder}/{next(numbers)}.db"  # noqa: E731
        rows = _recorded(new_file(), batches)
        found = {
            "SQLite": _measure("SQLite", new_file, batches, rows, _sqlite, rounds),
            "PostgreSQL": _measure("PostgreSQL", postgres.new_database, batches, _texts(rows), _postgresql, rounds),
        }
    tables: Counter[str] = Counter()
    for statement, values in chain.from_iterable(rows):
        tables[_table(statement)] += len(values)
    made = ", ".join(f"{number:,} of {table}" for table, number in tables.items())
    findings = sum(record.topic.endswith("alerts") for record in records)
    return Report(
        title="Writing to a database, beside its driver alone",
        columns=("records/s", "Seamwatch", "driver alone", "Seamwatch / it", "driver and json.loads", "Seamwatch / it"),
        rows=[
            (
                name,
                f"{median(ours):,.0f}",
                *(text for other in others for text in (f"{median(other):,.0f}", f"{median(map(truediv, ours, other)):.2f}")),
            )
            for name, (ours, *others) in found.items()
        ],
        notes=[
            f"{findings:,} findings and {len(records) - findings:,} scores in transactions of {batch:,} records, which make {sum(tables.values()):,} rows: "
            f"{made}. Medians of {rounds} rounds, in turns.",
            "Verified: all leave the same rows in all tables.",
        ],
    )


def _records(customers: int) -> Iterator[SinkRecord]:
    """Yield the findings and scores of many customers in the order in which one partition makes them."""
    rulebook = load_rulebook()
    watch = PartitionWatch(rulebook, _FIELDS, Fingerprinter(b"a benchmark needs no secret"), 0)
    merger = Merger(rulebook.engine.prior_opportunities)
    offsets = {"alerts": count(), "scores": count()}
    now = _now()

    def record(topic: str, key: bytes, value: bytes | None) -> SinkRecord:
        return SinkRecord(f"bench.{topic}", 0, next(offsets[topic]), now, key, value, ())

    polled = [Record(offset, now // 1000, *each) for offset, each in enumerate(touchpoints(customers))]
    for start in range(0, len(polled), _POLLED):
        effects = watch.process(polled[start : start + _POLLED])
        for tally in effects.tallies:
            merger.take(*tally)
        yield from (record("alerts", *each) for each in effects.findings)
        yield from (record("scores", *each) for each in (*effects.customer_scores, *merger.take_scores()))


def _recorded(url: str, batches: Sequence[Sequence[SinkRecord]]) -> list[Rows]:
    """Return, batch by batch, what our writer tells SQLite to write."""
    recorded: list[Rows] = []
    with _database(url) as engine:
        writer = DatabaseWriter(engine, _now)
        written: list[tuple[str, Sequence[tuple[Any, ...]]]] = []

        def note(_c: Any, _cursor: Any, statement: str, rows: Any, _context: Any, many: bool) -> None:
            if statement.startswith("INSERT"):
                written.append((statement, list(rows) if many else [rows]))

        event.listen(engine, "before_cursor_execute", note)
        for batch in batches:
            writer.write(batch)
            recorded.append(written.copy())
            written.clear()
    return recorded


def _texts(rows: Sequence[Rows]) -> list[Rows]:
    """Return what PostgreSQL's driver takes: JSON is text to it, not bytes."""
    return [
        [(statement, [tuple(part.decode() if isinstance(part, bytes) else part for part in row) for row in values]) for statement, values in statements]
        for statements in rows
    ]


def _measure(
    name: str,
    new_database: Callable[[], str],
    batches: Sequence[Sequence[SinkRecord]],
    rows: Sequence[Rows],
    bare: Callable[[str, Iterable[Rows]], float],
    rounds: int,
) -> Rates:
    records = sum(map(len, batches))
    rates = Rates([], [], [])
    for number in range(rounds):
        say(f"{name}, round {number + 1} of {rounds}")
        with _database(new_database()) as ours, _database(new_database()) as alone, _database(new_database()) as reading:
            rates.ours.append(records / _ours(ours, batches))
            rates.bare.append(records / bare(_address(alone), rows))
            rates.reading.append(records / bare(_address(reading), _read(batches, rows)))
            if not everything(ours) == everything(alone) == everything(reading):
                raise AssertionError(f"{name}: the sides left different rows")
    return rates


def _ours(engine: Engine, batches: Sequence[Sequence[SinkRecord]]) -> float:
    writer = DatabaseWriter(engine, _now)
    began = perf_counter()
    for batch in batches:
        writer.write(batch)
    return perf_counter() - began


def _read(batches: Sequence[Sequence[SinkRecord]], rows: Sequence[Rows]) -> Iterator[Rows]:
    """Yield the rows of each batch once its records are read."""
    for batch, statements in zip(batches, rows, strict=True):
        for record in batch:
            json.loads(record.value or b"")
        yield statements


def _address(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def _sqlite(url: str, batches: Iterable[Rows]) -> float:
    """Return the seconds that the driver alone takes, as safe as ours: in WAL mode, synchronous=FULL."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        began = perf_counter()
        for statements in batches:
            connection.execute("BEGIN IMMEDIATE")
            for statement, rows in statements:
                connection.executemany(statement, rows)
            connection.execute("COMMIT")
        return perf_counter() - began


def _postgresql(url: str, batches: Iterable[Rows]) -> float:
    """Return the seconds that the driver alone takes: COPY into a temporary table and one upsert, table by table."""
    upserts = {each.table: each for each in vars(Statements("postgresql")).values() if isinstance(each, Upsert)}
    with psycopg.connect(url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        began = perf_counter()
        for statements in batches:
            for statement, rows in statements:
                upsert = upserts[_table(statement)]
                cursor.execute(upsert.create_copied)
                with cursor.copy(upsert.copy) as copy:
                    for row in rows:
                        copy.write_row(row)
                cursor.execute(upsert.take_copied)
            connection.commit()
        return perf_counter() - began


def _table(statement: str) -> str:
    insert = _INSERT.match(statement)
    if insert is None:
        raise AssertionError(f"this is no upsert: {statement}")
    return insert["table"]


@contextmanager
def _database(url: str) -> Iterator[Engine]:
    upgrade(url)
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _now() -> int:
    return time_ns() // 1000
