"""The faults: each one sentence, and a function that does it to a world and ends it again."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import psycopg
from kafka.admin import ConfigResource, ConfigResourceType
from sqlalchemy.engine import make_url

from streams.failpoints import EXIT_CODE
from tests.faults.samples import Resources, Samples
from tests.faults.world import World, client_ports
from tests.support.server import stands_still
from tests.support.workers import WorkerProcess, stored, until

__all__ = ["FAULTS", "Fault", "together"]

Act = Callable[[World], None]

STEPS = (
    "before_findings",
    "after_findings",
    "after_tallies",
    "after_rows",
    "before_transaction",
    "after_transaction",
    "after_commit",
    "mid_recovery",
    "mid_rebalance",
)
"""The failpoints: between each two steps of a batch, of a transaction and its commit, of a recovery and of a rebalance."""

SMALL_DISK = 192 * 1024 * 1024

PATIENT: Mapping[str, Any] = {
    "session_timeout": 300.0, "request_timeout": 300.0, "delivery_timeout": 240.0, "stall_timeout": 300.0, "max_poll_records": 5000, "commit_interval": 0.1,
}  # fmt: skip
"""So that a worker outlives a broker that starts anew, and a machine that has no time for it; batches and commits as an installation has them."""


@dataclass(frozen=True)
class Fault:
    """Something that can go wrong.

    ``says`` what happens in a sentence; ``act`` does it to a world under load, and returns when it is over. ``static``: the workers have names that the
    group knows. ``disk``: bytes of the database's disk. ``rate``: touchpoints a second, where it needs others than all. ``earlier``: all begins with the
    version before this one. ``returning``: how many blocks of customers come again and again. ``alone``: it is done only when it is named. ``tuned``: what
    the workers' streams have besides.
    """

    name: str
    says: str
    act: Act
    workers: int = 3
    static: bool = False
    disk: int = 0
    rate: int = 0
    earlier: bool = False
    returning: int = 0
    alone: bool = False
    tuned: Mapping[str, Any] = field(default_factory=dict)


FAULTS: dict[str, Fault] = {}


def fault(*, name: str = "", says: str = "", **needs: Any) -> Callable[[Act], Act]:
    """Add a function to the catalogue, under its own name and with its own docstring unless told."""

    def add(act: Act) -> Act:
        called = name or act.__name__.replace("_", "-")
        FAULTS[called] = Fault(called, says or (act.__doc__ or "").strip(), act, **needs)
        return act

    return add


def together(*names: str) -> Fault:
    """Return a fault that is several of the catalogue, one after the other."""

    def act(world: World) -> None:
        for name in names:
            FAULTS[name].act(world)
            world.servers.heal()
            world.crew.wait_ready()

    return Fault(", ".join(names), " ".join(FAULTS[name].says for name in names), act)


def _outage_with_restart(world: World, before: float, after: float) -> None:
    """Let time pass, ask a worker to end and start it again, and let time pass."""
    world.outage(before)
    world.crew.restart("w0")
    world.outage(after)


# --- workers ----------------------------------------------------------------------------------------------------------


@fault()
def undisturbed(world: World) -> None:
    """Nothing happens for two minutes."""
    before = world.figures()
    world.outage(120)
    world.notes.append(f"at first {before}; in the end {world.figures()}")


@fault()
def kill_storm(world: World) -> None:
    """`kill -9` of one, two or all three workers, eight times at random moments."""
    for _ in range(4 if world.quick else 8):
        time.sleep(world.chance.uniform(0.5, 4.0))
        world.crew.kill(*world.chance.sample(world.crew.names, world.chance.randint(1, 3)))


@fault()
def terminate(world: World) -> None:
    """SIGTERM to one worker after the other; each is started again."""
    for name in world.crew.names:
        world.crew.restart(name)
        time.sleep(2)


@fault()
def terminate_early(world: World) -> None:
    """A fourth worker is told to end half a second to three after its start, while it loads and connects, and as soon as it has joined; twice."""
    for seconds in (0.5, 1.0, 1.5, 2.0, 3.0, None, None):
        world.crew.start("guest")
        if seconds is None:
            until(lambda: world.crew.worker("guest").metric("recovery_seconds_count") > 0, 60)
        else:
            time.sleep(seconds)
        world.crew.leave("guest")


@fault()
def freeze(world: World) -> None:
    """SIGSTOP of a worker for longer than its session; it wakes when others have its partitions."""
    frozen = world.crew.freeze("w0")
    time.sleep(world.session + 4)
    frozen.process.send_signal(signal.SIGCONT)
    assert frozen.wait(15) == 1, "a worker that stood still went on"


@fault(static=True)
def twin(world: World) -> None:
    """A named worker freezes, another takes its name and its partitions, then the first one wakes."""
    world.crew.freeze("w0")
    frozen = world.crew.replace("w0")
    world.crew.wait_ready("w0")
    time.sleep(3)
    frozen.process.send_signal(signal.SIGCONT)
    assert frozen.wait(15) == 1, "a worker whose name was taken went on"


@fault(workers=2)
def join_and_leave(world: World) -> None:
    """Eight workers join and leave (SIGTERM) two others, one a second or two, before the group comes to rest."""
    for number in range(3 if world.quick else 8):
        world.crew.start(f"guest{number}")
        time.sleep(world.chance.uniform(1.0, 5.0))
        if number:
            world.crew.leave(f"guest{number - 1}")


@fault(static=True)
def rolling_restart(world: World) -> None:
    """Named workers are told to end and started again, one after the other, as an update would."""
    before = world.rebalances()
    for name in world.crew.names:
        world.crew.restart(name)
        world.crew.wait_ready(name)
        time.sleep(1)
    world.notes.append(f"{world.rebalances() - before} rebalances by the restarts")


def _prepare(world: World) -> None:
    """Bring tables and topics up to date, as docs/deployment.md says: before the workers."""
    world.outage(15)
    revision = "SELECT version_num FROM alembic_version"
    [before] = stored(world.installation.database, revision)
    for command in (("db", "upgrade"), ("topics", "create")):
        world.installation.run(*command)
    [after] = stored(world.installation.database, revision)
    world.notes.append(f"tables of revision {before[0]} were brought to {after[0]}")
    world.outage(5)


def _update(world: World, name: str) -> None:
    """End a worker of the version before, and start one of this version in its place."""
    world.crew.leave(name)
    world.crew.programs.pop(name)
    world.crew.start(name)
    world.crew.wait_ready(name)
    time.sleep(2)


@fault(static=True, earlier=True)
def rolling_upgrade(world: World) -> None:
    """Workers of the version before are replaced by this version's, one after the other; tables and topics first."""
    _prepare(world)
    before = world.rebalances()
    for name in world.crew.names:
        _update(world, name)
    world.notes.append(f"{world.rebalances() - before} rebalances by the update")


@fault(static=True, earlier=True)
def upgrade_and_back(world: World) -> None:
    """As before, but the first new worker stands still for longer than its session: old ones go on from the state that it wrote."""
    _prepare(world)
    first, *others = world.crew.names
    _update(world, first)
    world.outage(5)
    frozen = world.crew.freeze(first)
    time.sleep(world.session + 6)
    frozen.process.send_signal(signal.SIGCONT)
    assert frozen.wait(15) == 1, "a worker that stood still went on"
    for name in others:
        _update(world, name)


def _at(step: str, world: World, how: str = "") -> WorkerProcess:
    """Start a worker that dies or freezes at ``step``, see that it comes there, and return it; for a rebalance a guest joins."""
    # Who joins passes a first rebalance with nothing to give up.
    passes = {"mid_recovery": 1, "mid_rebalance": 2}.get(step) or world.chance.randint(1, 8)
    world.crew.kill("w0")
    time.sleep(0.3)
    world.crew.replace("w0", failpoint=f"{step}:{passes}{how}")
    worker = world.crew.worker("w0")
    deadline = time.monotonic() + 60
    while worker.running and not stands_still(worker.process.pid):
        assert time.monotonic() < deadline, f"never came to {step}\n{worker.tail()}"
        if step == "mid_rebalance" and "guest" not in world.crew.names and worker.get("/readyz")[0] == 200:
            world.crew.start("guest")
        time.sleep(0.05)
    world.crew.kills += 1
    return worker


def _die(step: str, world: World) -> None:
    assert _at(step, world).wait(1) == EXIT_CODE
    time.sleep(2)


def _stand(step: str, world: World) -> None:
    frozen = _at(step, world, ":freeze")
    time.sleep(world.session + 4)
    frozen.process.send_signal(signal.SIGCONT)
    if step.startswith("mid_"):
        time.sleep(10)  # it owns nothing yet, or no longer: it may join again
    else:
        assert frozen.wait(15) == 1, "a worker that stood still went on"


for _step in STEPS:
    _called = _step.replace("_", "-")
    fault(name=f"die-{_called}", says=f"A worker ends at once at `{_step}`.")(partial(_die, _step))
    fault(name=f"freeze-{_called}", says=f"A worker freezes at `{_step}` for longer than its session, then goes on.")(
        partial(_stand, _step)
    )


# --- broker -----------------------------------------------------------------------------------------------------------


@fault()
def broker_killed(world: World) -> None:
    """`kill -9` of the broker, which comes back after five seconds; twice."""
    for _ in range(1 if world.quick else 2):
        world.server_kills += 1
        world.servers.kafka.kill()
        time.sleep(5)
        world.servers.kafka.start()
        time.sleep(5)


@fault()
def broker_stopped(world: World) -> None:
    """The broker is shut down in order and comes back after twenty seconds; a worker is told to end meanwhile."""
    world.server_kills += 1
    world.servers.kafka.stop()
    world.crew.restart("w0")
    world.outage(20)
    world.servers.kafka.start()


@fault()
def broker_frozen(world: World) -> None:
    """SIGSTOP of the broker for thirty seconds; a worker is told to end meanwhile."""
    world.server_kills += 1
    world.servers.kafka.pause()
    _outage_with_restart(world, 15, 15)
    world.servers.kafka.resume()


@fault()
def broker_slow(world: World) -> None:
    """The network to the broker has 200 ms delay either way and 100 kB/s for half a minute."""
    world.servers.to_broker.delay, world.servers.to_broker.rate = 0.2, 100_000
    world.outage(30)
    world.servers.to_broker.heal()


@fault()
def broker_cut(world: World) -> None:
    """All connections to the broker break, and no new one is made for twenty seconds; a worker is told to end meanwhile."""
    world.servers.to_broker.cut()
    _outage_with_restart(world, 10, 10)
    world.servers.to_broker.heal()


@fault()
def broker_deaf(world: World) -> None:
    """The network to the broker swallows everything for twenty seconds; a worker is told to end meanwhile."""
    world.servers.to_broker.deaf = True
    _outage_with_restart(world, 10, 10)
    world.servers.to_broker.heal()


@fault()
def late_writes(world: World) -> None:
    """The network holds the rows that a worker writes; it gives up, others go on, and then its rows arrive; twice."""
    for _ in range(2):
        worker = _at("after_tallies", world, ":freeze")
        world.servers.to_broker.deaf_to = client_ports(worker.process.pid)
        worker.process.send_signal(signal.SIGCONT)
        until(partial(_is_over, worker), 60)
        time.sleep(world.session + 8)
        world.servers.to_broker.heal()
        time.sleep(8)


def _is_over(worker: WorkerProcess) -> bool:
    return not worker.running


def _unwritable(topic: str, world: World) -> None:
    """Make the broker refuse every record of a topic for a while."""
    admin = world.installation.admin
    resource = ConfigResource(
        ConfigResourceType.TOPIC, f"{world.installation.prefix}.{topic}", {"max.message.bytes": "1"}
    )
    before = {"max.message.bytes": str(4 * 1024 * 1024)}
    admin.alter_configs([resource])
    world.outage(20)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, resource.name, before)])


for _topic in ("alerts", "tallies", "watch-changelog", "scores"):
    fault(
        name=f"{_topic}-unwritable", says=f"The broker refuses every record of the topic `{_topic}` for twenty seconds."
    )(partial(_unwritable, _topic))


# --- database ---------------------------------------------------------------------------------------------------------


@fault()
def database_stopped(world: World) -> None:
    """The database is shut down for two minutes; a worker is killed and one told to end meanwhile."""
    world.server_kills += 1
    before, found = world.figures(), world.records("alerts")
    world.servers.postgres.stop()
    world.outage(60)
    world.notes.append(f"at first {before}; after half of the time {world.figures()}")
    world.crew.kill("w0")
    world.crew.restart("w1")
    world.outage(60)
    world.notes.append(
        f"in the end {world.figures()}; {world.records('alerts') - found} records of findings came meanwhile"
    )
    world.servers.postgres.start()


@fault(rate=2100)
def database_away(world: World) -> None:
    """The database is shut down for ten minutes under 2,100 touchpoints a second."""
    half = 30 * world.minutes
    before, first, second, after = (Samples(world) for _ in range(4))
    world.patience *= world.minutes
    before.take(60)
    world.server_kills += 1
    world.servers.postgres.stop()
    began, sent, found = time.monotonic(), world.load.sent, [world.records("alerts")]
    for samples in (first, second):
        samples.take(half)
        found.append(world.records("alerts"))
    seconds, sent = time.monotonic() - began, world.load.sent - sent
    world.servers.postgres.start()
    after.take(60 * world.minutes, lambda: bool(after.waits) and after.waits[-1] < 1)
    counts = [later - earlier for earlier, later in pairwise(found)]
    world.notes += [
        f"{seconds:.0f} s without a database, {sent / seconds:,.0f} touchpoints a second; {counts[0]:,} records of findings came in the first half,"
        f" {counts[1]:,} in the second",
        f"before: {before}",
        f"first half: {first}",
        f"second half: {second}",
        f"until the sinks had caught up: {after}",
    ]
    assert min(counts) > 0, f"detection did not go on: {counts}"
    assert second.waits[-1] > 0.9 * seconds, f"after {seconds:.0f} s the sinks' wait only shows {second.waits[-1]:.0f}"


@fault()
def database_killed(world: World) -> None:
    """`kill -9` of the database while a transaction has written findings and not yet alerts; three times."""
    for _ in range(1 if world.quick else 3):
        with _transaction_held(world):
            world.server_kills += 1
            world.servers.postgres.kill()
        world.servers.postgres.start()
        time.sleep(3)


@fault()
def killed_in_transaction(world: World) -> None:
    """All workers get `kill -9` while a transaction has written findings and not yet alerts; three times."""
    for _ in range(1 if world.quick else 3):
        with _transaction_held(world):
            time.sleep(2)  # were anything acknowledged before its transaction, it would be committed by now
            world.crew.kill(*world.crew.names)
            time.sleep(0.3)
        time.sleep(8)


@fault()
def sessions_ended(world: World) -> None:
    """The database ends all sessions of the workers, four times a second for ten seconds."""
    with _connected(world) as connection:
        for _ in range(20 if world.quick else 40):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seamwatch'"
            )
            time.sleep(0.25)
    world.server_kills += 1


@fault()
def database_frozen(world: World) -> None:
    """SIGSTOP of the database with its sessions, in the middle of statements, for fifty seconds; a worker is told to end meanwhile."""
    world.server_kills += 1
    world.servers.postgres.pause()
    world.outage(10)
    world.notes.append(f"after ten seconds {world.figures()}")
    world.crew.restart("w0")
    world.outage(40)
    world.servers.postgres.resume()


@fault(disk=SMALL_DISK)
def database_disk_full(world: World) -> None:
    """The disk of the database is full for half a minute; then there is room again, and who fell over is started again."""
    world.server_kills += 1
    ballast = world.servers.postgres.directory / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(b"0" * 65536)
    world.outage(30)
    world.notes.append(f"in the end {world.figures()}")
    ballast.unlink()
    world.servers.heal()


@fault()
def database_slow(world: World) -> None:
    """The network to the database has 100 ms delay either way and 200 kB/s for half a minute."""
    world.servers.to_database.delay, world.servers.to_database.rate = 0.1, 200_000
    world.outage(30)
    world.servers.to_database.heal()


@fault()
def database_cut(world: World) -> None:
    """All connections to the database break, and no new one is made for twenty seconds; a worker is told to end meanwhile."""
    world.servers.to_database.cut()
    _outage_with_restart(world, 10, 10)
    world.servers.to_database.heal()


@fault()
def database_deaf(world: World) -> None:
    """The network to the database swallows everything for fifty seconds; a worker is told to end meanwhile."""
    world.servers.to_database.deaf = True
    _outage_with_restart(world, 10, 40)
    world.servers.to_database.heal()


@fault(static=True)
def restored(world: World) -> None:
    """A backup is taken while workers store; half a minute later the database is lost, the backup restored, and the offsets set back to what it holds."""
    installation, postgres = world.installation, world.servers.postgres
    backup = installation.directory / "seamwatch.dump"
    world.outage(15)
    postgres.dump(installation.database, backup)
    world.outage(30)
    for name in world.crew.names:
        world.crew.leave(name)
    postgres.restore(installation.database, backup)
    world.notes.append(installation.run("db", "rewind").strip())
    world.crew.start(*world.names)
    world.crew.wait_ready()


# --- everything -------------------------------------------------------------------------------------------------------


@fault()
def anything(world: World) -> None:
    """Twelve blows at random: kills and pauses of workers, broker, database and network, some before the last one is over."""
    servers, crew, chance = world.servers, world.crew, world.chance

    def database() -> None:
        world.server_kills += 1
        servers.postgres.kill()
        time.sleep(chance.uniform(0.2, 3))
        servers.postgres.start()

    def broker() -> None:
        world.server_kills += 1
        servers.kafka.kill()
        time.sleep(chance.uniform(0.2, 3))
        servers.kafka.start()

    def pause() -> None:
        worker = crew.freeze(chance.choice(crew.names))
        time.sleep(chance.uniform(1, 1.5 * world.session))
        worker.process.send_signal(signal.SIGCONT)

    def network() -> None:
        link = chance.choice([servers.to_broker, servers.to_database])
        link.cut() if chance.random() < 0.5 else setattr(link, "deaf", True)
        time.sleep(chance.uniform(1, 8))
        link.heal()

    blows: list[Callable[[], None]] = [
        lambda: crew.kill(chance.choice(crew.names)),
        lambda: crew.kill(*crew.names),
        lambda: crew.restart(chance.choice(crew.names)),
        database,
        broker,
        pause,
        network,
    ]
    for _ in range(12):
        chance.choice(blows)()
        time.sleep(chance.uniform(0, 5))


@fault(returning=2, alone=True, static=True, tuned=PATIENT)
def soak(world: World) -> None:
    """For so many hours one fault after the other; after each all is caught up, and a worker that outlives them all holds no more in the end than before."""
    crew, servers = world.crew, world.servers

    def broker() -> None:
        servers.kafka.stop()
        time.sleep(5)
        servers.kafka.start()

    def database() -> None:
        servers.postgres.kill()
        time.sleep(5)
        servers.postgres.start()

    def network() -> None:
        for link in (servers.to_broker, servers.to_database):
            link.cut()
            time.sleep(3)
            link.heal()

    blows: list[Callable[[], None]] = [lambda: crew.kill("w0"), database, lambda: crew.restart("w1"), network, lambda: crew.kill("w0", "w1"), broker]
    waits: list[float] = []
    time.sleep(30)
    with Resources(world) as held:
        end = time.monotonic() + 60 * world.minutes
        while time.monotonic() < end:
            world.server_kills += 1
            blows[len(waits) % len(blows)]()
            servers.heal()
            crew.wait_ready(seconds=world.patience)
            waits.append(world.catch_up())
            time.sleep(max(0.0, min(20.0, end - time.monotonic())))
    quarters = held.quarters()
    shown = "; ".join(f"{size / 2**20:.0f} MiB, {threads} threads, {files} files" for size, threads, files in quarters)
    world.notes += [
        f"{len(waits)} faults in {world.minutes} minutes, {world.load.sent:,} touchpoints; caught up within {max(waits):.0f} s of each, mostly"
        f" {median(waits):.0f} s",
        f"the worker that lived longest, {len(held.longest)} s, held, by quarters of that time: {shown}",
    ]
    assert len(held.longest) > 30 * world.minutes, "no worker lived for half of the time"
    _, (size, threads, files), *_, (last, last_threads, last_files) = quarters  # in the first one it loads, and learns customers
    assert last < 1.15 * size, f"memory grows: {shown}"
    assert last_threads <= threads + 2, f"threads grow: {shown}"
    assert last_files <= files + 5, f"files grow: {shown}"


@contextmanager
def _connected(world: World) -> Iterator[psycopg.Connection[Any]]:
    address = make_url(world.installation.database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@contextmanager
def _transaction_held(world: World) -> Iterator[None]:
    """Hold the alerts, so that a worker's next transaction stands between its findings and its alerts."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'seamwatch' AND wait_event_type = 'Lock'"
    address = make_url(world.installation.database).set(drivername="postgresql").render_as_string(hide_password=False)
    holder, watcher = psycopg.connect(address), psycopg.connect(address, autocommit=True)
    try:
        holder.execute("LOCK TABLE alerts IN EXCLUSIVE MODE")

        def held() -> bool:
            row = watcher.execute(waiting).fetchone()
            return row is not None and row[0] > 0

        until(held, 60)
        watcher.close()
        yield
    finally:
        holder.close()
