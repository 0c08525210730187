"""A database for each test, on SQLite."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sinks.database import create_engine, upgrade


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with an empty database."""
    path = tmp_path_factory.mktemp("upgraded") / "seamwatch.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def engine(upgraded: Path, tmp_path: Path) -> Iterator[Engine]:
    """Give an empty database in a file."""
    engine = create_engine(f"sqlite:///{shutil.copy(upgraded, tmp_path)}")
    yield engine
    engine.dispose()
