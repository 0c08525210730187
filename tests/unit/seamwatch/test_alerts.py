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


def test_acting_is_told_and_audited(stored: dict[str, str]) -> None:
    """Each command changes what its key names, says how it stands now, and `show` tells who did what, when and why."""
    first, other = stored["c-1"], stored["c-2"]
    for arguments, told in (
        (("ack", first[:8], "--as", "ada", "--note", "calling back"), "acknowledged"),
        (("assign", first, "--as", "ada"), "acknowledged (ada)"),
        (("assign", first, "--to", "eve", "--as", "ada", "--note", "refund\npromised"), "acknowledged (eve)"),
        (("assign", first, "--to", "-", "--as", "eve"), "acknowledged"),
        (("snooze", first, "--as", "eve", "--until", "worse", "--until", "2999-01-01T00:00:00Z"), "snoozed until 2999-01-01 00:00Z or worse"),
        (("reopen", first, "--as", "eve"), "open"),
        (("resolve", first, "--outcome", "duplicate", "--of", other[:8], "--as", "eve"), f"resolved: duplicate of {other}"),
        (("undo", first, "--as", "eve"), "open"),
        (("resolve", first, "--outcome", "false-positive", "--as", "eve"), "resolved: false_positive"),
    ):  # fmt: skip
        ended = run("alerts", *arguments)
        assert (ended.stdout, ended.stderr, ended.exit_code) == (f"{first}  {told}\n", "", 0)
    shown = run("alerts", "show", first[:8]).stdout
    assert "resolved: false_positive" in shown
    assert "acknowledged: handed_over to eve, by ada\n  refund\n  promised\n" in shown
    assert "open → resolved: false_positive, by eve" in shown
    [change] = [each for each in json.loads(run("alerts", "show", first, "--json").stdout)["changes"] if each["note"] == "calling back"]
    assert (change["actor"], change["from_state"], change["to_state"]) == ("ada", "open", "acknowledged")


def test_a_conflict_tells_who_was_first(stored: dict[str, str]) -> None:
    """A change of a version that is over ends with 1, and tells who changed the alert, to what and when; with --json as data."""
    key = stored["c-1"]
    run("alerts", "resolve", key, "--as", "ada")
    ended = run("alerts", "ack", key, "--as", "bob", "--version", "1")
    assert ended.exit_code == 1
    assert "resolved (fixed) at version 2, not 1; ada was first: open → resolved (fixed) at 20" in ended.stderr
    told = json.loads(run("alerts", "ack", key, "--as", "bob", "--version", "1", "--json").stdout)
    assert (told["key"], told["refused"], told["first"]["actor"]) == (key, "changed", "ada")


def test_of_many_keys_each_is_told(stored: dict[str, str]) -> None:
    """What went well stands on stdout, what did not on stderr with its reason, and the command ends with 1."""
    ended = run("alerts", "ack", stored["c-1"], "nothing", stored["c-2"], "--as", "ada")
    assert ended.exit_code == 1
    assert ended.stdout.split() == [stored["c-1"], "acknowledged", stored["c-2"], "acknowledged"]
    assert ended.stderr.startswith("nothing: there is no alert")
    listed = run("alerts", "list", "--state", "acknowledged", "--assignee", "-", "--severity", "warning", "--json").stdout
    assert len(listed.splitlines()) == 2
    assert run("alerts", "list", "--severity", "critical").stderr == "No alerts.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ack", "a", "b", "--version", "1"), "one KEY"),
        (("ack", "a", "--as", "seamwatch"), "--as NAME"),
        (("ack", "a", "--as", "a\nb"), "one line"),
        (("ack", "a", "--as", "ada", "--note", " "), "--note"),
        (("assign", "a", "--as", "ada", "--to", "x" * 200), "--to"),
        (("snooze", "a", "--as", "ada", "--until", "soon"), "neither a duration"),
        (("snooze", "a", "--as", "ada", "--until", "99999999d"), "too far off"),
        (("snooze", "a", "--as", "ada"), "--until"),
        (("resolve", "a", "--as", "ada", "--outcome", "duplicate"), "--of KEY"),
        (("resolve", "a", "--as", "ada", "--of", "b"), "--outcome duplicate"),
    ],
)
def test_wrong_use_is_told_before_anything_happens(arguments: tuple[str, ...], told: str) -> None:
    """What cannot be meant ends with 2, with what to write instead."""
    run("db", "upgrade")
    ended = run("alerts", *arguments)
    assert ended.exit_code == 2
    assert told in ended.stderr


def test_without_a_login_name_one_is_asked_for(stored: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who acts is the login name; where there is none, as in some containers, the way to say it is told."""
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    assert run("alerts", "ack", stored["c-1"]).exit_code == 0
    assert "by root" in run("alerts", "show", stored["c-1"]).stdout

    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr("getpass.getuser", nobody)
    ended = run("alerts", "undo", stored["c-1"])
    assert ended.exit_code == 2
    assert "--as NAME" in ended.stderr


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12, "12 s ago"), (300, "5 min ago"), (7200, "2 h ago"), (864_000, "10 d ago"), (-300, "in 5 min")],
)
def test_times_are_told_relative_to_now(seconds: int, text: str) -> None:
    """How long ago something was is told in the one unit that fits."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert relative(now - timedelta(seconds=seconds), now) == text
