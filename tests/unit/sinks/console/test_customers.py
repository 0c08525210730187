"""Customers are forgotten over HTTP by those who may, and the audit tells who had it done."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import RIGHTS, Right, Role
from sinks.console.settings import StreamUnavailable
from tests.unit.sinks.builders import rows
from tests.unit.sinks.console.served import known
from tests.unit.sinks.handling import Desk

PATH = "/api/customers/forget"


def acts(engine: Engine) -> list[tuple[Any, ...]]:
    """Return what the audit holds of forgetting."""
    return [row for row in rows(engine, "console_audit", "actor", "act", "target", "detail", "address") if row[1] == "forget"]


def test_an_admin_has_a_customer_forgotten_and_the_audit_does_not_say_whom(client: TestClient, engine: Engine) -> None:
    """The stream is told of all keys, the answer says how many, and the audit who did it from where."""
    answer = client.post(PATH, json={"customer": "c-1007"})
    assert (answer.status_code, answer.json()) == (202, {"keys": 2, "known": True})
    assert acts(engine) == [("ada", "forget", None, "keys: 2", "testclient")]


def test_it_needs_the_right_and_in_a_session_its_token(client: TestClient, accounts: Accounts, desk: Desk, engine: Engine) -> None:
    """Of people only admins may; a token needs the scope; a page of others cannot have it done."""
    assert [role for role, rights in RIGHTS.items() if Right.CUSTOMERS_FORGET in rights] == [Role.ADMIN]
    del client.headers["X-CSRF-Token"]
    assert client.post(PATH, json={"customer": "c-1"}).json()["code"] == "csrf"
    client.cookies.clear()
    for scope, status in ((Right.ALERTS_WRITE, 403), (Right.CUSTOMERS_FORGET, 202)):
        token = accounts.add_token(scope.value.replace(":", "-"), [scope], desk.clock.now)
        assert client.post(PATH, json={"customer": "c-1"}, headers={"Authorization": f"Bearer {token}"}).status_code == status
    assert len(acts(engine)) == 1


@pytest.mark.parametrize(
    "body",
    [{"customer": "erika@example.org"}, {"customer": "a\0b"}, {"customer": ""}, {"customer": "c", "tenant": "Erika!"}, {"customer": 4711}, {"erika": "c"}],
)
def test_what_names_nobody_is_refused_without_an_echo(client: TestClient, engine: Engine, body: dict[str, Any]) -> None:
    """A problem document says which rule was broken, and repeats nothing."""
    answer = client.post(PATH, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert not any(word in answer.text.lower() for word in ("erika", "example.org", "4711"))
    assert acts(engine) == []


def test_without_kafka_it_is_to_be_tried_again(engine: Engine, settings: ConsoleSettings, session: str) -> None:
    """503 with Retry-After, and nothing in the audit: nobody was forgotten."""

    def forget(_engine: Engine, _tenant: str, _customer: str) -> tuple[int, bool]:
        raise StreamUnavailable

    app: FastAPI = create_console(engine, replace(settings, forget=forget))
    with known(TestClient(app), app, session) as client:
        answer = client.post(PATH, json={"customer": "c-1"})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "stream_unavailable", "5")
    assert acts(engine) == []
