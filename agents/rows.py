"""A customer's row: the timeline as it is stored, in chunks, so that a record rewrites the newest chunk alone.

A chunk is a fixed head (version, source offset, next deadline, length of the rest of the head), the rest of the head, and its touchpoints in order of
arrival. The head of the newest chunk is the row's. A chunk that is full is written once more with the head that it had before: whoever reads it without
its successor ignores the touchpoints that arrived after that head's offset, so no crash between two writes leaves half a row.
"""

import struct
from collections.abc import Sequence

import msgspec

from agents.engine import Customer
from agents.fold import Panel
from agents.timeline import Entry, SortKey, encode, sort_key

__all__ = ["CHUNK", "CorruptRow", "Row", "chunk_key", "chunk_length", "chunk_offset", "parse_chunk_key"]

CHUNK = 32
"""How many touchpoints a chunk holds."""

_HEAD = struct.Struct(">BqqI")
_CHUNK_NUMBER = struct.Struct(">I")
_VERSION = 1
_NEVER = -1
_decode_entries = msgspec.msgpack.Decoder(list[Entry]).decode


class CorruptRow(Exception):
    """A stored row cannot be read: the changelog is damaged, or was written by another version."""


class _Rest(msgspec.Struct, array_like=True):
    revisions: dict[bytes, tuple[int, int]]
    horizon: tuple[int, int, int, str, str] | None
    waiting: list[tuple[str, str]]
    kept_contacts: dict[str, str]
    kept_latest: tuple[int, str] | None


_NOTHING = msgspec.msgpack.encode(_Rest({}, None, [], {}, None))
_decode_rest = msgspec.msgpack.Decoder(_Rest).decode


class Row:
    """One customer's stored timeline; decoded into a ``Customer`` when touched.

    ``key`` is that of the customer's records, ``tenant/customer``. ``offset`` is that of the last record in it, ``floor`` what it was when the row was
    restored: a replayed record at or below it changes nothing. ``live`` is the customer while decoded; ``touched`` and ``decoded_at`` count batches, for who
    decides what stays decoded.
    """

    __slots__ = (
        "_full",
        "_head",
        "_held",
        "_newest",
        "_tail",
        "_unwritten",
        "customer",
        "deadline",
        "decoded_at",
        "floor",
        "key",
        "live",
        "offset",
        "tenant",
        "touched",
    )

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.tenant, _, self.customer = key.decode().partition("/")
        self.offset = self.floor = _NEVER
        self.deadline: int | None = None
        self._head = _head(_NEVER, None, _NOTHING)
        self._full: dict[int, bytes] = {}
        self._newest = 0
        self._tail = bytearray()
        self._held = 0
        self._unwritten: list[tuple[bytes, bytes]] = []
        self.live: Customer | None = None
        self.touched = self.decoded_at = 0

    @classmethod
    def restored(cls, key: bytes, chunks: dict[int, bytes]) -> "Row":
        """Put a row together from its chunks by number; raises ``CorruptRow``."""
        row = cls(key)
        row._newest = max(chunks)
        newest = chunks[row._newest]
        row._head, _ = _split(newest)
        _, row.offset, deadline, _ = _HEAD.unpack_from(row._head)
        row.floor = row.offset
        row.deadline = None if deadline == _NEVER else deadline
        row._full = dict(chunks)
        return row

    def decoded(self, panel: Panel, clock: int) -> Customer:
        """Return the customer, folded as of ``clock`` if it was not yet; raises ``CorruptRow``."""
        if self.live is None:
            self.live = self._decode(panel, clock)
        return self.live

    def forget_decoded(self) -> None:
        """Keep only what is encoded; call it after ``write``."""
        if self.live is not None and not self._unwritten:
            self._full[self._newest] = self._chunk()
            self._tail, self._held = bytearray(), 0
            self.live.fold.release()
            self.live = None

    def added(self, blob: bytes) -> None:
        """Note an encoded touchpoint that the customer took in."""
        if self._held >= CHUNK:
            self._close()
        self._held += 1
        self._tail += blob

    def write(self, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Add what must be written, in this order: chunks that became full, the newest one, and chunks that nobody needs any more (None)."""
        customer = self.live
        if customer is None:
            return
        if self._unwritten:
            rows += self._unwritten
            self._unwritten = []
        self._head = _head(self.offset, self.deadline, _rest(customer))
        rows.append((chunk_key(self.key, self._newest), self._chunk()))
        if customer.horizon is not None:
            needless = self._needless_chunk(customer)
            if needless is not None:
                rows.append((chunk_key(self.key, needless), None))

    def size(self) -> int:
        """Return roughly how many bytes the row holds encoded."""
        return len(self._head) + len(self._tail) + sum(map(len, self._full.values()))

    def _chunk(self) -> bytes:
        """Write the newest chunk: the head, and its touchpoints as one MessagePack array."""
        return b"".join((self._head, b"\xdd", self._held.to_bytes(4, "big"), self._tail))

    def _close(self) -> None:
        chunk = self._chunk()
        self._unwritten.append((chunk_key(self.key, self._newest), chunk))
        self._full[self._newest] = chunk
        self._newest += 1
        self._tail, self._held = bytearray(), 0

    def _needless_chunk(self, customer: Customer) -> int | None:
        """Forget the oldest chunk and return its number if everything in it was dropped."""
        first = min(self._full, default=self._newest)
        if first == self._newest:
            return None
        entries = _decode_entries(_split(self._full[first])[1])
        if any((entry.source, entry.id) in customer.identities for entry in entries):
            return None
        del self._full[first]
        return first

    def _decode(self, panel: Panel, clock: int) -> Customer:
        if not self._full:
            return Customer(panel, self.tenant, self.customer)
        try:
            rest = _decode_rest(self._head[_HEAD.size :])
            entries: list[Entry] = []
            for number in sorted(self._full):
                blob = self._full[number]
                arrived = [each for each in _decode_entries(_split(blob)[1]) if each.arrival <= self.offset]
                entries.extend(arrived)
                if number == self._newest:
                    self._tail, self._held = bytearray().join(map(encode, arrived)), len(arrived)
        except (msgspec.MsgspecError, ValueError) as error:
            raise CorruptRow(f"the row of a customer at offset {self.offset} cannot be read: {error}") from error
        self._full.pop(self._newest, None)
        waiting = set(rest.waiting)
        horizon = rest.horizon
        return Customer(
            panel,
            self.tenant,
            self.customer,
            entries=_alive(entries, horizon, waiting),
            clock=clock,
            revisions={key.hex(): value for key, value in rest.revisions.items()},
            horizon=horizon,
            kept=(rest.kept_contacts, rest.kept_latest),
        )


def chunk_key(row: bytes, number: int) -> bytes:
    """Return the key of a row's chunk in the changelog."""
    return row + b"\x00" + _CHUNK_NUMBER.pack(number)


def parse_chunk_key(key: bytes) -> tuple[bytes, int]:
    """Return the row's key and the chunk's number; raises ``struct.error`` where there is none."""
    return key[: -_CHUNK_NUMBER.size - 1], _CHUNK_NUMBER.unpack(key[-_CHUNK_NUMBER.size :])[0]


def chunk_offset(chunk: bytes) -> int:
    """Return the source offset in a stored chunk's head; raises ``CorruptRow``."""
    head, _ = _split(chunk)
    return int(_HEAD.unpack_from(head)[1])


def chunk_length(chunk: bytes) -> int:
    """Return how many touchpoints a stored chunk holds; raises ``CorruptRow``."""
    _, blob = _split(chunk)
    return int.from_bytes(blob[1:5])


def _alive(entries: Sequence[Entry], horizon: SortKey | None, waiting: set[tuple[str, str]]) -> Sequence[Entry]:
    if horizon is None:
        return entries
    return [each for each in entries if sort_key(each) > horizon or (each.source, each.id) in waiting]


def _rest(customer: Customer) -> bytes:
    if customer.horizon is None and not customer.revisions:
        return _NOTHING
    waiting = [(wait.seen.entry.source, wait.seen.entry.id) for wait in customer.fold.pending if wait.pending]
    rest = _Rest(
        {bytes.fromhex(identifier): revision for identifier, revision in customer.revisions.items()},
        customer.horizon,
        waiting if customer.horizon is not None else [],
        *customer.kept,
    )
    return msgspec.msgpack.encode(rest)


def _head(offset: int, deadline: int | None, rest: bytes) -> bytes:
    return _HEAD.pack(_VERSION, offset, _NEVER if deadline is None else deadline, len(rest)) + rest


def _split(chunk: bytes) -> tuple[bytes, bytes]:
    try:
        version, _, _, length = _HEAD.unpack_from(chunk)
    except struct.error as error:
        raise CorruptRow(f"a chunk of {len(chunk)} bytes has no head") from error
    if version != _VERSION:
        raise CorruptRow(f"a chunk has version {version}; this program reads {_VERSION}")
    end = _HEAD.size + length
    return chunk[:end], chunk[end:]
