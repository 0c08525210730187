"""The console over a real PostgreSQL."""

from datetime import timedelta
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import Role
from sinks.progress import note_worker
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import finding, letter, score
from tests.unit.sinks.console.served import Listener, enter, known, served
from tests.unit.sinks.console.test_alerts import touch
from tests.unit.sinks.handling import FALSE, Desk


def test_everything_is_asked_of_postgresql(engine: Engine) -> None:
    """Lists, words, pages, counts, figures, changes, doors and the live stream answer on PostgreSQL as they do on SQLite."""
    desk = Desk(engine)
    desk.found(
        finding("a", again=touch("1", channel="voice")),
        finding(
            "b",
            alert="B",
            minutes=1,
            severity="critical",
            customer="c_2",
            again=touch("2", channel="chat", team="sales"),
        ),
        finding("c", alert="C", minutes=2, seam=None, summary="100% TRUE"),
    )
    desk.act(FALSE, "A")
    DatabaseWriter(engine, desk.clock).write([letter(), score(90.0, scope="seam", name="team:billing>team:tech")])
    note_worker(engine, desk.clock.now)
    note_worker(engine, desk.clock.now + timedelta(seconds=1))
    accounts = Accounts(engine)
    accounts.add("ada", Role.ADMIN, desk.clock.now, password="a long password")
    app = create_console(engine, ConsoleSettings(now=desk.clock.moment))
    client = known(TestClient(app), app, enter(accounts, "ada", desk))

    def keys(**wanted: Any) -> str:
        page = client.get("/api/alerts", params={**wanted, "limit": 1}).json()
        found = [item["alert"]["key"] for item in page["items"]]
        if page["next"]:
            rest = client.get("/api/alerts", params={**wanted, "cursor": page["next"]}).json()
            found += [item["alert"]["key"] for item in rest["items"]]
        assert page["total"] == len(found)
        return "".join(found)

    assert keys() == "CB"
    assert keys(state="resolved") == "A"
    assert keys(team="sales", channel="chat") == "B"
    assert keys(q="C_2") == "B"
    assert keys(rule="repeated_request") == "CB"
    assert [(each["name"], each["alerts"]) for each in client.get("/api/groups?by=rule").json()["items"]] == [("repeated_request", 2)]
    assert keys(q="100% true") == "C"
    facets = client.get("/api/facets", params={"team": "tech"}).json()
    assert (facets["team"], facets["channel"]) == ({"billing": 1, "sales": 1, "tech": 1}, {"chat": 1})
    assert client.get("/api/rules").json()[0]["false_positives"] == 1
    assert client.get("/api/seams").json()["items"][0]["score"] == 90.0
    assert client.get("/api/dead-letters").json()["counts"][0]["count"] == 1
    assert client.get("/api/freshness").json()["state"] == "live"
    assert len(client.get("/api/journeys", params={"customer": "c-1007"}).json()["items"][0]["findings"]) == 2
    assert client.get("/api/alerts/B").json()["alert"]["severity"] == "critical"
    assert client.get("/api/alerts.csv").text.count("\n") == 3
    entered = TestClient(app).post("/api/session", json={"name": "ada", "password": "a long password"})
    assert entered.status_code == 200
    with served(app) as port:
        listener = Listener(port, enter(accounts, "ada", desk))
        listener.next("freshness")
        desk.clock.now += timedelta(seconds=1)
        assert client.post("/api/alerts/B/transitions", json={"action": "acknowledge", "version": 1}).status_code == 200
        assert listener.alerts("B") == {"B": 2}
        listener.close()
    assert (
        client.post("/api/alerts/B/transitions", json={"action": "undo", "version": 1}).json()["first"]["actor"]
        == "ada"
    )
    assert client.get("/api/audit").json()["items"][0]["actor"] == "ada"
