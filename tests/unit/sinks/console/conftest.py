"""A console over a database of the sinks, and somebody who may do everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from sinks.console import ConsoleSettings, create_console
from sinks.console.callers import RIGHTS, Caller, Role
from tests.unit.sinks.handling import Desk

ADA = Caller("ada", RIGHTS[Role.ADMIN], Role.ADMIN)
RULES = [
    {"name": "repeated_request", "detector": "repeated_request", "version": 1, "mode": "on", "severity": "warning"}
]


@pytest.fixture
def desk(engine: Engine) -> Desk:
    """Give the stream and other operators of an empty database."""
    return Desk(engine)


@pytest.fixture
def settings(desk: Desk, tmp_path: Path) -> ConsoleSettings:
    """Give settings whose clock is the desk's."""
    return ConsoleSettings(
        version="b1", rules=RULES, sources=("xes", "csv"), web=tmp_path / "web", now=desk.clock.moment, caller=ADA
    )


@pytest.fixture
def client(engine: Engine, settings: ConsoleSettings) -> Iterator[TestClient]:
    """Give a client of the console."""
    with TestClient(create_console(engine, settings)) as client:
        yield client
