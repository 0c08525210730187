"""A finding: one failure at a seam, found in one customer's timeline."""

import re
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = ["Evidence", "Finding", "Mode", "RuleStamp", "Seam", "Severity", "SiloType", "seam_sides"]

Severity = Literal["info", "warning", "critical"]
Mode = Literal["off", "shadow", "on"]
SiloType = Literal[
    "organization", "system", "channel", "data", "process", "vision", "assumption", "goal", "metric", "handoff"
]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True)


class Evidence(_Part):
    """A touchpoint that a finding rests on; of its value only the mask."""

    source: str
    id: str
    time: AwareDatetime
    type: str
    team: str | None
    channel: str
    field: str | None
    mask: str | None


class Seam(_Part):
    """An ordered pair of teams (``team:x``) or channels (``channel:y``)."""

    from_: str = Field(alias="from")
    to: str


def seam_sides(name: str) -> tuple[str, str]:
    """Return both sides of a seam by its name, ``team:x>team:y``: a team's own may hold what stands between. Of what is no seam's name the second is empty."""
    before, *kind_and_name = _BETWEEN.split(name, maxsplit=1)
    return before, "".join(kind_and_name)


_BETWEEN = re.compile(r">(?=team:|channel:)")


class RuleStamp(_Part):
    """The rule that judged, as it was then."""

    name: str
    version: int
    mode: Mode


class Finding(_Part):
    """One revision of a finding.

    ``time`` is that of the cause, of an absence the deadline. ``first`` is where it was said or happened before, ``again`` the touchpoint that set the
    finding off (none for an absence). ``alert`` is the key of the alert that the finding belongs to. ``measured`` is what was held against a setting of the
    rule that is no time, by the setting's key and in its unit; where there is no such setting it is left out.
    """

    id: str
    revision: int
    withdrawn: bool
    detector: str
    reason: str
    severity: Severity
    tenant: str
    customer: str
    journey: str | None
    contact: str | None
    time: AwareDatetime
    seam: Seam | None
    silos: list[SiloType]
    field: str | None
    first: Evidence | None
    again: Evidence | None
    evidence: list[Evidence]
    explained_by: str | None
    alert: str
    rule: RuleStamp
    summary: str
    measured: dict[str, float] = Field(default_factory=dict)
