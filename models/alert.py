"""An alert: the findings of one customer at one seam by one detector, as one thing to act on."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from models.finding import Seam, Severity

__all__ = ["Alert", "AlertChange", "AlertState", "ChangeReason", "Resolution"]


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    REOPENED = "reopened"


class Resolution(StrEnum):
    """Why an alert is resolved."""

    FIXED = "fixed"
    FALSE_POSITIVE = "false_positive"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class ChangeReason(StrEnum):
    """Why the stream opened an alert or opened it again."""

    FIRST_FINDING = "first_finding"
    NEW_FINDING = "new_finding"
    STANDS_AGAIN = "stands_again"


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Alert(_Row):
    """One alert as the database holds it.

    ``severity`` is the highest, ``first_seen`` and ``last_seen`` are the earliest and latest time of its standing
    findings, ``occurrences`` their number; where all are withdrawn, ``occurrences`` is 0 and the others stay as they
    last were. ``version`` grows with every change of the row, ``updated`` is when the last one was written.
    """

    key: str
    tenant: str
    detector: str
    customer: str
    seam: Seam | None
    state: AlertState
    resolution: Resolution | None
    severity: Severity
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    occurrences: int
    assignee: str | None
    version: int
    updated: AwareDatetime


class AlertChange(_Row):
    """One audited transition; ``version`` is the alert's after it, ``from_state`` is None where the alert began."""

    alert: str
    version: int
    from_state: AlertState | None
    to_state: AlertState
    reason: ChangeReason | Resolution
    actor: str
    time: AwareDatetime
