"""Promises as they stand: what is due, what is late, what became of the rest."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Engine, Label, and_, case, func, literal, or_, select

from models.tables import customer_aliases, findings, promises
from sinks.errors import database_errors

__all__ = ["APPROACHING", "Asked", "PromiseState", "Standing", "Stands", "standing_promises"]

PromiseState = Literal["overdue", "approaching", "pending", "kept", "cancelled"]
APPROACHING: Final = timedelta(hours=4)
"""A promise that is due within this is approaching: half a shift."""

_STATES: tuple[PromiseState, ...] = get_args(PromiseState)
_ENDED: frozenset[PromiseState] = frozenset({"kept", "cancelled"})
_KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which promises: of these states (none: those that are open), and where given of a customer under these names, of teams, of a tenant."""

    states: Collection[PromiseState] = ()
    customers: Collection[str] | None = None
    teams: Collection[str] | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A promise as it stands; one that ``ended`` after it was ``due`` was kept late. ``alert`` is what the breach opened."""

    tenant: str
    promise: str
    customer: str
    made: datetime
    due: datetime
    about: str | None
    team: str | None
    channel: str | None
    contact: str | None
    state: PromiseState
    ended: datetime | None
    alert: str | None


@dataclass(frozen=True, slots=True)
class Stands:
    """The first promises, and how many there are by state, whatever states were asked for."""

    items: list[Standing]
    counts: dict[PromiseState, int]


def standing_promises(engine: Engine, asked: Asked, now: datetime, limit: int) -> Stands:
    """Return promises as of ``now``, what is due first first; where only what is over was asked for, the latest first.

    Kept and cancelled are those of the last 30 days. What was promised under a customer's alias stands under the customer, once the role `insight` has read of
    the link.
    Raises `DatabaseUnavailable`.
    """
    own = promises.c
    is_open = and_(own.outcome.is_(None), own.due.is_not(None))
    spans: dict[PromiseState, ColumnElement[bool]] = {
        "overdue": and_(is_open, own.due < now),
        "approaching": and_(is_open, own.due >= now, own.due < now + APPROACHING),
        "pending": and_(is_open, own.due >= now + APPROACHING),
        "kept": and_(own.outcome == "kept", own.due.is_not(None), own.due > now - _KEPT_FOR),
        "cancelled": and_(own.outcome == "cancelled", own.due.is_not(None), own.due > now - _KEPT_FOR),
    }
    state: Label[str] = case(*((condition, literal(name)) for name, condition in _timely(now)), else_=own.outcome).label("state")
    whose = [] if asked.tenant is None else [own.tenant == asked.tenant]
    whose += [] if asked.customers is None else [own.customer.in_(sorted(asked.customers))]
    whose += [] if asked.teams is None else [own.team.in_(sorted(asked.teams))]
    states = set(asked.states) or set(_STATES) - _ENDED
    due = own.due.desc() if states <= {"overdue", *_ENDED} else own.due
    listed = select(promises, state).where(or_(*(spans[name] for name in _STATES if name in states)), *whose)
    with database_errors(engine), engine.connect() as connection:
        rows = connection.execute(listed.order_by(due, own.tenant, own.promise, own.customer).limit(limit)).all()
        counted = [select(func.count()).select_from(promises).where(spans[name], *whose) for name in _STATES]
        counts = {name: connection.scalar(count) or 0 for name, count in zip(_STATES, counted, strict=True)}
        opened = _alerts(connection, rows)
    return Stands([_standing(row, opened.get((row.tenant, row.source, row.touchpoint))) for row in rows], counts)


def _timely(now: datetime) -> list[tuple[str, ColumnElement[bool]]]:
    own = promises.c
    still = own.outcome.is_(None)
    return [("overdue", and_(still, own.due < now)), ("approaching", and_(still, own.due < now + APPROACHING)), ("pending", still)]


def _alerts(connection: Connection, rows: Sequence[Any]) -> dict[tuple[str, str, str], str]:
    """Return the alerts that broken promises opened, by tenant and the touchpoint that made the promise."""
    own = findings.c
    customers = {row.customer for row in rows if row.state not in {"pending", "approaching"}}
    aliases = customer_aliases.c
    customers |= set(connection.scalars(select(aliases.customer).where(aliases.alias.in_(sorted(customers)))))
    found = select(own.tenant, own.alert, own.body).where(own.customer.in_(sorted(customers)), own.detector == "broken_promise", own.standing)
    return {
        (row.tenant, first["source"], first["id"]): row.alert for row in connection.execute(found) if (first := row.body.get("first")) is not None
    }


def _standing(row: Any, alert: str | None) -> Standing:
    told = {name: getattr(row, name) for name in Standing.__slots__ if name != "alert"}
    return Standing(**told, alert=alert)
