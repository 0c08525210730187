"""The customers of a partition: decoded while they are busy, otherwise as their chunks are stored."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from agents.chunks import (
    ALIAS,
    CHUNK,
    COUNTED,
    NO_REST,
    NOTHING_BEFORE,
    WATCHED,
    CorruptRow,
    Head,
    Stored,
    alias_of,
    check_head,
    chunk_key,
    head_of,
    newest_of,
    offset_of,
    pack,
    packed_of,
    parse_chunk_key,
    rest_of,
    times_of,
    touchpoints_of,
    write_chunk,
)
from agents.engine import Customer
from agents.entry import Entry, encode
from agents.fold import Panel
from agents.rest import Rest
from agents.timeline import sort_key

__all__ = ["CorruptRow", "Row", "RowStore"]

MAXIMUM_DECODED = 1_000_000
"""How many touchpoints the customers have that all partitions of a worker keep decoded, each customer counted as ``CUSTOMER`` more; others stay encoded."""

CUSTOMER = 5
"""How many touchpoints a decoded customer weighs without any."""

IDLE = 3_600_000
"""After how many milliseconds of the broker's time without a record a customer is encoded, however few are decoded."""

_DAY = 86_400_000
_EXPIRED_A_BATCH = 1_000
_IDLE_A_BATCH = 100
_LOOKED_AT = 100
_RESTORED_A_TURN = 10_000
_NEVER = -1
_ALL_DUE = 1 << 62


class Row:
    """A decoded customer: the timeline, and how it is stored.

    ``key`` is that of the customer's records, ``tenant/customer``. ``offset`` is that of the last record in it, ``floor`` what it was when the row was
    decoded: a replayed record at or below it changes nothing. ``heard`` is the broker's time of the last record in milliseconds, negative where it told none.
    ``before`` is what the next touchpoint is packed relative to. ``touched`` and ``decoded_at`` count batches, for who decides what stays decoded;
    ``weight`` is what its store counts it as, in touchpoints. ``stored_day`` is the day of ``heard`` when it was last stored.
    """

    __slots__ = (
        "_full",
        "_held",
        "_key",
        "_newest",
        "_rest",
        "_tail",
        "_unwritten",
        "_written",
        "before",
        "customer",
        "deadline",
        "decoded_at",
        "floor",
        "heard",
        "key",
        "live",
        "offset",
        "stored_day",
        "tenant",
        "touched",
        "weight",
    )

    def __init__(self, key: bytes, live: Customer) -> None:
        self.key = key
        self.live = live
        self.tenant, self.customer = live.tenant, live.customer
        self.offset = self.floor = _NEVER
        self.deadline: int | None = None
        self.heard = _NEVER
        self.before = NOTHING_BEFORE
        self.touched = self.decoded_at = self.weight = 0
        self.stored_day = _NEVER
        self._rest = NO_REST
        self._full: dict[int, bytes] = {}
        self._newest = 0
        self._key = chunk_key(key, 0)
        self._tail = bytearray()
        self._held = 0
        self._unwritten: list[tuple[bytes, bytes]] = []
        self._written: tuple[int, int | None, int] = (_NEVER, None, _NEVER)

    @classmethod
    def decoded(cls, key: bytes, stored: Stored, panel: Panel, clock: int, offset: int) -> "Row":
        """Put a customer together, folded as of ``clock``, which records up to ``offset`` have moved; raises ``CorruptRow``.

        A row that holds later records, as a crash among rows leaves it, is as of its next deadline: all earlier ones had come due.
        """
        full = {0: stored} if isinstance(stored, bytes) else dict(stored)
        number = max(full)
        newest = full.pop(number)
        head, rest = head_of(newest), rest_of(newest)
        arrived = touchpoints_of(newest)
        entries = [each for chunk in sorted(full) for each in touchpoints_of(full[chunk])] + arrived
        entries = [each for each in entries if each.arrival <= head.offset]
        if rest.horizon is not None:
            waiting, horizon = set(rest.waiting), rest.horizon
            entries = [each for each in entries if sort_key(each) > horizon or (each.source, each.id) in waiting]
        tenant, _, customer = key.decode().partition("/")
        row = cls(key, Customer(
            panel,
            tenant,
            customer,
            entries=entries,
            clock=clock if head.offset <= offset else _ALL_DUE if head.deadline is None else head.deadline - 1,
            revisions={finding.hex(): revision for finding, revision in rest.revisions.items()},
            horizon=rest.horizon,
            kept=(rest.kept_contacts, rest.kept_latest),
            aliases=rest.aliases,
            forgotten=rest.forgotten,
            scored=rest.scored,
        ))  # fmt: skip
        row.offset = row.floor = head.offset
        row.deadline, row.heard, row.stored_day = head.deadline, head.heard, head.heard // _DAY
        row._written = (head.offset, head.deadline, head.heard)
        row._full, row._newest, row._key = full, number, chunk_key(key, number)
        row._held, packed = packed_of(newest)
        row._tail += packed
        row._rest = encode(rest)
        if 0 < row._held < CHUNK:
            row.before = arrived[-1]
        return row

    def add(self, entry: Entry) -> None:
        """Take in a touchpoint that the customer took in."""
        if self._held >= CHUNK:
            self._close()
        self._held += 1
        self._tail += pack(entry, self.before)
        self.before = entry if self._held < CHUNK else NOTHING_BEFORE

    def begin(self, entries: Sequence[Entry]) -> None:
        """Begin with what was kept of the row of before, all of it in the first chunk."""
        for entry in entries:
            self._tail += pack(entry, self.before)
            self.before = entry
        self._held = len(entries)
        if self._held >= CHUNK:
            self.before = NOTHING_BEFORE

    def write(self, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Add what must be written, in this order: chunks that became full, the newest one, and chunks that nobody needs any more (None)."""
        if self._unwritten:
            rows += self._unwritten
            self._unwritten = []
        live = self.live
        self._written = (self.offset, self.deadline, self.heard)
        self._rest = NO_REST if live.horizon is None and not live.revisions and not live.aliases else _rest(live)
        rows.append((self._key, self._chunk()))
        if live.horizon is not None:
            rows += [(chunk_key(self.key, number), None) for number in self._needless_chunks(live)]

    def stored(self) -> Stored:
        """Return the chunks of the row as they were written last; call it after ``write``."""
        if self._newest == 0:
            return self._chunk()
        return {**self._full, self._newest: self._chunk()}

    def size(self) -> int:
        """Return how many bytes the row holds encoded."""
        return len(self._rest) + len(self._tail) + sum(map(len, self._full.values()))

    def _chunk(self) -> bytes:
        offset, deadline, heard = self._written
        return write_chunk(offset, deadline, heard, self._rest, self._held, self._tail)

    def _close(self) -> None:
        chunk = self._chunk()  # with the head that was written last: until its successor is there, what came since counts as not taken in
        self._unwritten.append((self._key, chunk))
        self._full[self._newest] = chunk
        self._newest += 1
        self._key = chunk_key(self.key, self._newest)
        self._tail, self._held = bytearray(), 0

    def _needless_chunks(self, customer: Customer) -> list[int]:
        """Forget the oldest chunks in which everything was dropped, and return their numbers."""
        needless: list[int] = []
        for number in sorted(self._full):
            if any(customer.knows(entry) for entry in touchpoints_of(self._full[number])):
                break
            del self._full[number]
            needless.append(number)
        return needless


def _rest(customer: Customer) -> bytes:
    horizon = customer.horizon
    # Of what a deadline waited on also what it waits on no more: it is remembered until the next touchpoint is dropped.
    waiting = [] if horizon is None else [(each.source, each.id) for each in takewhile(lambda each: sort_key(each) <= horizon, customer.entries)]
    rest = Rest(
        {bytes.fromhex(identifier): revision for identifier, revision in customer.revisions.items()},
        horizon,
        waiting,
        *customer.kept,
        customer.aliases,
        customer.forgotten,
        customer.scored,
    )
    return encode(rest)


def _rest_of_aliases(aliases: dict[str, tuple[int, int, int]]) -> bytes:
    return encode(Rest({}, None, [], {}, None, aliases)) if aliases else NO_REST


class RowStore:
    """All rows of a partition by key. ``decoded`` holds those that are decoded, in the order in which they became so."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._memory = panel.engine.memory // 1000
        self.decoded: dict[bytes, Row] = {}
        self._stored: dict[bytes, Stored] = {}
        self._bytes = 0
        self._quiet: defaultdict[int, list[bytes]] = defaultdict(list)
        self._aside: dict[bytes, bytes] = {}
        self._replaced: set[bytes] = set()
        self._weight = 0
        self._most_decoded = MAXIMUM_DECODED

    def __len__(self) -> int:
        return len(self.decoded) + len(self._stored)

    @property
    def size(self) -> int:
        """Return how many bytes the rows hold encoded."""
        return self._bytes + sum(row.size() for row in self.decoded.values())

    def share(self, partitions: int) -> None:
        """Keep no more decoded than the part of one of so many ``partitions``."""
        self._most_decoded = MAXIMUM_DECODED // partitions

    # Recovery

    def restore(self, key: bytes, chunk: bytes | None) -> bool:
        """Take back a chunk: of a full one, which a later one follows, the longest; of the newest one that with the highest offset. Return whether it stands.

        One before the newest that is not older than this is of a row that has begun anew, as that of a customer who was forgotten: no other stands any more.
        Raises ``struct.error`` or ``CorruptRow``.
        """
        if chunk is not None:
            check_head(chunk)
        row, number = parse_chunk_key(key)
        held = self._stored.get(row)
        if chunk is not None and number == 0 and not isinstance(held, dict):
            if held is None or offset_of(chunk) >= offset_of(held):
                self._stored[row] = chunk
                return True
            self._put_aside(key, chunk)
            return False
        chunks = {} if held is None else {0: held} if isinstance(held, bytes) else held
        self._replaced.discard(key)
        if chunk is None:
            chunks.pop(number, None)
        elif chunks and number < (newest := max(chunks)) and offset_of(chunk) >= offset_of(chunks[newest]):
            self._replaced.update(chunk_key(row, each) for each in chunks.keys() - {number})
            chunks = {number: chunk}
        elif self._is_behind(chunk, number, chunks):
            self._put_aside(key, chunk)
            return False
        else:
            chunks[number] = chunk
        if chunks:
            self._stored[row] = chunks[0] if chunks.keys() == {0} else chunks
        else:
            self._stored.pop(row, None)
        return True

    def settled(self) -> Iterator[bytes]:
        """Let stand what arrived late and is ahead: full, where the owner had not come so far; yield the keys in the changelog of what stands therefore.

        Yield those, too, of chunks that a row which has begun anew left behind.
        """
        yield from self._replaced
        self._replaced = set()
        for key, chunk in self._aside.items():
            of, number = parse_chunk_key(key)
            chunks = self._stored.get(of)
            if isinstance(chunks, dict) and number in chunks and number < max(chunks) and packed_of(chunk)[0] > packed_of(chunks[number])[0]:
                chunks[number] = chunk
                yield key
        self._aside = {}

    def restored(self) -> Iterator[list[tuple[int, bytes]]]:
        """End recovery; yield the deadlines of rows, in microseconds UTC, with their keys, those of so many rows at a time that others may have a turn."""
        quiet, size = self._quiet, 0
        deadlines: list[tuple[int, bytes]] = []
        for rows, (key, stored) in enumerate(self._stored.items(), 1):
            if isinstance(stored, bytes):
                size += len(stored)
                deadline, heard = times_of(stored)
            else:
                size += _size(stored)
                deadline, heard = times_of(newest_of(stored))
            if heard >= 0:
                quiet[heard // _DAY].append(key)
            if deadline != _NEVER:
                deadlines.append((deadline, key))
            if rows % _RESTORED_A_TURN == 0:
                yield deadlines
                deadlines = []
        self._bytes += size
        yield deadlines

    def standing(self, key: bytes) -> bytes | None:
        """Return the stored chunk with this key in the changelog, during recovery."""
        row, number = parse_chunk_key(key)
        stored = self._stored.get(row, {})
        return (stored if number == 0 else None) if isinstance(stored, bytes) else stored.get(number)

    @staticmethod
    def _is_behind(chunk: bytes, number: int, chunks: dict[int, bytes]) -> bool:
        """Tell whether a chunk with this number came late: the row has gone on since, or has begun anew."""
        if not chunks:
            return False
        newest = max(chunks)
        if number >= newest:
            return offset_of(chunk) < offset_of(chunks[newest])
        held = chunks.get(number)
        return held is not None and (packed_of(chunk)[0], offset_of(chunk)) < (packed_of(held)[0], offset_of(held))

    def _put_aside(self, key: bytes, chunk: bytes) -> None:
        """Keep what came late until recovery ends; of several with the same key the one that holds most."""
        aside = self._aside.get(key)
        if aside is None or packed_of(chunk)[0] >= packed_of(aside)[0]:
            self._aside[key] = chunk

    # Decoding

    def deadline(self, key: bytes) -> int | None:
        """Return the next deadline of a row, in microseconds UTC."""
        row = self.decoded.get(key)
        if row is not None:
            return row.deadline
        head = self.head(key)
        return None if head is None else head.deadline

    def head(self, key: bytes) -> Head | None:
        """Return what is known of a row that is not decoded."""
        stored = self._stored.get(key)
        return None if stored is None else head_of(newest_of(stored))

    def offset(self, key: bytes) -> int:
        """Return the offset of the last record that the changelog held of a row when it was read, -1 where it held none."""
        row = self.decoded.get(key)
        if row is not None:
            return row.floor
        head = self.head(key)
        return _NEVER if head is None else head.offset

    def __contains__(self, key: bytes) -> bool:
        return key in self.decoded or key in self._stored

    def get(self, key: bytes, clock: int, offset: int) -> Row | None:
        """Return a row, decoded as of ``clock`` and ``offset`` if it was not yet; raises ``CorruptRow``."""
        row = self.decoded.get(key)
        if row is None:
            stored = self._stored.pop(key, None)
            if stored is None:
                return None
            self._bytes -= _size(stored)
            row = self.decoded[key] = Row.decoded(key, stored, self._panel, clock, offset)
            self.weigh(row)
        return row

    def new(self, key: bytes) -> Row:
        """Add an empty row."""
        tenant, _, customer = key.decode().partition("/")
        row = self.decoded[key] = Row(key, Customer(self._panel, tenant, customer))
        self.weigh(row)
        return row

    def weigh(self, row: Row) -> None:
        """Count a decoded row as what it has become."""
        weight = CUSTOMER + len(row.live.entries)
        self._weight += weight - row.weight
        row.weight = weight

    def forget(self, now: int) -> Iterator[None]:
        """Encode who has been idle for long, by the broker's time in milliseconds, and of too many those who were not touched for longest.

        Run it when all rows are written. Of those decoded first, who was touched since gets another turn. Yield wherever others may have theirs.
        """
        decoded, idle = self.decoded, _IDLE_A_BATCH
        while decoded:
            for row in list(islice(decoded.values(), _LOOKED_AT)):  # many at a time: a dict looks for its first key among those that were deleted
                rests = now - row.heard >= IDLE
                if self._weight <= self._most_decoded:
                    if not rests or not idle:
                        return
                    idle -= 1
                del decoded[row.key]
                if row.touched > row.decoded_at and not rests:
                    row.decoded_at = row.touched
                    decoded[row.key] = row
                else:
                    self._keep(row)
            yield

    def forget_all(self) -> None:
        """Encode everybody; call it when all rows are written."""
        for row in list(self.decoded.values()):
            del self.decoded[row.key]
            self._keep(row)

    def _keep(self, row: Row) -> None:
        stored = self._stored[row.key] = row.stored()
        self._bytes += _size(stored)
        self._weight -= row.weight
        row.live.fold.release()
        if row.heard >= 0 and row.heard // _DAY != row.stored_day:
            self._quiet[row.heard // _DAY].append(row.key)

    def customers(self, clock: int, offset: int) -> Iterator[Customer]:
        """Yield every customer who is watched, those who are not decoded as of ``clock`` and ``offset``."""
        for row in self.decoded.values():
            yield row.live
        for key, stored in self._stored.items():
            if head_of(newest_of(stored)).state == WATCHED:
                yield Row.decoded(key, stored, self._panel, clock, offset).live

    # What is not kept

    def is_expired(self, heard: int, deadline: int | None, now: int) -> bool:
        """Tell whether a row is past its memory at the broker's time ``now``, in milliseconds, and waits for nothing."""
        return heard >= 0 and deadline is None and now - heard > self._memory

    def expire(self, now: int, committed: int) -> Iterator[tuple[bytes, bytes | None]]:
        """Drop some of the stored rows that are past their memory at the broker's time ``now``, but for their aliases; yield what must be written.

        A row whose last record is not before the offset ``committed`` stays: that record may come again, and what stands of it is its row.
        """
        quiet, most = self._quiet, _EXPIRED_A_BATCH
        while quiet and most:
            day = min(quiet)
            if (day + 1) * _DAY + self._memory >= now:
                return
            keys, stay = quiet[day], list[bytes]()
            while keys and most:
                most -= 1
                key = keys.pop()
                stored = self._stored.get(key)
                head = None if stored is None else head_of(newest_of(stored))
                if head is None or not self.is_expired(head.heard, head.deadline, now):
                    continue
                if head.offset >= committed:
                    stay.append(key)
                else:
                    aliases = self.aliases(key)
                    if aliases:
                        yield from self._hold(key, write_chunk(head.offset, None, _NEVER, _rest_of_aliases(aliases), 0, b""))
                    else:
                        yield from [(each, None) for each in self.drop(key)]
            if stay:
                keys += stay
                return
            if not keys:
                del quiet[day]

    def drop(self, key: bytes) -> list[bytes]:
        """Drop a row; return the keys of its chunks, oldest first: what is left of it if not all are removed still ends in its head."""
        row = self.decoded.pop(key, None)
        if row is not None:
            self._weight -= row.weight
            row.live.fold.release()
            stored = row.stored()
        else:
            stored = self._stored.pop(key)
            self._bytes -= _size(stored)
        return [chunk_key(key, number) for number in ((0,) if isinstance(stored, bytes) else sorted(stored))]

    def _hold(self, key: bytes, chunk: bytes) -> list[tuple[bytes, bytes | None]]:
        """Let a chunk take the place of a row, if there is one; return what must be written, first what holds already before the rest is gone."""
        gone = self._drop_but_first(key) if key in self else []
        self._stored[key] = chunk
        self._bytes += len(chunk)
        return [(chunk_key(key, 0), chunk), *gone]

    def _drop_but_first(self, key: bytes) -> list[tuple[bytes, bytes | None]]:
        """Drop a row; return what must be written when another chunk has taken the place of its first: that the others are gone."""
        first = chunk_key(key, 0)
        return [(each, None) for each in self.drop(key) if each != first]

    def unwatch(self, key: bytes, offset: int, heard: int) -> list[tuple[bytes, bytes | None]]:
        """Keep nothing of a customer but that its touchpoints are only counted; return what must be written."""
        if heard >= 0:
            self._quiet[heard // _DAY].append(key)
        return self._hold(key, write_chunk(offset, None, heard, _rest_of_aliases(self.aliases(key)), 0, b"", state=COUNTED))

    def anew(self, key: bytes) -> tuple[Row, list[tuple[bytes, bytes | None]]]:
        """Replace a row by an empty one that has still its aliases; return this, and what must be written next after it.

        It is to be written before another touchpoint is in it: its first chunk takes the place of all.
        """
        aliases = self.aliases(key)
        gone = self._drop_but_first(key)
        row = self.new(key)
        row.live.aliases = aliases
        return row, gone

    # Aliases

    def aliases(self, key: bytes) -> dict[str, tuple[int, int, int]]:
        """Return the aliases of a row, as `Customer` has them: they outlast its memory, as what points from them to it does."""
        row = self.decoded.get(key)
        if row is not None:
            return row.live.aliases
        stored = self._stored.get(key)
        if stored is None or head_of(newest_of(stored)).state == ALIAS:
            return {}
        return rest_of(newest_of(stored)).aliases

    def points_to(self, key: bytes) -> str | None:
        """Return the customer that a key is an alias of; None: of nobody."""
        stored = self._stored.get(key)
        return alias_of(stored) if isinstance(stored, bytes) and head_of(stored).state == ALIAS else None

    def point(self, key: bytes, offset: int, customer: str) -> list[tuple[bytes, bytes | None]]:
        """Make a key an alias of ``customer``, which no time ends; return what must be written."""
        return self._hold(key, write_chunk(offset, None, _NEVER, customer.encode(), 0, b"", state=ALIAS))


def _size(stored: Stored) -> int:
    return len(stored) if isinstance(stored, bytes) else sum(map(len, stored.values()))
