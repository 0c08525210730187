"""What the database keeps of customers' keys: aliases, and nothing of whom is forgotten; the same on every database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select

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
    forgotten_customers,
    forgotten_keys,
    invitations,
    promises,
    scores,
)
from sinks.identity import aliases_of, is_known, key_digest, note_forgotten
from sinks.writer import DatabaseWriter, SinkRecord
from tests.unit.sinks.builders import brief, finding, record

NOW = 1_772_445_600_000_000

LATER: dict[str, object] = {"time": datetime(2026, 3, 3, tzinfo=UTC), "log_offset": 10, "body": {}}
"""Of a brief: when it was made."""


def mark(key: str, what: str, value: str, topic: str = "seamwatch.alerts", touchpoint: int | None = None) -> SinkRecord:
    """Make a record, the tenth of its partition, that says what became of a key, by a ``touchpoint`` with this offset."""
    by = [] if touchpoint is None else [("offset", str(touchpoint).encode())]
    return SinkRecord(topic, 3, 9, NOW, key.encode(), None, [(what, value.encode()), *by])


def source(told: SinkRecord, offset: int) -> SinkRecord:
    """Return a record that says from where on what it tells was read."""
    return told._replace(headers=[*told.headers, ("offset", str(offset).encode())])


def write(engine: Engine, *batches: Sequence[SinkRecord]) -> None:
    """Write batches."""
    for batch in batches:
        DatabaseWriter(engine, lambda: NOW).write(batch)


def rows(engine: Engine) -> int:
    """Count what there is of customers."""
    with engine.connect() as connection:
        return sum(len(connection.execute(select(table)).all()) for table in (findings, alerts, alert_changes, scores, briefs, customer_aliases))


class Identities:
    """What `sinks.identity` promises; a subclass gives the fixture ``engine``."""

    @pytest.mark.parametrize("together", [True, False])
    def test_a_forgotten_customer_leaves_no_row_and_what_comes_after_stays(self, engine: Engine, together: bool) -> None:
        """Findings, alerts with what was done to them, and aliases go, in one batch or several; what is told after it stays, and so does another customer."""
        before, after = record(finding("f1", 1, customer="c-1")), record(finding("f2", 2, customer="c-1"))
        other = record(finding("f3", 1, customer="c-2", alert="another"))
        steps = [before, record(finding("f2", 1, customer="c-1")), other, mark("acme/v", "alias-of", "c-1"), mark("acme/c-1", "forgotten", "5"), after]
        write(engine, *([steps] if together else [[each] for each in steps]))
        with engine.connect() as connection:
            found = {(row.id, row.customer) for row in connection.execute(select(findings))}
        assert found == {("f2", "c-1"), ("f3", "c-2")}
        assert aliases_of(engine, "acme", "c-1") == []
        write(engine, [mark("acme/c-1", "forgotten", "6"), mark("acme/c-2", "forgotten", "6")])
        assert rows(engine) == 0

    def test_what_the_observer_knows_of_a_forgotten_customer_goes_too(self, engine: Engine) -> None:
        """Account, aliases, invitations, what is special about contacts with findings, and bonds with brands go; those of a name that begins alike stay."""
        write(engine, [record(finding("f1", 1, customer="c_1"))])
        then = datetime(2026, 3, 2, tzinfo=UTC)
        with engine.begin() as connection:
            [contact] = connection.scalars(select(findings.c.contact))
            connection.execute(insert(contact_marks).values(tenant="acme", contact=contact, kind="intent", name="cancel"))
            connection.execute(insert(contact_marks).values(tenant="acme", contact="another", kind="intent", name="cancel", customer="c_1"))
            for customer in ("c_1", "cx1"):
                connection.execute(insert(customers).values(tenant="acme", customer=customer, answers=0, state={}))
                connection.execute(insert(customers).values(tenant="acme", customer=f"visitor-{customer}", answers=0, state={}, alias_of=customer))
                asked: dict[str, object] = {"customer": customer, "rule": "r", "pattern": "past", "survey": "s", "time": then, "body": {}}
                connection.execute(insert(invitations).values(id=customer, tenant="acme", **asked))
                connection.execute(insert(promises).values(tenant="acme", promise="p", customer=customer))
                bond: dict[str, object] = {"score": "fusion", "scope": "customer", "name": f"{customer}>mobile", "half_life": 9, "value": 50.0, "samples": 1.0}
                connection.execute(insert(scores).values(key=customer, tenant="acme", **bond, components={}, as_of=then, log_offset=1))
        write(engine, [mark("acme/c_1", "forgotten", "5")])
        assert not is_known(engine, "acme", "c_1")
        assert is_known(engine, "acme", "cx1")
        with engine.connect() as connection:
            left = {table.name: len(connection.execute(select(table)).all()) for table in (customers, invitations, promises, scores, contact_marks)}
        assert left == {"customers": 2, "invitations": 1, "promises": 1, "scores": 1, "contact_marks": 0}

    def test_what_was_told_after_the_forgetting_stays_where_its_topic_is_ahead(self, engine: Engine) -> None:
        """What is forgotten on the topic of alerts takes along no brief, no later score, and nothing of an observer that has forgotten by itself."""
        until = datetime(2026, 3, 2, tzinfo=UTC)
        with engine.begin() as connection:
            for sequence in (6, 7):
                row: dict[str, object] = {"score": f"at-{sequence}", "scope": "customer", "name": "c-1", "half_life": 9, "value": 50.0, "samples": 1.0}
                of = {"as_of": until + timedelta(days=1), "sequence": sequence, "log_offset": 1}
                connection.execute(insert(scores).values(key=f"{sequence}", tenant="acme", **row, components={}, **of))
            for customer in ("c-1", "c-2"):
                connection.execute(insert(customers).values(tenant="acme", customer=customer, answers=0, state={}))
            connection.execute(insert(forgotten_keys).values(digest=key_digest("acme", "c-1"), time=until))
            connection.execute(insert(forgotten_keys).values(digest=key_digest("acme", "c-2"), time=until - timedelta(seconds=1)))
            connection.execute(insert(briefs).values(key="b", tenant="acme", journey="j", customer="c-1", id="b", occasion="transfer", **LATER))
        micros = str(int(until.timestamp()) * 1_000_000)
        write(engine, [mark(f"acme/{customer}", "forgotten", micros, touchpoint=7) for customer in ("c-1", "c-2")])
        with engine.connect() as connection:
            kept = {*connection.scalars(select(scores.c.score)), *connection.scalars(select(customers.c.customer)), *connection.scalars(select(briefs.c.id))}
        assert kept == {"at-7", "c-1", "b"}

    def test_what_is_forgotten_on_the_topic_of_briefs_takes_briefs_along_and_nothing_else(self, engine: Engine) -> None:
        """Findings may be those of after it: their topic has a mark of its own; a brief that came later and waits to be sent is sent."""
        write(engine, [record(finding("f1", 1, customer="c-1"))])
        sent: dict[str, object] = {"receiver": "r", "what": "brief", "subject": "s", "tenant": "acme", "customer": "c-1", "tries": 0, "body": {}}
        then = dict.fromkeys(("created", "queued", "due", "updated"), LATER["time"])
        with engine.begin() as connection:
            connection.execute(insert(briefs).values(key="b", tenant="acme", journey="j", customer="c-1", id="b", occasion="transfer", **LATER))
            for version, state in ((8, "pending"), (10, "pending"), (11, "delivered")):
                connection.execute(insert(deliveries).values(id=f"d{version}", version=version, state=state, **sent, **then))
        write(engine, [mark("acme/c-1", "forgotten", "5", "seamwatch.briefs")])
        with engine.connect() as connection:
            left = {*connection.scalars(select(findings.c.id)), *connection.scalars(select(briefs.c.id)), *connection.scalars(select(deliveries.c.id))}
        assert left == {"f1", "d10"}

    @pytest.mark.parametrize("together", [True, False])
    def test_what_comes_late_of_who_was_forgotten_is_not_stored(self, engine: Engine, together: bool) -> None:
        """A finding or a brief of before it, from a worker that lost its partition, stays out; not of others, nor for ever. A mark told again takes nothing."""
        late, anew = source(record(finding("f1", 1, customer="c-1")), 6), source(record(finding("f2", 2, customer="c-1")), 7)
        other = source(record(finding("f3", 1, customer="c-2", alert="another")), 6)
        told = [source(brief(id="b1", customer="c-1", journey="j1"), 6), source(brief(id="b2", customer="c-1", journey="j2"), 7)]
        marks = [mark("acme/c-1", "forgotten", "5", topic, 7) for topic in ("seamwatch.alerts", "seamwatch.briefs")]
        steps = [marks[1], *told, *marks, late, anew, other, *marks]
        write(engine, *([steps] if together else [[each] for each in steps]))
        with engine.connect() as connection:
            assert {*connection.scalars(select(findings.c.id)), *connection.scalars(select(briefs.c.id))} == {"f2", "f3", "b2"}
            [occurrences] = connection.scalars(select(alerts.c.occurrences).where(alerts.c.customer == "c-1"))
        assert occurrences == 1
        DatabaseWriter(engine, lambda: NOW + 3_600_000_001).write([late])  # its topic was made again, may be
        with engine.connect() as connection:
            assert "f1" in connection.scalars(select(findings.c.id)).all()
        DatabaseWriter(engine, lambda: NOW + 3_600_000_001).write([mark("acme/c-9", "forgotten", "5", touchpoint=1)])
        with engine.connect() as connection:
            assert connection.scalars(select(forgotten_customers.c.digest)).all() == [key_digest("acme", "c-9")]

    def test_aliases_are_followed_along_links(self, engine: Engine) -> None:
        """An alias of an alias stands for the customer too, also in a circle; one that is nobody's any more is left out."""
        write(engine, [mark(f"acme/{alias}", "alias-of", customer) for alias, customer in (("b", "a"), ("c", "b"), ("a", "c"), ("x", "a"))])
        write(engine, [mark("acme/x", "alias-of", "")])
        assert aliases_of(engine, "acme", "a") == ["b", "c"]
        assert is_known(engine, "acme", "a")
        assert not is_known(engine, "other", "a")

    def test_a_record_without_value_that_marks_nothing_is_malformed(self, engine: Engine) -> None:
        """Without a header that is known, a key, or a time that there is, nothing is forgotten."""
        records = [mark("acme/c-1", "colour", "red"), mark("", "forgotten", "1"), *(mark("acme/c-1", "forgotten", time) for time in ("soon", "9" * 30))]
        records += [source(each, 1 << 64) for each in (record(finding("f1", 1)), brief(), mark("acme/c-1", "forgotten", "1"))]
        assert sum(DatabaseWriter(engine, lambda: NOW).write(records).malformed.values()) == len(records)

    def test_the_audit_says_who_and_not_whom(self, engine: Engine) -> None:
        """The act is noted with the number of keys."""
        note_forgotten(engine, "privacy", 3, datetime(2026, 3, 2, tzinfo=UTC))
        with engine.connect() as connection:
            [row] = connection.execute(select(console_audit))
        assert (row.actor, row.act, row.target, row.detail) == ("privacy", "forget", None, "keys: 3")
