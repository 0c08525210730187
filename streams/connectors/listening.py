"""Listen to a telephone system for good: connect, log in, hand on what comes, and connect again, saying what was missed."""

import asyncio
import random
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

from streams.connectors.dialects import Denied, Event, Foreign

__all__ = ["Dialect", "listen"]

_PATIENCE = 10.0
"""Seconds to connect and to log in."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_MOST_BYTES = 256 * 1024
"""Bytes of a message, or of its headers."""


class Dialect(Protocol):
    """How one kind of system speaks."""

    async def log_in(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Log in and subscribe.

        Raises `Denied` or `Foreign`, ``TimeoutError``, ``IncompleteReadError``.
        """

    async def next(self) -> Event | None:
        """Return the next event; an empty one for what is none, None for garbage. Raises ``TimeoutError``, ``IncompleteReadError``."""


def _now() -> datetime:
    return datetime.now(UTC)


class _Gaps:
    """Since when nothing is heard, and what was said of it."""

    def __init__(self, place: str, tell: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self._place = place
        self._tell = tell
        self._now = now
        self._since: datetime | None = None
        self._garbage = 0
        self.heard = False

    def over(self) -> None:
        """Say what was missed, now that somebody is heard again."""
        if self._since is not None:
            missed = f"what happened from {self._since:%Y-%m-%dT%H:%M:%SZ} to {self._now():%Y-%m-%dT%H:%M:%SZ} is missing"
            self._tell(f"{self._place}: connected again; {missed}" if self.heard else f"{self._place}: connected")
        self._since, self.heard = None, True

    def begin(self, reason: str) -> None:
        """Say once that nothing is heard any more."""
        if self._since is None:
            self._since = self._now()
            self._tell(f"{self._place}: {reason}; what happens there until it is connected again will be missing")

    def garbage(self) -> None:
        """Say of the first, the tenth, the hundredth piece that it was no message."""
        self._garbage += 1
        if self._garbage == 10 ** (len(str(self._garbage)) - 1):
            self._tell(f"{self._place}: {self._garbage:,} that came is no message, and is left out")


async def listen(
    dialect: Dialect,
    host: str,
    port: int,
    take: Callable[[Event], None],
    tell: Callable[[str], None],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    chance: Callable[[], float] = random.random,
    now: Callable[[], datetime] = _now,
) -> None:
    """Hand every event to ``take``, until cancelled; ``tell`` hears a sentence of each gap, at its beginning and at its end.

    Attempts to connect are half a second apart, then twice as long each, up to 30 seconds, and up to half of it less by ``chance``.
    Raises `Denied` or `Foreign` where the first login fails by it; later it is tried again, as after everything else.
    """
    gaps, pause = _Gaps(f"{host}:{port}", tell, now), _FIRST_PAUSE
    while True:
        writer: StreamWriter | None = None
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(host, port, limit=_MOST_BYTES)
                await dialect.log_in(reader, writer)
            gaps.over()
            while True:
                event = await dialect.next()
                if event:
                    pause = _FIRST_PAUSE
                    take(event)
                elif event is None:
                    gaps.garbage()
        except (Denied, Foreign) as error:
            if not gaps.heard:
                raise
            gaps.begin(str(error) or "the login is refused")
        except IncompleteReadError:
            gaps.begin("the connection has ended")
        except TimeoutError:
            gaps.begin("nothing answers in time")
        except OSError as error:
            gaps.begin(f"no connection ({error.strerror or type(error).__name__})")
        finally:
            if writer is not None:
                writer.transport.abort()
        await sleep(pause * (1 - chance() / 2))
        pause = min(_LONGEST_PAUSE, 2 * pause)
