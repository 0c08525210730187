"""What the stream does to an alert: open it, resolve it when nothing stands any more, open it again. Acknowledging
and all else is the operators'.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from models.alert import AlertState, ChangeReason, Resolution

__all__ = ["News", "Step", "Verdict", "advance"]


class News(NamedTuple):
    """A finding that newly stands under an alert: before the transaction it did not, or did under another alert."""

    time: datetime
    rule: str
    rule_version: int


class Verdict(NamedTuple):
    """How an alert was left: its state, and of a resolved one why and what was known then.

    ``seen_until`` is its ``last_seen`` at that moment; ``judged_rules`` the versions of the rules that a false
    positive was judged by.
    """

    state: AlertState
    resolution: Resolution | None = None
    seen_until: datetime | None = None
    judged_rules: Mapping[str, int] | None = None


class Step(NamedTuple):
    """Where an alert stands now, and why it moved there (None: it did not move)."""

    verdict: Verdict
    reason: ChangeReason | Resolution | None


def advance(before: Verdict | None, *, occurrences: int, last_seen: datetime, news: Iterable[News]) -> Step:
    """Return the next step of an alert.

    ``before`` is None where there is no row yet; ``occurrences`` counts the findings that stand now; ``last_seen`` is
    the alert's before the transaction.
    """
    if before is None:
        if occurrences:
            return Step(Verdict(AlertState.OPEN), ChangeReason.FIRST_FINDING)
        return Step(_withdrawn(last_seen), Resolution.WITHDRAWN)
    if before.state is not AlertState.RESOLVED:
        if occurrences:
            return Step(before, None)
        return Step(_withdrawn(last_seen), Resolution.WITHDRAWN)
    reason = _reopens(before, news) if occurrences else None
    return Step(before, None) if reason is None else Step(Verdict(AlertState.REOPENED), reason)


def _withdrawn(last_seen: datetime) -> Verdict:
    return Verdict(AlertState.RESOLVED, Resolution.WITHDRAWN, seen_until=last_seen)


def _reopens(before: Verdict, news: Iterable[News]) -> ChangeReason | None:
    if before.resolution is Resolution.WITHDRAWN:
        # Nobody judged it: the stream took back what it had said, and now says it again.
        return ChangeReason.STANDS_AGAIN
    judged = before.judged_rules or {}
    for item in news:
        later = before.seen_until is None or item.time > before.seen_until
        if later and not (
            before.resolution is Resolution.FALSE_POSITIVE and judged.get(item.rule) == item.rule_version
        ):
            return ChangeReason.NEW_FINDING
    return None
