"""What findings cost, the same on every database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from models.finding import Severity
from models.tables import finding_days
from sinks.insights import By, Period, Weights, burdens, months_of, refresh
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import START, clock, finding, record

HARM: dict[Severity, float] = {"info": 0.0, "warning": 0.15, "critical": 0.4}
DAY = 24 * 60
PERIOD = Period(START.date(), date(2026, 3, 8))
STORED = datetime.fromtimestamp(clock() / 1e6, START.tzinfo)


def store(engine: Engine, *found: dict[str, Any]) -> None:
    """Write findings as the sinks do."""
    DatabaseWriter(engine, clock).write([record(each) for each in found])


def asked(engine: Engine, by: By, **options: Any) -> dict[str, tuple[int, int, float, int]]:
    """Bring the counts up to date, and return findings, critical ones, harm and those of the period before, by name."""
    refresh(engine, STORED)
    found = burdens(engine, by, PERIOD, harm=HARM, minutes={}, **options)
    return {each.name: (each.findings, each.critical, round(each.harm, 6), each.before) for each in found}


class Burdens:
    """What `sinks.insights` promises; a subclass gives the fixture ``engine``."""

    def test_what_harms_most_comes_first(self, engine: Engine) -> None:
        """One critical finding (0.4) outweighs two warnings (0.3); what is of the seven days before is only compared with."""
        to_sales = {"from": "team:billing", "to": "team:sales"}
        store(
            engine,
            finding("f1"),
            finding("f2", minutes=2 * DAY),
            finding("f3", severity="critical", seam=to_sales, alert="B"),
            finding("f4", minutes=-2 * DAY),
            finding("f5", minutes=-9 * DAY),
        )
        found = asked(engine, "seams")
        assert found == {"team:billing>team:sales": (1, 1, 0.4, 0), "team:billing>team:tech": (2, 0, 0.3, 1)}
        assert list(found) == ["team:billing>team:sales", "team:billing>team:tech"]

    def test_a_finding_of_two_silos_counts_for_both_and_one_without_a_seam_for_none(self, engine: Engine) -> None:
        """The same finding is seen by silo, by field and by detector; another tenant's only where it is asked for."""
        store(engine, finding("f1", silos=["data", "system"], seam=None), finding("f2", tenant="other", alert="B"))
        one = (1, 0, 0.15, 0)
        assert asked(engine, "silos", tenant="acme") == {"data": one, "system": one}
        assert asked(engine, "seams", tenant="acme") == {}
        assert asked(engine, "fields") == {"account_number": (2, 0, 0.3, 0)}
        assert asked(engine, "detectors", tenant="other") == {"repeated_request": one}

    def test_what_does_not_stand_any_more_does_not_count_any_more(self, engine: Engine) -> None:
        """Withdrawn, explained, info or moved to the day before by a later revision: the next question knows, and asking twice changes nothing."""
        found = [finding(f"f{number}", alert="A") for number in range(5)]
        store(engine, *found)
        assert asked(engine, "fields") == {"account_number": (5, 0, 0.75, 0)}
        changes: list[dict[str, Any]] = [{"withdrawn": True}, {"explained_by": "f4"}, {"severity": "info"}]
        store(engine, *(each | {"revision": 2} | change for each, change in zip(found, changes, strict=False)))
        earlier = (START - timedelta(days=1)).isoformat()
        store(engine, found[3] | {"revision": 2, "time": earlier})
        assert asked(engine, "fields") == asked(engine, "fields") == {"account_number": (1, 0, 0.15, 1)}

    def test_minutes_are_of_the_detectors_that_a_time_is_known_of(self, engine: Engine) -> None:
        """Two questions of 0.7 minutes cost 1.4; a detector without a time adds nothing. Where it happened is counted by seam."""
        store(engine, finding("f1"), finding("f2"), finding("f3", detector="repeated_answer", alert="B"))
        refresh(engine, STORED)
        [burden] = burdens(engine, "fields", PERIOD, harm=HARM, minutes={"repeated_request": 0.7})
        assert (burden.minutes, burden.findings) == (1.4, 3)
        assert burden.seams == {"team:billing>team:tech": 3}
        assert burden.detectors == {"repeated_request": 2, "repeated_answer": 1}

    def test_only_days_that_changed_are_counted_again(self, engine: Engine) -> None:
        """After a first time only what was stored since, two minutes of overlap included, is looked at, and of what was revised the days beside."""
        store(engine, finding("f1"))
        assert refresh(engine, STORED + timedelta(hours=1)) == 1
        assert refresh(engine, STORED + timedelta(hours=2)) == 0
        with engine.connect() as connection:
            assert [row.findings for row in connection.execute(select(finding_days))] == [1]
        store(engine, finding("f1", revision=2))
        assert refresh(engine, STORED, weights=Weights({"message": 2.0})) == 3

    def test_months_that_are_over_add_up_to_the_same(self, engine: Engine) -> None:
        """Eight months of findings: whatever days a question spans, the answer is that of the days alone; late and revised ones count in their months, too."""
        found = [finding(f"f{n}", minutes=n * DAY * 3, seam={"from": "team:a", "to": f"team:{n % 3}"}, alert=str(n)) for n in range(80)]
        store(engine, *found)
        end = datetime(2026, 11, 1, tzinfo=UTC)
        periods = [Period(date(2026, 3, 1), date(2026, 10, 31)), Period(date(2026, 6, 15), date(2026, 8, 20)), Period(date(2026, 7, 1), date(2026, 7, 31))]
        refresh(engine, end)
        for changed in ([], [found[30] | {"revision": 2, "withdrawn": True}, finding("late", minutes=50 * DAY, alert="late")]):
            store(engine, *changed)
            refresh(engine, end)
            with engine.connect() as connection:
                months = months_of(connection, finding_days, periods[0].months)
                assert sorted(months) == [f"2026-{month:02}" for month in range(3, 11)]
                days = connection.execute(select(finding_days).where(func.length(finding_days.c.day) == 10)).all()
            for period in periods:
                asked = burdens(engine, "seams", period, harm=HARM, minutes={})
                assert asked
                for each in asked:
                    own = [row for row in days if f"{row.seam_from}>{row.seam_to}" == each.name]
                    within = [row.findings for row in own if period.first.isoformat() <= row.day <= period.last.isoformat()]
                    before = [row.findings for row in own if period.earlier.first.isoformat() <= row.day < period.first.isoformat()]
                    assert (each.findings, each.before) == (sum(within), sum(before))
