"""A source partition: records go in, in batches; findings, tallies, rows and dead letters come out.

Pure and deterministic: time moves only by records, and a different split into batches gives the same. Whoever calls delivers each step of ``Effects``
fully before the next (findings, tallies, rows), so that a crash between two steps repeats the same findings with the same revisions.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, NamedTuple

import msgspec

from agents.engine import NO_CHANGE, Change, Customer
from agents.fields import FieldCatalog, Fingerprinter
from agents.fold import Panel
from agents.rows import CorruptRow, Row, chunk_offset
from agents.rules import Rulebook
from agents.scores import customer_score, entity_score
from agents.tallies import Tallies
from agents.timeline import Entry, compact, encode, microseconds
from models.dead_letter import DeadLetter, DeadLetterReason
from models.touchpoint import Refusal, Touchpoint, parse_touchpoint

__all__ = ["Counts", "Effects", "PartitionWatch", "Record"]

FUTURE = 5 * 60 * 1_000_000
"""How far a touchpoint's time may lie after the broker's timestamp, in microseconds."""

MAXIMUM_DECODED = 8_000
"""How many customers of a partition are kept decoded; the others stay encoded until they are touched."""

_CLOCK_KEY = b"\x00clock"
_TALLY_KEY = b"\x00tally"
_CLOCK = struct.Struct(">qq")
_CHUNK_NUMBER = struct.Struct(">I")
_json = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """One record of a topic, or one line of a file; ``timestamp`` is the broker's, in microseconds UTC."""

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

    def take(self) -> "Counts":
        """Return what was counted, and start again at nothing."""
        taken = Counts()
        taken.__dict__, self.__dict__ = self.__dict__, taken.__dict__
        return taken


class Effects:
    """What one batch does, in the order of its steps."""

    __slots__ = ("customer_scores", "dead_letters", "findings", "rows", "tallies", "tally_rows")

    def __init__(self) -> None:
        self.findings: list[tuple[bytes, bytes]] = []
        self.customer_scores: list[tuple[bytes, bytes]] = []
        self.dead_letters: list[DeadLetter] = []
        self.tallies: list[tuple[bytes, bytes]] = []
        self.tally_rows: list[tuple[bytes, bytes]] = []
        self.rows: list[tuple[bytes, bytes | None]] = []


class PartitionWatch:
    """The state of one source partition, and what its records do."""

    def __init__(
        self,
        rulebook: Rulebook,
        fields: FieldCatalog,
        fingerprinter: Fingerprinter,
        partition: int,
        *,
        keyed: bool = True,
    ) -> None:
        """Watch ``partition``; records from files have no keys and are not ``keyed``."""
        self._engine = rulebook.engine
        self._panel = Panel(rulebook, fields)
        self._fields = fields
        self._fingerprinter = fingerprinter
        self._partition = partition
        self._keyed = keyed
        self._rows: dict[str, Row] = {}
        self._chunks: dict[bytes, dict[int, bytes]] = {}
        self._tallies = Tallies(rulebook.engine.half_lives)
        self._deadlines: list[tuple[int, str]] = []
        self._decoded: dict[str, Row] = {}
        self._dirty: dict[str, Row] = {}
        self._scored: dict[str, set[str]] = {}
        self._last_offset = -1
        self._batch = 0
        self.clock = 0
        self.counts = Counts()

    # Recovery

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take back one changelog record, in the order of the log; raises ``CorruptRow``."""
        try:
            if key == _CLOCK_KEY:
                clock, offset = _CLOCK.unpack(value or b"")
                if offset >= self._last_offset:
                    self.clock, self._last_offset = clock, offset
            elif key.startswith(_TALLY_KEY):
                self._tallies.restore(key[len(_TALLY_KEY) :].decode(), value or b"")
            else:
                self._restore_chunk(key, value)
        except (struct.error, ValueError, msgspec.MsgspecError) as error:
            raise CorruptRow(f"a changelog record with a key of {len(key)} bytes cannot be read: {error}") from error

    def _restore_chunk(self, key: bytes, value: bytes | None) -> None:
        customer, number = key[: -_CHUNK_NUMBER.size - 1], _CHUNK_NUMBER.unpack(key[-_CHUNK_NUMBER.size :])[0]
        chunks = self._chunks.setdefault(customer, {})
        if value is None:
            chunks.pop(number, None)
            if not chunks:
                del self._chunks[customer]
            return
        offset = chunk_offset(value)
        if number not in chunks or offset >= chunk_offset(chunks[number]):
            chunks[number] = value

    def restored(self) -> None:
        """End recovery: from now on records can be processed."""
        for key, chunks in self._chunks.items():
            row = Row.restored(key.decode(), chunks)
            self._rows[row.key] = row
            if row.deadline is not None:
                heappush(self._deadlines, (row.deadline, row.key))
        self._chunks = {}

    # Processing

    def process(self, records: Sequence[Record]) -> Effects:
        """Apply records in the order of their offsets and return what they do; those that were applied before change nothing."""
        effects = Effects()
        rows, count, last_offset = self._rows, self._count, self._last_offset
        for record in records:
            offset, timestamp, _, value = record
            if offset <= last_offset:
                continue
            self._last_offset = last_offset = offset
            touchpoint = parse_touchpoint(value)
            if isinstance(touchpoint, Refusal):
                self._refuse(effects, record, touchpoint)
                continue
            time = microseconds(touchpoint.time)
            key = f"{touchpoint.tenant}/{touchpoint.customer}"
            refusal = self._refusal(record, touchpoint, time, key)
            if refusal is not None:
                self._refuse(effects, record, refusal)
                continue
            count(touchpoint)
            if touchpoint.type == "heartbeat":
                self._move_clock(time, offset, effects)
                continue
            moved = time if timestamp is None or time < timestamp else timestamp
            if moved > self.clock:
                self._move_clock(moved, offset, effects)
            row = rows.get(key)
            if row is None:
                row = rows[key] = Row(key)
            elif offset <= row.floor:
                continue
            self._apply(row, compact(touchpoint, time, offset, self._fields, self._fingerprinter), record, effects)
        self._finish(effects)
        return effects

    def advance(self, clock: int) -> Effects:
        """Move the clock as a record would that came last; for files, at their end."""
        effects = Effects()
        self._last_offset += 1
        self._move_clock(clock, self._last_offset, effects)
        self._finish(effects)
        return effects

    def _refusal(self, record: Record, touchpoint: Touchpoint, time: int, key: str) -> Refusal | None:
        if self._keyed and touchpoint.type != "heartbeat":
            if record.key is None:
                return Refusal(DeadLetterReason.MISSING_KEY, "the record has no key; it must be tenant/customer")
            if record.key != key.encode():
                return Refusal(DeadLetterReason.WRONG_KEY, "the record's key is not its tenant/customer")
        if record.timestamp is not None and time > record.timestamp + FUTURE:
            return Refusal(DeadLetterReason.FUTURE_TIME, "time is more than 5 minutes after the broker's")
        return None

    def _count(self, touchpoint: Touchpoint) -> None:
        counts = self.counts
        counts.touchpoints[touchpoint.source, touchpoint.type] += 1
        if touchpoint.type == "heartbeat":
            return
        extras = touchpoint.__pydantic_extra__, touchpoint.actor.__pydantic_extra__, touchpoint.data.__pydantic_extra__
        if any(extras):
            counts.unknown_keys += sum(len(extra) for extra in extras if extra)

    def _refuse(self, effects: Effects, record: Record, refusal: Refusal) -> None:
        self.counts.dead_letters[refusal.reason] += 1
        effects.dead_letters.append(DeadLetter(record.offset, refusal.reason, refusal.detail, record.key, record.value))

    def _apply(self, row: Row, entry: Entry, record: Record, effects: Effects) -> None:
        customer = self._touch(row, self.clock)
        blob = encode(entry)
        outcome = customer.apply(entry, len(blob), self.clock)
        if isinstance(outcome, Change):
            row.added(blob)
            self._emit(row, customer, outcome, record.offset, effects)
        elif outcome == "too_late":
            self._refuse(effects, record, Refusal(DeadLetterReason.TOO_LATE, "time is before what is remembered of this customer"))
        else:
            self.counts.duplicates += 1
            self.counts.conflicts += outcome == "conflict"

    def _move_clock(self, time: int, offset: int, effects: Effects) -> None:
        if time <= self.clock:
            return
        self.clock = time
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= time:
            deadline, key = heappop(deadlines)
            row = self._rows[key]
            if row.deadline != deadline or offset <= row.floor:
                continue
            customer = self._touch(row, deadline - 1)
            self._emit(row, customer, customer.advance(deadline), offset, effects)

    def _touch(self, row: Row, clock: int) -> Customer:
        row.touched = self._batch
        customer = row.live
        if customer is None:
            self._decoded[row.key] = row
            customer = row.customer(self._panel, clock)
        return customer

    def _emit(self, row: Row, customer: Customer, change: Change, offset: int, effects: Effects) -> None:
        row.offset = offset
        self._dirty[row.key] = row
        deadline = customer.fold.next_deadline() if customer.fold.pending else None
        if deadline != row.deadline:
            row.deadline = deadline
            if deadline is not None:
                heappush(self._deadlines, (deadline, row.key))
        if change is NO_CHANGE:
            return
        for charge in change.charges:
            self._tallies.charge(customer.tenant, charge, offset)
        if change.journeys:
            self._scored.setdefault(row.key, set()).update(change.journeys)
        for body in change.findings:
            effects.findings.append((row.key.encode(), _json(body)))
            if body["withdrawn"]:
                self.counts.withdrawn[body["detector"]] += 1
            elif body["revision"] == 1:
                self.counts.findings[body["detector"], body["reason"], body["severity"]] += 1

    def _finish(self, effects: Effects) -> None:
        for key, journeys in self._scored.items():
            customer = self._touch(self._rows[key], self.clock)
            for journey in (None, *sorted(journeys)):
                score = customer_score(customer, journey, self.clock, self._engine.customer_half_life)
                parts = [score["tenant"], score["score"], score["scope"], score["name"], score["half_life"]]
                effects.customer_scores.append((_json(parts), _json(score)))
        self._scored.clear()
        for entity, value in self._tallies.take_changed():
            key_bytes = _json([*entity.parts(), self._partition])
            effects.tallies.append((key_bytes, value))
            effects.tally_rows.append((_TALLY_KEY + key_bytes, value))
        for key, row in self._dirty.items():
            prefix = key.encode() + b"\x00"
            effects.rows.extend((prefix + _CHUNK_NUMBER.pack(number), value) for number, value in row.changed_chunks())
        self._dirty.clear()
        self._batch += 1
        self._forget_decoded()
        effects.rows.append((_CLOCK_KEY, _CLOCK.pack(self.clock, self._last_offset)))

    def _forget_decoded(self) -> None:
        """Encode who was not touched for longest: of those decoded first, who was touched since gets another turn."""
        decoded = self._decoded
        for _ in range(2 * (len(decoded) - MAXIMUM_DECODED)):
            if len(decoded) <= MAXIMUM_DECODED:
                return
            key = next(iter(decoded))
            row = decoded.pop(key)
            if row.touched > row.decoded_at:
                row.decoded_at = row.touched
                decoded[key] = row
            else:
                row.forget_decoded()

    # What can be asked

    @property
    def next_deadline(self) -> int | None:
        """Return when, grace included, the clock makes something come due; microseconds UTC."""
        deadlines = self._deadlines
        while deadlines and self._rows[deadlines[0][1]].deadline != deadlines[0][0]:
            heappop(deadlines)
        return deadlines[0][0] if deadlines else None

    @property
    def timers_pending(self) -> int:
        return len(self._deadlines)

    @property
    def rows(self) -> int:
        return len(self._rows)

    @property
    def state_bytes(self) -> int:
        """Return roughly how many bytes the encoded rows hold; walks all rows."""
        return sum(row.size() for row in self._rows.values())

    def decoded_rows(self) -> Iterator[Row]:
        """Yield the rows that are decoded now."""
        yield from self._decoded.values()

    def customers(self) -> Iterator[Customer]:
        """Yield every customer as of the partition's clock."""
        for row in self._rows.values():
            yield row.customer(self._panel, self.clock)

    def entity_scores(self, as_of: int) -> Iterator[dict[str, Any]]:
        """Yield the scores of teams, channels, seams and tenants from this partition alone."""
        for entity, held in self._tallies.sums():
            yield entity_score(entity.parts(), [held], as_of, self._engine.prior_opportunities)
