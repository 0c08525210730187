"""Time at the end of a partition: when nothing comes that would move its clock past a deadline, its owner appends a heartbeat.

The heartbeat is a record like any other, so whoever reads the log again gets the same answer.
"""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from faust.types import TP

from streams.app import SeamwatchApp
from streams.producer import Outgoing
from streams.state import PartitionState

__all__ = ["Heartbeats", "heartbeat"]

_TICK = 0.25
_RESEND = 5.0
_TOLERANCE = 60.0
_STEP = 1_000_000
"""Deadlines within this many microseconds after the first fire by one heartbeat: a thousand waits that began together need no thousand records."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def heartbeat(topic: str, partition: int, moment: int) -> Outgoing:
    """Return the record that moves the clock of ``partition`` to ``moment``, microseconds UTC."""
    at = (_EPOCH + timedelta(microseconds=moment)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    value = {"id": f"heartbeat/{partition}/{moment}", "source": "seamwatch", "type": "heartbeat", "time": at}
    return Outgoing(topic, partition, None, json.dumps(value, separators=(",", ":")).encode())


class Heartbeats:
    """Append a heartbeat where a deadline (grace included) has passed on the wall while the partition is at its end.

    Not while the group is still catching up on a raw topic: the record that answers may be in it. A topic that is paused, or more than a minute behind, is not
    waited for. ``clock`` gives microseconds UTC.
    """

    def __init__(
        self, app: SeamwatchApp, state: PartitionState[Any], clock: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self._app = app
        self._state = state
        self._clock = clock
        self._sent: dict[int, tuple[int, float]] = {}
        self._turn = asyncio.Event()
        app.add_service_task(self._run)

    def processed(self, partition: int) -> None:
        """Look again at once where a heartbeat was read: the next deadline may have passed, too."""
        if self._sent.pop(partition, None) is not None:
            self._turn.set()

    def due(self) -> dict[int, int]:
        """Return the moment to send, by partition, wherever a deadline has passed at the end of the log."""
        now, at_end, topic = self._clock(), self._app.consumer.at_end, self._app.names.touchpoints
        found: dict[int, int] = {}
        for owned in self._state.recovered():
            deadline = owned.watch.next_deadline
            if deadline is None or deadline > now or not at_end(TP(topic, owned.partition)):
                continue
            sent = self._sent.get(owned.partition)
            if sent is None or time.monotonic() - sent[1] > _RESEND:
                found[owned.partition] = min(now, deadline + _STEP)
        return found

    async def _run(self) -> None:
        app = self._app
        while not app.should_stop:
            self._turn.clear()
            if self.due() and not await self._catching_up():
                due = self.due()  # asking took a while
                for partition, moment in due.items():
                    self._sent[partition] = (moment, time.monotonic())
                await app.delivery.deliver(
                    [heartbeat(app.names.touchpoints, partition, moment) for partition, moment in due.items()]
                )
            try:
                await asyncio.wait_for(self._turn.wait(), _TICK)
            except TimeoutError:
                continue

    async def _catching_up(self) -> bool:
        app = self._app
        topics = app.raw_topics - app.health.paused
        return await app.backend.catching_up(app, topics, _TOLERANCE)
