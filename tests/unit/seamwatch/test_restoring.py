"""Where to go on after a restore, by what the database holds and what Kafka still has."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import NoError

from config.settings import load_settings
from seamwatch import restoring
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


class _Group:
    """A broker whose group has one member for a few looks more. It commits as it ends, and thereby passes what the backup lacks."""

    def __init__(self) -> None:
        self.looks = 3
        self.committed: int | None = None
        self.set: dict[TopicPartition, int] = {}

    def describe_groups(self, groups: Sequence[str]) -> Mapping[str, Any]:
        self.looks -= 1
        if not self.looks:
            self.committed = 40
        return {group: {"members": ["w0"] * (self.looks > 0)} for group in groups}

    def alter_group_offsets(self, _group: str, offsets: Mapping[TopicPartition, Any]) -> Mapping[TopicPartition, Any]:
        self.set |= {tp: each.offset for tp, each in offsets.items()}
        return dict.fromkeys(offsets, NoError)

    def close(self) -> None:
        """Hold nothing."""


def test_offsets_are_read_when_the_last_worker_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker commits as it ends is beyond the backup, too, and is set back: read before, it would have been taken for right as it is."""
    group = _Group()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEAMWATCH_DATABASE", f"sqlite:///{tmp_path}/restored.db")
    assert run("db", "upgrade").exit_code == 0
    monkeypatch.setattr(restoring, "KafkaAdminClient", lambda **_: group)
    monkeypatch.setattr(restoring, "sleep", lambda _: None)
    monkeypatch.setattr(restoring, "_logs", lambda *_: {ALERTS: _Log(0, 50, group.committed)})
    assert restoring.rewind(load_settings()) == ({"seamwatch.alerts": 50}, {})
    assert group.set == {ALERTS: 0}


@pytest.mark.parametrize("given", ["7d", "30d"])
def test_what_may_still_change_is_not_pruned(given: str) -> None:
    """What is within the rules' memory and a week cannot be named."""
    ended = run("db", "prune", "--older-than", given)
    assert (ended.exit_code, "expected at least 37d" in ended.output) == (2, True)
