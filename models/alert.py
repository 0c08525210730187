"""An alert: the findings of one customer at one seam by one detector, as one thing to act on."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.finding import Seam, Severity

__all__ = [
    "Acknowledge",
    "Alert",
    "AlertChange",
    "AlertState",
    "Assign",
    "Change",
    "ChangeReason",
    "Moment",
    "Person",
    "Reopen",
    "Resolution",
    "Resolve",
    "Snooze",
    "Undo",
]

Person = Annotated[
    str, StringConstraints(pattern=r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,126}[^\s\x00-\x1f\x7f])?$")
]
"""Who acts, or is to act: up to 128 characters on one line."""
_Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$"),
]


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("expected a time that UTC has, too") from None


Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_utc)]
"""A time with its zone, as people give it."""


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
    """Why an alert changed otherwise than by being resolved: the first five by the stream, then by time, then by operators."""

    FIRST_FINDING = "first_finding"
    NEW_FINDING = "new_finding"
    STANDS_AGAIN = "stands_again"
    SEVERITY_ROSE = "severity_rose"
    LINKED = "linked"
    SNOOZE_OVER = "snooze_over"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    HANDED_OVER = "handed_over"
    UNASSIGNED = "unassigned"
    SNOOZED = "snoozed"
    REOPENED = "reopened"
    UNDONE = "undone"


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Alert(_Row):
    """One alert as the database holds it.

    ``severity`` is the highest, ``first_seen`` and ``last_seen`` are the earliest and latest time of its standing
    findings, ``occurrences`` their number; where all are withdrawn, ``occurrences`` is 0 and the others stay as they
    last were. ``version`` grows by one with every change of the row, ``updated`` is when the last one was written. A snooze
    ends at ``snoozed_until``, or (``until_worse``) when the severity rises or a later finding comes; of a duplicate,
    ``duplicate_of`` is the key of the alert that is worked on instead.
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
    snoozed_until: AwareDatetime | None = None
    until_worse: bool = False
    duplicate_of: str | None = None


class AlertChange(_Row):
    """One audited transition; ``version`` is the alert's after it, ``from_state`` is None where the alert began.

    ``assignee``, ``snoozed_until`` and ``duplicate_of`` are as the transition left them.
    """

    alert: str
    version: int
    from_state: AlertState | None
    to_state: AlertState
    reason: ChangeReason | Resolution
    actor: str
    time: AwareDatetime
    note: str | None = None
    assignee: str | None = None
    snoozed_until: AwareDatetime | None = None
    duplicate_of: str | None = None


class _Change(BaseModel):
    """What an operator wants; ``version`` is that of the alert that they saw (None: whatever it is now)."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    note: _Note | None = None
    version: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None


class Acknowledge(_Change):
    """Somebody looks after it."""

    action: Literal["acknowledge"] = "acknowledge"


class Assign(_Change):
    """``to`` is to look after it, None: nobody in particular. Whoever takes it from another needs a note."""

    action: Literal["assign"] = "assign"
    to: Person | None


class Snooze(_Change):
    """Leave it until a time, or until it gets ``worse`` (its severity rises, a later finding comes), whichever is first."""

    action: Literal["snooze"] = "snooze"
    until: Moment | None = None
    worse: bool = False

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.until is None and not self.worse:
            raise ValueError("expected until, worse, or both")
        return self


class Resolve(_Change):
    """It needs nobody any more; a duplicate names the alert that it is one ``of``."""

    action: Literal["resolve"] = "resolve"
    outcome: Literal[Resolution.FIXED, Resolution.FALSE_POSITIVE, Resolution.DUPLICATE]
    of: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")] | None = None

    @model_validator(mode="after")
    def _names_the_other(self) -> Self:
        if (self.outcome is Resolution.DUPLICATE) != (self.of is not None):
            raise ValueError("expected `of` with a duplicate, and with nothing else")
        return self


class Reopen(_Change):
    """It needs somebody again."""

    action: Literal["reopen"] = "reopen"


class Undo(_Change):
    """Take back one's own last change, where nothing came after it."""

    action: Literal["undo"] = "undo"


Change = Annotated[Acknowledge | Assign | Snooze | Resolve | Reopen | Undo, Field(discriminator="action")]
"""What an operator can do to an alert."""
