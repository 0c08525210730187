"""A worker that is told to stop ends, whatever its broker and its database do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest

from tests.support.services import KafkaServer, PostgresServer
from tests.support.workers import Installation, WorkerProcess

STOP = 10.0


@contextmanager
def ready_worker(directory: Path, bootstrap: str, database: str, prefix: str) -> Iterator[WorkerProcess]:
    """Give a worker of its own installation that is ready."""
    installation = Installation(directory, bootstrap, database, prefix).prepare()
    try:
        yield installation.start().wait_ready(60)
    finally:
        installation.end()


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_sigterm_ends_a_worker_whose_broker_is_gone(
    fault: str, kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path
) -> None:
    """With its broker killed, or stopped in mid-air, the worker ends within the ten seconds it has."""
    del kafka  # its fixture knows when to skip
    with KafkaServer() as own, ready_worker(tmp_path, own.bootstrap, database_url, prefix) as worker:
        getattr(own, fault)()
        sleep(1)
        assert worker.stop()[1] < STOP
        if fault == "pause":
            own.resume()


def test_sigterm_ends_a_worker_whose_database_stands_still(
    kafka: KafkaServer, postgres: PostgresServer, prefix: str, tmp_path: Path
) -> None:
    """With its database frozen in mid-air, and a thread that waits for its answer, the worker ends within the ten seconds it has."""
    del postgres  # its fixture knows when to skip
    with (
        PostgresServer() as own,
        ready_worker(tmp_path, kafka.bootstrap, own.new_database(), prefix) as worker,
    ):
        own.pause()
        sleep(11)  # it asks for scores every ten
        assert worker.stop()[1] < STOP
