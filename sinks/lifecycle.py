"""What becomes of an alert, decided without a database: by the stream (`advance`), by time (`pass_time`) and by operators
(`decide`). The stream opens an alert, resolves it when nothing stands any more and opens it again; time ends snoozes
and what nobody sees any more; all else is the operators'.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, assert_never, get_args

import msgspec

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
from models.finding import Severity

__all__ = ["STREAM", "Facts", "News", "Refusal", "Step", "Verdict", "advance", "decide", "pass_time", "rank"]

STREAM = "seamwatch"
"""The actor of what the program does by itself."""

_RANK = {severity: number for number, severity in enumerate(get_args(Severity))}


class News(NamedTuple):
    """A finding that newly stands under an alert: before the transaction it did not, or did under another alert."""

    time: datetime
    rule: str
    rule_version: int


class Verdict(msgspec.Struct, frozen=True):
    """How an alert was left: its state, who has it, and why and what was known then.

    ``seen_until`` is the ``last_seen`` of a resolved or snoozed one at that moment; ``judged_rules`` the versions of
    the rules that a false positive was judged by; ``snoozed_severity`` the severity at that moment of one that is
    snoozed until it gets worse.
    """

    state: AlertState
    resolution: Resolution | None = None
    seen_until: datetime | None = None
    judged_rules: Mapping[str, int] | None = None
    snoozed_until: datetime | None = None
    snoozed_severity: Severity | None = None
    duplicate_of: str | None = None
    assignee: str | None = None


class Step(NamedTuple):
    """Where an alert stands now, and why it moved there (None: it did not move)."""

    verdict: Verdict
    reason: ChangeReason | Resolution | None


class Refusal(StrEnum):
    """Why an operator's change was not made."""

    NO_SUCH_ALERT = "no_such_alert"
    AMBIGUOUS = "ambiguous"
    CHANGED = "changed"
    ALREADY = "already"
    RESOLVED = "resolved"
    NOTHING_STANDS = "nothing_stands"
    NOT_LATER = "not_later"
    NOTE_MISSING = "note_missing"
    NOT_THE_ORIGINAL = "not_the_original"
    NOT_YOURS = "not_yours"
    CAME_AFTER = "came_after"
    UNDONE_ALREADY = "undone_already"
    UNAVAILABLE = "unavailable"


class Facts(NamedTuple):
    """What a decision of operators rests on besides the verdict.

    ``severity``, ``occurrences`` and ``last_seen`` are the alert's; ``rules`` the versions of the rules whose findings
    stand under it. ``last_actor`` and ``last_reason`` are those of the last audited change, ``replaced`` what it replaced
    (None: not an operator's), ``latest`` whether the alert is still as it left it.
    """

    severity: Severity
    occurrences: int
    last_seen: datetime
    rules: Mapping[str, int]
    last_actor: str
    last_reason: ChangeReason | Resolution
    replaced: Verdict | None
    latest: bool


def rank(severity: Severity) -> int:
    """Return a number that is higher for what is more severe."""
    return _RANK[severity]


def advance(
    before: Verdict | None,
    *,
    occurrences: int,
    severity: Severity,
    last_seen: datetime,
    news: Iterable[News],
) -> Step:
    """Return what the stream makes of an alert.

    ``before`` is None where there is no row yet; ``occurrences`` counts the findings that stand now, ``severity`` is the
    highest of them; ``last_seen`` is the alert's before the transaction.
    """
    if before is None:
        if occurrences:
            return Step(Verdict(AlertState.OPEN), ChangeReason.FIRST_FINDING)
        return Step(_resolution(Resolution.WITHDRAWN, None, last_seen), Resolution.WITHDRAWN)
    if before.state is not AlertState.RESOLVED:
        if not occurrences:
            return Step(_resolution(Resolution.WITHDRAWN, before.assignee, last_seen), Resolution.WITHDRAWN)
        worse = _worsened(before, severity, news) if before.state is AlertState.SNOOZED else None
        return Step(before, None) if worse is None else Step(Verdict(AlertState.OPEN, assignee=before.assignee), worse)
    reason = _reopens(before, news) if occurrences else None
    return Step(before, None) if reason is None else Step(_reopened(before), reason)


def pass_time(
    before: Verdict, *, last_seen: datetime, updated: datetime, now: datetime, unseen_since: datetime
) -> Step:
    """Return what time makes of an alert.

    What has no finding (``last_seen``) and no change of its row (``updated``) after ``unseen_since`` expires, but for
    what is snoozed until a time.
    """
    if before.state is AlertState.SNOOZED and before.snoozed_until is not None:
        if before.snoozed_until > now:
            return Step(before, None)
        return Step(Verdict(AlertState.OPEN, assignee=before.assignee), ChangeReason.SNOOZE_OVER)
    if before.state is AlertState.RESOLVED or max(last_seen, updated) > unseen_since:
        return Step(before, None)
    return Step(_resolution(Resolution.EXPIRED, before.assignee, last_seen), Resolution.EXPIRED)


def decide(before: Verdict, change: Change, facts: Facts, *, actor: str, now: datetime) -> Step | Refusal:
    """Return what an operator makes of an alert, or why not."""
    if before.state is AlertState.RESOLVED and isinstance(change, Acknowledge | Assign | Snooze):
        return Refusal.RESOLVED
    match change:
        case Acknowledge():
            if before.state is AlertState.ACKNOWLEDGED:
                return Refusal.ALREADY
            return Step(Verdict(AlertState.ACKNOWLEDGED, assignee=before.assignee), ChangeReason.ACKNOWLEDGED)
        case Assign():
            return _assigned(before, change)
        case Snooze():
            return _snoozed(before, change, facts, now)
        case Resolve():
            return _resolved(before, change, facts)
        case Reopen():
            return _opened(before, facts)
        case Undo():
            return _undone(facts, actor)
        case _:
            assert_never(change)


def _assigned(before: Verdict, change: Assign) -> Step | Refusal:
    if change.to == before.assignee:
        return Refusal.ALREADY
    if change.to is None:
        reason = ChangeReason.UNASSIGNED
    elif before.assignee is None:
        reason = ChangeReason.ASSIGNED
    elif change.note is None:
        return Refusal.NOTE_MISSING
    else:
        reason = ChangeReason.HANDED_OVER
    return Step(msgspec.structs.replace(before, assignee=change.to), reason)


def _snoozed(before: Verdict, change: Snooze, facts: Facts, now: datetime) -> Step | Refusal:
    if change.until is not None and change.until <= now:
        return Refusal.NOT_LATER
    verdict = Verdict(
        AlertState.SNOOZED,
        seen_until=facts.last_seen,
        snoozed_until=change.until,
        snoozed_severity=facts.severity if change.worse else None,
        assignee=before.assignee,
    )
    return Step(verdict, ChangeReason.SNOOZED)


def _resolved(before: Verdict, change: Resolve, facts: Facts) -> Step | Refusal:
    # Nobody judged what expired: an operator still may.
    if before.state is AlertState.RESOLVED and before.resolution is not Resolution.EXPIRED:
        return Refusal.ALREADY
    verdict = Verdict(
        AlertState.RESOLVED,
        change.outcome,
        seen_until=facts.last_seen,
        judged_rules=facts.rules if change.outcome is Resolution.FALSE_POSITIVE else None,
        duplicate_of=change.of,
        assignee=before.assignee,
    )
    return Step(verdict, change.outcome)


def _opened(before: Verdict, facts: Facts) -> Step | Refusal:
    if before.state in {AlertState.OPEN, AlertState.REOPENED}:
        return Refusal.ALREADY
    if not facts.occurrences:
        return Refusal.NOTHING_STANDS
    if before.state is AlertState.RESOLVED:
        return Step(_reopened(before), ChangeReason.REOPENED)
    return Step(Verdict(AlertState.OPEN, assignee=before.assignee), ChangeReason.REOPENED)


def _undone(facts: Facts, actor: str) -> Step | Refusal:
    if facts.replaced is None or facts.last_actor != actor:
        return Refusal.NOT_YOURS
    if not facts.latest:
        return Refusal.CAME_AFTER
    if facts.last_reason is ChangeReason.UNDONE:
        return Refusal.UNDONE_ALREADY
    return Step(facts.replaced, ChangeReason.UNDONE)


def _reopened(before: Verdict) -> Verdict:
    return Verdict(AlertState.REOPENED, assignee=before.assignee)


def _resolution(why: Resolution, assignee: str | None, last_seen: datetime) -> Verdict:
    return Verdict(AlertState.RESOLVED, why, seen_until=last_seen, assignee=assignee)


def _worsened(before: Verdict, severity: Severity, news: Iterable[News]) -> ChangeReason | None:
    if before.snoozed_severity is None:
        return None
    if rank(severity) > rank(before.snoozed_severity):
        return ChangeReason.SEVERITY_ROSE
    return ChangeReason.NEW_FINDING if any(map(_later(before), news)) else None


def _reopens(before: Verdict, news: Iterable[News]) -> ChangeReason | None:
    if before.resolution is Resolution.WITHDRAWN:
        # Nobody judged it: the stream took back what it had said, and now says it again.
        return ChangeReason.STANDS_AGAIN
    judged = (before.judged_rules if before.resolution is Resolution.FALSE_POSITIVE else None) or {}
    if any(judged.get(item.rule) != item.rule_version for item in filter(_later(before), news)):
        return ChangeReason.NEW_FINDING
    return None


def _later(before: Verdict) -> Callable[[News], bool]:
    return lambda item: before.seen_until is None or item.time > before.seen_until
