"""What a file of SQLite tells of rules."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sinks.database import create_engine, upgrade
from tests.unit.sinks.figures import Figures


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Give an empty database with its tables."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    made = create_engine(url)
    yield made
    made.dispose()


class TestSqlite(Figures):
    """SQLite tells the same."""
