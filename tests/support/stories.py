"""The timelines of many customers as one log, and what `Replay` makes of it."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.fields import Fingerprinter
from agents.replay import Replay
from config.fields import load_fields
from config.rules import load_rulebook
from tests.reference.scenarios import random_scenario
from tests.support.workers import HASH_KEY, State, expected_state

__all__ = ["in_order", "newest", "replayed", "shuffled", "stories"]


def stories(seeds: range) -> list[dict[str, Any]]:
    """Return the touchpoints of one or two customers a seed, each once, in the order of their times.

    Of touchpoints that a source sent twice with other content the first stays: which one is accepted is a matter of order.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for seed in seeds:
        text = json.dumps(random_scenario(seed))
        for number in "12":
            text = text.replace(f'"c{number}', f'"c{seed}{"ab"[int(number) - 1]}')
        for each in json.loads(text):
            found.setdefault((each["source"], each["id"]), each)
    return in_order(found.values())


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
