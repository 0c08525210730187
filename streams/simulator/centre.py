"""Many journeys: one after the other with what must be found, or as the traffic of a live contact centre."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from streams.simulator.cast import BRANDS, INTENTS, LANGUAGES
from streams.simulator.mishaps import MISHAPS
from streams.simulator.ordinary import ORDINARY
from streams.simulator.story import Expected, Line, Story

__all__ = ["ContactCentre", "Delivery", "SimulatedJourney"]

_FIRST_CUSTOMER = 10_000
_PASSERS_BY = 500_000
_PAUSE = 900_000
"""Milliseconds without a touchpoint after which the rest of a journey is a sitting of its own."""
_LATEST = 20.0
"""Seconds that an untidy delivery comes late at most."""
_TYPICAL_LENGTH = 15.0


@dataclass(frozen=True, slots=True)
class SimulatedJourney:
    """A journey in the order in which its touchpoints are delivered, and what must be found in it."""

    touchpoints: list[dict[str, Any]]
    expected: list[Expected]


class Delivery(NamedTuple):
    """A touchpoint of live traffic, and when it is handed over: at its time, or later."""

    due: datetime
    touchpoint: dict[str, Any]


class ContactCentre:
    """A made-up contact centre; equal arguments give equal journeys.

    ``customers`` is the number of regular customers, whose journeys have ids of their own; besides there are passers-by, of whom no source knows more
    than the contact. ``mishap_rate`` is the share of journeys in which something goes wrong, ``mess_rate`` the share of touchpoints that come late (up to
    20 s) or twice. ``accounts``: live traffic tells what each regular customer is billed, before their first journey.
    """

    def __init__(self, seed: int, *, customers: int = 2000, mishap_rate: float = 0.2, mess_rate: float = 0.0, accounts: bool = False) -> None:
        if customers < 1 or not 0 <= mishap_rate <= 1 or not 0 <= mess_rate <= 1:
            raise ValueError("expected at least one customer, and rates between 0 and 1")
        self._seed = seed
        self._customers = customers
        self._mishap_rate = mishap_rate
        self._mess_rate = mess_rate
        self._accounts = accounts

    def journeys(self, count: int, start: datetime) -> Iterator[SimulatedJourney]:
        """Yield this many journeys, which begin one after the other from ``start`` on, some seconds apart."""
        for number in range(count):
            random, story = self._tell(number)
            began = start + timedelta(seconds=7 * number)
            deliveries = self._deliveries(random, story.lines, began, 0)
            yield SimulatedJourney(
                [each.touchpoint for each in sorted(deliveries, key=lambda each: each.due)], story.expected
            )

    def stream(self, start: datetime, rate: float) -> Iterator[Delivery]:
        """Yield live traffic without end, in the order in which it is due, from ``start`` on.

        ``rate`` is the number of touchpoints a second that it comes to after some minutes: the centre opens at ``start``, and its first journeys are then
        at their beginning. A touchpoint is due at its time; only what a journey did in earlier sittings (the mail of yesterday) is due when
        the last one begins.
        """
        if rate <= 0:
            raise ValueError("expected a rate above 0")
        pace = Random(f"{self._seed}/pace")
        waiting: list[tuple[datetime, int, dict[str, Any]]] = []
        billed: set[str] = set()
        began, number, told, order = start, 0, _TYPICAL_LENGTH * 50, 0
        while True:
            random, story = self._tell(number)
            number += 1
            told += len(story.lines)
            last_sitting = _last_sitting(story.lines)
            if self._accounts and story.is_regular and story.customer not in billed:
                billed.add(story.customer)
                heappush(waiting, (began, -number, self._account(story.customer, began)))
            for delivery in self._deliveries(
                random, story.lines, began - timedelta(milliseconds=last_sitting), last_sitting
            ):
                order += 1
                heappush(waiting, (delivery.due, order, delivery.touchpoint))
            began += timedelta(seconds=pace.expovariate(rate * (number + 50) / told))
            while waiting and waiting[0][0] < began:
                due, _, touchpoint = heappop(waiting)
                yield Delivery(due, touchpoint)

    def _account(self, customer: str, now: datetime) -> dict[str, Any]:
        """Return what a regular customer is billed, and is thought to be billed next."""
        random = Random(f"{self._seed}/account/{customer}")
        billed = round(random.lognormvariate(6.6, 0.8), 2)
        data = {"billed_revenue": billed, "forecast_revenue": round(billed * random.uniform(0.6, 1.6), 2), "currency": "EUR", "segment": "private"}
        point = {"id": f"a-{customer}", "source": "billing", "schema_version": 1, "type": "account.updated", "time": _moment(now, 0), "customer": customer}
        return point | {"channel": "web", "actor": {"kind": "system"}, "data": data}

    def _tell(self, number: int) -> tuple[Random, Story]:
        """Tell the journey of this number; it follows from the seed and the number alone."""
        random = Random(f"{self._seed}/{number}")
        if random.random() < 0.6:
            customer, journey = f"c-{_FIRST_CUSTOMER + random.randrange(self._customers)}", f"j-{number}"
        else:
            customer, journey = f"c-{_PASSERS_BY + number}", None
        language = random.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
        story = Story(random, number, customer, journey, random.choice(BRANDS), language, random.choice(INTENTS))
        _choose(random, MISHAPS if random.random() < self._mishap_rate else ORDINARY)(story)
        return random, story

    def _deliveries(
        self, random: Random, lines: Sequence[Line], began: datetime, not_before: int
    ) -> Iterator[Delivery]:
        for line in lines:
            point = line.touchpoint | {"time": _moment(began, line.time)}
            if point["type"] == "promise.made":
                point["data"] = point["data"] | {"due": _moment(began, point["data"]["due"])}
            point = {key: value for key, value in point.items() if value is not None}
            due = began + timedelta(milliseconds=max(line.time, not_before))
            if random.random() < self._mess_rate:
                late = due + timedelta(seconds=random.uniform(0, _LATEST))
                if random.random() < 0.5:
                    yield Delivery(due, point)
                due = late
            yield Delivery(due, point)


def _choose(random: Random, stories: Mapping[Callable[[Story], None], int]) -> Callable[[Story], None]:
    return random.choices(list(stories), list(stories.values()))[0]


def _last_sitting(lines: Sequence[Line]) -> int:
    """Return when the last part of a journey begins that is told without a long pause, in milliseconds."""
    began = lines[0].time
    for before, after in pairwise(lines):
        if after.time - before.time > _PAUSE:
            began = after.time
    return began


def _moment(began: datetime, milliseconds: int) -> str:
    moment = began + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
