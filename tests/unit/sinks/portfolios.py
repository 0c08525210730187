"""What customers bring, how pleased they are, and who needs someone today, the same on every database."""

from typing import Any

import pytest
from sqlalchemy import Engine, insert

from models.tables import customers
from sinks.portfolio import MixedCurrencies, Money, Terms, money_of, needing, portfolio
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import clock, finding, record

EUROS = Money("EUR", {"USD": 0.5})
TERMS = Terms(1000, 0.6)
HARM: Any = {"info": 0.0, "warning": 0.15, "critical": 0.4}


def known(engine: Engine, customer: str, billed: float | None, satisfaction: float | None, **more: Any) -> None:
    """Store a customer."""
    row: dict[str, Any] = {"tenant": "acme", "customer": customer, "billed": billed, "satisfaction": satisfaction, "state": {}}
    row |= {"answers": int(satisfaction is not None), "billed_currency": None, "forecast": None, "forecast_currency": None} | more
    with engine.begin() as connection:
        connection.execute(insert(customers), [row])


class Portfolios:
    """What `sinks.portfolio` promises; a subclass gives the fixture ``engine``."""

    def test_revenue_and_satisfaction_make_the_quadrants_and_everything_else_a_reason(self, engine: Engine) -> None:
        """1,000 and 0.6 are high themselves; 2,000 USD are 1,000 EUR; a negative, missing or unconvertible revenue and no answer are reasons, and in no sum."""
        known(engine, "a", 1000, 0.6, forecast=500)
        known(engine, "b", 2000, 0.59, billed_currency="USD", forecast=100, forecast_currency="USD")
        known(engine, "c", 999.99, 1.0, forecast=-5)
        known(engine, "d", 0, 0.0)
        known(engine, "e", -1, 1.0)
        known(engine, "f", 5000, 1.0, billed_currency="JPY")
        known(engine, "g", None, 1.0)
        known(engine, "h", 5000, None)
        known(engine, "i", None, None)
        known(engine, "j", 7000, 1.0, tenant="other")
        found = portfolio(engine, EUROS, TERMS, tenant="acme")
        assert {each.name: (each.customers, each.billed, each.forecast, each.unforecast) for each in found.quadrants} == {
            "model": (1, 1000, 500, 0), "growth": (1, 999.99, 0, 1), "at_risk": (1, 1000, 50, 0), "dangling": (1, 0, 0, 1),
        }  # fmt: skip
        assert found.unplaced == {"no_revenue": 1, "negative_revenue": 1, "no_rate": 1, "no_answer": 1}

    def test_mixed_currencies_are_refused_until_one_is_said_to_be_the_own(self, engine: Engine) -> None:
        """One currency alone is taken for the own; a second one, of forecasts too, is refused by name with what to set."""
        known(engine, "a", 1000, 0.6, billed_currency="EUR")
        known(engine, "b", 1000, 0.6)
        assert money_of(engine, None, {}) == Money("EUR", {})
        known(engine, "c", None, 0.6, forecast=3, forecast_currency="USD")
        with pytest.raises(MixedCurrencies, match=r"EUR, USD: set SEAMWATCH_CURRENCY"):
            money_of(engine, None, {})
        assert money_of(engine, "EUR", {"USD": 0.5}) == EUROS

    def test_who_needs_someone_is_ranked_by_what_is_at_stake_times_how_hurt(self, engine: Engine) -> None:
        """By hand: a: 2,000 x (1 - 0.85 x 0.6) = 980 of a warning and a critical; b: 5,000 x 0.15 of being at risk = 750; c: 4,000 forecast x 0.15 = 600.

        d is pleased and has no alert; e's alert is of somebody whose revenue nobody knows; f's was taken up.
        """
        known(engine, "a", 2000, 1.0)
        known(engine, "b", 5000, 0.2)
        known(engine, "c", 10, 1.0, forecast=4000)
        known(engine, "d", 9000, 1.0)
        known(engine, "f", 9000, 1.0)
        found = [
            finding("f1", customer="a", alert="A"),
            finding("f2", customer="a", alert="B", severity="critical", detector="portfolio_shift"),
            finding("f3", customer="c", alert="C"),
            finding("f4", customer="e", alert="E"),
            finding("f5", customer="f", alert="F"),
        ]
        DatabaseWriter(engine, clock).write([record(each) for each in found])
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alerts SET state = 'acknowledged' WHERE key = 'F'")
        first, unvalued = needing(engine, EUROS, TERMS, HARM)
        assert [(each.customer, round(each.priority, 6), each.quadrant, each.moved) for each in first] == [
            ("a", 980, "model", True), ("b", 750, "at_risk", False), ("c", 600, "growth", False),
        ]  # fmt: skip
        assert first[0].alerts == {"portfolio_shift": 1, "repeated_request": 1}
        assert unvalued == 1
        assert [each.customer for each in needing(engine, EUROS, TERMS, HARM, limit=1)[0]] == ["a"]
        assert needing(engine, EUROS, TERMS, HARM, tenant="other") == ([], 0)
