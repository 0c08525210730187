"""What is deployed: the manifests and units are valid, hardened, and set what the program knows; every command of the documents exists."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from config.kubernetes.make import RULES, rules
from config.receivers import load_receivers
from config.settings import Settings, load_settings, misspelt
from streams.topics import Topics
from tests.documents.typed import parse
from tests.support.acls import grants
from tests.unit.config.test_monitoring import expressions
from tests.unit.seamwatch.support import run

ROOT = Path(__file__).parents[2]
KUBERNETES, SYSTEMD = ROOT / "config" / "kubernetes", ROOT / "config" / "systemd"
OLDEST = "1.30"


def manifests(*components: str) -> list[dict[str, Any]]:
    """Return all objects that components apply; unless told, the base and that of retention, whose kinds Kubernetes knows."""
    folders = [KUBERNETES / component for component in components or (".", "retention")]
    names = [folder / name for folder in folders for name in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]]
    return [each for name in names for each in yaml.safe_load_all(name.read_text())]


def pods() -> dict[str, dict[str, Any]]:
    """Return the pods of the workloads by name, those of what runs by the clock among them."""
    specs = [(each["metadata"]["name"], each.get("spec", {})) for each in manifests()]
    specs = [(name, spec.get("jobTemplate", {"spec": spec})["spec"]) for name, spec in specs]
    return {name: spec["template"]["spec"] for name, spec in specs if "template" in spec}


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_manifests_are_what_kubernetes_takes(version: str) -> None:
    """Every object fits the schema of its kind, without a key that Kubernetes does not know."""
    for each in manifests():
        kubernetes_validate.validate(each, version, strict=True)


def test_objects_of_operators_are_what_these_take() -> None:
    """Of KEDA and the Prometheus Operator, whose kinds Kubernetes does not know, each key is one of theirs, with a value that they take."""
    schemas = yaml.safe_load((Path(__file__).parent / "custom_resources.yaml").read_text())
    made = manifests("lag", "monitoring")
    for each in made:
        jsonschema.validate(each["spec"], schemas[each["kind"]])
        assert each["metadata"]["namespace"] == yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["namespace"]
    assert {each["kind"] for each in made} == schemas.keys()
    wrong = {"sourceLables": ["pod"], "targetLabel": "job"}
    with pytest.raises(jsonschema.ValidationError, match="sourceLables"):
        jsonschema.validate({"selector": {}, "podMetricsEndpoints": [{"relabelings": [wrong]}]}, schemas["PodMonitor"])


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
        secret = [each for each in container.get("env", ()) if each["name"].endswith(("_KEY", "_PASSWORD", "_SECRET"))]
        assert all(each["value"].startswith("file:/run/secrets/") for each in secret)
        if name not in ("seamwatch-prepare", "seamwatch-prune", "seamwatch-doctor"):
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_services_disruption_budgets_and_scalers_find_their_pods() -> None:
    """What selects pods selects those of a workload, and what scales names one."""
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in manifests() if "template" in each.get("spec", {})]
    for each in manifests():
        if each["kind"] in ("Service", "PodDisruptionBudget"):
            selector = each["spec"]["selector"]
            assert selector.get("matchLabels", selector) in labels


def test_workers_are_scaled_by_what_they_read() -> None:
    """The scaler asks the workers' broker, as their group, how far behind each topic is that they read, and goes no further than partitions go."""
    scaled, authentication = (each["spec"] for each in manifests("lag"))
    settings = next(each for each in manifests() if each["kind"] == "ConfigMap")["data"]
    assert scaled["scaleTargetRef"]["name"] in pods()
    assert scaled["maxReplicaCount"] <= int(settings["SEAMWATCH_PARTITIONS"])
    asked = [trigger["metadata"] for trigger in scaled["triggers"]]
    assert {each["bootstrapServers"] for each in asked} == {settings["SEAMWATCH_BROKER"]}
    prefix = settings.get("SEAMWATCH_PREFIX", Settings.model_fields["prefix"].default)
    names = Topics(prefix)
    assert {each["consumerGroup"] for each in asked} == {prefix}
    assert [each["topic"] for each in asked] == [names.touchpoints, *map(names.raw, settings["SEAMWATCH_SOURCES"].split(","))]
    given = {each["parameter"]: (each["name"], each["key"]) for kind in ("configMapTargetRef", "secretTargetRef") for each in authentication[kind]}
    assert given == {"username": ("seamwatch-kafka", "doctor"), "password": ("seamwatch-kafka", "doctor"), "ca": ("seamwatch", "kafka-ca.pem")}


def relabelled(component: str, port: str) -> dict[str, str] | None:
    """Return the labels that the PodMonitor gives a pod's port, as Prometheus replaces them; None where it does not ask it."""
    (monitor,) = [each["spec"] for each in manifests("monitoring") if each["kind"] == "PodMonitor"]
    (endpoint,) = [each for each in monitor["podMetricsEndpoints"] if each["port"] == port]
    made = {"__meta_kubernetes_pod_label_app_kubernetes_io_component": component, "__meta_kubernetes_pod_name": f"{component}-0"}
    for rule in endpoint["relabelings"]:
        found = re.fullmatch(rule.get("regex", "(.*)"), ";".join(made.get(name, "") for name in rule.get("sourceLabels", ())))
        if found is None and rule.get("action") == "keep":
            return None
        if found is not None and "targetLabel" in rule:
            made[rule["targetLabel"]] = found.expand(rule.get("replacement", "$1").replace("$", "\\"))
    return made


def jobs() -> dict[str, dict[str, set[str]]]:
    """Return what is scraped under each job's name, by way of deployment: containers of compose, components of Kubernetes, metrics ports of systemd."""
    compose = yaml.safe_load((ROOT / "config" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (systemd,) = [block for block in re.findall("```yaml\n(.*?)```", (ROOT / "docs" / "deployment.md").read_text(), re.DOTALL) if "scrape_configs:" in block]
    ways: dict[str, dict[str, set[str]]] = {"compose": {}, "kubernetes": {}, "systemd": {}}
    for each in compose:
        targets = [target.partition(":")[0] for block in each["static_configs"] for target in block["targets"]]
        ways["compose"][each["job_name"]] = {*targets, *(name for block in each.get("dns_sd_configs", ()) for name in block["names"])}
    for each in yaml.safe_load(systemd)["scrape_configs"]:
        ways["systemd"][each["job_name"]] = {target.partition(":")[2] for block in each["static_configs"] for target in block["targets"]}
    for name, pod in pods().items():
        component = name.removeprefix("seamwatch-")
        for port in [port["name"] for container in pod["containers"] for port in container.get("ports", ())]:
            if made := relabelled(component, port):
                assert made["instance"] == f"{component}-0"
                ways["kubernetes"].setdefault(made["job"], set()).add(component)
    return ways


def test_whatever_is_deployed_is_scraped_under_the_name_that_rules_and_dashboards_ask_for() -> None:
    """Every way of deploying gives the same parts the same job, and each job that a query names is one of these."""
    ways = jobs()
    expected = {"seamwatch": {"worker", "ingest"}, "seamwatch-insight": {"insight"}, "seamwatch-deliver": {"deliver"}, "seamwatch-console": {"console"}}
    assert ways["compose"] == ways["kubernetes"] == expected
    ports = {"9461": "worker", "9462": "worker", "443": "console"}
    for unit in SYSTEMD.glob("*.service"):
        ports |= dict.fromkeys(re.findall(r"^Environment=SEAMWATCH_METRICS_PORT=(\d+)$", unit.read_text(), re.MULTILINE), unit.stem.removeprefix("seamwatch-"))
    assert {job: {ports[port] for port in scraped} for job, scraped in ways["systemd"].items()} == expected
    named = {job for _, expression in expressions() for job in re.findall(r'\bjob="([^"]+)"', expression)}
    assert "seamwatch" in named
    assert named <= expected.keys()
    for pattern in {job for _, expression in expressions() for job in re.findall(r'\bjob=~"([^"]+)"', expression)}:
        assert [job for job in expected if re.fullmatch(pattern, job)], pattern


def test_rules_of_kubernetes_are_those_of_prometheus() -> None:
    """The objects hold the groups of config/prometheus, and stand as `python -m config.kubernetes.make` writes them."""
    assert RULES.read_text() == rules()
    groups = [group for name in ("rules", "alerts") for group in yaml.safe_load((ROOT / "config" / "prometheus" / f"{name}.yml").read_text())["groups"]]
    assert [group for each in manifests("monitoring") if each["kind"] == "PrometheusRule" for group in each["spec"]["groups"]] == groups


OWNERS = {"seamwatch-prepare", "seamwatch-prune"}
"""What makes tables, or deletes."""
NEEDS: dict[str, set[str]] = {
    "worker": {"database", "hash-key", "customer-key"},
    "ingest": {"chatwoot"},
    "insight": {"database"},
    "deliver": {"database"},
    "console": {"database", "customer-key"},
    "doctor": {"database", "hash-key", "customer-key", "chatwoot"},
    "setup": {"database"},
    "prune": {"database"},
}
"""The secrets that each part reads, besides its password of Kafka: tests/real/test_least_privilege.py starts it with no others."""
PUBLIC = {"kafka-ca.pem", "database-ca.pem"}
"""Who vouches for servers: no secrets."""
SECRETS = {"seamwatch-doors": {"chatwoot"}, "seamwatch-receiver-secrets": set[str]()}
"""What the Secrets hold that are given as a whole."""


def given_on_kubernetes(pod: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return by file the Secret and key of each that a pod is given; no other volume, and no variable, is made of a Secret."""
    given: dict[str, tuple[str, str]] = {}
    assert "secretKeyRef" not in str(pod)
    assert "secretRef" not in str(pod)
    for volume in pod["volumes"]:
        assert volume.keys() <= {"name", "emptyDir", "configMap", "projected"}
        for source in volume.get("projected", {"sources": []})["sources"]:
            (secret,) = source.values()
            items = {each["path"]: each["key"] for each in secret["items"]} if "items" in secret else {name: name for name in SECRETS[secret["name"]]}
            assert source.keys() == {"secret"}
            assert not given.keys() & items.keys()
            given |= {path: (secret["name"], key) for path, key in items.items()}
    return given


def told_on_kubernetes(pod: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a pod's one container, those of the ConfigMaps that there are among them, without those that are of its own name or user."""
    maps = {each["metadata"]["name"]: each["data"] for each in manifests() if each["kind"] == "ConfigMap"}
    (container,) = pod["containers"]
    named = [each["configMapRef"] for each in container["envFrom"]]
    told = {name: value for each in named if each["name"] in maps or not each.get("optional") for name, value in maps[each["name"]].items()}
    return told | {each["name"]: each["value"] for each in container.get("env", ()) if "value" in each}


@pytest.mark.parametrize("name", sorted(pods()))
def test_each_pod_is_given_what_its_part_needs_and_no_other_secret(name: str) -> None:
    """The files of a pod are those that its variables name, which are the secrets of its part; its address of the database is the part's own."""
    given, told = given_on_kubernetes(pods()[name]), told_on_kubernetes(pods()[name])
    read = {value.removeprefix("file:").removeprefix("/run/secrets/seamwatch/") for value in told.values() if "/run/secrets/" in value}
    password = set() if name == "seamwatch-prune" else {"kafka-password"}
    assert given.keys() - PUBLIC == NEEDS[part(name)] | password
    assert read - PUBLIC == NEEDS[part(name)] | password
    whence = {file: ("seamwatch", file) for file in ("hash-key", "customer-key", "kafka-ca.pem")} | {"chatwoot": ("seamwatch-doors", "chatwoot")}
    whence |= {"database": ("seamwatch-database", "owner" if name in OWNERS else part(name)), "database-ca.pem": ("seamwatch-database", "ca.pem")}
    whence |= {"kafka-password": ("seamwatch-kafka", part(name))}
    assert given == {file: whence[file] for file in given}


@pytest.mark.parametrize("name", sorted(pods()))
def test_each_part_reads_its_settings_with_the_files_that_its_pod_is_given(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable names a file that is not there, which would end the program at its start; optional files are left out."""
    for file, (secret, _) in given_on_kubernetes(pods()[name]).items():
        if secret != "seamwatch-receiver-secrets" and file != "database-ca.pem":
            (tmp_path / file).write_text("postgresql://seamwatch:secret@db/seamwatch\n" if file == "database" else f"{file}-that-nobody-knows\n")
    for variable, value in told_on_kubernetes(pods()[name]).items():
        monkeypatch.setenv(variable, value.replace("/run/secrets/seamwatch", str(tmp_path)))
    read = load_settings()
    assert (read.database == "postgresql+psycopg://seamwatch:secret@db/seamwatch") == ("database" in NEEDS[part(name)])
    assert (read.hash_key is not None, read.customer_key is not None) == tuple(each in NEEDS[part(name)] for each in ("hash-key", "customer-key"))
    assert bool(read.door_secrets("chatwoot")) == ("chatwoot" in NEEDS[part(name)])


@pytest.mark.parametrize("unit", sorted(SYSTEMD.glob("*.service")), ids=lambda unit: unit.name)
def test_each_unit_is_handed_what_its_part_needs_and_no_other_secret(unit: Path) -> None:
    """With the shipped files that add to it, but Kafka's, a unit has the secrets of its part; its address of the database is the part's own."""
    prefix = unit.stem.removesuffix("@")
    added = [path.read_text() for path in (SYSTEMD / f"{unit.name}.d").glob("*.conf") if path.name != "kafka.conf"]
    handed = dict(re.findall("^LoadCredential=([^:]+):(.+)$", "\n".join([unit.read_text(), *added]).replace("%p", prefix), re.MULTILINE))
    assert handed.keys() == NEEDS[part(prefix)] - ({"chatwoot"} if prefix == "seamwatch-doctor" else set())  # whose doors stand with yours
    if "database" in handed:
        assert handed["database"] == ("/etc/seamwatch/owner/database" if prefix in OWNERS else f"/etc/seamwatch/databases/{prefix}")


def test_each_container_is_given_what_its_part_needs_and_no_other_secret() -> None:
    """The parts of compose share the one user of the database, and nothing else that they do not need."""
    assert {name: set(each["secrets"]) for name, each in OWN.items()} == {name: NEEDS[name] for name in ("worker", "ingest", "insight", "deliver", "console")}


def test_tables_and_topics_are_made_as_their_owner() -> None:
    """What migrates or deletes enters the database as the owner of its tables, on Kubernetes and with systemd; nothing else does."""
    owner = {"secret": {"name": "seamwatch-database", "items": [{"key": "owner", "path": "database"}]}}
    assert {name for name, pod in pods().items() if str(owner) in str(pod)} == {name for name, pod in pods().items() if "owner" in str(pod)} == OWNERS
    units = {unit.stem: unit.read_text() for unit in SYSTEMD.glob("*.service")}
    assert {name for name, text in units.items() if "/etc/seamwatch/owner/database" in text} == OWNERS
    assert {name for name, text in units.items() if re.search("seamwatch (db|topics) ", text)} == OWNERS
    assert "seamwatch-prepare.service\n" in (SYSTEMD / "seamwatch-worker@.service").read_text()


def test_rights_to_the_tables_come_with_the_tables() -> None:
    """Whatever upgrades the database in a deployment gives the roles their rights in the same step: none of them can be forgotten."""
    started = {unit.name: unit.read_text() for unit in UNITS} | {name: str(each) for name, each in (pods() | OWN).items()}
    upgrades = {name: re.findall(r"seamwatch db upgrade( --grants)?", text) for name, text in started.items() if "db upgrade" in text}
    assert upgrades.keys() == {"seamwatch-prepare.service", "seamwatch-prepare", "worker", "insight", "deliver"}
    assert {given for each in upgrades.values() for given in each} == {" --grants"}


def part(name: str) -> str:
    """Return whom of config/kafka/acls.sh a unit or workload is."""
    return {"prepare": "setup"}.get(name := name.removeprefix("seamwatch-").removesuffix("@"), name)


def users_of_kubernetes() -> dict[str, str]:
    """Return by part the user that its pod, or the scaler, enters Kafka as; each has its own password and no other's."""
    users = next(each["data"] for each in manifests() if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "seamwatch-kafka")
    found = {}
    for name, pod in pods().items():
        (secrets,) = [volume["projected"]["sources"] for volume in pod["volumes"] if volume["name"] == "secrets"]
        passwords = [each["secret"] for each in secrets if each["secret"]["name"] == "seamwatch-kafka"]
        (env,) = [{each["name"]: each for each in container.get("env", ())} for container in pod["containers"]]
        if name == "seamwatch-prune":
            assert not passwords
            continue
        assert passwords == [{"name": "seamwatch-kafka", "items": [{"key": part(name), "path": "kafka-password"}]}]
        assert env["SEAMWATCH_KAFKA_PASSWORD"]["value"] == "file:/run/secrets/seamwatch/kafka-password"
        named = env["SEAMWATCH_KAFKA_USERNAME"]["valueFrom"]["configMapKeyRef"]
        assert named == {"name": "seamwatch-kafka", "key": part(name)}
        found[part(name)] = users[named["key"]]
    return found


def users_of_systemd() -> dict[str, str]:
    """Return by part the user that its unit enters Kafka as, with the shipped files that add to units; each has a password of its own."""
    found: dict[str, str] = {}
    passwords: list[str] = []
    for unit in SYSTEMD.glob("*.service"):
        prefix = unit.stem.removesuffix("@")
        added = {path.name: path.read_text() for folder in ("seamwatch-.service.d", f"{unit.name}.d") for path in (SYSTEMD / folder).glob("*.conf")}
        lines = "\n".join([unit.read_text(), *added.values()]).replace("%p", prefix)  # the nearer of two files of one name is read
        handed = re.findall("^LoadCredential=kafka-password:(.+)$", lines, re.MULTILINE)
        named = re.findall("^Environment=SEAMWATCH_KAFKA_USERNAME=(.+)$", lines, re.MULTILINE)
        assert len(handed) == len(named) == (prefix != "seamwatch-prune"), unit.name
        passwords += handed
        found |= {part(prefix): user for user in named}
    assert len(set(passwords)) == len(passwords)
    return found


@pytest.mark.parametrize("users", [users_of_kubernetes, users_of_systemd])
def test_each_part_enters_kafka_as_the_user_that_has_its_rights(users: Callable[[], dict[str, str]]) -> None:
    """Whoever config/kafka/acls.sh grants something is a part of the deployment, and each part that speaks to Kafka has a user and password of its own."""
    granted = {each.user for each in grants("seamwatch")}
    assert users() == {user.removeprefix("seamwatch-"): user for user in granted}


def test_nobody_has_a_user_where_the_broker_asks_for_none() -> None:
    """The containers of compose speak to a broker of their own without names; one that did with a name would need its own."""
    assert not [name for name, each in OWN.items() if "KAFKA" in str(each["environment"])]
    assert set(re.findall(r"\w+:(\w+)", COMPOSE["services"]["kafka"]["environment"]["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"])) == {"PLAINTEXT"}


def test_what_deletes_by_the_clock_deletes_what_the_program_lets_it(tmp_path: Path) -> None:
    """CronJob and unit start the command that there is, once a day and never two at once, for an age that the shipped rules allow."""
    (job,) = [each["spec"] for each in manifests("retention")]
    (container,) = pods()["seamwatch-prune"]["containers"]
    unit = (SYSTEMD / "seamwatch-prune.service").read_text()
    assert re.findall("^ExecStart=/opt/seamwatch/bin/seamwatch (.*)$", unit, re.MULTILINE) == [" ".join(container["args"])]
    assert job["concurrencyPolicy"] == "Forbid"
    assert re.fullmatch(r"\d+ \d+ \* \* \*", job["schedule"])
    env = {"SEAMWATCH_DATABASE": f"sqlite:///{tmp_path / 'seamwatch.db'}"}
    assert run("db", "upgrade", env=env).exit_code == 0
    assert run(*container["args"], env=env).output == "deleted nothing\n"


def test_settings_of_the_manifests_are_settings() -> None:
    """The program knows each variable that a manifest sets."""
    data = [name for each in manifests() if each["kind"] == "ConfigMap" for name in each["data"] if name.startswith("SEAMWATCH_")]
    env = [each["name"] for pod in pods().values() for container in pod["containers"] for each in container.get("env", ())]
    assert {"SEAMWATCH_BROKER", "SEAMWATCH_INGEST_SECRETS__CHATWOOT"} <= set(data)
    assert known([*data, *env])


def test_receivers_of_the_manifests_are_receivers(tmp_path: Path) -> None:
    """The role `deliver` finds its file where it is mounted, and takes it; roles are those of the shipped file."""
    (told,) = [each["data"] for each in manifests() if each["metadata"]["name"] == "seamwatch-receivers"]
    (tmp_path / "receivers.yaml").write_text(told["receivers.yaml"])
    loaded = load_receivers(tmp_path / "receivers.yaml")
    assert [each.kind for each in loaded.receivers] == ["alertmanager"]
    assert loaded.roles == load_receivers().roles
    (container,) = pods()["seamwatch-deliver"]["containers"]
    (mount,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "receivers"]
    assert {"name": "SEAMWATCH_RECEIVERS_FILE", "value": f"{mount}/receivers.yaml"} in container["env"]


UNITS = [path for path in sorted(SYSTEMD.rglob("*")) if path.is_file()]
"""Units, and files that add to them."""


@pytest.mark.parametrize("unit", [path for path in UNITS if path.parent == SYSTEMD], ids=lambda unit: unit.name)
def test_units_are_what_systemd_takes(unit: Path, tmp_path: Path) -> None:
    """systemd finds nothing wrong with a unit but that the program is not installed here, and rates its exposure as low."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze")
    for each in UNITS:
        copy = tmp_path / each.relative_to(SYSTEMD)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(each.read_text().replace("/opt/seamwatch/bin/seamwatch", "/bin/true"))
    copy = tmp_path / unit.name
    verified = subprocess.run([program, "verify", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, [line for line in verified.stderr.splitlines() if "seamwatch" in line]) == (0, [])
    if unit.suffix == ".timer":
        return
    rated = subprocess.run([program, "security", "--offline=true", "--threshold=20", copy], capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout[-200:]


def test_units_set_settings_and_run_commands() -> None:
    """Variables of the units are settings, and what they start exists."""
    text = "".join(unit.read_text() for unit in UNITS)
    assert known(re.findall(r"^Environment=(SEAMWATCH_\w+)", text, re.MULTILINE))
    for line in re.findall(r"^Exec\w+=/opt/seamwatch/bin/seamwatch (.*)$", text, re.MULTILINE):
        parse(shlex.split(line), whole=True)


@pytest.mark.parametrize(("there", "given", "told"), [(False, "", ""), (True, "", "receivers.yaml"), (True, "/a", "/a"), (False, "/a", "/a")], ids=str)
def test_the_doctor_s_unit_asks_for_receivers_where_there_are_any(there: bool, given: str, told: str, tmp_path: Path) -> None:
    """Without a file of receivers the doctor is not told of one, and finds nothing wrong with that; one that the settings name goes before."""
    (line,) = re.findall(r"^ExecStart=(.*)$", (SYSTEMD / "seamwatch-doctor.service").read_text(), re.MULTILINE)
    command = shlex.split(line.replace("$$", "$").replace("/etc/seamwatch", str(tmp_path)))
    assert command[-1].endswith("exec /opt/seamwatch/bin/seamwatch doctor")
    command[-1] = command[-1].replace("/opt/seamwatch/bin/seamwatch doctor", "env")
    if there:
        (tmp_path / "receivers.yaml").touch()
    environment = {"PATH": os.defpath} | ({"SEAMWATCH_RECEIVERS_FILE": given} if given else {})
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = [line.partition("=")[2] for line in ended.stdout.splitlines() if line.startswith("SEAMWATCH_RECEIVERS_FILE=")]
    assert found == ([str(tmp_path / told)] if told else [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.relative_to(SYSTEMD)))
def test_units_are_handed_the_secrets_that_they_read(unit: Path) -> None:
    """Whatever a unit reads from its credentials systemd hands it, from a file of root; and it reads whatever it is handed."""
    handed = dict(re.findall("^LoadCredential=([^:]+):(.+)$", unit.read_text(), re.MULTILINE))
    assert set(re.findall("^Environment=.*%d/(.+)$", unit.read_text(), re.MULTILINE)) == handed.keys()
    assert all(path.startswith("/etc/seamwatch/") for path in handed.values())


def known(variables: list[str]) -> bool:
    """Return whether all are settings, or rows of tables of settings."""
    fields = {f"SEAMWATCH_{name.upper()}" for name in Settings.model_fields}
    unknown = {each.partition("__")[0] for each in variables} - fields
    assert not unknown, (unknown, misspelt(unknown))
    return True


COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OWN = {name: each for name, each in COMPOSE["services"].items() if each.get("image") == "seamwatch"}


def test_the_dockerfile_is_clean() -> None:
    """hadolint finds nothing in it, and the program does not run as root."""
    program = Path(sys.executable).parent / "hadolint"
    checked = subprocess.run([program, "--failure-threshold", "style", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")
    users = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["10001"]


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_containers_of_compose_have_bounds(name: str) -> None:
    """Each has a bound on memory and processes and a check of its health, listens on loopback alone, and has no secret in its environment."""
    service = COMPOSE["services"][name]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert not [key for key, value in service["environment"].items() if re.search(r"(_KEY|PASSWORD|_SECRET)$", key) and not str(value).startswith("file:")] \
        if "environment" in service else True
    for secret in service.get("secrets", ()):
        assert COMPOSE["secrets"][secret]["file"] == f"secrets/{secret}"
    assert "healthcheck" in service or service["image"] == "seamwatch"  # whose image has one
    if service["image"] == "seamwatch":
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", sorted(OWN))
def test_settings_of_compose_are_settings(name: str, tmp_path: Path) -> None:
    """The program knows each variable of its containers, and every file that one names is a secret that the container is given."""
    environment = OWN[name]["environment"]
    assert known(list(environment))
    files = {value.removeprefix("file:/run/secrets/") for value in map(str, environment.values()) if value.startswith("file:")}
    assert files == set(OWN[name]["secrets"])


WRONG = {
    "SEAMWATCH_BROKER": "kafka 19092",
    "SEAMWATCH_DATABASE": "mysql://db/seamwatch",
    "SEAMWATCH_HASH_KEY": "file:/run/secrets/nowhere",
    "SEAMWATCH_CUSTOMER_KEY": "short",
    "SEAMWATCH_KAFKA_CA_FILE": "/run/secrets/nowhere.pem",
    "SEAMWATCH_KAFKA_SECURITY_PROTOCOL": "SASL",
    "SEAMWATCH_KAFKA_PASSWORD": "file:/nowhere",
    "SEAMWATCH_METRICS_PORT": "946x",
    "SEAMWATCH_METRICS_HOST": "999.0.0.1",
    "SEAMWATCH_PARTITIONS": "twelve",
    "SEAMWATCH_REPLICATION": "0",
    "SEAMWATCH_PREFIX": "sea match",
    "SEAMWATCH_SOURCES": "chatwood",
    "SEAMWATCH_REGION": "Germany",
    "SEAMWATCH_CURRENCY": "euro",
    "SEAMWATCH_RATES": "USD=1",
    "SEAMWATCH_INSTANCE_ID": "worker 1",
    "SEAMWATCH_INGEST_LISTEN": "8464",
    "SEAMWATCH_INGEST_SECRETS__CHATWOOT": "file:/nowhere",
    "SEAMWATCH_CONSOLE_URL": "console",
    "SEAMWATCH_CONSOLE_PORT": "http",
    "SEAMWATCH_LOG_FORMAT": "xml",
}
"""Of variables of deployment files, what somebody would write there by mistake."""


def deployed() -> list[tuple[str, str]]:
    """Return each variable of each deployment file that is one of `WRONG`, with the file's name."""
    pairs = [("kubernetes", name) for each in manifests() if each["kind"] == "ConfigMap" for name in each["data"]]
    pairs += [("kubernetes", each["name"]) for pod in pods().values() for container in pod["containers"] for each in container.get("env", ())]
    pairs += [(unit.name, name) for unit in UNITS for name in re.findall(r"^Environment=(SEAMWATCH_\w+)", unit.read_text(), re.MULTILINE)]
    pairs += [("compose", name) for service in OWN.values() for name in service["environment"]]
    pairs += [(".env.example", name) for name in re.findall(r"^#?(SEAMWATCH_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)]
    return [pair for pair in dict.fromkeys(pairs) if pair[1] in WRONG]


NOT_READ = (
    *(f"config/{name}/" for name in ("alertmanager", "grafana", "kafka", "kubernetes", "prometheus", "systemd")),  # for other programs
    "sinks/console/web/",  # what the pages are built from
)


def test_a_wheel_holds_all_files_that_the_program_reads(tmp_path: Path) -> None:
    """Rules, fields, words, migrations, PostgreSQL's roles, the report's template, the console's pages: all files of the rooms but those that others read."""
    asked = subprocess.run([shutil.which("git") or "git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip("this is no checkout")
    rooms = ("models", "agents", "streams", "sinks", "config", "seamwatch")
    files = [name for name in asked.stdout.split("\0") if name.partition("/")[0] in rooms]
    pages = [f"sinks/console/web/dist/{name}" for name in ("index.html", "assets/index.js")]
    source = tmp_path / "source"  # a folder in which nothing was built before
    for name in [*files, "pyproject.toml", "setup.py", "README.md", "LICENSE"]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    for name in pages:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    building = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)]
    subprocess.run(building, check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    others = {name for name in files if name.startswith(NOT_READ)}
    assert held >= {"config/postgres/roles.sql", "config/receivers.yaml", "config/migrations/env.py", "sinks/report/page.html", *pages}
    assert held - others == {*files, *pages} - others


@pytest.mark.parametrize(("file", "variable"), deployed(), ids=str)
def test_a_mistake_in_a_deployment_file_is_told_in_a_sentence(file: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever of these is wrong in whichever file: the program that reads it ends with one sentence that names it, without a trace and without a value."""
    key = "9f86d081884c7d659a2feaa0c55ad015"
    monkeypatch.chdir(tmp_path)
    roles = {"SEAMWATCH_INGEST_LISTEN": "ingest", "SEAMWATCH_RATES": "insight", "SEAMWATCH_CURRENCY": "insight"}.get(variable)
    roles = "ingest" if variable.startswith("SEAMWATCH_INGEST") else roles
    given = {"SEAMWATCH_HASH_KEY": key, "SEAMWATCH_CUSTOMER_KEY": key[::-1], "SEAMWATCH_SOURCES": "chatwoot", variable: WRONG[variable]}
    given |= {"SEAMWATCH_KAFKA_SECURITY_PROTOCOL": "SSL"} if variable == "SEAMWATCH_KAFKA_CA_FILE" else {}
    ended = run(*(["console"] if "CONSOLE" in variable else ["worker", *(["--roles", roles] if roles else [])]), env=given)
    assert ended.exit_code in (1, 2), (file, ended.output)
    told = ended.output.splitlines()[-1]
    named = variable in told or (variable == "SEAMWATCH_METRICS_HOST" and "metrics port" in told)
    assert told.startswith("Error: ")
    assert named, ended.output
    assert not [word for word in ("Traceback", "this is a bug", key) if word in ended.output]
