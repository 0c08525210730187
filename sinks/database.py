"""Open the database, bring its tables up to date, and tell whether they are."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from time import sleep
from typing import Any, TypeVar

import msgspec
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, ColumnElement, Connection, Engine, Text, any_, bindparam, event, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from sinks.errors import (
    Conflict,
    DatabaseUnavailable,
    RolesMissing,
    SchemaOutdated,
    UnsupportedDatabase,
    database_errors,
)

__all__ = ["check_schema", "create_engine", "encode_json", "insert_into", "one_by_one", "one_of", "patient", "transact", "upgrade", "writing"]

_T = TypeVar("_T")
_WRITES = "seamwatch_writes"
_MIGRATION_LOCK = 0x5EA3_0001
_UPGRADE_ATTEMPTS, _UPGRADE_PAUSE = 20, 0.5
"""How often an upgrade gives way to those who write, and for how many seconds.

Both take one table after the other, and of two that wait for each other PostgreSQL ends one.
"""
_PARTS = frozenset({"seamwatch_worker", "seamwatch_insight", "seamwatch_deliver", "seamwatch_console", "seamwatch_doctor"})
"""The roles to which config/postgres/roles.sql grants something."""
_ROLES = text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'seamwatch%'")
_PATIENCE = 5.0
"""Seconds to wait for a connection, and for SQLite's one writer."""

# A writer that stands still inside a transaction holds its rows: the server ends it, and the partition's next owner
# goes on.
_SERVER_LIMITS = {
    "jit": "off",  # compiling a query of the console takes as long as answering it
    "work_mem": "32MB",  # counting 100,000 alerts by what they have goes to disk with the default of 4
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}


def create_engine(url: str) -> Engine:
    """Return an engine for SQLite (``sqlite:///file.db``) or PostgreSQL (``postgresql://...``, by psycopg 3). Opens
    nothing yet.

    Raises `UnsupportedDatabase`, whose message holds no password.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:  # a port that is no number
        raise UnsupportedDatabase(
            "the database's address is none: expected sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error
    kind = address.get_backend_name()
    if kind == "sqlite":
        return _sqlite(address)
    if kind in {"postgresql", "postgres"}:
        return _postgresql(address.set(drivername="postgresql+psycopg"))
    raise UnsupportedDatabase(f"{kind}: expected a database of sqlite or postgresql")


def encode_json(value: Any) -> str:
    """Return a value as the JSON that the database is given; several times as fast as the standard library's."""
    return msgspec.json.encode(value).decode()


def writing(engine: Engine) -> Engine:
    """Return an engine on the same connections whose transactions are safe beside other writers.

    PostgreSQL: repeatable read, so that the second of two transactions that change one row fails with a conflict
    instead of overwriting what it has not seen. SQLite: the write lock is taken at the start, for a transaction that
    reads first could not get it later.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_WRITES: True})
    return engine.execution_options(isolation_level="REPEATABLE READ")


def one_by_one(engine: Engine) -> Engine:
    """Return an engine on the same connections whose transactions see what others commit; on SQLite there is one writer at a time."""
    return writing(engine) if engine.dialect.name == "sqlite" else engine


@contextmanager
def patient(connection: Connection, seconds: float) -> Iterator[None]:
    """Let each statement of a transaction take so long, where PostgreSQL would end it, and we would give up a server that says nothing, long before."""
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    before, driver.silence = driver.silence, seconds + driver.silence
    try:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{seconds:.0f}s'")
        yield
    finally:
        driver.silence = before


def insert_into(engine: Engine | Connection) -> Any:
    """Return the ``insert`` of a database, which knows upserts."""
    inserts: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    return inserts[engine.dialect.name]


def transact(engine: Engine, work: Callable[[Connection, int], _T], attempts: int, pause: float = 0.0) -> _T:
    """Return what ``work`` returns, which is given a transaction and how often it was tried before; it begins anew where another writer was first.

    Raises `DatabaseUnavailable`, also after so many ``attempts``, ``pause`` seconds apart.
    """
    for attempt in range(attempts):
        if attempt:
            sleep(pause)
        try:
            with database_errors(engine), engine.begin() as connection:
                return work(connection, attempt)
        except Conflict as conflict:
            reason = conflict
    raise DatabaseUnavailable(f"others were first {attempts} times: {reason}") from reason


def one_of(dialect: str, column: ColumnElement[str], keys: Sequence[str] | None = None) -> ColumnElement[bool]:
    """Return whether a column has one of ``keys``, in SQL of ``sqlite`` or ``postgresql``; None: of those that the parameter ``keys`` is going to have.

    They are one value: as thousands of values they take longer than the query.
    """
    kind: Any = JSON() if dialect == "sqlite" else postgresql.ARRAY(Text)
    given = bindparam("keys", type_=kind) if keys is None else bindparam(None, list(keys), type_=kind)
    if dialect == "sqlite":
        return column.in_(select(func.json_each(given).table_valued("value").c.value))
    return column == any_(given)


def upgrade(url: str, *, grants: bool = False) -> bool | None:
    """Create the tables or bring them up to date, all or nothing; several programs may try at once, and workers may write meanwhile.

    With ``grants`` the roles of config/postgres/roles.sql are given, in the same transaction, what they need of the tables, and nothing is said of roles that
    are not there. Returns whether they were given it; None where there are no such roles.

    Raises `RolesMissing` where some of them are there and others not, with nothing changed; `UnsupportedDatabase`, `DatabaseUnavailable`.
    """
    engine = create_engine(url)
    try:
        return transact(one_by_one(engine), lambda connection, _: _upgrade(connection, grants), _UPGRADE_ATTEMPTS, _UPGRADE_PAUSE)
    finally:
        engine.dispose()


def _upgrade(connection: Connection, grants: bool) -> bool | None:
    # Not repeatable read: the second of two programs must see what the first did while it waited.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    command.upgrade(_alembic(connection), "head")
    found = _PARTS.intersection(connection.scalars(_ROLES)) if connection.dialect.name == "postgresql" else ()
    if not found:
        return None
    if grants:
        if missing := sorted(_PARTS.difference(found)):
            raise RolesMissing(missing)
        connection.execution_options(no_parameters=True).exec_driver_sql(files("config").joinpath("postgres", "roles.sql").read_text())
    return grants


def check_schema(engine: Engine) -> None:
    """Compare the database's revision with that of this program.

    Raises `SchemaOutdated` with what to do, `DatabaseUnavailable`.
    """
    scripts = ScriptDirectory.from_config(_alembic())
    wanted = set(scripts.get_heads())
    with database_errors(engine), engine.connect() as connection:
        found = set(MigrationContext.configure(connection).get_current_heads())
    if found == wanted:
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if found - known:
        raise SchemaOutdated(
            f"the database is at revision {_named(found)}, which is newer than this program ({_named(wanted)}): update the program"
        )
    state = f"at revision {_named(found)}" if found else "empty"
    raise SchemaOutdated(
        f"the database is {state}, this program needs revision {_named(wanted)}: run `seamwatch db upgrade`"
    )


def _named(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions))


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option(
        "script_location", "config:migrations"
    )  # a package's folder, so it is found wherever it is installed
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _sqlite(address: URL) -> Engine:
    options: dict[str, Any] = {"connect_args": {} if "timeout" in address.query else {"timeout": _PATIENCE}}
    if address.database in {None, "", ":memory:"}:
        # One connection for all: every further one would open an empty database of its own.
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    engine = sqlalchemy.create_engine(
        address, json_serializer=encode_json, json_deserializer=msgspec.json.decode, **options
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where SQLAlchemy says, not at the driver's guess
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")  # readers and the writer do not wait for each other
        # NORMAL may lose the last transactions when the power fails; by then Kafka's offset is committed, and nobody
        # would write them again.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # who is forgotten is not to be read from pages that are free
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")

    return engine


def _postgresql(address: URL) -> Engine:
    arguments: dict[str, Any] = {
        "connect_timeout": int(_PATIENCE),
        "tcp_user_timeout": 10_000,  # milliseconds until a silent network counts as a lost connection
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": "seamwatch",
        "options": " ".join(f"-c {name}={value}" for name, value in _SERVER_LIMITS.items()),
    }
    for given in address.query:  # what the address says comes first
        arguments.pop(given, None)
    try:
        from sinks.postgres import ImpatientConnection, JsonBytes, unknown_option

        engine = sqlalchemy.create_engine(
            address,
            connect_args=arguments,
            pool_pre_ping=True,
            pool_timeout=_PATIENCE,
            json_serializer=encode_json,
            json_deserializer=msgspec.json.decode,
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UnsupportedDatabase("PostgreSQL needs its driver: install seamwatch[postgres]") from error
    if unknown := unknown_option(address.query):
        raise UnsupportedDatabase(f"the database's address: {unknown}")

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> Any:
        connection = ImpatientConnection.connect(*arguments, **options)
        connection.adapters.register_dumper(bytes, JsonBytes)
        return connection

    return engine
