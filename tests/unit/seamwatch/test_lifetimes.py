"""What a worker does as time goes by."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.alert import AlertState
from seamwatch.lifetimes import Lifetimes
from seamwatch.worker import decayed
from sinks.alerts import list_alerts
from sinks.database import create_engine, upgrade
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import NOW, finding, record

_STORED = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW)


async def test_a_worker_lets_alerts_expire(tmp_path: Path) -> None:
    """However many there are, all that nobody saw for the expiry are resolved within a round, and none sooner."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    engine = create_engine(url)
    DatabaseWriter(engine, lambda: NOW).write(
        [record(finding(f"f{number}", alert=f"A{number}")) for number in range(501)]
    )
    now = [_STORED + timedelta(hours=23)]
    lifetimes = Lifetimes(_app(), engine, 86_400_000_000, decayed, lambda: now[0])
    assert await lifetimes.sweep() == 0
    now[0] += timedelta(hours=2)
    assert await lifetimes.sweep() == 501
    assert await lifetimes.sweep() == 0
    assert len(list_alerts(engine, states={AlertState.RESOLVED}, limit=600)) == 501
    engine.dispose()


async def test_a_database_that_is_away_is_left_to_the_next_round(tmp_path: Path) -> None:
    """Time waits for a database that does not answer; the worker does not end for it."""
    engine = create_engine(f"sqlite:///{tmp_path / 'none' / 'a.db'}")
    assert await Lifetimes(_app(), engine, 1, decayed).sweep() == 0
    engine.dispose()


@pytest.mark.parametrize("stopped", [True, False])
async def test_a_round_begins_with_the_worker_and_ends_with_it(tmp_path: Path, stopped: bool) -> None:
    """The first round is at the start, and none begins once the worker is told to stop."""
    rounds: list[datetime] = []
    app = _app(should_stop=stopped)

    def now() -> datetime:
        rounds.append(_STORED)
        app.should_stop = True
        return _STORED

    engine = create_engine(f"sqlite:///{tmp_path / 'none' / 'a.db'}")
    await Lifetimes(app, engine, 1, decayed, now).run()
    assert len(rounds) == (0 if stopped else 1)
    engine.dispose()


def _app(*, should_stop: bool = False) -> Any:
    return SimpleNamespace(should_stop=should_stop)
