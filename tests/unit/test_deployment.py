"""What is deployed: the manifests and units are valid, hardened, and set what the program knows; every command of the documents exists."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from config.receivers import load_receivers
from config.settings import Settings, load_settings, misspelt
from seamwatch.broker import mapped_sources
from seamwatch.cli import cli

ROOT = Path(__file__).parents[2]
KUBERNETES, SYSTEMD = ROOT / "config" / "kubernetes", ROOT / "config" / "systemd"
DOCUMENTS = [ROOT / "docs" / name for name in ("deployment.md", "routing.md", "security.md")]
OLDEST = "1.30"


def manifests() -> list[dict[str, Any]]:
    """Return all objects that the base applies."""
    names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    return [each for name in names for each in yaml.safe_load_all((KUBERNETES / name).read_text())]


def pods() -> dict[str, dict[str, Any]]:
    """Return the pods of the workloads by name."""
    return {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in manifests() if "template" in each.get("spec", {})}


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_manifests_are_what_kubernetes_takes(version: str) -> None:
    """Every object fits the schema of its kind, without a key that Kubernetes does not know."""
    for each in manifests():
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("name", sorted(pods()))
def test_pods_have_no_rights(name: str) -> None:
    """No root, no capability, nothing to write but /tmp, no token, a bound on memory; and no variables of Kubernetes that look like settings."""
    pod = pods()[name]
    assert pod["securityContext"]["runAsNonRoot"]
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert not [each for each in container.get("env", ()) if each["name"].endswith(("_KEY", "_PASSWORD", "_SECRET"))]
        if name != "seamwatch-prepare":
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_services_disruption_budgets_and_scalers_find_their_pods() -> None:
    """What selects pods selects those of a workload, and what scales names one."""
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in manifests() if "template" in each.get("spec", {})]
    for each in manifests():
        if each["kind"] in ("Service", "PodDisruptionBudget"):
            selector = each["spec"]["selector"]
            assert selector.get("matchLabels", selector) in labels
    scaled = next(yaml.safe_load_all((KUBERNETES / "lag" / "scaledobject.yaml").read_text()))["spec"]
    settings = next(each for each in manifests() if each["kind"] == "ConfigMap")["data"]
    assert scaled["scaleTargetRef"]["name"] in pods()
    assert scaled["maxReplicaCount"] <= int(settings["SEAMWATCH_PARTITIONS"])
    assert scaled["triggers"][0]["metadata"]["bootstrapServers"] == settings["SEAMWATCH_BROKER"]


def test_settings_of_the_manifests_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program reads them all, the secrets from their files; none of them stands in a manifest."""
    settings = next(each for each in manifests() if each["kind"] == "ConfigMap")["data"]
    env = [each["name"] for pod in pods().values() for container in pod["containers"] for each in container.get("env", ())]
    assert known([*settings, *env])
    (tmp_path / "database").write_text("postgresql://seamwatch:secret@db/seamwatch\n")
    for name in ("hash-key", "customer-key", "kafka-password", "chatwoot"):
        (tmp_path / name).write_text(f"{name}-that-nobody-knows\n")
    for name, value in settings.items():
        monkeypatch.setenv(name, value.replace("/run/secrets/seamwatch", str(tmp_path)))
    read = load_settings()
    assert read.database == "postgresql+psycopg://seamwatch:secret@db/seamwatch"
    assert read.require_hash_key() == b"hash-key-that-nobody-knows"
    assert [read.door_secrets(name) != [] for name in mapped_sources(read)] == [True]


def test_receivers_of_the_manifests_are_receivers(tmp_path: Path) -> None:
    """The role `deliver` finds its file where it is mounted, and takes it; roles are those of the shipped file."""
    (told,) = [each["data"] for each in manifests() if each["metadata"]["name"] == "seamwatch-receivers"]
    (tmp_path / "receivers.yaml").write_text(told["receivers.yaml"])
    loaded = load_receivers(tmp_path / "receivers.yaml")
    assert [each.kind for each in loaded.receivers] == ["alertmanager"]
    assert loaded.roles == load_receivers().roles
    (container,) = pods()["seamwatch-deliver"]["containers"]
    (mount,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "receivers"]
    assert container["env"] == [{"name": "SEAMWATCH_RECEIVERS_FILE", "value": f"{mount}/receivers.yaml"}]


@pytest.mark.parametrize("unit", sorted(SYSTEMD.iterdir()), ids=lambda unit: unit.name)
def test_units_are_what_systemd_takes(unit: Path, tmp_path: Path) -> None:
    """systemd finds nothing wrong with a unit but that the program is not installed here, and rates its exposure as low."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/seamwatch/bin/seamwatch", "/bin/true"))
    verified = subprocess.run([program, "verify", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, [line for line in verified.stderr.splitlines() if unit.stem in line]) == (0, [])
    rated = subprocess.run([program, "security", "--offline=true", "--threshold=20", copy], capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout[-200:]


def test_units_set_settings_and_run_commands() -> None:
    """Variables of the units are settings, and what they start exists."""
    text = "".join(unit.read_text() for unit in SYSTEMD.iterdir())
    assert known(re.findall(r"^Environment=(SEAMWATCH_\w+)", text, re.MULTILINE))
    for line in re.findall(r"^Exec\w+=/opt/seamwatch/bin/seamwatch (.*)$", text, re.MULTILINE):
        parse(shlex.split(line))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_commands_settings_and_files_of_the_documents_exist(document: Path) -> None:
    """Each line of a document that calls the program is understood by it, each variable is a setting, each path is there."""
    text = document.read_text()
    lines = re.findall(r"^(?:[A-Z_]+=\S+ )*seamwatch (.*?)(?:\s+#.*)?$", "\n".join(re.findall(r"```\n(.*?)```", text, re.DOTALL)), re.MULTILINE)
    for line in [*lines, *re.findall(r"`seamwatch ([a-z][^`]*)`", text)]:
        parse(shlex.split(line.partition(" && ")[0].partition(" > ")[0]))
    assert known(re.findall(r"SEAMWATCH_[A-Z_]*[A-Z]\b(?!_?\*)", text))
    for path in re.findall(r"\b((?:config|docs|tests)/[\w./@-]+\w)", text) + [f"docs/{link}" for link in re.findall(r"\]\(([\w./-]+\.md)", text)]:
        assert (ROOT / path).exists(), path


def known(variables: list[str]) -> bool:
    """Return whether all are settings, or rows of tables of settings."""
    fields = {f"SEAMWATCH_{name.upper()}" for name in Settings.model_fields}
    unknown = {each.partition("__")[0] for each in variables} - fields
    assert not unknown, (unknown, misspelt(unknown))
    return True


def parse(words: list[str]) -> None:
    """Let click understand a command line; raise what it finds wrong."""
    command: click.Command = cli
    context = click.Context(cli, info_name="seamwatch", **cli.context_settings)
    while isinstance(command, click.Group) and words:
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, context, info_name=name)
    command.parse_args(context, list(words))
