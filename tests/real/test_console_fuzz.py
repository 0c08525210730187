"""The console's API against its own description."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import Right
from sinks.console.moments import Said
from sinks.database import create_engine, upgrade
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import clock, finding, letter, record, score
from tests.unit.sinks.console.served import served
from tests.unit.sinks.console.test_alerts import touch

QUICK = ("--phases", "fuzzing", "--max-examples", "10", "--max-time", "15")
LONG = ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "50", "--max-time", "240")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("effort", [QUICK, pytest.param(LONG, marks=pytest.mark.full)], ids=["quick", "long"])
def test_nothing_that_fits_the_description_or_does_not_makes_it_fail(
    tmp_path: Path, effort: tuple[str, ...], kind: str, request: pytest.FixtureRequest
) -> None:
    """Whatever schemathesis sends to every operation but the endless stream, no answer is a server's error, on SQLite and on PostgreSQL."""
    url = request.getfixturevalue("database_url") if kind == "postgres" else f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    engine = create_engine(url)
    DatabaseWriter(engine, clock).write([record(finding(first=touch("t"))), record(finding("b", alert="B")), score(), letter()])
    token = Accounts(engine).add_token("fuzz", list(Right), datetime.now(UTC))
    with served(create_console(engine, ConsoleSettings(forget=lambda *_: (1, True), reveal=lambda _: Said("4711", None)))) as port:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{port}/api/openapi.json"),
                *("--header", f"Authorization: Bearer {token}", "--checks", "not_a_server_error"),
                *("--exclude-path", "/api/stream", "--seed", "1", *effort),
                *("--suppress-health-check", "all", "--no-color", "--generation-database", "none"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    engine.dispose()
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    assert "passed" in ended.stdout or "No issues found" in ended.stdout
