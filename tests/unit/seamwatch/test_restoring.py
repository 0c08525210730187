"""Where to go on after a restore, by what the database holds and what Kafka still has."""

from datetime import UTC, datetime

import pytest
from kafka import TopicPartition

from seamwatch.errors import Failed
from seamwatch.restoring import _Log, _targets
from sinks.progress import Stored
from tests.unit.seamwatch.support import run

THEN = datetime(2026, 3, 2, tzinfo=UTC)
ALERTS = TopicPartition("seamwatch.alerts", 0)


def _held(offset: int) -> dict[TopicPartition, Stored]:
    return {ALERTS: Stored(ALERTS.topic, ALERTS.partition, offset, THEN, THEN)}


def test_a_partition_goes_back_to_what_the_database_holds() -> None:
    """Committed beyond the backup: back to the record after its last one; all from there on is stored again."""
    assert _targets(_held(9), {ALERTS: _Log(0, 50, 40)}) == ({ALERTS: 10}, {"seamwatch.alerts": 40}, {})


def test_a_partition_of_which_the_backup_holds_nothing_is_read_from_its_beginning() -> None:
    """A backup of before the first record has no row; what Kafka deleted meanwhile nobody knows to be lost."""
    assert _targets({}, {ALERTS: _Log(5, 50, 40)}) == ({ALERTS: 5}, {"seamwatch.alerts": 45}, {})


@pytest.mark.parametrize("committed", [None, 8, 10])
def test_what_is_not_ahead_is_left_alone(committed: int | None) -> None:
    """A group that has committed nothing, or not more than is stored, is right as it is."""
    assert _targets(_held(9), {ALERTS: _Log(0, 50, committed)}) == ({}, {}, {})


def test_what_kafka_deleted_since_the_backup_is_counted() -> None:
    """Between the backup's last record and the log's first one there are records that nobody has any more."""
    assert _targets(_held(9), {ALERTS: _Log(30, 50, 40)}) == ({ALERTS: 30}, {"seamwatch.alerts": 20}, {"seamwatch.alerts": 20})


def test_a_database_of_another_log_is_refused() -> None:
    """Who restored the wrong backup is told, instead of skipping what is in the log."""
    with pytest.raises(Failed, match="of another log"):
        _targets(_held(99), {ALERTS: _Log(0, 50, 40)})


@pytest.mark.parametrize("given", ["7d", "30d"])
def test_what_may_still_change_is_not_pruned(given: str) -> None:
    """What is within the rules' memory and a week cannot be named."""
    ended = run("db", "prune", "--older-than", given)
    assert (ended.exit_code, "expected at least 37d" in ended.output) == (2, True)
