"""The whole program ends between any two steps, on a real Kafka and a real PostgreSQL: the database is that of an undisturbed run."""

import random
import time
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import pytest

from streams.failpoints import EXIT_CODE
from tests.reference.identity import scattered
from tests.support.stories import newest, replayed, stories
from tests.support.workers import Installation, State, WorkerProcess, assert_same, database_state, wait_until_caught_up

pytestmark = pytest.mark.slow

SMALL = {"max_poll_records": 40, "commit_interval": 0.2}
"""Many batches and commits of a small log."""

SLICE = 30
"""How many touchpoints come at once."""

DEATHS = {
    "around the findings": ("before_findings:1", "before_findings:9", "after_findings:1", "after_findings:8"),
    "while timelines leave": ("before_scores_that_leave:1", "before_onward:1", "before_scores_that_leave:3", "before_onward:3"),
    "around tallies and rows": ("after_tallies:1", "after_tallies:7", "after_rows:1", "after_rows:6"),
    "around commits": ("after_transaction:1", "after_commit:1", "after_transaction:5", "after_commit:4"),
}
"""Where one worker after the other dies: at its first pass of a point, or at a later one."""


@pytest.fixture(scope="module")
def log() -> list[dict[str, Any]]:
    """Make the touchpoints of many customers, a third of whom have two aliases each, linked on the way."""
    told = stories(range(40))
    known = [each for each in told if hash_of(each["customer"]) % 3]
    under_aliases = scattered([each for each in told if not hash_of(each["customer"]) % 3], random.Random(4), 2)
    return [each for both in zip_longest(known, under_aliases) for each in both if each is not None]


def hash_of(customer: str) -> int:
    """Return a number that is the same in every process."""
    return sum(customer.encode())


@pytest.fixture(scope="module")
def expected(log: list[dict[str, Any]]) -> State:
    """Return what an undisturbed run stores."""
    state = replayed(log)
    assert len(state.findings) > 100
    assert len(state.alerts) > 40
    assert len(state.scores) > 100
    return state


@pytest.mark.parametrize("deaths", DEATHS.values(), ids=DEATHS.keys())
def test_a_crash_at_any_point_changes_nothing(
    installation: Installation, log: list[dict[str, Any]], expected: State, deaths: Sequence[str]
) -> None:
    """Workers die between any two steps, at once and later; the one that comes after them ends with the findings, alerts and scores of a replay."""
    installation.prepare()
    slices = [log[start : start + SLICE] for start in range(0, len(log), SLICE)]
    share = len(slices) // len(deaths)
    for number, failpoint in enumerate(deaths):
        coming = (
            slices[number * share :] if number == len(deaths) - 1 else slices[number * share : (number + 1) * share]
        )
        worker = installation.start_tuned(SMALL, FAILPOINT=failpoint, INSTANCE_ID="one")
        _die_while_touchpoints_come(installation, worker, coming)
    worker = installation.start_tuned(SMALL, INSTANCE_ID="one")
    wait_until_caught_up(installation, worker)
    assert_same(database_state(installation.database, newest(log)), expected)


def _die_while_touchpoints_come(
    installation: Installation, worker: WorkerProcess, slices: Sequence[list[dict[str, Any]]]
) -> None:
    """Give the worker slice after slice, so that it has batches and commits to die in, and see that it does; then append what is left."""
    waiting = list(slices)
    until = time.monotonic() + 60
    while worker.running and time.monotonic() < until:
        if waiting and worker.get("/readyz")[0] == 200:
            installation.produce(waiting.pop(0))
        time.sleep(0.25)
    assert worker.wait(1) == EXIT_CODE, worker.tail()
    for each in waiting:
        installation.produce(each)
