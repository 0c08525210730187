"""What the documents tell people to type, typed: every block of shell that has no reason beside it (tests/documents says which have)."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kafka import KafkaProducer

from tests.documents.reference import DOCS
from tests.documents.typed import DOCUMENTS, blocks, script
from tests.support.postgres_server import postgres_binaries
from tests.support.receiver import ReceiverServer
from tests.support.server import free_ports
from tests.support.workers import Installation, stored, until
from tests.unit.seamwatch.support import asked_twice, lines, touchpoint

ROOT = DOCS.parent
FORKED = ROOT / "tests" / "support" / "forked.py"
ORDER = {"README.md": -2, "alerts.md": -1, "privacy.md": 1, "deployment.md": 2}
"""Documents before all others, and after them: one forgets a customer, the last one wants all workers stopped for a restore."""
ALONE = {DOCS / "sources.md", DOCS / "detectors.md"}
"""Documents with a test of their own."""
STAYS = re.compile(r"^(?:\w+=\S+ )*seamwatch (?:worker\b[^&]*|console|alerts follow[^&|]*)$")
"""A command that runs until it is told to stop."""
WHSEC = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Desk:
    """A directory where somebody types what documents say, with the program imported once (tests/support/forked.py)."""

    def __init__(self, directory: Path, environment: Mapping[str, str], program: Path = ROOT) -> None:
        self.directory = directory
        binaries = directory / "bin"
        binaries.mkdir()
        self._socket = directory / "s"
        (binaries / "seamwatch").write_text(f'#!/bin/sh\nexec {sys.executable} -S {FORKED} {self._socket} "$@"\n')
        (binaries / "seamwatch").chmod(0o755)
        tools = [
            str(binaries),
            str(Path(sys.executable).parent),
            *([str(postgres_binaries())] if postgres_binaries() else []),
        ]
        self.environment = {**environment, "PATH": ":".join([*tools, os.environ["PATH"]]), "PYTHONPATH": str(program)}
        self._state = directory / "state.sh"
        self._state.write_text("")
        self.staying: list[tuple[str, int, subprocess.Popen[bytes]]] = []
        self._program = program
        self._server: subprocess.Popen[bytes] | None = None

    def type(self, text: str, where: str) -> str:
        """Type a script, each line of which has to succeed, and return what it says; what it exports holds for the next one."""
        if self._server is None and "seamwatch " in text:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forked", str(self._socket)],
                cwd=self._program,
                env=self.environment,
            )
            until(self._socket.exists)
        ended = subprocess.run(
            ["/usr/bin/timeout", "--kill-after=5", "120", "bash", "-eu", "-c", f". {self._state}\n{text}\nexport -p > {self._state}"],
            cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, f"{where}\n{text}\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
        return ended.stdout + ended.stderr

    def stay(self, line: str, port: int) -> None:
        """Start a command that stays."""
        log = (self.directory / f"stays-{len(self.staying)}.log").open("wb")
        script = f". {self._state}\nexport SEAMWATCH_METRICS_PORT={port}\nexec env {line}"
        process = subprocess.Popen(
            ["/bin/bash", "-c", script],
            cwd=self.directory,
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.staying.append((line, port, process))

    def settle(self) -> None:
        """Wait until all that stays is ready; a command without a metrics port has to run, no more."""

        def settled(line: str, port: int, process: subprocess.Popen[bytes]) -> bool:
            return process.poll() is not None or "worker" not in line or ready(port)

        for number, staying in enumerate(self.staying):
            until(partial(settled, *staying))
            assert staying[2].poll() is None, (staying, (self.directory / f"stays-{number}.log").read_text()[-2000:])

    def leave(self) -> None:
        """Stop what stays; each has to end with 0."""
        for line, _, process in self.staying:
            os.killpg(process.pid, signal.SIGINT if "follow" in line else signal.SIGTERM)
        codes = [(line, process.wait(30)) for line, _, process in self.staying]
        self.staying.clear()
        assert {code for _, code in codes} <= {0}, codes

    def close(self) -> None:
        """End everything."""
        for _, _, process in self.staying:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._server is not None:
            self._server.kill()
            self._server.wait()


@pytest.fixture
def desk(installation: Installation) -> Iterator[Desk]:
    """Give a desk at an installation."""
    given = Desk(installation.directory, installation.environment())
    yield given
    given.close()


def ready(port: int) -> bool:
    """Return whether a worker says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def a_day(directory: Path) -> int:
    """Write what customers and teams did half an hour ago, with rules of one's own beside it, and return how many customers have an alert of it."""
    shift = datetime.now(UTC) - datetime(2026, 3, 2, 10, 37, tzinfo=UTC)
    customers = ["c-1007", "c-4711", *(f"c-{number}" for number in range(6))]
    stories = [asked_twice(customer) for customer in customers]
    passed_on = {"handoff": "h-1", "to_team": "service", "mode": "blind", "context": []}
    stories[0].insert(3, touchpoint("c-1007-h", "10:04:00", "handoff.started", "c-1007", "sales", data=passed_on))
    for each in chain.from_iterable(stories):
        each["tenant"] = "acme" if each["customer"] == "c-4711" else "default"
        each["time"] = (datetime.fromisoformat(each["time"]) + shift).isoformat()
    (directory / "touchpoints.jsonl").write_bytes(lines(*stories))
    for name in ("our-rules", "new-rules"):
        shutil.copytree(ROOT / "config" / "rules", directory / name)
    (directory / "config").symlink_to(ROOT / "config")
    return len(customers)


def in_place(text: str, installation: Installation, desk: Desk, keys: list[str]) -> str:
    """Return a script with the addresses, keys and ids of this installation where the document has those of an example."""

    def first(statement: str) -> str:
        return "/".join(map(str, stored(installation.database, statement)[0]))

    def port(role: str) -> str:
        return f"127.0.0.1:{next(port for line, port, _ in desk.staying if line.endswith(role))}"

    values: dict[str, Callable[[], str]] = {
        "2f6b": lambda: keys[0],
        "81d0": lambda: keys[1],
        "c07e": lambda: keys[2],
        "127.0.0.1:9092": lambda: installation.bootstrap,
        "postgresql://USER:PASSWORD@127.0.0.1/seamwatch": lambda: installation.database,
        "http://127.0.0.1:9464": lambda: f"http://{port('worker')}",
        "http://127.0.0.1:9482": lambda: f"http://{port('deliver')}",
        "--host 127.0.0.1 ": lambda: f"--host 127.0.0.1 --port {urlsplit(installation.database).port} ",
        "raw.chatwoot/0/17": lambda: first('SELECT topic, partition, "offset" FROM dead_letters'),
        "msg_4f2a": lambda: first("SELECT id FROM deliveries"),
        "show ID": lambda: f"show {first('SELECT id FROM deliveries')}",
        "--receiver NAME": lambda: "--receiver crm",
    }
    for word, value in values.items():
        text = text.replace(word, value()) if word in text else text
    return text


@pytest.fixture
def receiver() -> Iterator[ReceiverServer]:
    """Give somebody who is told of alerts."""
    with ReceiverServer() as server:
        yield server


@pytest.mark.usefixtures("alertmanager", "prometheus")
def test_every_command_of_the_documents_does_what_it_says(
    installation: Installation, desk: Desk, receiver: ReceiverServer
) -> None:
    """The blocks of all documents are typed in turn on one installation: each command exits with 0, and what stays ends with 0 when told to."""
    customers = a_day(installation.directory)
    door, console, *ports = free_ports(12)
    receivers = f"receivers:\n- {{name: crm, kind: webhook, url: '{receiver.url}/'}}\n"
    (installation.directory / "receivers.yaml").write_text(receivers)
    desk.environment |= {
        "SEAMWATCH_SOURCES": "chatwoot",
        "SEAMWATCH_INGEST_SECRETS__CHATWOOT": "0123456789abcdef",
        "SEAMWATCH_INGEST_LISTEN": f"127.0.0.1:{door}",
        "SEAMWATCH_CONSOLE_PORT": str(console),
        "SEAMWATCH_DELIVER_SECRETS__CRM": WHSEC,
        "SEAMWATCH_RECEIVERS_FILE": "receivers.yaml",
        "SEAMWATCH_CUSTOMER_KEY": secrets.token_hex(32),
        "DATABASE_URL": installation.database.replace("+psycopg", ""),
    }
    installation.settings["SEAMWATCH_SOURCES"] = "chatwoot"
    installation.prepare()
    for document in sorted(
        set(DOCUMENTS) - ALONE,
        key=lambda path: (ORDER.get(path.relative_to(ROOT).as_posix().removeprefix("docs/"), 0), path),
    ):
        keys: list[str] = []
        for block in blocks(document):
            if block.language != "sh" or block.reason:
                continue
            if "pg_restore" in block.text:
                desk.leave()
            if "2f6b" in block.text and not keys:
                keys = [row[0] for row in stored(installation.database, "SELECT key FROM alerts WHERE state = 'open'")]
            typed = ""
            for line in in_place(script(block), installation, desk, keys).splitlines(keepends=True):
                command = line.partition("#")[0].strip()
                if not STAYS.match(command):
                    typed += line
                    continue
                desk.type(typed, str(document))
                typed = ""
                if command not in {each for each, _, _ in desk.staying}:
                    desk.stay(command, ports.pop())
            desk.type(typed, str(document))
            desk.settle()
            if "seamwatch produce" in block.text:
                producer = KafkaProducer(bootstrap_servers=installation.bootstrap)
                producer.send(f"{installation.prefix}.raw.chatwoot", b'{"event": "unheard_of"}').get(10)
                producer.close()
                until(lambda: len(stored(installation.database, "SELECT key FROM alerts")) >= customers)
                until(lambda: bool(stored(installation.database, "SELECT topic FROM dead_letters")))
                until(lambda: bool(stored(installation.database, "SELECT key FROM briefs")))
    assert not desk.staying
    assert receiver.told


def test_a_detector_is_written_as_the_document_says(tmp_path: Path) -> None:
    """In a copy of the tree the detector of the page is found, passes its cases, fires in the back-test, and is on in the end."""
    for room in ("models", "agents", "streams", "sinks", "config", "seamwatch", "tests/support"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "web", "*.so"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEAMWATCH_")}
    desk = Desk(tmp_path, environment | {"SEAMWATCH_HASH_KEY": "0123456789abcdef"}, program=tmp_path)
    try:
        said = [
            desk.type(script(block), "detectors.md")
            for block in blocks(DOCS / "detectors.md")
            if block.language == "sh"
        ]
    finally:
        desk.close()
    written, cases, tried, shadow, live = said
    assert written == ""
    assert "4 cases passed, 0 failed" in cases
    assert "left_waiting" in tried.partition("patience")[0]
    assert "left_waiting" in shadow
    assert "left_waiting" in live.partition("4 cases passed")[2]


def test_a_source_is_wired_as_the_document_says(installation: Installation, desk: Desk) -> None:
    """Every command of the section exits with 0, and in the end there is the alert, and a dead letter that was written back and mapped."""
    port, metrics = free_ports(2)
    typed = "".join(block.text for block in blocks(DOCS / "sources.md") if block.language == "sh" and not block.reason)
    assert typed.count("seamwatch ") >= 12
    desk.environment |= {"SEAMWATCH_INGEST_LISTEN": f"127.0.0.1:{port}", "SEAMWATCH_METRICS_PORT": str(metrics)}
    script = typed.replace("127.0.0.1:8464", f"127.0.0.1:{port}")
    said = desk.type(f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}", "sources.md")
    assert "1 dead letter written back" in said
    assert "No topic is paused" in said
    [(reason,)] = stored(installation.database, "SELECT reason FROM dead_letters")
    assert reason == "unmapped"
    assert stored(installation.database, "SELECT detector FROM alerts WHERE detector = 'ping_pong'")
