"""`seamwatch scores`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sinks.database import create_engine, upgrade
from sinks.writer import DatabaseWriter
from tests.unit.seamwatch.support import run
from tests.unit.sinks.builders import clock, finding, record, score


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store scores of a team, of a customer and of a partner as of now, and a broken promise and a repeated question of that team."""
    url = f"sqlite:///{tmp_path}/scores.db"
    monkeypatch.setenv("SEAMWATCH_DATABASE", url)
    upgrade(url)
    engine = create_engine(url)
    now = datetime.now(UTC).isoformat()
    week: dict[str, Any] = {"half_life": 604_800, "as_of": now}
    parts = {"promises": 4.0, "broken": 1.0, "facts": 2.0, "contradicted": 1.0}
    found = [
        score(37.5, score="communication", name="tech", components=parts, samples=6.0, **week),
        score(99.0, name="tech", components={"harm": 0.2, "opportunities": 0.0, "prior": 20.0}, **week),
        score(43.1, score="fusion", scope="partner", name="parcels>mobile", components={"moved": 8.0, "loss": 8.0, "prior": 50.0}, **week),
        score(45.0, score="fusion", scope="customer", name="c-1>mobile", components={"moved": 11.0, "loss": 8.0}, **week),
    ]
    seam = {"from": "team:billing", "to": "team:tech"}
    told = [finding("f1", detector="broken_promise", time=now, seam=seam), finding("f2", time=now, seam=seam)]
    DatabaseWriter(engine, clock).write([*found, *(record(each) for each in told)])
    engine.dispose()


def test_the_lowest_scores_come_first() -> None:
    """Scores of entities as of now, the lowest first; customers only where they are asked for."""
    told = [json.loads(line) for line in run("scores", "--json").stdout.splitlines()]
    assert [(each["score"], each["name"]) for each in told] == [("communication", "tech"), ("fusion", "parcels>mobile"), ("consistency", "tech")]
    assert [each["value"] for each in told] == pytest.approx([37.5, 43.1034, 99], abs=1e-2)
    assert "communication" in run("scores").stdout
    [bond] = map(json.loads, run("scores", "--scope", "customer", "--json").stdout.splitlines())
    assert (bond["name"], bond["value"]) == ("c-1>mobile", pytest.approx(45, abs=1e-2))


def test_a_score_opens_into_what_it_rests_on() -> None:
    """By name a score shows its components, its sample size and the findings that are behind it, and no others."""
    [told, whole] = map(json.loads, run("scores", "--name", "tech", "--json").stdout.splitlines())
    assert told["components"] == pytest.approx({"promises": 4.0, "broken": 1.0, "facts": 2.0, "contradicted": 1.0}, abs=1e-2)
    assert told["samples"] == pytest.approx(6, abs=1e-2)
    assert [each["id"] for each in told["findings"]] == ["f1"]
    assert {each["id"] for each in whole["findings"]} == {"f1", "f2"}
    assert "broken_promise" in run("scores", "--name", "tech").stdout


def test_nothing_is_said_in_a_sentence() -> None:
    """Where there are no such scores, that is said."""
    ended = run("scores", "--name", "nobody")
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert "no such scores" in ended.stderr
