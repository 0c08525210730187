"""The state machine of an alert."""

from datetime import UTC, datetime, timedelta

import pytest

from models.alert import (
    Acknowledge,
    AlertState,
    Assign,
    Change,
    ChangeReason,
    Reopen,
    Resolution,
    Resolve,
    Snooze,
    Undo,
)
from sinks.lifecycle import Facts, News, Refusal, Step, Verdict, advance, decide, pass_time

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
    step = advance(
        before, occurrences=1, severity="warning", last_seen=NOW, news=[News(NOW - timedelta(days=1), "r", 1)]
    )
    assert step == (Verdict(AlertState.REOPENED), ChangeReason.STANDS_AGAIN)


def test_what_was_seen_at_the_resolution_does_not_reopen() -> None:
    """A finding at the very moment that was seen last is not later than it."""
    before = Verdict(AlertState.RESOLVED, Resolution.FIXED, NOW)
    assert advance(before, occurrences=1, severity="warning", last_seen=NOW, news=[News(NOW, "r", 1)]) == (before, None)
    later = News(NOW + timedelta(microseconds=1), "r", 1)
    assert (
        advance(before, occurrences=1, severity="warning", last_seen=NOW, news=[later]).reason
        is ChangeReason.NEW_FINDING
    )


def test_a_key_that_never_stood_at_the_end_of_a_batch_is_resolved() -> None:
    """An alert that opened and closed within one batch is there, resolved, as it would be if its records had come one
    by one.
    """
    step = advance(None, occurrences=0, severity="warning", last_seen=NOW, news=())
    assert step == (Verdict(AlertState.RESOLVED, Resolution.WITHDRAWN, NOW), Resolution.WITHDRAWN)


FACTS = Facts(
    severity="warning",
    occurrences=2,
    last_seen=NOW - timedelta(minutes=5),
    rules={"r": 3},
    last_actor="ada",
    last_reason=ChangeReason.ACKNOWLEDGED,
    replaced=Verdict(AlertState.OPEN),
    latest=True,
)
RESOLVED = Verdict(AlertState.RESOLVED, Resolution.FIXED, NOW, assignee="bob")
ACKNOWLEDGED = Verdict(AlertState.ACKNOWLEDGED, assignee="bob")
FALSE_POSITIVE = Resolve(outcome=Resolution.FALSE_POSITIVE)


@pytest.mark.parametrize(
    ("before", "change", "facts", "refusal"),
    [
        (RESOLVED, Acknowledge(), FACTS, Refusal.RESOLVED),
        (RESOLVED, Assign(to="eve", note="x"), FACTS, Refusal.RESOLVED),
        (RESOLVED, Snooze(worse=True), FACTS, Refusal.RESOLVED),
        (RESOLVED, FALSE_POSITIVE, FACTS, Refusal.ALREADY),
        (RESOLVED, Reopen(), FACTS._replace(occurrences=0), Refusal.NOTHING_STANDS),
        (ACKNOWLEDGED, Acknowledge(), FACTS, Refusal.ALREADY),
        (ACKNOWLEDGED, Assign(to="bob", note="x"), FACTS, Refusal.ALREADY),
        (ACKNOWLEDGED, Assign(to="eve"), FACTS, Refusal.NOTE_MISSING),
        (ACKNOWLEDGED, Snooze(until=NOW), FACTS, Refusal.NOT_LATER),
        (Verdict(AlertState.REOPENED), Reopen(), FACTS, Refusal.ALREADY),
        (ACKNOWLEDGED, Undo(), FACTS._replace(last_actor="bob"), Refusal.NOT_YOURS),
        (ACKNOWLEDGED, Undo(), FACTS._replace(replaced=None), Refusal.NOT_YOURS),
        (ACKNOWLEDGED, Undo(), FACTS._replace(latest=False), Refusal.CAME_AFTER),
        (ACKNOWLEDGED, Undo(), FACTS._replace(last_reason=ChangeReason.UNDONE), Refusal.UNDONE_ALREADY),
    ],
)
def test_what_is_not_to_be_is_refused_with_its_reason(
    before: Verdict, change: Change, facts: Facts, refusal: Refusal
) -> None:
    """Each change that makes no sense has a refusal of its own."""
    assert decide(before, change, facts, actor="ada", now=NOW) is refusal


@pytest.mark.parametrize(
    ("before", "change", "step"),
    [
        (ACKNOWLEDGED, Assign(to=None), Step(Verdict(AlertState.ACKNOWLEDGED), ChangeReason.UNASSIGNED)),
        (
            ACKNOWLEDGED,
            Assign(to="eve", note="x"),
            Step(Verdict(AlertState.ACKNOWLEDGED, assignee="eve"), ChangeReason.HANDED_OVER),
        ),
        (
            ACKNOWLEDGED,
            FALSE_POSITIVE,
            Step(
                Verdict(AlertState.RESOLVED, Resolution.FALSE_POSITIVE, FACTS.last_seen, {"r": 3}, assignee="bob"),
                Resolution.FALSE_POSITIVE,
            ),
        ),
        (RESOLVED, Reopen(), Step(Verdict(AlertState.REOPENED, assignee="bob"), ChangeReason.REOPENED)),
        (ACKNOWLEDGED, Reopen(), Step(Verdict(AlertState.OPEN, assignee="bob"), ChangeReason.REOPENED)),
        (ACKNOWLEDGED, Undo(), Step(Verdict(AlertState.OPEN), ChangeReason.UNDONE)),
    ],
)
def test_operators_move_alerts(before: Verdict, change: Change, step: Step) -> None:
    """Each change leads to its state, keeps the assignee, and notes what was known."""
    assert decide(before, change, FACTS, actor="ada", now=NOW) == step


@pytest.mark.parametrize("state", [AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.REOPENED, AlertState.SNOOZED])
def test_what_was_seen_or_touched_does_not_expire(state: AlertState) -> None:
    """An alert expires when neither a finding nor a change is younger than the expiry, and keeps what it had seen."""
    before, since, later = (
        Verdict(state, snoozed_severity="warning"),
        NOW - timedelta(days=1),
        NOW - timedelta(hours=23),
    )

    def passed(last_seen: datetime, updated: datetime) -> Step:
        return pass_time(before, last_seen=last_seen, updated=updated, now=NOW, unseen_since=since)

    assert passed(later, since) == passed(since, later) == (before, None)
    assert passed(since, since) == (Verdict(AlertState.RESOLVED, Resolution.EXPIRED, since), Resolution.EXPIRED)
