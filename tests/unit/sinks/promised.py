"""Promises as they stand, the same on every database."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from models.tables import customer_aliases, promises
from sinks.promises import Asked, Stands, standing_promises
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import START, clock, finding, record

HOUR = timedelta(hours=1)


def promised(engine: Engine, name: str, due: float | None, *, start: datetime = START, **more: Any) -> None:
    """Store a promise that is due so many hours after the start, made two days before; ``ended`` in hours likewise."""
    ended = more.pop("ended", None)
    row: dict[str, Any] = {"tenant": "acme", "promise": name, "customer": "c-1", "team": "billing", "channel": "voice"}
    row |= {"source": "crm", "touchpoint": f"t-{name}"}
    row |= {"due": None if due is None else start + due * HOUR, "made": None if due is None else start - 48 * HOUR}
    row |= {"ended": None if ended is None else start + ended * HOUR} | more
    with engine.begin() as connection:
        connection.execute(insert(promises).values(row))


def names(found: Stands) -> list[tuple[str, str]]:
    """Return the names and states of promises."""
    return [(each.promise, each.state) for each in found.items]


class Promised:
    """What `sinks.promises` promises; a subclass gives the fixture ``engine``."""

    def test_due_times_tell_how_they_stand(self, engine: Engine) -> None:
        """Overdue is what is due before now, approaching within four hours, what is due first first; of what is over the latest; an end of nothing is none."""
        for name, due in (("now", 0), ("late", -0.1), ("later", -30), ("soon", 3.9), ("far", 4), ("farther", 90)):
            promised(engine, name, due)
        promised(engine, "kept", -2, outcome="kept", ended=-3)
        promised(engine, "kept_late", -5, outcome="kept", ended=-4)
        promised(engine, "off", 5, outcome="cancelled", ended=-4)
        promised(engine, "old", -24 * 31, outcome="kept", ended=-24 * 32)
        promised(engine, "unmade", None, outcome="kept", ended=-1)
        promised(engine, "others", -1, tenant="other", team=None)
        found = standing_promises(engine, Asked(tenant="acme"), START, 100)
        assert names(found) == [
            ("later", "overdue"), ("late", "overdue"), ("now", "approaching"), ("soon", "approaching"), ("far", "pending"), ("farther", "pending"),
        ]  # fmt: skip
        assert found.counts == {"overdue": 2, "approaching": 2, "pending": 2, "kept": 2, "cancelled": 1}
        assert names(standing_promises(engine, Asked(["overdue"], tenant="acme"), START, 1)) == [("late", "overdue")]
        ended = standing_promises(engine, Asked(["kept", "cancelled"]), START, 9)
        assert names(ended) == [("off", "cancelled"), ("kept", "kept"), ("kept_late", "kept")]
        assert [each.ended is not None and each.ended > each.due for each in ended.items] == [False, False, True]
        assert standing_promises(engine, Asked(teams=["tech"]), START, 9).counts["overdue"] == 0
        assert standing_promises(engine, Asked(customers=["c-2"]), START, 9).items == []

    def test_a_breach_leads_to_its_alert(self, engine: Engine) -> None:
        """The alert is that of the finding whose first moment made the promise, under the customer's alias too; none where it was taken back."""
        promised(engine, "a", -1, customer="visitor")
        promised(engine, "b", -1)
        promised(engine, "c", -1)
        with engine.begin() as connection:
            connection.execute(insert(customer_aliases).values(tenant="acme", alias="visitor", customer="c-1", linked=START))
        bodies = [
            finding(f"f{each}", detector="broken_promise", customer="c-1", alert=f"A{each}", withdrawn=each == "c", first=made(f"t-{each}")) for each in "abc"
        ]
        DatabaseWriter(engine, clock).write([record(body) for body in bodies])
        found = standing_promises(engine, Asked(["overdue"]), START, 9)
        assert {each.promise: each.alert for each in found.items} == {"a": "Aa", "b": "Ab", "c": None}


def made(identity: str) -> dict[str, Any]:
    """Return the evidence of a promise."""
    time = START.isoformat()
    return {"source": "crm", "id": identity, "time": time, "type": "promise.made", "team": "billing", "channel": "voice", "field": None, "mask": None}
