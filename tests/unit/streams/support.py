"""A small engine and a worker in this process, for the tests of the streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from models.dead_letter import DeadLetter, DeadLetterReason
from streams.app import SeamwatchApp, create_app
from streams.memory import MemoryBackend, MemoryBroker
from streams.observer import Observer
from streams.settings import StreamSettings

__all__ = ["CountingEngine", "Effects", "Ends", "eventually", "settings", "worker"]


def settings(**changes: Any) -> StreamSettings:
    """Return settings for two partitions, with small polls and quick commits."""
    values: dict[str, Any] = {
        "prefix": "t",
        "partitions": 2,
        "max_poll_records": 7,
        "commit_interval": 0.05,
        "stop_timeout": 5.0,
    }
    return StreamSettings(**(values | changes))


class Effects:
    """What one batch does."""

    def __init__(self) -> None:
        self.findings: list[tuple[bytes, bytes]] = []
        self.briefs: list[tuple[bytes, bytes]] = []
        self.customer_scores: list[tuple[bytes, bytes | None]] = []
        self.tallies: list[tuple[bytes, bytes]] = []
        self.rows: list[tuple[bytes, bytes | None]] = []
        self.tally_rows: list[tuple[bytes, bytes]] = []
        self.dead_letters: list[Any] = []
        self.misplaced: list[tuple[bytes, bytes | None]] = []
        self.onward: list[tuple[bytes, bytes]] = []
        self.marks: list[Any] = []


class CountingEngine:
    """Counts records by key, and finds something at every third; offsets in rows make repeats harmless."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.counts: dict[bytes, tuple[int, int]] = {}
        self.overtaking: set[bytes] = set()
        self.clock = 0
        self.last_offset = -1
        self.next_deadline: int | None = None
        self.sharing = 0
        self.committed = 0
        self._taken: list[Any] = []

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take in a row."""
        if key.startswith((b"[", b"\x00")):
            return  # the row of a tally, or of the source
        if key == b"clock":
            self.clock, offset = json.loads(value or b"")
            self.last_offset = max(self.last_offset, offset)
            return
        count, offset = json.loads(value or b"")
        if offset >= self.counts.get(key, (0, -1))[1]:
            self.counts[key] = (count, offset)
        else:
            self.overtaking.add(key)

    def restored_in_turns(self) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield the rows that older ones came after."""
        yield [(key, json.dumps(self.counts[key]).encode()) for key in self.overtaking]

    def share(self, partitions: int) -> None:
        """Note how many share."""
        self.sharing = partitions

    def take(self, records: Iterable[Any], _: Callable[[], bool]) -> Iterator[None]:
        """Keep records for the next count."""
        self._taken += records
        yield from ()

    def conclude(self, _: Callable[[], bool]) -> Iterator[None]:
        """Have nothing to do that could take long."""
        yield from ()

    def effects(self) -> Effects:
        """Count what was taken."""
        taken, self._taken = self._taken, []
        return self.process(taken)

    def process(self, records: Sequence[Any]) -> Effects:
        """Count."""
        effects = Effects()
        for record in records:
            self.clock, self.last_offset = max(self.clock, record.timestamp), record.offset
            if self.next_deadline is not None and self.clock >= self.next_deadline:
                self.next_deadline = None
            if record.key is None:
                continue
            if record.value == b"bad":
                effects.dead_letters.append(
                    DeadLetter(record.offset, DeadLetterReason.MALFORMED_JSON, "no JSON", record.key, record.value)
                )
                continue
            count, offset = self.counts.get(record.key, (0, -1))
            if record.offset <= offset:
                continue
            self.counts[record.key] = (count + 1, record.offset)
            effects.rows.append((record.key, json.dumps([count + 1, record.offset]).encode()))
            if (count + 1) % 3 == 0:
                effects.briefs.append((record.key, b"{}"))
                effects.findings.append((record.key, json.dumps({"id": f"{record.key.decode()}/{count + 1}"}).encode()))
                tally = json.dumps(
                    ["t", "s", "team", record.key.decode(), 60, self.partition], separators=(",", ":")
                ).encode()
                effects.tallies.append((tally, b"%d" % (count + 1)))
                effects.tally_rows.append((tally, json.dumps([count + 1, record.offset]).encode()))
        effects.rows.append((b"clock", json.dumps([self.clock, self.last_offset]).encode()))
        return effects


class Ends:
    """Remembers what ended the worker."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    def __call__(self, error: BaseException) -> None:
        self.errors.append(error)


@asynccontextmanager
async def worker(
    broker: MemoryBroker,
    build: Callable[[SeamwatchApp], Any],
    *,
    ends: Ends | None = None,
    observer: Observer | None = None,
    **changes: Any,
) -> AsyncIterator[SeamwatchApp]:
    """Run an app over ``broker`` with the agents that ``build`` registers, and stop it in the end."""
    app = create_app(settings(**changes), MemoryBackend(broker, settings(**changes).group_id), observer=observer, end=ends or Ends())
    build(app)
    await app.start()
    try:
        yield app
    finally:
        await asyncio.wait_for(app.stop(), 10)


async def eventually(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until ``true()``; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  # what is waited for knows of no event
            await asyncio.sleep(0.01)
