"""The timelines of many customers as one log, and what `Replay` makes of it."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from agents.fields import Fingerprinter
from agents.replay import Replay
from config.fields import load_fields
from config.rules import load_rulebook
from tests.reference.scenarios import DAY, HOUR, SPAN, START, random_scenario, scenarios
from tests.support.workers import HASH_KEY, State, expected_state

__all__ = ["eventful", "eventful_scenarios", "in_order", "newest", "replayed", "shuffled", "stories"]


_DUE_AT_THE_LATEST = START + timedelta(days=29)


def stories(seeds: range) -> list[dict[str, Any]]:
    """Return the touchpoints of one or two customers a seed, each once, in the order of their times.

    Of touchpoints that a source sent twice with other content the first stays: which one is accepted is a matter of order. Promises that are due
    weeks later are left out: who waits until no deadline is left would wait for them, and as of the newest touchpoint their harm would outweigh all else.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for seed in seeds:
        text = json.dumps(eventful(random_scenario(seed), random.Random(seed)))
        for number in "12":
            text = text.replace(f'"c{number}', f'"c{seed}{"ab"[int(number) - 1]}')
        for each in json.loads(text):
            if each["type"] != "promise.made" or datetime.fromisoformat(each["data"]["due"]) < _DUE_AT_THE_LATEST:
                found.setdefault((each["source"], each["id"]), each)
    return in_order(found.values())


def eventful(touchpoints: Sequence[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """Return touchpoints with others among them: facts, intents, cases, moods, offers and figures, as steps around the thresholds that judge these."""
    told = []
    for number, each in enumerate(touchpoints):
        told.append(each)
        if chance.random() < 0.6:
            kind = chance.choice(list(_EVENTS))
            later = _time(each) + timedelta(seconds=chance.choice(_STEPS))
            point = {
                **each,
                "id": f"{each['id']}/{number}",
                "type": kind,
                "actor": chance.choice(_ACTORS),
                "data": _EVENTS[kind](chance),
            }
            told.append(point | {"time": later.isoformat()} if later - START < SPAN else point)
    return told


def eventful_scenarios() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw eventful scenarios (Hypothesis)."""
    return st.builds(eventful, scenarios(), st.randoms(use_true_random=False))


_STEPS = (0, 0, 1, 1, HOUR, DAY, DAY + 0.000001, 7 * DAY, 7 * DAY + 0.000001)
_ACTORS: tuple[dict[str, Any], ...] = (
    {"kind": "customer"},
    {"kind": "customer"},
    {"kind": "customer", "team": "tech"},
    {"kind": "customer", "team": "billing"},
    {"kind": "agent", "team": "tech"},
    {"kind": "agent", "team": "billing"},
    {"kind": "agent"},
    {"kind": "ivr", "team": "entry-ivr"},
    {"kind": "system"},
)
_INTENTS = ("bill", "BILL ", "moving", "complaint", " ")
_AMOUNTS = (0, 0.6, 1, 2.0005, 3, 4, 5, -1, 999.9999, 1000, 1500, 1e308, -1e308)

_SCALES = ((0, 5), (1, 5), (5, 1), (0, 0.001), (5, 5), (-1e308, 1e308))


def _some(chance: random.Random, **options: Sequence[Any]) -> dict[str, Any]:
    """Choose data; what is chosen as None stays away."""
    chosen = {key: chance.choice(values) for key, values in options.items()}
    return {key: value for key, value in chosen.items() if value is not None}


def _answer(chance: random.Random, minimum: float, maximum: float) -> dict[str, Any]:
    """Answer a survey on a scale, perhaps with what was expected."""
    inside = [minimum, maximum, *(each for each in _AMOUNTS if min(minimum, maximum) <= each <= max(minimum, maximum))]
    answer = _some(chance, survey=("v1",), metric=("csat", "nps"), score=inside, expected=(*inside, *[None] * len(inside)))
    return answer | {"minimum": minimum, "maximum": maximum}


_EVENTS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "fact.stated": lambda chance: _some(
        chance,
        fact=("price", "price", "PRICE ", "acct_no", "account_number", "password"),
        value=("10", "12", " 10", "4711-22", "", "x" * 200, "a\u0000b"),
        correction=(None, None, None, False, True),
    ),
    "contact.started": lambda chance: _some(
        chance, direction=("inbound", "inbound", "outbound"), intent=(None, *_INTENTS)
    ),
    "intent.stated": lambda chance: _some(chance, intent=_INTENTS, confidence=(None, 0, 0.5, 1)),
    "contact.ended": lambda chance: _some(chance, resolved=(None, True, True, False), planned_callback=(None, True)),
    "case.closed": lambda chance: _some(chance, case=("c1", "c2"), claimed_resolved=(None, True, False)),
    "case.reopened": lambda chance: _some(chance, case=("c1", "c2")),
    "offer.made": lambda chance: _some(chance, offer=("faster line", " Refund", "goodwill")),
    "message": lambda chance: _some(
        chance, text=("well",), private=(None, None, True), sentiment=(-1, -0.5, -0.2, 0.0005, 0.3, 0.3005, 1, None)
    ),
    "brand.exposure": lambda chance: _some(chance, metric=("csat", "CSAT", "nps", None), promised=(*_AMOUNTS, None)),
    "survey.answered": lambda chance: _answer(chance, *chance.choice(_SCALES)),
    "mention.published": lambda chance: _some(chance, sentiment=(-1, -0.2505, 0, 0.5, 1), public=(True, True, False)),
    "account.updated": lambda chance: _some(chance, billed_revenue=(*_AMOUNTS, None)),
}


def in_order(touchpoints: Any) -> list[dict[str, Any]]:
    """Return touchpoints by their times."""
    return sorted(touchpoints, key=_time)


def shuffled(touchpoints: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Return touchpoints in any order, a tenth of them twice."""
    chance = random.Random(seed)
    mixed = [*touchpoints, *chance.sample(touchpoints, len(touchpoints) // 10)]
    chance.shuffle(mixed)
    return mixed


def newest(touchpoints: Sequence[dict[str, Any]]) -> datetime:
    """Return the time of the newest touchpoint: an instant at which scores of all ages differ."""
    return max(map(_time, touchpoints))


def replayed(touchpoints: Sequence[dict[str, Any]]) -> State:
    """Return what `Replay` finds under the shipped rules when all deadlines are over."""
    replay = Replay(load_rulebook(), load_fields(), Fingerprinter(HASH_KEY.encode()))
    for number, each in enumerate(touchpoints):
        replay.feed(number, json.dumps(each).encode())
    latest = newest(touchpoints)
    return expected_state(replay, latest + timedelta(days=30), latest)


def _time(touchpoint: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(touchpoint["time"]).astimezone(UTC)
