"""A record that could not be used, with its origin and the reason."""

from enum import StrEnum
from typing import NamedTuple

__all__ = ["DeadLetter", "DeadLetterReason"]


class DeadLetterReason(StrEnum):
    """Why a record was set aside; also the metric's label and the word on the screen."""

    EMPTY_VALUE = "empty_value"
    TOO_LARGE = "too_large"
    INVALID_UTF8 = "invalid_utf8"
    MALFORMED_JSON = "malformed_json"
    TOO_DEEP = "too_deep"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_FIELD = "missing_field"
    INVALID_VALUE = "invalid_value"
    NAIVE_TIME = "naive_time"
    FUTURE_TIME = "future_time"
    RAW_IDENTIFIER = "raw_identifier"
    MISSING_KEY = "missing_key"
    WRONG_KEY = "wrong_key"
    TOO_LATE = "too_late"
    UNMAPPED = "unmapped"
    LINK_REFUSED = "link_refused"


class DeadLetter(NamedTuple):
    """One refused record of a batch.

    ``offset`` is that of the record in its source (the line number in a file), ``detail`` a sentence for people that holds no value of the record.
    """

    offset: int
    reason: DeadLetterReason
    detail: str
    key: bytes | None
    value: bytes | None
