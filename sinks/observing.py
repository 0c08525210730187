"""Store what an observer learns: customers, counts by day, marks of contacts, promises and invitations, each batch once.

How far a partition has come stands in the same transaction as what was counted, so a batch that comes again counts nothing again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, delete, or_, select, update

from models.promise import Promise
from models.tables import contact_marks, customers, day_counts, forgotten_keys, invitations, observed, promises
from sinks.database import insert_into, one_by_one
from sinks.errors import database_errors
from sinks.identity import key_digest

__all__ = ["CustomerRow", "ObservedBatch", "ObservedStore", "next_offset"]

_MOST = 500
"""Customers that are looked up at once."""


class CustomerRow(NamedTuple):
    """A customer as the table holds them; ``state`` is the observer's own, as JSON objects have it.

    ``alias_of``: nothing but that this key stands for another customer. ``partition`` is that of the touchpoints under this key, ``due`` when the customer may
    be asked without a touchpoint.
    """

    tenant: str
    customer: str
    billed: float | None = None
    billed_currency: str | None = None
    forecast: float | None = None
    forecast_currency: str | None = None
    segment: str | None = None
    satisfaction: float | None = None
    answers: int = 0
    seen: datetime | None = None
    state: Any = None
    alias_of: str | None = None
    partition: int | None = None
    due: datetime | None = None


class ObservedStore:
    """The tables of the role `insight`; ``engine`` is one of `sinks.database.create_engine`."""

    def __init__(self, engine: Engine) -> None:
        # Counts are added to, which PostgreSQL does right without a snapshot.
        self._engine = one_by_one(engine)

    def next_offset(self, topic: str, partition: int) -> int:
        """Return where to go on in a partition. Raises `DatabaseUnavailable`."""
        return next_offset(self._engine, topic, partition)

    @contextmanager
    def batch(self, topic: str, partition: int) -> "Iterator[ObservedBatch]":
        """Give a transaction of which all is stored in the end or, where something is raised, nothing.

        Raises `DatabaseUnavailable`, `Conflict`: then the same batch can be tried again.
        """
        with database_errors(self._engine), self._engine.begin() as connection:
            yield ObservedBatch(connection, topic, partition)


def next_offset(engine: Engine, topic: str, partition: int) -> int:
    """Return where who reads a partition goes on: how far that was read stands with what came of it. Raises `DatabaseUnavailable`."""
    found = select(observed.c.next_offset).where(observed.c.topic == topic, observed.c.partition == partition)
    with database_errors(engine), engine.connect() as connection:
        return connection.execute(found).scalar() or 0


class ObservedBatch:
    """One partition's next records; ``next_offset`` and ``clock`` (UTC) tell how far it has come, and no other process takes them meanwhile.

    The customers that are asked for are locked: those of other partitions may be changed by these.
    """

    def __init__(self, connection: Connection, topic: str, partition: int) -> None:
        self._connection = connection
        self._insert = insert_into(connection)
        self._where = (observed.c.topic == topic, observed.c.partition == partition)
        begun: Any = self._insert(observed).values(topic=topic, partition=partition, next_offset=0)
        connection.execute(begun.on_conflict_do_nothing())
        found = connection.execute(select(observed.c.next_offset, observed.c.clock).where(*self._where).with_for_update()).one()
        self.partition = partition
        self.next_offset: int = found.next_offset
        self.clock: datetime | None = found.clock

    def states(self, who: Collection[tuple[str, str]]) -> dict[tuple[str, str], CustomerRow]:
        """Return what is known of these customers, by tenant and customer; who is new has an empty state."""
        found = self._locked(who)
        new = [{"tenant": tenant, "customer": customer, "answers": 0, "state": {}} for tenant, customer in sorted(set(who) - found.keys())]
        if new:  # so that another partition that finds them new, too, waits
            self._all(self._insert(customers).on_conflict_do_nothing(), new)
            found |= self._locked([(each["tenant"], each["customer"]) for each in new])  # type: ignore[misc]  # both are names
        return found

    def due(self, until: datetime) -> dict[tuple[str, str], CustomerRow]:
        """Return the customers of this partition who may be asked until then without a touchpoint."""
        asked = select(customers).where(customers.c.partition == self.partition, customers.c.due <= until)
        return self._rows(asked.order_by(customers.c.tenant, customers.c.customer))

    def _locked(self, who: Iterable[tuple[str, str]]) -> dict[tuple[str, str], CustomerRow]:
        found: dict[tuple[str, str], CustomerRow] = {}
        by_tenant: dict[str, list[str]] = {}
        for tenant, customer in sorted(who):
            by_tenant.setdefault(tenant, []).append(customer)
        for tenant, names in by_tenant.items():
            for start in range(0, len(names), _MOST):
                asked = select(customers).where(customers.c.tenant == tenant, customers.c.customer.in_(names[start : start + _MOST]))
                found |= self._rows(asked.order_by(customers.c.customer))
        return found

    def forgotten(self, who: Iterable[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
        """Return which of these customers are forgotten, and up to when."""
        digests, found = {key_digest(*each): each for each in who}, {}
        names = sorted(digests)
        for start in range(0, len(names), _MOST):
            asked = select(forgotten_keys).where(forgotten_keys.c.digest.in_(names[start : start + _MOST]))
            found.update({digests[row.digest]: row.time for row in self._connection.execute(asked)})
        return found

    def _rows(self, asked: Any) -> dict[tuple[str, str], CustomerRow]:
        return {(row.tenant, row.customer): CustomerRow(**row._mapping) for row in self._connection.execute(asked.with_for_update())}

    def promises(self, tenant: str, customer: str, name: str | None = None) -> list[Promise]:
        """Return what is known of the promises to a customer, or of one of them."""
        asked = select(promises).where(promises.c.tenant == tenant, promises.c.customer == customer)
        rows = self._connection.execute(asked if name is None else asked.where(promises.c.promise == name))
        found: list[dict[str, Any]] = [dict(row._mapping) for row in rows]
        return [Promise(**each | {key: value and tuple(value) for key, value in each.items() if key.endswith("_key")}) for each in found]

    def keep_promises(self, rows: Iterable[Promise]) -> None:
        """Store what is known of promises."""
        upsert: Any = self._insert(promises)
        key = [each.name for each in promises.primary_key]
        fresh = {each.name: upsert.excluded[each.name] for each in promises.columns if not each.primary_key}
        ordered = sorted((asdict(row) for row in rows), key=lambda row: [row[name] for name in key])
        self._all(upsert.on_conflict_do_update(index_elements=key, set_=fresh), ordered)

    def drop_promises(self, tenant: str, customer: str) -> None:
        """Delete what is known of the promises to a customer."""
        self._connection.execute(delete(promises).where(promises.c.tenant == tenant, promises.c.customer == customer))

    def store(
        self,
        rows: Collection[CustomerRow],
        counts: Mapping[tuple[str, str, str, str, str], tuple[int, float]],
        marks: Collection[tuple[str, str, str, str, str]],
        invited: Collection[dict[str, Any]],
        next_offset: int,
        clock: datetime | None,
    ) -> None:
        """Store customers, add to the counts of day and month, mark contacts, keep invitations; what is before ``next_offset`` is done."""
        upsert: Any = self._insert(customers)
        fresh = {each.name: upsert.excluded[each.name] for each in customers.columns if not each.primary_key}
        self._all(upsert.on_conflict_do_update(index_elements=["tenant", "customer"], set_=fresh), [row._asdict() for row in sorted(rows)])
        upsert = self._insert(day_counts)
        added = {name: day_counts.c[name] + upsert.excluded[name] for name in ("count", "sum")}
        key = [each.name for each in day_counts.primary_key]
        adding = upsert.on_conflict_do_update(index_elements=key, set_=added)
        both: dict[tuple[str, ...], tuple[int, float]] = {(*name,): each for name, each in counts.items()}
        for (tenant, day, *names), (number, total) in counts.items():
            month = (tenant, day[:7], *names)
            before = both.get(month, (0, 0.0))
            both[month] = before[0] + number, before[1] + total
        # In one order, so that two processes wait for each other in one direction.
        added_up = [{**dict(zip(key, name, strict=True)), "count": each[0], "sum": each[1]} for name, each in sorted(both.items()) if each != (0, 0.0)]
        self._all(adding, added_up)
        key = [each.name for each in contact_marks.columns]
        self._all(self._insert(contact_marks).on_conflict_do_nothing(), [dict(zip(key, mark, strict=True)) for mark in sorted(marks)])
        self._all(self._insert(invitations).on_conflict_do_nothing(), [_invitation(body) for body in invited])
        self._connection.execute(update(observed).where(*self._where).values(next_offset=next_offset, clock=clock))

    def forget(self, who: Mapping[tuple[str, str], datetime], memory: timedelta) -> None:
        """Delete customers with aliases, invitations, marks and what was promised until then, and remember for ``memory`` up to when each is forgotten."""
        named = [{"whose": tenant, "who": customer} for tenant, customer in sorted(who)]
        own = [(table, table.c.customer) for table in (customers, invitations, contact_marks)]
        for table, name in (*own, (customers, customers.c.alias_of)):
            self._all(delete(table).where(table.c.tenant == bindparam("whose"), name == bindparam("who")), named)
        old = or_(promises.c.made.is_(None), promises.c.made <= bindparam("until"))
        gone = delete(promises).where(promises.c.tenant == bindparam("whose"), promises.c.customer == bindparam("who"), old)
        self._all(gone, [{"whose": tenant, "who": customer, "until": until} for (tenant, customer), until in sorted(who.items())])
        upsert: Any = self._insert(forgotten_keys)
        fresh = upsert.on_conflict_do_update(index_elements=["digest"], set_={"time": upsert.excluded.time})
        self._all(fresh, sorted(({"digest": key_digest(*whose), "time": time} for whose, time in who.items()), key=lambda each: each["digest"]))
        if who:
            self._connection.execute(delete(forgotten_keys).where(forgotten_keys.c.time < max(who.values()) - memory))

    def clear(self, who: Collection[tuple[str, str]]) -> None:
        """Delete the rows of customers of whom nothing was learnt."""
        gone = delete(customers).where(customers.c.tenant == bindparam("whose"), customers.c.customer == bindparam("who"))
        self._all(gone, [{"whose": tenant, "who": customer} for tenant, customer in sorted(who)])

    def _all(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)


def _invitation(body: dict[str, Any]) -> dict[str, Any]:
    told = {name: body[name] for name in ("id", "tenant", "customer", "rule", "pattern", "survey")}
    return {**told, "time": datetime.fromisoformat(body["time"]), "body": body}
