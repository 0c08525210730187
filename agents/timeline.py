"""A customer's timeline: touchpoints in compact form, values as fingerprints, in one order whatever their arrival."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mypy_extensions import i64

from agents.amounts import thousandths
from agents.entry import Entry
from agents.fields import FieldCatalog, Fingerprinter, fold_words, mask, readable, shown
from models.decoding import Parts

__all__ = ["CHANNEL_FOLD", "PASSIVE", "SortKey", "about_of", "compact", "microseconds", "moment", "sort_key"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_DAY: Final = 719_163  # EPOCH.toordinal()

TYPE_RANK = {
    "contact.started": 0,
    "handoff.started": 2,
    "handoff.accepted": 3,
    "handoff.failed": 3,
    "contact.abandoned": 4,
    "contact.ended": 4,
    "case.closed": 5,
}
"""Order of touchpoints of equal time and sequence; 1 for all others."""

PASSIVE = frozenset({"brand.exposure", "mention.published", "account.updated", "offer.made", "survey.answered"})
"""Types that neither open nor prolong a journey."""

CHANNEL_FOLD = {"ivr": "voice", "bot": "chat"}
"""Channels that count as another one wherever channels are compared, limited or named in a seam."""

_PERSONAL = re.compile(r"@|\d(?:\W?\d){4}")

SortKey = tuple[int, int, int, str, str]


def sort_key(entry: Entry) -> SortKey:
    """Return what orders a timeline: time, sequence, type rank, source, id."""
    return (entry.time, entry.sequence, TYPE_RANK.get(entry.type, 1), entry.source, entry.id)


def microseconds(time: datetime) -> int:
    """Return an aware time as microseconds since 1970 UTC."""
    if time.tzinfo is not UTC:
        return (time - EPOCH) // _MICROSECOND
    days: i64 = i64(time.toordinal()) - _FIRST_DAY
    seconds: i64 = days * 86_400 + time.hour * 3600 + time.minute * 60 + time.second
    return int(seconds * 1_000_000 + time.microsecond)


def moment(time: int) -> str:
    """Write microseconds since 1970 as an ISO 8601 time in UTC."""
    return (EPOCH + timedelta(microseconds=time)).isoformat().replace("+00:00", "Z")


def about_of(data: Any) -> str | None:
    """Return what a promise is about, to be read; None where it may hold a number or an address of somebody."""
    return None if data.about is None or _PERSONAL.search(data.about) else shown(data.about)


def compact(
    kind: str, parts: Parts, time: int, arrival: int, fields: FieldCatalog, fingerprinter: Fingerprinter, before: Entry
) -> Entry:
    """Turn the ``parts`` of a validated touchpoint into what a row keeps; ``time`` is its time in microseconds. The raw value ends here.

    What it says again of the one ``before`` it is shared with that one.
    """
    source: str = parts[1]
    journey: str | None = parts[7]
    contact: str | None = parts[8]
    actor: Any = parts[14]
    brand: str | None = parts[6]
    team: str | None = actor.team
    reader = _DATA.get(kind)
    return Entry(
        time,
        parts[4],
        kind,
        before.source if source == before.source else source,
        parts[0],
        arrival,
        parts[13],
        actor.kind,
        before.team if team == before.team else team,
        before.journey if journey == before.journey else journey,
        before.contact if contact == before.contact else contact,
        parts[9],
        parts[10],
        () if reader is None else reader(parts[15], parts[5], fields, fingerprinter, parts),
        before.brand if brand == before.brand else brand,
    )


def _requested(data: Any, _: str, fields: FieldCatalog, *__: Any) -> tuple[Any, ...]:
    return (fields.definition(data.field).name, data.purpose or "collect")


def _message(data: Any, _: str, __: FieldCatalog, fingerprinter: Fingerprinter, parts: Parts) -> tuple[Any, ...]:
    private = data.private is True
    mood = None if data.sentiment is None else thousandths(data.sentiment)
    sketch = None if private or parts[14].kind != "customer" else fingerprinter.sketch(data.text)
    if sketch is None:
        return (private,) if mood is None else (private, mood)
    return (private, mood, *sketch)


def _provided(
    data: Any, tenant: str, fields: FieldCatalog, fingerprinter: Fingerprinter, parts: Parts
) -> tuple[Any, ...]:
    definition = fields.definition(data.field)
    return (
        definition.name,
        fingerprinter.fingerprint(tenant, definition, data.value, parts[11]),
        mask(definition, data.value),
        data.valid is not False,
        data.corrects is True,
    )


def _confirmed(data: Any, _: str, fields: FieldCatalog, *__: Any) -> tuple[Any, ...]:
    definition = fields.definition(data.field)
    return (definition.name, None if data.value is None else mask(definition, data.value))


def _context(context: list[str] | None, fields: FieldCatalog) -> tuple[str, ...] | None:
    return None if context is None else tuple(fields.definition(name).name for name in context)


def _handoff_started(data: Any, _: str, fields: FieldCatalog, *__: Any) -> tuple[Any, ...]:
    context = _context(data.context, fields)
    return (data.handoff, data.to_team, data.to_channel, data.mode, context, data.planned is True)


def _handoff_accepted(data: Any, _: str, fields: FieldCatalog, *__: Any) -> tuple[Any, ...]:
    return (data.handoff, _context(data.context, fields))


def _contact_started(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    if data.intent is None:
        return (None, True) if data.direction == "outbound" else ()
    intent = fold_words(data.intent)
    return (intent, True) if data.direction == "outbound" else (intent,)


def _contact_ended(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    planned = data.planned_callback is True
    return (planned,) if data.resolved is None else (planned, data.resolved)


def _intent(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    intent = fold_words(data.intent)
    return (intent,) if data.confidence is None else (intent, data.confidence)


def _promised(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    told = (data.promise, microseconds(data.due))
    about = about_of(data)
    return told if about is None else (*told, about)


def _settled(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    return (data.promise,)


def _fact(
    data: Any, tenant: str, fields: FieldCatalog, fingerprinter: Fingerprinter, parts: Parts
) -> tuple[Any, ...]:
    definition = fields.definition(fold_words(data.fact))
    return (
        definition.name,
        fingerprinter.fingerprint(tenant, definition, data.value, parts[11]),
        readable(definition, data.value),
        data.correction is True,
    )


def _case_closed(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    return (data.case,) if data.claimed_resolved is None else (data.case, data.claimed_resolved)


def _survey(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    told = (data.metric, thousandths(data.score), thousandths(data.minimum), thousandths(data.maximum))
    return told if data.expected is None else (*told, thousandths(data.expected))


def _exposure(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    return () if data.metric is None or data.promised is None else (fold_words(data.metric), thousandths(data.promised))


def _mention(data: Any, _: str, __: FieldCatalog, *___: Any) -> tuple[Any, ...]:
    return thousandths(data.sentiment), data.public


# What was not told is left out at the end of a tuple, as it is in rows that were stored before it was kept.
_DATA: dict[str, Any] = {
    "contact.started": _contact_started,
    "contact.queued": lambda data, *_: (data.team,),
    "contact.ended": _contact_ended,
    "message": _message,
    "info.requested": _requested,
    "info.provided": _provided,
    "info.confirmed": _confirmed,
    "auth.requested": lambda data, *_: (data.level or 0,),
    "auth.passed": lambda data, *_: (
        data.level or 0,
        None if data.valid_for_seconds is None else round(data.valid_for_seconds * 1_000_000),
    ),
    "handoff.started": _handoff_started,
    "handoff.accepted": _handoff_accepted,
    "intent.stated": _intent,
    "promise.made": _promised,
    "promise.kept": _settled,
    "promise.cancelled": _settled,
    "fact.stated": _fact,
    "case.closed": _case_closed,
    "case.reopened": lambda data, *_: (data.case,),
    "offer.made": lambda data, *_: (fold_words(data.offer),),
    "survey.answered": _survey,
    "mention.published": _mention,
    "account.updated": lambda data, *_: () if data.billed_revenue is None else (thousandths(data.billed_revenue),),
    "brand.exposure": _exposure,
}
