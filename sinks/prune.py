"""Delete what is older than somebody wants to keep: in small transactions, oldest first, beside workers that store.

A resolved alert goes with its findings and its audit, all at once; what is open stays with all that belongs to it, however old. A promise goes when it ended,
or was broken, that long ago and nobody waits for it any more. A delivery that was given up goes that long after it was: until then somebody may replay it.
Counts by day stay.
Why rows are deleted, and tables not partitioned: docs/adr/0029.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)

from models.alert import AlertState
from models.tables import (
    alert_changes,
    alerts,
    briefs,
    console_audit,
    customer_aliases,
    dead_letter_acts,
    dead_letters,
    deliveries,
    ended_scores,
    findings,
    forgotten_customers,
    invitations,
    promises,
    scores,
)
from sinks.database import one_by_one, patient
from sinks.delivery.store import DeliveryState
from sinks.errors import database_errors

__all__ = ["prunable", "prune"]

_ALERTS = 1_000
"""Of one transaction, each with its findings."""
_ROWS = 2_000
_LONGEST = 600.0
"""Seconds of a statement: what is old is looked for in tables that have no index by time, for those who write them would pay for it."""

_SIMPLE: Iterable[tuple[Table, str]] = (
    (briefs, "time"),
    (dead_letters, "time"),
    (dead_letter_acts, "time"),
    (console_audit, "time"),
    (invitations, "time"),
    (forgotten_customers, "time"),
)


def prunable(engine: Engine, before: datetime) -> Mapping[str, int]:
    """Return how many rows of each table `prune` would delete. Raises `DatabaseUnavailable`."""
    old = select(alerts.c.key).where(*_resolved(before))
    counts = {
        "alerts": select(func.count()).select_from(old.subquery()),
        "alert_changes": select(func.count()).where(alert_changes.c.alert.in_(old)),
        "findings": select(func.count()).select_from(findings).where(findings.c.alert.in_(old)),
    }
    counts |= {table.name: select(func.count()).select_from(table).where(*condition) for table, condition in _plain(before)}
    alone = select(func.count()).select_from(findings).where(*_alone(before))  # apart: PostgreSQL reads all of a table for either of two conditions
    with database_errors(engine), engine.connect() as connection, patient(connection, _LONGEST):
        found = {name: connection.execute(query).scalar_one() for name, query in counts.items()}
        return found | {"findings": found["findings"] + connection.execute(alone).scalar_one()}


def prune(engine: Engine, before: datetime, told: Callable[[Mapping[str, int]], None] = lambda deleted: None) -> Mapping[str, int]:
    """Delete what is older than ``before``, and return how many rows of each table; ``told`` hears it after each transaction.

    May be ended and begun again at any moment. Raises `DatabaseUnavailable`, and `Conflict` where a worker changed the same alerts first.
    """
    engine = one_by_one(engine)
    deleted: Counter[str] = Counter()

    def repeat(step: Callable[[Connection], Mapping[str, int]]) -> None:
        while True:
            with database_errors(engine), engine.begin() as connection, patient(connection, _LONGEST):
                done = step(connection)
            deleted.update(done)
            if not any(done.values()):
                return
            told(deleted)

    repeat(lambda connection: _delete_alerts(connection, before))
    with database_errors(engine), engine.begin() as connection, patient(connection, _LONGEST):
        _forget_originals(connection)
    repeat(lambda connection: {"findings": _delete_some(connection, findings, _alone(before))})
    for table, condition in _plain(before):
        repeat(lambda connection, table=table, condition=condition: {table.name: _delete_some(connection, table, condition)})  # type: ignore[misc]
    return +deleted


def _plain(before: datetime) -> Iterable[tuple[Table, tuple[Any, ...]]]:
    """Yield the tables of which rows go one by one. Scores of teams and the like stay: they are few, and shown however old."""
    yield from ((table, (table.c[name] < before,)) for table, name in _SIMPLE)
    yield promises, (_is_over(before),)
    yield deliveries, (deliveries.c.state == DeliveryState.DEAD.value, deliveries.c.updated < before)  # those that arrived go by themselves
    yield scores, (scores.c.scope.in_(("customer", "journey")), scores.c.as_of < before)
    yield ended_scores, (ended_scores.c.as_of < before,)


def _resolved(before: datetime) -> tuple[Any, ...]:
    return alerts.c.state == AlertState.RESOLVED.value, alerts.c.last_seen < before, alerts.c.updated < before


def _alone(before: datetime) -> tuple[Any, ...]:
    """Return which findings belong to no alert: explained, withdrawn, of mere information."""
    return findings.c.time < before, not_(exists().where(alerts.c.key == findings.c.alert))


def _is_over(before: datetime) -> ColumnElement[bool]:
    """Return which promises nobody waits for any more.

    Those that were kept or cancelled, but not while one of that name to another key, which this may have ended, is still to come. And those that were broken,
    but not while the customer has an alert of a broken promise that waits.
    """
    own, other, one = promises.c, promises.alias().c, customer_aliases.c
    beside = other.tenant == own.tenant, other.promise == own.promise, other.customer != own.customer
    to_come = exists().where(*beside, other.outcome.is_(None), other.due >= before).correlate(promises)
    names = select(one.customer).where(one.tenant == own.tenant, one.alias == own.customer).correlate(promises)
    whose = alerts.c.tenant == own.tenant, (alerts.c.customer == own.customer) | alerts.c.customer.in_(names)
    waits = exists().where(alerts.c.detector == "broken_promise", alerts.c.state != AlertState.RESOLVED.value, *whose).correlate(promises)
    ended = and_(own.outcome.is_not(None), own.ended < before, or_(own.due.is_(None), own.due < before), not_(to_come))
    return or_(ended, and_(own.outcome.is_(None), own.due < before, not_(waits)))


def _delete_alerts(connection: Connection, before: datetime) -> Mapping[str, int]:
    # Locked, so that none is opened again meanwhile: the worker that tries waits, and begins anew on what is left. Whom a worker has, is not old.
    chosen = select(alerts.c.key).where(*_resolved(before)).order_by(alerts.c.updated).limit(_ALERTS).with_for_update(skip_locked=True)
    keys = list(connection.scalars(chosen))
    if not keys:
        return {}
    return {
        table.name: connection.execute(delete(table).where(column.in_(keys))).rowcount
        for table, column in ((findings, findings.c.alert), (alert_changes, alert_changes.c.alert), (alerts, alerts.c.key))
    }


def _forget_originals(connection: Connection) -> None:
    """Have no alert point to one that is gone: once, for all alerts are looked through. Who ends the work before that has it done the next time."""
    original = alerts.alias()
    gone = not_(exists().where(original.c.key == alerts.c.duplicate_of).correlate(alerts))
    connection.execute(update(alerts).where(alerts.c.duplicate_of.is_not(None), gone).values(duplicate_of=None))


def _delete_some(connection: Connection, table: Table, condition: tuple[Any, ...]) -> int:
    # First looked for, and locked as alerts are; then deleted one by one by their keys: in one statement PostgreSQL, which cannot know how many there will
    # be, may compare all rows with all that are to go.
    key = list(table.primary_key.columns)
    found = connection.execute(select(*key).where(*condition).limit(_ROWS).with_for_update(skip_locked=True)).all()
    if found:
        names = [f"key_{number}" for number in range(len(key))]
        each = delete(table).where(*(column == bindparam(name) for column, name in zip(key, names, strict=True)))
        connection.execute(each, [dict(zip(names, row, strict=True)) for row in found])
    return len(found)
