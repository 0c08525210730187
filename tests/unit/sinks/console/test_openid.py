"""Coming in by an OpenID Connect provider that runs beside the test."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from oidc_provider_mock import User, run_server_in_thread
from sqlalchemy import Engine

from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import Role
from sinks.console.settings import OpenId
from tests.unit.sinks.handling import Desk

_PENDING = "seamwatch-pending"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Give the address of a provider that knows Ada, who leads, and Eve, who is nothing here."""
    ada = {"preferred_username": "Ada", "org": {"roles": ["staff", "watch", "leads"]}, "teams": ["tech"]}
    people = [User(sub="1", claims=ada), User(sub="2", claims={"preferred_username": "eve", "org": {"roles": ["staff"]}})]
    with run_server_in_thread(user_claims=people, require_nonce=True) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def openid(issuer: str) -> OpenId:
    """Give that provider, whose claim ``org.roles`` tells roles."""
    roles = {"watch": Role.VIEWER, "leads": Role.LEAD}
    return OpenId(issuer, "seamwatch", "secret", "Example", roles, claim="org.roles")


@pytest.fixture
def client(engine: Engine, settings: ConsoleSettings, openid: OpenId) -> Iterator[TestClient]:
    """Give the browser of somebody who is not known yet."""
    with TestClient(create_console(engine, replace(settings, openid=openid)), follow_redirects=False) as client:
        yield client


def there(client: TestClient, subject: str, then: str = "/alerts") -> str:
    """Go to the provider, come in there, and return where it sends the browser."""
    begun = client.get("/api/session/openid", params={"next": then})
    assert begun.status_code == 303
    return str(httpx.post(begun.headers["location"], data={"sub": subject}).headers["location"])


def back(client: TestClient, address: str) -> str:
    """Come back, and return where the console sends the browser."""
    parts = urlsplit(address)
    answer = client.get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 303
    return str(answer.headers["location"])


def enters(client: TestClient, subject: str) -> bool:
    """Return whether somebody is let in."""
    client.cookies.clear()
    to = back(client, there(client, subject))
    assert to in {"/alerts", "/login?refused=provider"}
    assert (client.get("/api/session").status_code == 200) == (to == "/alerts")
    return to == "/alerts"


def test_the_provider_tells_who_one_is(client: TestClient, accounts: Accounts) -> None:
    """Who comes back from the provider goes on to where they were, with the highest role that it tells; the audit has it."""
    assert client.get("/api/doors").json() == {"provider": "Example", "session": None}
    assert back(client, there(client, "1", "/seams?kind=team")) == "/seams?kind=team"
    session = client.get("/api/session").json()
    assert (session["name"], session["role"], session["teams"]) == ("ada", "lead", None)
    assert [(act.actor, act.act, act.detail) for _, act in accounts.noted(1)] == [("ada", "openid", "lead")]


def test_an_answer_holds_once_and_for_its_browser_alone(client: TestClient, engine: Engine) -> None:
    """The provider's answer lets nobody in twice, nor another browser, nor one that asked with another nonce or state."""
    address = there(client, "1")
    asked = client.cookies[_PENDING]
    other = TestClient(client.app, follow_redirects=False)
    assert back(other, address) == "/login?refused=provider"
    for place in (0, 1):
        fields = json.loads(unquote(asked.strip('"')))
        fields[place] = "other"
        other.cookies.set(_PENDING, quote(json.dumps(fields)))
        assert back(other, there(client, "1")) == "/login?refused=provider"
    address = there(client, "1")
    asked = client.cookies[_PENDING]
    assert back(client, address) == "/alerts"
    client.cookies.clear()
    client.cookies.set(_PENDING, asked)
    assert back(client, address) == "/login?refused=provider"
    assert client.get("/api/session").status_code == 401


def test_who_has_no_role_is_not_let_in(client: TestClient, accounts: Accounts, desk: Desk) -> None:
    """Neither is who has none here, nor who is called like an account that is not theirs, nor whose account is shut."""
    assert not enters(client, "2")
    assert accounts.people() == []
    assert enters(client, "1")
    accounts.set_disabled("ada", True)
    assert not enters(client, "1")
    accounts.set_disabled("ada", False)
    assert enters(client, "1")


def test_an_account_is_nobody_elses(client: TestClient, accounts: Accounts, desk: Desk) -> None:
    """Who is called like an account with a password does not come in by its name."""
    accounts.add("ada", Role.ADMIN, desk.clock.now, password=None)
    assert not enters(client, "1")
    assert [act.act for _, act in accounts.noted(1)] == ["failed_openid"]


def test_what_the_provider_says_now_holds(client: TestClient, issuer: str) -> None:
    """A role that somebody lost at the provider is lost here when they come again."""
    assert enters(client, "1")
    claims: dict[str, Any] = {"preferred_username": "ada", "org": {"roles": "watch"}, "teams": ["tech"]}
    httpx.put(f"{issuer}/users/1", json=claims).raise_for_status()
    assert enters(client, "1")
    assert client.get("/api/session").json()["role"] == "viewer"


def test_teams_of_the_provider(engine: Engine, settings: ConsoleSettings, openid: OpenId) -> None:
    """Where a claim tells teams, somebody sees those alone; who has none is not let in, rather than let see all."""
    limited = create_console(engine, replace(settings, openid=replace(openid, teams="teams", roles={"watch": Role.VIEWER, "staff": Role.VIEWER})))
    client = TestClient(limited, follow_redirects=False)
    assert enters(client, "1")
    assert client.get("/api/session").json()["teams"] == ["tech"]
    assert not enters(client, "2")


def test_nobody_sets_out_without_end(client: TestClient) -> None:
    """An address that sets out for the provider again and again, and never arrives, has to wait."""
    answers = [client.get("/api/session/openid").status_code for _ in range(51)]
    assert answers == [303] * 50 + [429]


@pytest.mark.parametrize("changes", [{"issuer": "http://127.0.0.1:9"}, {"issuer": "{issuer}/other"}])
def test_a_provider_that_does_not_answer(engine: Engine, settings: ConsoleSettings, openid: OpenId, changes: dict[str, str]) -> None:
    """Where the provider is away or is another one, the door says that it let nobody in, and nothing fails."""
    address = changes["issuer"].format(issuer=openid.issuer)
    client = TestClient(create_console(engine, replace(settings, openid=replace(openid, issuer=address))), follow_redirects=False)
    assert client.get("/api/session/openid").headers["location"] == "/login?refused=provider"
    assert client.get("/api/session/openid", params={"next": "//evil.example"}).status_code == 303
