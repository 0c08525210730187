"""The cases beside the shipped rules: they hold, there are enough of them, and a second reading of the documents agrees.

The second reading is ``tests/reference``, which shares no code with the engine; so a case on which both agree with what
was written down beforehand is settled three times over.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from agents.fields import FieldCatalog, Fingerprinter, fold
from agents.replay import Replay
from config.cases import Case, check_case
from config.fields import load_fields
from config.rules import SHIPPED_RULES, load_cases, load_rulebook
from tests.reference.oracle import COMPARED, findings, off_unless_shipped
from tests.reference.timeline import microseconds

RULEBOOK = load_rulebook()
FIELDS = load_fields()
CASES = load_cases()
RULES = sorted(path.stem for path in SHIPPED_RULES.glob("*.yaml") if path.stem != "engine")
ENOUGH = 5
SECOND = 1_000_000

#: How the reference calls what a case may set; it knows one severity, so a case that sets one is compared without.
REFERENCE_KEYS = {"validity": "valid_for"}
IN_SECONDS = {"validity", "read_back", "same_breath", "within", "furthest", "open_for"}


def named(case: Case) -> str:
    """Name a case in a test report."""
    return f"{case.rule}: {case.case}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_rule_finds_what_the_case_says(case: Case) -> None:
    """In each story the rule has exactly the findings that are written beside it."""
    assert check_case(case, RULEBOOK, FIELDS) == []


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_rule_finds_it_in_any_order_of_arrival(case: Case) -> None:
    """The same story told backwards, where nearly every record is late, ends with the same findings of all rules."""
    assert played(case, case.touchpoints[::-1]) == played(case, case.touchpoints)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_reference_reads_the_case_the_same_way(case: Case) -> None:
    """Every finding of every rule in the story is what a brute-force reading of the documents finds, key by key."""
    without = {"severity"} if any(change.key == "severity" for change in case.changes) else set()
    found = {each["id"]: short(each, without) for each in played(case, case.touchpoints)}
    expected = findings(
        [for_reference(line, FIELDS) for line in case.touchpoints],
        clock=case.until,
        rules=rules_for_reference(case),
        fields=fields_for_reference(FIELDS),
    )
    assert found == {each["id"]: short(each, without) for each in expected}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_has_cases_enough(rule: str) -> None:
    """A rule is shown at least five times firing and five times keeping quiet."""
    shown = Counter(bool(case.findings) for case in CASES if case.rule == rule)
    assert shown[True] >= ENOUGH
    assert shown[False] >= ENOUGH


@pytest.mark.parametrize("rule", RULES)
def test_each_case_of_a_rule_is_told_once(rule: str) -> None:
    """Two cases of one rule are told apart by their sentence."""
    told = Counter(case.case for case in CASES if case.rule == rule)
    assert {sentence for sentence, times in told.items() if times > 1} == set()


def played(case: Case, lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """Play the lines in this order under the rules of the case, and return all findings without their revisions."""
    replay = Replay(case.rulebook(RULEBOOK), FIELDS, Fingerprinter(b"cases hold no secrets"))
    for number, line in enumerate(lines, 1):
        replay.feed(number, line)
    replay.finish(case.until)
    assert not replay.dead_letters
    return [{key: value for key, value in each.items() if key != "revision"} for each in replay.findings()]


def short(finding: Mapping[str, Any], without: Iterable[str]) -> dict[str, Any]:
    """Keep what the reference compares: touchpoints by source and id, times in microseconds, the rule by its name."""
    kept = {key: finding[key] for key in COMPARED if key not in without}
    for key in ("first", "again"):
        kept[key] = finding[key] and {name: finding[key][name] for name in ("source", "id")}
    if isinstance(finding["rule"], Mapping):
        kept["rule"] = finding["rule"]["name"]
    if isinstance(finding["time"], str):
        kept["time"] = microseconds(finding["time"])
    return kept


def for_reference(line: bytes, fields: FieldCatalog) -> dict[str, Any]:
    """Return a touchpoint for the reference, which folds all values as words: numbers and dates are folded before."""
    touchpoint: dict[str, Any] = json.loads(line)
    data = touchpoint["data"]
    name = data.get("field") or data.get("fact")
    if name and data.get("value") is not None:
        data["value"] = fold(fields.definition(name), data["value"], touchpoint.get("language"))
    return touchpoint


def fields_for_reference(fields: FieldCatalog) -> dict[str, Any]:
    """Return the shipped fields as the reference takes them, with validity in seconds."""
    return {
        each.name: {
            "kind": each.kind,
            "aliases": list(each.aliases),
            "must_travel": each.must_travel,
            "valid_for": None if each.validity is None else each.validity / SECOND,
        }
        for each in fields.definitions
    }


def rules_for_reference(case: Case) -> dict[str, Any]:
    """Return what a case changes as the reference takes it; its own rule is on."""
    rules: dict[str, Any] = {**off_unless_shipped(SHIPPED_RULES), case.rule: {"mode": "on"}}
    for rule, key, value in case.changes:
        if rule is None:
            assert key == "transit", f"{key} has no counterpart in the reference yet"
            rules[key] = sorted(value)
        else:
            in_seconds = value / SECOND if key in IN_SECONDS else value
            rules.setdefault(rule, {})[REFERENCE_KEYS.get(key, key)] = in_seconds
    return rules
