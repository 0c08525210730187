"""The writer's SQL, built once: rows go in as parameters. One text for SQLite and PostgreSQL, but for the dialect's
own INSERT.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, get_args

from sqlalchemy import (
    JSON,
    ColumnElement,
    Dialect,
    Exists,
    LargeBinary,
    Table,
    Text,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from models.finding import Severity
from models.tables import (
    UtcDateTime,
    alert_changes,
    alerts,
    briefs,
    customer_aliases,
    dead_letters,
    ended_scores,
    findings,
    forgotten_customers,
    scores,
    stream_progress,
    utc_text,
)
from sinks.database import encode_json, one_of
from sinks.lifecycle import rank

__all__ = ["LOCK_TABLES", "RANK_SEVERITY", "Lookup", "Statements", "Upsert"]

_psycopg: Callable[..., Dialect] = postgresql.psycopg.dialect
_SEVERITY_RANK: dict[str, int] = {severity: rank(severity) for severity in get_args(Severity)}
RANK_SEVERITY: dict[int, Severity] = {rank(severity): severity for severity in get_args(Severity)}
LOCK_TABLES = (
    "LOCK TABLE forgotten_customers, findings, alerts, scores, ended_scores, briefs, customer_aliases, customers, invitations, promises, dead_letters,"
    " stream_progress IN SHARE ROW EXCLUSIVE MODE"
)
"""Of PostgreSQL: waits for the writers and operators under way and keeps others out, not readers. Unlike an advisory
lock, which a query takes, it comes before the transaction's snapshot.
"""


class Upsert:
    """What adds or replaces rows of one table, for a driver itself: per row SQLAlchemy takes longer than the database.

    ``sql`` has a place for each of ``columns`` of ``table``. Of PostgreSQL alone: ``copy`` fills the temporary table that ``create_copied`` makes, and
    ``take_copied`` upserts all that is in it; rows that are many go faster so. A row for which ``unless`` finds something is left out.
    """

    def __init__(self, statement: Any, table: Table, dialect: Dialect, *, unless: Callable[[Any], Exists] | None = None) -> None:
        self.sql = str(statement.compile(dialect=dialect))
        self.table = table.name
        self.columns = [column.name for column in table.columns]
        self._stored = [_stored(column.type, dialect) for column in table.columns]
        quote = dialect.identifier_preparer.quote
        listed = ", ".join(map(quote, self.columns))
        keys = ", ".join(quote(column.name) for column in table.primary_key.columns)
        _, conflict, otherwise = self.sql.partition(" ON CONFLICT")
        copied = f"copied_{table.name}"
        where = ""
        if unless is not None:
            told = SimpleNamespace(**{column.name: literal_column(f"told.{quote(column.name)}", column.type) for column in table.columns})
            where = f" WHERE NOT {unless(told).compile(dialect=dialect)}"
            given = ", ".join(f"{_parameter(column.type, dialect)} AS {quote(column.name)}" for column in table.columns)
            self.sql = f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM (SELECT {given}) AS told{where}{conflict}{otherwise}"
        self.create_copied = f"CREATE TEMPORARY TABLE IF NOT EXISTS {copied} (LIKE {table.name}) ON COMMIT DELETE ROWS"
        self.copy = f"COPY {copied} ({listed}) FROM STDIN"
        self.take_copied = (
            f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {copied} AS told{where} ORDER BY {keys}{conflict}{otherwise}"
        )

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of all columns as the driver takes them."""
        return tuple(
            values[name] if stored is None else stored(values[name])
            for name, stored in zip(self.columns, self._stored, strict=True)
        )


class Lookup:
    """A query for the rows that have some keys, for a driver itself."""

    def __init__(self, query: Any, dialect: Dialect) -> None:
        compiled = query.compile(dialect=dialect)
        self.sql = str(compiled)
        self._parameters = [(name, compiled.params[name]) for name in compiled.positiontup]
        self._keys: Callable[[list[str]], Any] = list if dialect.name == "postgresql" else encode_json

    def parameters(self, keys: list[str]) -> tuple[Any, ...]:
        """Return what the driver takes beside ``sql`` to look for these keys."""
        given = self._keys(keys)
        return tuple(given if name == "keys" else value for name, value in self._parameters)


class Statements:
    """All statements of the writer for one dialect (``sqlite`` or ``postgresql``)."""

    def __init__(self, dialect: str) -> None:
        is_postgresql = dialect == "postgresql"
        insert: Any = postgresql.insert if is_postgresql else sqlite.insert
        driver: Dialect = _psycopg(paramstyle="format") if is_postgresql else sqlite.dialect(paramstyle="qmark")

        upsert = insert(findings)
        if not is_postgresql:  # which takes the bytes of a body as the text that they are
            body = cast(bindparam("body", type_=LargeBinary), Text)
            upsert = upsert.values({column.name: bindparam(column.name) for column in findings.columns} | {"body": body})
        newer = _newer(upsert.excluded, findings.c)
        self.findings = Upsert(_replacing(upsert, findings, where=newer), findings, driver)
        known = select(findings.c.id, findings.c.revision, findings.c.rule_version, findings.c.alert, findings.c.standing)
        self.known_findings = Lookup(known.where(one_of(dialect, findings.c.id)), driver)

        severity = case(_SEVERITY_RANK, value=findings.c.severity)
        standing = select(
            findings.c.alert, func.count(), func.max(severity), func.min(findings.c.time), func.max(findings.c.time)
        ).group_by(findings.c.alert)
        self.standing = Lookup(standing.where(one_of(dialect, findings.c.alert), findings.c.standing), driver)

        self.stored_time: Callable[[datetime], Any] = _same if is_postgresql else utc_text
        self.read_time: Callable[[Any], Any] = partial(UtcDateTime().process_result_value, dialect=driver)
        self.known_alerts = Lookup(select(alerts).where(one_of(dialect, alerts.c.key)), driver)
        self.alerts = Upsert(_replacing(insert(alerts), alerts), alerts, driver)
        self.changes = Upsert(insert(alert_changes), alert_changes, driver)

        upsert = insert(scores)
        new, old = upsert.excluded, scores.c
        ended = ended_scores.c
        self.scores = Upsert(
            _replacing(upsert, scores, where=_moment(new) >= _moment(old)),
            scores,
            driver,
            unless=lambda told: exists().where(ended.key == told.key, _moment(ended) > _moment(told)),
        )
        upsert = insert(ended_scores)
        later = _moment(upsert.excluded) >= _moment(ended)
        self.ended_scores = Upsert(_replacing(upsert, ended_scores, where=later), ended_scores, driver)
        gone = [bindparam(name, type_=ended[name].type) for name in ("as_of", "sequence", "log_offset")]
        self.delete_scores = str(delete(scores).where(old.key == bindparam("key"), _moment(old) <= tuple_(*gone)).compile(dialect=driver))

        upsert = insert(briefs)
        newer = tuple_(upsert.excluded.time, upsert.excluded.log_offset) >= tuple_(briefs.c.time, briefs.c.log_offset)
        self.briefs = Upsert(_replacing(upsert, briefs, where=newer), briefs, driver)

        self.aliases = Upsert(_replacing(insert(customer_aliases), customer_aliases), customer_aliases, driver)

        forgotten = forgotten_customers.c
        self.forgotten = Upsert(_replacing(insert(forgotten_customers), forgotten_customers), forgotten_customers, driver)
        self.last_forgotten = str(select(func.max(forgotten.time)).compile(dialect=driver))
        self.known_forgotten = Lookup(select(forgotten.digest, forgotten.kind, forgotten.source_offset).where(one_of(dialect, forgotten.digest)), driver)
        self.delete_forgotten = str(delete(forgotten_customers).where(forgotten.time < bindparam("time", type_=forgotten.time.type)).compile(dialect=driver))

        self.letters = Upsert(insert(dead_letters).on_conflict_do_nothing(), dead_letters, driver)

        # By the broker's time: offsets begin anew where a topic was made again.
        upsert = insert(stream_progress)
        not_older = upsert.excluded.appended >= stream_progress.c.appended
        self.progress = Upsert(_replacing(upsert, stream_progress, where=not_older), stream_progress, driver)


def _same(time: datetime) -> datetime:
    return time


def _stored(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return what makes a value of this type what the driver takes; None where it takes it as it is."""
    if isinstance(kind, UtcDateTime):
        return partial(kind.process_bind_param, dialect=dialect)
    if isinstance(kind, JSON):
        return lambda value: None if value is None else encode_json(value)
    return None


def _parameter(kind: Any, dialect: Dialect) -> str:
    """Return a place for a value in a query; PostgreSQL wants to know its type there, and SQLite would make a number of JSON."""
    return f"CAST(%s AS {kind.compile(dialect=dialect)})" if dialect.name == "postgresql" else "?"


def _moment(row: Any) -> ColumnElement[Any]:
    """Return what decides between two scores of one key: the greater is the later one."""
    return tuple_(row.as_of, row.sequence, row.log_offset)


def _newer(new: Any, old: Any) -> ColumnElement[bool]:
    return or_(new.revision > old.revision, (new.revision == old.revision) & (new.rule_version > old.rule_version))


def _replacing(upsert: Any, table: Table, *, where: ColumnElement[bool] | None = None) -> Any:
    keys = list(table.primary_key.columns)
    left = {column.name for column in keys}
    replaced = {column.name: upsert.excluded[column.name] for column in table.columns if column.name not in left}
    return upsert.on_conflict_do_update(index_elements=keys, set_=replaced, where=where)
