"""`seamwatch insights`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sinks.database import create_engine, upgrade
from sinks.writer import DatabaseWriter
from tests.unit.seamwatch.support import run
from tests.unit.sinks.builders import clock, finding, record

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store three questions of today at one seam, one of last week at another."""
    url = f"sqlite:///{tmp_path}/insights.db"
    monkeypatch.setenv("SEAMWATCH_DATABASE", url)
    upgrade(url)
    engine = create_engine(url)
    today, week_ago = (time.isoformat() for time in (NOW, NOW - timedelta(days=7)))
    back = {"from": "team:tech", "to": "team:billing"}
    found = [finding(f"f{number}", time=today) for number in range(3)] + [finding("f3", time=week_ago, seam=back, alert="B")]
    DatabaseWriter(engine, clock).write([record(each) for each in found])
    engine.dispose()


def test_what_hurts_most_is_ranked() -> None:
    """The worst seam comes first, with what it is made of; fewer days leave the other out, and say what was before."""
    lines = run("insights", "seams").stdout.splitlines()
    assert [line.split()[0] for line in lines[-3:] if line.strip()] == ["team:billing>team:tech", "team:tech>team:billing"]
    [worst, other] = map(json.loads, run("insights", "seams", "--days", "5", "--json").stdout.splitlines())
    assert (worst["findings"], worst["before"], worst["detectors"]) == (3, 0, {"repeated_request": 3})
    assert (other["findings"], other["before"]) == (0, 1)


def test_minutes_and_money_are_told_where_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings nothing is said of them but how to set them; with both, 3 x 0.5 minutes cost 3."""
    bare = run("insights", "fields")
    assert "SEAMWATCH_HANDLING_MINUTES" in bare.stderr
    assert "hours" not in bare.stdout
    monkeypatch.setenv("SEAMWATCH_HANDLING_MINUTES", '{"repeated_request": 0.5}')
    monkeypatch.setenv("SEAMWATCH_COST_PER_MINUTE", "2")
    told = json.loads(run("insights", "fields", "--days", "1", "--json").stdout)
    assert (told["name"], told["minutes"], told["cost"]) == ("account_number", 1.5, 3.0)
    assert "hours" in run("insights", "fields").stdout


def test_a_wrong_setting_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes below zero are refused by name."""
    monkeypatch.setenv("SEAMWATCH_HANDLING_MINUTES", '{"repeated_request": -1}')
    ended = run("insights", "seams")
    assert ended.exit_code == 2
    assert "HANDLING_MINUTES" in ended.stderr
    assert "Traceback" not in ended.stderr
