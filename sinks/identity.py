"""What becomes of a customer's key: an alias of another one, or forgotten."""

import hashlib
from datetime import datetime

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select, true, union, update

from models.tables import (
    alert_changes,
    alerts,
    briefs,
    console_audit,
    contact_marks,
    customer_aliases,
    customers,
    deliveries,
    findings,
    forgotten_keys,
    invitations,
    promises,
    scores,
)
from sinks.database import writing
from sinks.errors import database_errors

__all__ = ["aliases_of", "forget_briefs", "forget_customer", "is_known", "key_digest", "note_forgotten"]

_OBSERVED = (customers, invitations, contact_marks, promises)
"""What the role `insight` stores by customer, from the touchpoints themselves."""
_OWN = (findings, briefs, customer_aliases, deliveries, *_OBSERVED)
"""What has a column for the customer, besides alerts."""


def forget_customer(connection: Connection, tenant: str, customer: str, until: datetime, sequence: int | None) -> None:
    """Delete what is stored of a customer's key as it is forgotten on the topic of alerts; ``until`` and ``sequence`` as of `sinks.records.Forgotten`.

    Other topics may be ahead of that one: of scores, and of what the role `insight` stores, what was told afterwards stays. That role forgets by itself, but
    may not run, or lag behind. Briefs go by their own topic (`forget_briefs`). Counts by day stay: they are nobody's.
    """
    own = (alerts.c.tenant == tenant, alerts.c.customer == customer)
    keys = select(alerts.c.key).where(*own)
    connection.execute(update(alerts).where(alerts.c.duplicate_of.in_(keys)).values(duplicate_of=None))
    connection.execute(delete(alert_changes).where(alert_changes.c.alert.in_(keys)))
    connection.execute(delete(alerts).where(*own))
    contacts, journeys = (
        union(*(select(table.c[name]).where(table.c.tenant == tenant, table.c.customer == customer) for table in (findings, briefs)))
        for name in ("contact", "journey")
    )
    nobodys = (contact_marks.c.customer.is_(None), contact_marks.c.contact.in_(contacts))  # of before there was such a column
    connection.execute(delete(contact_marks).where(contact_marks.c.tenant == tenant, *nobodys))
    whose = or_(scores.c.name == customer, scores.c.name.startswith(f"{customer}>", autoescape=True))  # with a brand, of the fusion score
    old = true() if sequence is None else or_(scores.c.sequence < sequence, scores.c.as_of <= until)
    for scope, names in (("journey", scores.c.name.in_(journeys)), ("customer", whose)):
        connection.execute(delete(scores).where(scores.c.tenant == tenant, scores.c.scope == scope, names, old))
    told = (deliveries.c.tenant == tenant, deliveries.c.customer == customer, deliveries.c.what == "alert")
    connection.execute(delete(deliveries).where(*told))
    for table in (findings, customer_aliases):
        connection.execute(delete(table).where(table.c.tenant == tenant, table.c.customer == customer))
    connection.execute(delete(customer_aliases).where(customer_aliases.c.tenant == tenant, customer_aliases.c.alias == customer))
    forgot = select(forgotten_keys.c.digest).where(forgotten_keys.c.digest == key_digest(tenant, customer), forgotten_keys.c.time >= until)
    if connection.execute(forgot).first() is None:
        for table in _OBSERVED:
            connection.execute(delete(table).where(table.c.tenant == tenant, table.c.customer == customer))
        connection.execute(delete(customers).where(customers.c.tenant == tenant, customers.c.alias_of == customer))


def forget_briefs(connection: Connection, tenant: str, customer: str, offset: int) -> None:
    """Delete the briefs of a customer's key as it is forgotten at ``offset`` of their topic; one that came afterwards and waits to be sent still is."""
    connection.execute(delete(briefs).where(briefs.c.tenant == tenant, briefs.c.customer == customer))
    newer = and_(deliveries.c.version > offset, deliveries.c.state.in_(("pending", "failed")))
    told = (deliveries.c.tenant == tenant, deliveries.c.customer == customer, deliveries.c.what == "brief")
    connection.execute(delete(deliveries).where(*told, ~newer))


def key_digest(tenant: str, customer: str) -> str:
    """Return the digest by which the role `insight` remembers that it has forgotten a key."""
    return hashlib.sha256(f"{tenant}/{customer}".encode()).hexdigest()


def aliases_of(engine: Engine, tenant: str, customer: str) -> list[str]:
    """Return the keys that stand for a customer, by whatever links; not the customer's own.

    Raises `DatabaseUnavailable`.
    """
    found: set[str] = set()
    new = {customer}
    with database_errors(engine), engine.connect() as connection:
        while new:
            query = select(customer_aliases.c.alias).where(customer_aliases.c.tenant == tenant, customer_aliases.c.customer.in_(new))
            new = set(connection.scalars(query)) - found - {customer}
            found |= new
    return sorted(found)


def is_known(engine: Engine, tenant: str, customer: str) -> bool:
    """Tell whether anything is stored under a customer's key.

    Raises `DatabaseUnavailable`.
    """
    with database_errors(engine), engine.connect() as connection:
        counts = [
            select(func.count()).select_from(table).where(table.c.tenant == tenant, table.c.customer == customer)
            for table in (alerts, *_OWN)
        ]
        return any(connection.scalar(count) for count in counts)


def note_forgotten(engine: Engine, actor: str, keys: int, now: datetime) -> None:
    """Note in the audit that somebody had a customer forgotten, who has so many keys; it does not say whom.

    Raises `DatabaseUnavailable`.
    """
    act = {"time": now, "actor": actor, "act": "forget", "target": None, "detail": f"keys: {keys}", "address": None}
    with database_errors(engine), writing(engine).begin() as connection:
        connection.execute(insert(console_audit).values(act))
