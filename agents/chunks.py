"""How a customer's timeline is stored: in chunks of touchpoints, each a head and what arrived in its time.

A chunk is a fixed head (version, state, source offset, next deadline, the broker's time, length of the rest of the head), the rest of the head, and its
touchpoints in order of arrival. A touchpoint is written relative to the one before it in its chunk: times and offsets as differences, what repeats as 0, names
that are known as numbers. The head of the newest chunk is the row's. A chunk that is full is written once more with the head that it had before: whoever reads
it without its successor ignores the touchpoints that arrived after that head's offset, so no crash between two writes leaves half a row. A row that begins anew
does so with one chunk, number 0, however many touchpoints it has kept: being later than the newest chunk of before, it takes the place of all.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from agents.entry import Entry, encode
from agents.rest import Rest

__all__ = [
    "ALIAS",
    "CHUNK",
    "COUNTED",
    "NOTHING_BEFORE",
    "NO_REST",
    "WATCHED",
    "CorruptRow",
    "Head",
    "Stored",
    "alias_of",
    "bare",
    "check_head",
    "chunk_key",
    "head_of",
    "newest_of",
    "offset_of",
    "pack",
    "packed_of",
    "parse_chunk_key",
    "rest_of",
    "times_of",
    "touchpoints_of",
    "write_chunk",
]

CHUNK = 32
"""How many touchpoints a chunk holds."""

WATCHED, COUNTED, ALIAS = 0, 1, 2
"""What a row is: of a customer whose touchpoints are judged, or only counted; or of a key that is an alias, whose rest is the customer that it stands for."""

Stored = bytes | dict[int, bytes]
"""All chunks of a row: the one with number 0 alone, or several by number."""

_VERSION = 2
_NEVER = -1
_HEAD = struct.Struct(">BBqqqI")
_OFFSET = struct.Struct(">BBq")
_TIMES = struct.Struct(">qq")
_CHUNK_NUMBER = struct.Struct(">I")
_ARRAY = struct.Struct(">BI").pack
"""How MessagePack begins an array of so many elements, after the byte 0xdd."""

# Stored as numbers: to be added to at the end, never changed. Others are stored as they are.
_NAMES = (
    "account.updated", "auth.failed", "auth.passed", "auth.requested", "brand.exposure", "case.closed",
    "case.reopened", "contact.abandoned", "contact.answered", "contact.ended", "contact.queued", "contact.started",
    "customer.forgotten", "fact.stated", "handoff.accepted", "handoff.failed", "handoff.started", "identity.linked",
    "info.confirmed", "info.provided", "info.requested", "intent.stated", "mention.published", "message",
    "offer.made", "promise.cancelled", "promise.kept", "promise.made", "survey.answered",
    "voice", "chat", "email", "sms", "social", "web", "app", "store", "ivr", "bot", "field", "mail",
    "customer", "agent", "system", "partner",
)  # fmt: skip
_NUMBER: dict[str, int | str] = {name: number for number, name in enumerate(_NAMES)}


class CorruptRow(Exception):
    """A stored row cannot be read: the changelog is damaged, or was written by another version."""


class Head(NamedTuple):
    """What is known of a row without decoding it.

    ``state`` is `WATCHED`, `COUNTED` or `ALIAS`. ``offset`` is that of the last record in it, ``deadline`` the next one in microseconds
    UTC, if any, ``heard`` the broker's time of the last record in milliseconds UTC, negative where it told none.
    """

    state: int
    offset: int
    deadline: int | None
    heard: int


NOTHING_BEFORE = Entry(0, 0, "", "", "", 0, "", "", None, None, None, None, None)
"""What the first touchpoint of a chunk is written relative to."""

_Name = int | str
_Packed = tuple[  # as `pack` writes it
    int, int, int, _Name, _Name, _Name, str, _Name | tuple[str, str], _Name | None, _Name | None, _Name | None, _Name | None, str | None, tuple[Any, ...]
]  # fmt: skip
NO_REST = encode(Rest({}, None, [], {}, None))
_decode_rest = msgspec.msgpack.Decoder(Rest).decode
_decode_packed: Callable[[memoryview], list[tuple[Any, ...]]] = msgspec.msgpack.Decoder(list[_Packed]).decode


def pack(entry: Entry, before: Entry) -> bytes:
    """Write a touchpoint relative to the one before it in its chunk."""
    number = _NUMBER.get
    brand = entry.brand
    kind, channel, actor, source, team = entry.type, entry.channel, entry.kind, entry.source, entry.team
    journey, contact, segment = entry.journey, entry.contact, entry.segment
    return encode((
        entry.time - before.time,
        entry.arrival - before.arrival,
        entry.sequence,
        number(kind, kind),
        number(channel, channel),
        number(actor, actor),
        entry.id,
        (0 if source == before.source else source) if brand == before.brand else (source, brand or ""),
        0 if team == before.team else team,
        0 if journey == before.journey else journey,
        0 if contact == before.contact else contact,
        0 if segment == before.segment else segment,
        entry.previous_contact,
        entry.data,
    ))  # fmt: skip


def touchpoints_of(chunk: bytes) -> list[Entry]:
    """Return the touchpoints of a stored chunk in order of arrival; raises ``CorruptRow``."""
    length = _unpack(chunk)[-1]
    found: list[Entry] = []
    before = NOTHING_BEFORE
    names = _NAMES
    try:
        for time, arrival, sequence, kind, channel, actor, name, source, team, journey, contact, segment, previous, data in _decode_packed(
            memoryview(chunk)[_HEAD.size + length :]
        ):
            before = Entry(
                before.time + time,
                sequence,
                names[kind] if kind.__class__ is int else kind,
                before.source if source == 0 else source if source.__class__ is str else source[0],
                name,
                before.arrival + arrival,
                names[channel] if channel.__class__ is int else channel,
                names[actor] if actor.__class__ is int else actor,
                before.team if team == 0 else team,
                before.journey if journey == 0 else journey,
                before.contact if contact == 0 else contact,
                before.segment if segment == 0 else segment,
                previous,
                data,
                (source[1] or None) if source.__class__ is tuple else before.brand,
            )
            found.append(before)
    except (msgspec.MsgspecError, IndexError, ValueError) as error:
        raise CorruptRow(f"the touchpoints of a chunk of {len(chunk)} bytes cannot be read: {error}") from error
    return found


def write_chunk(
    offset: int, deadline: int | None, heard: int, rest: bytes, held: int, packed: bytes | bytearray, *, state: int = WATCHED
) -> bytes:
    """Return a chunk of ``held`` touchpoints, which ``pack`` wrote one after the other; the rest see `Head`."""
    fixed = _HEAD.pack(_VERSION, state, offset, _NEVER if deadline is None else deadline, heard, len(rest))
    return b"".join((fixed, rest, _ARRAY(0xDD, held), packed))


def bare(chunk: bytes) -> bytes:
    """Return a full chunk without the rest of its head: that of the row's newest chunk counts, where it is there."""
    version, state, offset, deadline, heard, length = _HEAD.unpack_from(chunk)
    return b"".join((_HEAD.pack(version, state, offset, deadline, heard, len(NO_REST)), NO_REST, chunk[_HEAD.size + length :]))


def head_of(chunk: bytes) -> Head:
    """Return the head of a stored chunk; raises ``CorruptRow``."""
    state, offset, deadline, heard, _ = _unpack(chunk)
    return Head(state, offset, None if deadline == _NEVER else deadline, heard)


def check_head(chunk: bytes) -> None:
    """Raise ``CorruptRow`` where a chunk's head cannot be read."""
    if len(chunk) < _HEAD.size or chunk[0] != _VERSION:
        _unpack(chunk)


def offset_of(chunk: bytes) -> int:
    """Return the source offset in the head of a chunk that was checked."""
    offset: int = _OFFSET.unpack_from(chunk)[2]
    return offset


def times_of(chunk: bytes) -> tuple[int, int]:
    """Return the next deadline (-1: none) and the broker's time of the last record of a chunk that was checked."""
    times: tuple[int, int] = _TIMES.unpack_from(chunk, _OFFSET.size)
    return times


def rest_of(chunk: bytes) -> Rest:
    """Return the rest of the head; raises ``CorruptRow``."""
    length = _unpack(chunk)[-1]
    try:
        return _decode_rest(chunk[_HEAD.size : _HEAD.size + length])
    except msgspec.MsgspecError as error:
        raise CorruptRow(f"the head of a chunk of {len(chunk)} bytes cannot be read: {error}") from error


def alias_of(chunk: bytes) -> str:
    """Return the customer that the key of a chunk in state `ALIAS` stands for."""
    return chunk[_HEAD.size : _HEAD.size + _unpack(chunk)[-1]].decode()


def packed_of(chunk: bytes) -> tuple[int, bytes]:
    """Return how many touchpoints a chunk holds, and these as they were packed; raises ``CorruptRow``."""
    start = _HEAD.size + _unpack(chunk)[-1]
    return int.from_bytes(chunk[start + 1 : start + 5], "big"), chunk[start + 5 :]


def newest_of(stored: Stored) -> bytes:
    """Return the chunk whose head is the row's."""
    return stored if isinstance(stored, bytes) else stored[max(stored)]


def chunk_key(row: bytes, number: int) -> bytes:
    """Return the key of a row's chunk in the changelog."""
    return row + b"\x00" + _CHUNK_NUMBER.pack(number)


def parse_chunk_key(key: bytes) -> tuple[bytes, int]:
    """Return the row's key and the chunk's number; raises ``struct.error`` where there is none."""
    return key[: -_CHUNK_NUMBER.size - 1], _CHUNK_NUMBER.unpack(key[-_CHUNK_NUMBER.size :])[0]


def _unpack(chunk: bytes) -> tuple[int, int, int, int, int]:
    try:
        version, state, offset, deadline, heard, length = _HEAD.unpack_from(chunk)
    except struct.error as error:
        raise CorruptRow(f"a chunk of {len(chunk)} bytes has no head") from error
    if version != _VERSION:
        raise CorruptRow(f"a chunk has version {version}; this program reads {_VERSION}")
    return state, offset, deadline, heard, length
