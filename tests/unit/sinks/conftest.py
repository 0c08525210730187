"""A database for each test, on SQLite."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sinks.database import create_engine


@pytest.fixture
def engine(upgraded: Path, tmp_path: Path) -> Iterator[Engine]:
    """Give an empty database in a file."""
    engine = create_engine(f"sqlite:///{shutil.copy(upgraded, tmp_path)}")
    yield engine
    engine.dispose()
