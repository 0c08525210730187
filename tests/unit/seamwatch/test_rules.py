"""`seamwatch rules` and `seamwatch schema`."""

import json
from pathlib import Path

import pytest

from config.rules import SHIPPED_RULES
from tests.unit.seamwatch.support import run

RULE = (SHIPPED_RULES / "slow_handoff.yaml").read_text().partition("cases:")[0]
CASE = """cases:
  - case: Nothing happens
    touchpoints:
      - {at: 0s, by: customer, type: message, text: hello}
    findings: %s
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give a directory with one rule, and a case that passes."""
    (tmp_path / "slow_handoff.yaml").write_text(RULE + CASE % "[]")
    return tmp_path


def test_check_is_content_with_the_shipped_rules() -> None:
    """The rules, cases and fields that ship with the program are well formed."""
    ended = run("rules", "check")
    assert (ended.exit_code, ended.stderr[:11]) == (0, "Well formed")


def test_check_names_file_line_and_key(rules: Path) -> None:
    """Each mistake is a line with the file, the line in it, the key and what was expected; the command ends with 1."""
    (rules / "slow_handoff.yaml").write_text(RULE.replace("severity: ", "severty: ") + CASE % "[]")
    ended = run("rules", "check", "--rules", str(rules))
    assert ended.exit_code == 1
    line = 1 + RULE.partition("severity: ")[0].count("\n")
    assert ended.stderr.splitlines() == [f"slow_handoff.yaml:{line}: severty: unknown key; did you mean severity?"]


def test_test_plays_the_cases(rules: Path) -> None:
    """Cases that hold are counted and end with 0; one that does not is told with its file, line and difference, and ends with 1."""
    assert run("rules", "test", "--rules", str(rules)).exit_code == 0
    (rules / "slow_handoff.yaml").write_text(RULE + CASE % "[{cause: t1}]")
    ended = run("rules", "test", "--rules", str(rules))
    assert ended.exit_code == 1
    assert "slow_handoff.yaml:" in ended.stdout
    assert "Nothing happens\n  missing: a finding with cause t1" in ended.stdout
    assert ended.stdout.endswith("0 cases passed, 1 failed\n")


def test_test_takes_names_of_rules() -> None:
    """`rules test RULE` plays the cases of that rule alone."""
    ended = run("rules", "test", "repeated_request")
    assert ended.exit_code == 0
    assert "repeated_request" in ended.stdout
    assert "slow_handoff" not in ended.stdout


def test_list_shows_thresholds_as_they_are_written() -> None:
    """`rules list` shows every rule with its mode and its thresholds, durations as in the file."""
    shown = run("rules", "list").stdout
    assert all(path.stem in shown for path in SHIPPED_RULES.glob("*.yaml") if path.stem != "engine")
    assert "read_back 25s" in shown
    listed = {rule["name"]: rule for rule in json.loads(run("rules", "list", "--json").stdout)}
    assert listed["ping_pong_return"]["mode"] == "off"
    assert listed["excessive_handoffs"]["thresholds"] == {"hops": 3}


def test_schema_describes_what_goes_in_and_out(tmp_path: Path) -> None:
    """Each of the six schemas is there, on standard output as one object and with --out as a file."""
    schemas = json.loads(run("schema").stdout)
    assert set(schemas) == {"touchpoint", "finding", "brief", "score", "tally", "alert"}
    assert {"id", "revision", "withdrawn", "seam", "alert"} <= schemas["finding"]["properties"].keys()
    assert "from" in schemas["finding"]["$defs"]["Seam"]["properties"]
    assert "info.provided" in schemas["touchpoint"]["discriminator"]["mapping"]
    assert run("schema", "--out", "made/here").exit_code == 0
    written = {path.name: json.loads(path.read_text()) for path in (tmp_path / "made/here").iterdir()}
    assert written == {f"{name}.schema.json": schema for name, schema in schemas.items()}
