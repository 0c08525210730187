"""Each setting of each deployment file, broken as somebody would break it: the program that the file starts ends with one sentence."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

import seamwatch.database
import sinks.database
from seamwatch import delivering, insight
from seamwatch.worker import Worker
from sinks.database import upgrade
from tests.support.server import free_ports
from tests.unit.seamwatch.support import run

ROOT = Path(__file__).parents[3]
SECRET = "hunter2-and-more-of-it"
NOWHERE = "file:/nowhere/secret"


class Deployed(NamedTuple):
    """What a file starts, and with which settings; secrets stand in files below ``SECRETS``."""

    place: str
    command: str
    settings: Mapping[str, str]


def compose() -> Iterator[Deployed]:
    """Yield the services of docker-compose.yml that are this program."""
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items():
        if service.get("image") == "seamwatch":
            command = service["entrypoint"][-1].rpartition("exec seamwatch ")[2] if "entrypoint" in service else shlex.join(service["command"])
            settings = {key: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value)) for key, value in service["environment"].items()}
            yield Deployed(f"compose-{name}", command, settings)


def kubernetes() -> Iterator[Deployed]:
    """Yield the workloads of config/kubernetes, with the settings that they share."""
    folder = ROOT / "config" / "kubernetes"
    names = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    objects = [each for name in names for each in yaml.safe_load_all((folder / name).read_text())]
    maps = {each["metadata"]["name"]: each["data"] for each in objects if each["kind"] == "ConfigMap"}
    for each in objects:
        if each["kind"] in ("Deployment", "StatefulSet"):
            (container,) = each["spec"]["template"]["spec"]["containers"]
            shared = {name: value for each in container["envFrom"] for name, value in maps.get(each["configMapRef"]["name"], {}).items()}
            own = {variable["name"]: variable.get("value", "seamwatch-0") for variable in container.get("env", ())}
            yield Deployed(f"kubernetes-{each['metadata']['name']}", shlex.join(container.get("args", ["worker"])), shared | own)


def systemd() -> Iterator[Deployed]:
    """Yield the units, with the settings that they set themselves; not `doctor`, which tells what is wrong in lines of its own."""
    for unit in sorted((ROOT / "config" / "systemd").glob("*.service")):
        text = unit.read_text().replace("%d", "/run/secrets").replace("%H-%i", "host-1").replace("%i", "1")
        for command in re.findall(r"^ExecStart=/opt/seamwatch/bin/seamwatch (.*)$", text, re.MULTILINE):
            if command != "doctor":
                yield Deployed(f"systemd-{unit.stem}", command, dict(re.findall(r"^Environment=(SEAMWATCH_\w+)=(.*)$", text, re.MULTILINE)))


BROKEN: Mapping[str, tuple[str, ...]] = {
    "BROKER": ("https://kafka", "kafka:port", "kafka:99999"),
    "DATABASE": (NOWHERE, "file:NOT_TEXT", "file:FOLDER", "mysql://db/seamwatch", "postgresql://ann@db:port/x"),
    "HASH_KEY": (NOWHERE, "file:NOT_TEXT", "file:FOLDER", "file:EMPTY", "short"),
    "CUSTOMER_KEY": (NOWHERE, "file:NOT_TEXT", "file:FOLDER", "file:EMPTY", "short"),
    "KAFKA_SECURITY_PROTOCOL": ("TLS",),
    "KAFKA_USERNAME": ("",),
    "KAFKA_PASSWORD": (NOWHERE, "file:FOLDER", ""),
    "KAFKA_CA_FILE": ("/nowhere/ca.pem", "FOLDER", "EMPTY"),
    "SOURCES": ("nobody", "a b"),
    "INGEST_SECRETS__CHATWOOT": (NOWHERE, "file:FOLDER", "file:NOT_TEXT", "short"),
    "INGEST_LISTEN": ("here", "127.0.0.1:99999"),
    "PARTITIONS": ("many", "0", "1.5"),
    "REPLICATION": ("many", "0"),
    "PREFIX": ("a b", "-"),
    "REGION": ("Germany",),
    "CURRENCY": ("euro",),
    "RATES": ("USD=0.9", '{"USD": -1}', '{"USD": "much"}'),
    "METRICS_HOST": ("999.0.0.1", "no such host"),
    "METRICS_PORT": ("x", "70000", "-1"),
    "CONSOLE_HOST": ("999.0.0.1",),
    "INSTANCE_ID": ("a b",),
    "RECEIVERS_FILE": ("/nowhere/receivers.yaml", "FOLDER", "NOT_TEXT", "LIST"),
}
"""By setting what is no value of it; words in capitals are files of the test."""

FOR_OTHERS = {
    "console": {"METRICS_HOST", "SOURCES", "INGEST_SECRETS__CHATWOOT"},
    "worker --roles insight": {"SOURCES", "INGEST_SECRETS__CHATWOOT"},
    "worker --roles deliver": {"SOURCES", "INGEST_SECRETS__CHATWOOT", "KAFKA_USERNAME", "KAFKA_PASSWORD", "KAFKA_CA_FILE"},
    "worker": {"INGEST_SECRETS__CHATWOOT"},
}
"""What a program has no use for, though its file, which others share, sets it."""


def cases() -> list[tuple[Deployed, str, str]]:
    """Return each setting that a file sets for a program with one way to break it, and every way for the first program."""
    found: list[tuple[Deployed, str, str]] = []
    turns, seen = {name: cycle(values) for name, values in BROKEN.items()}, set[tuple[str, str]]()
    for deployed in (*compose(), *kubernetes(), *systemd()):
        for variable in deployed.settings:
            name = variable.removeprefix("SEAMWATCH_")
            if name not in FOR_OTHERS.get(deployed.command, ()) and (deployed.command, name) not in seen:
                ways = 1 if name in {each for _, each in seen} else len(BROKEN[name])
                found += [(deployed, variable, next(turns[name])) for _ in range(ways)]
                seen.add((deployed.command, name))
    return found


@pytest.mark.parametrize(("deployed", "variable", "value"), [pytest.param(*each, id=f"{each[0].place}-{each[1]}={each[2]}") for each in cases()])
def test_a_broken_setting_of_a_deployment_ends_with_a_sentence(
    deployed: Deployed, variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program ends with another code than 0 and a last line that says what is wrong: no stack trace, no secret, and nothing was begun."""
    words: Mapping[str, Callable[[Path], object]] = {
        "NOT_TEXT": lambda path: path.write_bytes(b"\xff\xfe\x00"),
        "FOLDER": lambda path: path.mkdir(),
        "EMPTY": lambda path: path.touch(),
        "LIST": lambda path: path.write_text("- receivers\n"),
    }
    for word, make in words.items():
        if value.endswith(word):
            make(tmp_path / word)
            value = value.replace(word, str(tmp_path / word))
    for name in ("hash-key", "customer-key", "kafka-password", "chatwoot"):
        (tmp_path / name).write_text(f"{SECRET}-{name}\n")
    (tmp_path / "database").write_text(f"postgresql://seamwatch:{SECRET}@127.0.0.1:1/seamwatch\n")
    settings = {key: re.sub(r"/run/secrets(/seamwatch)?", str(tmp_path), each) for key, each in deployed.settings.items()}
    if "SEAMWATCH_RECEIVERS_FILE" in settings:
        settings["SEAMWATCH_RECEIVERS_FILE"] = str(ROOT / "config" / "alertmanager" / "receivers.yaml")
    if "SEAMWATCH_METRICS_PORT" in settings:
        settings["SEAMWATCH_METRICS_PORT"] = str(*free_ports(1))

    def began(*_: object) -> int:
        raise AssertionError("it began to work")

    if variable == "SEAMWATCH_CONSOLE_HOST":  # it listens when it has a database
        settings["SEAMWATCH_DATABASE"] = f"sqlite:///{tmp_path}/s.db"
        upgrade(settings["SEAMWATCH_DATABASE"])
    else:
        for module in (delivering, insight, seamwatch.database, sinks.database):
            monkeypatch.setattr(module, "check_schema", began)
    monkeypatch.setattr(Worker, "_take_in", began)
    ended = run(*shlex.split(deployed.command), env={"SEAMWATCH_HASH_KEY": SECRET, **settings, variable: value})
    assert ended.exit_code in (1, 2), ended.output
    assert ended.output.splitlines()[-1].startswith("Error: "), ended.output
    for word in ("Traceback", "this is a bug", SECRET, "it began to work"):
        assert word not in ended.output
