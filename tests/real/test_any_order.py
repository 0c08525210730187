"""The same touchpoints in any order, repeated, in batches of any size, over any number of partitions: one answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agents.scores import SCORES
from tests.support.services import KafkaServer, PostgresServer
from tests.support.stories import newest, replayed, shuffled, stories
from tests.support.workers import Installation, WorkerProcess, assert_same, database_state, wait_until_caught_up

IN_ORDER: Mapping[str, Any] = {"max_poll_records": 2000}
"""One batch a partition."""

IN_CRUMBS: Mapping[str, Any] = {"max_poll_records": 13, "commit_interval": 0.2}
"""Some fifty batches a partition."""


@pytest.mark.slow
def test_order_repeats_batches_and_partitions_change_nothing(
    kafka: KafkaServer, postgres: PostgresServer, prefix: str, tmp_path: Path
) -> None:
    """Eighty timelines in order over two partitions, and shuffled with a tenth of them twice over five, in crumbs, by three workers: as a replay has it.

    Compared are findings, alerts, and scores of every kind.
    """
    log = stories(range(100, 180))
    logs = {"2": (log, IN_ORDER), "5": (shuffled(log, 3), IN_CRUMBS)}
    installations, workers = list[Installation](), list[list[WorkerProcess]]()
    try:
        for partitions, (touchpoints, tuned) in logs.items():
            directory = tmp_path / partitions
            directory.mkdir()
            own = Installation(
                directory, kafka.bootstrap, postgres.new_database(), f"{prefix}-{partitions}", PARTITIONS=partitions
            )
            installations.append(own)
            own.prepare().produce(touchpoints)
            workers.append([own.start_tuned(tuned) for _ in range(3 if partitions == "5" else 1)])
        expected = replayed(log)
        assert len(expected.findings) > 200
        assert {key[1] for key in expected.scores} == set(SCORES)
        for own, those in zip(installations, workers, strict=True):
            wait_until_caught_up(own, *those)
            assert_same(database_state(own.database, newest(log)), expected)
        assert workers[0][0].metric("duplicates_total") == 0
        assert sum(each.metric("duplicates_total", content="same") for each in workers[1]) > len(log) // 11  # dealt anew, some count twice or nowhere
        assert sum(each.metric("findings_withdrawn_total") for each in workers[1]) > 0
    finally:
        for own in installations:
            own.end()
