"""A broker in memory that drives the real Faust app: for simulations and tests, under their control and clock.

It keeps logs with offsets and append times, committed offsets per group, and assigns partitions in generations with Kafka's own sequence: everybody gives up
everything, then everybody gets something.
"""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from faust.transport import base
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP

from streams.backend import Bounds, Chunk, LogReader
from streams.batches import BatchConsumer
from streams.errors import DeliveryFailed
from streams.idle import IdleProducer
from streams.producer import Ends, Outgoing, Producer, Rows, group_by_partition

__all__ = [
    "MemoryBackend",
    "MemoryBroker",
    "MemoryConsumer",
    "MemoryProducer",
    "MemoryTransport",
    "StoredRecord",
]


class StoredRecord(NamedTuple):
    """A record as the log keeps it; ``timestamp`` is the append time in milliseconds UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class MemoryBroker:
    """Topics, groups and what can go wrong with them.

    ``now`` gives the append time in milliseconds UTC. ``rebalance_on_join``: a member that joins or leaves sets off a rebalance; a test that wants to assign
    partitions itself turns it off and calls `assign`.
    """

    def __init__(
        self, partitions: int = 2, now: Callable[[], int] | None = None, *, rebalance_on_join: bool = True
    ) -> None:
        ticks = itertools.count(1_700_000_000_000)
        self.partitions = partitions
        self.logs: dict[TP, list[StoredRecord]] = defaultdict(list)
        self.starts: dict[TP, int] = defaultdict(int)
        self.committed: dict[str, dict[TP, int]] = defaultdict(dict)
        self.commits: list[tuple[str, TP, int]] = []
        self.send_error: Callable[[Outgoing], BaseException | None] = lambda _: None
        self.commit_error: Callable[[Mapping[TP, int]], bool] = lambda _: False
        self.now = now or (lambda: next(ticks))
        self._recreated: Counter[str] = Counter()
        self._rebalance_on_join = rebalance_on_join
        self.generation = 0
        self.paused: set[str] = set()
        self._members: dict[str, list[MemoryConsumer]] = defaultdict(list)
        self._rebalancing = asyncio.Lock()

    # --- the log --------------------------------------------------------------------------------------------------

    def append(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> int:
        """Append a record and return its offset."""
        log = self.logs[TP(topic, partition)]
        log.append(StoredRecord(topic, partition, len(log), self.now(), key, value, headers))
        return len(log) - 1

    def skip(self, topic: str, partition: int, offsets: int) -> None:
        """Leave a gap of ``offsets`` in the log, as compaction does."""
        log = self.logs[TP(topic, partition)]
        log.extend(StoredRecord(topic, partition, len(log) + i, -1, None, None, ()) for i in range(offsets))

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Let the log begin at ``offset``, as retention does."""
        self.starts[TP(topic, partition)] = offset

    def recreate(self, topic: str) -> None:
        """Delete ``topic``, with what groups have committed of it, and make it again."""
        self._recreated[topic] += 1
        for tp in [TP(topic, number) for number in range(self.partitions)]:
            self.logs.pop(tp, None)
            self.starts.pop(tp, None)
            for offsets in self.committed.values():
                offsets.pop(tp, None)

    def topic_id(self, topic: str) -> str:
        """Return the id of ``topic``, another one each time it is made."""
        return f"{topic}#{self._recreated[topic]}"

    def records(self, topic: str) -> list[StoredRecord]:
        """Return all records of ``topic``, by partition and offset."""
        return [
            record for tp in sorted(self.logs) if tp.topic == topic for record in self.fetch(tp, 0, len(self.logs[tp]))
        ]

    def fetch(self, tp: TP, offset: int, most: int) -> list[StoredRecord]:
        """Return at most ``most`` records from ``offset`` on."""
        first = max(offset, self.starts[tp])
        return [record for record in itertools.islice(self.logs[tp], first, offset + most) if record.timestamp >= 0]

    # --- groups ---------------------------------------------------------------------------------------------------

    async def join(self, consumer: "MemoryConsumer") -> None:
        """Make ``consumer`` a member of its group."""
        members = self._members[consumer.group]
        if consumer not in members:
            members.append(consumer)
        if self._rebalance_on_join:
            await self.rebalance(consumer.group)

    async def leave(self, consumer: "MemoryConsumer") -> None:
        """Take ``consumer`` out of its group; what it owned goes to the others."""
        members = self._members[consumer.group]
        if consumer in members:
            members.remove(consumer)
            consumer.lose()
            if members and self._rebalance_on_join:
                await self.rebalance(consumer.group)

    async def rebalance(self, group: str) -> None:
        """Deal all partitions out anew, round robin."""
        members = self._members[group]
        shares: dict[MemoryConsumer, set[TP]] = {member: set() for member in members}
        topics = sorted({topic for member in members for topic in member.topics})
        turn = itertools.count(self.generation)
        for tp in (TP(topic, partition) for topic in topics for partition in range(self.partitions)):
            takers = [member for member in members if tp.topic in member.topics]
            shares[takers[next(turn) % len(takers)]].add(tp)
        await self.assign(shares)

    async def assign(self, shares: Mapping["MemoryConsumer", set[TP]]) -> None:
        """Revoke everything from the members, then give each its share, in a new generation.

        A member that is left out hears nothing of it: it reads and writes on, and can commit no more.
        """
        async with self._rebalancing:
            await asyncio.gather(*(member.give_up() for member in shares))
            self.generation += 1
            await asyncio.gather(*(member.take(share, self.generation) for member, share in shares.items()))

    def commit(self, group: str, generation: int, offsets: Mapping[TP, int]) -> bool:
        """Commit ``offsets``, unless there was another assignment since ``generation``."""
        if generation != self.generation:
            return False
        for tp, offset in offsets.items():
            self.committed[group][tp] = offset
            self.commits.append((group, tp, offset))
        return True


class MemoryConsumer(BatchConsumer, FaustConsumer):
    """A Faust consumer over the broker in memory."""

    broker: MemoryBroker

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.broker = self.app.backend.broker
        self.group: str = self.app.streams.group_id
        self.generation = -1
        self.topics: set[str] = set()
        self._owned: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._background: set[asyncio.Task[Any]] = set()

    # --- membership -----------------------------------------------------------------------------------------------

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group; the assignment follows."""
        self.topics = set(topics)
        task = asyncio.create_task(self.broker.join(self))
        self._background.add(task)

    async def on_stop(self) -> None:
        """Finish, commit and leave."""
        await super().on_stop()
        task = asyncio.create_task(self.broker.leave(self))
        self._background.add(task)

    async def give_up(self) -> None:
        """Go through a revocation, as Kafka's consumer does before it joins again."""
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(set(self._owned))
        self.lose()

    def lose(self) -> None:
        """Own nothing, without being asked."""
        self._owned, self._positions = set(), {}

    async def take(self, share: set[TP], generation: int) -> None:
        """Get ``share`` in ``generation``."""
        self._owned = set(share)
        self._positions = {tp: self._committed(tp) or 0 for tp in share}
        self.app.consumer_generation_id = self.generation = generation
        await self.on_partitions_assigned(set(share), generation)

    # --- what Faust and `BatchConsumer` ask -----------------------------------------------------------------------

    def _committed(self, tp: TP) -> int | None:
        return self.broker.committed[self.group].get(tp)

    async def _getmany(self, active_partitions: set[TP], timeout: float) -> dict[TP, list[StoredRecord]]:  # noqa: ASYNC109  # Faust's signature
        found = self._read_on(active_partitions)
        await asyncio.sleep(0 if found else 0.005)
        return found

    def _read_on(self, active_partitions: set[TP]) -> dict[TP, list[StoredRecord]]:
        """Return the next records of each partition, at most as many as a poll may return."""
        found: dict[TP, list[StoredRecord]] = {}
        left = self.app.streams.max_poll_records
        for tp in sorted(active_partitions & self._owned, key=lambda tp: (tp.topic, tp.partition)):
            log = self.broker.logs[tp]
            position = self._positions[tp]
            while position < len(log) and left:
                records = self.broker.fetch(tp, position, left)
                position = min(len(log), position + left)
                if records:
                    found[tp] = records
                    left -= len(records)
                    break
            self._positions[tp] = position
        return found

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        await asyncio.sleep(0)
        if self.broker.commit_error(offsets) or not offsets.keys() <= self._owned:
            return False
        return self.broker.commit(self.group, self.generation, offsets)

    async def seek_to_committed(self) -> dict[TP, int | None]:
        """Go back to the committed offsets, as aiokafka does: where nothing is committed, the position stays."""
        committed = {tp: self._committed(tp) for tp in self._owned}
        self._positions |= {tp: offset for tp, offset in committed.items() if offset}
        return committed

    async def _seek_to_start(self, partitions: Iterable[TP]) -> None:
        self._positions |= {tp: self.broker.starts[tp] for tp in partitions}

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions[partition] = offset

    def assignment(self) -> set[TP]:
        """Return what is owned."""
        return set(self._owned)

    def highwater(self, tp: TP) -> int:
        """Return the end of ``tp``."""
        return len(self.broker.logs[tp])

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def _to_message(self, tp: TP, record: Any) -> Any:
        raise NotImplementedError("records come in batches")

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go to the given offsets."""
        self._positions |= partitions

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: topics come to be when they are written."""

    def topic_partitions(self, topic: str) -> int:
        """Return the number of partitions, which all topics share."""
        return self.broker.partitions

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return ``partition``: nothing is written through Faust."""
        return partition

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        """Return where each of ``partitions`` begins."""
        return {tp: self.broker.starts[tp] for tp in partitions}

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        """Return the ends of ``partitions``."""
        return {tp: self.highwater(tp) for tp in partitions}

    async def position(self, tp: TP) -> int | None:
        """Return the offset to be read next."""
        return self._positions.get(tp)


class MemoryTransport(base.Transport):
    """A Faust transport over the broker in memory."""

    Consumer = MemoryConsumer
    Producer = IdleProducer
    driver_version = "memory"
    default_port = 0


class MemoryProducer:
    """Appends to the broker in memory, unless its ``send_error`` says otherwise."""

    def __init__(self, broker: MemoryBroker, guard: Callable[[], None]) -> None:
        self._broker = broker
        self._guard = guard

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def deliver(self, records: Iterable[Outgoing | Rows]) -> Ends:
        """Append all of ``records``; what precedes one that fails stays in the log.

        Raises `DeliveryFailed`.
        """
        self._guard()
        ends: dict[tuple[str, int], int] = {}
        for (topic, partition), group in group_by_partition(records, lambda _: self._broker.partitions).items():
            await asyncio.sleep(0)
            for content in group:
                error = self._broker.send_error(Outgoing(topic, partition, *content))
                if error is not None:
                    raise DeliveryFailed(f"not confirmed: {error}") from error
                ends[topic, partition] = 1 + self._broker.append(topic, partition, *content)
        return ends


class _MemoryReader:
    def __init__(self, broker: MemoryBroker, group: str) -> None:
        self._broker = broker
        self._group = group

    async def bounds(self, partitions: Collection[TP]) -> dict[TP, Bounds]:
        return {tp: Bounds(self._broker.starts[tp], len(self._broker.logs[tp])) for tp in partitions}

    async def committed(self, partitions: Collection[TP]) -> dict[TP, int | None]:
        return {tp: self._broker.committed[self._group].get(tp) for tp in partitions}

    async def read(self, topic: str, partitions: Collection[int], *, first: bool = False) -> AsyncIterator[Chunk]:
        for partition in sorted(partitions):
            await asyncio.sleep(0)
            end = len(self._broker.logs[TP(topic, partition)])
            yield Chunk(partition, self._broker.fetch(TP(topic, partition), 0, 1 if first else end), end)


class MemoryBackend:
    """A broker in memory, as the app of ``group`` sees it."""

    def __init__(self, broker: MemoryBroker, group: str) -> None:
        self.broker = broker
        self._group = group

    def transport(self, app: Any) -> Any:
        """Return a Faust transport over the broker."""
        return MemoryTransport(app.conf.broker_consumer, app)

    def producer(self, guard: Callable[[], None]) -> Producer:
        """Return a producer."""
        return MemoryProducer(self.broker, guard)

    def reader(self) -> LogReader:
        """Return a reader."""
        return _MemoryReader(self.broker, self._group)

    async def topic_id(self, topic: str) -> str | None:
        """Return the id of ``topic``."""
        return self.broker.topic_id(topic)

    async def await_broker(self, retry: Callable[[str, float], None]) -> None:
        """Return at once."""

    async def paused(self, topics: Collection[str]) -> frozenset[str]:
        """Return those of ``topics`` that are paused."""
        return frozenset(topics) & self.broker.paused

    async def keep_paused(self, topic: str) -> None:
        """Note that ``topic`` is paused."""
        self.broker.paused.add(topic)

    async def catching_up(self, app: Any, topics: Collection[str], tolerance: float) -> bool:
        """Return whether the group is behind on one of ``topics`` by records of the last ``tolerance`` seconds, by the broker's clock."""
        committed = self.broker.committed[app.streams.group_id]
        for tp, log in self.broker.logs.items():
            if tp.topic in topics and committed.get(tp, 0) < len(log):
                oldest = log[committed.get(tp, 0)].timestamp
                if oldest >= self.broker.now() - tolerance * 1000:
                    return True
        return False
