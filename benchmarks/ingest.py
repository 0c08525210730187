"""The way in by HTTP beside a bare server: signature, rate, memory, Kafka's confirmation, against a body that is read and forgotten.

Clients keep their connections and post the next webhook when the last one is answered. Two figures: requests a second as they saw it, with the clients and
Kafka on the same cores, and requests a second of processor time of the serving process, which is what one core of it manages.
"""

import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.request import urlopen

from kafka import KafkaConsumer, TopicPartition

from benchmarks.report import Report, say
from streams.sources import SHIPPED_SOURCES
from tests.support.chatwoot import SECRET, message, signed
from tests.support.server import free_ports
from tests.support.services import KafkaServer

_PREFIX = "bench"
_PARTITIONS = 4
_ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


class Turn(NamedTuple):
    """One round of one side: requests a second of wall time, and of processor time of the server."""

    wall: float
    core: float


def run(requests: int, connections: int, rounds: int) -> Report:
    """Measure in turns; raises ``AssertionError`` where a confirmed body is not in the topic."""
    ours: list[Turn] = []
    bare: list[Turn] = []
    with KafkaServer() as kafka, tempfile.TemporaryDirectory() as folder:
        settings = {
            "BROKER": kafka.bootstrap,
            "PREFIX": _PREFIX,
            "PARTITIONS": str(_PARTITIONS),
            "HASH_KEY": SECRET,
            "SOURCES": "chatwoot",
            "INGEST_SECRETS__CHATWOOT": SECRET,
        }
        environment = {f"SEAMWATCH_{name}": value for name, value in settings.items()}
        with _ours(Path(folder), environment) as (worker, door), _bare() as (other, port):
            for number in range(rounds):
                say(f"round {number + 1} of {rounds}")
                ours.append(_turn(worker, door, requests, connections))
                bare.append(_turn(other, port, requests, connections))
        there = _records(kafka.bootstrap)
    assert there == requests * rounds, f"{requests * rounds} confirmed, {there} in the topic"
    columns = ["", "requests/s", "requests/s of one core", "ratio of the latter"]
    core, others = median(each.core for each in ours), median(each.core for each in bare)
    rows = [
        ["Seamwatch, signed and confirmed by Kafka", f"{median(each.wall for each in ours):,.0f}", f"{core:,.0f}", f"{core / others:.2f}"],
        ["aiohttp alone, read and forgotten", f"{median(each.wall for each in bare):,.0f}", f"{others:,.0f}", "1.00"],
    ]
    notes = [
        f"{requests:,} webhooks of {len(message(1)):,} bytes over {connections} connections, medians of {rounds} rounds, in turns.",
        "Verified: each that was answered with 204 is in the raw topic, once.",
    ]
    return Report("Records taken in by HTTP", columns, rows, notes)


@contextmanager
def _ours(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    door, metrics = free_ports(2)
    own = {"SEAMWATCH_INGEST_LISTEN": f"127.0.0.1:{door}", "SEAMWATCH_METRICS_PORT": str(metrics)}
    command = [sys.executable, "-m", "seamwatch", "worker", "--roles", "ingest"]
    shipped = (SHIPPED_SOURCES / "chatwoot.yaml").read_text(encoding="utf-8")
    (folder / "chatwoot.yaml").write_text(shipped.replace("{scheme: chatwoot}", "{scheme: chatwoot, rate: 1000000}"))
    own["SEAMWATCH_SOURCES_DIR"] = str(folder)
    with (folder / "worker.log").open("w") as log:
        worker = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **environment, **own}, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not _ready(metrics):
            assert time.monotonic() < deadline, (folder / "worker.log").read_text()
            time.sleep(0.1)
        yield worker.pid, door
    finally:
        worker.terminate()
        worker.wait(20)


@contextmanager
def _bare() -> Iterator[tuple[int, int]]:
    [port] = free_ports(1)
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_door", str(port)], cwd=_ROOT)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        yield server.pid, port
    finally:
        server.terminate()
        server.wait(20)


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except OSError:
        return False


def _turn(pid: int, port: int, requests: int, connections: int) -> Turn:
    prepared = [_request(message(number)) for number in range(requests)]
    before, began = _processor_seconds(pid), time.perf_counter()
    _post(port, prepared, connections)
    seconds = time.perf_counter() - began
    return Turn(requests / seconds, requests / (_processor_seconds(pid) - before))


def _request(body: bytes) -> bytes:
    headers = signed(body) | {"Host": "door", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /in/chatwoot HTTP/1.1\r\n{lines}\r\n".encode() + body


def _post(port: int, prepared: Sequence[bytes], connections: int) -> None:
    poll, sockets, left, waiting = select.epoll(), {}, iter(prepared), 0
    for _, request in zip(range(connections), left, strict=False):
        client = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(client.fileno(), select.EPOLLIN)
        sockets[client.fileno()] = client
        client.sendall(request)
        waiting += 1
    while waiting:
        for number, _ in poll.poll():
            client = sockets[number]
            answer = client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 204"), answer
            request = next(left, b"")
            if request:
                client.sendall(request)
            else:
                waiting -= 1
                poll.unregister(number)
    for client in sockets.values():
        client.close()


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _records(bootstrap: str) -> int:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    ends = consumer.end_offsets([TopicPartition(f"{_PREFIX}.raw.chatwoot", number) for number in range(_PARTITIONS)])
    consumer.close()
    return sum(ends.values())
