"""`seamwatch replay --against`: two sets of rules over the same touchpoints."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from config.rules import SHIPPED_RULES
from seamwatch.backtest import blamed_team, compare
from sinks.back_tests import kept_back_tests
from sinks.database import create_engine, upgrade
from tests.unit.seamwatch.support import UNTIL, asked_twice, findings, lines, run, touchpoint, write

KEY = {"SEAMWATCH_HASH_KEY": "0123456789abcdef"}


def slow(customer: str) -> list[dict[str, Any]]:
    """Return a story in which service takes over three minutes after it was asked to."""
    handoff = {"handoff": f"h-{customer}"}
    started = {"to_team": "service", "mode": "blind"}
    return [
        touchpoint(f"{customer}-1", "10:00:00", "contact.answered", customer, "sales"),
        touchpoint(f"{customer}-2", "10:02:00", "handoff.started", customer, "sales", data=handoff | started),
        touchpoint(f"{customer}-3", "10:05:00", "handoff.accepted", customer, "service", data=handoff),
    ]


STORIES = lines(asked_twice("c-1"), asked_twice("c-2"), slow("c-3"))


def compared(*arguments: str, given: bytes = STORIES) -> Any:
    """Return the comparison that the command prints as JSON."""
    ended = run("replay", "-", "--until", UNTIL, "--json", *arguments, given=given, env=KEY)
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)["comparison"]


def test_the_same_rules_find_the_same() -> None:
    """The shipped rules against themselves: nothing moves, and the command says so."""
    found = compared("--against", "shipped")
    assert (found["findings"]["same"], found["alerts"]["after"]) == (5, 3)
    assert found["examples"] == []
    said = run("replay", "-", "--until", UNTIL, "--against", "shipped", given=STORIES, env=KEY).stdout
    assert "Both find the same: 5 findings, 3 alerts." in said


def test_what_appears_vanishes_and_changes_is_counted() -> None:
    """One rule off, one louder, one in shadow: by rule what vanishes and what changes, and the alerts that come and go with it."""
    found = compared(
        *("--set", "slow_handoff.mode=off", "--set", "repeated_request.mode=shadow"),
        *("--set", "repeated_answer.severity=critical", "--against", "shipped"),
    )
    rules = {row["name"]: row for row in found["rules"]}
    assert (rules["slow_handoff"]["vanish"], rules["slow_handoff"]["shares"]["vanish"]) == (1, 1.0)
    assert (rules["repeated_request"]["change"], rules["repeated_answer"]["change"]) == (2, 2)
    # In shadow the request explains the answer no more, which was its alert's: the answer has one of its own.
    assert found["changes"] == {"mode": 2, "severity": 2, "explained": 2}
    assert found["alerts"] == {"before": 3, "after": 2, "appear": 2, "vanish": 3}
    [row] = found["teams"]
    assert (row["name"], row["before"], row["after"]) == ("service", 5, 4)
    assert {row["name"] for row in found["seams"]} == {"team:sales>team:service"}


def test_both_directions_mirror_each_other(tmp_path: Path) -> None:
    """What appears under one directory against the other vanishes the other way round."""
    fewer = tmp_path / "fewer"
    shutil.copytree(SHIPPED_RULES, fewer, ignore=shutil.ignore_patterns("repeated_request.yaml", "texts"))
    there = compared("--against", str(fewer))
    back = compared("--rules", str(fewer), "--against", "shipped")
    assert (there["findings"]["appear"], back["findings"]["appear"]) == (2, 0)
    assert (there["findings"]["vanish"], back["findings"]["vanish"]) == (0, 2)
    assert there["findings"]["change"] == back["findings"]["change"] == 2
    assert (there["tested"], there["against"]) == ("shipped", str(fewer))


def test_each_side_is_what_replay_alone_finds(tmp_path: Path) -> None:
    """The findings written are those of the rules under test, and the figures before are those of the others, each as if alone."""
    path, own = write(tmp_path, STORIES), ("--set", "slow_handoff.mode=off")
    both, alone = str(tmp_path / "both.jsonl"), str(tmp_path / "alone.jsonl")
    run("replay", path, *own, "--until", UNTIL, "--findings", alone, env=KEY)
    run("replay", path, *own, "--until", UNTIL, "--findings", both, "--against", "shipped", env=KEY)
    assert findings(both) == findings(alone)
    plain = json.loads(run("replay", path, "--until", UNTIL, "--json", env=KEY).stdout)
    assert compared(*own, "--against", "shipped")["findings"]["before"] == plain["findings"]["total"]


def test_it_is_shown_with_bars_and_masked_examples() -> None:
    """On a terminal a rule's bar shows what stays and what vanishes, an example tells one of them, and no value is shown."""
    said = run(
        *("replay", "-", "--until", UNTIL, "--set", "slow_handoff.mode=off", "--against", "shipped"),
        given=STORIES,
        env=KEY,
    ).stdout
    assert "Back-test of shipped --set slow_handoff.mode=off against shipped" in said
    assert "Findings: 5 before, 4 after; 1 would vanish (20% of those before)" in said
    assert "Alerts: 3 before, 2 after; 0 new, 1 gone" in said
    assert "-" * 32 in said
    assert "slow_handoff would vanish, for example" in said
    assert "service took over too late" in said
    assert "what people would have done" in said
    assert "4711" not in said


def test_what_is_kept_is_for_the_console(tmp_path: Path) -> None:
    """With --keep the counts are in the database, by the name of whoever ran it; without --against there is nothing to keep."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    ended = run(
        *("replay", "-", "--until", UNTIL, "--set", "slow_handoff.mode=off", "--against", "shipped", "--keep"),
        given=STORIES,
        env=KEY | {"SEAMWATCH_DATABASE": url},
    )
    assert ended.exit_code == 0
    [kept] = kept_back_tests(create_engine(url), 9)
    assert (kept["tested"], kept["findings"]["vanish"], kept["alerts"]["after"]) == ("shipped --set slow_handoff.mode=off", 1, 2)


def test_wrong_use_is_told(tmp_path: Path) -> None:
    """Files and a topic exclude each other, one of them is needed, and rules to compare with exist."""
    path = write(tmp_path, STORIES)
    for arguments, sentence in (
        ([], "give files to read, or --from-topic"),
        ([path, "--from-topic"], "exclude each other"),
        ([path, "--since", "24h"], "--since is about a topic"),
        ([path, "--against", "nowhere"], "does not exist"),
        ([path, "--keep"], "give --against too"),
        (["--from-topic", "--since", "yesterday"], "neither a duration"),
        (["--from-topic", "--since", "2026-03-02T10:00:00"], "has no time zone"),
    ):
        ended = run("replay", *arguments)
        assert ended.exit_code == 2
        assert sentence in ended.stderr


def test_strict_still_tells_refused_lines() -> None:
    """Exit codes are those of any replay: 3 where a line was refused under --strict."""
    ended = run("replay", "-", "--strict", "--against", "shipped", given=STORIES + b"no json\n", env=KEY)
    assert ended.exit_code == 3


@pytest.mark.parametrize(
    ("silos", "seam", "team"),
    [
        (["process"], {"from": "team:a", "to": "team:b"}, "b"),
        (["handoff"], {"from": "team:a", "to": "team:b"}, "a"),
        (["process"], {"from": "channel:chat", "to": "channel:voice"}, "again"),
        (["handoff"], None, "first"),
    ],
)
def test_the_team_is_the_one_that_scores_charge(silos: list[str], seam: dict[str, str] | None, team: str) -> None:
    """The receiving team is blamed, of what was lost in a handoff the sending one; where the seam names none, the touchpoint's."""
    assert blamed_team({"silos": silos, "seam": seam, "first": {"team": "first"}, "again": {"team": "again"}}) == team


def test_nothing_compares_to_nothing() -> None:
    """Without findings there are no shares, and no division by nothing."""
    assert compare([], [])["findings"]["shares"] == {"appear": None, "vanish": None, "change": None}
