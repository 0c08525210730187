"""What every database must tell of rules: how often they fired and were called wrong, and what those in shadow found."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, insert, update

from models.tables import alert_changes, alerts
from sinks.rule_figures import Fired, rule_figures, shadow_findings
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import START, clock, finding, record

_SHADOW = {"name": "dead_end", "version": 1, "mode": "shadow"}


def judge(engine: Engine, key: str, rules: dict[str, int], minutes: float) -> None:
    """Resolve an alert as a false positive, as an operator does."""
    with engine.begin() as connection:
        verdict = {"state": "resolved", "resolution": "false_positive", "judged_rules": rules, "version": 2}
        connection.execute(update(alerts).where(alerts.c.key == key).values(verdict))
        change = {"alert": key, "version": 2, "from_state": "open", "to_state": "resolved", "reason": "false_positive"}
        connection.execute(insert(alert_changes), change | {"actor": "ann", "time": START + timedelta(minutes=minutes)})


def write(engine: Engine, *found: dict[str, Any]) -> None:
    """Store findings."""
    DatabaseWriter(engine, clock).write([record(each) for each in found])


class Figures:
    """Derive for each database, with the fixture ``engine``: its tables, empty."""

    def test_a_rule_that_never_fired_has_no_figures(self, engine: Engine) -> None:
        """Nothing is nought, and has neither a first time nor a last."""
        figures = rule_figures(engine, "repeated_request", "repeated_request", (START,))
        assert (figures.first, figures.last) == (None, None)
        assert figures.ever == figures.since[START] == Fired(0, 0, 0)

    def test_what_became_of_findings_is_counted_by_their_times(self, engine: Engine) -> None:
        """Fired, taken back and explained count since each moment, ends included; another rule's findings do not."""
        later = START + timedelta(minutes=10)
        write(
            engine,
            finding("f1"),
            finding("f2", minutes=10, withdrawn=True),
            finding("f3", minutes=20, explained_by="f1"),
            finding("f4", minutes=30, rule={"name": "other"}),
        )
        figures = rule_figures(engine, "repeated_request", "repeated_request", (START, later))
        assert figures.ever == figures.since[START] == Fired(3, 1, 1)
        assert figures.since[later] == Fired(2, 1, 1)
        assert (figures.first, figures.last) == (START, START + timedelta(minutes=20))

    def test_false_positives_count_by_the_version_that_was_judged(self, engine: Engine) -> None:
        """An alert called false counts for each rule that was judged, from the moment of the judgement."""
        write(engine, *(finding(f"f{each}", alert=each) for each in "ABC"))
        judge(engine, "A", {"repeated_request": 1}, 5)
        judge(engine, "B", {"repeated_request": 2, "other": 1}, 15)
        judge(engine, "C", {"other": 1}, 15)
        later = START + timedelta(minutes=10)
        figures = rule_figures(engine, "repeated_request", "repeated_request", (START, later))
        assert figures.false_positives == {1: 1, 2: 1}
        assert figures.false_positives_since == {START: 2, later: 1}

    def test_shadow_findings_tell_whether_an_alert_was_there_anyway(self, engine: Engine) -> None:
        """Heard is what lies in a contact, or without one in a journey, where a rule that is on has a standing finding."""
        write(
            engine,
            finding("on", minutes=1),
            finding("on explained", minutes=1, contact="k-2", explained_by="on"),
            finding("on, no contact", minutes=1, contact=None, journey="j-9"),
            finding("s1", minutes=2, alert="S", rule=_SHADOW),
            finding("s2", minutes=3, alert="S", rule=_SHADOW, contact="k-2"),
            finding("s3", minutes=4, alert="S", rule=_SHADOW, customer="c-2"),
            finding("s4", minutes=5, alert="S", rule=_SHADOW, contact=None, journey="j-9"),
            finding("s5", minutes=6, alert="S", rule=_SHADOW, withdrawn=True),
        )
        found = list(shadow_findings(engine, START))
        assert [each.body["id"] for each in found] == ["s5", "s4", "s3", "s2", "s1"]
        assert {each.body["id"]: each.heard for each in found if not each.withdrawn} == {
            "s1": True, "s2": False, "s3": False, "s4": True,
        }  # fmt: skip
        assert [each.withdrawn for each in found] == [True, False, False, False, False]
        assert len(list(shadow_findings(engine, START + timedelta(minutes=4)))) == 3
