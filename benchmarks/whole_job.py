"""The whole job, from the touchpoints topic to committed database rows in one worker process; and its peers on the same topic in the same run."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple
from urllib.request import urlopen

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from sqlalchemy import create_engine, text

from agents.fields import Fingerprinter
from agents.replay import Replay
from benchmarks.workload import TOUCHPOINTS_A_CUSTOMER, produce, touchpoints
from config.fields import load_fields
from config.rules import load_rulebook
from tests.support.server import free_ports
from tests.support.services import KafkaServer

PARTITIONS = 4
PREFIX = "bench"
KEY = "a benchmark needs no secret, but a key"


@dataclass(frozen=True)
class Result:
    """Events a second by what was run, and what the verifier says."""

    rates: Mapping[str, float]
    events: int
    bytes_an_event: float
    findings: int


class Peer(NamedTuple):
    """Who does less on the same topic.

    ``foreign``: it needs an environment of its own. ``share``: how much of the events it counts, for some are slow.
    """

    module: str
    foreign: bool = False
    share: float = 1.0


PEERS = {
    "stock Faust, count in a table": Peer("stock_faust", share=0.3),
    "Quix Streams, stateful count with changelog": Peer("quix_count", foreign=True),
    "Bytewax, stateful count": Peer("bytewax_count", foreign=True),
    "aiokafka + json.loads, the limit of reading": Peer("aiokafka_json"),
    "our batch path, count with changelog": Peer("our_count"),
}

WHOLE_JOB = "Seamwatch, the whole job"


def run(customers: int, peers_python: str | None) -> Result:
    """Measure all on one broker; raises ``AssertionError`` where the database is not what a replay gives.

    ``peers_python`` is a Python that has the peers which are not ours; without it they are left out.
    """
    with KafkaServer() as kafka, tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "SEAMWATCH_BROKER": kafka.bootstrap,
            "SEAMWATCH_DATABASE": f"sqlite:///{folder}/seamwatch.db",
            "SEAMWATCH_HASH_KEY": KEY,
            "SEAMWATCH_PREFIX": PREFIX,
            "SEAMWATCH_PARTITIONS": str(PARTITIONS),
            "SEAMWATCH_METRICS_PORT": str(*free_ports(1)),
        }
        for command in (("topics", "create"), ("db", "upgrade")):
            subprocess.run([sys.executable, "-m", "seamwatch", *command], env=environment, check=True, stdout=2)
        topic = f"{PREFIX}.touchpoints"
        _say(f"producing {customers * TOUCHPOINTS_A_CUSTOMER:,} touchpoints")
        events, size = produce(kafka.bootstrap, topic, customers)
        rates = {}
        for name, peer in PEERS.items():
            python = peers_python if peer.foreign else sys.executable
            if python is not None:
                _say(name)
                rates[name] = _peer(python, peer.module, kafka.bootstrap, topic, round(peer.share * events))
        _say(WHOLE_JOB)
        rates[WHOLE_JOB] = _ours(kafka.bootstrap, environment, events, Path(folder))
        findings = _verify(environment["SEAMWATCH_DATABASE"], customers)
        return Result(rates, events, size / events, findings)


def _peer(python: str, module: str, bootstrap: str, topic: str, events: int) -> float:
    root = Path(__file__).parents[1]
    program = root / "benchmarks" / "peers" / f"{module}.py"
    done = subprocess.run(
        [python, str(program), bootstrap, topic, str(PARTITIONS), str(events)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    rate = re.search(r"RATE (\d+)", done.stdout)
    if rate is None:
        raise RuntimeError(f"{module} said no rate: {done.stdout[-500:]}")
    return float(rate[1])


def _ours(bootstrap: str, environment: Mapping[str, str], events: int, folder: Path) -> float:
    """Return the events a second from the worker's first commit of progress to the last commit of the sink."""
    with _worker(environment, folder / "worker.log") as worker:
        port = int(environment["SEAMWATCH_METRICS_PORT"])
        consumer = KafkaConsumer(bootstrap_servers=bootstrap)
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        began = None
        while True:
            if worker.poll() is not None:
                raise RuntimeError("the worker ended: see above")
            if began is None and _handled(port):
                began = monotonic()
                already = _handled(port)
            if began is not None and _caught_up(admin, consumer):
                return (events - already) / (monotonic() - began)
            sleep(0.05)


@contextmanager
def _worker(environment: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("w") as output:
        worker = subprocess.Popen([sys.executable, "-m", "seamwatch", "worker"], env=dict(environment), stderr=output, stdout=output)
        try:
            yield worker
        finally:
            worker.terminate()
            if worker.wait(timeout=30):
                sys.stderr.write(log.read_text()[-4000:])


def _handled(port: int) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return round(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("seamwatch_touchpoints_total{")))


def _caught_up(admin: KafkaAdminClient, consumer: KafkaConsumer) -> bool:
    """Tell whether everything is committed: by the watch role up to the end of the touchpoints, by the sink up to the end of what came of them."""
    committed = admin.list_group_offsets([PREFIX])
    offsets = {partition: each.offset for partition, each in dict(committed.get(PREFIX, committed)).items()}
    for name in ("touchpoints", "alerts", "scores"):
        partitions = [TopicPartition(f"{PREFIX}.{name}", number) for number in range(PARTITIONS)]
        ends = consumer.end_offsets(partitions)
        if any(offsets.get(each, 0) < ends[each] for each in partitions):
            return False
    return True


def _verify(database: str, customers: int) -> int:
    """Compare what stands in the database with what a replay of the same touchpoints finds; return how many findings."""
    replay = Replay(load_rulebook(), load_fields(), Fingerprinter(KEY.encode()))
    for number, (_, value) in enumerate(touchpoints(customers)):
        replay.feed(number, value)
    replay.flush()
    wanted = {each["id"]: {**each, "revision": 0} for each in replay.findings()}
    with create_engine(database).connect() as connection:
        rows = connection.execute(text("SELECT id, body FROM findings WHERE NOT withdrawn"))
        found = {identifier: {**(json.loads(body) if isinstance(body, str) else body), "revision": 0} for identifier, body in rows}
    if found != wanted:
        missing, extra = len(wanted.keys() - found.keys()), len(found.keys() - wanted.keys())
        raise AssertionError(f"{missing} findings are missing, {extra} too many, of {len(wanted)}")
    return len(found)


def _say(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)
