"""How long a brief takes: from the append of the handoff to the append of the brief, and to the webhook that tells the next handler, under a steady load.

The broker stamps the appends (LogAppendTime, in whole milliseconds), the receiver of webhooks notes when each is here; all are on one machine, and so on one
clock. One touchpoint in ten is a handoff: evenly, or all those of a second within a tenth of it.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import quantiles
from time import monotonic, sleep, time

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from benchmarks.installation import AS_PYTHON, PARTITIONS, Installation, Progress, await_ready, installed
from benchmarks.report import Report, say
from benchmarks.workload import APART, START, Told, touchpoint
from models.brief import MAXIMUM_BYTES
from sinks.database import upgrade
from streams.interpreter import tune_garbage_collector
from streams.kafka import KafkaBackend
from streams.producer import Outgoing, partition_for
from streams.settings import StreamSettings
from tests.support.compiled import compiled
from tests.support.server import free_ports
from tests.support.services import PostgresServer

_WARM_UP = 20
"""Seconds of load whose briefs do not count: a broker that has just begun still compiles its own code."""
_TICK = 0.005
_PATIENCE = 120.0
_PERCENTILES = (50, 90, 99, 99.9)
_LIMIT = 100
_EVENLY, _AT_ONCE = "evenly", "at once"
_LOADS = (_EVENLY, _AT_ONCE)
_TOLD = "as a webhook"
_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 - of a receiver that lives as long as this


def run(rate: int, seconds: int) -> Report:
    """Send ``rate`` touchpoints a second for ``seconds``, four times: evenly and at once, with nobody who is told and then with a receiver of webhooks.

    Raises ``AssertionError`` where a handoff has no brief, a brief no webhook or more than one, or one is too large, ``TimeoutError`` where the worker does
    not keep up.
    """
    tune_garbage_collector()
    with installed() as installation, installation.worker(compiled() or AS_PYTHON):
        stamped = ConfigResource(ConfigResourceType.TOPIC, installation.names.briefs, {"message.timestamp.type": "LogAppendTime"})
        admin = KafkaAdminClient(bootstrap_servers=installation.bootstrap)
        admin.alter_configs([stamped])
        admin.close()
        progress = Progress(installation.bootstrap, installation.names)

        def send(name: str, each: int) -> None:
            say(f"{each} s of load: {name}")
            records = _records(each, rate, name)
            asyncio.run(_feed(installation, records, rate))
            deadline = monotonic() + _PATIENCE
            while not progress.caught_up():
                if monotonic() > deadline:
                    raise TimeoutError(f"the worker was not done in {_PATIENCE:.0f} s")
                sleep(0.2)

        send("warm-up", _WARM_UP)
        for name in _LOADS:
            send(name, seconds)
        samples = {name: asyncio.run(_samples(installation, name)) for name in _LOADS}
        with _telling(installation) as noted:
            send(f"warm-up, {_TOLD}", _WARM_UP)
            for name in _LOADS:
                send(f"{name}, {_TOLD}", seconds)
            arrived = _arrived(noted, rate * (2 * seconds + _WARM_UP) // 10)
        samples |= {f"{name}, {_TOLD}": asyncio.run(_samples(installation, f"{name}, {_TOLD}", arrived)) for name in _LOADS}
    rows, sizes = [], [size for _, each in samples.values() for size in each]
    for name, (waited, _) in samples.items():
        assert len(waited) == rate * seconds // 10, "a handoff has no brief"
        cut = quantiles(waited, n=1000, method="inclusive")
        over = sum(each > _LIMIT for each in waited) / len(waited)
        rows.append((name, *(f"{cut[round(each * 10) - 1]:.0f}" for each in _PERCENTILES), f"{max(waited):.0f}", f"{over:.2%}"))
    assert max(sizes) <= MAXIMUM_BYTES
    return Report(
        title="Milliseconds from the append of a handoff to the append of its brief, or to the webhook at the next handler's",
        columns=("handoffs", *(f"p{each}" for each in _PERCENTILES), "most", f"over {_LIMIT} ms"),
        rows=rows,
        notes=[
            f"{rate:,} touchpoints a second for {seconds} s each, {PARTITIONS} partitions; {len(sizes):,} briefs of "
            f"{sum(sizes) / len(sizes):,.0f} bytes on average, {max(sizes):,} at most. Each webhook came once; the role `deliver` kept its rows in PostgreSQL."
        ],
    )


def _story(number: int) -> list[Told]:
    """Tell one call that is passed on, with what a brief is made of."""
    team, other = f"team-{number % 20:02d}", f"team-{(number + 1) % 20:02d}"
    handoff = {"handoff": f"h-{number}", "to_team": other, "mode": "warm", "context": None}
    return [
        ("contact.started", "customer", None, {"direction": "inbound", "intent": "bill"}),
        ("contact.answered", "agent", team, {}),
        ("auth.passed", "agent", team, {"level": 2}),
        ("info.provided", "customer", None, {"field": "account_number", "value": f"{number:08d}"}),
        ("info.provided", "customer", None, {"field": "order_number", "value": f"{number:09d}"}),
        ("fact.stated", "agent", team, {"fact": "price", "value": "39.90"}),
        ("promise.made", "agent", team, {"promise": f"p-{number}", "due": "2026-04-01T09:00:00Z", "about": "refund"}),
        ("message", "customer", None, {"text": "I have been waiting for this for two weeks now.", "sentiment": -0.4}),
        ("handoff.started", "agent", team, handoff),
        ("contact.answered", "agent", other, {}),
    ]


def _records(seconds: int, rate: int, load: str) -> list[tuple[int, bytes, bytes]]:
    """Return partition, key and value of the touchpoints of all stories, each of which takes a second: in order of the time at which they are due.

    The stories of a second begin one after the other, or together and then go on in step.
    """
    stories = range(rate * seconds // 10)
    begins = [number // (rate // 10) if load.startswith(_AT_ONCE) else number / (rate // 10) for number in stories]
    records = []
    for number, step in sorted(product(stories, range(10)), key=lambda each: begins[each[0]] + each[1] / 10):
        customer = f"customer-{load}-{number}"
        key = f"acme/{customer}".encode()
        made = touchpoint(f"{load}/{number}/{step}", customer, f"contact-{load}-{number}", _story(number)[step], START + step * APART, "agent-1")
        records.append((partition_for(key, PARTITIONS), key, made))
    return records


async def _feed(installation: Installation, records: list[tuple[int, bytes, bytes]], rate: int) -> None:
    """Send each when it is due."""
    producer = KafkaBackend(StreamSettings(bootstrap=installation.bootstrap)).producer(lambda: None)
    await producer.start()
    sent, began = 0, time()
    async with asyncio.TaskGroup() as deliveries:
        while sent < len(records):
            due = min(len(records), int((time() - began) * rate))
            if due > sent:
                deliveries.create_task(producer.deliver([Outgoing(installation.names.touchpoints, *each) for each in records[sent:due]]))
                sent = due
            await asyncio.sleep(_TICK)
    await producer.stop()


@contextmanager
def _telling(installation: Installation) -> Iterator[Path]:
    """Run the role `deliver` on PostgreSQL, and a receiver of briefs: yield the file in which it notes what arrives."""
    receiver, metrics = free_ports(2)
    noted, receivers = installation.folder / "noted", installation.folder / "receivers.yaml"
    noted.touch()
    receivers.write_text(f"receivers:\n- {{name: desktop, kind: brief, url: 'http://127.0.0.1:{receiver}/', concurrency: 16, rate: 10000}}\n")
    settings = {"RECEIVERS_FILE": str(receivers), "DELIVER_SECRETS__DESKTOP": _SECRET, "METRICS_PORT": str(metrics)}
    with PostgresServer() as postgres:
        database = postgres.new_database()
        upgrade(database)
        desktop = subprocess.Popen([sys.executable, "-m", "benchmarks.desktop", str(receiver), str(noted)], cwd=AS_PYTHON)
        try:
            with installation.worker(AS_PYTHON, "deliver", DATABASE=database, **settings):
                await_ready(metrics)
                yield noted
        finally:
            desktop.terminate()
            desktop.wait()


def _arrived(noted: Path, number: int) -> dict[str, float]:
    """Wait until so many handoffs were told of; return when each first was (milliseconds since 1970), by the touchpoint."""
    deadline = monotonic() + _PATIENCE
    arrived: dict[str, float] = {}
    while len(arrived) < number:
        if monotonic() > deadline:
            raise TimeoutError(f"{len(arrived):,} of {number:,} handoffs were told of in {_PATIENCE:.0f} s")
        sleep(0.2)
        told = [line.split("\t") for line in noted.read_text().splitlines()]
        for touched_off_by, moment, _ in told:
            arrived.setdefault(touched_off_by, float(moment))
    assert len(told) == len({identity for _, _, identity in told}), "a webhook came twice"
    return arrived


async def _samples(installation: Installation, load: str, arrived: Mapping[str, float] | None = None) -> tuple[list[float], list[int]]:
    """Return of each brief of a load the milliseconds from its handoff to its append, or to the webhook that ``arrived``, and its bytes."""
    reader = KafkaBackend(StreamSettings(bootstrap=installation.bootstrap)).reader()
    since: dict[str, int] = {}
    waited: list[float] = []
    sizes: list[int] = []
    async for chunk in reader.read(installation.names.touchpoints, range(PARTITIONS)):
        for record in chunk.records:
            identifier = msgspec.json.decode(record.value or b"{}")["id"]
            if identifier.startswith(f"{load}/") and identifier.endswith("/8"):
                since[identifier] = record.timestamp
    async for chunk in reader.read(installation.names.briefs, range(PARTITIONS)):
        for record in chunk.records:
            value = record.value or b"{}"
            set_off_by = msgspec.json.decode(value)["touchpoint"]
            if set_off_by in since:
                waited.append((record.timestamp if arrived is None else arrived[set_off_by]) - since.pop(set_off_by))
                sizes.append(len(value))
    return waited, sizes
