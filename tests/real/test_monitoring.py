"""A worker under load and a receiver of its alerts, watched by a real Prometheus with the shipped rules: every panel has something to show."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from itertools import count, takewhile
from pathlib import Path
from threading import Event, Thread

import pytest

from streams.simulator import ContactCentre
from tests.support.chatwoot import SECRET, message, signed
from tests.support.prometheus_server import CHOSEN, RUNBOOKS, PrometheusServer, dashboard_queries, filled
from tests.support.receiver import ReceiverServer
from tests.support.server import free_ports
from tests.support.services import KafkaServer
from tests.support.workers import Installation, until


class Load:
    """A contact centre's last quarter of an hour, some of it twice or broken, and webhooks: a part of it every half second, for as long as the block lasts."""

    def __init__(self, installation: Installation, door: int) -> None:
        self._installation = installation
        self._door = door
        self._over = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        now = datetime.now(UTC)
        deliveries = ContactCentre(1).stream(now - timedelta(minutes=15), 20)
        touchpoints = [each.touchpoint for each in takewhile(lambda each: each.due < now, deliveries)]
        size = len(touchpoints) // 40
        for turn in count():
            part = touchpoints[turn * size : (turn + 1) * size] or touchpoints[:size]
            self._installation.produce([*part, part[0], {"customer": "c-1", "id": f"broken-{turn}"}])
            with suppress(OSError):
                self._post(message(turn))
            if self._over.wait(0.5):
                return

    def _post(self, body: bytes) -> None:
        connection = HTTPConnection("127.0.0.1", self._door, timeout=5)
        connection.request("POST", "/in/chatwoot", body, signed(body))
        connection.getresponse().read()
        connection.close()


@pytest.fixture
def watched(kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path) -> Iterator[PrometheusServer]:
    """Give a Prometheus that watches a worker of all roles under load, and one that tells of its alerts."""
    (door,) = free_ports(1)
    receiver = ReceiverServer()
    told = [{"name": "crm", "kind": "webhook", "url": receiver.url}]
    (tmp_path / "receivers.yaml").write_text(json.dumps({"receivers": told}))
    settings = {
        "SOURCES": "chatwoot", "INGEST_SECRETS__CHATWOOT": SECRET, "INGEST_LISTEN": f"127.0.0.1:{door}", "RECEIVERS_FILE": "receivers.yaml",
        "DELIVER_SECRETS__CRM": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }  # fmt: skip
    installation = Installation(tmp_path, kafka.bootstrap, database_url, prefix, **settings)
    try:
        worker = installation.prepare().start("--roles", "ingest,normalise,watch,score,sink").wait_ready()
        telling = installation.start("--roles", "deliver").wait_ready()
        targets = {"seamwatch": [f"127.0.0.1:{worker.port}"], "seamwatch-deliver": [f"127.0.0.1:{telling.port}"]}
        with PrometheusServer(targets) as server, Load(installation, door):
            yield server
    finally:
        installation.end()
        receiver.stop()


@pytest.mark.usefixtures("prometheus")
def test_every_panel_has_something_to_show(watched: PrometheusServer) -> None:
    """Each query of the dashboards, and of their variables, gives numbers, and none of a job that nobody has; no rule fails; nothing is alarming; runbooks
    are served where alerts say.
    """
    queries = list(dashboard_queries())
    waiting = {where: filled(expression, CHOSEN) for where, expression in queries}
    assert len(waiting) == len(queries) > 70

    def all_shown() -> bool:
        for where, expression in list(waiting.items()):
            if watched.shows(expression):
                del waiting[where]
        return not waiting

    until(all_shown, 60, partial(str, waiting))
    of_nobody = {where: filled(expression, CHOSEN | {"job": "nobody"}) for where, expression in queries if "$job" in expression}
    assert len(of_nobody) > 70
    assert [where for where, expression in of_nobody.items() if watched.shows(expression)] == []
    groups = json.loads(watched.get("/api/v1/rules"))["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {(rule["name"], rule["health"]) for rule in rules if rule["health"] != "ok"} == set()
    assert {rule["name"] for rule in rules if rule.get("state") == "firing"} == {"SeamwatchWatchdog"}
    (barking,) = [rule for rule in rules if rule["name"] == "SeamwatchWatchdog"]
    link = barking["alerts"][0]["annotations"]["runbook_url"]
    assert watched.get(link[link.index("/user/") :]) == (RUNBOOKS / "SeamwatchWatchdog.md").read_text()
