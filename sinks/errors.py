"""What can go wrong with a database: it is not there for now (wait), it clashed with another writer (again), or it is
a bug (crash).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

__all__ = ["Conflict", "DatabaseUnavailable", "RightMissing", "RolesMissing", "SchemaOutdated", "UnsupportedDatabase", "database_errors"]


class DatabaseUnavailable(Exception):
    """The database cannot take or give anything now: the same call is tried again after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RightMissing(DatabaseUnavailable):
    """The database's user may not do what was asked; whoever grants it need not start anything again."""


class RolesMissing(Exception):
    """Of the roles to which rights are granted these are not there: nothing was granted, and no table changed."""

    def __init__(self, missing: Sequence[str]) -> None:
        made = " ".join(f"CREATE ROLE {role} LOGIN;" for role in missing)
        super().__init__(
            f"the database lacks roles that parts of this version enter as: as who may make roles, run: {made}"
            " and let them connect (config/postgres/roles.sql); nothing was changed"
        )


class Conflict(Exception):
    """Another writer changed the same rows first: nothing was written, and the same transaction can be tried again at
    once.
    """


class SchemaOutdated(Exception):
    """The tables are not those of this program."""


class UnsupportedDatabase(ValueError):
    """The address names a database that is neither SQLite nor PostgreSQL, or whose driver is not installed."""


class _Verdict(Enum):
    CONFLICT = auto()
    UNAVAILABLE = auto()
    BUG = auto()


_NOT_GRANTED = "42501"
"""Of PostgreSQL: the user has no right to what was asked."""
_CONFLICTS = {"40001", "40P01"}
"""Of PostgreSQL: the transaction could not be serialised; a deadlock was broken."""

_AWAY = ("08", "25P03", "25006", "28", _NOT_GRANTED, "53", "55P03", "57", "58", "3D000")
"""Of PostgreSQL: connection lost, idle transaction ended, read-only standby, login refused, a right not granted (yet), out of disk, memory or
connections, lock not granted in time, cancelled or shutting down, input/output error, database not there (yet). A
query that is wrong, or data that do not fit, are none of these.
"""

_SQLITE_AWAY = {
    4,  # aborted
    5,  # busy
    6,  # locked
    7,  # out of memory
    8,  # read-only
    9,  # interrupted
    10,  # input/output error
    13,  # disk full
    14,  # cannot open the file
    15,  # locking protocol
}
"""Primary result codes of SQLite. Not 1: an unknown table or a wrong statement, which Python gives the same class."""


@contextmanager
def database_errors(engine: Engine) -> Iterator[None]:
    """Turn the driver's errors into `DatabaseUnavailable` and `Conflict`; a bug goes through as it is."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable("all connections to the database are in use") from error
    except DBAPIError as error:
        _raise(error, error.orig, lost=error.connection_invalidated)
    except (
        engine.dialect.loaded_dbapi.Error
    ) as error:  # where the driver is used without SQLAlchemy between: COPY, pragmas
        _raise(error, error, lost=False)


def _raise(error: Exception, original: BaseException | None, *, lost: bool) -> None:
    verdict = _Verdict.UNAVAILABLE if lost else _judge(original)
    if verdict is _Verdict.CONFLICT:
        raise Conflict(_first_line(original)) from error
    if getattr(original, "sqlstate", None) == _NOT_GRANTED:
        raise RightMissing(f"the database refuses: {_first_line(original)}; its owner grants it by `seamwatch db upgrade --grants`") from error
    if verdict is _Verdict.UNAVAILABLE:
        raise DatabaseUnavailable(f"the database is not available: {_first_line(original)}") from error
    raise error


def _judge(error: Any) -> _Verdict:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return _Verdict.UNAVAILABLE if code & 0xFF in _SQLITE_AWAY else _Verdict.BUG
    state = getattr(error, "sqlstate", None)
    if state in _CONFLICTS:
        return _Verdict.CONFLICT
    if state is not None:
        return _Verdict.UNAVAILABLE if state.startswith(_AWAY) else _Verdict.BUG
    # Without a code: the connection failed before or broke off within a statement.
    names = {parent.__name__ for parent in type(error).__mro__}
    return _Verdict.UNAVAILABLE if names & {"OperationalError", "InterfaceError"} else _Verdict.BUG


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
