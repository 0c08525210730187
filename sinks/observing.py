"""Store what an observer learns: customers, counts by day, marks of contacts, invitations and promises, each batch once.

How far a partition has come stands in the same transaction as what was counted, so a batch that comes again counts nothing again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.promise import Promise
from models.tables import contact_marks, customers, day_counts, invitations, observed, promises
from sinks.database import writing
from sinks.errors import database_errors

__all__ = ["CustomerRow", "ObservedBatch", "ObservedStore"]

_MOST = 500
"""Customers that are looked up at once."""


class CustomerRow(NamedTuple):
    """A customer as the table holds them; ``state`` is the observer's own, as JSON objects have it."""

    tenant: str
    customer: str
    billed: float | None
    billed_currency: str | None
    forecast: float | None
    forecast_currency: str | None
    segment: str | None
    satisfaction: float | None
    answers: int
    seen: datetime | None
    state: Any


class ObservedStore:
    """The tables of the role `insight`; ``engine`` is one of `sinks.database.create_engine`."""

    def __init__(self, engine: Engine) -> None:
        # Counts are added to, which PostgreSQL does right without a snapshot; on SQLite there is one writer at a time.
        self._engine = writing(engine) if engine.dialect.name == "sqlite" else engine

    def next_offset(self, topic: str, partition: int) -> int:
        """Return where to go on in a partition. Raises `DatabaseUnavailable`."""
        found = select(observed.c.next_offset).where(observed.c.topic == topic, observed.c.partition == partition)
        with database_errors(self._engine), self._engine.connect() as connection:
            return connection.execute(found).scalar() or 0

    @contextmanager
    def batch(self, topic: str, partition: int) -> "Iterator[ObservedBatch]":
        """Give a transaction of which all is stored in the end or, where something is raised, nothing.

        Raises `DatabaseUnavailable`, `Conflict`: then the same batch can be tried again.
        """
        with database_errors(self._engine), self._engine.begin() as connection:
            yield ObservedBatch(connection, topic, partition)


class ObservedBatch:
    """One partition's next records; ``next_offset`` tells what has been counted, and no other process counts meanwhile."""

    def __init__(self, connection: Connection, topic: str, partition: int) -> None:
        self._connection = connection
        inserts: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
        self._insert: Any = inserts[connection.dialect.name]
        self._where = (observed.c.topic == topic, observed.c.partition == partition)
        begun: Any = self._insert(observed).values(topic=topic, partition=partition, next_offset=0)
        connection.execute(begun.on_conflict_do_nothing())
        self.next_offset: int = connection.execute(select(observed.c.next_offset).where(*self._where).with_for_update()).scalar_one()

    def states(self, who: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        """Return what is known of these customers, by tenant and customer; who is new is left out."""
        found: dict[tuple[str, str], Any] = {}
        by_tenant: dict[str, list[str]] = {}
        for tenant, customer in sorted(who):
            by_tenant.setdefault(tenant, []).append(customer)
        for tenant, names in by_tenant.items():
            for start in range(0, len(names), _MOST):
                asked = select(customers.c.customer, customers.c.state).where(
                    customers.c.tenant == tenant, customers.c.customer.in_(names[start : start + _MOST])
                )
                found.update(((tenant, row.customer), row.state) for row in self._connection.execute(asked))
        return found

    def store(
        self,
        rows: Collection[CustomerRow],
        counts: Mapping[tuple[str, str, str, str, str], tuple[int, float]],
        marks: Collection[tuple[str, str, str, str]],
        invited: Collection[dict[str, Any]],
        next_offset: int,
    ) -> None:
        """Store customers, add to the counts, mark contacts, keep invitations; what is before ``next_offset`` is done."""
        upsert: Any = self._insert(customers)
        fresh = {each.name: upsert.excluded[each.name] for each in customers.columns if not each.primary_key}
        self._all(upsert.on_conflict_do_update(index_elements=["tenant", "customer"], set_=fresh), [row._asdict() for row in sorted(rows)])
        upsert = self._insert(day_counts)
        added = {name: day_counts.c[name] + upsert.excluded[name] for name in ("count", "sum")}
        key = [each.name for each in day_counts.primary_key]
        adding = upsert.on_conflict_do_update(index_elements=key, set_=added)
        # In one order, so that two processes wait for each other in one direction.
        self._all(adding, [{**dict(zip(key, name, strict=True)), "count": each[0], "sum": each[1]} for name, each in sorted(counts.items())])
        key = [each.name for each in contact_marks.columns]
        self._all(self._insert(contact_marks).on_conflict_do_nothing(), [dict(zip(key, mark, strict=True)) for mark in sorted(marks)])
        self._all(self._insert(invitations).on_conflict_do_nothing(), [_invitation(body) for body in invited])
        self._connection.execute(update(observed).where(*self._where).values(next_offset=next_offset))

    def promises(self, which: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], Promise]:
        """Return what is known of these promises, by tenant, customer and name; new ones are left out."""
        own, found = promises.c, dict[tuple[str, str, str], Promise]()
        for tenant, customer, name in sorted(which):
            asked = select(promises).where(own.tenant == tenant, own.promise == name, own.customer == customer)
            for row in self._connection.execute(asked):
                keys = {key: value and tuple(value) for key, value in row._mapping.items() if key.endswith("_key")}
                found[tenant, customer, name] = Promise(**dict(row._mapping) | keys)
        return found

    def keep_promises(self, rows: Iterable[Promise]) -> None:
        """Store what is known of promises."""
        upsert: Any = self._insert(promises)
        key = [each.name for each in promises.primary_key]
        fresh = {each.name: upsert.excluded[each.name] for each in promises.columns if not each.primary_key}
        ordered = sorted((asdict(row) for row in rows), key=lambda row: [row[name] for name in key])
        self._all(upsert.on_conflict_do_update(index_elements=key, set_=fresh), ordered)

    def forget(self, who: Collection[tuple[str, str]]) -> None:
        """Delete customers with their invitations and promises."""
        for table in (customers, invitations, promises):
            gone = delete(table).where(table.c.tenant == bindparam("whose"), table.c.customer == bindparam("who"))
            self._all(gone, [{"whose": tenant, "who": customer} for tenant, customer in sorted(who)])

    def _all(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)


def _invitation(body: dict[str, Any]) -> dict[str, Any]:
    told = {name: body[name] for name in ("id", "tenant", "customer", "rule", "pattern", "survey")}
    return {**told, "time": datetime.fromisoformat(body["time"]), "body": body}
