"""What it takes to delete what is old from a large PostgreSQL, and what the workers who store meanwhile feel of it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import quantiles
from threading import Event, Thread
from time import perf_counter, sleep, time_ns
from typing import TypeVar

from sqlalchemy import Engine, text

from benchmarks.report import Report, say
from sinks.database import create_engine, upgrade
from sinks.errors import DatabaseUnavailable
from sinks.postgres import ImpatientConnection
from sinks.prune import prunable, prune
from sinks.records import SinkRecord
from sinks.writer import DatabaseWriter
from tests.support.services import PostgresServer
from tests.unit.sinks.builders import finding, record

__all__ = ["DAYS", "QUIET", "fill", "run", "timed", "told", "vacuum", "writing"]

T = TypeVar("T")

DAYS = 400
"""Of history, evenly filled."""
QUIET = 3600.0
"""Seconds that the server may say nothing while it is filled."""
_CHUNK = 100_000
_BATCH = 50
"""Findings of a transaction of the worker that stores meanwhile, and of ten transactions a second."""
_PAUSE = 0.1

_AT = "CAST(:first AS timestamptz) + n * (interval '400 days' / :number)"
_FILL = {
    # Three findings an alert, a day apart; of twenty alerts one is open, whatever its age, and one of a hundred is a duplicate.
    "findings": f"""
        INSERT INTO findings (id, tenant, revision, withdrawn, detector, reason, severity, customer, journey, contact, seam_from, seam_to, field, time,
            explained_by, alert, rule, rule_version, rule_mode, standing, body, updated, team, channel, summary)
        SELECT md5('f' || n), 'default', 1, false, 'detector_' || n % 20, 'reason', 'warning', 'c-' || n % 1000003, 'j-' || n % 2000003, 'k-' || n % 3000017,
            'team:' || n % 11, 'team:' || n % 7, 'field_' || n % 8, {_AT}, NULL, md5('a' || n / 3), 'rule', 1, 'on', true,
            jsonb_build_object('id', md5('f' || n), 'summary', repeat('what was said where ', 30)), {_AT}, '1', 'voice', 'what was said where'
        FROM generate_series(CAST(:begin AS bigint), CAST(:end AS bigint)) AS n
    """,
    "alerts": f"""
        INSERT INTO alerts (key, tenant, detector, customer, state, severity, first_seen, last_seen, occurrences, version, updated, resolution, duplicate_of)
        SELECT md5('a' || n), 'default', 'detector_' || n % 20, 'c-' || n % 1000003, CASE WHEN n % 20 = 0 THEN 'open' ELSE 'resolved' END, 'warning',
            {_AT}, {_AT}, 3, 3, {_AT}, CASE WHEN n % 20 > 0 THEN 'fixed' END, CASE WHEN n % 100 = 7 THEN md5('a' || (n - 2)) END
        FROM generate_series(CAST(:begin AS bigint), CAST(:end AS bigint)) AS n
    """,
    "alert_changes": f"""
        INSERT INTO alert_changes (alert, version, from_state, to_state, reason, actor, time)
        SELECT md5('a' || n / 3), n % 3, 'open', 'resolved', 'operator', 'ada', {_AT} FROM generate_series(CAST(:begin AS bigint), CAST(:end AS bigint)) AS n
    """,
    "briefs": f"""
        INSERT INTO briefs (key, tenant, journey, customer, id, occasion, time, log_offset, body)
        SELECT md5('b' || n), 'default', 'j-' || n, 'c-' || n % 1000003, md5('b' || n), 'handoff', {_AT}, n,
            jsonb_build_object('headline', repeat('what was said where ', 40))
        FROM generate_series(CAST(:begin AS bigint), CAST(:end AS bigint)) AS n
    """,
    "promises": f"""
        INSERT INTO promises (tenant, promise, customer, made, due, outcome, ended)
        SELECT 'default', 'p-' || n, 'c-' || n % 1000003, {_AT}, {_AT} + interval '2 days', 'kept', {_AT} + interval '1 day'
        FROM generate_series(CAST(:begin AS bigint), CAST(:end AS bigint)) AS n
    """,
    "scores": f"""
        INSERT INTO scores (key, tenant, score, scope, name, half_life, value, samples, components, as_of, log_offset)
        SELECT md5('s' || n), 'default', 'consistency', 'journey', 'j-' || n, 3600, 90, 3, '{{"harm": 0.3, "opportunities": 3.0}}', {_AT}, n
        FROM generate_series(CAST(:begin AS bigint), CAST(:end AS bigint)) AS n
    """,
}
_SUMMARISE = "SELECT brin_summarize_new_values(c.oid) FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam WHERE a.amname = 'brin' AND c.relkind = 'i'"
_SHARE = {"findings": 1.0, "alerts": 1 / 3, "alert_changes": 1.0, "briefs": 1 / 3, "promises": 1 / 6, "scores": 2 / 3}
"""Rows of each table, for each finding."""


def run(number: int) -> Report:
    """Fill a PostgreSQL with ``number`` findings of 400 days and what belongs to them; delete a day's, then those of forty days, while a worker stores.

    Raises ``AssertionError`` where something else went than what was foretold.
    """
    ImpatientConnection.silence = QUIET
    with PostgresServer() as server:
        url = server.new_database()
        upgrade(url)
        engine = create_engine(url)
        first = datetime.now(UTC) - timedelta(days=DAYS)
        fill(engine, first, number)
        calm = writing(url, lambda: sleep(20))
        rows = [("nothing", "", "", "", *told(calm))]
        for name, days in (("a day", 1), ("forty days more", 41), ("the next day, vacuumed", 42)):
            before = first + timedelta(days=days)
            say(f"deleting {name}")
            foretold, asked = timed(lambda before=before: prunable(engine, before))  # type: ignore[misc]
            deleted: dict[str, int] = {}
            taken = [0.0]

            def work(before: datetime = before, deleted: dict[str, int] = deleted, taken: list[float] = taken) -> None:
                found, taken[0] = timed(lambda: prune(engine, before))
                deleted.update(found)

            felt = told(writing(url, work))
            assert deleted == {table: each for table, each in foretold.items() if each}, (deleted, foretold)
            total = sum(deleted.values())
            rows.append((name, f"{total:,}", f"{taken[0]:.1f} s", f"{total / taken[0]:,.0f}", *felt))
            if days == 41:
                vacuum(engine)
            say(f"{deleted}; the count beforehand took {asked:.1f} s")
        engine.dispose()
    return Report(
        title="Deleting what is old, beside a worker that stores",
        columns=("deleted", "rows", "took", "rows/s", "a transaction of the worker, median", "99 %", "most"),
        rows=rows,
        notes=[
            f"PostgreSQL with {number:,} findings of {DAYS} days and " + ", ".join(f"{_rows(number, share):,} {table}" for table, share in _SHARE.items() if
            table != "findings") + f"; one alert of twenty is open. The worker stores {_BATCH} findings in each of about ten transactions a second.",
            "Verified: what went is what `--dry-run` had said.",
        ],
    )


def fill(engine: Engine, first: datetime, number: int) -> None:
    """Put so many findings of the days since ``first``, and what belongs to them."""
    for table, share in _SHARE.items():
        rows = _rows(number, share)
        say(f"{rows:,} {table}")
        for begin in range(0, rows, _CHUNK):
            with engine.begin() as connection:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                given = {"first": first, "number": rows, "begin": begin, "end": min(begin + _CHUNK, rows) - 1}
                connection.execute(text(_FILL[table]), given)
    vacuum(engine)


def _rows(number: int, share: float) -> int:
    return int(number * share + 0.5) + (share < 1)  # the last finding has an alert, too


def vacuum(engine: Engine) -> None:
    """Vacuum, and have the indexes by time know all rows."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text(_SUMMARISE))  # as they are where the days took days


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what comes of some work, and its seconds."""
    began = perf_counter()
    return work(), perf_counter() - began


def writing(url: str, work: Callable[[], None], made: Callable[[DatabaseWriter], None] = lambda writer: None) -> list[float]:
    """Store findings while ``work`` goes on, by a writer that ``made`` is shown; return the seconds of each transaction, at least ten."""
    over = Event()
    taken: list[float] = []

    def store() -> None:
        engine = create_engine(url)
        writer, numbers = DatabaseWriter(engine, lambda: time_ns() // 1000), count(time_ns())
        made(writer)
        while not over.is_set() or len(taken) < 10:
            records = [record(finding(f"new-{next(numbers)}", alert=f"new-{next(numbers) % 1000}", minutes=60 * 24 * 200)) for _ in range(_BATCH)]
            taken.append(timed(lambda records=records: _stored(writer, records))[1])  # type: ignore[misc]
            over.wait(_PAUSE)
        engine.dispose()

    thread = Thread(target=store)
    thread.start()
    try:
        work()
    finally:
        over.set()
        thread.join()
    return taken


def _stored(writer: DatabaseWriter, records: Sequence[SinkRecord]) -> None:
    """Write a batch, again and again as a worker does where the database does not take it at once."""
    while True:
        try:
            writer.write(records)
        except DatabaseUnavailable as error:
            sleep(error.retry_after)
        else:
            return


def told(taken: Sequence[float]) -> list[str]:
    """Return the median of seconds, 99 % and the most, in words."""
    cut = quantiles(taken, n=100, method="inclusive")
    return [f"{each * 1000:,.0f} ms" for each in (cut[49], cut[98], max(taken))]
