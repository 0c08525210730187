"""Histories: what customers do, and what befalls the workers meanwhile. A history is a value: played again, it goes the same way."""

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.reference.identity import scattered
from tests.reference.scenarios import Chooser, DrawnChooser, Maker, SeededChooser
from tests.simulation.network import EFFECTS, OPERATIONS

__all__ = ["History", "Step", "histories", "touchpoints"]

Step = tuple[Any, ...]

RESTARTS = (0.1, 1.0, 2.0, 5.0)
SHORT = (0.02, 0.1, 0.4, 1.0, 3.0)
LONG = (0.5, 1.0, 2.0, 4.0, 9.0)
LATE = (1.0, 5.0, 9.0)
JUMPS = (10, 61, 301, 4_000, 90_000)


class History(NamedTuple):
    """What happens: ``lot`` seeds latencies and lots, ``customers`` are (seed, touchpoints) each, ``disorder`` is how many percent of the
    touchpoints come late, and how many come twice; ``memory`` is how many touchpoints of a customer are kept; ``recovery`` whether
    one fresh worker goes on in the end, from compacted state.
    """

    lot: int
    workers: int
    customers: tuple[tuple[int, int], ...]
    disorder: int
    memory: int
    recovery: bool
    steps: tuple[Step, ...]

    @classmethod
    def read(cls, text: str) -> "History":
        """Return the history that `text`, its JSON, says."""
        lot, workers, customers, disorder, memory, recovery, steps = json.loads(text)
        return cls(lot, workers, tuple(map(tuple, customers)), disorder, memory, recovery, tuple(map(tuple, steps)))


def build(choose: Chooser) -> History:
    """Make a history: again and again some trouble, something to do, and time to do it in."""
    lot = choose.whole(0, 1_000_000)
    workers = choose.among((2, 2, 3, 1))
    customers = [(choose.whole(0, 9_999), choose.whole(4, 14)) for _ in range(choose.whole(1, 5))]
    disorder, memory = choose.among((0, 5, 30)), choose.among((500, 500, 8))
    recovery = choose.among((True, False, False))
    steps: list[Step] = []
    for _ in range(choose.whole(0, 14)):
        steps += (_trouble(choose, workers) for _ in range(choose.among((1, 0, 1, 1, 2, 3))))
        steps += [("feed", choose.whole(1, 6)), ("run", choose.among(SHORT))]
    return History(lot, workers, tuple(customers), disorder, memory, recovery, tuple(steps))


def _trouble(choose: Chooser, workers: int) -> Step:
    kind = choose.among(TROUBLES)
    worker = choose.whole(0, workers - 1)
    match kind:
        case "jump":
            return kind, choose.among(JUMPS)
        case "kill" | "stop":
            return kind, worker, choose.among(RESTARTS)
        case "freeze" | "cut_off":
            return kind, worker, choose.among(LONG)
        case "fault":
            effect = choose.among(EFFECTS)
            return kind, choose.among(TARGETS), choose.whole(1, 3), effect, choose.among(LATE if effect == "late" else LONG)
        case "slow":
            return kind, choose.whole(0, 1), choose.among(LONG)
        case "database_down" | "database_slow":
            return kind, choose.among(LONG)
        case "bad":
            return kind, choose.whole(0, 3), choose.whole(0, 1)
    return (kind,)


TROUBLES = (
    ("rebalance",) * 7 + ("fault",) * 10
    + ("jump", "jump", "kill", "kill", "stop", "freeze", "cut_off", "cut_off", "slow", "database_down", "database_slow", "bad", "misplaced")
)  # fmt: skip
TARGETS = (
    *OPERATIONS, *("watch-changelog",) * 6, "alerts", "tallies", "tallies", "commit", "commit", "database", "database",
)  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw histories (Hypothesis)."""
    return build(DrawnChooser(draw))


def touchpoints(history: History) -> list[dict[str, Any]]:
    """Return what the customers do, in the order in which it arrives; in a third of the histories under several keys, with links between these.

    In a quarter of the histories somebody is forgotten: up to some moment, under one of the keys, and when others go on.
    """
    found: list[dict[str, Any]] = []
    for number, (seed, length) in enumerate(history.customers):
        choose = SeededChooser(seed)
        journeys, segments = choose.whole(0, 1) > 0, choose.whole(0, 3) > 2
        found += Maker(choose, f"c{number}", choose.among((None, "acme")), journeys, segments).play(length)
    if history.lot % 3 == 0:
        found = scattered(found, random.Random(history.lot), 1 + history.lot % 4)
    found.sort(key=lambda each: datetime.fromisoformat(each["time"]))
    if history.lot % 4 == 1:
        found = _forgetting(found, random.Random(history.lot))
    return _disordered(found, history.disorder, random.Random(history.lot))


def _forgetting(found: Sequence[dict[str, Any]], lot: random.Random) -> list[dict[str, Any]]:
    told = list(found)
    for number in range(lot.randrange(1, 3)):
        place = lot.randrange(len(found))
        last = found[place]
        time = datetime.fromisoformat(last["time"]) + timedelta(seconds=lot.choice((0, 1)))
        told.insert(lot.randrange(place, len(told)) + 1, {
            "id": f"forget-{number}", "source": "crm", "type": "customer.forgotten", "time": time.isoformat(), "tenant": last.get("tenant", "default"),
            "customer": last["customer"], "channel": "web", "actor": {"kind": "system"}, "data": {},
        })  # fmt: skip
    return told


def _disordered(found: Sequence[dict[str, Any]], percent: int, lot: random.Random) -> list[dict[str, Any]]:
    placed = []
    for number, each in enumerate(found):
        late = lot.randrange(1, 12) if lot.randrange(100) < percent else 0
        placed.append((number + late, number, each))
        if lot.randrange(100) < percent:
            placed.append((number + lot.randrange(1, 20), number, each))
    return [each for _, _, each in sorted(placed, key=lambda item: item[:2])]
