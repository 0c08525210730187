"""Scores: the formulas, and sums that merge, reverse and repeat."""

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine import Charge
from agents.scores import Merger
from agents.tallies import Tallies, consistency, handoff
from tests.reference.scenarios import random_scenario
from tests.unit.agents.support import clock_after, partition, records

HOUR = 3_600_000_000


def tally(harm: float, opportunities: float, at: int = 0, offset: int = 0, held: int = 1) -> bytes:
    """Make a tally's JSON."""
    body = {"harm": harm, "opportunities": opportunities, "charges": held, "segments": held, "at": at, "offset": offset}
    return json.dumps(body).encode()


def key(partition_number: int, name: str = "sales") -> bytes:
    """Make a tally's key."""
    return json.dumps(["acme", "consistency", "team", name, 3600, partition_number], separators=(",", ":")).encode()


def merged(merger: Merger) -> dict[str, Any]:
    """Return the one score that changed."""
    ((_, value),) = merger.take_scores()
    found: dict[str, Any] = json.loads(value)
    return found


def test_an_entity_starts_from_twenty_harmless_handlings() -> None:
    """100 x (1 - min(1, H / (O + 20))): three contacts with one failure do not make a team the worst."""
    assert consistency(0.15, 3, 20) == pytest.approx(100 * (1 - 0.15 / 23))
    assert consistency(50, 3, 20) == 0


def test_partitions_add_up_each_decayed_to_the_newest() -> None:
    """A tally one half-life older counts half."""
    merger = Merger(20)
    assert merger.take(key(0), tally(1.0, 10.0, at=0))
    assert merger.take(key(1), tally(0.5, 4.0, at=HOUR))
    score = merged(merger)
    assert score["components"] == {"harm": 1.0, "opportunities": 9.0, "prior": 20}
    assert score["value"] == pytest.approx(100 * (1 - 1.0 / 29))
    assert score["as_of"] == "1970-01-01T01:00:00Z"


def test_of_two_scores_of_one_moment_the_later_has_the_higher_sequence() -> None:
    """A tally that moves no clock, even the first of another partition, moves the sequence: whoever stores scores knows which of two was made later."""
    merger = Merger(20)
    found = []
    for number, offset in ((0, 4), (0, 7), (1, 0), (1, 2)):
        merger.take(key(number), tally(1.0, 10.0, offset=offset))
        score = merged(merger)
        found.append((score["as_of"], score["sequence"]))
    assert sorted(set(found)) == found
    assert len({as_of for as_of, _ in found}) == 1


def test_a_tally_of_an_older_offset_changes_nothing() -> None:
    """A writer that had lost the partition cannot set a score back; what it overtook is to be written again, until it is."""
    merger = Merger(20)
    merger.take(key(0), tally(1.0, 10.0, offset=9))
    merger.take(key(0), tally(7.0, 70.0, offset=8))
    assert merged(merger)["components"]["opportunities"] == 10.0
    ((overtaken, value),) = merger.take_overtaken()
    assert (overtaken, json.loads(value)) == (key(0), json.loads(tally(1.0, 10.0, offset=9)))
    merger.take(key(0), tally(7.0, 70.0, offset=8))
    merger.take(key(0), value)
    assert not list(merger.take_overtaken())


def test_a_score_of_which_all_was_taken_back_has_no_value() -> None:
    """Null tells the sink to delete the row."""
    merger = Merger(20)
    merger.take(key(0), tally(0.0, 0.0, held=0))
    assert merged(merger)["value"] is None


@pytest.mark.parametrize(
    ("bad_key", "value"), [(None, b"{}"), (b"", b"{}"), (b"[1,2]", tally(1, 1)), (key(0), b"{}"), (b"\xff,1]", tally(1, 1))]
)
def test_what_is_no_tally_is_passed_over(bad_key: bytes | None, value: bytes) -> None:
    """A stray record in the topic is refused and breaks nothing."""
    merger = Merger(20)
    assert not merger.take(bad_key, value)
    assert not list(merger.take_scores())


@given(st.lists(st.tuples(st.integers(0, 40 * HOUR), st.booleans()), max_size=30), st.randoms(use_true_random=False))
def test_charges_in_any_order_and_taken_back_leave_nothing(charges: list[tuple[int, bool]], chance: random.Random) -> None:
    """What is charged and taken back again, in whatever order, leaves sums of exactly nothing."""
    tallies = Tallies([HOUR, 168 * HOUR])
    steps = [
        Charge("team", "x", time, sign * 0.15 if harmful else 0.0, 0 if harmful else sign, sign if harmful else 0)
        for time, harmful in charges
        for sign in (1, -1)
    ]
    chance.shuffle(steps)
    for offset, step in enumerate(steps):
        tallies.charge("acme", step, offset)
    assert not list(tallies.sums())


def test_the_score_of_a_customer_is_the_product_of_what_was_left_by_each_finding() -> None:
    """Harms multiply: 100 x exp(-S) with S = sum of -ln(1 - harm), decayed."""
    for seed in range(40):
        touchpoints = random_scenario(seed)
        watch = partition()
        watch.process(records(touchpoints))
        watch.advance(clock_after(touchpoints))
        for customer in watch.customers():
            harm, findings = customer.harm(watch.clock, 168 * HOUR)
            left = 1.0
            for each in customer.contributions.values():
                left *= (1 - each.harm) ** (2 ** (-(watch.clock - each.time) / (168 * HOUR)))
            assert 100 * math.exp(-harm) == pytest.approx(100 * left)
            assert findings == len(customer.contributions)


@given(*[st.floats(0, 1e6)] * 4)
def test_a_handoff_score_lies_between_its_ends_and_needs_evidence(late: float, kept: float, lost: float, whole: float) -> None:
    """0..100, whatever the sums; none where nothing was decided and no context is known; a factor without evidence does not count."""
    score = handoff(late, late + kept, lost, lost + whole)
    assert (score is None) == (max(late + kept, lost + whole) < 1e-6)
    assert score is None or 0 <= score <= 100
    assert handoff(late, late + kept, 0, 0) == (None if late + kept < 1e-6 else pytest.approx(100 * kept / (late + kept)))


def test_a_handoff_score_multiplies_timing_and_quality() -> None:
    """Of four decided one late, of two known one lost, in two partitions: 100 x 3/4 x 1/2."""
    merger = Merger(20)
    sums = {"harm": 1.0, "opportunities": 4.0, "charges": 1, "segments": 4, "at": 0, "offset": 0}
    contexts = {"harm": 0.0, "opportunities": 0.0, "charges": 0, "segments": 0, "at": 0, "offset": 0}
    contexts |= {"lost": 1.0, "known": 2.0, "losses": 1, "contexts": 2}
    for number, each in enumerate((sums, contexts)):
        name = json.dumps(["acme", "handoff", "team", "sales", 3600, number], separators=(",", ":")).encode()
        assert merger.take(name, json.dumps(each).encode())
    score = merged(merger)
    assert (score["value"], score["samples"]) == (37.5, 4.0)
    assert score["components"] == {"late": 1.0, "decided": 4.0, "lost": 1.0, "known": 2.0}
