"""A server process that dies with the process that started it, whatever happens to that one."""

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Server", "ServerError", "free_ports", "stands_still"]

LOG_TAIL = 40  # lines
_STOPS_WITHIN = 10.0
"""Seconds: a thread that writes to a disk stops when it has written."""

# Linux sends the parent-death signal when the THREAD that forked ends: one that lives as long as the process forks all.
_launcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")


class ServerError(RuntimeError):
    """A server did not start or did not stop; the message ends with the tail of its log."""


def free_ports(count: int) -> list[int]:
    """Choose `count` TCP ports of the loopback interface that nothing listens on.

    They lie below the ports that systems give to outgoing connections: one of those could take a server's port before it starts, or while it is down.
    """
    chosen: list[int] = []
    while len(chosen) < count:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.bind(("127.0.0.1", port))
            if port not in chosen:
                chosen.append(port)
    return chosen


class Server(ABC):
    """One process with a directory of its own.

    `start`, `stop`, `kill` and `restart` keep data and port; `close`, or leaving the `with` block, removes the data.
    """

    name: str
    directory: Path
    system_user: str | None = None  # whom root runs it as
    start_timeout: float = 90.0  # seconds; a shared machine is slow at times
    stop_timeout: float = 30.0  # seconds
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the program and its arguments."""

    @abstractmethod
    def ready(self) -> bool:
        """Tell whether the server answers; called until it does."""

    @property
    def log(self) -> Path:
        """The file that the server's output goes to."""
        return self.directory / "server.log"

    @property
    def pid(self) -> int:
        """The process id. Raises ServerError where the server does not run."""
        if self._process is None:
            raise ServerError(f"{self.name} does not run")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start and wait until it answers. Raises ServerError with the log's tail after `start_timeout`."""
        if self.running:
            return self
        self._process = _launcher.submit(self._launch).result()
        deadline = time.monotonic() + self.start_timeout
        while not self.ready():
            code = self._process.poll()
            if code is not None:
                self._process = None
                raise ServerError(f"{self.name} ended with {code} while starting\n{self.tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"{self.name} did not answer within {self.start_timeout:.0f} s\n{self.tail()}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """Ask it to end and wait until it has; the data stay. Raises ServerError after `stop_timeout`, and kills it."""
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        self._process.send_signal(signal.SIGCONT)  # it may be paused
        try:
            self._process.wait(self.stop_timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"{self.name} did not stop within {self.stop_timeout:.0f} s\n{self.tail()}") from None
        self._process = None

    def kill(self) -> None:
        """End it at once, as a crash would; the data stay."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self) -> Self:
        """Stop it where it runs, and start it again on the same port with the same data."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Freeze it, as a machine that hangs would; when this returns, none of its threads runs."""
        os.kill(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + _STOPS_WITHIN
        while sys.platform == "linux" and not stands_still(self.pid):  # elsewhere nothing tells
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} does not stand still after SIGSTOP\n{self.tail()}")
            time.sleep(0.01)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its data. Safe to call twice."""
        atexit.unregister(self.close)
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def tail(self) -> str:
        """Return the last lines of the log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wrap(self, command: Sequence[str], *, guard: bool = False) -> list[str]:
        """Return `command` as the server's system user; with `guard`, ended by the kernel when this process ends."""
        options = ["--pdeathsig", "KILL"] if guard and sys.platform == "linux" else []  # elsewhere atexit must do
        if self.system_user and os.geteuid() == 0:
            options += ["--reuid", self.system_user, "--regid", self.system_user, "--init-groups"]
        return ["setpriv", *options, "--", *command] if options else list(command)

    def _launch(self) -> subprocess.Popen[bytes]:
        command = self.wrap(self.command(), guard=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt at the terminal is for the tests, which then stop it in order
            )


def stands_still(pid: int) -> bool:
    """Return whether a process is there, and all of its threads are stopped."""
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            states.append(stat.read_text().rpartition(")")[2].split()[0])
    return bool(states) and set(states) == {"T"}
