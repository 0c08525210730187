"""What was said at one moment of a customer: read where it still is, shown once, kept nowhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models.finding import Evidence

__all__ = ["Reader", "Said", "Sought", "Unread"]


@dataclass(frozen=True, slots=True)
class Sought:
    """The touchpoint of a piece of evidence: it came under one of ``customers``, keys of one person, before ``stored``, when its finding was written."""

    tenant: str
    customers: Sequence[str]
    evidence: Evidence
    stored: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """The value that the touchpoint tells, and the words around it; neither is printed with it."""

    value: str | None = field(repr=False)
    text: str | None = field(repr=False)


class Unread(Exception):
    """What was said cannot be shown: ``code`` is `not_kept`, `too_far` (there is too much to look through) or `secret`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


Reader = Callable[[Sought], Said]
"""Reads what was said. Raises `Unread`, and `StreamUnavailable` where Kafka does not answer."""
