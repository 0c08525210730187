"""`seamwatch rules explain`."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.detectors import REASONS
from config.rules import SHIPPED_RULES, load_cases, load_rulebook
from seamwatch.parameters import terminal_language
from sinks.alerts import list_alerts
from sinks.database import create_engine
from tests.unit.seamwatch.support import UNTIL, asked_twice, lines, run, store, write
from tests.unit.sinks.figures import judge

RULES = [rule.name for rule in load_rulebook().rules]


def explained(*arguments: str) -> Any:
    """Return what the command tells programs."""
    ended = run("rules", "explain", *arguments, "--json")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_explained(rule: str) -> None:
    """What it does in a sentence, what people are told, what decides it, and cases of both kinds; without a database that is said."""
    facts = explained(rule)
    assert facts["does"].startswith("A")
    assert facts["does"].endswith(".")
    assert all(facts["texts"].values())
    assert facts["cases"]["fires"]
    assert facts["cases"]["keeps_quiet"]
    assert {"key", "value", "default", "unit", "where", "meaning", "shared"} == facts["settings"][0].keys()
    assert all(each["meaning"] for each in facts["settings"])
    assert facts["live"] is None
    assert "seamwatch db upgrade" in facts["no_live"]
    assert rule in run("rules", "explain", rule).stdout


@pytest.mark.parametrize("rule", RULES)
def test_the_reasons_are_all_there_are(rule: str) -> None:
    """No case finds a reason that is not among those that are told."""
    [detector] = [each.detector for each in load_rulebook().rules if each.name == rule]
    found = {finding.reason for case in load_cases(None, {rule}) for finding in case.findings} - {None}
    assert found <= {*(REASONS[detector] or (rule,))}


def test_settings_tell_value_default_unit_and_where_they_were_changed(tmp_path: Path) -> None:
    """A value that is another than the shipped one is told with file and line, or with the override; the shared ones too."""
    settings = {each["key"]: each for each in explained("ping_pong_timed")["settings"]}
    within = settings["within"]
    assert (within["value"], within["default"], within["unit"], within["where"]) == ("1d", "1d", "time", None)
    assert within["meaning"] == "at most this much after the team's last work"
    assert settings["transit"]["shared"]
    (tmp_path / "own").mkdir()
    shipped = (SHIPPED_RULES / "ping_pong_timed.yaml").read_text()
    (tmp_path / "own" / "ping_pong_timed.yaml").write_text(shipped.replace("within: 24h", "within: 2h"))
    (tmp_path / "own" / "engine.yaml").write_text("transit: [survey]\n")
    own = {
        each["key"]: each
        for each in explained("ping_pong_timed", "--rules", "own", "--set", "ping_pong_timed.mode=on")["settings"]
    }
    line = 1 + shipped.partition("within")[0].count("\n")
    assert (own["within"]["value"], own["within"]["default"], own["within"]["where"]) == (
        "2h",
        "1d",
        f"own/ping_pong_timed.yaml:{line}",
    )
    assert (own["mode"]["value"], own["mode"]["where"]) == ("on", "--set ping_pong_timed.mode=on")
    assert (own["transit"]["value"], own["transit"]["where"]) == (["survey"], "own/engine.yaml:1")
    shown = run("rules", "explain", "ping_pong_timed", "--rules", "own").stdout
    assert f"own/ping_pong_timed.yaml:{line}" in shown


def test_a_rule_of_ones_own_is_held_against_its_detector(tmp_path: Path) -> None:
    """Where no rule of that name ships, the default is the detector's, and the comment beside the key its meaning."""
    rule = "name: own\ndetector: repeated_answer\nread_back: 10s  # ten seconds\nsame_breath: 5s\n"
    (tmp_path / "own.yaml").write_text(rule)
    settings = {each["key"]: each for each in explained("own", "--rules", str(tmp_path))["settings"]}
    assert (settings["read_back"]["default"], settings["read_back"]["where"]) == ("25s", "own.yaml:3")
    assert settings["read_back"]["meaning"] == "ten seconds"
    assert settings["same_breath"]["where"] is None
    (tmp_path / "own.yaml").write_text("name: own\ndetector: ping_pong\npattern: direct\n")
    [pattern] = [each for each in explained("own", "--rules", str(tmp_path))["settings"] if each["key"] == "pattern"]
    assert (pattern["default"], pattern["where"]) == (None, "own.yaml:3")


def test_an_unknown_rule_is_named_with_the_known_ones() -> None:
    """A mistyped name is wrong use, told with the names that there are."""
    ended = run("rules", "explain", "repeated_reqest")
    assert ended.exit_code == 2
    assert "no rule is called repeated_reqest" in ended.stderr


def test_the_texts_are_in_the_language_of_the_terminal() -> None:
    """LANG decides, --language decides before it."""
    german = run(
        "rules", "explain", "slow_handoff", env={"LANG": "de_DE.UTF-8", "LC_ALL": None, "LC_MESSAGES": None}
    ).stdout
    assert "zu spät übernommen" in german
    assert "took over too late" in run("rules", "explain", "slow_handoff", "--language", "en").stdout
    assert "接手太晚" in run("rules", "explain", "slow_handoff", "--language", "zh-Hans").stdout


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "fa_IR.UTF-8"}, "fa"),
        ({"LANG": "de_DE@euro", "LC_ALL": ""}, "de"),
        ({"LANG": "de_DE", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh-Hans"),
        ({"LANG": "de_DE", "LC_ALL": "fr_FR"}, "en"),
    ],
)
def test_the_terminals_language_is_read_as_programs_do(environment: dict[str, str], language: str) -> None:
    """LC_ALL comes before LC_MESSAGES before LANG; an empty one counts as none, and English is for all others."""
    assert terminal_language(environment) == language


def test_live_figures_tell_how_often_it_fired_and_was_called_wrong(tmp_path: Path) -> None:
    """Findings, those taken back or explained, alerts called false by version, first and last time; of a rule without any that it never fired."""
    out = tmp_path / "findings.jsonl"
    path = write(tmp_path, lines(asked_twice("c-1"), asked_twice("c-2")))
    run("replay", path, "--until", UNTIL, "--findings", str(out))
    store(out)
    engine = create_engine("sqlite:///seamwatch.db")
    judge(engine, list_alerts(engine)[0].key, {"repeated_request": 1}, 5)
    engine.dispose()
    live = explained("repeated_request")["live"]
    assert live["periods"][-1] == {"days": None, "found": 2, "withdrawn": 0, "explained": 0, "false_positives": 1}
    assert [period["days"] for period in live["periods"]] == [7, 30, None]
    assert live["false_positives_by_version"] == {"1": 1}
    assert live["first"].startswith("2026-03-02T10:06:00")
    assert explained("repeated_answer")["live"]["periods"][-1]["explained"] == 2
    shown = run("rules", "explain", "repeated_request").stdout
    assert "Alerts called false, by the version that was judged: version 1: 1" in shown
    assert "Never fired" in run("rules", "explain", "slow_handoff").stdout
