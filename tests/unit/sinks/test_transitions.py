"""The life of an alert on SQLite."""

import sqlite3

import pytest
from sqlalchemy import Engine

from models.alert import Acknowledge
from sinks.database import create_engine
from sinks.lifecycle import Refusal
from tests.unit.sinks.builders import finding
from tests.unit.sinks.handling import Desk, Handling


class TestSqlite(Handling):
    """SQLite passes."""


def test_a_database_that_goes_away_is_told_for_each_key(engine: Engine) -> None:
    """Where the database is away, every key that was not changed is reported, and nothing is raised."""
    Desk(engine).found(finding(), finding("b", alert="B"))
    impatient = create_engine(f"{engine.url}?timeout=0.05")
    other = sqlite3.connect(engine.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    report = Desk(impatient).act(Acknowledge(), "A", "B")
    assert report.done == []
    assert [(refused.key, refused.refusal) for refused in report.refused] == [
        ("A", Refusal.UNAVAILABLE), ("B", Refusal.UNAVAILABLE),
    ]  # fmt: skip
    other.close()
    impatient.dispose()


def test_the_program_is_nobody(engine: Engine) -> None:
    """Nobody acts under the name by which the audit tells what the program did by itself."""
    desk = Desk(engine)
    desk.found(finding())
    with pytest.raises(ValueError, match="not a name of a person"):
        desk.act(Acknowledge(), actor="seamwatch")
