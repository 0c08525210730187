"""A log for each test."""

from pathlib import Path

import pytest

from tests.faust.support import Log
from tests.support.services import KafkaServer


@pytest.fixture
def log(kafka: KafkaServer, prefix: str, tmp_path: Path) -> Log:
    """Give an empty topic on a real Kafka."""
    return Log(kafka.bootstrap, prefix, tmp_path)
