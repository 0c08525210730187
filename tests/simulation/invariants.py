"""What must hold while a history is played, and what it must end in."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import chain
from math import isclose
from typing import Any, NamedTuple

from faust.types import TP
from sqlalchemy import Engine, bindparam, select

from agents.fields import FieldCatalog, Fingerprinter
from agents.live.watch import _told
from agents.partition import _CLOCK, _CLOCK_KEY, PartitionWatch, Record
from agents.replay import Replay
from agents.rows import RowStore
from agents.rules import Rulebook
from agents.scores import customer_score, entity_score, experience_scores, newest_of, scores_of
from agents.tallies import Sum
from config.fields import load_fields
from config.rules import load_rulebook
from models.tables import alerts, dead_letters, findings, metadata, scores
from sinks.database import create_engine
from sinks.writer import DatabaseWriter, SinkRecord
from streams.continuity import SOURCE_KEY
from streams.memory import MemoryBroker, StoredRecord
from streams.producer import Outgoing, partition_for
from streams.topics import Topics
from tests.reference.identity import from_the_start
from tests.support.workers import HASH_KEY

__all__ = ["Parts", "Undisturbed", "Violation", "Watcher", "empty_database", "parts", "verify"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Key = tuple[Any, ...]
"""Of a score: tenant, score, scope, name, half-life in seconds."""

_HALF_LIFE = 7 * 86_400 * 1_000_000
_LATER = 4_000_000_000_000_000


class Violation(AssertionError):
    """The promise is broken."""


class Parts(NamedTuple):
    """What detection is made of."""

    rulebook: Rulebook
    fields: FieldCatalog
    fingerprinter: Fingerprinter


@cache
def parts(memory: int) -> Parts:
    """Return the shipped rules, all on, with a memory of so many touchpoints a customer, and the shipped fields."""
    rules = load_rulebook(
        None, ("ping_pong_return.mode=on", "ping_pong_timed.mode=on", f"maximum_touchpoints={memory}")
    )
    return Parts(rules, load_fields(), Fingerprinter(HASH_KEY.encode()))


@cache
def _database(name: str) -> Engine:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    return engine


def empty_database(name: str) -> Engine:
    """Return an SQLite in memory without a row, one for each ``name`` and process of the machine."""
    engine = _database(name)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    return engine


class Watcher:
    """Looks at every record that is appended, and at every commit before it counts; ``violations`` is what it saw."""

    def __init__(self, topics: Topics, broker: Callable[[], MemoryBroker], engine: Engine, group: str) -> None:
        self._topics = topics
        self._broker = broker
        self._engine = engine
        self._group = group
        self._processed: dict[int, int] = {}
        self.violations: list[str] = []
        self.bodies: dict[tuple[str, int], dict[str, Any]] = {}
        self.clocks: dict[tuple[int, int], int] = {}
        self._forgotten: set[str] = set()

    def appended(self, record: StoredRecord) -> None:
        """No two bodies of one revision; no two clocks after one offset."""
        if record.topic == self._topics.alerts and record.value is None:
            if "forgotten" in dict(record.headers):
                self._forgotten.add((record.key or b"").decode())
        elif record.topic == self._topics.alerts:
            body = json.loads(record.value or b"")
            first = self.bodies.setdefault((body["id"], body["revision"]), body)
            if first != body:
                self.violations.append(f"one revision, two bodies: {first} and {body}")
        elif record.topic == self._topics.changelog and record.key == _CLOCK_KEY:
            clock, offset = _CLOCK.unpack(record.value or b"")
            if self.clocks.setdefault((record.partition, offset), clock) != clock:
                self.violations.append(f"two clocks of partition {record.partition} after offset {offset}")
            self._processed[record.partition] = max(offset + 1, self._processed.get(record.partition, 0))

    def committing(self, tp: TP, offset: int) -> None:
        """Nothing is committed that is not done, and no commit goes back."""
        before = self._broker().committed[self._group].get(tp, 0)
        if offset < before:
            self.violations.append(f"{tp} went back from {before} to {offset}")
        if tp.topic == self._topics.touchpoints:
            if offset > self._processed.get(tp.partition, 0):
                self.violations.append(f"{tp}: {offset} committed, {self._processed.get(tp.partition, 0)} processed")
        elif tp.topic in {self._topics.alerts, self._topics.dead_letters} and offset > before:
            self._stored(tp, self._broker().fetch(tp, before, offset - before))

    def _stored(self, tp: TP, records: Sequence[StoredRecord]) -> None:
        with self._engine.connect() as connection:
            if tp.topic == self._topics.alerts:
                told = [json.loads(each.value) for each in records if each.value is not None]
                wanted = {body["id"]: body["revision"] for body in told if f"{body['tenant']}/{body['customer']}" not in self._forgotten}
                found = connection.execute(_REVISIONS, {"ids": list(wanted)})
                known = {row.id: row.revision for row in found}
                missing = [each for each, revision in wanted.items() if known.get(each, 0) < revision]
            else:
                letters = [dict(each.headers) for each in records]
                have = {(row.partition, row.offset) for row in connection.execute(_LETTERS)}
                missing = [str(each) for each in letters if (int(each["partition"]), int(each["offset"])) not in have]
        if missing:
            self.violations.append(f"{tp}: committed, but not in the database: {missing}")


_REVISIONS = select(findings.c.id, findings.c.revision).where(findings.c.id.in_(bindparam("ids", expanding=True)))
_LETTERS = select(dead_letters.c.partition, dead_letters.c.offset, dead_letters.c.reason)


class _Store(RowStore):
    """Rows of a partition that notes whether any was past its memory."""

    expired = False

    def is_expired(self, heard: int, deadline: int | None, now: int) -> bool:
        """Tell what the program does, and note it."""
        found = super().is_expired(heard, deadline, now)
        self.expired |= found
        return found


class Undisturbed:
    """What one engine makes of the log of each partition, read once, record by record. ``final`` is the last revision of each finding that is not forgotten."""

    def __init__(self, broker: MemoryBroker, topics: Topics, parts: Parts) -> None:
        self._broker = broker
        self._topics = topics
        self.parts = parts
        self.bodies: dict[tuple[str, int], dict[str, Any]] = {}
        self.final: dict[str, dict[str, Any]] = {}
        self.letters: set[tuple[int, int, str]] = set()
        self.clocks: dict[tuple[int, int], int] = {}
        home = partial(partition_for, partitions=broker.partitions)
        self.watches = {number: PartitionWatch(*parts, number, home=home) for number in range(broker.partitions)}
        self.records: list[SinkRecord] = []
        self._stores = [_Store(watch._panel) for watch in self.watches.values()]
        for watch, store in zip(self.watches.values(), self._stores, strict=True):
            watch._store = store
        self.forgotten: set[bytes | None] = set()
        self._read = dict.fromkeys(self.watches, 0)

    def read_on(self) -> None:
        """Read what came since the last time."""
        for partition, watch in self.watches.items():
            for record in recorded(self._broker, self._topics, partition)[self._read[partition] :]:
                self._read[partition] += 1
                effects = watch.process([record])
                for told in _told(self._topics.alerts, partition, effects.findings, [(mark.findings, mark) for mark in effects.marks], record.offset):
                    self._take(partition, told)
                self.letters |= {(partition, letter.offset, str(letter.reason)) for letter in effects.dead_letters}
                self.clocks[partition, record.offset] = watch.clock

    def _take(self, partition: int, told: Outgoing) -> None:
        self.records.append(SinkRecord(told.topic, partition, len(self.records), 0, told.key, told.value, told.headers))
        if told.value is not None:
            body = json.loads(told.value)
            self.bodies[body["id"], body["revision"]] = body
            if body["revision"] >= self.final.get(body["id"], body)["revision"]:
                self.final[body["id"]] = body
        elif "forgotten" in dict(told.headers):
            self.forgotten.add(told.key)
            self.final = {name: body for name, body in self.final.items() if f"{body['tenant']}/{body['customer']}".encode() != told.key}

    def overdue(self, wall: int) -> dict[int, int]:
        """Return the deadlines, by partition, that have passed at ``wall`` and are not met by any record of the log."""
        self.read_on()
        found = {partition: watch.next_deadline for partition, watch in self.watches.items()}
        return {partition: deadline for partition, deadline in found.items() if deadline is not None and deadline <= wall}

    def scores(self) -> dict[Key, Callable[[int], dict[str, Any]]]:
        """Return how each score is computed as of a moment, of customers and journeys only where nothing was dropped.

        Those of entities that are none any more as of what their entity's sums saw last, even where these hold nothing, are ``faded``: whether such a score
        was looked at before or after is not told by the log. Those of journeys that more than one customer has are ``shared``: a link that was forgotten while
        another was on its way leaves such, and who told of it last is not told by the log either.
        """
        found: dict[Key, Callable[[int], dict[str, Any]]] = {}
        sums: dict[Key, list[Sum]] = {}
        seen: dict[Key, int] = {}
        self.faded: set[Key] = set()
        self.shared: set[Key] = set()
        blame = self.parts.rulebook.engine.fusion_blame
        for watch in self.watches.values():
            for entity, held in chain.from_iterable(map(watch._tallies._keyed, watch._tallies._sums)):
                seen[tuple(entity.parts())] = max(held.at, seen.get(tuple(entity.parts()), 0))
            for entity, held in watch._tallies.sums():
                sums.setdefault(tuple(entity.parts()), []).append(held)
            for customer in watch.customers():
                own: dict[Key, Callable[[int], dict[str, Any]]] = {}
                if customer.contributions:
                    for name in {None} | {each.journey for each in customer.contributions.values()}:
                        score = partial(customer_score, customer, name, half_life=_HALF_LIFE)
                        own[_key(score(_LATER))] = score
                for made in experience_scores(customer, _LATER, _HALF_LIFE, blame):
                    own[_key(made)] = partial(_experience_score, customer, _key(made), blame)
                self.shared |= own.keys() & found.keys()
                found |= own
        prior = self.parts.rulebook.engine.prior_opportunities
        for (tenant, kept, *whose), held_sums in sums.items():
            for name in scores_of(held_sums) if kept == "consistency" else (kept,):
                key = (tenant, name, *whose)
                score = partial(_entity_score, key, held_sums, prior)
                if score(newest_of(name, held_sums))["value"] is not None:
                    found[key] = score
                if score(max(seen[tenant, kept, *whose], newest_of(name, held_sums)))["value"] is None:
                    self.faded.add(key)
        return found

    @property
    def forgot(self) -> bool:
        """Whether a customer expired or dropped touchpoints."""
        return self.expired or any(each.horizon is not None or each.forgotten for watch in self.watches.values() for each in watch.customers())

    @property
    def expired(self) -> bool:
        """Whether a whole customer left the memory: nothing emits that, so scores stay as they last moved."""
        return any(store.expired for store in self._stores)


def verify(broker: MemoryBroker, topics: Topics, engine: Engine, watcher: Watcher, oracle: Undisturbed, wall: int) -> None:
    """Compare what a history ended in with what an undisturbed reading of its log gives.

    Raises `Violation`.
    """
    oracle.read_on()
    _same("findings on the topic", watcher.bodies, oracle.bodies)
    with engine.connect() as connection:
        rows = connection.execute(select(findings)).all()
        _same("findings", {row.id: dict(row.body) | {"revision": row.revision} for row in rows}, oracle.final)
        _same("dead letters", {tuple(row) for row in connection.execute(_LETTERS)}, oracle.letters)
    wrong = {at: clock for at, clock in watcher.clocks.items() if oracle.clocks.get(at, clock) != clock}
    _same("clocks", wrong, {})
    second = empty_database("oracle")
    DatabaseWriter(second, lambda: wall).write(oracle.records)
    _same("alerts", _alerts(engine), _alerts(second))
    _verify_scores(engine, oracle)
    _verify_changelog(broker, topics, oracle)
    if not oracle.forgot:
        _verify_identity(broker, topics, engine, oracle, wall)


def _verify_identity(broker: MemoryBroker, topics: Topics, engine: Engine, oracle: Undisturbed, wall: int) -> None:
    """What stands is what stands of one who read every touchpoint under its customer from the start."""
    values = [record.value for number in range(broker.partitions) for record in recorded(broker, topics, number) if record.value is not None]
    stream = [json.loads(value) for value in values if value.startswith(b'{"id"') and b"\xff" not in value and b'"heartbeat"' not in value]
    replay = Replay(*oracle.parts)
    for number, each in enumerate(from_the_start(stream)):
        replay.feed(number, json.dumps(each).encode())
    replay.finish(wall)
    wanted = {each["id"]: {**each, "revision": 0} for each in replay.findings()}
    with engine.connect() as connection:
        rows = connection.execute(select(findings).where(~findings.c.withdrawn)).all()
    _same("findings of who knew the customer from the start", {row.id: dict(row.body) | {"revision": 0} for row in rows}, wanted)
    third = empty_database("from the start")
    lines = [(each["customer"].encode(), json.dumps({**each, "revision": 1}).encode()) for each in replay.findings()]
    DatabaseWriter(third, lambda: wall).write([SinkRecord(topics.alerts, 0, number, 0, *line, ()) for number, line in enumerate(lines)])
    ours, theirs = ({key: alert for key, alert in _alerts(each).items() if len(alert) > 1} for each in (engine, third))
    _same("alerts of who knew the customer from the start", ours, theirs)
    wanted_scores = {_key(each): each for each in replay.scores(wall) if each["value"] is not None}
    found_scores = {key: made for key, score in oracle.scores().items() if (made := score(wall))["value"] is not None}
    _same("scores of who knew the customer from the start", dict.fromkeys(found_scores), dict.fromkeys(wanted_scores))
    for key, wanted_score in wanted_scores.items():
        _close(key, found_scores[key]["value"], found_scores[key]["components"], wanted_score)


def _verify_scores(engine: Engine, oracle: Undisturbed) -> None:
    """Each score in the database is what the oracle makes of it as of the same moment; scores of those who dropped something may stand, and faded ones."""
    with engine.connect() as connection:
        stored = {_key(row._asdict()): row for row in connection.execute(select(scores))}
    made = oracle.scores()
    wanted = {key: score for key, score in made.items() if (key in stored or key not in oracle.faded) and key not in oracle.shared}
    compared = stored.keys() - (oracle.faded - wanted.keys()) - oracle.shared
    known = {key for key in compared if key in wanted or not oracle.expired or key[2] not in {"customer", "journey"}}
    _same("scores", dict.fromkeys(known), dict.fromkeys(wanted))
    for key, score in wanted.items():
        row = stored[key]
        _close(key, row.value, row.components, score((row.as_of - EPOCH) // timedelta(microseconds=1)))


def _close(key: Key, value: float, components: Mapping[str, float], expected: Mapping[str, Any]) -> None:
    for ours, theirs in ((value, expected["value"]), *((components[name], each) for name, each in expected["components"].items())):
        if not isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-9):
            raise Violation(f"score {key}: found {value}, {components}, expected {expected}")


def _key(score: Mapping[str, Any]) -> Key:
    return tuple(score[name] for name in ("tenant", "score", "scope", "name", "half_life"))


def _experience_score(customer: Any, key: Key, blame: float, as_of: int) -> dict[str, Any]:
    return next(each for each in experience_scores(customer, as_of, _HALF_LIFE, blame) if _key(each) == key)


def _entity_score(key: Key, sums: Sequence[Sum], prior: float, as_of: int) -> dict[str, Any]:
    return entity_score(key, sums, as_of, prior)


def _verify_changelog(broker: MemoryBroker, topics: Topics, oracle: Undisturbed) -> None:
    """The changelog alone gives the state that the oracle has, and reading the whole log again adds nothing to it."""
    for partition, wanted in oracle.watches.items():
        watch = PartitionWatch(*oracle.parts, partition, home=partial(partition_for, partitions=broker.partitions))
        for record in broker.fetch(TP(topics.changelog, partition), 0, 1 << 30):
            if record.key != SOURCE_KEY:
                watch.restore(record.key or b"", record.value)
        watch.restored()
        _same("clock of the changelog", watch.clock, wanted.clock)
        _same("timelines of the changelog", *(_timelines(one, wanted._heard) for one in (watch, wanted)))
        effects = watch.process(recorded(broker, topics, partition))
        _same("what reading again adds", [effects.findings, effects.tallies, effects.dead_letters], [[], [], []])


def _timelines(watch: PartitionWatch, now: int) -> dict[str, Any]:
    """Return what is known of each customer who is not past the memory at the broker's time ``now``: when one who is leaves it is not told by the log.

    Of such may be left the aliases alone.
    """
    watch.forget_decoded()
    store, found = watch._store, {}
    for each in watch.customers():
        name = f"{each.tenant}/{each.customer}"
        head = store.head(name.encode())
        assert head is not None
        known = [(entry.arrival, entry.content()) for entry in each.entries], each.revisions, each.horizon
        if known != ([], {}, None) and not store.is_expired(head.heard, head.deadline, now):
            found[name] = known
    return found


def recorded(broker: MemoryBroker, topics: Topics, partition: int) -> list[Record]:
    """Return the log of a partition of touchpoints."""
    log = broker.logs[TP(topics.touchpoints, partition)]
    return [Record(record.offset, record.timestamp, record.key, record.value) for record in log]


def _alerts(engine: Engine) -> dict[str, tuple[Any, ...]]:
    """Return what of each alert follows from its findings; of one without findings only that it is resolved."""
    with engine.connect() as connection:
        rows = connection.execute(select(alerts)).all()
    return {
        row.key: (
            (row.detector, row.customer, row.seam_from, row.seam_to, row.occurrences, row.severity, row.first_seen, row.last_seen)
            if row.occurrences
            else ()
        )
        + (row.state == "resolved",)
        for row in rows
    }  # fmt: skip


def _same(what: str, found: Any, wanted: Any) -> None:
    if found == wanted:
        return
    if isinstance(found, dict) and isinstance(wanted, dict):
        missing = {key: wanted[key] for key in wanted.keys() - found.keys()}
        extra = {key: found[key] for key in found.keys() - wanted.keys()}
        other = {key: (found[key], wanted[key]) for key in found.keys() & wanted.keys() if found[key] != wanted[key]}
        raise Violation(f"{what}: missing {missing}, too many {extra}, other {other}")
    raise Violation(f"{what}: found {found}, expected {wanted}")
