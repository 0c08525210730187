"""A worker that is told to stop ends, whatever its broker does."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.support.server import free_ports
from tests.support.services import KafkaServer


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_sigterm_ends_a_worker_whose_broker_is_gone(fault: str, tmp_path: Path) -> None:
    """With its broker killed, or stopped in mid-air, the worker ends within the ten seconds it has, and a little."""
    (port,) = free_ports(1)
    with KafkaServer() as kafka:
        environment = {
            **os.environ,
            "SEAMWATCH_BROKER": kafka.bootstrap,
            "SEAMWATCH_DATABASE": f"sqlite:///{tmp_path}/seamwatch.db",
            "SEAMWATCH_HASH_KEY": "a key that is long enough for a test",
            "SEAMWATCH_PREFIX": "stop",
            "SEAMWATCH_PARTITIONS": "2",
            "SEAMWATCH_METRICS_PORT": str(port),
        }
        program = [sys.executable, "-m", "seamwatch"]
        subprocess.run([*program, "db", "upgrade"], env=environment, check=True, capture_output=True)
        worker = subprocess.Popen([*program, "worker"], env=environment, stderr=subprocess.PIPE, text=True)
        try:
            _wait_until_ready(port)
            getattr(kafka, fault)()
            sleep(1)
            worker.send_signal(signal.SIGTERM)
            began = monotonic()
            worker.wait(timeout=30)
            assert monotonic() - began < 13
        finally:
            worker.kill()
            if fault == "pause":
                kafka.resume()


def _wait_until_ready(port: int) -> None:
    until = monotonic() + 60
    while monotonic() < until:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except (URLError, OSError):
            sleep(0.3)
    raise AssertionError("the worker was not ready within a minute")
