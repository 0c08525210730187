"""An installation for each test that wants one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.database import upgrade
from tests.support.services import KafkaServer
from tests.support.workers import Installation


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with an empty database."""
    path = tmp_path_factory.mktemp("upgraded") / "seamwatch.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def installation(kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path) -> Iterator[Installation]:
    """Give an installation on real servers, without topics and tables yet."""
    made = Installation(tmp_path, kafka.bootstrap, database_url, prefix)
    yield made
    made.end()
