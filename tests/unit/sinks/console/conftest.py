"""A console over a database of the sinks, and somebody who may do everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import Role
from tests.unit.sinks.console.served import enter, known
from tests.unit.sinks.handling import Desk

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
        version="b1", rules=RULES, sources=("xes", "csv"), topics_of_others={"vendor.events": "csv"}, web=tmp_path / "web", now=desk.clock.moment,
        forget=lambda _engine, _tenant, customer: (0, False) if "@" in customer else (2, True),
    )  # fmt: skip


@pytest.fixture
def accounts(engine: Engine) -> Accounts:
    """Give the accounts of the database, without any."""
    return Accounts(engine)


@pytest.fixture
def session(accounts: Accounts, desk: Desk) -> str:
    """Give the secret of a session of Ada, who may do everything."""
    accounts.add("ada", Role.ADMIN, desk.clock.now, password=None)
    return enter(accounts, "ada", desk)


@pytest.fixture
def app(engine: Engine, settings: ConsoleSettings) -> FastAPI:
    """Give a console."""
    return create_console(engine, settings)


@pytest.fixture
def client(app: FastAPI, session: str) -> Iterator[TestClient]:
    """Give Ada's client of the console."""
    with known(TestClient(app), app, session) as client:
        yield client
