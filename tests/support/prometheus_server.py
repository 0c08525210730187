"""A real Prometheus with the shipped rules, and the queries of the shipped dashboards."""

import json
import re
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import yaml

from tests.support.server import Server, free_ports

__all__ = ["CHOSEN", "GRAFANA", "PROMETHEUS", "RUNBOOKS", "PrometheusServer", "dashboard_queries", "filled"]

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "config" / "prometheus"
GRAFANA = ROOT / "config" / "grafana"
RUNBOOKS = ROOT / "docs" / "runbooks"

CHOSEN = {"job": "seamwatch", "instance": ".*", "tenant": ".*", "score": "consistency", "half_life": "3600"}
"""What the variables of the dashboards are where nothing else is chosen."""

_RANGES = {"__rate_interval": "10s", "__range": "1h"}


class PrometheusServer(Server):
    """Scrapes ``targets``, by job, every second in place of the shipped ones of ``configuration``, and evaluates the shipped rules as often.

    Jobs without targets are left out; one that is not shipped is a ``KeyError``.
    """

    name = "Prometheus"

    def __init__(self, targets: Mapping[str, Sequence[str]], configuration: str = "prometheus.yml") -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="seamwatch-prometheus-"))
        (port,) = free_ports(1)
        self._address = f"127.0.0.1:{port}"
        shipped = yaml.safe_load((PROMETHEUS / configuration).read_text())
        shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        shipped.pop("alerting", None)
        jobs = {each["job_name"]: each for each in shipped["scrape_configs"]}
        shipped["scrape_configs"] = [
            {key: value for key, value in jobs[name].items() if key != "dns_sd_configs"} | {"static_configs": [{"targets": list(at)}]}
            for name, at in targets.items()
        ]
        (self.directory / "prometheus.yml").write_text(yaml.safe_dump(shipped))
        for name in shipped["rule_files"]:
            rules = yaml.safe_load((PROMETHEUS / name).read_text())
            for group in rules["groups"]:
                group.pop("interval", None)
            (self.directory / name).write_text(yaml.safe_dump(rules))

    def command(self) -> Sequence[str]:
        """Return the command line, as docker-compose.yml has it but for places."""
        return [
            shutil.which("prometheus") or "prometheus",
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={self._address}",
            f"--web.user-assets={RUNBOOKS}",
        ]

    def ready(self) -> bool:
        """Tell whether it answers queries."""
        try:
            self.get("/-/ready")
        except OSError:
            return False
        return True

    def get(self, path: str, **parameters: str) -> str:
        """Return what it answers. Raises ``OSError`` where it does not, or with an error."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"http://{self._address}{path}{query}", timeout=10) as answer:
            return str(answer.read().decode())

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an instant query. Raises ``AssertionError`` with what is wrong with it."""
        try:
            found: list[dict[str, Any]] = json.loads(self.get("/api/v1/query", query=expression))["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None
        return found

    def shows(self, expression: str) -> bool:
        """Return whether a query has a series with a number."""
        return any(not isnan(float(each["value"][1])) for each in self.query(expression))


def dashboard_queries() -> Iterator[tuple[str, str]]:
    """Yield each query of the shipped dashboards with where it stands; those of variables as what they ask for."""
    for path in sorted((GRAFANA / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
                assert asked is not None, variable["name"]
                yield f"{path.stem}: ${variable['name']}", f"count by ({asked[2]}) ({asked[1]})"
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']} {target['refId']}", target["expr"]


def filled(expression: str, variables: Mapping[str, str]) -> str:
    """Return a query with its variables replaced, as Grafana does. Raises ``KeyError`` for one that nobody knows."""
    return re.sub(r"\$(\w+)", lambda found: (_RANGES | dict(variables))[found[1]], expression)
