"""A small scenario, and the command line as a test calls it."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from seamwatch.cli import cli
from sinks.database import create_engine
from sinks.writer import DatabaseWriter, SinkRecord

__all__ = ["UNTIL", "asked_twice", "findings", "lines", "run", "store", "touchpoint", "without_settings", "write"]

UNTIL = "2026-03-02T12:00:00Z"


def run(*arguments: str, given: bytes | None = None, env: Mapping[str, str | None] | None = None) -> Result:
    """Run the command line, without the settings of whoever runs the tests unless ``env`` gives them."""
    return CliRunner().invoke(cli, list(arguments), input=given, env=env)


def touchpoint(identifier: str, time: str, type_: str, customer: str, team: str | None, **more: Any) -> dict[str, Any]:
    """Return one touchpoint of 2 March 2026; of a customer where there is no team."""
    actor = {"kind": "customer"} if team is None else {"kind": "agent", "team": team, "id": f"{team}-1"}
    return {
        "id": identifier,
        "source": "test",
        "type": type_,
        "time": f"2026-03-02T{time}Z",
        "tenant": "acme",
        "customer": customer,
        "contact": f"k-{customer}",
        "journey": f"j-{customer}",
        "channel": "chat",
        "actor": actor,
        **more,
    }


def asked_twice(customer: str) -> list[dict[str, Any]]:
    """Return a story in which sales is told the account number, passes the customer on, and service asks for it again."""
    field = {"field": "account_number"}
    return [
        touchpoint(f"{customer}-1", "10:00:00", "contact.answered", customer, "sales"),
        touchpoint(f"{customer}-2", "10:01:00", "info.requested", customer, "sales", data=field),
        touchpoint(f"{customer}-3", "10:02:00", "info.provided", customer, None, data=field | {"value": "4711-2299"}),
        touchpoint(f"{customer}-4", "10:05:00", "contact.answered", customer, "service"),
        touchpoint(f"{customer}-5", "10:06:00", "info.requested", customer, "service", data=field),
        touchpoint(f"{customer}-6", "10:07:00", "info.provided", customer, None, data=field | {"value": "4711-2299"}),
    ]


def lines(*stories: list[dict[str, Any]]) -> bytes:
    """Return stories as a file holds them."""
    return b"".join(json.dumps(each).encode() + b"\n" for story in stories for each in story)


def write(directory: Path, content: bytes, name: str = "touchpoints.jsonl") -> str:
    """Write a file and return its path."""
    path = directory / name
    path.write_bytes(content)
    return str(path)


def findings(path: str | Path) -> dict[str, dict[str, Any]]:
    """Return the findings of a file by id, without revisions."""
    found = {}
    for line in Path(path).read_text().splitlines():
        body = json.loads(line)
        body.pop("revision")
        found[body["id"]] = body
    return found


def store(out: Path, topic: str = "alerts") -> None:
    """Write the findings (of another ``topic``, what it holds) of a file to the database in this directory, making its tables where there are none."""
    assert run("db", "upgrade").exit_code == 0
    records = [
        SinkRecord(f"test.{topic}", 0, offset, 0, b"key", line, ())
        for offset, line in enumerate(out.read_bytes().splitlines())
    ]
    engine = create_engine("sqlite:///seamwatch.db")
    DatabaseWriter(engine, lambda: time.time_ns() // 1000).write(records)
    engine.dispose()


def without_settings(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Forget the settings of whoever runs the tests, and work in ``directory``."""
    for name in [name for name in os.environ if name.startswith("SEAMWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(directory)
