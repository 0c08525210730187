"""Stories told all over, on random timelines: the engine and a reading of the words themselves agree."""

import random
from typing import Any

import pytest

from tests.reference.scenarios import random_scenario
from tests.unit.agents.support import clock_after, first_of_each, run
from tests.unit.agents.test_engine import assert_like_oracle, expected

STORIES = (
    "My router drops the connection every evening at about eight and I have to restart it by hand.",
    "Every evening at about eight my router drops the connection, and I have to restart it by hand!",
    "I moved to a new flat in Leeds and my electricity contract still runs at the old address.",
    "我家的路由器每天晚上八点左右就断网，每次都要手动重启才行。",
    "It does not work.",
)


def with_stories(seed: int) -> list[dict[str, Any]]:
    """Return a random timeline in which the customer, and sometimes somebody else, tells one of a few stories every now and then."""
    chance = random.Random(seed)
    told: list[dict[str, Any]] = []
    for number, touchpoint in enumerate(random_scenario(seed)):
        told.append(touchpoint)
        if chance.random() < 0.4:
            private = {"private": chance.random() < 0.1}
            told.append(
                touchpoint
                | {"id": f"story-{number}", "type": "message", "data": {"text": chance.choice(STORIES)} | private}
            )
            if chance.random() < 0.8:
                told[-1]["actor"] = {key: value for key, value in touchpoint["actor"].items() if key == "team"} | {
                    "kind": "customer"
                }
                told[-1]["actor"].pop("team" if chance.random() < 0.7 else "", None)
    return told


@pytest.mark.parametrize("seed", [*range(25), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(25, 100))])
def test_stories_are_found_where_the_words_say_so(seed: int) -> None:
    """Whoever tells what to whom, in whatever order: what is found by sketches is what is found by words."""
    touchpoints = with_stories(seed)
    assert_like_oracle(touchpoints, clock_after(touchpoints))


def test_the_random_timelines_hold_stories_told_again() -> None:
    """The comparison compares something: most timelines hold a story told to another handler."""
    found = [expected(with_stories(seed), clock_after(with_stories(seed)))[0].values() for seed in range(25)]
    assert sum(any(each["detector"] == "repeated_story" for each in one) for one in found) > 12


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_arrival_changes_no_story(seed: int) -> None:
    """Told backwards and in small batches, a timeline ends with the same findings."""
    once = first_of_each(with_stories(seed))
    clock = clock_after(once)
    assert run(once[::-1], clock, (3, 5)).standing() == run(once, clock).standing()
