"""The role `insight`: reads the touchpoints for itself, and keeps customers, the corridor, invitations and promises up to date."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from threading import Event
from time import monotonic
from typing import Any, NamedTuple, Protocol

import msgspec

from agents.detectors.portfolio_shift import PortfolioShiftRule
from agents.invitations import InvitationRules
from agents.links import INTERNAL, Claim, Forget, Forwarded, parse_internal
from agents.observer import Customer, Observed, Observer
from agents.partition import FUTURE
from agents.portfolio import Terms
from agents.promises import MADE, OUTCOMES, joined, told
from agents.rules import Rulebook
from agents.timeline import microseconds
from config.settings import Settings
from models.decoding import decode_touchpoint
from models.promise import Promise
from models.touchpoint import Refusal, parse_touchpoint
from sinks.errors import Conflict, DatabaseUnavailable
from sinks.observing import CustomerRow, ObservedBatch, ObservedStore
from streams.observer import Observer as Figures
from streams.observer import Unobserved

__all__ = ["NAME", "Observing", "observe", "portfolio_terms"]

NAME = "insight"
"""Of the role, and of its consumer group behind the prefix."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIGURES = 1.0
_LONGEST_PAUSE = 30.0
_PROMISES = {MADE, *OUTCOMES}

_log = logging.getLogger(__name__)
_json = msgspec.json.Encoder().encode

Whose = tuple[str, str]
"""Tenant and customer."""
Publish = Callable[[Iterable[tuple[bytes, bytes]]], None]


class Reader(Protocol):
    """`streams.grouped.GroupedReader`, as far as it is driven here."""

    def poll(self) -> Mapping[int, list[Any]]: ...
    def back(self, partition: int, offset: int) -> None: ...
    def lag(self) -> dict[int, int]: ...
    def tell(self) -> None: ...


def portfolio_terms(settings: Settings, rulebook: Rulebook) -> Terms:
    """Return when revenue and satisfaction are high, as the rule of `portfolio_shift` says, else as it ships, and the rates of other currencies."""
    rules = [rule for rule in rulebook.rules if isinstance(rule, PortfolioShiftRule)]
    rule = rules[0] if rules else PortfolioShiftRule(name="portfolio_shift", detector="portfolio_shift")
    return Terms.of(rule, settings.currency, settings.rates)


def observe(batch: ObservedBatch, observer: Observer, terms: Terms, records: Sequence[Any], publish: Publish) -> Counter[str]:
    """Take one partition's next ``records`` in a transaction; return how many were taken, came again, and invited.

    Invitations are published before the transaction ends: after a crash between the two they are published again, with the same ids.
    """
    done: Counter[str] = Counter()
    fresh = [record for record in records if record.offset >= batch.next_offset]
    done["again"] = len(records) - len(fresh)
    if not fresh:
        return done
    heard = [each for record in fresh if (each := _read(record)) is not None]
    people = _People(batch, observer, heard)
    for each in heard:
        people.take(each)
    done["taken"] = sum(not isinstance(each.what, _Beat) for each in heard)
    seen = people.seen
    invited = people.invited
    done["invited"] = len(invited)
    known = [each for each in people.known.values() if not each.gone and (each.alias_of is not None or each.state.newest is not None)]
    batch.forget(people.forgets, timedelta(microseconds=observer.memory))
    batch.clear(people.known.keys() - {(each.tenant, each.name) for each in known})
    batch.keep_promises(people.promises.values())
    counts: Counter[tuple[str, str, str, str, str]] = Counter()
    sums: Counter[tuple[str, str, str, str, str]] = Counter()
    for (tenant, _), made in seen.items():
        counts.update({(tenant, *name): number for name, number in made.counts.items()})
        sums.update({(tenant, *name): value for name, value in made.sums.items()})
    batch.store(
        [_row(each, terms) for each in known],
        {name: (number, float(sums[name])) for name, number in counts.items()},
        {(tenant, *mark, customer) for (tenant, customer), made in seen.items() for mark in made.marks},
        invited,
        fresh[-1].offset + 1,
        _time(people.clock),
    )
    publish([(f"{body['tenant']}/{body['customer']}".encode(), _json(body)) for body in invited])
    return done


class _Beat(NamedTuple):
    """A record that tells the time alone."""


class _Heard(NamedTuple):
    """What a record says of whom; ``moved`` is where it moves the clock, in microseconds UTC."""

    moved: int
    whose: Whose
    what: Any


@dataclass(slots=True)
class _Person:
    """A key of a customer: their state, or whom it stands for. ``gone``: nothing is known under it any more."""

    tenant: str
    name: str
    state: Customer
    alias_of: str | None
    partition: int | None
    gone: bool = False


class _People:
    """The customers of a batch, and what comes of it."""

    def __init__(self, batch: ObservedBatch, observer: Observer, heard: Sequence[_Heard]) -> None:
        self._batch = batch
        self._observer = observer
        self.clock = 0 if batch.clock is None else (batch.clock - _EPOCH) // timedelta(microseconds=1)
        self.known: dict[Whose, _Person] = {}
        self.seen: dict[Whose, Observed] = {}
        self.promises: dict[tuple[str, str, str], Promise] = {}
        self.forgets: dict[Whose, datetime] = {}
        self.invited: list[dict[str, Any]] = []
        until = max([self.clock, *(each.moved for each in heard)])
        self._due: list[tuple[int, Whose]] = []
        named = {each.whose for each in heard if not isinstance(each.what, _Beat)}
        named |= {(each.whose[0], each.what.customer) for each in heard if isinstance(each.what, Claim)}
        self._load(named)
        self._forgotten = batch.forgotten(self.known)
        for whose, row in batch.due(_EPOCH + timedelta(microseconds=until)).items():
            self._remember(self.known.setdefault(whose, _person(row)))

    def take(self, heard: _Heard) -> None:
        """Take a record."""
        self.clock = max(self.clock, heard.moved)
        while self._due and self._due[0][0] <= self.clock:
            due, whose = heappop(self._due)
            person = self.known[whose]
            if person.state.due == due and not person.gone:
                self._observer.remind(person.state, *whose, self._seen(person))
                self._invite(person)
        match heard.what:
            case _Beat():
                return
            case Claim(customer=customer):
                self._join(heard.whose, customer)
            case Forget(time=time):
                self._forget(heard.whose, time)
            case touchpoint:
                own = self.known[heard.whose]
                if self._is_forgotten(own, touchpoint.time):
                    return
                own.partition = self._batch.partition
                if touchpoint.type == "customer.forgotten":
                    self._forget(heard.whose, microseconds(touchpoint.time))
                    return
                own.gone = False
                person = self._customer(heard.whose)
                if touchpoint.type in _PROMISES:
                    self._keep(told(self._promise(person, touchpoint.data.promise), touchpoint))
                self._observer.take(person.state, touchpoint, self._seen(person))
                self._invite(person)

    def _promise(self, person: _Person, name: str) -> Promise:
        """Return what is known of a promise, nothing but its name where it is new."""
        whose = person.tenant, name, person.name
        return self.promises.get(whose) or next(iter(self._batch.promises(person.tenant, person.name, name)), Promise(*whose))

    def _keep(self, promise: Promise) -> None:
        self.promises[promise.tenant, promise.promise, promise.customer] = promise

    def _is_forgotten(self, person: _Person, time: datetime) -> bool:
        """Tell whether what happened then was forgotten, under this key or of the customer whom it stands for."""
        keys = {(person.tenant, person.name), (person.tenant, person.alias_of or person.name)}
        return any(time <= until for each in keys if (until := self._forgotten.get(each)) is not None)

    def _load(self, who: Collection[Whose]) -> None:
        """Load customers and whom they stand for."""
        while who:
            rows = self._batch.states(who)
            self.known.update((whose, _person(row)) for whose, row in rows.items())
            who = {(each.tenant, each.alias_of) for each in rows.values() if each.alias_of is not None} - self.known.keys()

    def _customer(self, whose: Whose) -> _Person:
        """Return the customer whom a key stands for: itself, where it is nobody's alias."""
        person = self.known[whose]
        while person.alias_of is not None:
            person = self.known[person.tenant, person.alias_of]
        person.gone = False
        return person

    def _join(self, whose: Whose, customer: str) -> None:
        """Make a key the alias of a customer. The first link stands; where the customer is an alias of this very key, they are one already."""
        alias, person = self.known[whose], self._customer((whose[0], customer))
        if alias.alias_of is None and alias is not person:
            self._observer.join(person.state, alias.state, self._seen(person))
            alias.state, alias.alias_of, alias.gone = Customer(), person.name, False
            self._remember(person)
            theirs = {each.promise: each for each in self._batch.promises(alias.tenant, alias.name)}
            theirs |= {name: each for (tenant, name, whose), each in self.promises.items() if (tenant, whose) == (alias.tenant, alias.name)}
            for name, promise in theirs.items():  # what was promised to an alias was promised to the customer
                self._keep(joined(self._promise(person, name), promise))
                self.promises.pop((alias.tenant, name, alias.name), None)
            self._batch.drop_promises(alias.tenant, alias.name)

    def _forget(self, whose: Whose, time: int) -> None:
        """Forget a key, and of the customer whom it stands for all that is not later than ``time``."""
        person = self._customer(whose)
        keys = {whose, (person.tenant, person.name)}
        for each in self.known.values():  # those that the database knows besides go with the row
            if each.alias_of == person.name and each.tenant == person.tenant:
                each.alias_of, each.gone = None, True
                keys.add((each.tenant, each.name))
        person.gone = person.state.forget(time)
        if person.gone:
            person.state = Customer()
        until = _EPOCH + timedelta(microseconds=time)
        for key in keys:
            self._forgotten[key] = self.forgets[key] = max(until, self._forgotten.get(key, until))
            if key in self.seen:  # what was counted stays, and names nobody
                self.seen[key].marks.clear()
        old = {name for name, each in self.promises.items() if (each.tenant, each.customer) in keys and (each.made is None or each.made <= until)}
        self.promises = {name: each for name, each in self.promises.items() if name not in old}
        self.invited = [each for each in self.invited if (each["tenant"], each["customer"]) not in keys]

    def _invite(self, person: _Person) -> None:
        """Take over the invitations of a customer, in the order in which they were decided, and wait for the next that is due."""
        seen = self._seen(person)
        self.invited += seen.invitations
        seen.invitations.clear()
        self._remember(person)

    def _remember(self, person: _Person) -> None:
        """Wait for the time when a customer is due; those of other partitions are asked there."""
        if person.state.due and person.partition == self._batch.partition:
            heappush(self._due, (person.state.due, (person.tenant, person.name)))

    def _seen(self, person: _Person) -> Observed:
        return self.seen.setdefault((person.tenant, person.name), Observed())


def _read(record: Any) -> _Heard | None:
    """Return what a record says; None for what the role `watch` refuses and says why."""
    tenant, _, customer = (record.key or b"").decode(errors="replace").partition("/")
    now = None if record.timestamp is None else record.timestamp * 1000
    if record.value is not None and record.value.startswith(INTERNAL):
        try:
            internal = parse_internal(record.value)
        except ValueError:  # msgspec's errors are such
            return None
        if isinstance(internal, Forwarded):
            inner: Any = parse_touchpoint(bytes(internal.touchpoint))
            if getattr(inner, "type", None) == "customer.forgotten":  # of an alias, told to the customer
                internal = Forget(offset=internal.offset, time=microseconds(inner.time))
        return _Heard(0, (tenant, customer), internal) if customer and isinstance(internal, Claim | Forget) else None
    touchpoint: Any = decode_touchpoint(record.value) or parse_touchpoint(record.value)
    if isinstance(touchpoint, Refusal):
        return None
    time = microseconds(touchpoint.time)
    if now is not None and time > now + FUTURE:
        return None
    if touchpoint.type == "heartbeat":
        return _Heard(time, ("", ""), _Beat())
    if record.key != f"{touchpoint.tenant}/{touchpoint.customer}".encode():
        return None
    return _Heard(time if now is None else min(time, now), (touchpoint.tenant, touchpoint.customer), touchpoint)


def _person(row: CustomerRow) -> _Person:
    return _Person(row.tenant, row.customer, msgspec.convert(row.state, Customer), row.alias_of, row.partition)


def _row(person: _Person, terms: Terms) -> CustomerRow:
    if person.alias_of is not None:
        return CustomerRow(person.tenant, person.name, state={}, alias_of=person.alias_of, partition=person.partition)
    customer, account = person.state, person.state.account
    billed, forecast = account.billed, account.forecast
    return CustomerRow(
        person.tenant,
        person.name,
        None if billed is None else billed.value,
        None if billed is None else billed.currency,
        None if forecast is None else forecast.value,
        None if forecast is None else forecast.currency,
        None if account.segment is None else account.segment.value,
        account.satisfaction(terms.surveys),
        len(account.answers),
        None if customer.newest is None else _time(customer.newest[0]),
        msgspec.to_builtins(customer),
        None,
        person.partition,
        _time(customer.due),
    )


def _time(microseconds: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=microseconds) if microseconds else None


class Observing:
    """Reads until told to stop. ``figures`` hears of each batch, and once a second how many records wait."""

    def __init__(
        self,
        reader: Reader,
        store: ObservedStore,
        topic: str,
        rulebook: Rulebook,
        invitations: InvitationRules,
        terms: Terms,
        publish: Publish,
        figures: Figures | None = None,
    ) -> None:
        self._reader = reader
        self._store = store
        self._topic = topic
        self._observer = Observer(rulebook.engine, invitations, terms)
        self._terms = terms
        self._publish = publish
        self._figures = figures or Unobserved()
        self._owned: set[int] = set()
        self.done: Counter[str] = Counter()

    def run(self, stop: Event) -> None:
        """Read until ``stop`` is set; a database that is away is waited for. Raises ``KafkaError``, `StreamError`."""
        figures, pause = monotonic(), 0.5
        try:
            while not stop.is_set():
                for partition, records in self._reader.poll().items():
                    try:
                        self._take(partition, records)
                    except (Conflict, DatabaseUnavailable) as error:
                        _log.warning("%s; next attempt in %.1f s", error, pause)
                        self._reader.back(partition, records[0].offset)
                        stop.wait(pause)
                        pause = min(_LONGEST_PAUSE, pause * 2)
                    else:
                        pause = 0.5
                if monotonic() - figures > _FIGURES:
                    figures = monotonic()
                    self._reader.tell()
                    self._tell(self._reader.lag())
        finally:
            self._tell({})  # whoever goes on may be given others

    def _take(self, partition: int, records: list[Any]) -> None:
        began = monotonic()
        with self._store.batch(self._topic, partition) as batch:
            done = observe(batch, self._observer, self._terms, records, self._publish)
        self.done += done
        self._figures.batch_done(self._topic, partition, len(records), monotonic() - began)

    def _tell(self, lag: Mapping[int, int]) -> None:
        for partition in self._owned - lag.keys():
            self._figures.released(self._topic, partition)
        self._owned = set(lag)
        for partition, records in lag.items():
            self._figures.lag(self._topic, partition, records)
