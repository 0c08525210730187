"""`seamwatch portfolio`."""

import json
from pathlib import Path

import pytest

from sinks.database import create_engine, upgrade
from sinks.writer import DatabaseWriter
from tests.unit.seamwatch.support import run
from tests.unit.sinks.builders import clock, finding, record
from tests.unit.sinks.portfolios import known


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store a model customer with an alert, one at risk, and one of whom no answer is known."""
    url = f"sqlite:///{tmp_path}/portfolio.db"
    monkeypatch.setenv("SEAMWATCH_DATABASE", url)
    upgrade(url)
    engine = create_engine(url)
    known(engine, "c-1", 2000, 0.9, forecast=3000)
    known(engine, "c-2", 4000, 0.1, forecast=9000, billed_currency="USD")
    known(engine, "c-3", 10, None)
    DatabaseWriter(engine, clock).write([record(finding(customer="c-1")), record(finding("f2", customer="c-9", alert="B"))])
    engine.dispose()


def test_quadrants_tell_what_customers_bring_and_why_some_are_in_none() -> None:
    """The thresholds are those of the rule portfolio_shift; who has answered nothing is told of."""
    ended = run("portfolio", "quadrants", "--json")
    found = {told["quadrant"]: told for told in map(json.loads, ended.stdout.splitlines())}
    assert (found["model"]["billed"], found["at_risk"]["forecast"], found["growth"]["customers"]) == (2000, 9000, 0)
    shown = run("portfolio", "quadrants")
    assert "at risk" in shown.stdout
    assert "1 customer in no quadrant: no survey is answered." in shown.stderr


def test_today_names_who_needs_someone_first() -> None:
    """Both stake x 0.15: 9,000 of the one at risk comes before 3,000 of the one with an alert; an alert of nobody known is told of."""
    ended = run("portfolio", "today", "--json")
    assert [(told["customer"], told["priority"]) for told in map(json.loads, ended.stdout.splitlines())] == [("c-2", 1350), ("c-1", 450)]
    assert "1 customer more with open alerts" in ended.stderr
    assert "pays well, is not pleased" in run("portfolio", "today").stdout


def test_a_rate_that_is_missing_or_wrong_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an own currency, dollars without a rate stand nowhere; a rate below zero is refused."""
    monkeypatch.setenv("SEAMWATCH_CURRENCY", "EUR")
    assert "in a currency without a rate" in run("portfolio", "quadrants").stderr
    monkeypatch.setenv("SEAMWATCH_RATES", '{"USD": -1}')
    ended = run("portfolio", "today")
    assert (ended.exit_code, "RATES" in ended.stderr) == (2, True)
