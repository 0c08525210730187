"""Why a request is refused: the word in the problem document, the metric's label, and what the sender may do."""

from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

__all__ = ["PROBLEMS", "Problem", "Rule"]


class Rule(StrEnum):
    """The rule that a request broke."""

    UNKNOWN_SOURCE = "unknown_source"
    METHOD = "method"
    MALFORMED = "malformed"
    ENCODED = "encoded"
    EMPTY_BODY = "empty_body"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BAD_HEADER = "bad_header"
    UNSIGNED = "unsigned"
    STALE = "stale"
    WRONG_SIGNATURE = "wrong_signature"
    RATE = "rate"
    PRESSURE = "pressure"
    UNCONFIRMED = "unconfirmed"


class Problem(NamedTuple):
    """How a refusal is told: nothing in it comes from the request."""

    status: HTTPStatus
    title: str
    detail: str
    retry_after: int | None = None


PROBLEMS = {
    Rule.UNKNOWN_SOURCE: Problem(
        HTTPStatus.NOT_FOUND, "No such door", "Records are posted to /in/SOURCE, where SOURCE is open."
    ),
    Rule.METHOD: Problem(HTTPStatus.METHOD_NOT_ALLOWED, "Not a POST", "Records are posted."),
    Rule.MALFORMED: Problem(HTTPStatus.BAD_REQUEST, "Not HTTP", "The request does not follow HTTP/1.1."),
    Rule.ENCODED: Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Compressed",
        "Bodies are appended as they are: post them without Content-Encoding.",
    ),
    Rule.EMPTY_BODY: Problem(HTTPStatus.BAD_REQUEST, "No body", "The body is the record, and there is none."),
    Rule.TOO_LARGE: Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Body too large", "The body is larger than this door takes."
    ),
    Rule.TOO_SLOW: Problem(HTTPStatus.REQUEST_TIMEOUT, "Body too slow", "The body did not arrive in time."),
    Rule.BAD_HEADER: Problem(
        HTTPStatus.BAD_REQUEST,
        "Header not readable",
        "An attribute of the event is not percent-encoded UTF-8, or too long.",
    ),
    Rule.UNSIGNED: Problem(
        HTTPStatus.UNAUTHORIZED, "Not signed", "A header that proves where the request comes from is missing."
    ),
    Rule.STALE: Problem(
        HTTPStatus.UNAUTHORIZED,
        "Too old or too new",
        "The signed moment is too far from now, or is no time: look at the clocks.",
    ),
    Rule.WRONG_SIGNATURE: Problem(
        HTTPStatus.UNAUTHORIZED, "Wrong signature", "The signature is not that of this request under the door's secret."
    ),
    Rule.RATE: Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", "This source posts more than its door takes.", 1
    ),
    Rule.PRESSURE: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "Busy", "Too much waits to be written; post it again later.", 2
    ),
    Rule.UNCONFIRMED: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "Not written", "Kafka did not confirm the record; post it again later.", 5
    ),
}
