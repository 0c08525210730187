"""The state machine of an alert."""

from datetime import UTC, datetime, timedelta

import pytest

from models.alert import AlertState, ChangeReason, Resolution
from sinks.lifecycle import News, Verdict, advance

NOW = datetime(2026, 3, 2, tzinfo=UTC)
UNRESOLVED = [state for state in AlertState if state is not AlertState.RESOLVED]


@pytest.mark.parametrize("state", UNRESOLVED)
def test_nothing_that_stands_resolves(state: AlertState) -> None:
    """Whatever operators made of an alert, it is resolved when nothing of it stands, with what was seen until then."""
    step = advance(Verdict(state), occurrences=0, severity="warning", last_seen=NOW, news=())
    assert step.verdict == Verdict(AlertState.RESOLVED, Resolution.WITHDRAWN, seen_until=NOW)
    assert step.reason is Resolution.WITHDRAWN


@pytest.mark.parametrize("state", UNRESOLVED)
def test_more_of_the_same_moves_nothing(state: AlertState) -> None:
    """A further finding leaves the state of an unresolved alert to the operators."""
    step = advance(Verdict(state), occurrences=2, severity="warning", last_seen=NOW, news=[News(NOW, "r", 1)])
    assert step == (Verdict(state), None)


@pytest.mark.parametrize("resolution", list(Resolution))
def test_a_resolved_alert_without_findings_stays(resolution: Resolution) -> None:
    """A withdrawal does not change why an alert was resolved."""
    before = Verdict(AlertState.RESOLVED, resolution, NOW)
    assert advance(before, occurrences=0, severity="warning", last_seen=NOW, news=()) == (before, None)


def test_a_withdrawal_is_nobodys_judgement() -> None:
    """What the stream took back and says again reopens, however old the finding."""
    before = Verdict(AlertState.RESOLVED, Resolution.WITHDRAWN, NOW)
    step = advance(before, occurrences=1, severity="warning", last_seen=NOW, news=[News(NOW - timedelta(days=1), "r", 1)])
    assert step == (Verdict(AlertState.REOPENED), ChangeReason.STANDS_AGAIN)


def test_what_was_seen_at_the_resolution_does_not_reopen() -> None:
    """A finding at the very moment that was seen last is not later than it."""
    before = Verdict(AlertState.RESOLVED, Resolution.FIXED, NOW)
    assert advance(before, occurrences=1, severity="warning", last_seen=NOW, news=[News(NOW, "r", 1)]) == (before, None)
    later = News(NOW + timedelta(microseconds=1), "r", 1)
    assert advance(before, occurrences=1, severity="warning", last_seen=NOW, news=[later]).reason is ChangeReason.NEW_FINDING


def test_a_key_that_never_stood_at_the_end_of_a_batch_is_resolved() -> None:
    """An alert that opened and closed within one batch is there, resolved, as it would be if its records had come one
    by one.
    """
    step = advance(None, occurrences=0, severity="warning", last_seen=NOW, news=())
    assert step == (Verdict(AlertState.RESOLVED, Resolution.WITHDRAWN, NOW), Resolution.WITHDRAWN)
