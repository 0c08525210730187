"""Get what the real servers need: Java, Maven, PostgreSQL, Chromium, Prometheus and Alertmanager from the system, Apache Kafka's jars by Maven."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.kafka_server import KAFKA_JARS
from tests.support.postgres_server import postgres_binaries

__all__ = [
    "alertmanager_missing", "browser", "browser_missing", "kafka_missing", "on_ci", "postgres_missing", "prepare", "prometheus_missing",
]  # fmt: skip

POM = Path(__file__).parent / "kafka" / "pom.xml"
JAVA_AT_LEAST = 17  # Apache Kafka 4
PACKAGES = {
    "java": "default-jre-headless",
    "mvn": "maven",
    "postgres": "postgresql",
    "chromium": "chromium",
    "promtool": "prometheus",
    "amtool": "prometheus-alertmanager",
}  # Debian's names
NEEDED = {
    "java": f"Java {JAVA_AT_LEAST} or newer",
    "mvn": "Maven",
    "postgres": "PostgreSQL's server",
    "chromium": "Chromium",
    "promtool": "Prometheus with promtool",
    "amtool": "Alertmanager with amtool",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def on_ci() -> bool:
    """Tell whether this is a CI run, where a missing server is a failure and not a skip."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def kafka_missing() -> str | None:
    """Say why no Apache Kafka can be started here, or return None."""
    if not _java_fits():
        return f"Java {JAVA_AT_LEAST} or newer is missing (make services)"
    return None if _jars_fit() else "Apache Kafka's jars are missing (make services)"


def postgres_missing() -> str | None:
    """Say why no PostgreSQL can be started here, or return None."""
    return None if postgres_binaries() else "PostgreSQL's server is missing (make services)"


def browser() -> str | None:
    """Find a Chromium."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def browser_missing() -> str | None:
    """Say why no page of the console can be opened here, or return None."""
    return None if browser() else "Chromium is missing (make services)"


def prometheus_missing() -> str | None:
    """Say why no Prometheus can be started and no rule of it be tested here, or return None."""
    found = all(map(shutil.which, ("prometheus", "promtool")))
    return None if found else "Prometheus is missing (make services)"


def alertmanager_missing() -> str | None:
    """Say why no Alertmanager can be started and its configuration not be tested here, or return None."""
    program = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")  # as Debian calls it
    return None if program and shutil.which("amtool") else "Alertmanager is missing (make services)"


def prepare() -> int:
    """Get what is missing, show progress, and return the exit code: 1 where something stays missing on CI."""
    if absent := _absent_programs():
        _install(absent)
    absent = _absent_programs()
    for program in absent:
        print(f"{NEEDED[program]} is missing. On Debian and Ubuntu: apt-get install {PACKAGES[program]}")
    if not {"java", "mvn"} & set(absent) and not _jars_fit():
        _fetch_jars()
    missing = kafka_missing(), postgres_missing(), browser_missing(), prometheus_missing(), alertmanager_missing()
    skipped = [reason for reason in missing if reason]
    for reason in skipped:
        print(f"The tests that need it will be skipped: {reason}")
    if not skipped:
        print(f"Apache Kafka: {KAFKA_JARS}\nPostgreSQL: {postgres_binaries()}\nChromium: {browser()}\nPrometheus: {shutil.which('prometheus')}")
    return 1 if skipped and on_ci() else 0


def _absent_programs() -> list[str]:
    present = {
        "java": _java_fits(),
        "mvn": _jars_fit() or shutil.which("mvn") is not None,  # needed once
        "postgres": postgres_binaries() is not None,
        "chromium": browser() is not None,
        "promtool": prometheus_missing() is None,
        "amtool": alertmanager_missing() is None,
    }
    return [program for program, here in present.items() if not here]


def _java_fits() -> bool:
    java = shutil.which("java")
    if java is None:
        return False
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    return version is not None and int(version[1]) >= JAVA_AT_LEAST


def _install(programs: list[str]) -> None:
    """Install Debian packages where that is ours to do: as root, on a system that has apt-get."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    packages = [PACKAGES[program] for program in programs]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages]
    for doing, command in (
        ("Reading the package lists", ["apt-get", "update", "-qq"]),
        (f"Installing {', '.join(packages)}", install),
    ):
        print(f"{doing} ...", flush=True)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}", file=sys.stderr)


def _jars_fit() -> bool:
    stamp = KAFKA_JARS / "pom.sha256"
    return stamp.exists() and stamp.read_text() == _fingerprint()


def _fingerprint() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()


def _fetch_jars() -> None:
    """Copy the jars that the POM names beside each other; whole or not at all."""
    print("Fetching Apache Kafka by Maven ", end="", flush=True)
    coming = KAFKA_JARS.with_name("lib.coming")
    shutil.rmtree(coming, ignore_errors=True)
    coming.mkdir(parents=True)
    command = ["mvn", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={coming}"]
    told: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as maven:
        for line in maven.stdout or ():
            told.append(line)
            if "Copying" in line or re.search(r"Downloaded.*\.jar", line):
                print(".", end="", flush=True)
    print()
    if maven.returncode or not list(coming.glob("kafka_*.jar")):
        print(f"Maven failed:\n{''.join(told[-20:])}", file=sys.stderr)
        return
    (coming / "pom.sha256").write_text(_fingerprint())
    shutil.rmtree(KAFKA_JARS, ignore_errors=True)
    coming.rename(KAFKA_JARS)
