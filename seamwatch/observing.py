"""The role `insight`: reads the touchpoints for itself, and keeps customers, the corridor, invitations and promises up to date."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic
from typing import Any, Protocol

import msgspec

from agents.detectors.portfolio_shift import PortfolioShiftRule
from agents.invitations import InvitationRules
from agents.observer import Customer, Observed, Observer
from agents.portfolio import Terms
from agents.promises import MADE, OUTCOMES, told
from agents.rules import Rulebook
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
    touchpoints = [touchpoint for record in fresh if (touchpoint := _read(record)) is not None]
    who = {(each.tenant, each.customer) for each in touchpoints}
    known = {whose: msgspec.convert(state, Customer) for whose, state in batch.states(who).items()}
    promises = batch.promises({(each.tenant, each.customer, each.data.promise) for each in touchpoints if each.type in _PROMISES})
    seen: dict[str, Observed] = {}
    forgotten = set()
    for touchpoint in touchpoints:
        whose = touchpoint.tenant, touchpoint.customer
        if touchpoint.type == "customer.forgotten":
            known.pop(whose, None)
            promises = {name: promise for name, promise in promises.items() if name[:2] != whose}
            forgotten.add(whose)
            continue
        if touchpoint.type in _PROMISES:
            name = *whose, touchpoint.data.promise
            promises[name] = told(promises.get(name) or Promise(touchpoint.tenant, name[2], touchpoint.customer), touchpoint)
        observer.take(known.setdefault(whose, Customer()), touchpoint, seen.setdefault(touchpoint.tenant, Observed()))
    done["taken"] = len(touchpoints)
    batch.forget(forgotten)
    batch.keep_promises(promises.values())
    invited = [body for each in seen.values() for body in each.invitations]
    done["invited"] = len(invited)
    batch.store(
        [_row(*whose, customer, terms) for whose, customer in known.items()],
        {(tenant, *name): (number, float(each.sums[name])) for tenant, each in seen.items() for name, number in each.counts.items()},
        {(tenant, *mark) for tenant, each in seen.items() for mark in each.marks},
        invited,
        fresh[-1].offset + 1,
    )
    publish([(f"{body['tenant']}/{body['customer']}".encode(), _json(body)) for body in invited])
    return done


def _read(record: Any) -> Any | None:
    """Return the touchpoint of a record; None for a heartbeat, and for what the role `watch` refuses and says why."""
    touchpoint: Any = decode_touchpoint(record.value) or parse_touchpoint(record.value)
    if isinstance(touchpoint, Refusal) or touchpoint.type == "heartbeat":
        return None
    return touchpoint if record.key == f"{touchpoint.tenant}/{touchpoint.customer}".encode() else None


def _row(tenant: str, name: str, customer: Customer, terms: Terms) -> CustomerRow:
    account = customer.account
    billed, forecast = account.billed, account.forecast
    return CustomerRow(
        tenant,
        name,
        None if billed is None else billed.value,
        None if billed is None else billed.currency,
        None if forecast is None else forecast.value,
        None if forecast is None else forecast.currency,
        None if account.segment is None else account.segment.value,
        account.satisfaction(terms.surveys),
        len(account.answers),
        None if customer.newest is None else _EPOCH + timedelta(microseconds=customer.newest[0]),
        msgspec.to_builtins(customer),
    )


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
