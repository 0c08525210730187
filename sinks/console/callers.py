"""Who asks, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["RIGHTS", "Caller", "Right", "Role"]


class Role(StrEnum):
    """What somebody is to the console; each may do what the one before may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    LEAD = "lead"
    ADMIN = "admin"


class Right(StrEnum):
    """What can be allowed; tokens carry a choice of these."""

    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    ALERTS_EXPORT = "alerts:export"
    VALUES_REVEAL = "values:reveal"
    SOURCES_READ = "sources:read"
    AUDIT_READ = "audit:read"
    CUSTOMERS_FORGET = "customers:forget"


_VIEWER = frozenset({Right.ALERTS_READ, Right.SOURCES_READ})
_OPERATOR = _VIEWER | {Right.ALERTS_WRITE}
_LEAD = _OPERATOR | {Right.ALERTS_EXPORT, Right.VALUES_REVEAL}
RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.LEAD: _LEAD,
    Role.ADMIN: _LEAD | {Right.AUDIT_READ, Right.CUSTOMERS_FORGET},
}
"""What each role may do."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``role`` is that of a person, None: a token; ``teams`` None: alerts of all teams, else of those alone."""

    name: str
    rights: frozenset[Right]
    role: Role | None = None
    teams: frozenset[str] | None = None
