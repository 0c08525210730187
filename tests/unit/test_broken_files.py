"""Files of other programs that are shipped, broken as somebody would break them: what checks them says a sentence that names what is wrong.

Where the program itself is here, it is started with the file, too. Our own program's settings in these files are broken in
tests/unit/seamwatch/test_broken_deployments.py.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.server import free_ports

ROOT = Path(__file__).parents[2]
BINARIES = Path(sys.executable).parent
SYSTEM: Mapping[str, str | None] = {name: shutil.which(name) for name in ("promtool", "prometheus", "amtool", "systemd-analyze", "kubectl")}
ALERTMANAGER = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
TRACES = ("Traceback", "goroutine ", "panic:")


class Broken(NamedTuple):
    """A file below a folder of the tree, what is replaced in it (nothing: the file is taken away), and what has to be said."""

    file: str
    old: str
    new: str
    says: str

    def __str__(self) -> str:
        """Return what a test is called."""
        return f"{self.file}-{self.new or self.old or 'gone'}"

    def copied(self, folder: str, to: Path) -> Path:
        """Return a copy of the folder with this in it."""
        copy = Path(shutil.copytree(ROOT / folder, to / Path(folder).name))
        file = copy / self.file
        if not self.old:
            file.unlink()
            return copy
        text = file.read_text()
        assert self.old in text, self
        file.write_text(text.replace(self.old, self.new, 1))
        return copy


def said(command: Sequence[str | Path], where: Path) -> tuple[int, str]:
    """Return the exit code of a program, and all that it said. It has to end by itself."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=where, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout


def assert_told(command: Sequence[str | Path], where: Path, says: str, *, wrong: bool = True) -> None:
    """Assert that a program ends with a line that says this, and without a stack trace; ``wrong``: with another code than 0."""
    code, told = said(command, where)
    assert (code != 0) == wrong, told
    assert [line for line in told.splitlines() if re.search(says, line)], told
    assert not [trace for trace in TRACES if trace in told], told


PROMETHEUS = (
    Broken("prometheus.yml", "scrape_interval:", "scrape_intervall:", "field scrape_intervall not found"),
    Broken("prometheus.yml", "scrape_interval: 15s", "scrape_interval: soon", 'not a valid duration string: .?"soon'),
    Broken("prometheus.yml", "job_name: seamwatch-insight", "job_name: seamwatch", 'multiple scrape configs with job name .?"seamwatch'),
    Broken("prometheus.yml", '"worker:9464"', '"http://worker:9464/metrics"', '"http://worker:9464/metrics.*is not a valid hostname'),
    Broken("prometheus.yml", "  - job_name: seamwatch\n", "\t- job_name: seamwatch\n", "line 12: found character that cannot start any token"),
    Broken("alerts.yml", "expr: vector(1)", "expr: vector(1", "SeamwatchWatchdog.*unclosed left parenthesis"),
    Broken("alerts.yml", "for: 2m", "for: two minutes", "alerts.yml.*not a valid duration string"),
    Broken("alerts.yml", "{{ $labels.instance }}", "{{ $label.instance }}", 'undefined variable .?"\\$label'),
    Broken("alerts.yml", "severity: none", "sev erity: none", "invalid label name: sev erity"),
    Broken("rules.yml", "record: ", "recrod: ", "field recrod not found"),
)


@pytest.mark.usefixtures("prometheus")
@pytest.mark.parametrize("broken", PROMETHEUS, ids=str)
def test_a_broken_file_of_prometheus_is_told(broken: Broken, tmp_path: Path) -> None:
    """promtool names file, place and mistake; Prometheus itself does not start with it, and says why in its log."""
    where = broken.copied("config/prometheus", tmp_path)
    assert_told([SYSTEM["promtool"] or "", "check", "config", "prometheus.yml"], where, broken.says)
    (port,) = free_ports(1)
    options = [f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    assert_told([SYSTEM["prometheus"] or "", "--config.file=prometheus.yml", *options], where, f"err=.*({broken.says}|{broken.file})")


@pytest.mark.usefixtures("prometheus")
def test_a_file_of_rules_that_is_missing_is_told(tmp_path: Path) -> None:
    """promtool names it. Prometheus itself starts without: it takes names of files for patterns, which is why promtool is asked first."""
    where = Broken("rules.yml", "", "", "").copied("config/prometheus", tmp_path)
    assert_told([SYSTEM["promtool"] or "", "check", "config", "prometheus.yml"], where, '"rules.yml" does not point to an existing file')


ALERTMANAGERS = (
    Broken("alertmanager.yml", "receiver: watchdog", "receiver: watchdogs", 'undefined receiver .?"watchdogs'),
    Broken("alertmanager.yml", "group_wait:", "group_waits:", "field group_waits not found"),
    Broken("alertmanager.yml", "repeat_interval: 12h", "repeat_interval: daily", 'not a valid duration string: .?"daily'),
    Broken("alertmanager.yml", 'alertname=~"Seamwatch.+"', 'alertname=~"Seamwatch("', "missing closing \\)"),
    Broken("alertmanager.yml", "- name: operations", "- name: watchdog", 'notification config name .?"watchdog.*is not unique'),
    Broken("alertmanager.yml", "  - name: nobody\n", "", 'undefined receiver .?"nobody'),
    Broken("alertmanager.yml", "https://deadmansswitch.example/seamwatch", "deadmansswitch", "unsupported scheme"),
    Broken("alertmanager.yml", "smtp_smarthost: mail.example:587", "smtp_smarthost: mail.example", "address mail.example: missing port"),
    Broken("templates/seamwatch.tmpl", 'define "', "define ", "seamwatch.tmpl:5?.*unexpected"),
)


@pytest.mark.usefixtures("alertmanager")
@pytest.mark.parametrize("broken", ALERTMANAGERS, ids=str)
def test_a_broken_file_of_alertmanager_is_told(broken: Broken, tmp_path: Path) -> None:
    """amtool names place and mistake; Alertmanager itself does not start with it, and says why in its log."""
    where = broken.copied("config/alertmanager", tmp_path)
    assert_told([SYSTEM["amtool"] or "", "check-config", "alertmanager.yml"], where, broken.says)
    (port,) = free_ports(1)
    options = [f"--storage.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    assert_told([ALERTMANAGER or "", "--config.file=alertmanager.yml", *options], where, f"err=.*{broken.says}")


SOURCES, PROVIDERS = "provisioning/datasources/seamwatch.yml", "provisioning/dashboards/seamwatch.yml"
GRAFANAS = (
    Broken(SOURCES, "isDefault:", "isDefautl:", r"seamwatch.yml:8: datasources\[0\].isDefautl: unknown key; did you mean isD"),
    Broken(SOURCES, "http://prometheus:9090", "prometheus:9090", r"datasources\[0\].url: expected http://HOST:PORT"),
    Broken(SOURCES, "type: prometheus", "type: promethius", r"datasources\[0\].type: expected 'prometheus'"),
    Broken(SOURCES, "apiVersion: 1", "apiVersion: one", "seamwatch.yml:1: apiVersion: expected 1"),
    Broken(SOURCES, "", "", "there is no file that says which datasources there are"),
    Broken(PROVIDERS, "type: file", "type: folder", r"providers\[0\].type: expected 'file'"),
    Broken(PROVIDERS, "path:", "paths:", "options.paths: unknown key; did you mean path"),
    Broken(PROVIDERS, "providers:", "provider:", "provider: unknown key; did you mean providers"),
    Broken(PROVIDERS, "providers:", "providers: [", "seamwatch.yml:[0-9]+: not YAML"),
    Broken("dashboards/stream.json", '"seamwatch-stream"', '"seamwatch-delivery"', "uid: seamwatch-delivery is that of delivery.json, too"),
    Broken("dashboards/stream.json", '"panels"', '"panel"', "no dashboard: 'panels' is missing"),
    Broken("dashboards/stream.json", "},", "}", "stream.json: not JSON: .*line"),
    Broken("dashboards/experience.json", "$tenant", "$tenent", r"panel Tenants: \$tenent is no variable of this dashboard; did you mean tenant"),
    Broken("dashboards/delivery.json", '"query": "prometheus"', '"query": "loki"', "datasource: expected a variable .* that chooses a Prometheus"),
)


@pytest.mark.parametrize("broken", GRAFANAS, ids=str)
def test_a_broken_file_of_grafana_is_told(broken: Broken, tmp_path: Path) -> None:
    """config.grafana.check names file, line and key; Grafana itself, which is not here, shows nothing in place of what it cannot use."""
    where = broken.copied("config/grafana", tmp_path)
    assert_told([sys.executable, "-m", "config.grafana.check", where], tmp_path, f"^Error: .*{broken.says}")


def test_the_shipped_files_of_grafana_are_right() -> None:
    """Nothing is said of them."""
    assert said([sys.executable, "-m", "config.grafana.check"], ROOT) == (0, "")


MANIFESTS = (
    Broken("workers.yaml", "replicas: 3", "replicas: many", "statefulset/seamwatch-worker .* spec.replicas: 'many' is not of type 'integer'"),
    Broken("workers.yaml", "terminationGracePeriodSeconds", "terminationGraceSeconds", "'terminationGraceSeconds' was unexpected"),
    Broken("workers.yaml", "      containers:\n", "      container:\n", "spec.template.spec: 'containers' is a required property"),
    Broken("workers.yaml", "port: metrics", "port: [9464]", r"Probe.httpGet.port: \[9464\] is not"),
    Broken("settings.yaml", 'SEAMWATCH_PARTITIONS: "12"', "SEAMWATCH_PARTITIONS: 12", "data.SEAMWATCH_PARTITIONS: 12 is not of type 'string'"),
    Broken("network.yaml", "policyTypes:", "policyType:", "'policyType' was unexpected"),
    Broken("console.yaml", "  selector:\n    matchLabels", "  matchLabels", "deployment/seamwatch-console .*: 'selector' is a required property"),
)


@pytest.mark.parametrize("broken", MANIFESTS, ids=str)
def test_a_broken_manifest_is_told(broken: Broken, tmp_path: Path) -> None:
    """kubernetes-validate names object, key and mistake, without a cluster."""
    where = broken.copied("config/kubernetes", tmp_path)
    assert_told([BINARIES / "kubernetes-validate", "--strict", "--quiet", broken.file], where, broken.says)


@pytest.mark.skipif(SYSTEM["kubectl"] is None, reason="there is no kubectl")
def test_manifests_make_a_whole_and_a_missing_one_is_told(tmp_path: Path) -> None:
    """kubectl puts base and an overlay with all components together, without a cluster; a resource that is not there is named."""
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "kustomization.yaml").write_text(
        "resources: [../kubernetes]\ncomponents: [../kubernetes/lag, ../kubernetes/monitoring, ../kubernetes/retention]\n"
        "images: [{name: seamwatch, newName: registry.example/seamwatch, newTag: 1.2.3}]\n"
    )
    where = Broken("workers.yaml", "", "", "").copied("config/kubernetes", tmp_path)
    assert_told([SYSTEM["kubectl"] or "", "kustomize", "overlay"], tmp_path, "workers.yaml.*no such file")
    shutil.copy(ROOT / "config" / "kubernetes" / "workers.yaml", where)
    code, told = said([SYSTEM["kubectl"] or "", "kustomize", "overlay"], tmp_path)
    kinds = [told.count(f"kind: {kind}") for kind in ("ScaledObject", "PodMonitor", "PrometheusRule", "CronJob")]
    assert (code, told.count("image: registry.example/seamwatch:1.2.3"), kinds) == (0, 8, [1, 1, 2, 2]), told[-500:]


COMPOSES = (
    Broken("docker-compose.yml", "mem_limit: 2g", "mem_limits: 2g", r"services.kafka: 'mem_limits' does not match"),
    Broken("docker-compose.yml", "condition: service_healthy", "condition: healthy", r"condition: 'healthy' is not one of"),
    Broken("docker-compose.yml", "restart: unless-stopped", "restart: [always]", r"services.kafka.restart: \['always'\] is not of type 'string'"),
    Broken("docker-compose.yml", "pids_limit: 1000", "pids_limit: {most: 1000}", r"services.kafka.pids_limit: .*is not of type"),
    Broken("docker-compose.yml", "\nvolumes:\n", "\nvolume:\n", r"\$: 'volume' does not match"),
    Broken("docker-compose.yml", "    image: postgres:16\n", "   image: postgres:16\n", "line [0-9]+, column"),
)


@pytest.mark.parametrize("broken", COMPOSES, ids=str)
def test_a_broken_compose_file_is_told(broken: Broken, tmp_path: Path) -> None:
    """check-jsonschema holds it against the specification of Compose, and names key and mistake."""
    text = (ROOT / broken.file).read_text()
    assert broken.old in text
    (tmp_path / broken.file).write_text(text.replace(broken.old, broken.new, 1))
    check: list[str | Path] = [BINARIES / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    assert_told([*check, broken.file], tmp_path, broken.says)
    assert_told([*check, ROOT / broken.file], tmp_path, "ok", wrong=False)


UNITS = (
    Broken("seamwatch-console.service", "Restart=", "Restrat=", r"seamwatch-console.service:\d+: Unknown key.*Restrat"),
    Broken("seamwatch-console.service", "ProtectSystem=strict", "ProtectSystem=stricct", r"console.service:\d+: Failed to parse protect system.*stricct"),
    Broken("seamwatch-insight.service", "[Service]", "[Servce]", r"seamwatch-insight.service:\d+: Unknown section 'Servce'"),
    Broken("seamwatch-deliver.service", "MemoryMax=", "MemoryMax=much", r"seamwatch-deliver.service:\d+: Invalid memory limit 'much"),
    Broken("seamwatch-.service.d/kafka.conf", "LoadCredential=kafka", "LoadCredental=kafka", r"kafka.conf:\d+: Unknown key.*LoadCredental"),
    Broken("seamwatch-ingest.service", "ExecStart=", "ExecStartt=", r"seamwatch-ingest.service: Service has no ExecStart"),
    Broken("seamwatch-worker@.service", "TimeoutStopSec=30", "TimeoutStopSec=soon", r"seamwatch-worker@.service:\d+: Failed to parse time value.*soon"),
)


@pytest.mark.skipif(SYSTEM["systemd-analyze"] is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("broken", UNITS, ids=str)
def test_a_broken_unit_is_told(broken: Broken, tmp_path: Path) -> None:
    """systemd-analyze names file, line and mistake; of most mistakes with code 0, since systemd ignores them and starts."""
    where = broken.copied("config/systemd", tmp_path)
    unit = where / (broken.file if broken.file.endswith(".service") else "seamwatch-worker@.service")
    for file in where.glob("*.service"):
        file.write_text(file.read_text().replace("/opt/seamwatch/bin/seamwatch", "/bin/true"))
    _, told = said([SYSTEM["systemd-analyze"] or "", "verify", unit], where)
    assert [line for line in told.splitlines() if re.search(broken.says, line)], told


@pytest.mark.parametrize("given", [{}, {"BOOTSTRAP": "kafka:9093"}], ids=["BOOTSTRAP", "CONFIG"])
def test_rights_that_nobody_said_for_which_broker_are_not_granted(given: Mapping[str, str], tmp_path: Path) -> None:
    """The script of Kafka's rights ends at its first line, and names the variable that is not set."""
    environment = {"PATH": os.environ["PATH"], **given}
    ended = subprocess.run(["/bin/sh", ROOT / "config" / "kafka" / "acls.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert len(ended.stderr.splitlines()) == 1
    assert re.search(r"(BOOTSTRAP|CONFIG): parameter not set", ended.stderr), ended.stderr
