"""What every mapping says of itself, whatever its format: its source, what the vendor tells, and cases."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agents.detectors import DETECTORS
from config.errors import did_you_mean
from streams.sources.door import Door

__all__ = ["About", "Case", "Heading", "Strict", "written"]


class Strict(BaseModel):
    """A part of a mapping: an unknown key in it is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _detector(name: str) -> str:
    if name not in DETECTORS:
        raise ValueError(f"no detector is called so{did_you_mean(name, DETECTORS)}")
    return name


class About(Strict):
    """Prose for who wires the source."""

    sends: str
    """What the vendor sends, and how it gets here."""
    cannot: str = ""
    """What the source cannot tell."""
    unproven: str = ""
    """What is known from documents alone."""
    feeds: list[Annotated[str, AfterValidator(_detector)]] = Field(default_factory=list)
    """The detectors that its touchpoints are enough for."""


class Case(Strict):
    """A raw record and the touchpoints that it must become; keys that are not given are not compared.

    ``raw`` is a mapping for JSON or a form (what is no text in a form is written as JSON), or the text of the record.
    """

    case: Annotated[str, Field(min_length=1)]
    raw: dict[str, Any] | str
    touchpoints: list[dict[str, Any]]


def written(raw: Any, format_: str) -> bytes:
    """Return a raw record as the vendor would send it."""
    if isinstance(raw, str):
        return raw.encode()
    if format_ == "form" and isinstance(raw, dict):
        fields = {key: value if isinstance(value, str) else msgspec.json.encode(value) for key, value in raw.items()}
        return urlencode(fields).encode()
    return msgspec.json.encode(raw)


class Heading(Strict):
    """The keys that a mapping of any format has."""

    format: str
    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    tenant: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = "default"
    about: About | None = None
    door: Door | None = None
    cases: list[Case] = Field(default_factory=list)
