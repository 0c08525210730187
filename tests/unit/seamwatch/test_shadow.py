"""Rules in shadow, from the file to what people see: stored, and neither alerted nor scored."""

import json
from pathlib import Path
from typing import Any

import pytest

from seamwatch.live_data import Observatory
from sinks.alerts import list_alerts
from sinks.database import create_engine
from tests.unit.seamwatch.support import UNTIL, asked_twice, findings, lines, run, store, write

KEY = {"SEAMWATCH_HASH_KEY": "0123456789abcdef"}
SINCE = ("--since", "2026-03-01T00:00:00Z")


def replayed(directory: Path, name: str, *settings: str) -> tuple[Path, list[dict[str, Any]]]:
    """Replay two stories under changed rules; return the file of findings, and the scores."""
    path, out, scores = (
        write(directory, lines(asked_twice("c-1"), asked_twice("c-2"))),
        directory / name,
        directory / "scores.jsonl",
    )
    changes = [part for each in settings for part in ("--set", each)]
    ended = run("replay", path, "--until", UNTIL, "--findings", str(out), "--scores", str(scores), *changes, env=KEY)
    assert ended.exit_code == 0
    return out, [json.loads(line) for line in scores.read_text().splitlines()]


@pytest.fixture
def shadowed(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Give the findings, by id, that are stored while both rules of the stories are in shadow."""
    out, _ = replayed(tmp_path, "shadow.jsonl", "repeated_request.mode=shadow", "repeated_answer.mode=shadow")
    store(out)
    return findings(out)


def test_what_is_found_in_shadow_is_not_scored(tmp_path: Path) -> None:
    """The scores are those of the rules that are on, as if those in shadow were off; the findings are there."""
    out, scores = replayed(tmp_path, "shadow.jsonl", "repeated_request.mode=shadow")
    off, scores_without = replayed(tmp_path, "off.jsonl", "repeated_request.mode=off")
    assert scores == scores_without
    in_shadow = findings(out).keys() - findings(off).keys()
    assert {findings(out)[each]["rule"]["mode"] for each in in_shadow} == {"shadow"}
    assert len(in_shadow) == 2


def test_what_is_found_in_shadow_explains_nothing(tmp_path: Path) -> None:
    """Who only watches takes no alert from others: the answer to a request in shadow has one of its own."""
    out, _ = replayed(tmp_path, "shadow.jsonl", "repeated_request.mode=shadow")
    answers = [each for each in findings(out).values() if each["detector"] == "repeated_answer"]
    assert [each["explained_by"] for each in answers] == [None, None]


def test_what_is_found_in_shadow_is_stored_and_alerts_nobody(shadowed: dict[str, dict[str, Any]]) -> None:
    """There are four findings in the database, and no alert."""
    engine = create_engine("sqlite:///seamwatch.db")
    assert list_alerts(engine) == []
    assert Observatory(engine).found().detectors == {"repeated_request": 2, "repeated_answer": 2}
    engine.dispose()
    assert len(shadowed) == 4


def test_an_alert_does_not_show_what_is_in_shadow_as_its_own(tmp_path: Path) -> None:
    """Two rules of one detector share an alert: what it rests on is what the rule that is on found, and the other is marked."""
    own = tmp_path / "rules"
    own.mkdir()
    rule = "name: %s\ndetector: repeated_request\ntexts: {en: 'told by %s'}\n"
    (own / "loud.yaml").write_text(rule % ("loud", "loud"))
    (own / "silent.yaml").write_text(rule % ("silent", "silent") + "mode: shadow\n")
    out = tmp_path / "both.jsonl"
    path = write(tmp_path, lines(asked_twice("c-1")))
    run("replay", path, "--rules", str(own), "--until", UNTIL, "--findings", str(out), env=KEY)
    store(out)
    engine = create_engine("sqlite:///seamwatch.db")
    [shown] = Observatory(engine).newest(5)
    engine.dispose()
    assert (shown.alert.occurrences, shown.finding and shown.finding.summary) == (1, "told by loud")
    said = run("alerts", "show", shown.alert.key).stdout
    assert "after handoff  (in shadow)\n  told by silent" in said
    assert "after handoff\n  told by loud" in said


def test_shadow_tells_what_it_would_be_like(shadowed: dict[str, dict[str, Any]]) -> None:
    """Counts, the alerts that there would be, whom they would be about, and examples without a value."""
    said = run("rules", "shadow", *SINCE).stdout
    assert "repeated_request  version 1\n  2 findings of 2 customers, 2026-03-02 10:06Z to 2026-03-02 10:06Z" in said
    assert "on, it would have made 2 alerts; in 0 of the findings (0%) a rule that is on has alerted" in said
    assert "teams: service 2" in said
    assert "seams: team:sales>team:service 2" in said
    assert "service asked for the account number" in said
    assert "4711" not in said
    told = json.loads(run("rules", "shadow", *SINCE, "--json").stdout)
    rules = {rule["name"]: rule for rule in told["rules"]}
    assert (rules["repeated_answer"]["found"], rules["repeated_answer"]["alerts"]) == (2, 2)
    assert len(shadowed) == 4


def test_shadow_tells_what_would_have_been_heard_anyway(tmp_path: Path) -> None:
    """Where a rule that is on has alerted in the same contact, the share says so."""
    out, _ = replayed(tmp_path, "shadow.jsonl", "repeated_answer.mode=shadow")
    store(out)
    [rule] = json.loads(run("rules", "shadow", *SINCE, "--json").stdout)["rules"]
    assert (rule["found"], rule["heard"], rule["alerts"]) == (2, 2, 0)  # explained by the requests: no alert even if on


def test_no_shadow_is_told(tmp_path: Path) -> None:
    """Where nothing is in shadow, or nothing was found, that is said; without a database what makes one."""
    assert "seamwatch db upgrade" in run("rules", "shadow").stderr
    assert not (tmp_path / "seamwatch.db").exists()
    run("db", "upgrade")
    assert "No rule is in shadow" in run("rules", "shadow").stderr
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text("name: own\ndetector: slow_handoff\nmode: shadow\n")
    assert "nothing found since" in run("rules", "shadow", "--rules", "rules").stderr
