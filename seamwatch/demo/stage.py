"""Everything that the demonstration needs, brought up in order and taken down in the other."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from secrets import token_hex
from threading import Event, Lock
from time import monotonic

from config.errors import ConfigError
from config.settings import Settings, load_settings
from seamwatch.broker import stream_settings
from seamwatch.demo.signals import shielded
from seamwatch.demo.traffic import Traffic
from seamwatch.errors import Failed, WrongUse
from sinks.console.accounts import Accounts
from sinks.console.callers import Role
from sinks.database import create_engine, upgrade
from streams.embedded import EmbeddedBroker
from streams.errors import EmbeddedBrokerFailed
from streams.settings import StreamSettings
from streams.simulator import ContactCentre
from streams.topics import TopicAdmin, Topics

__all__ = ["Stage", "Stopped", "Wishes"]

_ROOT = Path(__file__).parents[2]
_PARTITIONS = 4
_READY = 60.0
_TURN = 0.1
_LAST_PORT = 65535
_VISITOR = "demo"
"""Who comes in by the link."""
_UNSECURED = {name: field.default for name, field in Settings.model_fields.items() if name.startswith("kafka_")}
"""The demonstration's broker has neither TLS nor passwords, whatever that of the installation has."""
_LAST_LINES = 8
_GIVE_UP, _FINISH = 1.0, 10.0
"""Seconds that a worker has to end: before it was ready, when there is nothing to finish, and after."""


class Stopped(Exception):
    """Told to stop before all was ready."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line; ``kafka`` and ``database`` None: of the demonstration's own, gone in the end unless ``keep``."""

    rate: float
    seed: int
    kafka: str | None = None
    database: str | None = None
    keep: bool = False
    debug: bool = False


class Stage:
    """Brings everything up on entering, and takes it down on leaving.

    ``say`` is told each step in a line, ``stop`` is looked at between the steps; ``link`` lets somebody into the console, once.
    Metrics of the reader of accounts and visits are at ``insight_port``: the one after the worker's where it is free.
    """

    def __init__(self, wishes: Wishes, say: Callable[[str], None], stop: Event) -> None:
        self._wishes = wishes
        self._say = say
        self._stop = stop
        self._stack = ExitStack()
        self._ending = Lock()
        self._started: dict[str, subprocess.Popen[str]] = {}
        self._folder = Path()
        self._patience = _GIVE_UP
        self.began = datetime.now(UTC)
        self.settings: Settings
        self.link: str
        self.insight_port: int
        self.traffic: Traffic

    @property
    def metrics(self) -> tuple[str, int]:
        """Return where metrics and health are served."""
        return self.settings.metrics_host, self.settings.metrics_port

    def __enter__(self) -> "Stage":
        """Bring everything up.

        Raises `Stopped`, `Failed`, and what the rooms raise where something cannot be had.
        """
        try:
            self._begin()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything down."""
        self.end()

    def end(self) -> None:
        """Take everything down, on whichever thread; who comes second waits until it is down."""
        with self._ending:
            self._stack.pop_all().close()

    def check(self) -> None:
        """Raise `Failed` where a process of the demonstration, or the traffic, has ended."""
        if self.traffic.failure:
            raise Failed(self.traffic.failure)
        for name, process in self._started.items():
            if process.poll() is not None:
                told = f"the {name} ended with exit code {process.returncode}; its last words"
                raise Failed(f"{told}:\n{self._last_words(name)}")

    # --- up -------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        wishes = self._wishes
        folder = Path(tempfile.mkdtemp(prefix="seamwatch-demo-"))
        self._stack.callback(self._clear, folder)
        self._folder = folder
        embedded = EmbeddedBroker() if wishes.kafka is None else None
        self.settings = self._settings(wishes.kafka if embedded is None else embedded.bootstrap, folder)
        if embedded is not None:
            with self._step("broker"):
                self._start_broker(embedded)
        streams = stream_settings(self.settings, ())
        streams = streams if embedded is None else embedded.settings(streams)
        with self._step("database"):
            upgrade(self.settings.database)
        with self._step("topics"):
            self._make_topics(streams)
        if embedded is None and not wishes.keep:
            self._stack.callback(self._remove_topics, streams)
        centre = ContactCentre(wishes.seed, mishap_rate=0.2, mess_rate=0.01, accounts=True)
        with self._step("worker"):
            embedded_port = None if embedded is None else embedded.port
            self._start("worker", {"embedded_port": embedded_port, "debug": wishes.debug})
            # Written before the worker reads: a watch that comes later than its traffic sees it in order, and nobody seems to wait who does not.
            self.traffic = Traffic(centre, wishes.rate, streams.bootstrap, Topics(streams.prefix).touchpoints)
            self._stack.callback(self.traffic.stop)
            self.traffic.start()
            self._start("console", {"debug": wishes.debug})
            self._await_worker()
        with self._step("console"):
            self._await("console", lambda: _answers(*self._console, "/livez"))
            self.link = self._make_link()
        # What it shows is of minutes: nobody waits for it.
        host, port = self.metrics
        self.insight_port = _free_port(host, port + 1 if port < _LAST_PORT else 0)
        self._start("insight", {"embedded_port": embedded_port, "debug": wishes.debug, "metrics_port": self.insight_port})

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        if self._stop.is_set():
            raise Stopped
        began = monotonic()
        yield
        self._say(f"starting {name} ... ready {monotonic() - began:.1f} s")

    def _start_broker(self, embedded: EmbeddedBroker) -> None:
        try:
            with shielded():  # the broker must not leave before the worker has committed to it
                self._stack.enter_context(embedded)
        except EmbeddedBrokerFailed as error:
            # The streams speak of settings; here it is an option.
            told = str(error).replace("set SEAMWATCH_BROKER to a Kafka", "name a Kafka with --kafka HOST:PORT")
            raise Failed(told) from error

    def _settings(self, bootstrap: str | None, folder: Path) -> Settings:
        wishes = self._wishes
        try:
            settings = load_settings(
                broker=bootstrap,
                database=wishes.database or f"sqlite:///{folder / 'seamwatch.db'}",
                prefix="seamwatch-demo" if wishes.kafka is None else f"seamwatch-demo-{token_hex(3)}",
                partitions=_PARTITIONS,
                replication=1,
                instance_id=None,
                **_UNSECURED,
            )
        except ConfigError as error:
            raise WrongUse(_as_options(str(error), wishes)) from error
        if settings.hash_key is None:
            settings = load_settings(**_given(settings) | {"hash_key": token_hex(32)})
            self._say("SEAMWATCH_HASH_KEY is not set: values are compared under a random key")
        port = _free_port(settings.metrics_host, settings.metrics_port)
        if settings.metrics_port not in (0, port):
            self._say(f"port {settings.metrics_port} is taken: metrics are at port {port}")
        console = _free_port(settings.console_host, settings.console_port)
        return load_settings(**_given(settings) | {"metrics_port": port, "console_port": console})

    def _make_topics(self, streams: StreamSettings) -> None:
        from kafka.errors import KafkaError

        try:
            with TopicAdmin(streams) as admin:
                admin.require()
        except KafkaError as error:
            raise Failed(f"no Kafka answers at {streams.bootstrap}: {type(error).__name__}") from error

    def _start(self, name: str, more: dict[str, object]) -> None:
        given = _given(self.settings) | more
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        with (self._folder / f"{name}.log").open("w") as log, shielded():
            # A session of its own: what the terminal says reaches it through us, in order.
            process = subprocess.Popen(  # noqa: S603  # a module of ours
                [sys.executable, "-m", f"seamwatch.demo.{name}"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": path},
            )
        self._started[name] = process
        self._stack.callback(self._end, process)
        if process.stdin is not None:
            process.stdin.write(json.dumps(given) + "\n")
            process.stdin.flush()

    def _await_worker(self) -> None:
        self._await("worker", lambda: self.traffic.caught_up.is_set() and _answers(*self.metrics, "/readyz"))
        self._patience = _FINISH

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = monotonic() + _READY
        while not ready():
            self.check()
            if monotonic() > deadline:
                raise Failed(f"the {name} is not ready after {_READY:.0f} s; its last words:\n{self._last_words(name)}")
            if self._stop.wait(_TURN):
                raise Stopped

    @property
    def _console(self) -> tuple[str, int]:
        return self.settings.console_host, self.settings.console_port

    def _make_link(self) -> str:
        engine = create_engine(self.settings.database)
        try:
            accounts, now = Accounts(engine), datetime.now(UTC)
            if all(user.name != _VISITOR for user in accounts.people()):
                accounts.add(_VISITOR, Role.LEAD, now, password=None)
            secret = accounts.make_link(_VISITOR, now)
        finally:
            engine.dispose()
        host, port = self._console
        return f"http://{host}:{port}/enter#{secret}"

    # --- down -----------------------------------------------------------------------------------------------------

    def _end(self, process: subprocess.Popen[str]) -> None:
        process.terminate()
        try:
            process.wait(self._patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def _remove_topics(self, streams: StreamSettings) -> None:
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError

        names = [spec.name for spec in TopicAdmin(streams).specs]
        try:
            client = KafkaAdminClient(bootstrap_servers=streams.bootstrap)
            try:
                client.delete_topics(names)
            finally:
                client.close()
        except KafkaError as error:
            self._say(f"the topics {streams.prefix}.* are still there: {type(error).__name__}")

    def _clear(self, folder: Path) -> None:
        if not self._wishes.keep:
            shutil.rmtree(folder, ignore_errors=True)
            return
        self._say(f"kept: {folder}")

    def _last_words(self, name: str) -> str:
        with (self._folder / f"{name}.log").open(errors="replace") as log:
            return "".join(deque(log, _LAST_LINES)).rstrip() or "(none)"


def _given(settings: Settings) -> dict[str, object]:
    """Return what the settings of worker and console must be equal in."""
    names = ("broker", "database", "prefix", "partitions", "replication", "instance_id", "metrics_host", "metrics_port", "console_host", "console_port")
    given: dict[str, object] = {name: getattr(settings, name) for name in names}
    return given | _UNSECURED | ({} if settings.hash_key is None else {"hash_key": settings.hash_key.get_secret_value()})


def _as_options(told: str, wishes: Wishes) -> str:
    """Name the option where a setting is wrong that came from one."""
    if wishes.kafka is not None:
        told = told.replace("SEAMWATCH_BROKER", "--kafka")
    return told if wishes.database is None else told.replace("SEAMWATCH_DATABASE", "--database")


def _free_port(host: str, wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    return wanted


def _answers(host: str, port: int, path: str) -> bool:
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
