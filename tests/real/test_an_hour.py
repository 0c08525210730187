"""What docs/sources.md tells an engineer to type, typed."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.server import free_ports
from tests.support.workers import Installation, stored

DOCUMENT = Path(__file__).parents[2] / "docs" / "sources.md"


def commands() -> str:
    """Return all that is typed in the section, as one script."""
    section = re.search(r"^## Wire a source in an hour\n(.*?)^## ", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    assert section
    return "".join(re.findall(r"^```sh\n(.*?)^```$", section[1], re.DOTALL | re.MULTILINE))


def test_a_source_is_wired_as_the_document_says(installation: Installation) -> None:
    """Every command of the section exits with 0, and in the end there is the alert, and a dead letter that was written back and mapped."""
    port, metrics = free_ports(2)
    program = installation.directory / "bin" / "seamwatch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m seamwatch "$@"\n')
    program.chmod(0o755)
    script = commands().replace("127.0.0.1:8464", f"127.0.0.1:{port}")
    assert script.count("seamwatch ") >= 12
    own = {"SEAMWATCH_INGEST_LISTEN": f"127.0.0.1:{port}", "SEAMWATCH_METRICS_PORT": str(metrics)}
    own["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        [
            "/usr/bin/env",
            "timeout",
            "--kill-after=5",
            "120",
            "bash",
            "-eu",
            "-c",
            f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}",
        ],
        cwd=installation.directory,
        env=installation.environment() | own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    assert "1 dead letter written back" in ended.stderr
    assert "No topic is paused" in ended.stderr
    [(reason,)] = stored(installation.database, "SELECT reason FROM dead_letters")
    assert reason == "unmapped"
    assert stored(installation.database, "SELECT detector FROM alerts WHERE detector = 'ping_pong'")
