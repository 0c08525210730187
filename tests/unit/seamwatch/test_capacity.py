"""The calculator: more never needs less, one worker may be away, and it says what gives out first."""

import json
from itertools import pairwise
from pathlib import Path

import yaml

from seamwatch.capacity import BUSY, COSTS, MEBIBYTE, MEMORY_LIMIT, need
from tests.unit.seamwatch.support import run


def test_more_needs_more_and_half_of_a_worker_is_left_free() -> None:
    """Nothing shrinks when the load grows; workers are as few as can be of whom none is busy for more than half of a processor, and one to spare."""
    found = [need(rate, 1_000 * rate) for rate in (10, 100, 1_000, 10_000, 100_000)]
    for less, more in pairwise(found):
        assert less.workers <= more.workers
        assert less.partitions <= more.partitions
        assert less.kafka < more.kafka
    assert found[0].workers == 2
    for rate, each in zip((10, 100, 1_000, 10_000, 100_000), found, strict=True):
        working = each.workers - 1
        assert each.processor <= BUSY
        assert working == 1 or COSTS.busy_worker + rate * COSTS.busy_event / (working - 1) > BUSY
    assert all(each.partitions >= 2 * each.workers for each in found)


def test_a_worker_is_busier_than_its_events_alone_make_it() -> None:
    """Waiting for few events is no share of their cost, and many come in larger batches. In runs of one worker it was busy for 19.8, 42.9 and 49.8 % of its
    processor at 200, 4,000 and 7,000 events a second, the median of three; the calculator is not below that, nor above by a tenth."""
    for rate, seen in ((200, 0.198), (4_000, 0.4285), (7_000, 0.498)):
        assert seen <= need(rate, 1).processor < 1.1 * seen
        assert need(rate, 1).workers == 2
    assert need(20_000, 1).processor == need(20_000 / (need(20_000, 1).workers - 1), 1).processor


def test_memory_is_that_of_customers() -> None:
    """A million quiet customers are their rows; those in contact cost more each, up to what a worker keeps."""
    quiet, busy = need(100, 1_000_000, live=0), need(100, 1_000_000)
    assert quiet.memory == COSTS.base + 1_000_000 * COSTS.row
    assert busy.memory == quiet.memory + 20_000 * COSTS.open_row
    assert need(100, 10**9).memory == COSTS.base + 10**9 * COSTS.row + COSTS.open_rows * COSTS.open_row


def test_more_memory_than_the_deployment_files_give_is_told_with_what_to_do() -> None:
    """Where a worker needs more than its limit there, the command says so and names the fewest workers of whom none does; else it says nothing of it."""
    root = Path(__file__).parents[3]
    for file, limit in (("config/kubernetes/workers.yaml", "limits: {memory: 2Gi}"), ("config/systemd/seamwatch-worker@.service", "MemoryMax=2G\n")):
        assert limit in (root / file).read_text()
    assert yaml.safe_load((root / "docker-compose.yml").read_text())["services"]["worker"]["mem_limit"] == "2g"
    assert MEMORY_LIMIT == 2048 * MEBIBYTE
    for live in (0.0, 0.02, 1.0):
        for customers in (1_000, 10_000_000, 100_000_000):
            within = need(1, customers, live=live).workers_within_limit
            mine = [customers / working for working in (within - 1, within - 2) if working]
            memory = [COSTS.base + each * COSTS.row + min(each * live, COSTS.open_rows) * COSTS.open_row for each in mine]
            assert memory[0] <= MEMORY_LIMIT
            assert all(each > MEMORY_LIMIT for each in memory[1:])
    told = run("capacity", "--events-per-second", "2000", "--customers", "1000000").output.split("events a second of")[1:]
    assert ["raise that limit, or run" in each for each in told] == [False, True, True]


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
