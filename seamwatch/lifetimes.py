"""What time does to alerts, done by every worker that stores: snoozes end, and what nobody sees any more expires. Each
round also says that the worker is there, and once an hour notes the scores.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import time_ns
from typing import TYPE_CHECKING

from sinks.errors import Conflict, DatabaseUnavailable
from sinks.progress import note_worker
from sinks.scores import note_scores
from sinks.transitions import sweep

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from models.score import Score
    from streams.app import SeamwatchApp

__all__ = ["Lifetimes"]

_EVERY = 15
"""Seconds between two rounds."""
_BATCH = 500
_BATCHES = 20
"""Of one round: the rest waits for the next, so that a long backlog leaves the database to the stream."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return _EPOCH + timedelta(microseconds=time_ns() // 1000)


class Lifetimes:
    """Sweeps the alerts every 15 seconds; ``expiry`` is in microseconds. Several workers may do so at once.

    ``decay`` makes a score's value that of a time in microseconds UTC: each hour it is noted.
    """

    def __init__(
        self,
        app: "SeamwatchApp",
        engine: "Engine",
        expiry: int,
        decay: "Callable[[Score, int], float | None]",
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._app = app
        self._engine = engine
        self._expiry = expiry
        self._decay = decay
        self._now = now or _now

    async def run(self) -> None:
        """Sweep until the app stops; a database that is away is left to the next round."""
        seconds = 0
        while not self._app.should_stop:
            if seconds % _EVERY == 0:
                await self.sweep()
            seconds += 1
            await asyncio.sleep(1.0)

    async def sweep(self) -> int:
        """Do one round; return how many alerts moved."""
        moved = 0
        try:
            await asyncio.to_thread(note_worker, self._engine, self._now())
            await asyncio.to_thread(note_scores, self._engine, self._decay, self._now())
            for _ in range(_BATCHES):
                batch = await asyncio.to_thread(sweep, self._engine, now=self._now(), expiry=self._expiry, limit=_BATCH)
                moved += batch
                if batch < _BATCH or self._app.should_stop:
                    break
        except (Conflict, DatabaseUnavailable) as error:
            _log.debug("alerts do not age for now: %s", error)
        if moved:
            _log.info("%d alerts expired or woke up", moved)
        return moved
