"""The broker in memory behind a network that delays, loses and cuts off, with a coordinator that forgets who is silent."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from faust.types import TP

from streams.backend import Bounds, Chunk, LogReader
from streams.errors import DeliveryFailed
from streams.memory import MemoryBackend, MemoryBroker, MemoryConsumer, MemoryProducer, MemoryTransport, StoredRecord
from streams.producer import Content, Ends, Outgoing, Producer, Rows, group_by_partition
from streams.settings import StreamSettings
from tests.simulation.processes import Exited, Process, current, outside

__all__ = ["EFFECTS", "OPERATIONS", "Fault", "Faults", "Network", "SimulatedBackend", "SimulatedBroker"]

T = TypeVar("T")

OPERATIONS = (
    "alerts", "briefs", "scores", "dead-letters", "tallies", "watch-changelog", "touchpoints", "commit", "seek", "ends", "read", "database",
)  # fmt: skip
"""What a worker asks of others: to append to a topic, to commit, where it had committed, where the changelog ends, what is in it, to store."""

EFFECTS = ("kill", "kill_after", "fail", "fail_after", "late", "late", "freeze")
"""What can befall a request: the process dies before it is sent, or once it took effect; it fails without effect, or with; it takes effect seconds
later, whatever became of its sender; the process is frozen with it under way."""

_DAY = 24 * 60 * 60 * 1000
_READ = 8


class RequestFailed(Exception):
    """The broker did not confirm."""


class Fault(NamedTuple):
    """What befalls the ``left``-th request from now of one operation, whoever makes it."""

    operation: str
    left: int
    effect: str
    seconds: float


class Faults:
    """The faults that wait for their request; ``seen`` counts those that struck."""

    def __init__(self, seen: Counter[str]) -> None:
        self.armed: list[Fault] = []
        self._seen = seen

    def strike(self, operation: str) -> Fault | None:
        """Count a request; return what befalls it."""
        struck: Fault | None = None
        waiting = []
        for fault in self.armed:
            if fault.operation == operation:
                fault = fault._replace(left=fault.left - 1)
                if fault.left <= 0:
                    struck = fault
                    self._seen[f"{operation}: {fault.effect}"] += 1
            if fault.left > 0:
                waiting.append(fault)
        self.armed = waiting
        return struck


class Network:
    """Carries requests from processes to the broker, and answers back.

    ``cut_off`` holds until when a process cannot reach the coordinator, ``slow`` until when nothing of a partition is answered, ``quiet_at`` when the
    last request under way takes effect.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, faults: Faults, freeze: Callable[[Process, float], None]) -> None:
        self._loop = loop
        self._faults = faults
        self._freeze = freeze
        self._busy: dict[Any, float] = {}
        self._broken: set[Any] = set()
        self.cut_off: dict[Process, float] = {}
        self.slow: dict[int, float] = {}
        self.quiet_at = 0.0

    def reaches_coordinator(self, process: Process) -> bool:
        """Return whether the coordinator hears of ``process``."""
        return process.runs and self.cut_off.get(process, 0.0) <= self._loop.time()

    def request(
        self, operation: str, effect: Callable[[], T], *, lane: Any, not_before: float = 0.0, coordinator: bool = False
    ) -> "asyncio.Future[T]":
        """Let ``effect`` happen at the broker, and return its answer to come.

        Requests of one ``lane`` take effect in their order; when one that appends is lost, so are those behind it. The future raises `RequestFailed`.
        """
        process, loop = _running(), self._loop
        lane = process, lane
        fault = self._faults.strike(operation)
        kind = None if fault is None else fault.effect
        if kind == "kill":
            process.kill()
        if not process.alive:
            raise Exited
        arrival = max(loop.time() + latency(process), not_before)
        if coordinator:
            arrival = max(arrival, self.cut_off.get(process, 0.0))
        if fault is not None and kind == "late":
            arrival += fault.seconds
        arrival = max(arrival, self._busy.get(lane, 0.0) + 1e-6)  # of two timers of one moment either may be first
        if fault is not None and kind == "freeze":
            self._freeze(process, fault.seconds)
        self._busy[lane] = arrival
        self.quiet_at = max(self.quiet_at, arrival)
        answer: asyncio.Future[T] = loop.create_future()

        def arrive() -> None:
            lost = kind is None and not process.alive and process.lot.random() < 0.5
            if kind == "fail" or lost or lane in self._broken:
                if not coordinator:
                    self._broken.add(lane)
                settled: tuple[Any, ...] = _fail, answer
            else:
                result = effect()
                settled = (_fail, answer) if kind == "fail_after" else (_answer, answer, result)
            if kind == "kill_after":
                process.kill()
            self._outside(loop.time() + latency(process), process.call, *settled)

        self._outside(arrival, arrive)
        return answer

    def _outside(self, moment: float, callback: Callable[..., Any], *args: Any) -> None:
        """Call outside of any process: what is under way does not end with its sender."""
        self._loop.call_at(moment, callback, *args, context=outside())


def latency(process: Process) -> float:
    """Return how many seconds something takes one way: mostly little, at times much."""
    lot = process.lot.random()
    return 0.0005 + 0.02 * lot if lot < 0.9 else 4.0 * (lot - 0.9)


def _running() -> Process:
    process = current()
    assert process is not None
    return process


def _answer(answer: "asyncio.Future[Any]", result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: "asyncio.Future[Any]") -> None:
    if not answer.done():
        answer.set_exception(RequestFailed("not confirmed"))


class _Member:
    """A consumer in the group, as the coordinator knows it."""

    def __init__(self, consumer: "_Consumer", process: Process, now: float) -> None:
        self.consumer = consumer
        self.process = process
        self.heard_at = now
        self.told: asyncio.Task[Any] | None = None

    def tell(self, what: Callable[[], Any]) -> None:
        """Let the member hear something, in its own process, after what it was told before."""
        before = self.told

        async def hear() -> None:
            if before is not None:
                await asyncio.wait({before})
            await what()

        self.told = self.process.begin(hear())

    @property
    def heard(self) -> bool:
        """Return whether it went through all that it was told."""
        return self.told is None or (self.told.done() and not self.told.cancelled() and self.told.exception() is None)


class SimulatedBroker(MemoryBroker):
    """The broker with a coordinator of the group: it asks everybody to give up, waits for those it still hears of, and deals anew.

    A member that was not heard of for a session is dropped without learning of it; once it can hear again it joins anew. ``appended`` and ``committing``
    hear of each record and of each commit before it counts.
    """

    def __init__(
        self,
        settings: StreamSettings,
        network: Network,
        now: Callable[[], int],
        lot: Any,
        appended: Callable[[StoredRecord], None],
        committing: Callable[[TP, int], None],
    ) -> None:
        super().__init__(settings.partitions, now, rebalance_on_join=False)
        self.network = network
        self._settings = settings
        self._lot = lot
        self._appended = appended
        self._committing = committing
        self._loop = asyncio.get_running_loop()
        self._group: list[_Member] = []
        self._dropped: list[_Member] = []
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self.rebalances = 0
        self._dealing = False

    # --- the log --------------------------------------------------------------------------------------------------

    def append(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> int:
        """Append a record, tell who waits for one, and return its offset."""
        offset = super().append(topic, partition, key, value, headers)
        self._appended(self.logs[TP(topic, partition)][-1])
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            _answer(future, None)
        return offset

    async def news(self, seconds: float) -> None:
        """Wait for a record of any partition, at most ``seconds``."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        timer = self._loop.call_later(seconds, _answer, future, None)
        await future
        timer.cancel()

    def compact(self, tp: TP) -> None:
        """Keep the last record of each key among those that are older than a day; the newest of all stays in any case."""
        log, oldest_kept = self.logs[tp], self.now() - _DAY
        young = (number for number, record in enumerate(log) if record.timestamp > oldest_kept)
        cut = min(next(young, len(log)), len(log) - 1)
        last = {record.key: record.offset for record in log[:cut] if record.timestamp >= 0}
        for number, record in enumerate(log[:cut]):
            if record.timestamp >= 0 and (last[record.key] != number or record.value is None):
                log[number] = record._replace(timestamp=-1, key=None, value=None, headers=())

    def commit(self, group: str, generation: int, offsets: Mapping[TP, int]) -> bool:
        """Commit as ever, after who watches was told."""
        if generation == self.generation:
            for tp, offset in offsets.items():
                self._committing(tp, offset)
        return super().commit(group, generation, offsets)

    # --- the group ------------------------------------------------------------------------------------------------

    def enter(self, consumer: "_Consumer", process: Process) -> None:
        """Take a new member in."""
        self._group.append(_Member(consumer, process, self._loop.time()))
        self._wanted.set()

    async def leave(self, consumer: MemoryConsumer) -> None:
        """Let a member go that says so."""
        self._group = [member for member in self._group if member.consumer is not consumer]
        self._wanted.set()

    def forget_the_dead(self) -> None:
        """Let those go at once who would be missed only after a session."""
        self._group = [member for member in self._group if member.process.alive]
        self._wanted.set()

    def deal_anew(self) -> None:
        """Set off a rebalance."""
        self._wanted.set()

    @property
    def rebalancing(self) -> bool:
        """Whether a rebalance is wanted or under way."""
        return self._dealing or self._wanted.is_set()

    async def coordinate(self) -> None:
        """Rebalance whenever somebody comes, goes or falls silent."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(0.05)
            self._wanted.clear()
            if self._group:
                self._dealing = True
                await self._rebalance()
                self._dealing = False

    async def listen(self) -> None:
        """Look twice a second who is silent, and who is back."""
        while True:
            now = self._loop.time()
            for member in list(self._group):
                if self.network.reaches_coordinator(member.process):
                    member.heard_at = now
                elif now - member.heard_at > self._settings.session_timeout:
                    self._drop(member)
            for member in [each for each in self._dropped if self.network.reaches_coordinator(each.process)]:
                self._dropped.remove(member)
                member.heard_at = now
                self._group.append(member)
                self._wanted.set()
            await asyncio.sleep(0.5)

    def _drop(self, member: _Member) -> None:
        self._group.remove(member)
        self._wanted.set()
        if member.process.alive:
            self._dropped.append(member)

    async def _rebalance(self) -> None:
        began, told = self._loop.time(), set[_Member]()
        while True:
            for member in self._group:
                if member not in told and self.network.reaches_coordinator(member.process):
                    told.add(member)
                    member.tell(member.consumer.give_up)
            if all(member in told and member.heard for member in self._group):
                break
            if self._loop.time() - began > self._settings.rebalance_timeout:
                for member in [each for each in self._group if each not in told or not each.heard]:
                    self._drop(member)
            await asyncio.sleep(0.05)
        self.generation += 1
        self.rebalances += 1
        for member, share in self._deal().items():
            member.tell(partial(member.consumer.take, share, self.generation))

    def _deal(self) -> dict[_Member, set[TP]]:
        shares: dict[_Member, set[TP]] = {member: set() for member in self._group}
        members = list(shares)
        if members:
            first, fair = self._lot.randrange(len(members)), self._lot.random() < 0.5
            topics = sorted({topic for member in members for topic in member.consumer.topics})
            tps = [TP(topic, partition) for topic in topics for partition in range(self.partitions)]
            for number, tp in enumerate(tps, first):
                shares[members[number % len(members)] if fair else self._lot.choice(members)].add(tp)
        return shares


class _Consumer(MemoryConsumer):
    broker: SimulatedBroker

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._highwaters: dict[TP, int] = {}

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Ask to be taken into the group."""
        self.topics = set(topics)
        process = _running()
        self.broker.network.request(
            "join", lambda: self.broker.enter(self, process), lane="coordinator", coordinator=True
        )

    async def take(self, share: set[TP], generation: int) -> None:
        """Get ``share`` in ``generation``."""
        self._highwaters = {}
        await super().take(share, generation)

    async def _getmany(self, active_partitions: set[TP], timeout: float) -> dict[TP, list[StoredRecord]]:  # noqa: ASYNC109  # Faust's signature
        way = latency(_running())
        await asyncio.sleep(way)
        found = self._fetched(active_partitions)
        if not found and timeout > way:
            await self.broker.news(timeout - way)
            found = self._fetched(active_partitions)
        return found

    def _fetched(self, active_partitions: set[TP]) -> dict[TP, list[StoredRecord]]:
        slow, now = self.broker.network.slow, asyncio.get_running_loop().time()
        answering = {tp for tp in active_partitions & self._owned if slow.get(tp.partition, 0.0) <= now}
        self._highwaters |= {tp: len(self.broker.logs[tp]) for tp in answering}
        return self._read_on(answering)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        if not offsets.keys() <= self._owned:
            return False
        group, generation, wanted = self.group, self.generation, dict(offsets)
        answer = self.broker.network.request(
            "commit", lambda: self.broker.commit(group, generation, wanted), lane="coordinator", coordinator=True
        )
        try:
            return await asyncio.wait_for(answer, self.app.streams.request_timeout)
        except (RequestFailed, TimeoutError):
            return False

    async def seek_to_committed(self) -> dict[TP, int | None]:
        """Ask for the committed offsets until they are told, and go there."""
        while True:
            asked = self.broker.network.request(
                "seek", lambda: {tp: self._committed(tp) for tp in self._owned}, lane="seek", coordinator=True
            )
            try:
                committed = await asked
            except RequestFailed:
                await asyncio.sleep(0.1)
            else:
                self._positions |= {tp: offset for tp, offset in committed.items() if offset and tp in self._owned}
                return committed

    def highwater(self, tp: TP) -> int | None:  # type: ignore[override]
        """Return the end of ``tp`` as of the last fetch."""
        return self._highwaters.get(tp)


class _Transport(MemoryTransport):
    Consumer = _Consumer


class _Producer(MemoryProducer):
    _broker: SimulatedBroker

    def __init__(self, broker: SimulatedBroker, settings: StreamSettings, guard: Callable[[], None]) -> None:
        super().__init__(broker, guard)
        self._settings = settings

    async def deliver(self, records: Iterable[Outgoing | Rows]) -> Ends:
        """Send each partition's records, and wait for all answers.

        Raises `DeliveryFailed`.
        """
        self._guard()
        process, network, ends = _running(), self._broker.network, {}
        try:
            async with asyncio.timeout(self._settings.delivery_timeout):
                if process.lot.random() < 0.3:
                    await asyncio.sleep(latency(process))
                pending = []
                for (topic, partition), group in group_by_partition(records, lambda _: self._broker.partitions).items():
                    for part in _parts(group, process):
                        answer = network.request(
                            topic.partition(".")[2],
                            lambda topic=topic, partition=partition, part=part: self._append(topic, partition, part),  # type: ignore[misc]
                            lane=(topic, partition),
                            not_before=network.slow.get(partition, 0.0),
                        )
                        pending.append(((topic, partition), answer))
                for tp, answer in pending:
                    ends[tp] = await answer
        except (RequestFailed, TimeoutError) as error:
            raise DeliveryFailed(f"not confirmed: {error!r}") from error
        return ends

    def _append(self, topic: str, partition: int, part: Sequence[Content]) -> int:
        for content in part:
            end = 1 + self._broker.append(topic, partition, *content)
        return end


def _parts(group: Sequence[Content], process: Process) -> Iterator[Sequence[Content]]:
    """Yield the records of one partition as they go, in one request or, mostly, in up to three."""
    cuts = sorted(process.lot.randrange(len(group) + 1) for _ in range(2)) if process.lot.random() < 0.7 else []
    for begin, end in itertools.pairwise((0, *cuts, len(group))):
        if begin < end:
            yield group[begin:end]


class _Reader:
    """Reads the changelog in small pieces, so that others may write to it meanwhile."""

    def __init__(self, broker: SimulatedBroker, group: str) -> None:
        self._broker = broker
        self._group = group

    async def bounds(self, partitions: Collection[TP]) -> dict[TP, Bounds]:
        logs = self._broker.logs
        return await self._ask("ends", lambda: {tp: Bounds(0, len(logs[tp])) for tp in partitions})

    async def committed(self, partitions: Collection[TP]) -> dict[TP, int | None]:
        committed = self._broker.committed[self._group]
        return await self._ask("ends", lambda: {tp: committed.get(tp) for tp in partitions})

    async def read(self, topic: str, partitions: Collection[int], *, first: bool = False) -> AsyncIterator[Chunk]:
        bounds = await self.bounds([TP(topic, number) for number in partitions])
        for partition in sorted(partitions):
            position, end = 0, bounds[TP(topic, partition)].end
            while position < end:
                records, position = await self._ask("read", partial(self._piece, TP(topic, partition), position))
                yield Chunk(partition, records[:1] if first else records, position if position >= end or first else None)
                if first:
                    break
            if not end:
                yield Chunk(partition, (), 0)

    def _piece(self, tp: TP, begin: int) -> tuple[list[StoredRecord], int]:
        return self._broker.fetch(tp, begin, _READ), min(begin + _READ, len(self._broker.logs[tp]))

    async def _ask(self, operation: str, effect: Callable[[], T]) -> T:
        try:
            return await self._broker.network.request(operation, effect, lane="reader")
        except RequestFailed as error:
            raise TimeoutError("the broker did not answer") from error


class SimulatedBackend(MemoryBackend):
    """The simulated broker, as the app sees it."""

    broker: SimulatedBroker

    def __init__(self, broker: SimulatedBroker, settings: StreamSettings) -> None:
        super().__init__(broker, settings.group_id)
        self._settings = settings

    def transport(self, app: Any) -> Any:
        """Return a Faust transport over the broker."""
        return _Transport(app.conf.broker_consumer, app)

    def producer(self, guard: Callable[[], None]) -> Producer:
        """Return a producer."""
        return _Producer(self.broker, self._settings, guard)

    def reader(self) -> LogReader:
        """Return a reader."""
        return _Reader(self.broker, self._settings.group_id)
