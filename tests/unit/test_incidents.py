"""The incidents of BPI Challenge 2013, read so that somebody accepts: waits are those of an independent batch count."""

from pathlib import Path

import pytest

from tests.support import bpic2013
from tests.unit.seamwatch.support import findings, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not bpic2013.LOG.exists(), reason=f"the incident log is not there: {bpic2013.LOG}"),
]


def test_slow_and_unanswered_handoffs_are_those_that_a_batch_counts(tmp_path: Path) -> None:
    """Where a team accepts what it starts on, replay names exactly the queueings and late acceptances that a batch count names, and as many cases passed on."""
    path = tmp_path / "findings.jsonl"
    arguments = ("--format", str(bpic2013.ACCEPTING), "--set", "memory=1000d", "--findings", str(path), str(bpic2013.LOG))
    ended = run("replay", *arguments, env={"SEAMWATCH_CUSTOMER_KEY": "0123456789abcdef"})
    assert ended.exit_code == 0, ended.stderr
    found = list(findings(path).values())
    truth = bpic2013.count()
    slow = [(each["first"]["id"], each["again"]["id"]) for each in found if each["detector"] == "slow_handoff"]
    unanswered = [each["first"]["id"] for each in found if each["detector"] == "unanswered_handoff"]
    passed_on = [each["again"]["id"].rpartition("/")[0] for each in found if each["detector"] == "excessive_handoffs"]
    assert sorted(slow) == sorted(truth.slow)
    assert sorted(unanswered) == sorted(truth.abandoned)
    assert sorted(passed_on) == sorted(truth.passed_on)
    assert len(slow) + len(unanswered) == sum(truth.unanswered.values()), "an acceptance makes late what was unanswered"
