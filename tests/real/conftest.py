"""An installation for each test that wants one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sinks.database import create_engine, upgrade
from tests.support.services import KafkaServer
from tests.support.workers import Installation


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Give an empty database with its tables."""
    upgrade(database_url)
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def installation(kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path) -> Iterator[Installation]:
    """Give an installation on real servers, without topics and tables yet."""
    made = Installation(tmp_path, kafka.bootstrap, database_url, prefix)
    yield made
    made.end()
