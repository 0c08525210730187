"""The rows of deliveries: put there before anything is sent, taken in order, settled, listed, replayed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, and_, bindparam, delete, exists, func, or_, select, update

from models.alert import Alert
from models.finding import Finding
from models.tables import alerts, deliveries, findings, observed, receivers
from sinks.alerts import LATEST_COMMIT, alert_of, finding_of, newest_findings
from sinks.database import insert_into, one_by_one
from sinks.delivery.messages import FIRING, Message, webhook_id
from sinks.errors import database_errors
from sinks.observing import next_offset

__all__ = [
    "BriefStore", "Delivered", "Delivery", "DeliveryState", "DeliveryStore", "Tally", "count_deliveries", "find_deliveries", "list_deliveries",
    "receivers_held", "replay",
]  # fmt: skip

_PAGE = 500


class DeliveryState(StrEnum):
    """Where a delivery stands; the first two wait."""

    PENDING = "pending"
    FAILED = "failed"
    DELIVERED = "delivered"
    DEAD = "dead"
    SUPERSEDED = "superseded"


_WAITING = (DeliveryState.PENDING.value, DeliveryState.FAILED.value)


class Delivery(NamedTuple):
    """A row; ``error`` tells why it was not delivered, last."""

    id: str
    receiver: str
    what: str
    subject: str
    version: int
    tenant: str
    customer: str
    state: DeliveryState
    tries: int
    created: datetime
    queued: datetime
    due: datetime
    updated: datetime
    error: str | None
    body: dict[str, Any]


class Delivered(NamedTuple):
    """What became of one try: the new ``state``, when it is ``due`` again, and why it did not arrive."""

    id: str
    state: DeliveryState
    due: datetime
    error: str | None = None


class Put(NamedTuple):
    """What became of messages: the rows that wait, in their order, and how many older ones that waited were replaced."""

    fresh: list[Delivery]
    replaced: int


class Tally(NamedTuple):
    """How many deliveries of a receiver are in a state, and since when the oldest."""

    receiver: str
    state: DeliveryState
    number: int
    oldest: datetime


Render = Callable[[Alert, Finding | None, dict[str, Any] | None], Message | None]
"""Makes the message of an alert from its newest finding that stands and the body of the message before."""


class DeliveryStore:
    """The rows of one receiver, for the process that sends to it. ``engine`` is one of `sinks.database.create_engine`.

    All methods raise `DatabaseUnavailable` and `Conflict`; then nothing was changed, and the same call can be made again.
    """

    def __init__(self, engine: Engine, receiver: str) -> None:
        self._engine = one_by_one(engine)
        self._reading = engine
        self._insert = insert_into(engine)
        self.receiver = receiver
        self._told: dict[str, tuple[int, datetime]] = {}

    def hold(self, holder: str, now: datetime, lease: timedelta) -> bool:
        """Become, or stay, the process that sends to this receiver; return whether this one is it, for so long."""
        free = or_(receivers.c.holder.is_(None), receivers.c.holder == holder, receivers.c.held_until < now)
        take = update(receivers).where(receivers.c.name == self.receiver, free)
        with self._begin() as connection:
            held: Any = connection.execute(take.values(holder=holder, held_until=now + lease))
            return bool(held.rowcount == 1)

    def release(self, holder: str) -> None:
        """Let another process send at once."""
        own = (receivers.c.name == self.receiver, receivers.c.holder == holder)
        with self._begin() as connection:
            connection.execute(update(receivers).where(*own).values(holder=None, held_until=None))

    def take_changes(self, render: Render, now: datetime) -> int:
        """Put a row for each alert that changed since the last call and is to be told; return how many that waited were replaced by that.

        What has been looked at stands in the same transaction, so every change is seen once, or again without effect.
        """
        replaced = 0
        with self._read() as connection:
            since = connection.execute(select(receivers.c.created, receivers.c.since).where(receivers.c.name == self.receiver)).one()
            # Transactions become visible in another order than they were stamped in: look back, and leave out what was seen.
            horizon = max(since.created, since.since - LATEST_COMMIT)
            self._told = {key: seen for key, seen in self._told.items() if seen[1] >= horizon}
            changed = select(alerts.c.key, alerts.c.version, alerts.c.updated).where(alerts.c.updated >= horizon)
            fresh = [row for row in connection.execute(changed) if self._told.get(row.key) != (row.version, row.updated)]
        if not fresh:
            return 0
        with self._begin() as connection:
            for page in _pages([row.key for row in fresh]):
                found = [alert_of(row) for row in connection.execute(select(alerts).where(alerts.c.key.in_(page)))]
                standing, before = _newest_findings(connection, page), self._last(connection, page)
                messages = []
                for alert in found:
                    last = before.get(alert.key)
                    if last is None or last.version < alert.version:
                        message = render(alert, standing.get(alert.key), None if last is None else last.body)
                        messages += [] if message is None else [message]
                replaced += put(connection, self._insert, self.receiver, messages, now).replaced
            newest = max(since.since, *(row.updated for row in fresh))
            connection.execute(update(receivers).where(receivers.c.name == self.receiver).values(since=newest))
        self._told.update((row.key, (row.version, row.updated)) for row in fresh)
        return replaced

    def register(self, now: datetime) -> datetime:
        """Note that there is this receiver; return since when it is known."""
        begun = self._insert(receivers).values(name=self.receiver, created=now, since=now).on_conflict_do_nothing()
        with self._begin() as connection:
            connection.execute(begun)
            found: datetime = connection.execute(select(receivers.c.created).where(receivers.c.name == self.receiver)).scalar_one()
            return found

    def firing(self) -> Iterator[list[tuple[Alert, Finding | None]]]:
        """Yield all alerts that go on, each with its newest finding that stands, page by page."""
        after = ""
        states = sorted(state.value for state in FIRING)
        while True:
            with self._read() as connection:
                page = select(alerts).where(alerts.c.state.in_(states), alerts.c.key > after).order_by(alerts.c.key).limit(_PAGE)
                found = [alert_of(row) for row in connection.execute(page)]
                standing = _newest_findings(connection, [each.key for each in found])
            if not found:
                return
            yield [(each, standing.get(each.key)) for each in found]
            after = found[-1].key

    def take(self, most: int, now: datetime) -> list[Delivery]:
        """Return at most ``most`` deliveries that are due, no two of one subject, the one that has waited longest first."""
        due = self._waiting().where(deliveries.c.due <= now).order_by(deliveries.c.due, deliveries.c.id).limit(most)
        with self._read() as connection:
            found = [_delivery(row) for row in connection.execute(due)]
        return list({each.subject: each for each in sorted(found, key=lambda each: each.version)}.values())

    def settle(self, outcomes: Sequence[Delivered], now: datetime) -> None:
        """Note what became of tries. What a newer message has replaced meanwhile stays replaced, unless it arrived."""
        arrived = [each for each in outcomes if each.state is DeliveryState.DELIVERED]
        told = {"state": bindparam("now_is"), "due": bindparam("due_at"), "updated": now, "error": None, "tries": deliveries.c.tries + 1}
        with self._begin() as connection:
            if connection.dialect.name == "postgresql":  # a note that a crash of the server takes back is a repeat, and briefs wait for the same disk
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            if arrived:
                row = update(deliveries).where(deliveries.c.id == bindparam("of")).values(told)
                connection.execute(row, [{"of": each.id, "now_is": each.state.value, "due_at": each.due} for each in arrived])
            for each in outcomes:
                if each.state is not DeliveryState.DELIVERED:
                    row = update(deliveries).where(deliveries.c.id == each.id, deliveries.c.state.in_(_WAITING))
                    values = {"state": each.state.value, "due": each.due, "updated": now, "error": each.error, "tries": deliveries.c.tries + 1}
                    connection.execute(row.values(values))

    def hasten(self, now: datetime) -> None:
        """Make all that waits due: the receiver is back."""
        with self._begin() as connection:
            own = (deliveries.c.receiver == self.receiver, deliveries.c.state.in_(_WAITING), deliveries.c.due > now)
            connection.execute(update(deliveries).where(*own).values(due=now))

    def waits(self) -> tuple[int, datetime | None]:
        """Return how many deliveries wait, and since when the oldest."""
        own = (deliveries.c.receiver == self.receiver, deliveries.c.state.in_(_WAITING))
        with self._read() as connection:
            number, oldest = connection.execute(select(func.count(), func.min(deliveries.c.queued)).where(*own)).one()
            return number, oldest

    def purge(self, before: datetime) -> int:
        """Delete what arrived or was replaced before a moment, and what is of alerts that are forgotten; return how many."""
        done = (DeliveryState.DELIVERED.value, DeliveryState.SUPERSEDED.value)
        old = and_(deliveries.c.state.in_(done), deliveries.c.updated < before)
        orphaned = and_(deliveries.c.what == "alert", ~exists().where(alerts.c.key == deliveries.c.subject))
        with self._begin() as connection:
            gone: Any = connection.execute(delete(deliveries).where(deliveries.c.receiver == self.receiver, or_(old, orphaned)))
            return int(gone.rowcount)

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with database_errors(self._engine), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with database_errors(self._reading), self._reading.connect() as connection:
            yield connection

    def _waiting(self) -> Select[Any]:
        return select(deliveries).where(deliveries.c.receiver == self.receiver, deliveries.c.state.in_(_WAITING))

    def _last(self, connection: Connection, subjects: Collection[str]) -> dict[str, Any]:
        """Return version and body of the last message about each."""
        own = (deliveries.c.receiver == self.receiver, deliveries.c.what == "alert", deliveries.c.subject.in_(subjects))
        newest = select(deliveries.c.subject, func.max(deliveries.c.version).label("version")).where(*own).group_by(deliveries.c.subject).subquery()
        same = and_(deliveries.c.subject == newest.c.subject, deliveries.c.version == newest.c.version)
        columns = (deliveries.c.subject, deliveries.c.version, deliveries.c.body)
        return {row.subject: row for row in connection.execute(select(*columns).join(newest, same).where(*own))}


def put(connection: Connection, insert: Any, receiver: str, messages: Sequence[Message], now: datetime, due: datetime | None = None) -> Put:
    """Put a row for each message that has none yet, to be taken from ``due`` on (None: at once); older ones that wait are replaced."""
    if not messages:
        return Put([], 0)
    made = [
        Delivery(
            webhook_id(receiver, *each[:3]), receiver, *each[:-1], DeliveryState.PENDING, tries=0, created=now, queued=now, due=due or now, updated=now,
            error=None, body=each.body,
        )
        for each in messages
    ]  # fmt: skip
    rows = [each._asdict() | {"state": each.state.value} for each in made]
    connection.execute(insert(deliveries).on_conflict_do_nothing(), rows)  # as one statement that returns what is new, many rows take several times as long
    newest: dict[tuple[str, str], int] = {}
    for each in messages:
        newest[each.what, each.subject] = max(each.version, newest.get((each.what, each.subject), each.version))
    columns = (deliveries.c.id, deliveries.c.what, deliveries.c.subject, deliveries.c.version)
    told = {subject for _, subject in newest}
    waiting = select(*columns).where(deliveries.c.receiver == receiver, deliveries.c.state.in_(_WAITING), deliveries.c.subject.in_(told))
    older = {row.id: row for row in connection.execute(waiting) if row.version < newest.get((row.what, row.subject), row.version)}
    for row in older.values():
        replaced = {"state": DeliveryState.SUPERSEDED.value, "error": f"version {newest[row.what, row.subject]} replaced it", "updated": now}
        connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(replaced))
    return Put([each for each in made if each.id not in older], len(older))


class BriefStore:
    """Puts briefs where couriers find them, with how far their topic was read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = one_by_one(engine)
        self._insert = insert_into(engine)

    def next_offset(self, topic: str, partition: int) -> int:
        """Return where to go on in a partition. Raises `DatabaseUnavailable`."""
        return next_offset(self._engine, topic, partition)

    def store(
        self,
        topic: str,
        next_offsets: Mapping[int, int],
        messages: Mapping[str, Sequence[Message]],
        forgotten: Iterable[tuple[str, str]],
        now: datetime,
        due: Mapping[str, datetime] | None = None,
    ) -> dict[str, Put]:
        """Put what receivers are to be told, drop what is of customers who are forgotten, and note how far each partition was read, in one transaction.

        A brief that says what the last one of its journey said, as a worker that was killed makes it once more, is put no second time. ``due``, by receiver,
        is when rows may be taken: until then they are left to who put them. Return what became of the messages, by receiver. Raises `DatabaseUnavailable`,
        `Conflict`.
        """
        due = due or {}
        with database_errors(self._engine), self._engine.begin() as connection:
            for tenant, customer in forgotten:
                connection.execute(delete(deliveries).where(deliveries.c.tenant == tenant, deliveries.c.customer == customer))
            done = {
                receiver: put(connection, self._insert, receiver, _news(connection, receiver, own), now, due.get(receiver))
                for receiver, own in messages.items()
            }
            read = self._insert(observed)
            upsert = read.on_conflict_do_update(index_elements=["topic", "partition"], set_={"next_offset": read.excluded.next_offset})
            connection.execute(upsert, [{"topic": topic, "partition": partition, "next_offset": after} for partition, after in next_offsets.items()])
        return done


def _news(connection: Connection, receiver: str, messages: Sequence[Message]) -> list[Message]:
    """Return those of briefs, in their order, that have no row yet and say something else than the one before them, unless that is dead."""
    columns = (deliveries.c.subject, deliveries.c.version, deliveries.c.state, deliveries.c.body)
    own = (deliveries.c.receiver == receiver, deliveries.c.what == "brief", deliveries.c.subject.in_({each.subject for each in messages}))
    known = connection.execute(select(*columns).where(*own).order_by(deliveries.c.version)).all()
    rows = {(row.subject, row.version) for row in known}
    last = {row.subject: row.body if row.state != DeliveryState.DEAD.value else None for row in known}
    news = []
    for each in messages:
        if (each.subject, each.version) not in rows and last.get(each.subject) != each.body:
            news.append(each)
            last[each.subject] = each.body
    return news


def list_deliveries(
    engine: Engine,
    *,
    receivers: Collection[str] = (),
    states: Collection[DeliveryState] = (),
    what: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """Return at most ``limit`` deliveries, those that changed last first. Raises `DatabaseUnavailable`."""
    chosen = _chosen(select(deliveries), receivers, states, what, since)
    with database_errors(engine), engine.connect() as connection:
        return [_delivery(row) for row in connection.execute(chosen.order_by(deliveries.c.updated.desc(), deliveries.c.id).limit(limit))]


def count_deliveries(
    engine: Engine, *, receivers: Collection[str] = (), states: Collection[DeliveryState] = (), what: str | None = None, since: datetime | None = None
) -> list[Tally]:
    """Return how many deliveries there are, by receiver and state. Raises `DatabaseUnavailable`."""
    columns = (deliveries.c.receiver, deliveries.c.state)
    chosen = _chosen(select(*columns, func.count(), func.min(deliveries.c.queued)), receivers, states, what, since)
    with database_errors(engine), engine.connect() as connection:
        rows = connection.execute(chosen.group_by(*columns).order_by(*columns)).all()
    return [Tally(receiver, DeliveryState(state), number, oldest) for receiver, state, number, oldest in rows]


def receivers_held(engine: Engine, now: datetime) -> list[str]:
    """Return the receivers to which a process sends. Raises `DatabaseUnavailable`."""
    held = select(receivers.c.name).where(receivers.c.holder.is_not(None), receivers.c.held_until >= now).order_by(receivers.c.name)
    with database_errors(engine), engine.connect() as connection:
        return list(connection.execute(held).scalars())


def find_deliveries(engine: Engine, beginning: str, *, limit: int = 3) -> list[Delivery]:
    """Return at most ``limit`` deliveries whose ids begin so. Raises `DatabaseUnavailable`."""
    begins = select(deliveries).where(deliveries.c.id.startswith(beginning, autoescape=True)).order_by(deliveries.c.id).limit(limit)
    with database_errors(engine), engine.connect() as connection:
        return [_delivery(row) for row in connection.execute(begins)]


def replay(
    engine: Engine,
    now: datetime,
    *,
    ids: Collection[str] = (),
    receivers: Collection[str] = (),
    states: Collection[DeliveryState] = (),
    what: str | None = None,
    since: datetime | None = None,
) -> Iterator[tuple[int, int]]:
    """Have deliveries sent again under the same ids, page by page; yield how many are, and how many are not for a newer one of the same subject.

    What waits is tried at once. Raises `DatabaseUnavailable`.
    """
    own = one_by_one(engine)
    chosen = _chosen(select(deliveries.c.id), receivers, states, what, since)
    if ids:
        chosen = chosen.where(deliveries.c.id.in_(ids))
    newer = deliveries.alias("newer")
    same = and_(newer.c.receiver == deliveries.c.receiver, newer.c.what == deliveries.c.what, newer.c.subject == deliveries.c.subject)
    replaced = exists().where(same, newer.c.version > deliveries.c.version)
    after = ""
    while True:
        with database_errors(own), own.begin() as connection:
            page = list(connection.execute(chosen.where(deliveries.c.id > after).order_by(deliveries.c.id).limit(_PAGE)).scalars())
            if not page:
                return
            again = update(deliveries).where(deliveries.c.id.in_(page), ~replaced)
            told = {"state": DeliveryState.PENDING.value, "queued": now, "due": now, "updated": now, "tries": 0}
            done: Any = connection.execute(again.values(told))
        after = page[-1]
        yield done.rowcount, len(page) - done.rowcount


def _chosen(
    query: Select[Any], receivers: Collection[str], states: Collection[DeliveryState], what: str | None, since: datetime | None
) -> Select[Any]:
    if receivers:
        query = query.where(deliveries.c.receiver.in_(receivers))
    if states:
        query = query.where(deliveries.c.state.in_([state.value for state in states]))
    if what is not None:
        query = query.where(deliveries.c.what == what)
    if since is not None:
        query = query.where(deliveries.c.updated >= since)
    return query


def _newest_findings(connection: Connection, keys: Collection[str]) -> dict[str, Finding]:
    """Return of each alert the newest finding that stands, else the newest."""
    if not keys:
        return {}
    rows = connection.execute(newest_findings((findings.c.alert, findings.c.body, findings.c.revision), keys))
    return {row.alert: finding_of(row) for row in rows}


def _pages(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _PAGE):
        yield keys[start : start + _PAGE]


def _delivery(row: Any) -> Delivery:
    return Delivery(**{**row._mapping, "state": DeliveryState(row.state)})
