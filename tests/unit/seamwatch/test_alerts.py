"""`seamwatch alerts` and `seamwatch db` on a file of SQLite."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seamwatch.terminal import relative
from tests.unit.seamwatch.support import UNTIL, asked_twice, findings, lines, run, store, write

KEY = {"SEAMWATCH_HASH_KEY": "0123456789abcdef"}


@pytest.fixture
def stored(tmp_path: Path) -> dict[str, str]:
    """Give the alert keys, by customer, of a database with two stories in it."""
    path, out = write(tmp_path, lines(asked_twice("c-1"), asked_twice("c-2"))), tmp_path / "findings.jsonl"
    assert run("replay", path, "--until", UNTIL, "--findings", str(out), env=KEY).exit_code == 0
    store(out)
    return {each["customer"]: each["alert"] for each in findings(out).values() if each["explained_by"] is None}


def test_upgrade_may_be_repeated() -> None:
    """`db upgrade` makes the tables, and changes nothing the second time."""
    for _ in range(2):
        ended = run("db", "upgrade")
        assert ended.exit_code == 0
        assert "up to date" in ended.stderr


def test_an_empty_database_is_told_what_it_lacks() -> None:
    """Where there are no tables yet the command to make them is named."""
    ended = run("alerts", "list")
    assert ended.exit_code == 1
    assert "seamwatch db upgrade" in ended.stderr


def test_list_shows_open_alerts(stored: dict[str, str]) -> None:
    """Every alert is a row with its seam, and with --json an object a line."""
    shown = run("alerts", "list")
    assert shown.exit_code == 0
    assert "sales → service" in shown.stdout
    assert all(key in shown.stdout for key in stored.values())
    listed = [json.loads(line) for line in run("alerts", "list", "--json").stdout.splitlines()]
    assert {each["customer"]: each["key"] for each in listed} == stored
    assert len(run("alerts", "list", "--json", "--limit", "1").stdout.splitlines()) == 1
    assert run("alerts", "list", "--tenant", "other").stderr == "No alerts.\n"
    assert run("alerts", "list", "--state", "resolved", "--json").stdout == ""


def test_show_tells_what_was_said_where(stored: dict[str, str]) -> None:
    """An alert is shown with the place where the value was given, masked, and the one that asked again."""
    shown = run("alerts", "show", stored["c-1"]).stdout
    assert "10:02  said to sales (chat): account_number …" in shown
    assert "10:06  asked by service (chat): account_number" in shown
    assert "open: first_finding" in shown
    assert "4711-2299" not in shown
    details = json.loads(run("alerts", "show", stored["c-1"], "--json").stdout)
    assert details["alert"]["key"] == stored["c-1"]
    assert details["findings"][0]["seam"] == {"from": "team:sales", "to": "team:service"}


def test_show_of_no_alert_ends_with_1(stored: dict[str, str]) -> None:
    """A key that is none is told with where keys come from."""
    ended = run("alerts", "show", "nothing")
    assert ended.exit_code == 1
    assert "seamwatch alerts list" in ended.stderr


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12, "12 s ago"), (300, "5 min ago"), (7200, "2 h ago"), (864_000, "10 d ago"), (-300, "in 5 min")],
)
def test_times_are_told_relative_to_now(seconds: int, text: str) -> None:
    """How long ago something was is told in the one unit that fits."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert relative(now - timedelta(seconds=seconds), now) == text
