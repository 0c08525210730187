"""Who is told, with the real programs: the role `deliver`, the shipped Alertmanager, a mail server, Slack's place, a webhook, Kafka for briefs."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine
from standardwebhooks import Webhook

from models.alert import Resolution, Resolve
from sinks.transitions import transition
from sinks.writer import DatabaseWriter
from tests.support.alertmanager_server import NEWER, AlertmanagerServer, MailServer, newer
from tests.support.receiver import ReceiverServer
from tests.support.workers import Installation, WorkerProcess, stored, until
from tests.unit.seamwatch.support import asked_twice, touchpoint
from tests.unit.sinks.builders import finding, record
from tests.unit.sinks.couriers import MOMENTS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ROLES = {"specialist": {"severity": ["warning", "critical"]}, "team_lead": {"severity": ["critical"]}}
FAST = {"timeout": "1s", "first_wait": "100ms", "longest_wait": "500ms", "open_for": "300ms", "failures": 3}


@pytest.fixture
def crm() -> Iterator[ReceiverServer]:
    """Give a place for webhooks."""
    with ReceiverServer() as server:
        yield server


@pytest.fixture
def slack() -> Iterator[ReceiverServer]:
    """Give Slack's place."""
    with ReceiverServer() as server:
        server.content = b"ok"
        yield server


def find(engine: Engine, *findings: dict[str, Any]) -> None:
    """Store findings, as a worker does."""
    DatabaseWriter(engine, lambda: time_ns() // 1000).write([record(each) for each in findings])


def deliver(directory: Path, database: str, *receivers: dict[str, Any], bootstrap: str = "127.0.0.1:1", prefix: str = "none") -> Installation:
    """Return an installation whose role `deliver` tells these."""
    (directory / "receivers.yaml").write_text(yaml.safe_dump({"roles": ROLES, "receivers": list(receivers)}))
    secrets = {f"DELIVER_SECRETS__{each['name'].upper()}": SECRET for each in receivers if each["kind"] != "alertmanager"}
    return Installation(directory, bootstrap, database, prefix, RECEIVERS_FILE="receivers.yaml", CONSOLE_URL="https://c.example", **secrets)


def started(installation: Installation) -> WorkerProcess:
    """Start the role `deliver`."""
    return installation.start("--roles", "deliver").wait_ready()


@pytest.mark.usefixtures("alertmanager")
def test_people_are_told_by_role_with_both_moments(tmp_path: Path, engine: Engine, database_url: str, slack: ReceiverServer) -> None:
    """Alerts of a customer come as one message, a critical one keeps the customer's warnings back, leads get mail with both moments as masks; open alerts
    are told again to an Alertmanager that starts anew and has forgotten them; what is resolved is told as over."""
    with MailServer() as mail, AlertmanagerServer(mail.port, slack.url) as server:
        duty = {"name": "duty", "kind": "alertmanager", "url": f"http://{server.address}", "resend": "1s", "resolve_timeout": "1m"}
        installation = deliver(tmp_path, database_url, duty | FAST)
        try:
            process = started(installation)
            find(
                engine,
                finding("w1", alert="W1", customer="c-1", detector="repeated_request", **MOMENTS),
                finding("w2", alert="W2", customer="c-1", detector="ping_pong", **MOMENTS),
                finding("w3", alert="W3", customer="c-2", **MOMENTS),
            )
            until(lambda: len(slack.told) >= 2, 30)
            titles = sorted(each.json["attachments"][0]["title"] for each in slack.told)
            assert titles == ["1 open: customer c-2 (acme)", "2 open: customer c-1 (acme)"]
            said = next(each.json["attachments"][0] for each in slack.told if "c-1" in each.json["attachments"][0]["title"])
            assert said["text"].count("First: 2026-03-02 09:10:00Z, billing (voice), account number: …4711") == 2
            assert said["text"].count("Again: 2026-03-02 09:14:05Z, tech (chat), account number") == 2
            assert "https://c.example/alerts/W1" in said["text"]

            find(engine, finding("k", alert="K", customer="c-3", severity="critical", **MOMENTS), finding("w4", alert="W4", customer="c-3", **MOMENTS))
            until(lambda: server.alerts().keys() >= {"K", "W4"} and server.alerts()["W4"] == "suppressed", 30, lambda: str(server.alerts()))
            assert server.alerts()["K"] == "active"
            until(lambda: len(mail.mail) >= 1, 30)
            [letter] = mail.mail
            assert letter["To"] == "team-leads@mail.example"
            assert letter["Subject"] == "1 open: seam billing>tech (acme)"
            html = letter.get_body(("html",))
            assert html is not None
            assert "account number: …4711" in html.get_content()

            before = len(slack.told)
            server.kill()
            for path in (server.directory / "data").iterdir():
                path.unlink()
            server.start()
            until(lambda: server.alerts().keys() >= {"W1", "W2", "W3", "K", "W4"}, 30, lambda: str(server.alerts()))
            with engine.begin() as connection:
                transition(connection, "W3", Resolve(outcome=Resolution.FIXED), "ada", datetime.now(UTC))
            until(lambda: any(each.json["attachments"][0]["title"] == "over: customer c-2 (acme)" for each in slack.told[before:]), 30)
            assert not re.search("4711-22|47112299", "".join(each.body.decode() for each in slack.told))
            assert process.metric("deliveries_total", receiver="duty", outcome="resent") >= 5  # all five, after it had forgotten them
        finally:
            installation.end()


@pytest.mark.skipif(newer("alertmanager") is None, reason=NEWER)
def test_teams_is_told_with_both_moments(tmp_path: Path, engine: Engine, database_url: str, slack: ReceiverServer) -> None:
    """An Alertmanager that knows Microsoft Teams posts a card with title and both moments as masks; Debian 12's does not know it."""
    with AlertmanagerServer(1, slack.url, teams=newer("alertmanager")) as server:
        installation = deliver(tmp_path, database_url, {"name": "duty", "kind": "alertmanager", "url": f"http://{server.address}", **FAST})
        try:
            started(installation)
            find(engine, finding("w1", alert="W1", customer="c-1", **MOMENTS))
            until(lambda: len(slack.told) >= 1, 30, server.tail)
            [card] = [each["content"] for each in slack.told[0].json["attachments"]]
            assert card["type"] == "AdaptiveCard"
            said = json.dumps(card, ensure_ascii=False)
            assert "1 open: customer c-1 (acme)" in said
            assert "First: 2026-03-02 09:10:00Z, billing (voice), account number: …4711" in said
            assert "Again: 2026-03-02 09:14:05Z, tech (chat), account number" in said
            assert "4711-22" not in said
        finally:
            installation.end()


def test_an_hour_away_loses_nothing(tmp_path: Path, engine: Engine, database_url: str, crm: ReceiverServer) -> None:
    """A webhook is away for what is an hour at its waits (a five-hundredth of the shipped ones), answers errors for a while, and the process is killed in
    between: afterwards it has heard the newest version of every alert, in order, signed, a repeat under the id of the first try."""
    installation = deliver(tmp_path, database_url, {"name": "crm", "kind": "webhook", "url": f"{crm.url}/hook", **FAST})
    try:
        process = started(installation)
        find(engine, finding("first", alert="FIRST", **MOMENTS))
        until(lambda: len(crm.told) == 1, 20)
        crm.stop()
        for number in range(40):
            find(engine, finding(f"f{number}", alert=f"A{number % 10}", minutes=number))
            if number == 20:
                until(lambda: stored(database_url, "SELECT count(*) FROM deliveries")[0][0] > 10, 20)
                process.kill()
                process = started(installation)
        until(lambda: stored(database_url, "SELECT count(*) FROM deliveries WHERE state = 'failed'")[0][0] == 10, 20)
        until(lambda: process.metric("delivery_circuit_open", receiver="crm") == 1, 20)
        crm.status = 503
        crm.start()
        until(lambda: len(crm.told) >= 3, 20)
        crm.status = 204
        until(lambda: stored(database_url, "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'failed')")[0][0] == 0, 20)
        for told in crm.told:
            Webhook(SECRET).verify(told.body, dict(told.headers))
        heard: dict[str, list[int]] = {}
        ids: dict[tuple[str, int], set[str]] = {}
        for told in crm.told:
            alert = told.json["data"]["alert"]
            ids.setdefault((alert["key"], alert["version"]), set()).add(told.headers["webhook-id"])
            if told.status in (200, 204):
                heard.setdefault(alert["key"], []).append(alert["version"])
        assert all(len(each) == 1 for each in ids.values())
        assert heard == {"FIRST": [1]} | {f"A{number}": [4] for number in range(10)}
        states = dict(map(tuple, stored(database_url, "SELECT state, count(*) FROM deliveries GROUP BY state")))
        assert states.keys() == {"delivered", "superseded"}
        assert states["delivered"] == 11
        assert "superseded" in installation.run("deliveries", "list")

        [identity] = [told.headers["webhook-id"] for told in crm.told if told.json["data"]["alert"]["key"] == "FIRST"]
        installation.run("deliveries", "replay", identity)
        until(lambda: sum(told.headers["webhook-id"] == identity for told in crm.told) == 2, 20)
        [once, twice] = [told for told in crm.told if told.headers["webhook-id"] == identity]
        assert once.body == twice.body
        assert process.stop()[0] == 0
    finally:
        installation.end()


def test_a_brief_goes_to_the_next_handlers_desktop(installation: Installation, kafka: Any, tmp_path: Path, database_url: str, crm: ReceiverServer) -> None:
    """A handoff on a real Kafka puts a brief on its topic, and the webhook has it, whole and signed, as soon; only for the teams that it is for."""
    installation.prepare()
    desktop = {"name": "crm", "kind": "brief", "url": crm.url, "only": {"team": ["service"]}}
    told = deliver(tmp_path, database_url, desktop, bootstrap=kafka.bootstrap, prefix=installation.prefix)
    try:
        installation.start().wait_ready()
        process = started(told)
        until(lambda: process.metric("consumer_lag_records", topic=f"{installation.prefix}.briefs") == 0, 40)
        for customer, team in (("c-1", "service"), ("c-2", "billing"), ("c-3", "service")):
            data = {"handoff": f"h-{customer}", "to_team": team, "mode": "blind", "context": []}
            installation.produce([*asked_twice(customer)[:3], touchpoint(f"{customer}-h", "10:03:00", "handoff.started", customer, "sales", data=data)])
        until(lambda: len(crm.told) == 2, 40)
        for each in crm.told:
            Webhook(SECRET).verify(each.body, dict(each.headers))
        bodies = {each.json["data"]["customer"]: each.json for each in crm.told}
        assert bodies.keys() == {"c-1", "c-3"}
        assert bodies["c-1"]["type"] == "brief.handoff"
        assert bodies["c-1"]["data"] == json.loads(installation.run("brief", "j-c-1", "--json"))
        until(lambda: stored(database_url, "SELECT count(*) FROM deliveries WHERE state = 'delivered' AND what = 'brief'")[0][0] == 2)
    finally:
        told.end()
