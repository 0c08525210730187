"""The world of one history: customers, a broker, workers, a database, the time of day, and what befalls them."""

import asyncio
import contextlib
import json
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NoReturn
from unittest import mock

from faust.types import TP
from sqlalchemy import event

import agents.live  # noqa: F401  # loaded before its clocks are looked for
from agents.links import INTERNAL
from config.settings import load_settings
from seamwatch import figures, lifetimes  # noqa: F401  # as above
from seamwatch.worker import Plan, Worker
from sinks.errors import DatabaseUnavailable
from sinks.statements import Statements
from streams.app import SeamwatchApp
from streams.errors import DeliveryFailed, Overtaken, StreamError, Zombie
from streams.liveness import Liveness
from streams.producer import partition_for
from streams.settings import StreamSettings
from streams.topics import Topics
from streams.worker import run_worker
from tests.reference.scenarios import START
from tests.simulation.histories import History, Step, touchpoints
from tests.simulation.invariants import Undisturbed, Violation, Watcher, empty_database, parts, verify
from tests.simulation.network import Fault, Faults, Network, SimulatedBackend, SimulatedBroker
from tests.simulation.processes import Exited, Process, Stuck, VirtualLoop, current, outside, virtual_clocks
from tests.support.workers import HASH_KEY

__all__ = ["World", "play"]

SETTINGS = StreamSettings(
    prefix="t",
    partitions=2,
    session_timeout=3.0,
    heartbeat_interval=1.0,
    request_timeout=3.0,
    delivery_timeout=1.8,
    rebalance_timeout=6.0,
    stall_timeout=9.0,
    stop_timeout=3.0,
    commit_interval=0.3,
    max_poll_records=5,
    records_in_flight=15,
)
"""All times of the product's own settings, shortened alike; polls small enough that a history has many."""

PATIENCE = 120.0
"""Seconds without trouble after which everything must have come to rest."""

SETTLED = 0.7
"""Seconds in which the first workers find their partitions."""

CHUNK = 3
"""How many touchpoints a chunk of a row holds: few, so that rows of a short history have several."""

QUIET = 1.0
DAY = 86_400_000_000
FIRST = (("info.requested", {"field": "account_number"}),)
LAST: tuple[tuple[str, dict[str, Any]], ...] = (
    ("info.requested", {"field": "order_number"}),
    ("info.requested", {"field": "account_number"}),
    ("auth.requested", {}),
    ("handoff.started", {"handoff": "last", "to_team": "tech", "mode": "blind", "context": []}),
)
GOOD_ENDS = (DeliveryFailed, Overtaken, Zombie, TimeoutError)


def play(history: History) -> Counter[str]:
    """Play ``history`` to its end, and return how often what happened.

    Raises `Violation` where the promise is broken, with what it was.
    """
    loop = VirtualLoop()
    world = World(history, loop)
    try:
        with virtual_clocks(loop, world.wall), world.surroundings():
            try:
                loop.run_until_complete(world.go())
            except Stuck as stuck:
                raise Violation(str(stuck)) from stuck
        return Counter(world.seen)
    finally:
        loop.abandon()


class World:
    """Everything that a history plays with; ``seen`` counts what happened."""

    def __init__(self, history: History, loop: VirtualLoop) -> None:
        self.history = history
        self.seen: Counter[str] = Counter()
        self._loop = loop
        self._lot = random.Random(history.lot)
        self._ahead = 0
        self._start = int(START.timestamp()) * 1_000_000
        self._topics = topics = Topics(SETTINGS.prefix)
        self._committing = {topics.touchpoints, topics.alerts, topics.scores, topics.dead_letters}
        self._engine = empty_database("simulated")
        self._faults = Faults(self.seen)
        self._network = Network(loop, self._faults, self._freeze)
        self._watcher = Watcher(self._topics, lambda: self._broker, self._engine, SETTINGS.group_id)
        self._touchpoints = touchpoints(history)
        self._fed = 0
        self._workers: dict[int, Process] = {}
        self._apps: dict[int, SeamwatchApp] = {}
        self._incarnations = 0
        self._slow_threads = 0.0
        self._database_down = 0.0
        self._statements_left: int | None = None
        self._broker: SimulatedBroker
        self._oracle: Undisturbed
        loop.thread_delay = self._thread_delay
        loop.thread_work = self._thread_work

    def wall(self) -> int:
        """Return the time of day, in microseconds UTC."""
        return self._start + self._ahead + int(self._loop.time() * 1e6)

    @contextlib.contextmanager
    def surroundings(self) -> Iterator[None]:
        """Put stand-ins where the program would leave the simulation: a thread, the collector, the database."""
        def intercept(*_: Any) -> None:
            self._before_statement()

        event.listen(self._engine, "before_cursor_execute", intercept)
        with (
            mock.patch("streams.app.Watchdog", _Watchdog),
            mock.patch("streams.worker.tune_garbage_collector"),
            mock.patch("agents.live.watch.growing_state", contextlib.nullcontext),
            mock.patch("agents.live.watch._TURN", 0.0),
            mock.patch("sinks.writer.Statements", _statements),
            mock.patch("agents.rows.CHUNK", CHUNK),
        ):
            try:
                yield
            finally:
                event.remove(self._engine, "before_cursor_execute", intercept)

    async def go(self) -> None:
        """Play all steps, calm down, and check what is left."""
        self._broker = SimulatedBroker(
            SETTINGS, self._network, lambda: self.wall() // 1000, self._lot, self._watcher.appended, self._watcher.committing
        )
        self._oracle = Undisturbed(self._broker, self._topics, parts(self.history.memory))
        background = [asyncio.ensure_future(each) for each in (self._broker.coordinate(), self._broker.listen())]
        for number in range(self.history.workers):
            self._begin_worker(number)
        await asyncio.sleep(SETTLED)
        for step in self.history.steps:
            await self._take(step)
            self._check()
        self._calm_down()
        self._feed(len(self._touchpoints))
        await asyncio.sleep(max(0.0, self._network.quiet_at - self._loop.time()))  # who writes after it notices what came late
        self._ask_again("first", FIRST)
        await self._settle()
        if self.history.recovery:
            await self._recover()
        for task in background:
            if task.done():
                task.result()
        verify(self._broker, self._topics, self._engine, self._watcher, self._oracle, self.wall())
        self.seen["compared with who knew each customer from the start"] += not self._oracle.forgot
        self.seen["customers forgotten"] += len(self._oracle.forgotten)
        self.seen["rebalances"] += self._broker.rebalances
        self.seen["findings"] += len(self._watcher.bodies)
        values = [record.value for tp, log in self._broker.logs.items() if tp.topic == self._topics.touchpoints for record in log]
        self.seen["records between workers"] += sum(value is not None and value.startswith(INTERNAL) for value in values)

    async def _recover(self) -> None:
        """Let one fresh worker go on from what is left after compaction."""
        self._ahead += 2 * DAY
        for topic in (self._topics.changelog, self._topics.tallies):
            for partition in range(SETTINGS.partitions):
                self._broker.compact(TP(topic, partition))
        for process in self._workers.values():
            self._kill(process, 0.0)
        self._workers = {0: self._workers[0]}
        self._broker.forget_the_dead()
        self._ask_again("last", LAST)
        self._ahead += 40 * DAY
        await self._settle()

    # --- steps ----------------------------------------------------------------------------------------------------

    async def _take(self, step: Step) -> None:
        kind, *arguments = step
        self.seen[kind] += 1
        match kind:
            case "feed":
                self._feed(arguments[0])
            case "run":
                await asyncio.sleep(arguments[0])
            case "jump":
                self._ahead += arguments[0] * 1_000_000
            case "kill" | "stop" | "freeze" | "cut_off":
                process = self._workers[arguments[0]]
                if process.alive:
                    getattr(self, f"_{kind}")(process, arguments[1])
            case "fault":
                self._faults.armed.append(Fault(*arguments))
            case "rebalance":
                self._broker.deal_anew()
            case "slow":
                self._network.slow[arguments[0]] = self._loop.time() + arguments[1]
            case "database_down":
                self._database_down = self._loop.time() + arguments[0]
            case "database_slow":
                self._slow_threads = self._loop.time() + arguments[0]
            case "bad":
                self._append_bad(*arguments)
            case "misplaced":
                for touchpoint in self._touchpoints[self._fed : self._fed + 1]:
                    self._append(touchpoint, shift=1)
                self._fed += 1

    def _feed(self, count: int) -> None:
        for touchpoint in self._touchpoints[self._fed : self._fed + count]:
            self._append(touchpoint)
        self._fed += count

    def _append(self, touchpoint: dict[str, Any], shift: int = 0) -> None:
        """Append a touchpoint, ``shift`` partitions beside its own; the time of day is never before its own."""
        moment = int(datetime.fromisoformat(touchpoint["time"]).timestamp() * 1_000_000)
        self._ahead += max(0, moment - self.wall())
        key = f"{touchpoint.get('tenant', 'default')}/{touchpoint['customer']}".encode()
        value = json.dumps(touchpoint).encode()
        partition = (partition_for(key, SETTINGS.partitions) + shift) % SETTINGS.partitions
        self._broker.append(self._topics.touchpoints, partition, key, value)

    def _append_bad(self, kind: int, partition: int) -> None:
        key, value = ((b"default/c0", b"{"), (b"default/c0", None), (None, b"[]"), (b"x", b'{"id":"\xff"}'))[kind]
        self._broker.append(self._topics.touchpoints, partition, key, value)

    def _ask_again(self, when: str, what: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Let every customer be asked for what was told already: whoever forgot something finds something else now."""
        now = datetime.fromtimestamp(self.wall() / 1e6, UTC)
        customers = sorted({(each.get("tenant", "default"), each["customer"]) for each in self._touchpoints})
        for number, (tenant, name) in enumerate(customers):
            for place, (kind, data) in enumerate(what):
                self._append({
                    "id": f"{when}-{name}-{place}", "source": "s9", "type": kind, "time": (now + timedelta(seconds=number + place)).isoformat(),
                    "tenant": tenant, "customer": name, "contact": "k1", "channel": "voice", "actor": {"kind": "agent", "team": "billing"}, "data": data,
                })  # fmt: skip

    # --- workers --------------------------------------------------------------------------------------------------

    def _begin_worker(self, number: int) -> None:
        self._incarnations += 1
        lot = random.Random(f"{self.history.lot}/{number}/{self._incarnations}")
        process = self._workers[number] = Process(self._loop, number, lot, self._ended)
        process.begin(self._work(process))

    def _ended(self, process: Process) -> None:
        self._loop.call_later(process.pause, self._begin_again, process, context=outside())

    def _begin_again(self, process: Process) -> None:
        if self._workers.get(process.number) is process:
            self._begin_worker(process.number)

    async def _work(self, process: Process) -> None:
        def end(error: BaseException) -> NoReturn:
            self.seen[f"ended by {type(error).__name__}"] += 1
            if not isinstance(error, GOOD_ENDS) and type(error) is not StreamError:
                self._watcher.violations.append(f"a worker ended by {error!r}")
            process.kill()
            raise Exited

        worker = Worker(_plan(self.history.memory), streams=SETTINGS)
        app = SeamwatchApp(SETTINGS, SimulatedBackend(self._broker, SETTINGS), worker.metrics, end)
        worker.assemble(app, self._engine)
        self._apps[process.number] = app
        try:
            await run_worker(app, check_topics=False)
        except Exception as error:  # noqa: BLE001  # the program would end by it
            end(error)
        process.kill()

    def _kill(self, process: Process, seconds: float) -> None:
        process.pause = seconds
        process.kill()

    def _stop(self, process: Process, seconds: float) -> None:
        process.pause = seconds
        handler = process.signals.get(signal.SIGTERM)
        if handler is not None:
            process.call(handler[0], *handler[1])

    def _freeze(self, process: Process, seconds: float) -> None:
        process.freeze()
        self._loop.call_later(seconds, process.thaw, context=outside())

    def _cut_off(self, process: Process, seconds: float) -> None:
        self._network.cut_off[process] = self._loop.time() + seconds

    # --- threads and the database ---------------------------------------------------------------------------------

    def _thread_delay(self, process: Process | None) -> float:
        lot = self._lot if process is None else process.lot
        return lot.random() * (4.0 if self._slow_threads > self._loop.time() else 0.01)

    def _thread_work(self, work: Callable[[], Any]) -> Any:
        process = current()
        assert process is not None
        fault = self._faults.strike("database")
        effect = None if fault is None else fault.effect
        if effect == "kill":
            process.kill()
            raise Exited
        if fault is not None and effect == "freeze":
            self._freeze(process, fault.seconds)
        self._statements_left = {"fail": 0, "late": process.lot.randrange(1, 6)}.get(effect or "", 1 << 30)
        try:
            result = work()
        finally:
            self._statements_left = None
        if effect == "kill_after":
            process.kill()
            raise Exited
        if effect == "fail_after":
            raise DatabaseUnavailable("the connection broke during the commit", retry_after=0.3)
        return result

    def _before_statement(self) -> None:
        if self._statements_left is None:
            return
        self._statements_left -= 1
        if self._statements_left < 0 or self._database_down > self._loop.time():
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

    # --- the end --------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._watcher.violations:
            raise Violation("; ".join(self._watcher.violations))

    def _calm_down(self) -> None:
        self._faults.armed.clear()
        self._network.cut_off.clear()
        self._network.slow.clear()
        self._database_down = self._slow_threads = 0.0
        for process in self._workers.values():
            process.thaw()

    async def _settle(self) -> None:
        """Wait until everything is committed, no deadline waits that has passed, and nothing comes any more."""
        began = since = self._loop.time()
        ends: dict[TP, int] = {}
        while True:
            await asyncio.sleep(0.25)
            self._check()
            now = self._loop.time()
            committed = self._broker.committed[SETTINGS.group_id]
            before, ends = ends, {tp: len(log) for tp, log in self._broker.logs.items()}
            behind = {tp: end for tp, end in ends.items() if tp.topic in self._committing and committed.get(tp, 0) != end}
            away = [number for number, process in self._workers.items() if not process.alive]
            # What is never committed is read again, slowly at times: tallies, by whoever merges them.
            reading = [number for number in self._workers if any(self._apps[number].consumer.lags().values())]
            if ends != before or behind or away or reading or self._broker.rebalancing or self._network.quiet_at > now:
                since = now
            elif now - since >= QUIET:
                due = self._oracle.overdue(self.wall())
                if not due:
                    return
                since, behind = now, due
            if now - began > PATIENCE:
                raise Violation(f"not at rest after {PATIENCE:.0f} s: {behind}")


_statements = cache(Statements)
"""Built once: a tenth of a history would go into building SQL."""

@cache
def _plan(memory: int) -> Plan:
    # Nothing expires: that follows from when workers are up, and from no log.
    settings = load_settings(hash_key=HASH_KEY, database="sqlite://", alert_expiry="36500d")
    return Plan(settings, frozenset({"watch", "score", "sink"}), *parts(memory), ())


class _Watchdog:
    """The watchdog's thread, as a part of its process: frozen and killed with it."""

    def __init__(self, liveness: Liveness, limit: float, end: Callable[[BaseException], None]) -> None:
        self._liveness = liveness
        self._limit = limit
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look twice a second."""
        age = self._liveness.age
        if age > self._limit:
            self._end(Zombie(f"no poll for {age:.1f} s"))
        self._timer = asyncio.get_running_loop().call_later(0.5, self.start)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
