"""The whole job, from the touchpoints topic to committed database rows in one worker process; and its peers on the same topic in the same run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple
from urllib.request import urlopen

from kafka import KafkaConsumer, TopicPartition

from benchmarks.installation import AS_PYTHON, PARTITIONS, Installation, Progress, installed
from benchmarks.report import Report, say
from benchmarks.workload import TOUCHPOINTS_A_CUSTOMER, crowds, produce
from streams.continuity import SOURCE_KEY
from tests.support.compiled import compiled


class Peer(NamedTuple):
    """Who does less on the same topic.

    ``foreign``: it needs an environment of its own. ``share``: how much of the events it counts, for some are slow.
    """

    module: str
    foreign: bool = False
    share: float = 1.0


PEERS = {
    "stock Faust, count in a table": Peer("stock_faust", share=0.15),
    "Quix Streams, stateful count with changelog": Peer("quix_count", foreign=True),
    "Bytewax, stateful count": Peer("bytewax_count", foreign=True),
    "aiokafka + json.loads, the limit of reading": Peer("aiokafka_json"),
    "our batch path, count with changelog": Peer("our_count"),
}

WHOLE_JOB = "Seamwatch, the whole job"
NOT_COMPILED = "the same, without a C compiler"


def run(customers: int, peers_python: str | None) -> Report:
    """Measure all on one broker; raises ``AssertionError`` where the database is not what a replay gives, or where counts are not as many as the events.

    ``peers_python`` is a Python that has the peers which are not ours; without it they are left out.
    """
    with installed() as installation:
        topic = installation.names.touchpoints
        say(f"producing {customers * TOUCHPOINTS_A_CUSTOMER:,} touchpoints")
        events, size = produce(installation.bootstrap, topic, customers)
        rates = {}
        for name, peer in PEERS.items():
            python = peers_python if peer.foreign else sys.executable
            if python is not None:
                say(name)
                rates[name] = _peer(python, peer.module, installation.bootstrap, topic, round(peer.share * events))
        program = compiled()
        say(WHOLE_JOB)
        rates[WHOLE_JOB] = _ours(installation, events, program or AS_PYTHON)
        findings = installation.verify(value for _, value in crowds(customers))
    if program is not None:
        with installed() as installation:
            say(NOT_COMPILED)
            produce(installation.bootstrap, installation.names.touchpoints, customers)
            rates[NOT_COMPILED] = _ours(installation, events, AS_PYTHON)
            installation.verify(value for _, value in crowds(customers))
    stock = rates[next(iter(PEERS))]
    return Report(
        title="Events a second, one process each, on the same topic",
        columns=("", "events/s", "x stock Faust", "whole job / this"),
        rows=[(name, f"{rate:,.0f}", f"{rate / stock:.1f}", f"{rates[WHOLE_JOB] / rate:.2f}") for name, rate in rates.items()],
        notes=[
            *([_versions(peers_python)] if peers_python else []),
            f"{events:,} touchpoints of {size / events:.0f} bytes, {customers:,} customers, {PARTITIONS} partitions.",
            f"Verified: the {findings:,} findings in the database are those of a replay; counts of each of the others add up to the touchpoints it had.",
        ],
    )


def _versions(python: str) -> str:
    """Name the versions of the peers that ``python`` has."""
    ask = "from importlib.metadata import version as of; print('Quix Streams', of('quixstreams'), 'and Bytewax', of('bytewax'))"
    done = subprocess.run([python, "-c", ask], stdout=subprocess.PIPE, text=True, check=True)
    return f"{done.stdout.strip()} ran in an environment of their own."


def _peer(python: str, module: str, bootstrap: str, topic: str, events: int) -> float:
    program = AS_PYTHON / "benchmarks" / "peers" / f"{module}.py"
    done = subprocess.run(
        [python, str(program), bootstrap, topic, str(PARTITIONS), str(events)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(AS_PYTHON)},
        check=False,
    )
    rate = re.search(r"RATE (\d+)", done.stdout)
    if rate is None:
        raise RuntimeError(f"{module} said no rate: {done.stdout[-500:]}")
    if told := re.search(r"COUNTED (\d+)", done.stdout):
        counted = int(told[1])
    elif told := re.search(r"CHANGELOG (\S+)", done.stdout):
        counted = _counted(bootstrap, told[1])
    else:
        raise RuntimeError(f"{module} said no count: {done.stdout[-500:]}")
    if counted != events:
        raise AssertionError(f"{module} counted {counted} events of {events}")
    return float(rate[1])


def _counted(bootstrap: str, beginning: str) -> int:
    """Return the sum of the counts in the topics with this ``beginning``: the last of each key, a number or a list that begins with it."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    partitions = [TopicPartition(name, each) for name in consumer.topics() if name.startswith(beginning) for each in consumer.partitions_for_topic(name)]
    ends = consumer.end_offsets(partitions)
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    counts: dict[tuple[int, bytes], int] = {}
    while any(consumer.position(each) < ends[each] for each in partitions):
        for partition, records in consumer.poll(timeout_ms=1000).items():
            for record in records:
                if record.value is not None and record.key != SOURCE_KEY:  # which says what topic ours is of
                    count = json.loads(record.value)
                    counts[partition.partition, record.key] = count[0] if isinstance(count, list) else count
    consumer.close()
    return sum(counts.values())


def _ours(installation: Installation, events: int, program: Path) -> float:
    """Return the events a second from the worker's first commit of progress to the last commit of the sink."""
    with installation.worker(program) as worker:
        progress = Progress(installation.bootstrap, installation.names)
        began = None
        while True:
            if worker.poll() is not None:
                raise RuntimeError("the worker ended: see above")
            if began is None and _handled(installation.metrics_port):
                began = monotonic()
                already = _handled(installation.metrics_port)
            if began is not None and progress.caught_up():
                return (events - already) / (monotonic() - began)
            sleep(0.05)


def _handled(port: int) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return round(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("seamwatch_touchpoints_total{")))
