"""What becomes of a customer's key: an alias of another one, or forgotten."""

from datetime import datetime

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, union, update

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
    invitations,
    promises,
    scores,
)
from sinks.database import writing
from sinks.errors import database_errors

__all__ = ["aliases_of", "forget_customer", "is_known", "note_forgotten"]


_OWN = (findings, briefs, customer_aliases, customers, deliveries, invitations, contact_marks, promises)
"""What has a column for the customer, besides alerts; of the observer's tables its reader may not run, or lag behind."""


def forget_customer(connection: Connection, tenant: str, customer: str) -> None:
    """Delete all that is stored of a customer's key. Counts by day stay: they are nobody's."""
    own = (alerts.c.tenant == tenant, alerts.c.customer == customer)
    keys = select(alerts.c.key).where(*own)
    connection.execute(update(alerts).where(alerts.c.duplicate_of.in_(keys)).values(duplicate_of=None))
    connection.execute(delete(alert_changes).where(alert_changes.c.alert.in_(keys)))
    connection.execute(delete(alerts).where(*own))
    contacts, journeys = (
        union(*(select(table.c[name]).where(table.c.tenant == tenant, table.c.customer == customer) for table in (findings, briefs)))
        for name in ("contact", "journey")
    )
    connection.execute(delete(contact_marks).where(contact_marks.c.tenant == tenant, contact_marks.c.contact.in_(contacts)))
    whose = or_(scores.c.name == customer, scores.c.name.startswith(f"{customer}>", autoescape=True))  # with a brand, of the fusion score
    for scope, names in (("journey", scores.c.name.in_(journeys)), ("customer", whose)):
        connection.execute(delete(scores).where(scores.c.tenant == tenant, scores.c.scope == scope, names))
    for table in _OWN:
        connection.execute(delete(table).where(table.c.tenant == tenant, table.c.customer == customer))
    connection.execute(delete(customer_aliases).where(customer_aliases.c.tenant == tenant, customer_aliases.c.alias == customer))
    connection.execute(delete(customers).where(customers.c.tenant == tenant, customers.c.alias_of == customer))


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
