"""Cases: stories beside a rule that are played through the engine."""

import json
from pathlib import Path

import pytest

from config.cases import Case, check_case
from config.errors import ConfigError
from config.fields import load_fields
from config.rules import SHIPPED_RULES, load_cases, load_rulebook

RULE = "name: own\ndetector: ping_pong\nmode: off\npattern: direct\n"
STORY = """cases:
  - case: sales, service, sales again
    touchpoints:
      - {at: 0s, type: contact.answered, by: "agent:sales", contact: k-1}
      - {at: 1m, type: contact.answered, by: "agent:service", contact: k-1}
      - {at: 1m30s, type: contact.answered, by: "agent:sales", contact: k-1}
"""
FOUND = "    findings: [{again: t3, first: t1, seam: 'team:service>team:sales', time: 90s, severity: warning}]\n"


def cases(folder: Path, text: str) -> list[Case]:
    """Write a rule with cases, and load them."""
    (folder / "own.yaml").write_text(RULE + text)
    return load_cases(folder)


def problems(folder: Path, text: str) -> list[str]:
    """Write a rule with one case, and check it."""
    (case,) = cases(folder, text)
    return check_case(case, load_rulebook(folder), load_fields())


def test_a_case_that_holds_has_no_problems(tmp_path: Path) -> None:
    """The rule under test is on in its cases, whatever its mode."""
    assert problems(tmp_path, STORY + FOUND) == []


def test_a_finding_that_nobody_expected_is_a_problem(tmp_path: Path) -> None:
    """An empty list says that the rule must keep quiet."""
    found = problems(tmp_path, STORY + "    findings: []\n")
    assert found == ["unexpected: a finding with cause t3, first t1, reason own, severity warning, field none"]


def test_a_finding_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """What is missing is told in the words of the case."""
    found = problems(tmp_path, STORY + "    findings: [{again: t3}, {again: t2, first: t1}]\n")
    assert found == ["missing: a finding with again t2, first t1"]


def test_a_finding_that_differs_is_told_key_by_key(tmp_path: Path) -> None:
    """The key, what it is and what was expected."""
    found = problems(tmp_path, STORY + "    findings: [{cause: t3, first: t2, severity: critical, time: 1m}]\n")
    assert found == [
        "the finding at t3: first is t1, expected t2",
        "the finding at t3: severity is warning, expected critical",
        "the finding at t3: time is 90s, expected 60s",
    ]


def test_a_case_may_set_what_the_command_line_may(tmp_path: Path) -> None:
    """Keys of the engine and of rules, for this case alone."""
    transit = STORY + "    set: {transit: [service], own.severity: critical}\n    findings: []\n"
    assert problems(tmp_path, transit) == []
    assert problems(tmp_path, STORY + "    set: {own.mode: off}\n    findings: []\n") == []
    severe = STORY + "    set: {own.severity: critical}\n    findings: [{again: t3, severity: critical}]\n"
    assert problems(tmp_path, severe) == []


def test_short_touchpoints_are_written_out(tmp_path: Path) -> None:
    """Offsets, actors and defaults become a full touchpoint; what is no key of its envelope is data."""
    text = """cases:
  - case: a promise
    touchpoints:
      - {at: 1h, id: p, type: promise.made, by: "agent:sales", promise: p-1, due: 2h, contact: k, channel: chat}
      - {at: -5s, type: info.provided, by: "customer:sales", customer: c-9, data: {field: x, value: "1"}}
      - {at: 1d, type: heartbeat, source: clock}
    findings: []
"""
    (case,) = cases(tmp_path, text)
    promise, provided, heartbeat = (json.loads(line) for line in case.touchpoints)
    assert promise == {
        "id": "p", "source": "case", "tenant": "default", "time": "2026-03-02T10:00:00Z", "type": "promise.made",
        "customer": "c-1", "channel": "chat", "actor": {"kind": "agent", "team": "sales"}, "contact": "k",
        "data": {"promise": "p-1", "due": "2026-03-02T11:00:00Z"},
    }  # fmt: skip
    assert provided["time"] == "2026-03-02T08:59:55Z"
    assert provided["actor"] == {"kind": "customer", "team": "sales"}
    assert (provided["customer"], provided["data"]) == ("c-9", {"field": "x", "value": "1"})
    assert heartbeat["source"] == "clock"
    assert "actor" not in heartbeat
    assert case.where.endswith("own.yaml:6")


@pytest.mark.parametrize(
    ("touchpoint", "sentence"),
    [
        ("{type: message, by: customer, text: x}", "own.yaml:9: cases[0].touchpoints[0].at: expected a time since"),
        ("{at: 5, type: message, by: customer, text: x, conact: k}", "conact: unknown key; did you mean contact?"),
        ("{at: 0s, type: mesage, by: customer, text: x}", "own.yaml:9: cases[0].touchpoints[0]: type is no known"),
        ("{at: 0s, type: message, by: custmer, text: x}", "actor.kind is wrong: Input should be 'customer'"),
        ("{at: 0s, type: message, text: x}", "by: expected who acts, such as customer, agent:sales"),
        ("{at: 0s, type: message, by: customer}", "data.text is missing"),
        ("{at: 0s, type: message, by: customer, data: x}", "data: expected keys with values"),
    ],
)
def test_wrong_touchpoints_are_refused_by_line(tmp_path: Path, touchpoint: str, sentence: str) -> None:
    """A touchpoint that the engine would refuse is refused where it is written."""
    text = f"cases:\n  - case: x\n    findings: []\n    touchpoints:\n      - {touchpoint}\n"
    with pytest.raises(ConfigError) as caught:
        cases(tmp_path, text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("memry: 3d", "own.yaml:11: memry: unknown key; did you mean memory?"),
        ("own.patern: timed", "own.yaml:11: own.patern: unknown key; did you mean pattern?"),
        ("own.pattern: zigzag", "own.yaml:11: own.pattern: expected 'direct', 'return' or 'timed'"),
    ],
)
def test_wrong_changes_are_refused_by_line(tmp_path: Path, change: str, sentence: str) -> None:
    """What a case sets is validated as the command line's overrides are."""
    with pytest.raises(ConfigError) as caught:
        cases(tmp_path, STORY + f"    set: {{{change}}}\n    findings: []\n")
    assert sentence in str(caught.value)


def test_unknown_expectations_are_refused(tmp_path: Path) -> None:
    """A mistyped expectation would hold for ever."""
    with pytest.raises(ConfigError, match=r"findings\[0\].agian: unknown key; did you mean again\?"):
        cases(tmp_path, STORY + "    findings: [{agian: t3}]\n")


def test_absences_and_explanations_can_be_expected(tmp_path: Path) -> None:
    """An absence is known by the touchpoint that started the wait, an explanation by the rule that explains."""
    (tmp_path / "waiting.yaml").write_text(
        """name: waiting
detector: unanswered_handoff
cases:
  - case: nobody takes the call
    touchpoints:
      - {at: 0s, type: contact.answered, by: "agent:sales", contact: k-1}
      - {at: 10s, type: handoff.started, by: "agent:sales", contact: k-1, handoff: h-1, mode: blind, context: null}
    until: 5m
    findings: [{cause: t2, again: null, time: 70s}]
  - case: the clock has not come so far
    touchpoints:
      - {at: 0s, type: contact.answered, by: "agent:sales", contact: k-1}
      - {at: 10s, type: handoff.started, by: "agent:sales", contact: k-1, handoff: h-1, mode: blind}
    findings: []
"""
    )
    asked_again = """
      - {at: 0s, type: contact.answered, by: "agent:sales", contact: k-1}
      - {at: 1s, type: info.provided, by: customer, contact: k-1, field: acct_no, value: 4711-22}
      - {at: 9s, type: handoff.started, by: "agent:sales", contact: k-1, handoff: h-1, mode: warm, context: []}
      - {at: 19s, type: contact.answered, by: "agent:service", contact: k-1}
      - {at: 29s, type: info.requested, by: "agent:service", contact: k-1, field: account_number}
"""
    lost = SHIPPED_RULES / "context_lost.yaml"
    (tmp_path / lost.name).write_text(
        lost.read_text().partition("cases:")[0]
        + f"cases:\n  - case: not passed on\n    touchpoints:{asked_again}"
        + "    findings: [{cause: t3, field: account_number, first: t2, explained_by: null}]\n"
    )
    asked = SHIPPED_RULES / "repeated_request.yaml"
    (tmp_path / asked.name).write_text(
        asked.read_text().partition("cases:")[0]
        + f"cases:\n  - case: so it is asked again\n    touchpoints:{asked_again}"
        + "    findings: [{again: t5, first: t2, reason: after_handoff, explained_by: context_lost}]\n"
    )
    book, fields = load_rulebook(tmp_path), load_fields()
    assert {case.case: check_case(case, book, fields) for case in load_cases(tmp_path)} == {
        "nobody takes the call": [],
        "the clock has not come so far": [],
        "not passed on": [],
        "so it is asked again": [],
    }
