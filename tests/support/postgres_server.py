"""A real PostgreSQL: a cluster of its own, run by an unprivileged user."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.support.server import Server, ServerError, free_ports

__all__ = ["PostgresServer", "postgres_binaries"]

USER = "seamwatch"
INITDB_OPTIONS = ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]


def postgres_binaries() -> Path | None:
    """Find the newest installed PostgreSQL server: Debian's directories first, then PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


class PostgresServer(Server):
    """A server on a free loopback port, with fsync on and no password: only for tests on this machine.

    With `disk` its data lie on a disk of their own, of so many bytes; only root can make one. With `identity`, a file with its certificate and key (PEM),
    it speaks TLS to who asks for it.
    """

    name = "PostgreSQL"
    system_user = "postgres"  # made by the Debian package; PostgreSQL refuses to run as root
    stop_signal = signal.SIGINT  # "fast": ends the sessions, then writes a checkpoint

    def __init__(self, disk: int = 0, identity: Path | None = None) -> None:
        super().__init__()
        binaries = postgres_binaries()
        if binaries is None:
            raise ServerError("PostgreSQL is not here: run `make services`")
        self._binaries = binaries
        self.directory = Path(tempfile.mkdtemp(prefix="seamwatch-postgres-"))
        self._disk = disk
        if disk:
            options = ["-t", "tmpfs", "-o", f"size={disk}", "tmpfs", str(self.directory)]
            subprocess.run(["mount", *options], check=True)
        if os.geteuid() == 0:
            shutil.chown(self.directory, self.system_user, self.system_user)
        self._identity: Path | None = None
        if identity:
            self._identity = self.directory / "identity.pem"
            shutil.copyfile(identity, self._identity)
            self._identity.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(self._identity, self.system_user, self.system_user)
        (self._port,) = free_ports(1)

    @property
    def url(self) -> str:
        """The address of a database that is there from the start, as SQLAlchemy reads it."""
        return self._url("postgres")

    @property
    def data(self) -> Path:
        """The directory of the cluster."""
        return self.directory / "data"

    def new_database(self) -> str:
        """Create an empty database and return its address."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def dump(self, url: str, file: Path) -> None:
        """Back up a database, as docs/deployment.md says."""
        self._run("pg_dump", "--format=custom", f"--file={file}", url.replace("+psycopg", ""))

    def restore(self, url: str, file: Path) -> None:
        """Lose a database, and restore it from a backup into a new one of its name."""
        name = url.rpartition("/")[2]
        with self._connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        self._run("pg_restore", "--exit-on-error", f"--dbname={url.replace('+psycopg', '')}", str(file))

    def command(self) -> Sequence[str]:
        """Return the server's command line, and make its cluster before the first start."""
        if not self.data.exists():
            self._make_cluster()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "fsync": "on",
            "shared_buffers": "64MB",
            "timezone": "UTC",
        }
        if self._identity:
            settings |= {"ssl": "on", "ssl_cert_file": str(self._identity), "ssl_key_file": str(self._identity)}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(self._binaries / "postgres"), "-D", str(self.data), *options]

    def ready(self) -> bool:
        """Tell whether the server takes queries."""
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            with self._connect() as connection:
                connection.execute("SELECT 1")
        except (OSError, psycopg.OperationalError):
            return False
        return True

    def kill(self) -> None:
        """End the server and its sessions at once; the data stay."""
        if self._process is None:
            return
        sessions = self._sessions()
        super().kill()
        for session in sessions:  # they hold the shared memory that a new server needs
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGKILL)
        deadline = time.monotonic() + self.stop_timeout
        while any(state not in "ZX" for pid, (state, _) in _processes().items() if pid in sessions):
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name}: sessions did not end\n{self.tail()}")
            time.sleep(0.02)

    def pause(self) -> None:
        """Freeze it with all of its sessions, as a machine that hangs would."""
        super().pause()
        for session in self._sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it and its sessions go on after `pause`."""
        for session in self._sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGCONT)
        super().resume()

    def close(self) -> None:
        """End it and remove its data. Safe to call twice."""
        self.stop_signal = signal.SIGQUIT  # at once: a last checkpoint of many databases takes half a minute on a busy disk
        if self.running:
            self.resume()
        super().close()
        if self._disk:
            self._disk = 0
            subprocess.run(["umount", str(self.directory)], check=True)
            self.directory.rmdir()

    def _run(self, tool: str, *arguments: str) -> None:
        ended = subprocess.run([str(self._binaries / tool), *arguments], capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ServerError(f"{tool}: {ended.stderr}")

    def _sessions(self) -> list[int]:
        return [pid for pid, (_, parent) in _processes().items() if parent == self.pid]

    def _make_cluster(self) -> None:
        initdb = [str(self._binaries / "initdb"), "--pgdata", str(self.data), "--username", USER, *INITDB_OPTIONS]
        made = subprocess.run(self.wrap(initdb), cwd=self.directory, capture_output=True, text=True, check=False)
        if made.returncode:
            raise ServerError(f"{self.name}: could not make {self.data}\n{made.stdout}{made.stderr}")

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self._port, user=USER, dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self._port}/{database}"


def _processes() -> dict[int, tuple[str, int]]:
    """Return state and parent of every process by its id, as Linux tells them; elsewhere nothing."""
    found: dict[int, tuple[str, int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            found[int(stat.parent.name)] = state, int(parent)
    return found
