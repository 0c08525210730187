"""What is shipped for Prometheus and Grafana, and the runbooks: it parses, fires, links, and asks for nothing that is not there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.grafana.make import FOLDER, dashboards
from config.settings import Settings
from sinks.metrics import DEFINITIONS
from tests.support.prometheus_server import CHOSEN, GRAFANA, PROMETHEUS, ROOT, RUNBOOKS, dashboard_queries, filled

CASES = ("alerts_test.yml", "alerts_over_days_test.yml")
PROMETHEUS_OWN = {"up": set(), "ALERTS": {"alertname", "alertstate"}}
PROCESS = ("process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total")
TARGET = {"job", "instance"}
PROMTOOL = shutil.which("promtool") or "promtool"
SEVERITIES = {"critical", "warning", "none"}


def read(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text())


def rules(name: str) -> list[dict[str, Any]]:
    """Return the rules of a file."""
    return [rule for group in read(PROMETHEUS / name)["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by name."""
    return {rule["alert"]: rule for rule in rules("alerts.yml")}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every query that is shipped, with where it stands."""
    for name in ("rules.yml", "alerts.yml"):
        yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in rules(name))
    yield from ((where, filled(expression, CHOSEN)) for where, expression in dashboard_queries())


def metrics() -> dict[str, set[str]]:
    """Return the labels of everything that can be asked for, by name."""
    known: dict[str, set[str]] = dict(PROMETHEUS_OWN) | {name: set() for name in PROCESS}
    for item in DEFINITIONS:
        for suffix in ("_bucket", "_sum", "_count") if item.kind == "histogram" else ("",):
            known[item.full_name + suffix] = {*item.labels, "le"} if suffix == "_bucket" else set(item.labels)
    for rule in rules("rules.yml"):
        known[rule["record"]] = set(rule["record"].partition(":")[0].split("_"))
    return known


@pytest.mark.usefixtures("prometheus")
def test_prometheus_takes_the_rules_and_each_alert_fires_as_its_cases_say() -> None:
    """promtool finds nothing wrong with the configuration, and plays all cases as they should go."""
    commands = [*(["check", "config", name] for name in ("prometheus.yml", "demo.yml")), *(["test", "rules", name] for name in CASES)]
    running = [
        subprocess.Popen(
            [PROMTOOL, *command], cwd=PROMETHEUS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for command in commands
    ]
    told = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), "\n".join(told)


@pytest.mark.usefixtures("prometheus")
def test_prometheus_takes_what_a_console_says_of_itself() -> None:
    """What `/livez` of the console answers is a page of metrics, so that `up` tells whether it does; words would be none."""
    for page, code in (("# ok\n", 0), ("ok\n", 1)):
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
        assert checked.returncode == code, checked.stderr


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """Of every alert there is a moment when it fires and, but for the watchdog, one when it does not."""
    played = [
        (case["alertname"], bool(case.get("exp_alerts")))
        for name in CASES
        for test in read(PROMETHEUS / name)["tests"]
        for case in test["alert_rule_test"]
    ]
    wanted = {(name, fires) for name in alerts() for fires in (True, False)} - {("SeamwatchWatchdog", False)}
    assert set(played) == wanted


def test_each_alert_says_what_is_wrong_and_links_to_its_runbook() -> None:
    """Alerts have a severity, a summary, a description and a link, and runbooks are of alerts alone; the list of runbooks names each with its severity."""
    listed = (RUNBOOKS / "README.md").read_text()
    for name, rule in alerts().items():
        annotations = rule["annotations"]
        assert rule["labels"]["severity"] in SEVERITIES
        assert annotations.keys() == {"summary", "description", "runbook_url"}
        assert annotations["summary"].endswith(".")
        assert annotations["runbook_url"] == f"{{{{ $externalURL }}}}/user/{name}.md"
        assert f"| [{name}]({name}.md) | {rule['labels']['severity']} |" in listed
        runbook = (RUNBOOKS / f"{name}.md").read_text()
        assert runbook.startswith(f"# {name}\n")
        assert re.findall(r"^## (.*)$", runbook, re.MULTILINE) == ["Look", "Do", "Escalate"]
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*alerts(), "README"}


def test_runbooks_name_metrics_that_there_are() -> None:
    """Every metric of a runbook is one; their commands and links are those of all documents (tests/documents)."""
    for path in RUNBOOKS.glob("*.md"):
        for name in re.findall(r"\b(?:seamwatch|process)_[a-z_]+\b", path.read_text()):
            assert {name, f"{name}_count"} & metrics().keys(), f"{path.name}: {name}"


def test_no_query_asks_for_what_is_not_there() -> None:
    """Rules, alerts and dashboards name metrics that are defined or recorded, choose by labels that these have, and group by labels that there are."""
    known = metrics()
    grouped = set.union(TARGET, *known.values())
    for where, expression in expressions():
        for pattern in re.findall(r'__name__=~"([^"]+)"', expression):
            assert len([name for name in known if re.fullmatch(pattern, name)]) == pattern.count("|") + 1, where
        plain = re.sub(r'"[^"]*"', '""', expression)
        for name, labels in re.findall(
            r"\b((?:job\w*:)?seamwatch_\w+(?::\w+)?|process_\w+|up|ALERTS)\b(?:\{([^}]*)\})?", plain
        ):
            assert name in known, f"{where}: {name}"
            assert set(re.findall(r"(\w+)(?:=~|!=|=)", labels)) <= known[name] | TARGET, f"{where}: {labels}"
        for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", plain):
            assert set(labels.split(", ")) <= grouped, f"{where}: {labels}"


def test_no_query_shows_a_figure_where_there_is_none() -> None:
    """A constant stands by itself, as the line of what may be; none takes the place of a metric that is missing."""
    for where, expression in dashboard_queries():
        assert "vector(" not in expression or re.fullmatch(r"vector\([\d.]+\)", expression), where


def test_what_scrapes_a_demo_is_where_a_demo_is_and_under_the_names_of_an_installation() -> None:
    """`demo.yml` has the shipped rules, and shipped jobs at the ports that a demonstration takes where they are free."""
    shipped, demo = read(PROMETHEUS / "prometheus.yml"), read(PROMETHEUS / "demo.yml")
    assert demo["rule_files"] == shipped["rule_files"]
    paths = {each["job_name"]: each.get("metrics_path") for each in shipped["scrape_configs"]}
    assert {each["job_name"]: each.get("metrics_path") for each in demo["scrape_configs"]}.items() <= paths.items()
    ports = {each["job_name"]: int(each["static_configs"][0]["targets"][0].rpartition(":")[2]) for each in demo["scrape_configs"]}
    worker, console = (Settings.model_fields[name].default for name in ("metrics_port", "console_port"))
    assert ports == {"seamwatch": worker, "seamwatch-insight": worker + 1, "seamwatch-console": console}


@pytest.mark.usefixtures("prometheus")
def test_prometheus_parses_every_query_of_the_dashboards(tmp_path: Path) -> None:
    """Each query, with its variables replaced, is PromQL."""
    queries = [filled(expression, CHOSEN) for _, expression in dashboard_queries()]
    made = [{"record": f"query_{number}", "expr": expression} for number, expression in enumerate(queries)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": made}]}))
    ended = subprocess.run([PROMTOOL, "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{len(queries)} rules found" in ended.stdout


def test_dashboards_stand_as_they_are_made() -> None:
    """The JSON in the tree is what `python -m config.grafana.make` writes, and nothing else lies beside it."""
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == dashboards()


def test_dashboards_can_be_linked_to_and_lead_on() -> None:
    """Each has an address of its own and panels that do not overlap; links lead to runbooks that there are, and to the console."""
    loaded = [json.loads(text) for text in dashboards().values()]
    assert {each["uid"] for each in loaded} == {"seamwatch-experience", "seamwatch-stream", "seamwatch-delivery"}
    for dashboard in loaded:
        names = {variable["name"] for variable in dashboard["templating"]["list"]}
        assert {"datasource", "job", "console", "runbooks"} <= names
        assert {"${console}", "${runbooks}/README.md"} <= {link.get("url") for link in dashboard["links"]}
        for one, other in combinations((panel["gridPos"] for panel in dashboard["panels"]), 2):
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)
        for panel in dashboard["panels"]:
            assert panel["targets"], panel["title"]
            for link in panel["links"]:
                assert (RUNBOOKS / link["url"].removeprefix("${runbooks}/")).exists()


def test_compose_mounts_what_the_files_name() -> None:
    """Prometheus, Alertmanager and Grafana are started with the shipped files at the places where these look, pinned, on loopback, with a health check."""
    services = read(ROOT / "docker-compose.yml")["services"]
    for name in ("prometheus", "alertmanager", "grafana"):
        service = services[name]
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert "test" in service["healthcheck"]
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists(), mount
    assert "./docs/runbooks:/runbooks:ro" in services["prometheus"]["volumes"]
    assert "--web.user-assets=/runbooks" in services["prometheus"]["command"]
    (provider,) = read(GRAFANA / "provisioning" / "dashboards" / "seamwatch.yml")["providers"]
    assert f"./config/grafana/dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]
    (source,) = read(GRAFANA / "provisioning" / "datasources" / "seamwatch.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
