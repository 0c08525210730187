"""A brief: what the next handler has to know of a customer, so that nobody has to say it again."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from models.finding import Severity

__all__ = ["MAXIMUM_BYTES", "Authenticated", "Brief", "Given", "GivenStatus", "Hurt", "Mood", "Occasion", "PromiseState", "Promised", "Stated"]

MAXIMUM_BYTES = 32_768
"""The largest brief, in bytes of JSON; what is more is left out, from the end of every list."""

Occasion = Literal["handoff", "contact"]
"""A handoff, or a queue of another team, began; or a new contact."""
GivenStatus = Literal["read_back", "on_file", "expired"]
"""Do not ask, read the mask back; do not ask, there is nothing to show; it has expired, ask."""
PromiseState = Literal["pending", "overdue"]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Given(_Part):
    """A value that the customer gave in this journey: where, when, and until when it holds (None: for the journey)."""

    field: str
    mask: str
    time: AwareDatetime
    team: str | None
    channel: str
    valid_until: AwareDatetime | None
    status: GivenStatus


class Authenticated(_Part):
    """The highest authentication that holds (higher is stronger), and until when."""

    level: int
    until: AwareDatetime


class Promised(_Part):
    """A promise to the customer that is neither kept nor cancelled; ``team`` made it."""

    promise: str
    about: str | None
    due: AwareDatetime
    team: str | None
    state: PromiseState


class Stated(_Part):
    """What the company said last of one fact; another value would contradict it."""

    fact: str
    value: str
    time: AwareDatetime
    team: str | None
    channel: str


class Mood(_Part):
    """The last sentiment in this journey (-1..1), and how far it lies over the mean of up to three before it (None: there are none)."""

    sentiment: float
    trend: float | None
    time: AwareDatetime


class Hurt(_Part):
    """A finding that stands: an alert's worth, of a rule that is on. ``time`` is that of its cause, of an absence the deadline."""

    detector: str
    reason: str
    severity: Severity
    time: AwareDatetime
    field: str | None
    what: str


class Brief(_Part):
    """What is known of a customer as of one touchpoint (``source``, ``touchpoint``, ``time``), for who serves them next.

    ``id`` comes from that touchpoint: the newest record of an id replaces the others, as it does where a late touchpoint tells more.
    ``to_team`` and ``to_channel`` are whom it is for, where that is known. ``language`` is that of the record that brought it about.
    Each list holds what matters most first.
    """

    schema_version: Literal[1]
    id: str
    tenant: str
    customer: str
    journey: str
    contact: str | None
    source: str
    touchpoint: str
    time: AwareDatetime
    occasion: Occasion
    handoff: str | None
    to_team: str | None
    to_channel: str
    language: str | None
    given: list[Given]
    authentication: Authenticated | None
    promises: list[Promised]
    facts: list[Stated]
    intent: str | None
    mood: Mood | None
    findings: list[Hurt]
