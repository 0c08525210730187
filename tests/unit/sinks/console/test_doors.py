"""Who is let in, by what, for how long, and what is written down of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from models.tables import metadata
from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts, Wrong
from sinks.console.callers import Right, Role
from sinks.console.doors import Attempts
from tests.unit.sinks.builders import finding, rows
from tests.unit.sinks.console.served import Listener, enter, known, served
from tests.unit.sinks.handling import Desk

PASSWORD = "correct horse battery"


@pytest.fixture
def anybody(app: FastAPI) -> Iterator[TestClient]:
    """Give a client whom nobody knows."""
    with TestClient(app) as client:
        yield client


def log_in(client: TestClient, name: str = "grace", password: str = PASSWORD, **headers: str) -> Any:
    """Try to log in."""
    return client.post("/api/session", json={"name": name, "password": password}, headers=headers)


@pytest.fixture
def grace(accounts: Accounts, desk: Desk) -> str:
    """Give an operator with a password."""
    accounts.add("grace", Role.OPERATOR, desk.clock.now, password=PASSWORD)
    return "grace"


def routes(app: FastAPI) -> set[tuple[str, str]]:
    """Return method and path of all that the API describes."""
    paths = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_nothing_is_served_to_whom_nobody_knows(app: FastAPI, anybody: TestClient) -> None:
    """Of the API all but coming in needs a session or a token; wrong ones of either are as none. Only the empty shell, its
    assets and the sign of life are served to everybody.
    """
    described = routes(app)
    assert len(described) > 20
    for method, path in described | {("GET", "/api/openapi.json"), ("GET", "/api/version")}:
        if (method, path) in {("POST", "/api/session"), ("POST", "/api/session/link"), ("GET", "/api/doors")}:
            continue
        for headers in (
            {},
            {"Authorization": "Bearer sw_x"},
            {"Authorization": "Basic eDp4"},
            {"Cookie": "seamwatch=x"},
        ):
            answer = anybody.request(method, path.replace("{key}", "A"), headers=headers, json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), (method, path)
            assert anybody.get("/api/doors", headers=headers).json()["session"] is None
    assert anybody.get("/livez").text == "# ok\n"
    assert anybody.get("/").status_code == 200


def test_a_session_from_login_to_logout(anybody: TestClient, grace: str, accounts: Accounts) -> None:
    """Name and password begin a session in a cookie that no script reads; it ends by logging out, and all of it is written down."""
    entered = log_in(anybody, "Grace")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    session = anybody.get("/api/session").json()
    assert (session["name"], session["role"], session["teams"]) == ("grace", "operator", None)
    assert session == entered.json() == anybody.get("/api/doors").json()["session"]
    assert anybody.delete("/api/session").status_code == 403, "without the token"
    assert anybody.delete("/api/session", headers={"X-CSRF-Token": session["csrf"]}).status_code == 204
    assert anybody.get("/api/session").status_code == 401
    assert [act.act for _, act in accounts.noted(9)] == ["logout", "login"]
    assert anybody.cookies.get("seamwatch") is None


def test_https_has_a_cookie_of_this_host_alone(engine: Engine, settings: ConsoleSettings, grace: str) -> None:
    """Where people come by https, the cookie is secure and bound to the host, and pages of another origin cannot log in."""
    app = create_console(engine, replace(settings, url="https://seamwatch.example/"))
    with TestClient(app, base_url="http://inside") as client:
        answer = log_in(client, origin="https://seamwatch.example")
        assert answer.headers["set-cookie"].startswith("__Host-seamwatch=")
        assert "Secure" in answer.headers["set-cookie"]
        assert log_in(client, origin="https://evil.example").json()["code"] == "origin"
        assert log_in(client, **{"sec-fetch-site": "cross-site"}).status_code == 403


def test_changes_need_the_sessions_token(client: TestClient, desk: Desk) -> None:
    """A change in a session needs its token in a header, and comes from a page of the console itself."""
    desk.found(finding())
    change = {"action": "acknowledge"}
    wrong = client.post("/api/alerts/A/transitions", json=change, headers={"X-CSRF-Token": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "csrf")
    foreign = client.post("/api/alerts/A/transitions", json=change, headers={"Origin": "http://evil.example"})
    assert foreign.json()["code"] == "origin"
    own = client.post("/api/alerts/A/transitions", json=change, headers={"Origin": "http://testserver"})
    assert own.status_code == 200


def test_failed_logins_say_nothing_and_get_slower(
    anybody: TestClient, grace: str, accounts: Accounts, desk: Desk
) -> None:
    """A wrong name and a wrong password are told alike; after ten of a name it has to wait, whoever tries, and then it may again."""
    wrong, unknown = log_in(anybody, password="wrong"), log_in(anybody, "nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    for _ in range(9):
        log_in(anybody, password="wrong")
    late = log_in(anybody)
    assert (late.status_code, late.json()["code"]) == (429, "too_many")
    assert 0 < int(late.headers["retry-after"]) <= 301
    desk.clock.now += timedelta(minutes=6)
    assert log_in(anybody).status_code == 200
    assert {act.act for _, act in accounts.noted(50)} == {"failed_login", "login"}


def test_attempts_are_counted_in_bounded_memory(desk: Desk) -> None:
    """However many names are tried, the counts of no more than so many are kept."""
    attempts = Attempts(1, 60, kept=10)
    for number in range(100):
        assert attempts.begin(str(number), desk.clock.now) == 0
    assert attempts.begin("99", desk.clock.now) > 0
    assert len(attempts._tries) == 10


@pytest.mark.parametrize("end", ["idle", "old", "disabled", "password"])
def test_sessions_end(client: TestClient, accounts: Accounts, desk: Desk, end: str) -> None:
    """A session ends when nobody uses it, when it is old however much it is used, and with its account or password."""
    if end == "idle":
        desk.clock.now += timedelta(hours=11)
        assert client.get("/api/session").status_code == 200
        desk.clock.now += timedelta(hours=11)
        assert client.get("/api/session").status_code == 200
        desk.clock.now += timedelta(hours=13)
    elif end == "old":
        for _ in range(15):
            assert client.get("/api/session").status_code == 200
            desk.clock.now += timedelta(hours=11.5)
    elif end == "disabled":
        accounts.set_disabled("ada", disabled=True)
    else:
        accounts.set_password("ada", PASSWORD)
    assert client.get("/api/alerts").status_code == 401


def test_a_link_holds_once_and_for_ten_minutes(anybody: TestClient, grace: str, accounts: Accounts, desk: Desk) -> None:
    """A link begins one session; used, over or made up it begins none."""
    token = accounts.make_link(grace, desk.clock.now)
    entered = anybody.post("/api/session/link", json={"token": token})
    assert entered.json()["name"] == "grace"
    late = accounts.make_link(grace, desk.clock.now)
    desk.clock.now += timedelta(minutes=10)
    for each in (token, late, "x"):
        answer = anybody.post("/api/session/link", json={"token": each})
        assert (answer.status_code, answer.json()["code"]) == (401, "failed_link")


def test_roles_and_tokens_may_do_what_they_may(
    app: FastAPI, anybody: TestClient, accounts: Accounts, desk: Desk
) -> None:
    """A viewer reads, an operator acts too, a lead exports, an admin reads the audit; a token does what it was given, without a cookie."""
    desk.found(finding())
    allowed = {}
    for role in Role:
        accounts.add(f"a-{role}", role, desk.clock.now, password=None)
        client = known(TestClient(app), app, enter(accounts, f"a-{role}", desk))
        acts = (
            client.post("/api/alerts/A/transitions", json={"action": "undo"}),
            client.get("/api/alerts.csv"),
            client.get("/api/audit"),
        )
        assert client.get("/api/alerts").status_code == 200
        allowed[role.value] = "".join("-" if act.status_code == 403 else "x" for act in acts)
    assert allowed == {"viewer": "---", "operator": "x--", "lead": "xx-", "admin": "xxx"}
    secret = accounts.add_token("crm", [Right.ALERTS_WRITE], desk.clock.now)
    anybody.headers["Authorization"] = f"Bearer {secret}"
    assert anybody.get("/api/alerts").status_code == 403
    assert anybody.post("/api/alerts/A/transitions", json={"action": "acknowledge"}).status_code == 200
    assert desk.audit()[-1][2] == "token:crm"
    [token] = accounts.tokens()
    assert token.seen == desk.clock.now
    accounts.remove_token("crm")
    assert anybody.get("/api/alerts").status_code == 401


def test_a_scope_of_teams_holds_everywhere(app: FastAPI, accounts: Accounts, desk: Desk) -> None:
    """Who is limited to a team sees, counts, finds, changes and exports the alerts that touch it, and no others."""
    desk.found(
        finding("a", alert="A"), finding("b", alert="B", seam={"from": "team:shop", "to": "team:depot"}, customer="c-2")
    )
    accounts.add("kim", Role.LEAD, desk.clock.now, password=None, teams=["shop"])
    client = known(TestClient(app), app, enter(accounts, "kim", desk))
    assert [item["alert"]["key"] for item in client.get("/api/alerts").json()["items"]] == ["B"]
    assert client.get("/api/alerts/A").status_code == 404
    assert client.get("/api/facets").json()["severity"] == {"warning": 1}
    assert [seam["from"] for seam in client.get("/api/seams").json()["items"]] == ["team:shop"]
    assert client.get("/api/journeys", params={"customer": "c-1007"}).json()["items"] == []
    assert client.get("/api/alerts.csv").text.count("\n") == 2
    assert client.post("/api/alerts/A/transitions", json={"action": "acknowledge"}).status_code == 404
    duplicate = {"action": "resolve", "outcome": "duplicate", "of": "A"}
    assert client.post("/api/alerts/B/transitions", json=duplicate).json()["code"] == "not_the_original"
    many = client.post("/api/alerts/transitions", json={"keys": ["A", "B"], "change": {"action": "acknowledge"}}).json()
    assert ([alert["key"] for alert in many["done"]], [each["key"] for each in many["refused"]]) == (["B"], ["A"])


def test_the_stream_keeps_to_the_scope_and_ends_with_the_session(
    app: FastAPI, accounts: Accounts, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is limited to a team is told of its alerts alone; when the account is disabled, an open stream ends."""
    monkeypatch.setattr("sinks.console.stream._CHECK_EVERY", 0.1)
    accounts.add("kim", Role.VIEWER, desk.clock.now, password=None, teams=["shop"])
    with served(app) as port:
        listener = Listener(port, enter(accounts, "kim", desk))
        listener.next("freshness")
        desk.clock.now += timedelta(seconds=1)
        desk.found(finding("a", alert="A"), finding("b", alert="B", seam={"from": "team:shop", "to": "team:depot"}))
        assert listener.alerts("B") == {"B": 1}
        accounts.set_disabled("kim", disabled=True)
        desk.found(finding("c", alert="C", seam={"from": "team:shop", "to": "team:depot"}))
        assert b"event: alerts" not in listener.answer.read()
        listener.close()


def test_every_act_is_written_down(client: TestClient, accounts: Accounts, desk: Desk) -> None:
    """Changes, exports and lookups are in the audit with who did them and from where; a lookup does not say whose customer it was."""
    desk.found(finding())
    client.post("/api/alerts/A/transitions", json={"action": "acknowledge"})
    client.get("/api/alerts.csv")
    client.get("/api/journeys", params={"customer": "c-1007"})
    page = client.get("/api/audit", params={"limit": 2}).json()
    assert [row["act"] for row in page["items"]] == ["lookup", "export"]
    [row] = client.get("/api/audit", params={"before": page["next"]}).json()["items"]
    assert (row["act"], row["target"], row["actor"], row["address"]) == ("acknowledge", "A", "ada", "testclient")
    assert "c-1007" not in json.dumps(page)


def test_secrets_are_stored_nowhere(
    engine: Engine, accounts: Accounts, grace: str, desk: Desk, anybody: TestClient
) -> None:
    """Neither passwords nor what sessions, links and tokens are made of is found in the database's file."""
    log_in(anybody)
    secrets = [PASSWORD, anybody.cookies["seamwatch"], accounts.make_link(grace, desk.clock.now)]
    secrets.append(accounts.add_token("t", [Right.ALERTS_READ], desk.clock.now))
    dump = repr([rows(engine, table.name, *[column.name for column in table.columns]) for table in metadata.sorted_tables])
    assert "argon2id" in dump
    assert not [secret for secret in secrets if secret in dump]


@pytest.mark.parametrize("name", ["", "Ada", "a b", "seamwatch", "x" * 64, "a\n"])
def test_names_are_plain(accounts: Accounts, desk: Desk, name: str) -> None:
    """A name is of letters that look like nothing else, and never the program's own."""
    with pytest.raises(Wrong):
        accounts.add(name, Role.VIEWER, desk.clock.now, password=None)


def test_accounts_that_cannot_be(accounts: Accounts, grace: str, desk: Desk) -> None:
    """What is there already, is not there, or is too short is told in a sentence."""
    acts: list[Callable[[], object]] = [
        lambda: accounts.add(grace, Role.ADMIN, desk.clock.now, password=None),
        lambda: accounts.set_password(grace, "short"),
        lambda: accounts.set_disabled("nobody", disabled=True),
        lambda: accounts.remove_token("none"),
    ]
    for act in acts:
        with pytest.raises(Wrong):
            act()
