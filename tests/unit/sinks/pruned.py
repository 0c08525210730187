"""What is old goes, with all that belongs to it, and nothing else does: the same on every database."""

from datetime import timedelta

from sqlalchemy import Engine, insert, update

from models.tables import alerts, customer_aliases, deliveries, findings
from sinks.prune import prunable, prune
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import NOW, START, brief, clock, finding, letter, record, rows, score
from tests.unit.sinks.promised import promised

CUT = START + timedelta(days=100)
LATE = 200 * 24 * 60


def _filled(engine: Engine) -> None:
    """Store an old alert that is resolved, an old one that is open, a young one that is resolved, and findings of none."""
    writer = DatabaseWriter(engine, lambda: NOW - int(timedelta(days=365).total_seconds() * 1e6))
    bodies = [
        finding("old", alert="A"),
        finding("open", alert="B"),
        finding("young", alert="C", minutes=LATE),
        finding("explained", alert="D", explained_by="old"),
        finding("explained-lately", alert="D", explained_by="old", minutes=LATE),
    ]
    letters = [letter(7), letter(8)._replace(timestamp=NOW + int(timedelta(days=200).total_seconds() * 1e6))]
    briefs = [brief(), brief(journey="j-2", minutes=LATE)]
    of_customers = [score(scope="customer", name="c-1"), score(scope="customer", name="c-2", minutes=LATE), score()]
    of_customers += [score(None, name="ended"), score(None, name="ended-lately", minutes=LATE)]
    writer.write([*map(record, bodies), *briefs, *of_customers, *letters])
    with engine.begin() as connection:
        connection.execute(update(alerts).where(alerts.c.key.in_(("A", "C"))).values(state="resolved"))
        connection.execute(update(alerts).where(alerts.c.key == "C").values(duplicate_of="A"))


class Pruned:
    """What `sinks.prune` promises; a subclass gives the fixture ``engine``."""

    def test_old_rows_go_and_what_is_open_or_young_stays(self, engine: Engine) -> None:
        """A resolved alert goes with findings and audit, an open one stays however old; a rest that is young stays; the second time there is nothing left."""
        _filled(engine)
        foretold = prunable(engine, CUT)
        assert rows(engine, "alerts", "key") == [("A",), ("B",), ("C",)]
        assert prune(engine, CUT) == {name: number for name, number in foretold.items() if number}
        assert rows(engine, "findings", "id") == [("explained-lately",), ("open",), ("young",)]
        assert rows(engine, "alerts", "key", "duplicate_of") == [("B", None), ("C", None)]
        assert rows(engine, "alert_changes", "alert") == [("B",), ("C",)]
        assert rows(engine, "briefs", "journey") == [("j-2",)]
        assert rows(engine, "scores", "scope", "name") == [("customer", "c-2"), ("team", "tech")]
        assert len(rows(engine, "ended_scores", "key")) == 1
        assert rows(engine, "dead_letters", "offset") == [(8,)]
        assert dict(prune(engine, CUT)) == {}

    def test_promises_that_are_over_go_and_those_that_somebody_waits_for_stay(self, engine: Engine) -> None:
        """Old ones go, kept, cancelled or broken; not young ones, those to come and their ends, nor those whose breach has an open alert, an alias's too."""
        day = 24.0
        for name, due, ended in (("kept", 1.0, 0.5), ("late", 1.0, 90.0), ("of-nothing", None, 1.0)):
            promised(engine, name, due and due * day, outcome="kept", ended=ended * day)
        promised(engine, "off", day, outcome="cancelled", ended=1)
        promised(engine, "broken", 99 * day)
        promised(engine, "handled", day, customer="c-3")
        promised(engine, "stays-kept-lately", day, outcome="kept", ended=101 * day)
        promised(engine, "stays-kept-early", 150 * day, outcome="kept", ended=day)
        promised(engine, "stays-open", 101 * day)
        promised(engine, "stays-open-for-the-visitor", 150 * day, customer="visitor")
        promised(engine, "stays-open-for-the-visitor", None, outcome="kept", ended=day)
        promised(engine, "stays-waited-for", day, customer="c-2")
        promised(engine, "stays-waited-for-too", day, customer="alias-of-c-2")
        with engine.begin() as connection:
            connection.execute(insert(customer_aliases).values(tenant="acme", alias="alias-of-c-2", customer="c-2", linked=START))
        bodies = [finding(each, detector="broken_promise", customer=each, alert=each) for each in ("c-2", "c-3")]
        DatabaseWriter(engine, clock).write([record(body) for body in bodies])
        with engine.begin() as connection:
            connection.execute(update(alerts).where(alerts.c.key == "c-3").values(state="resolved"))
        assert prunable(engine, CUT)["promises"] == prune(engine, CUT)["promises"] == 6
        left = [name for (name,) in rows(engine, "promises", "promise")]
        assert len(left) == 7
        assert all(name.startswith("stays-") for name in left)

    def test_deliveries_that_were_given_up_long_ago_go(self, engine: Engine) -> None:
        """Dead ones are kept as long as what they tell of, for whoever replays them; what waits is not deleted however old it is."""
        old, young = CUT - timedelta(days=1), CUT + timedelta(days=1)
        whose = {"receiver": "crm", "what": "alert", "subject": "A", "version": 1, "tenant": "acme", "customer": "c-1", "tries": 9, "body": {}}
        given = {"dead-old": ("dead", old), "dead-young": ("dead", young), "pending-old": ("pending", old), "failed-old": ("failed", old)}
        with engine.begin() as connection:
            for name, (state, time) in given.items():
                times = dict.fromkeys(("created", "queued", "due"), START) | {"updated": time}
                connection.execute(insert(deliveries).values(id=name, state=state, **whose, **times))
        assert prunable(engine, CUT)["deliveries"] == prune(engine, CUT)["deliveries"] == 1
        assert rows(engine, "deliveries", "id") == [("dead-young",), ("failed-old",), ("pending-old",)]

    def test_what_comes_again_after_it_went_is_stored_anew(self, engine: Engine) -> None:
        """A record of a finding that was deleted opens its alert as the first one did: nothing remembers it."""
        _filled(engine)
        prune(engine, CUT)
        DatabaseWriter(engine, clock).write([record(finding("old", alert="A"))])
        with engine.connect() as connection:
            assert connection.execute(alerts.select().where(alerts.c.key == "A")).one().state == "open"
            assert connection.execute(findings.select().where(findings.c.id == "old")).one().standing

    def test_all_of_many_goes_and_what_was_left_half_way_is_gone_on_with(self, engine: Engine) -> None:
        """More rows than one transaction deletes all go; an alert that points to one that an ended prune deleted points to nothing after the next."""
        writer = DatabaseWriter(engine, clock)
        writer.write([record(finding(f"f{number}", alert=f"gone-{number}", explained_by="x")) for number in range(4_500)])
        writer.write([record(finding("young", alert="C", minutes=LATE))])
        with engine.begin() as connection:
            connection.execute(update(alerts).where(alerts.c.key == "C").values(duplicate_of="gone-before"))
        assert dict(prune(engine, CUT)) == {"findings": 4_500}
        assert rows(engine, "alerts", "key", "duplicate_of") == [("C", None)]
