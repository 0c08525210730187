"""The touchpoint: one contact of a customer with the company, at one moment, on one channel.

A closed union of all types, told apart by ``type``. Unknown keys are kept aside so that they can be counted; everything else is strict: a naive time, a
number where a word belongs or a word outside its list is refused with a reason.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from models.dead_letter import DeadLetterReason

__all__ = [
    "MAXIMUM_BYTES",
    "NO_CONTROL_CHARACTERS",
    "TOUCHPOINT",
    "ActorKind",
    "Channel",
    "Refusal",
    "SurveyAnswered",
    "Touchpoint",
    "check_scale",
    "is_raw_identifier",
    "parse_touchpoint",
]

MAXIMUM_BYTES = 1_048_576
"""The largest touchpoint that is read, in bytes of JSON."""

Channel = Literal["voice", "chat", "email", "sms", "social", "web", "app", "store", "ivr", "bot", "field", "mail"]
ActorKind = Literal["customer", "agent", "bot", "ivr", "system", "partner"]
HandoffMode = Literal["blind", "warm", "escalation", "handback", "callback", "referral"]

# Identifiers become database keys, seam names and screen text: no control characters, which PostgreSQL could not store.
NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]+$"
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=NO_CONTROL_CHARACTERS)]
Tenant = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Seconds = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Amount = Annotated[float, Field(allow_inf_nan=False)]
Sentiment = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]


def check_scale(answer: Any) -> None:
    """Raise ``ValueError`` where a score, or what was expected, lies outside its scale, whichever end is the higher one."""
    low, high = sorted((answer.minimum, answer.maximum))
    if not low <= answer.score <= high or not (answer.expected is None or low <= answer.expected <= high):
        raise ValueError("score and expected must lie between minimum and maximum")


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=False)


class Actor(_Part):
    """Who acts: a customer, someone or something of the company, or a partner."""

    kind: ActorKind
    id: Identifier | None = None
    team: Identifier | None = None


class Nothing(_Part):
    """The data of a type that carries none."""


class ContactStarted(_Part):
    direction: Literal["inbound", "outbound"]
    intent: Identifier | None = None


class ContactQueued(_Part):
    team: Identifier


class ContactEnded(_Part):
    resolved: bool | None = None
    disposition: str | None = None
    planned_callback: bool | None = None


class ContactAbandoned(_Part):
    waited_seconds: Seconds | None = None


class MessageData(_Part):
    text: str
    private: bool | None = None
    sentiment: Sentiment | None = None


class InfoRequested(_Part):
    field: Identifier
    purpose: Literal["collect", "confirm", "policy"] | None = None


class InfoProvided(_Part):
    field: Identifier
    value: str
    valid: bool | None = None
    corrects: bool | None = None


class InfoConfirmed(_Part):
    field: Identifier
    value: str | None = None


class Authentication(_Part):
    method: str | None = None
    level: Whole | None = None


class AuthenticationPassed(Authentication):
    valid_for_seconds: Seconds | None = None


class HandoffStarted(_Part):
    handoff: Identifier
    to_team: Identifier | None = None
    to_channel: Channel | None = None
    mode: HandoffMode
    context: list[Identifier] | None = None
    note: str | None = None
    planned: bool | None = None


class HandoffAccepted(_Part):
    handoff: Identifier | None = None
    context: list[Identifier] | None = None


class HandoffFailed(_Part):
    handoff: Identifier | None = None
    reason: str | None = None


class PromiseMade(_Part):
    promise: Identifier
    due: AwareDatetime
    about: str | None = None


class PromiseSettled(_Part):
    promise: Identifier


class FactStated(_Part):
    fact: Identifier
    value: str
    correction: bool | None = None


class IntentStated(_Part):
    intent: Identifier
    confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None


class CaseClosed(_Part):
    case: Identifier
    claimed_resolved: bool | None = None


class CaseReopened(_Part):
    case: Identifier


class OfferMade(_Part):
    offer: Identifier
    amount: Amount | None = None


class SurveyAnswered(_Part):
    survey: Identifier
    metric: Literal["csat", "nps", "ces", "other"]
    score: Amount
    minimum: Amount
    maximum: Amount
    pattern: Literal["past", "present", "potential"] | None = None
    expected: Amount | None = None

    @model_validator(mode="after")
    def _lies_on_its_scale(self) -> Self:
        check_scale(self)
        return self


class MentionPublished(_Part):
    sentiment: Sentiment
    public: bool
    reach: Whole | None = None


class AccountUpdated(_Part):
    billed_revenue: Amount | None = None
    forecast_revenue: Amount | None = None
    currency: str | None = None
    segment: Identifier | None = None


class BrandExposure(_Part):
    metric: Identifier | None = None
    promised: Amount | None = None
    claim: str | None = None


class IdentityLinked(_Part):
    other: Identifier
    by: str | None = None


class _Envelope(_Part):
    id: Identifier
    source: Identifier
    time: AwareDatetime
    schema_version: Literal[1] = 1
    sequence: Whole = 0
    tenant: Tenant = "default"
    brand: Identifier | None = None
    journey: Identifier | None = None
    contact: Identifier | None = None
    segment: Identifier | None = None
    previous_contact: Identifier | None = None
    language: Identifier | None = None


class _Touchpoint(_Envelope):
    customer: Identifier
    channel: Channel
    actor: Actor


class ContactStartedTouchpoint(_Touchpoint):
    type: Literal["contact.started"]
    data: ContactStarted


class ContactQueuedTouchpoint(_Touchpoint):
    type: Literal["contact.queued"]
    data: ContactQueued


class ContactAnsweredTouchpoint(_Touchpoint):
    type: Literal["contact.answered"]
    data: Nothing = Nothing()


class ContactEndedTouchpoint(_Touchpoint):
    type: Literal["contact.ended"]
    data: ContactEnded = ContactEnded()


class ContactAbandonedTouchpoint(_Touchpoint):
    type: Literal["contact.abandoned"]
    data: ContactAbandoned = ContactAbandoned()


class MessageTouchpoint(_Touchpoint):
    type: Literal["message"]
    data: MessageData


class InfoRequestedTouchpoint(_Touchpoint):
    type: Literal["info.requested"]
    data: InfoRequested


class InfoProvidedTouchpoint(_Touchpoint):
    type: Literal["info.provided"]
    data: InfoProvided


class InfoConfirmedTouchpoint(_Touchpoint):
    type: Literal["info.confirmed"]
    data: InfoConfirmed


class AuthenticationTouchpoint(_Touchpoint):
    type: Literal["auth.requested", "auth.failed"]
    data: Authentication = Authentication()


class AuthenticationPassedTouchpoint(_Touchpoint):
    type: Literal["auth.passed"]
    data: AuthenticationPassed = AuthenticationPassed()


class HandoffStartedTouchpoint(_Touchpoint):
    type: Literal["handoff.started"]
    data: HandoffStarted


class HandoffAcceptedTouchpoint(_Touchpoint):
    type: Literal["handoff.accepted"]
    data: HandoffAccepted = HandoffAccepted()


class HandoffFailedTouchpoint(_Touchpoint):
    type: Literal["handoff.failed"]
    data: HandoffFailed = HandoffFailed()


class PromiseMadeTouchpoint(_Touchpoint):
    type: Literal["promise.made"]
    data: PromiseMade


class PromiseSettledTouchpoint(_Touchpoint):
    type: Literal["promise.kept", "promise.cancelled"]
    data: PromiseSettled


class FactStatedTouchpoint(_Touchpoint):
    type: Literal["fact.stated"]
    data: FactStated


class IntentStatedTouchpoint(_Touchpoint):
    type: Literal["intent.stated"]
    data: IntentStated


class CaseClosedTouchpoint(_Touchpoint):
    type: Literal["case.closed"]
    data: CaseClosed


class CaseReopenedTouchpoint(_Touchpoint):
    type: Literal["case.reopened"]
    data: CaseReopened


class OfferMadeTouchpoint(_Touchpoint):
    type: Literal["offer.made"]
    data: OfferMade


class SurveyAnsweredTouchpoint(_Touchpoint):
    type: Literal["survey.answered"]
    data: SurveyAnswered


class MentionPublishedTouchpoint(_Touchpoint):
    type: Literal["mention.published"]
    data: MentionPublished


class AccountUpdatedTouchpoint(_Touchpoint):
    type: Literal["account.updated"]
    data: AccountUpdated = AccountUpdated()


class BrandExposureTouchpoint(_Touchpoint):
    type: Literal["brand.exposure"]
    data: BrandExposure = BrandExposure()


class IdentityLinkedTouchpoint(_Touchpoint):
    type: Literal["identity.linked"]
    data: IdentityLinked


class CustomerForgottenTouchpoint(_Touchpoint):
    type: Literal["customer.forgotten"]
    data: Nothing = Nothing()


class HeartbeatTouchpoint(_Envelope):
    type: Literal["heartbeat"]
    customer: Identifier | None = None
    channel: Channel | None = None
    actor: Actor | None = None
    data: dict[str, Any] | None = None


Touchpoint = Annotated[
    ContactStartedTouchpoint
    | ContactQueuedTouchpoint
    | ContactAnsweredTouchpoint
    | ContactEndedTouchpoint
    | ContactAbandonedTouchpoint
    | MessageTouchpoint
    | InfoRequestedTouchpoint
    | InfoProvidedTouchpoint
    | InfoConfirmedTouchpoint
    | AuthenticationTouchpoint
    | AuthenticationPassedTouchpoint
    | HandoffStartedTouchpoint
    | HandoffAcceptedTouchpoint
    | HandoffFailedTouchpoint
    | PromiseMadeTouchpoint
    | PromiseSettledTouchpoint
    | FactStatedTouchpoint
    | IntentStatedTouchpoint
    | CaseClosedTouchpoint
    | CaseReopenedTouchpoint
    | OfferMadeTouchpoint
    | SurveyAnsweredTouchpoint
    | MentionPublishedTouchpoint
    | AccountUpdatedTouchpoint
    | BrandExposureTouchpoint
    | IdentityLinkedTouchpoint
    | CustomerForgottenTouchpoint
    | HeartbeatTouchpoint,
    Field(discriminator="type"),
]

TOUCHPOINT: TypeAdapter[Touchpoint] = TypeAdapter(Touchpoint)


class Refusal(NamedTuple):
    """Why a record is not a touchpoint, in a sentence that repeats no value of the record."""

    reason: DeadLetterReason
    detail: str


_RAW_IDENTIFIER = re.compile(r"@|tel:|mailto:|\+(?:[ ().-]*[0-9]){8,15}(?![ ().-]*[0-9])", re.IGNORECASE)


def is_raw_identifier(customer: str) -> bool:
    """Tell whether ``customer`` is, or holds, an e-mail address or phone number."""
    return ("@" in customer or ":" in customer or "+" in customer) and _RAW_IDENTIFIER.search(customer) is not None


def parse_touchpoint(value: bytes | None) -> Touchpoint | Refusal:
    """Validate one JSON object.

    Records are validated one by one: joining a batch into one JSON array is no faster here, and lets two broken records pass as one.
    """
    if not value:
        return Refusal(DeadLetterReason.EMPTY_VALUE, "the record has no value")
    if len(value) > MAXIMUM_BYTES:
        return Refusal(DeadLetterReason.TOO_LARGE, f"{len(value)} bytes; at most {MAXIMUM_BYTES} are read")
    try:
        touchpoint = TOUCHPOINT.validate_json(value)
    except ValidationError as error:
        return _refusal(value, error)
    if touchpoint.customer is not None and is_raw_identifier(touchpoint.customer):
        return Refusal(
            DeadLetterReason.RAW_IDENTIFIER,
            "customer is an e-mail address or phone number; send a key of your own system instead",
        )
    return touchpoint


_REASON_OF_ERROR = {
    "union_tag_invalid": DeadLetterReason.UNKNOWN_TYPE,
    "union_tag_not_found": DeadLetterReason.MISSING_FIELD,
    "missing": DeadLetterReason.MISSING_FIELD,
    "timezone_aware": DeadLetterReason.NAIVE_TIME,
}
_ADVICE = {
    DeadLetterReason.UNKNOWN_TYPE: "is no known touchpoint type",
    DeadLetterReason.MISSING_FIELD: "is missing",
    DeadLetterReason.NAIVE_TIME: "has no time zone; write it as 2026-03-02T09:14:05Z or with an offset",
}


def _refusal(value: bytes, error: ValidationError) -> Refusal:
    errors: Sequence[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    first = errors[0]
    if first["type"] == "json_invalid":
        if "recursion" in first["msg"]:
            return Refusal(DeadLetterReason.TOO_DEEP, "the JSON is nested too deeply")
        try:
            value.decode("utf-8")
        except UnicodeDecodeError as wrong:
            return Refusal(DeadLetterReason.INVALID_UTF8, f"byte {wrong.start} is not UTF-8")
        return Refusal(DeadLetterReason.MALFORMED_JSON, first["msg"])
    reason = _REASON_OF_ERROR.get(first["type"], DeadLetterReason.INVALID_VALUE)
    # Keys come from the record and may hold anything: only those of this model are named.
    where = ".".join(str(part) for part in first["loc"] if not isinstance(part, str) or part in _KNOWN_KEYS) or "type"
    if first["type"] == "union_tag_not_found":
        where = "type"
    return Refusal(reason, f"{where} {_ADVICE.get(reason, 'is wrong: ' + first['msg'])}")


def _known_keys() -> set[str]:
    schema = TOUCHPOINT.json_schema()
    return {key for part in schema["$defs"].values() for key in part.get("properties", {})} | set(
        schema.get("discriminator", {}).get("mapping", {})
    )


_KNOWN_KEYS = _known_keys()
