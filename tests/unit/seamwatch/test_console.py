"""`seamwatch console`: accounts, tokens, and the server with the words and rules of the program."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import seamwatch.console
from config.settings import load_settings
from seamwatch.console import console_settings
from sinks.console import create_console
from sinks.console.accounts import Accounts
from sinks.database import create_engine
from tests.support.server import free_ports
from tests.unit.seamwatch.support import UNTIL, asked_twice, lines, run, store, write

KEY = {"SEAMWATCH_HASH_KEY": "0123456789abcdef"}


@pytest.fixture
def stored(tmp_path: Path) -> str:
    """Give the address of a database with a story in it."""
    path, out = write(tmp_path, lines(asked_twice("c-1"))), tmp_path / "findings.jsonl"
    assert run("replay", path, "--until", UNTIL, "--findings", str(out), env=KEY).exit_code == 0
    store(out)
    return load_settings().database


def test_accounts_are_made_and_shut(stored: str) -> None:
    """An account gets a password that is shown once, is listed, can be shut and opened again; all of it is in the audit."""
    made = run("console", "users", "add", "ada", "--role", "admin", "--generate")
    assert made.exit_code == 0
    password = made.stdout.strip()
    typed = run("console", "users", "add", "kim", "--team", "shop", given=b"a long password\na long password\n")
    assert typed.exit_code == 0
    assert "shop" in run("console", "users", "list").stdout
    assert run("console", "users", "disable", "kim").exit_code == 0
    assert "disabled" in run("console", "users", "list").stdout
    assert run("console", "users", "disable", "kim", "--undo").exit_code == 0
    assert password not in run("console", "users", "list").output
    assert run("console", "users", "password", "kim", "--generate").exit_code == 0
    engine = create_engine(stored)
    acts = [act.act for _, act in Accounts(engine).noted(9)]
    engine.dispose()
    assert acts == ["password_changed", "user_enabled", "user_disabled", "user_added", "user_added"]


def test_what_cannot_be_is_told(stored: str) -> None:
    """A name that is taken, one that nobody has, and a password that is too short are told in a sentence."""
    assert run("console", "users", "add", "ada", given=b"short\nshort\n").exit_code == 2
    assert run("console", "users", "add", "Ada", "--generate").exit_code == 1
    missing = run("console", "users", "disable", "eve")
    assert (missing.exit_code, missing.stderr) == (1, "Error: there is no account eve\n")


def test_tokens_are_shown_once(stored: str) -> None:
    """A token is shown when it is made, listed without its secret, and removed."""
    made = run("console", "tokens", "add", "crm", "--scope", "alerts:read")
    secret = made.stdout.strip()
    assert secret.startswith("sw_")
    listed = run("console", "tokens", "list").output
    assert "alerts:read" in listed
    assert secret not in listed
    assert run("console", "tokens", "remove", "crm").exit_code == 0
    assert "crm" not in run("console", "tokens", "list").output


def test_an_address_that_is_taken_is_named(stored: str) -> None:
    """Where something else listens the console says where, and that there is no account yet."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("console", env={"SEAMWATCH_CONSOLE_PORT": port})
    assert ended.exit_code == 1
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "users add NAME --role admin" in ended.stderr


def test_pages_that_are_not_built_are_told(stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the front end is not built the command says in a sentence what to run, and so does every page; the API is there."""
    monkeypatch.setattr(seamwatch.console, "_WEB", tmp_path / "none")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("console", env={"SEAMWATCH_CONSOLE_PORT": str(taken.getsockname()[1])})
    assert "the console's pages are not built: run `make web`; the API works without them\n" in ended.stderr
    engine = create_engine(stored)
    client = TestClient(create_console(engine, console_settings(load_settings())))
    assert "make web" in client.get("/alerts").text
    assert client.get("/api/alerts").status_code == 401
    engine.dispose()


def test_the_program_gives_its_words_and_rules(stored: str) -> None:
    """An alert comes with what happened, why it matters and what to do first in the language asked for, and its rule's thresholds."""
    secret = run("console", "tokens", "add", "crm", "--scope", "alerts:read").stdout.strip()
    engine = create_engine(stored)
    client = TestClient(create_console(engine, console_settings(load_settings())))
    client.headers["Authorization"] = f"Bearer {secret}"
    [item] = client.get("/api/alerts").json()["items"]
    told = {}
    for language in ("en", "de", "zh-Hans", "fa"):
        detail = client.get(f"/api/alerts/{item['alert']['key']}", params={"lang": language}).json()
        told[language] = detail["findings"][0]["words"]
    assert [words["language"] for words in told.values()] == list(told)
    assert "read back" in told["en"]["first"]
    assert len({words["what"] for words in told.values()}) == 4
    assert {"key", "value", "unit"} <= detail["rules"][0]["settings"][0].keys()
    assert {rule["name"] for rule in client.get("/api/rules").json()} >= {"repeated_request", "dead_end"}
    engine.dispose()


def test_a_server_that_is_told_to_stop_ends_its_streams(stored: str) -> None:
    """Somebody listens when SIGTERM comes: their stream ends, then the program with exit code 0, and no trace of an error is printed."""
    token = run("console", "tokens", "add", "wall", "--scope", "alerts:read").stdout.strip()
    (port,) = free_ports(1)
    given = {**os.environ, "SEAMWATCH_DATABASE": stored, "SEAMWATCH_CONSOLE_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "seamwatch", "console"], env=given, stderr=subprocess.PIPE, text=True)
    try:
        listener = HTTPConnection("127.0.0.1", port, timeout=30)
        while True:
            assert server.poll() is None
            with suppress(ConnectionRefusedError):
                listener.request("GET", "/api/stream", headers={"Authorization": f"Bearer {token}"})
                break
            listener.close()
            time.sleep(0.05)
        answer = listener.getresponse()
        while b"hello" not in answer.readline():
            assert server.poll() is None
        server.send_signal(signal.SIGTERM)
        answer.read()
        assert server.wait(20) == 0
    finally:
        server.kill()
    assert server.stderr is not None
    told = server.stderr.read()
    assert "Traceback" not in told
    assert "rror" not in told
