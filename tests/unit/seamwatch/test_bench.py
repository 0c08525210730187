"""What a machine manages is measured on real work: the same journeys for the same seed, and fewer findings with fewer rules."""

import json

import pytest

from tests.unit.seamwatch.support import run


def test_the_same_journeys_are_measured_for_people_and_for_programs() -> None:
    """Touchpoints and messages have rates, and as many findings are found in both forms."""
    told = run("bench", "--touchpoints", "2000", "--rounds", "1").output
    found = json.loads(run("-q", "bench", "--touchpoints", "2000", "--rounds", "2", "--json").output)
    assert found["touchpoints"] == 2000
    assert 0 < found["messages"] < 2000
    assert found["touchpoint_seconds"] > 0
    assert found["message_seconds"] > 0
    assert f"\n{found['findings']} findings; medians of 1 rounds" in told


def test_a_rule_that_is_off_finds_nothing() -> None:
    """With `--set` the rules that are measured are those that are set: without the one that finds most here there is less."""
    off = ("--set", "unanswered_handoff.mode=off")
    whole, less = (json.loads(run("-q", "bench", "--touchpoints", "2000", "--rounds", "1", "--json", *given).output) for given in ((), off))
    assert less["findings"] < whole["findings"]


@pytest.mark.parametrize("wrong", [("--touchpoints", "10"), ("--rounds", "0"), ("--set", "no_such_rule.mode=off")])
def test_what_cannot_be_measured_is_refused(wrong: tuple[str, ...]) -> None:
    """A sentence says what is wrong, and the exit code is that of a wrong use."""
    ended = run("bench", *wrong)
    assert ended.exit_code == 2
    assert "Traceback" not in ended.output
