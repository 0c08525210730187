"""What a mapping says of its source's door: who may post records, and how a request proves that it comes from there."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = ["MOST_BYTES", "Door", "Scheme", "Signature"]

MOST_BYTES = 1024 * 1024
"""Bytes of a body at most: what fits into a record of a raw topic."""

Scheme = Literal["chatwoot", "hmac", "intercom", "salesforce", "standard-webhooks", "token", "twilio", "zendesk"]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


def _content(template: str) -> str:
    try:
        once = template.count("{body}") == 1
        template.format(id="", timestamp="", body="")
    except (KeyError, IndexError, ValueError):
        once = False
    if not once:
        raise ValueError(
            "expected {body} once, and {id} and {timestamp} where they are signed, such as {timestamp}.{body}"
        )
    return template


class Signature(BaseModel):
    """An HMAC: over what, with which digest, and how it is written into which header."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: HeaderName
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    """What stands before the digest, such as ``sha256=``."""
    signed: Annotated[str, AfterValidator(_content)] = "{body}"
    timestamp: HeaderName | None = None
    """The header with the moment of sending: seconds since 1970 or ISO 8601."""
    id: HeaderName | None = None
    """The header with the id of the message, where that is signed too."""
    several: bool = False
    """Whether the header may hold more than one, with spaces between them."""
    secret: Literal["text", "base64"] = "text"  # noqa: S105 - how it is written, not what it is

    @model_validator(mode="after")
    def _headers(self) -> "Signature":
        for name in ("timestamp", "id"):
            if (getattr(self, name) is not None) != (f"{{{name}}}" in self.signed):
                raise ValueError(f"{name}: its header and {{{name}}} in signed belong together")
        return self


class Door(BaseModel):
    """How records of a source are posted. A door opens where it has a secret: SEAMWATCH_INGEST_SECRETS__<SOURCE>."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: Scheme
    signature: Signature | None = None
    """Of ``hmac``: what the other schemes know."""
    header: HeaderName | None = None
    """Of ``token``: the header that holds the secret as it is; without it ``Authorization: Bearer``."""
    window: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Seconds that a signed moment may be away from now."""
    rate: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000
    """Requests a second that are taken; for a second of it, twice as many."""
    limit: Annotated[int, Field(ge=1, le=MOST_BYTES)] = MOST_BYTES
    """Bytes of a body."""

    @model_validator(mode="after")
    def _own_keys(self) -> "Door":
        if (self.scheme == "hmac") != (self.signature is not None):
            raise ValueError("signature belongs to the scheme hmac, and that needs it")
        if self.header is not None and self.scheme != "token":
            raise ValueError("header belongs to the scheme token")
        return self
