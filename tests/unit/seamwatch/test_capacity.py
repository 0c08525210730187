"""The calculator: more never needs less, one worker may be away, and it says what gives out first."""

import json
from itertools import pairwise
from pathlib import Path

from seamwatch.capacity import COSTS, need
from tests.unit.seamwatch.support import run


def test_more_needs_more_and_half_of_a_worker_is_left_free() -> None:
    """Ten thousand events a second take the workers that do twice as many, and one to spare; nothing shrinks when the load grows."""
    found = [need(rate, 1_000 * rate) for rate in (10, 100, 1_000, 10_000, 100_000)]
    for less, more in pairwise(found):
        assert less.workers <= more.workers
        assert less.partitions <= more.partitions
        assert less.kafka < more.kafka
    assert (found[0].workers, found[3].workers - 1) == (2, -(-10_000 * 2 // 39_042))
    assert all(each.partitions >= 2 * each.workers for each in found)


def test_memory_is_that_of_customers() -> None:
    """A million quiet customers are their rows; those in contact cost more each, up to what a partition keeps."""
    quiet, busy = need(100, 1_000_000, live=0), need(100, 1_000_000)
    assert quiet.memory == COSTS.base + 1_000_000 * COSTS.row
    assert busy.memory == quiet.memory + 20_000 * COSTS.open_row
    assert need(100, 10**9).memory == COSTS.base + 10**9 * COSTS.row + 12 * 8_000 * COSTS.open_row


def test_few_events_give_the_database_more_records_each() -> None:
    """A score is published once in half a second at most: what an event gives the sinks falls with the rate, up to how often all scores can be told. So it
    was in runs of 20 teams: 23.1, 55.5 and 120.1 records a second at 50, 200 and 1,000 events; the calculator is never below nine tenths of that."""
    rates = (1, 10, 50, 200, 1_000, 10_000, 100_000)
    for less, more in pairwise(rates):
        assert need(less, 1, teams=20).records / less > need(more, 1, teams=20).records / more > COSTS.found
    for rate, seen in ((50, 23.1), (200, 55.5), (1_000, 120.1)):
        assert 0.9 * seen < need(rate, 1, teams=20).records < 1.7 * seen
    assert need(10**6, 1, teams=20).records - 10**6 * COSTS.found <= (COSTS.wide + 20 * COSTS.narrow) / COSTS.every


def test_what_is_compacted_is_kept_for_a_day() -> None:
    """Kafka holds events for as long as it is told, and rows of state, tallies and scores of the last day."""
    day = 100 * 86_400
    assert need(100, 1, days=7, replication=1).kafka == day * (7 * (463 + COSTS.kept) + COSTS.compacted)
    assert need(100, 1, days=0.5, replication=2).kafka == day * (463 + COSTS.kept + COSTS.compacted)


def test_what_gives_out_first_is_told() -> None:
    """At a small load nothing does; where one PostgreSQL does not take the records, it is named."""
    assert need(100, 10_000).limit.startswith("nothing; next the workers' processors")
    assert need(500_000, 10_000).limit.startswith("the database")
    assert need(100, 10**9).limit.startswith("memory of a worker")


def test_the_command_tells_three_sizes() -> None:
    """For people and for programs: the load, and ten and a hundred times as much."""
    told = run("capacity", "--events-per-second", "2000", "--customers", "1000000").output
    assert told.count("events a second of") == 3
    assert f"```text\n{told}```" in (Path(__file__).parents[3] / "docs" / "capacity.md").read_text()
    found = json.loads(run("capacity", "--events-per-second", "2000", "--customers", "1000000", "--json").output)
    assert list(found) == ["1", "10", "100"]
    assert run("capacity", "--events-per-second", "0", "--customers", "1").exit_code == 2
