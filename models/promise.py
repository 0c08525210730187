"""A promise to a customer, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Outcome", "Promise"]

Outcome = Literal["kept", "cancelled"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What is known of a promise; its name is the customer's, as sources gave it.

    ``made``, ``due`` and what follows are of the latest time that it was made, None as long as only its end is known.
    ``outcome`` and ``ended`` are None while it is open. ``made_key`` and ``last_key`` are the sort keys of that making and of the latest touchpoint of all.
    """

    tenant: str
    promise: str
    customer: str
    made: datetime | None = None
    due: datetime | None = None
    about: str | None = None
    team: str | None = None
    channel: str | None = None
    contact: str | None = None
    source: str | None = None
    touchpoint: str | None = None
    outcome: Outcome | None = None
    ended: datetime | None = None
    made_key: tuple[int, int, int, str, str] | None = None
    last_key: tuple[int, int, int, str, str] | None = None
