"""An installation for each test that wants one, and a console with a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from sinks.database import create_engine, upgrade
from tests.support.console import Console, console, launched
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser; of one module alone, since it holds on to the thread's event loop."""
    yield from launched()


@pytest.fixture
def desk(upgraded: Path, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    """Give a console with two alerts, one of them critical."""
    with console(upgraded, tmp_path, browser) as made:
        made.found("A", 3)
        made.found("B", 2, severity="critical", detector="dead_end", seam={"from": "team:sales", "to": "team:tech"})
        yield made
