"""What partitions by month would cost and save: the table of findings as it is beside one that is partitioned, both on one PostgreSQL.

A partitioned table has its time in every unique key, so the other side's findings are one by id and time: were a finding's time to change, they would be two.
Alerts that are open keep their findings, however old: who drops a month first puts those aside, into the partition that takes what no other one does.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from time import sleep
from typing import Any, NamedTuple

from sqlalchemy import Engine, text

from benchmarks.pruning import DAYS, QUIET, fill, timed, told, vacuum, writing
from benchmarks.report import Report, say
from sinks.database import create_engine, upgrade
from sinks.postgres import ImpatientConnection
from sinks.prune import prune
from sinks.writer import DatabaseWriter
from tests.support.services import PostgresServer

__all__ = ["run"]

_MONTH = 30
"""Days of a partition."""
_CALM = 20.0
"""Seconds of each turn in which nothing is deleted."""
_LOOKS = 300
"""Alerts that are looked at."""
_MEGABYTE = 1 << 20


class _Side(NamedTuple):
    """A database, how its writer is made to fit it, and how what is older than a moment is deleted."""

    name: str
    url: str
    engine: Engine
    fit: Callable[[DatabaseWriter], None]
    delete: Callable[[int], None]


class _Seen(NamedTuple):
    """Of a side: seconds of transactions while nothing was deleted and while months were, of looks at an alert, of each deletion; megabytes of findings."""

    calm: list[float]
    felt: list[float]
    looks: list[float]
    took: list[float]
    megabytes: list[float]


def run(number: int, rounds: int) -> Report:
    """Fill both sides with ``number`` findings of 400 days; write, look at alerts, and delete the oldest months, one a turn, while a worker stores.

    Raises ``AssertionError`` where the two sides do not keep the same findings.
    """
    ImpatientConnection.silence = QUIET
    with PostgresServer() as server:
        first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS)
        sides = [_made(server.new_database(), first, number, months=months) for months in (False, True)]
        seen = {side.name: _Seen([], [], [], [], [_megabytes(side.engine)]) for side in sides}
        keys, sizes, rows = _alerts(sides[0].engine), _sizes(sides[0].engine), _count(sides[0].engine)
        for turn in range(rounds):
            for side in sides if turn % 2 else sides[::-1]:
                say(f"turn {turn + 1}: {side.name}")
                calm, felt, looks, took, _ = seen[side.name]
                calm += writing(side.url, lambda: sleep(_CALM), side.fit)
                looks += _looked(side.engine, keys)
                felt += writing(side.url, lambda side=side, turn=turn, took=took: took.append(timed(lambda: side.delete(turn))[1]), side.fit)  # type: ignore[misc]
        for side in sides:
            seen[side.name].megabytes.append(_megabytes(side.engine))
            _refill(side.engine, first, rows - _count(side.engine))
            seen[side.name].megabytes.append(_megabytes(side.engine))
        one, other = (_kept(side.engine) for side in sides)
        assert one == other, (one, other)
        for side in sides:
            side.engine.dispose()
    return Report(
        title="Findings in one table, and in partitions of a month",
        columns=("", *seen),
        rows=[
            *zip(("a transaction of the worker, median", "99 %", "most"), *(told(each.calm) for each in seen.values()), strict=True),
            ("an alert looked at, median", *(f"{median(each.looks) * 1000:.1f} ms" for each in seen.values())),
            ("a month deleted in", *(f"{median(each.took):.1f} s" for each in seen.values())),
            *zip(("meanwhile a transaction, median", "99 %", "most"), *(told(each.felt) for each in seen.values()), strict=True),
            *(
                (when, *(f"{each.megabytes[at]:,.0f} MB" for each in seen.values()))
                for at, when in enumerate(("findings on disk before", "after", "when as much came as went, vacuumed"))
            ),
        ],
        notes=[
            f"PostgreSQL with {number:,} findings of {DAYS} days on either side, one alert of twenty open; "
            f"{rounds} turns of {_CALM:.0f} s each and a month deleted.",
            "Both delete what `seamwatch db prune` deletes: with partitions a month is detached, what open alerts need of it is put aside, the rest dropped; "
            "alerts and their changes go as rows on both sides. Verified: both sides keep the same findings.",
            f"Before, the tables that grow were of {sizes}.",
        ],
    )


def _made(url: str, first: datetime, number: int, *, months: bool) -> _Side:
    upgrade(url)
    engine = create_engine(url)
    if not months:
        fill(engine, first, number)
        return _Side("one table", url, engine, lambda writer: None, lambda month: _prune(engine, first, month))
    with engine.begin() as connection:
        for statement in _partitioned(connection.execute(_INDEXES).scalars().all(), first):
            connection.execute(text(statement))
    fill(engine, first, number)
    return _Side("by month", url, engine, _fitted, lambda month: _drop(engine, first, month))


_COLUMNS = text("SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = 'findings'::regclass AND attnum > 0")
_INDEXES = text("SELECT indexdef FROM pg_indexes WHERE tablename = 'findings' AND indexname <> 'pk_findings' ORDER BY indexname")


def _partitioned(indexes: Sequence[str], first: datetime) -> list[str]:
    """Return what makes findings a partitioned table with the same indexes, but for its key."""
    made = ["ALTER TABLE findings RENAME TO plain", "CREATE TABLE findings (LIKE plain INCLUDING DEFAULTS) PARTITION BY RANGE (time)", "DROP TABLE plain"]
    made += ["ALTER TABLE findings ADD PRIMARY KEY (id, time)", *indexes, "CREATE TABLE findings_rest PARTITION OF findings DEFAULT"]
    for month in range(DAYS // _MONTH + 2):
        begin, end = (first + timedelta(days=_MONTH * each) for each in (month, month + 1))
        made.append(f"CREATE TABLE findings_{month} PARTITION OF findings FOR VALUES FROM ('{begin.isoformat()}') TO ('{end.isoformat()}')")
    return made


def _fitted(writer: DatabaseWriter) -> None:
    """Have a writer find out by id and time whether it has a finding."""
    upsert = writer._statements.findings
    upsert.sql, upsert.take_copied = (each.replace("ON CONFLICT (id)", "ON CONFLICT (id, time)") for each in (upsert.sql, upsert.take_copied))


def _prune(engine: Engine, first: datetime, month: int) -> None:
    prune(engine, first + timedelta(days=_MONTH * (month + 1)))


_STAYS = """
    INSERT INTO findings SELECT f.* FROM findings_{month} AS f JOIN alerts AS a ON a.key = f.alert
    WHERE NOT (a.state = 'resolved' AND a.last_seen < :before AND a.updated < :before)
"""


def _drop(engine: Engine, first: datetime, month: int) -> None:
    """Drop a month but for what open alerts need of it, in one transaction; then prune what is in other tables."""
    before = first + timedelta(days=_MONTH * (month + 1))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"ALTER TABLE findings DETACH PARTITION findings_{month}"))
        connection.execute(text(_STAYS.format(month=month)), {"before": before})
        connection.execute(text(f"DROP TABLE findings_{month}"))
    prune(engine, before)


def _refill(engine: Engine, first: datetime, number: int) -> None:
    """Store as many findings as went, of the newest months, as what comes is."""
    vacuum(engine)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        columns = connection.execute(_COLUMNS).scalar_one()
        given: dict[str, Any] = {"number": number, "since": first + timedelta(days=DAYS // 2)}
        chosen = columns.replace("id,", "'again-' || id,", 1)
        connection.execute(text(f"INSERT INTO findings ({columns}) SELECT {chosen} FROM findings WHERE time > :since ORDER BY id LIMIT :number"), given)
    vacuum(engine)


def _alerts(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT key FROM alerts WHERE key NOT LIKE 'new-%' ORDER BY key LIMIT :most"), {"most": _LOOKS}).scalars())


def _looked(engine: Engine, keys: Sequence[str]) -> list[float]:
    """Return the seconds that each of these alerts' findings take, the newest first, as the console asks for them."""
    query = text("SELECT * FROM findings WHERE alert = :key ORDER BY time DESC, id LIMIT 100")
    with engine.connect() as connection:
        return [timed(lambda key=key: connection.execute(query, {"key": key}).all())[1] for key in keys]  # type: ignore[misc]


def _count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM findings WHERE id NOT LIKE 'new-%'")).scalar_one())


def _kept(engine: Engine) -> Any:
    """Return how many findings there are but for what was stored meanwhile, and a digest of which."""
    of = "SELECT count(*), md5(string_agg(id, ',' ORDER BY id)) FROM findings WHERE id NOT LIKE 'new-%' AND id NOT LIKE 'again-%'"
    with engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        return tuple(connection.execute(text(of)).one())


def _sizes(engine: Engine) -> str:
    of = "SELECT relname, pg_total_relation_size(relid) AS size FROM pg_stat_user_tables WHERE n_live_tup > 1000 ORDER BY size DESC"
    with engine.connect() as connection:
        return ", ".join(f"{size / _MEGABYTE:,.0f} MB ({name})" for name, size in connection.execute(text(of)))


def _megabytes(engine: Engine) -> float:
    of = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('findings') UNION ALL SELECT pg_total_relation_size('findings')"
    with engine.connect() as connection:
        return max(float(each or 0) for each in connection.execute(text(of)).scalars()) / _MEGABYTE
