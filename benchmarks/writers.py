"""Our database writer beside the bare driver: the same rows into the same tables, one transaction a batch.

Ours gets records as they come out of the topics. The driver alone gets the rows that ours makes of them, ready as parameters: it reads nothing, decides nothing, and
writes them by ``executemany`` (SQLite), or by COPY into a temporary table and one upsert a table (PostgreSQL).
"""

import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from operator import truediv
from statistics import median
from time import perf_counter, time_ns
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Engine, event

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from agents.scores import Merger
from benchmarks.report import Report, say
from benchmarks.workload import touchpoints
from config.fields import load_fields
from config.rules import load_rulebook
from sinks.database import create_engine, upgrade
from sinks.records import SinkRecord
from sinks.writer import DatabaseWriter
from tests.support.services import PostgresServer
from tests.unit.sinks.builders import everything

_POLLED = 1000
"""Touchpoints of one batch of the partition that the records come from."""

_INSERT = re.compile(r"INSERT INTO (?P<table>\w+) \((?P<columns>[^)]*)\) VALUES \([?, ]*\)(?P<conflict>.*)", re.DOTALL)

Rows = Sequence[tuple[str, Sequence[tuple[Any, ...]]]]
"""What one batch writes: SQLite's statements, each with its rows."""


class Rates(NamedTuple):
    """Records a second, of ours and of the driver alone, by round."""

    ours: list[float]
    bare: list[float]


def run(customers: int, batch: int, rounds: int) -> Report:
    """Measure on both databases, in turns; raises ``AssertionError`` where the two sides leave different rows."""
    records = list(_records(customers))
    batches = [records[start : start + batch] for start in range(0, len(records), batch)]
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as postgres:
        numbers = count()
        new_file: Callable[[], str] = lambda: f"sqlite:///{folder}/{next(numbers)}.db"  # noqa: E731
        rows = _recorded(new_file(), batches)
        found = {
            "SQLite": _measure("SQLite", new_file, batches, rows, _sqlite, rounds),
            "PostgreSQL": _measure("PostgreSQL", postgres.new_database, batches, rows, _postgresql, rounds),
        }
    written = sum(len(values) for statements in rows for _, values in statements)
    findings = sum(record.topic.endswith("alerts") for record in records)
    return Report(
        title="Writing to a database, beside its driver alone",
        columns=("", "Seamwatch, records/s", "driver alone, records/s", "ratio"),
        rows=[
            (name, f"{median(rates.ours):,.0f}", f"{median(rates.bare):,.0f}", f"{median(map(truediv, *rates)):.2f}")
            for name, rates in found.items()
        ],
        notes=[
            f"{findings:,} findings and {len(records) - findings:,} scores in transactions of {batch:,} records, {written:,} rows; medians of {rounds} rounds, in turns.",
            "Verified: both leave the same rows in all tables.",
        ],
    )


def _records(customers: int) -> Iterator[SinkRecord]:
    """Yield the findings and scores of many customers in the order in which one partition makes them."""
    rulebook = load_rulebook()
    watch = PartitionWatch(rulebook, load_fields(), Fingerprinter(b"a benchmark needs no secret"), 0)
    merger = Merger(rulebook.engine.prior_opportunities)
    offsets = {"alerts": count(), "scores": count()}
    now = _now()

    def record(topic: str, key: bytes, value: bytes) -> SinkRecord:
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


def _measure(
    name: str,
    new_database: Callable[[], str],
    batches: Sequence[Sequence[SinkRecord]],
    rows: Sequence[Rows],
    bare: Callable[[str, Sequence[Rows]], float],
    rounds: int,
) -> Rates:
    records = sum(map(len, batches))
    rates = Rates([], [])
    for number in range(rounds):
        say(f"{name}, round {number + 1} of {rounds}")
        ours_url, bare_url = new_database(), new_database()
        upgrade(bare_url)
        with _database(ours_url) as ours:
            writer = DatabaseWriter(ours, _now)
            began = perf_counter()
            for batch in batches:
                writer.write(batch)
            rates.ours.append(records / (perf_counter() - began))
            rates.bare.append(records / bare(bare_url, rows))
            with _database(bare_url) as other:
                if everything(ours) != everything(other):
                    raise AssertionError(f"{name}: the two sides left different rows")
    return rates


def _sqlite(url: str, batches: Sequence[Rows]) -> float:
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


def _postgresql(url: str, batches: Sequence[Rows]) -> float:
    """Return the seconds that the driver alone takes: COPY into a temporary table and one upsert, table by table."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        began = perf_counter()
        for statements in batches:
            for statement, rows in statements:
                insert = _INSERT.fullmatch(statement)
                if insert is None:
                    raise AssertionError(f"this is no upsert: {statement}")
                table, columns = insert["table"], insert["columns"]
                cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS copied_{table} (LIKE {table}) ON COMMIT DELETE ROWS")
                with cursor.copy(f"COPY copied_{table} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
                cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM copied_{table}{insert['conflict'] or ''}")
            connection.commit()
        return perf_counter() - began


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
