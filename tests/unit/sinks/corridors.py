"""The corridor, snarls, the faces of teams, and what weighs more, the same on every database."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from models.tables import contact_marks, customers, day_counts
from sinks.corridor import corridor, faces, snarls
from sinks.insights import Period, Weights, burdens, refresh
from sinks.portfolio import Money
from tests.unit.sinks.builders import START, finding
from tests.unit.sinks.burdens import HARM, STORED, store

DAY = START.date()
PERIOD = Period(DAY, DAY)


def counts(engine: Engine, *told: tuple[str, str, str, int]) -> None:
    """Store counts of the day: kind, two names, how many."""
    with engine.begin() as connection:
        rows = [{"tenant": "acme", "day": DAY.isoformat(), "kind": k, "name": n, "other": o, "count": c, "sum": 0.0} for k, n, o, c in told]
        connection.execute(insert(day_counts), rows)


def at(identity: str, team: str | None, channel: str = "voice", kind: str = "info.requested", **changes: Any) -> dict[str, Any]:
    """Return a finding of a touchpoint in this place, each of a contact of its own."""
    again = {"source": "s", "id": identity, "time": START.isoformat(), "type": kind, "team": team, "channel": channel, "field": None, "mask": None}
    return finding(identity, again=again, **{"contact": f"k-{identity}", "alert": identity} | changes)


class Corridors:
    """What `sinks.corridor` and the weights of `sinks.insights` promise; a subclass gives the fixture ``engine``."""

    def test_the_map_tells_which_place_follows_which_and_what_goes_wrong_between(self, engine: Engine) -> None:
        """Visits are arrivals, a journey's beginning too; findings lie at a place (ivr is voice) and at the seam; other days and tenants are left out."""
        counts(engine, ("move", "", "voice/billing", 10), ("move", "voice/billing", "voice/tech", 4), ("move", "voice/tech", "app", 1), ("late", "", "", 3))
        store(engine, at("f1", "tech"), at("f2", "tech", "ivr"), at("f3", None, "app", seam=None), at("f4", "tech", tenant="other"))
        refresh(engine, STORED)
        found = corridor(engine, PERIOD, HARM, tenant="acme")
        assert [(each.before, each.after, each.count, each.findings) for each in found.moves] == [
            ("", "voice/billing", 10, 0), ("voice/billing", "voice/tech", 4, 2), ("voice/tech", "app", 1, 0),
        ]  # fmt: skip
        assert {name: (each.visits, each.hits, each.findings) for name, each in found.places.items()} == {
            "voice/billing": (10, 0, 0), "voice/tech": (4, 2, 2), "app": (1, 1, 1),
        }  # fmt: skip
        assert found.late == 3
        assert corridor(engine, Period(date(2026, 1, 1), date(2026, 1, 2)), HARM).moves == []

    def test_a_snarl_is_hit_more_often_than_elsewhere_and_certainly_so(self, engine: Engine) -> None:
        """Tech: 12 of 40, its interval above the 2 of 100 elsewhere; billing below; desk has few visits, shop more hits than visits, mail none known."""
        volumes = {"voice/tech": 40, "voice/billing": 100, "voice/desk": 5, "voice/shop": 60}
        counts(engine, *(("move", "", place, number) for place, number in volumes.items()))
        hit = {"tech": 12, "billing": 2, "desk": 5, "shop": 61, "mail": 1}
        store(engine, *(at(f"{team}{n}", team) for team, number in hit.items() for n in range(number)), at("again", "tech", contact="k-tech0"))
        refresh(engine, STORED)
        [snarl], skipped = snarls(engine, PERIOD, HARM, minimum=20)
        assert (snarl.place.name, snarl.place.findings, snarl.rate, snarl.elsewhere) == ("voice/tech", 13, 0.3, 0.02)
        assert [snarl.low, snarl.high] == pytest.approx([0.1807, 0.4543], abs=1e-4)
        assert skipped == {"too_few_visits": 1, "volume_unknown": 2}
        assert snarls(engine, PERIOD, HARM, minimum=41) == ([], {"too_few_visits": 2, "volume_unknown": 2, "nothing_to_compare": 1})

    def test_a_team_has_two_faces(self, engine: Engine) -> None:
        """Tech: a warning in 10 visits that sell, 4 in 20 others, prior 20: 100 x (1 - 0.15 / 30) = 99.5, 100 x (1 - 0.6 / 40) = 98.5: one point behind."""
        counts(engine, ("visit", "tech", "sales", 10), ("visit", "tech", "service", 20), ("visit", "billing", "service", 5))
        with engine.begin() as connection:
            connection.execute(insert(contact_marks), [{"tenant": "acme", "contact": "k-f0", "kind": "sales", "name": "tech"}])
        store(engine, *(at(f"f{n}", "tech") for n in range(5)))
        refresh(engine, STORED)
        tech, billing = faces(engine, PERIOD, HARM, 20)
        assert [tech.sales.score, tech.service.score, tech.lag] == pytest.approx([99.5, 98.5, 1.0])
        assert (billing.team, billing.service.score, billing.lag) == ("billing", 100, None)

    def test_impact_weighs_moments_of_truth_and_the_value_of_the_customers(self, engine: Engine) -> None:
        """By hand, with a mean revenue of (200 + 400) / 2 = 300 EUR.

        a pays 400 USD = 200 EUR: value 2/3; its finding at case.reopened (2) in a contact about a cancellation (3): the higher counts: 0.15 x 3 x 2/3 = 0.3.
        b pays 400 EUR: value 4/3: critical: 0.4 x 4/3 = 0.5333. c is not known, and one below zero counts as not known: 0.15 x 1 each.
        """
        rows = [("a", 400, "USD"), ("b", 400, None), ("d", -7, None)]
        empty: dict[str, Any] = {"tenant": "acme", "forecast": None, "forecast_currency": None, "answers": 0, "state": {}}
        with engine.begin() as connection:
            connection.execute(insert(customers), [empty | {"customer": c, "billed": b, "billed_currency": u} for c, b, u in rows])
            connection.execute(insert(contact_marks), [{"tenant": "acme", "contact": "k-f1", "kind": "intent", "name": "cancellation"}])
        store(
            engine,
            at("f1", "tech", kind="case.reopened", customer="a", detector="premature_closure"),
            at("f2", "tech", customer="b", severity="critical", detector="contradiction"),
            at("f3", "tech", customer="c"),
            at("f4", "tech", customer="d"),
        )
        weights = Weights({"case.reopened": 2, "cancellation": 3}, Money("EUR", {"USD": 0.5}))
        assert refresh(engine, STORED, weights=weights) == 1
        found = {each.name: round(each.impact, 6) for each in burdens(engine, "detectors", PERIOD, harm=HARM, minutes={})}
        assert found == {"contradiction": 0.533333, "premature_closure": 0.3, "repeated_request": 0.3}
        # The same weights count nothing again, who names none keeps them, others count everything again.
        assert [refresh(engine, STORED.replace(year=2027), weights=each) for each in (weights, None, Weights())] == [1, 0, 1]
