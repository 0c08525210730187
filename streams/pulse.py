"""A pulse through the whole pipe: a record of the touchpoints that is no customer's, becomes no finding, and tells how long it takes to the database.

It is a heartbeat of a time long past, so it moves no clock. Whoever watches its partition writes a mark behind the findings of its batch, and the mark is
stored as they are: as the place in the log that the database has come to.
"""

import asyncio
from collections.abc import Iterable, Iterator
from time import time_ns
from typing import Any

from streams.app import SeamwatchApp
from streams.producer import Outgoing
from streams.state import PartitionState

__all__ = ["PULSE", "Pulses"]

PULSE = "pulse"
"""The header of a mark in the topic of findings: when its pulse was sent, in microseconds UTC."""

_BEGINS = b'{"id":"pulse/'
_RECORD = b'%s%d/%d","source":"seamwatch","type":"heartbeat","time":"1970-01-01T00:00:00Z"}'


class Pulses:
    """Sends one to each owned partition every so many seconds, and marks those that come."""

    def __init__(self, app: SeamwatchApp, state: PartitionState[Any], every: float) -> None:
        self._app = app
        self._state = state
        self._every = every
        app.add_service_task(self._run)

    def marks(self, partition: int, records: Iterable[Any]) -> Iterator[Outgoing]:
        """Yield a mark for each pulse among the records of a partition."""
        for record in records:
            if record.key is None and record.value is not None and record.value.startswith(_BEGINS):
                sent = record.value[len(_BEGINS) :].partition(b'"')[0].rpartition(b"/")[2]
                yield Outgoing(self._app.names.alerts, partition, None, None, ((PULSE, sent),))

    async def _run(self) -> None:
        app, waited = self._app, 0.0
        while not app.should_stop:
            if waited >= self._every:
                waited = 0.0
                owned = [each.partition for each in self._state.recovered()]
                now = time_ns() // 1000
                await app.delivery.deliver([Outgoing(app.names.touchpoints, each, None, _RECORD % (_BEGINS, each, now)) for each in owned])
                app.observer.pulses_sent(len(owned))
            await asyncio.sleep(0.5)
            waited += 0.5
