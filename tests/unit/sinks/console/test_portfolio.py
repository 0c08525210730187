"""The portfolio over HTTP."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from sinks.console.accounts import Accounts
from sinks.console.callers import Role
from tests.unit.sinks.builders import finding
from tests.unit.sinks.console.served import enter, known
from tests.unit.sinks.handling import Desk
from tests.unit.sinks.portfolios import known as customer


def test_how_customers_stand_and_who_needs_someone(client: TestClient, desk: Desk, engine: Engine) -> None:
    """Quadrants with their revenue, and the one with an alert and 2,000 at stake; of two currencies without a rate nothing is told but why."""
    customer(engine, "c-1", 2000, 1.0, billed_currency="EUR")
    customer(engine, "c-2", None, 1.0)
    desk.found(finding(customer="c-1"))
    found = client.get("/api/portfolio").json()
    model = found["quadrants"][0]
    assert (model["quadrant"], model["customers"], model["billed"]) == ("model", 1, 2000)
    assert (found["currency"], found["unplaced"]) == ("EUR", {"no_revenue": 1})
    [first] = client.get("/api/portfolio/today").json()["items"]
    assert (first["customer"], round(first["priority"], 6), first["alerts"]) == ("c-1", 300, {"repeated_request": 1})
    customer(engine, "c-3", 5, 1.0, billed_currency="USD")
    refused = client.get("/api/portfolio/today")
    assert refused.status_code == 409
    assert "SEAMWATCH_RATES" in refused.text


def test_who_may_see_some_teams_alone_does_not_see_the_portfolio(app: FastAPI, accounts: Accounts, desk: Desk) -> None:
    """It is of all teams: the answer says so."""
    accounts.add("bob", Role.LEAD, desk.clock.now, password=None, teams=["billing"])
    with known(TestClient(app), app, enter(accounts, "bob", desk)) as client:
        assert client.get("/api/portfolio").status_code == 403
