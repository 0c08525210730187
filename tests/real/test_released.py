"""`make sbom` and `make audit`, as they are run for a release."""

import json
import os
import re
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "sinks" / "console" / "web"
pytestmark = [pytest.mark.full, pytest.mark.xdist_group("release"), pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")]

Reply = Callable[[str, Any], Any]


def make(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a target."""
    make = shutil.which("make") or ""
    plain = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    return subprocess.run([make, "--no-print-directory", *words], cwd=ROOT, env=plain, capture_output=True, text=True, timeout=900, check=False)


def plain(name: str) -> str:
    """Return the name of a Python package as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lists_are_cyclonedx_and_whole() -> None:
    """`make sbom` lists what is valid by CycloneDX's own schema: all that the program installs and nothing else, at the versions of
    constraints.txt, and all that the lock file brings into the console's pages.
    """
    ended = make("sbom")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    valid = (
        "import sys; from cyclonedx.schema import SchemaVersion as V; from cyclonedx.validation.json import JsonStrictValidator as J\n"
        "import json; text = open(sys.argv[1]).read(); version = V.from_version(json.loads(text)['specVersion'])\n"
        "found = J(version).validate_str(text); sys.exit(found and str(found))"
    )
    listed: dict[str, dict[str, str]] = {}
    for name in ("seamwatch", "seamwatch-console"):
        path = ROOT / "dist" / f"{name}.cdx.json"
        checked = subprocess.run([ROOT / ".venv-audit/bin/python", "-c", valid, path], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        listed[name] = {"/".join(filter(None, (each.get("group"), each["name"]))): each["version"] for each in json.loads(path.read_text())["components"]}
    program = {plain(name): version for name, version in listed["seamwatch"].items()}
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    pins = {plain(name): version for name, version in pinned.items()}
    release = [str(ROOT / ".venv-audit/bin/python"), "-m", "pip", "--python", str(ROOT / ".venv-release/bin/python")]
    frozen = subprocess.run([*release, "list", "--format", "json"], capture_output=True, text=True, check=True)
    installed = {plain(each["name"]) for each in json.loads(frozen.stdout)}
    assert installed == program.keys()
    assert not {"pip", "setuptools", "wheel"} & program.keys(), "what installs is no part of the program"
    assert {name: program.get(name) for name in pins.keys() & installed} == {name: pins[name] for name in pins.keys() & installed}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {plain(re.split(r"[^\w.-]", each, maxsplit=1)[0]) for each in [*declared["dependencies"], *declared["optional-dependencies"]["postgres"]]}
    assert wanted <= program.keys()
    assert not {"pytest", "ruff", "mypy"} & program.keys()
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    used = {path: each for path, each in locked.items() if path and not each.get("dev") and not each.get("optional")}
    brought = {path.rpartition("node_modules/")[2]: each["version"] for path, each in used.items()}
    assert brought.items() <= listed["seamwatch-console"].items()


def test_what_is_installed_is_asked_about() -> None:
    """`make audit` knows of no weakness; where the service does not answer, or does not know some, this test is skipped, and not passed."""
    ended = make("audit")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    if skipped := [line for line in ended.stdout.splitlines() if line.startswith("skipped:")]:
        pytest.skip("; ".join(skipped))
    assert ended.stdout.count("weaknesses are known of 0") == 2


@contextmanager
def service(reply: Reply) -> Iterator[str]:
    """Answer on this machine as the services do that know weaknesses, and give the address; a reply of None is 405."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            told = reply(self.path, json.loads(sent) if sent.startswith(b"{") else {})
            body = json.dumps(told).encode()
            self.send_response(405 if told is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def audit(address: str) -> "subprocess.CompletedProcess[str]":
    """Ask a service of this machine."""
    return make("audit", f"AUDIT_OPTIONS=--osv {address}/v1/query --npm {address}/ --timeout 2")


WEAK = {"id": "OSV-1", "summary": "Ends with an HTTPError or a ConnectionError.", "affected": [], "aliases": [], "modified": "2026-01-01T00:00:00Z"}
ADVISORY = {"id": 1, "url": "https://example.com", "title": "ECONNREFUSED", "severity": "high", "vulnerable_versions": "*",
            "cwe": [], "cvss": {"score": 7.5, "vectorString": None}}


def test_a_service_that_knows_of_none_lets_it_pass() -> None:
    """Where the service answers and knows of no weakness it is said how many answered, and the word skipped is not."""
    with service(lambda *_: {}) as address:
        ended = audit(address)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("weaknesses are known of 0") == 2
    assert "skipped" not in ended.stdout


@pytest.mark.parametrize("kind", ["program", "pages"])
def test_one_weakness_fails_it(kind: str) -> None:
    """A weakness of one package of the program, or of the pages, ends it with an error that names the package, even where what is told of it
    are the words of a service that does not answer.
    """

    def reply(path: str, sent: Any) -> Any:
        if path == "/v1/query":
            return {"vulns": [WEAK]} if kind == "program" and sent["package"]["name"] == "aiohttp" else {}
        return {"lit": [ADVISORY]} if kind == "pages" else {}

    with service(reply) as address:
        ended = audit(address)
    assert ended.returncode != 0
    assert ("aiohttp 3" in ended.stdout if kind == "program" else "lit: high" in ended.stdout), ended.stdout
    assert "skipped" not in ended.stdout


@pytest.mark.parametrize("kind", ["refuses", "fails", "silent"])
def test_a_service_that_does_not_answer_is_skipped(kind: str) -> None:
    """Where nobody listens, every request is refused, or nothing comes, it says skipped for both, and of nothing that no weakness is known."""
    with socket.create_server(("127.0.0.1", 0)) as silent, service(lambda *_: None) as failing:
        port = silent.getsockname()[1]
        if kind == "refuses":
            silent.close()
        ended = audit(failing if kind == "fails" else f"http://127.0.0.1:{port}")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("skipped:") == 2
    assert "weaknesses are known" not in ended.stdout
