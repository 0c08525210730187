"""A source partition: records go in, in batches; findings, tallies, rows and dead letters come out.

Pure and deterministic: time moves only by records, and a different split into batches gives the same. Whoever calls delivers each step of ``Effects``
fully before the next (findings, tallies, rows), so that a crash between two steps repeats the same findings with the same revisions.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from mypy_extensions import i64

from agents.brief import encoded
from agents.chunks import WATCHED, bare
from agents.engine import CONSISTENCY, NO_CHANGE, Change, Customer, Trace
from agents.entry import Entry
from agents.fields import FieldCatalog, Fingerprinter
from agents.fold import Panel
from agents.links import (
    INTERNAL,
    MAXIMUM_ALIASES,
    MAXIMUM_CHAIN,
    Claim,
    Forget,
    Forwarded,
    Internal,
    Moved,
    encode_internal,
    parse_internal,
)
from agents.rows import CorruptRow, Row, RowStore
from agents.rules import Rulebook
from agents.scores import customer_score, entity_score, experience_scores, scores_of
from agents.tallies import Tallies
from agents.timeline import compact, microseconds
from models.dead_letter import DeadLetter, DeadLetterReason
from models.decoding import Parts, decode_touchpoint, parts_of
from models.touchpoint import Refusal, Touchpoint, is_raw_identifier, parse_touchpoint

__all__ = ["AnyRecord", "Counts", "Effects", "Mark", "PartitionWatch", "Record"]

FUTURE: Final = 5 * 60 * 1_000_000
"""How far a touchpoint's time may lie after the broker's timestamp, in microseconds."""

_RENEWED = 86_400_000
"""After how many milliseconds it is noted again that a customer still floods."""

_WHO = frozenset({"customer.forgotten", "identity.linked"})
"""Types that say who the customer is."""

_CLOCK_KEY = b"\x00clock"
_TALLY_KEY = b"\x00tally"
_CLOCK = struct.Struct(">qq")
_FROM_THE_FUTURE = Refusal(DeadLetterReason.FUTURE_TIME, "time is more than 5 minutes after the broker's")
_TOO_LATE = Refusal(DeadLetterReason.TOO_LATE, "time is before what is remembered of this customer")
_NOT_INTERNAL = Refusal(DeadLetterReason.INVALID_VALUE, "it begins as a record between workers and is none")
_RAW_ALIAS = Refusal(DeadLetterReason.RAW_IDENTIFIER, "data.other is an address or a number that a person is reached at")
_TO_ITSELF = Refusal(DeadLetterReason.LINK_REFUSED, "the customer would be an alias of itself")
_TO_NOBODY = Refusal(DeadLetterReason.LINK_REFUSED, "the alias is listed as not_a_customer, or floods")
_TO_ANOTHER = Refusal(DeadLetterReason.LINK_REFUSED, "the alias is another customer's already")
_TOO_LONG = Refusal(DeadLetterReason.LINK_REFUSED, f"a chain of more than {MAXIMUM_CHAIN} aliases")
_TOO_MANY = Refusal(DeadLetterReason.LINK_REFUSED, f"the customer has {MAXIMUM_ALIASES} aliases")
_WITHOUT_KEY = Refusal(DeadLetterReason.MISSING_KEY, "the record has no key; it must be tenant/customer")
_WITH_WRONG_KEY = Refusal(DeadLetterReason.WRONG_KEY, "the record's key is not its tenant/customer")
_json = msgspec.json.Encoder().encode
_parts = msgspec.structs.astuple

UNWATCHED: Final = ("flood", "not_a_customer", "forgotten")
"""Why touchpoints are only counted."""

Pause = Callable[[], bool]
"""Tells whether others are to have their turn now."""


def _never() -> bool:
    return False


class AnyRecord(Protocol):
    """One record of a topic, as Kafka's client or a reader of files has it; ``timestamp`` is the broker's, in milliseconds UTC."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int | None: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class Record(NamedTuple):
    """A record made here, such as one line of a file."""

    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None


class Counts:
    """What was seen and done since the counts were last taken."""

    def __init__(self) -> None:
        self.touchpoints: Counter[tuple[str, str]] = Counter()
        self.findings: Counter[tuple[str, str, str]] = Counter()
        self.withdrawn: Counter[str] = Counter()
        self.dead_letters: Counter[str] = Counter()
        self.duplicates = 0
        self.conflicts = 0
        self.unknown_keys = 0
        self.misplaced = 0
        self.unwatched: Counter[str] = Counter()


class Mark(NamedTuple):
    """What became of a key, between so many findings and briefs: ``alias-of`` a customer ("": of nobody any more), or ``forgotten`` up to microseconds UTC.

    ``offset`` is that of the record that did so. Scores with a ``sequence`` below ``scores`` are of before: none of an alias that is forgotten, for they went
    with its timeline, and what has their names is the customer's.
    """

    findings: int
    briefs: int
    key: bytes
    what: str
    value: str
    offset: int
    scores: int


class Effects:
    """What one batch does, in the order of its steps.

    ``onward`` are records for other keys of the same topic.
    """

    __slots__ = ("briefs", "customer_scores", "dead_letters", "findings", "marks", "misplaced", "onward", "rows", "tallies", "tally_rows")

    def __init__(self) -> None:
        self.findings: list[tuple[bytes, bytes]] = []
        self.briefs: list[tuple[bytes, bytes]] = []
        self.customer_scores: list[tuple[bytes, bytes | None]] = []
        self.dead_letters: list[DeadLetter] = []
        self.misplaced: list[tuple[bytes, bytes | None]] = []
        self.onward: list[tuple[bytes, bytes]] = []
        self.marks: list[Mark] = []
        self.tallies: list[tuple[bytes, bytes]] = []
        self.tally_rows: list[tuple[bytes, bytes]] = []
        self.rows: list[tuple[bytes, bytes | None]] = []


class PartitionWatch:
    """The state of one source partition, and what its records do. ``committed`` is the offset from which on records may come again."""

    def __init__(
        self,
        rulebook: Rulebook,
        fields: FieldCatalog,
        fingerprinter: Fingerprinter,
        partition: int,
        *,
        keyed: bool = True,
        home: Callable[[bytes], int] | None = None,
    ) -> None:
        """Watch ``partition``; records from files have no keys and are not ``keyed``.

        ``home`` tells the partition of a key: a customer who is new here and at home elsewhere is sent there.
        """
        self._engine = rulebook.engine
        self._nobody = rulebook.engine.not_a_customer
        self._panel = Panel(rulebook, fields)
        self._fields = fields
        self._fingerprinter = fingerprinter
        self._partition = partition
        self._keyed = keyed
        self._home = home
        self._store = RowStore(self._panel)
        self._overtaking: set[bytes] = set()
        self._tallies = Tallies(rulebook.engine.half_lives)
        self._deadlines: list[tuple[int, bytes]] = []
        self._dirty: dict[bytes, Row] = {}
        self._scored: dict[Row, set[str]] = {}
        self._told: dict[Row, set[Trace]] = {}
        self._counted: dict[str, dict[str, int]] = {}
        self._effects = Effects()
        self._last_offset = self._heard = -1
        self._batch = 0
        self.clock = 0
        self.committed = 1 << 62
        self.counts = Counts()

    # Recovery

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take back one changelog record, in the order of the log; raises ``CorruptRow``."""
        try:
            stands = self._restore(key, value) if key.startswith(b"\x00") else self._store.restore(key, value)
        except (struct.error, ValueError, msgspec.MsgspecError) as error:
            raise CorruptRow(f"a changelog record with a key of {len(key)} bytes cannot be read: {error}") from error
        if not stands:
            self._overtaking.add(key)
        elif self._overtaking:
            self._overtaking.discard(key)

    def _restore(self, key: bytes, value: bytes | None) -> bool:
        """Take back a record; return whether it is what stands for its key from now on."""
        if key == _CLOCK_KEY:
            clock, offset = _CLOCK.unpack(value or b"")
            if offset >= self._last_offset:
                self.clock, self._last_offset = clock, offset
            return bool(offset == self._last_offset)
        if key.startswith(_TALLY_KEY):
            return self._tallies.restore(key[len(_TALLY_KEY) :].decode(), value or b"")
        return self._store.restore(key, value)

    def restored(self) -> list[tuple[bytes, bytes | None]]:
        """End recovery at once; see `restored_in_turns`."""
        return [row for rows in self.restored_in_turns() for row in rows]

    def restored_in_turns(self) -> Iterator[list[tuple[bytes, bytes | None]]]:
        """End recovery: when all is yielded, records can be processed. Between two turns others may have theirs.

        Yield what must be written again, for compaction keeps the last record of a key: what stands before one that arrived late, from a worker that had lost
        the partition; None where nothing stands.
        """
        self._overtaking.update(self._store.settled())
        for deadlines in self._store.restored():
            for deadline in deadlines:
                heappush(self._deadlines, deadline)
            yield []
        again = [(late, self._standing(late)) for late in sorted(self._overtaking)]
        self._overtaking = set()
        yield again

    def share(self, partitions: int) -> None:
        """Take no more memory for decoded customers than one of so many ``partitions`` of a worker may."""
        self._store.share(partitions)

    def _standing(self, key: bytes) -> bytes | None:
        if key == _CLOCK_KEY:
            return _CLOCK.pack(self.clock, self._last_offset)
        if key.startswith(_TALLY_KEY):
            return self._tallies.encoded(key[len(_TALLY_KEY) :].decode())
        return self._store.standing(key)

    # Processing

    def process(self, records: Iterable[AnyRecord]) -> Effects:
        """Take records and return what they do."""
        for _ in self.take(records):
            pass
        return self.effects()

    def take(self, records: Iterable[AnyRecord], pause: Pause = _never) -> Iterator[None]:
        """Apply records in the order of their offsets; those that were applied before change nothing. Yield wherever ``pause`` tells to."""
        rows, deadlines, counted, last_offset, timestamp = self._store.decoded, self._deadlines, self._counted, self._last_offset, None
        for record in records:
            if pause():
                yield
            offset = record.offset
            if offset <= last_offset:
                continue
            self._last_offset = last_offset = offset
            touchpoint = decode_touchpoint(record.value)
            if touchpoint is not None:
                parts = _parts(touchpoint)
            else:
                if record.value is not None and record.value.startswith(INTERNAL):
                    yield from self._take_internal(record, pause)
                    continue
                touchpoint = self._parsed(record)
                if touchpoint is None:
                    continue
                parts = parts_of(touchpoint)
            kind: str = touchpoint.type
            source: str = parts[1]
            time, timestamp = microseconds(parts[2]), record.timestamp
            beats = kind == "heartbeat"
            key = record.key or b""
            row = rows.get(key)
            if not beats and (row is None or row.customer != parts[12] or row.tenant != parts[5]):
                found = self._row_key(record, parts)
                if found is None:
                    continue
                key, row = found, rows.get(found)
            moved = time
            if timestamp is not None:
                now: i64 = i64(timestamp) * 1000
                if time > now:
                    if time > now + FUTURE:
                        self._refuse(record, _FROM_THE_FUTURE)
                        continue
                    if not beats:
                        moved = now
            if row is None and not beats and self._sent_home(key, record):
                continue
            types = counted.get(source)
            if types is None:
                types = counted[source] = {}
            types[kind] = types.get(kind, 0) + 1
            if moved > self.clock:
                self.clock = moved
                if deadlines and deadlines[0][0] <= moved:
                    yield from self._come_due(offset, pause)
            if beats:
                continue
            if row is None:
                if self._sent_on(key, record):
                    continue
                row = self._row(key, record, forgets=kind == "customer.forgotten")
                if row is None:
                    continue
            if offset > row.floor:
                entry = compact(kind, parts, time, offset, self._fields, self._fingerprinter, row.before)
                if kind in _WHO:
                    self._identify(row, entry, parts[15], record)
                else:
                    self._apply(row, entry, record, parts[11])
        if timestamp is not None and timestamp > self._heard:
            self._heard = timestamp

    def conclude(self, pause: Pause) -> Iterator[None]:
        """Write the scores and rows of whom anything was taken of, and encode who is quiet; yield after each at which ``pause`` tells to."""
        half_life = self._engine.customer_half_life
        for row, journeys in self._scored.items():
            until = self._scored_until(row.live, self.clock)
            for journey in (None, *sorted(journeys)):
                self._publish(row.offset, customer_score(row.live, journey, until, half_life))
            if pause():
                yield
        self._scored.clear()
        for row, traces in self._told.items():
            for score in experience_scores(row.live, self._scored_until(row.live, self.clock), half_life, self._engine.fusion_blame, traces):
                self._publish(row.offset, score)
            if pause():
                yield
        self._told.clear()
        store = self._store
        for row in self._dirty.values():
            row.write(self._effects.rows)
            store.weigh(row)
            if pause():
                yield
        self._dirty.clear()
        for _ in store.forget(self._heard):
            if pause():
                yield

    def effects(self) -> Effects:
        """Return what was done since the last call; where that is much, `conclude` before."""
        self._finish()
        effects, self._effects = self._effects, Effects()
        return effects

    def advance(self, clock: int) -> Effects:
        """Move the clock as a record would that came last; for files, at their end."""
        self._last_offset += 1
        self.clock = max(self.clock, clock)
        for _ in self._come_due(self._last_offset, _never):
            pass
        return self.effects()

    def _parsed(self, record: AnyRecord) -> Touchpoint | None:
        """Return what the model of record says of a record that is not quite regular; None: it is refused."""
        touchpoint = parse_touchpoint(record.value)
        if isinstance(touchpoint, Refusal):
            self._refuse(record, touchpoint)
            return None
        if touchpoint.type != "heartbeat":
            parts = touchpoint, touchpoint.actor, touchpoint.data
            self.counts.unknown_keys += sum(len(part.__pydantic_extra__ or ()) for part in parts)
        return touchpoint

    def _row_key(self, record: AnyRecord, parts: Parts) -> bytes | None:
        """Return the key of the row that a touchpoint belongs to; None: its record is refused."""
        key = f"{parts[5]}/{parts[12]}".encode()
        if self._keyed and record.key != key:
            self._refuse(record, _WITHOUT_KEY if record.key is None else _WITH_WRONG_KEY)
            return None
        return key

    def _sent_home(self, key: bytes, record: AnyRecord) -> bool:
        """Send the record of a customer who is new here and at home in another partition there, and tell whether that was so."""
        if self._home is None or key in self._store or self._home(key) == self._partition:
            return False
        self.counts.misplaced += 1
        self._effects.misplaced.append((key, record.value))
        return True

    def _row(self, key: bytes, record: AnyRecord, *, forgets: bool = False) -> Row | None:
        """Return the row of a customer who is not decoded; None: its touchpoints are only counted, but for one that ``forgets`` the customer."""
        if self._nobody and key.partition(b"/")[2].decode() in self._nobody:
            self.counts.unwatched["not_a_customer"] += 1
            return None
        head = self._store.head(key)
        if head is None or head.state == WATCHED or forgets:
            return self._store.get(key, self.clock, record.offset) or self._store.new(key)
        timestamp = record.timestamp or -1
        if self._store.is_expired(head.heard, None, timestamp):
            return self._begin_anew(key, record)
        self.counts.unwatched["flood"] += 1
        if timestamp - head.heard > _RENEWED:
            self._effects.rows += self._store.unwatch(key, record.offset, timestamp)
        return None

    def _begin_anew(self, key: bytes, record: AnyRecord) -> Row:
        """Replace a row by an empty one as of the record before: what is written so takes its place at once, also where a crash comes next."""
        row, gone = self._store.anew(key)
        row.offset = record.offset - 1
        row.heard = -1 if record.timestamp is None else record.timestamp
        row.write(self._effects.rows)
        self._effects.rows += gone
        return row

    def _unwatch(self, row: Row, record: AnyRecord) -> None:
        """From now on only count the touchpoints of a customer who floods."""
        self.counts.unwatched["flood"] += 1
        self._dirty.pop(row.key, None)
        self._scored.pop(row, None)
        self._told.pop(row, None)
        self._effects.rows += self._store.unwatch(row.key, record.offset, row.heard)

    def _refuse(self, record: AnyRecord, refusal: Refusal) -> None:
        self.counts.dead_letters[refusal.reason] += 1
        letter = DeadLetter(record.offset, refusal.reason, refusal.detail, record.key, record.value)
        self._effects.dead_letters.append(letter)

    def _apply(self, row: Row, entry: Entry, record: AnyRecord, language: str | None) -> bool:
        """Add a touchpoint to a row; return whether it was taken in."""
        timestamp = record.timestamp
        if timestamp is not None and timestamp > row.heard:
            if self._store.is_expired(row.heard, row.deadline, timestamp):
                row = self._begin_anew(row.key, record)
            row.heard = timestamp
        row.touched = self._batch
        outcome = row.live.apply(entry, self.clock)
        if isinstance(outcome, Change):
            row.add(entry)
            self._emit(row, outcome, record.offset)
            if outcome is not NO_CHANGE:
                self._brief(row, outcome, language)
            return True
        if outcome == "floods":
            self._unwatch(row, record)
        elif outcome == "too_late":
            if entry.time > row.live.forgotten:
                self._refuse(record, _TOO_LATE)
            else:
                self.counts.unwatched["forgotten"] += 1
            self._emit(row, row.live.with_what_left(), record.offset)  # it may have pushed others out of memory
        else:
            self.counts.duplicates += 1
            self.counts.conflicts += outcome == "conflict"
        return False

    def _brief(self, row: Row, change: Change, language: str | None) -> None:
        for body in change.briefs:
            body["language"] = language
            self._effects.briefs.append((row.key, encoded(body)))

    # Who is who

    def _identify(self, row: Row, entry: Entry, data: Any, record: AnyRecord) -> None:
        """Take in a link, or forget a customer."""
        if entry.type == "customer.forgotten":
            self._forget(row, entry.time, record, record.offset)
        elif self._apply(row, entry, record, None):
            other: str = data.other
            if other in row.live.aliases:
                return
            if is_raw_identifier(other):
                self._refuse(record, _RAW_ALIAS)
            elif other == row.customer:
                self._refuse(record, _TO_ITSELF)
            elif len(row.live.aliases) >= MAXIMUM_ALIASES:
                self._refuse(record, _TOO_MANY)
            else:
                self._send(row.tenant, other, Claim(offset=record.offset, customer=row.customer))

    def _send(self, tenant: str, customer: str, message: Internal) -> None:
        self._effects.onward.append((f"{tenant}/{customer}".encode(), encode_internal(message)))

    def _mark(self, key: bytes, what: str, value: str, scores: int = 0) -> None:
        effects = self._effects
        effects.marks.append(Mark(len(effects.findings), len(effects.briefs), key, what, value, self._last_offset, scores))

    def _sent_on(self, key: bytes, record: AnyRecord) -> bool:
        """Send what came for an alias to its customer, and tell whether that was so."""
        customer = self._store.points_to(key)
        if customer is None:
            return False
        if record.offset > self._store.offset(key):
            tenant, _, alias = key.decode().partition("/")
            self._send(tenant, customer, Forwarded(offset=record.offset, path=[alias], touchpoint=msgspec.Raw(record.value or b"")))
        return True

    def _take_internal(self, record: AnyRecord, pause: Pause) -> Iterator[None]:
        """Take a record that a worker wrote for this key, in turns as `take`."""
        key = record.key
        try:
            message = parse_internal(record.value or b"")
            tenant, _, customer = (key or b"").decode().partition("/")
        except ValueError:  # msgspec's errors are such
            customer = ""
        if not customer or key is None:
            self._refuse(record, _NOT_INTERNAL)
        elif isinstance(message, Claim):
            self._claimed(key, tenant, customer, message.customer, record)
        elif isinstance(message, Forget):
            scores = record.offset if self._store.points_to(key) is None else 0
            row = self._known(key, record, forgets=True)
            if row is not None:
                self._forget(row, message.time, record, scores)
        elif not self._passed_on(key, tenant, customer, message, record):
            if isinstance(message, Moved):
                self._take_in(key, tenant, message, record)
            else:
                yield from self._take_forwarded(key, bytes(message.touchpoint), record, pause)

    def _known(self, key: bytes, record: AnyRecord, *, forgets: bool = False) -> Row | None:
        """Return the row of a key, a new one where it is an alias or nobody knew it; None: a later record is in it, or it is only counted."""
        if record.offset <= self._store.offset(key):
            return None
        if self._store.points_to(key) is not None:
            self._mark(key, "alias-of", "")
            return self._begin_anew(key, record)
        return self._store.decoded.get(key) or self._row(key, record, forgets=forgets)

    def _claimed(self, key: bytes, tenant: str, alias: str, customer: str, record: AnyRecord) -> None:
        """Make a key the alias of a customer, and send the timeline there."""
        known = self._store.points_to(key)
        if known is not None:
            if known != customer and record.offset > self._store.offset(key):
                self._refuse(record, _TO_ANOTHER)
            return
        row = self._known(key, record)
        if row is None:
            if record.offset > self._store.offset(key):
                self._refuse(record, _TO_NOBODY)
            return
        live = row.live
        if customer == alias or customer in live.aliases:
            self._refuse(record, _TO_ITSELF)
        elif max([links for _, links, _ in live.aliases.values()], default=0) >= MAXIMUM_CHAIN:
            self._refuse(record, _TOO_LONG)
        else:
            self._leave(row, record.offset, forgets=False)
            charges, parts = live.taken_back()
            for charge in charges:
                self._tallies.charge(tenant, charge, record.offset)
            for part in parts:
                self._tallies.tell(tenant, part, record.offset)
            row.write([])
            stored = row.stored()
            chunks = [stored] if isinstance(stored, bytes) else [stored[number] for number in sorted(stored)]
            chunks[:-1] = map(bare, chunks[:-1])
            self._send(tenant, customer, Moved(offset=record.offset, alias=alias, clock=self.clock, chunks=chunks, path=[alias]))
            self._effects.rows += self._store.point(key, record.offset, customer)
            self._mark(key, "alias-of", customer)

    def _leave(self, row: Row, offset: int, *, forgets: bool) -> None:
        """Take back the scores of a customer whose timeline goes away; those of journeys stay with it, unless it ``forgets``."""
        self._dirty.pop(row.key, None)
        row.offset = offset
        moved, told = self._scored.pop(row, set()), self._told.pop(row, set())
        for score in self._all_scores(row.live, self._scored_until(row.live, self.clock), moved, told):
            self._publish(offset, score, gone=forgets or score["scope"] == "customer")

    def _all_scores(self, customer: Customer, as_of: int, journeys: Iterable[str] = (), traces: Iterable[Trace] = ()) -> Iterator[dict[str, Any]]:
        """Yield all scores of a customer and of journeys as of a moment; also those of ``journeys`` and ``traces``, which may have lost all."""
        half_life, blame = self._engine.customer_half_life, self._engine.fusion_blame
        of = customer.journeys().union(journeys)
        if of or customer.contributions:
            for journey in (None, *sorted(of)):
                yield customer_score(customer, journey, as_of, half_life)
        yield from experience_scores(customer, as_of, half_life, blame, customer.traces().union(traces))

    def _passed_on(self, key: bytes, tenant: str, customer: str, message: Moved | Forwarded, record: AnyRecord) -> bool:
        """Send to the customer what came for an alias; of a circle of aliases, which links in flight can make, the first by name is the customer."""
        target = self._store.points_to(key)
        if target is None:
            return False
        if record.offset <= self._store.offset(key):
            return True
        path = message.path
        if customer in path:
            if customer == min(path[path.index(customer) :]):
                self._known(key, record)
                return False
        else:
            path = [*path, customer]
        self._send(tenant, target, msgspec.structs.replace(message, path=path))
        return True

    def _take_in(self, key: bytes, tenant: str, message: Moved, record: AnyRecord) -> None:
        """Take in the timeline of an alias."""
        row = self._known(key, record)
        if row is None or row.live.aliases.get(message.alias, (-1, 0, 0))[0] >= message.offset:
            return
        alias = f"{tenant}/{message.alias}".encode()
        try:
            theirs = Row.decoded(alias, dict(enumerate(message.chunks)), self._panel, message.clock, message.offset).live
        except (CorruptRow, ValueError):
            self._refuse(record, _NOT_INTERNAL)
            return
        live, forgotten = row.live, row.live.forgotten
        if forgotten:
            for name in (message.alias, *theirs.aliases):
                self._send(tenant, name, Forget(offset=record.offset, time=forgotten))
            live.scored = max(self._scored_until(live, self.clock), self._scored_until(theirs, message.clock) + 1)
            for score in self._all_scores(theirs, live.scored):
                if score["scope"] == "journey":
                    self._publish(record.offset, score, gone=True)
            newer = [each for each in theirs.entries if each.time > forgotten]
            theirs = Customer(self._panel, tenant, message.alias, entries=newer, clock=message.clock, revisions=theirs.revisions)
        else:
            scored = self._scored_until(theirs, message.clock)
            for name, (offset, links, clock) in {message.alias: (message.offset, 0, scored), **theirs.aliases}.items():
                live.aliases[name] = (offset, links + len(message.path), clock)
        if record.timestamp is not None:
            row.heard = max(row.heard, record.timestamp)
        row.touched = self._batch
        change, taken = live.take_in(theirs, message.clock, self.clock)
        for entry in taken:
            entry.arrival = record.offset
            row.add(entry)
        self._emit(row, change, record.offset)
        self._brief(row, change, None)

    def _take_forwarded(self, key: bytes, value: bytes, record: AnyRecord, pause: Pause) -> Iterator[None]:
        """Take a touchpoint that came for an alias, in turns as `take`."""
        touchpoint = parse_touchpoint(value)
        if isinstance(touchpoint, Refusal) or touchpoint.type == "heartbeat":
            self._refuse(record, _NOT_INTERNAL)
            return
        parts = parts_of(touchpoint)
        time = microseconds(parts[2])
        self.clock = max(self.clock, time if record.timestamp is None else min(time, record.timestamp * 1000))
        yield from self._come_due(record.offset, pause)
        row = self._known(key, record)
        if row is not None:
            entry = compact(touchpoint.type, parts, time, record.offset, self._fields, self._fingerprinter, row.before)
            if touchpoint.type in _WHO:
                self._identify(row, entry, parts[15], record)
            else:
                self._apply(row, entry, record, parts[11])

    def _forget(self, row: Row, time: int, record: AnyRecord, scores: int) -> None:
        """Forget all of a customer that is not later than ``time``, also what arrives of it afterwards; ``scores``: see `Mark`."""
        old = row.live
        if time <= old.forgotten:
            return
        self._leave(row, record.offset, forgets=True)
        for alias in old.aliases:
            if alias != row.customer:
                self._send(old.tenant, alias, Forget(offset=record.offset, time=time))
        stay = [each for each in old.entries if each.time > time]
        kept_deadline = row.deadline
        row, gone = self._store.anew(row.key)
        row.live = Customer(
            self._panel,
            old.tenant,
            old.customer,
            entries=stay,
            clock=self.clock,
            revisions={finding: each for finding, each in old.revisions.items() if each[1] > time},
            horizon=(time, 1 << 62, 0, "", ""),
            forgotten=time,
            scored=self._scored_until(old, self.clock) if old.aliases else old.scored,
        )
        row.begin(stay)
        row.deadline = kept_deadline
        row.touched = self._batch
        row.heard = -1 if record.timestamp is None else record.timestamp
        self._mark(row.key, "forgotten", str(time), scores)
        self._emit(row, row.live.told_again(), record.offset)
        row.write(self._effects.rows)
        self._effects.rows += gone

    def _come_due(self, offset: int, pause: Pause) -> Iterator[None]:
        """Apply all deadlines up to the clock; yield after each at which ``pause`` tells to."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= self.clock:
            deadline, key = heappop(deadlines)
            if self._store.deadline(key) == deadline:
                row = self._store.get(key, deadline - 1, offset)
                if row is not None and offset > row.floor:
                    row.touched = self._batch
                    self._emit(row, row.live.advance(deadline), offset)
            if pause():
                yield

    def _emit(self, row: Row, change: Change, offset: int) -> None:
        customer = row.live
        row.offset = offset
        self._dirty[row.key] = row
        deadline = customer.fold.next_deadline() if customer.fold.waiting else None
        if deadline != row.deadline:
            row.deadline = deadline
            if deadline is not None:
                heappush(self._deadlines, (deadline, row.key))
        if change is NO_CHANGE:
            return
        for charge in change.charges:
            self._tallies.charge(customer.tenant, charge, offset)
        for part in change.parts:
            self._tallies.tell(customer.tenant, part, offset)
        if change.traces:
            self._told.setdefault(row, set()).update(change.traces)
        if change.journeys:
            self._scored.setdefault(row, set()).update(change.journeys)
        for body in change.findings:
            self._effects.findings.append((row.key, _json(body)))
            if body["withdrawn"]:
                self.counts.withdrawn[body["detector"]] += 1
            elif body["revision"] == 1:
                self.counts.findings[body["detector"], body["reason"], body["severity"]] += 1

    def _finish(self) -> None:
        for _ in self.conclude(_never):
            pass
        effects = self._effects
        for entity, value in self._tallies.take_changed():
            key_bytes = _json([*entity.parts(), self._partition])
            effects.tallies.append((key_bytes, value))
            effects.tally_rows.append((_TALLY_KEY + key_bytes, value))
        for source, types in self._counted.items():
            for kind, count in types.items():
                self.counts.touchpoints[source, kind] += count
        self._counted.clear()
        self._batch += 1
        effects.rows += self._store.expire(self._heard, self.committed)
        effects.rows.append((_CLOCK_KEY, _CLOCK.pack(self.clock, self._last_offset)))

    def _publish(self, offset: int, score: dict[str, Any], *, gone: bool = False) -> None:
        """Tell a score of a customer or of a journey; ``gone``: that there is none any more. Of one that is none compaction is to keep nothing."""
        score["sequence"] = offset
        if gone:
            score["value"] = None
        parts = [score["tenant"], score["score"], score["scope"], score["name"], score["half_life"]]
        self._effects.customer_scores.append((_json(parts), _json(score)))
        if score["value"] is None:
            self._effects.customer_scores.append((_json(parts), None))

    @staticmethod
    def _scored_until(customer: Customer, clock: int) -> int:
        """Return what the scores of a customer are as of: later than those that aliases had when they left, and not before others that ended."""
        until = max(clock, customer.scored)
        return max([until, *(each + 1 for _, _, each in customer.aliases.values())]) if customer.aliases else until

    # What can be asked

    def take_counts(self) -> Counts:
        """Return what was counted since the last call."""
        counts, self.counts = self.counts, Counts()
        return counts

    @property
    def next_deadline(self) -> int | None:
        """Return when, grace included, the clock makes something come due; microseconds UTC."""
        deadlines = self._deadlines
        while deadlines and self._store.deadline(deadlines[0][1]) != deadlines[0][0]:
            heappop(deadlines)
        return deadlines[0][0] if deadlines else None

    @property
    def last_offset(self) -> int:
        """Return the offset of the last record that was applied, -1 before the first."""
        return self._last_offset

    @property
    def timers_pending(self) -> int:
        return len(self._deadlines)

    @property
    def rows(self) -> int:
        return len(self._store)

    @property
    def state_bytes(self) -> int:
        """Return how many bytes the rows hold encoded."""
        return self._store.size

    def forget_decoded(self) -> None:
        """Keep all customers as they are stored, until they are touched."""
        self._store.forget_all()

    def customers(self) -> Iterator[Customer]:
        """Yield every customer who is watched, as of the partition's clock."""
        yield from self._store.customers(self.clock, self._last_offset)

    def entity_scores(self, as_of: int) -> Iterator[dict[str, Any]]:
        """Yield the scores of teams, channels, seams and tenants from this partition alone."""
        for entity, held in self._tallies.sums():
            tenant, kept, *whose = entity.parts()
            for score in scores_of([held]) if kept == CONSISTENCY else (kept,):
                yield entity_score((tenant, score, *whose), [held], as_of, self._engine.prior_opportunities)
