"""Defects to put into the program: what the simulation must find."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from agents import rows
from agents.partition import Effects, PartitionWatch
from agents.tallies import Tallies
from sinks.identity import forget_customer
from streams.batches import Tracker
from streams.errors import DeliveryFailed
from streams.lanes import Lanes
from streams.state import Owned, PartitionState
from streams.writing import WriterThread
from tests.simulation import network

__all__ = ["MUTATIONS"]


def commit_before_delivery(patch: pytest.MonkeyPatch) -> None:
    """A batch counts as done when its handler begins."""
    handle = Lanes._handle

    async def early(self: Lanes, work: Any, batch: Any) -> bool:
        self._finish(batch)
        return await handle(self, work, batch)

    patch.setattr(Lanes, "_handle", early)


def commit_past_a_gap(patch: pytest.MonkeyPatch) -> None:
    """What was polled is committed, whatever of it is done."""
    advance = Tracker.advance

    def careless(self: Tracker) -> int | None:
        advance(self)
        return self.position

    patch.setattr(Tracker, "advance", careless)


def commit_of_failed_deliveries(patch: pytest.MonkeyPatch) -> None:
    """A delivery that fails is taken for one that did not."""
    deliver = network._Producer.deliver

    async def careless(self: Any, records: Iterable[Any]) -> Any:
        try:
            return await deliver(self, records)
        except DeliveryFailed:
            return {tuple(tp): len(log) for tp, log in self._broker.logs.items()}

    patch.setattr(network._Producer, "deliver", careless)


def tallies_without_offsets(patch: pytest.MonkeyPatch) -> None:
    """A recovered tally takes charges in that it holds already."""
    restore = Tallies.restore

    def without_floor(self: Tallies, key: str, value: bytes) -> bool:
        stands = restore(self, key, value)
        self._floors.clear()
        return stands

    patch.setattr(Tallies, "restore", without_floor)


def clock_before_rows(patch: pytest.MonkeyPatch) -> None:
    """The clock is written before the rows of its batch."""
    effects_of = PartitionWatch.effects

    def swapped(self: PartitionWatch) -> Effects:
        effects = effects_of(self)
        effects.rows.insert(0, effects.rows.pop())
        return effects

    patch.setattr(PartitionWatch, "effects", swapped)


def dead_letters_dropped(patch: pytest.MonkeyPatch) -> None:
    """What is refused leaves no trace."""
    deliver = network._Producer.deliver

    async def silent(self: Any, records: Iterable[Any]) -> Any:
        return await deliver(self, [each for each in records if not each.topic.endswith("dead-letters")])

    patch.setattr(network._Producer, "deliver", silent)


def revisions_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A recovered customer counts revisions from 1 again."""
    rest = rows._rest

    def without(customer: Any) -> bytes:
        kept, customer.revisions = customer.revisions, {}
        try:
            return rest(customer)
        finally:
            customer.revisions = kept

    patch.setattr(rows, "_rest", without)


def recovery_ends_early(patch: pytest.MonkeyPatch) -> None:
    """The last records of the changelog are not read."""
    bounds = network._Reader.bounds

    async def fewer(self: Any, partitions: Any) -> Any:
        found = await bounds(self, partitions)
        return {tp: bound._replace(end=max(0, bound.end - 2)) if tp.topic.endswith("changelog") else bound for tp, bound in found.items()}

    patch.setattr(network._Reader, "bounds", fewer)


def zombies_unseen(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether somebody else wrote to the changelog: not who writes, not who takes up what it had set aside."""

    async def take_up(self: PartitionState[Any], partitions: set[int], _: Any) -> set[int]:
        aside, self._aside = self._aside, {}
        for partition in partitions & aside.keys():
            self._owned[partition].watch = aside[partition].watch
            self._complete(self._owned[partition], 0, 0.0)
        return partitions - aside.keys()

    patch.setattr(PartitionState, "_take_up", take_up)
    patch.setattr(Owned, "wrote", lambda self, rows, end: None)


def sink_acknowledges_before_its_transaction(patch: pytest.MonkeyPatch) -> None:
    """A batch is acknowledged when its transaction is asked for."""
    write = WriterThread.write

    async def early(self: Any, records: Any, epoch: Any) -> None:
        self._early = asyncio.ensure_future(write(self, records, epoch))
        await asyncio.sleep(0)

    patch.setattr(WriterThread, "write", early)


def forgetting_takes_what_came_after(patch: pytest.MonkeyPatch) -> None:
    """Who is forgotten on the topic of briefs loses findings too, of which some are newer."""
    forget = partial(forget_customer, until=datetime.max.replace(tzinfo=UTC), sequence=None)
    patch.setattr("sinks.writer.forget_briefs", lambda connection, tenant, customer, _offset: forget(connection, tenant, customer))


def time_stands_still(patch: pytest.MonkeyPatch) -> None:
    """Nobody appends a heartbeat at the end of a partition."""
    patch.setattr("streams.heartbeat.Heartbeats.due", lambda self: {})


MUTATIONS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    each.__name__: each
    for each in (
        commit_before_delivery,
        commit_past_a_gap,
        commit_of_failed_deliveries,
        tallies_without_offsets,
        clock_before_rows,
        dead_letters_dropped,
        revisions_forgotten,
        recovery_ends_early,
        zombies_unseen,
        sink_acknowledges_before_its_transaction,
        forgetting_takes_what_came_after,
        time_stands_still,
    )
}
"""What puts each defect in, by name."""
