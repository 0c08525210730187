"""What stands behind a mask is shown to those who may and say why, after it was written down who asked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert

from models.tables import customer_aliases
from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import RIGHTS, Right, Role
from sinks.console.moments import Said, Sought, Unread
from sinks.console.settings import StreamUnavailable
from tests.unit.sinks.builders import finding, moment, rows
from tests.unit.sinks.console.served import enter, known
from tests.unit.sinks.handling import Desk

PATH = "/api/alerts/A/reveal"
ASKED = {"source": "crm", "id": "t-1", "reason": "the customer disputes it"}


def evidence(identity: str) -> dict[str, Any]:
    """Return what a finding rests on."""
    told = {"source": "crm", "id": identity, "time": moment(0), "type": "info.provided", "team": "billing", "channel": "voice"}
    return told | {"field": "account_number", "mask": "…4711"}


class Reading:
    """Reads 4711 for whatever is sought, or fails; ``audited`` holds how many acts there were when it was asked."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sought: list[Sought] = []
        self.audited: list[int] = []
        self.fails: Exception | None = None

    def __call__(self, sought: Sought) -> Said:
        """Read."""
        self.sought.append(sought)
        self.audited.append(len(revealed(self.engine)))
        if self.fails is not None:
            raise self.fails
        return Said("4711", "my number is 4711")


def revealed(engine: Engine) -> list[tuple[Any, ...]]:
    """Return what the audit holds of revealing."""
    return [row for row in rows(engine, "console_audit", "actor", "act", "target", "detail") if row[1] == "reveal"]


@pytest.fixture
def reading(engine: Engine) -> Reading:
    """Give a reader of touchpoints."""
    return Reading(engine)


@pytest.fixture
def enters(engine: Engine, settings: ConsoleSettings, desk: Desk, reading: Reading, accounts: Accounts) -> Callable[..., TestClient]:
    """Give clients of a console that reveals, over an alert that rests on a touchpoint."""
    desk.found(finding("f1", first=evidence("t-1"), evidence=[evidence("t-1")]))
    app = create_console(engine, replace(settings, reveal=reading))

    def enters(name: str, role: Role, teams: tuple[str, ...] = ()) -> TestClient:
        accounts.add(name, role, desk.clock.now, password=None, teams=teams)
        return known(TestClient(app), app, enter(accounts, name, desk))

    return enters


def test_who_may_is_shown_it_once_and_it_was_written_down_before(enters: Callable[..., TestClient], reading: Reading, engine: Engine) -> None:
    """The audit says who, which alert, touchpoint and field, and why, and never what; no cache keeps the answer; aliases are looked under, too."""
    with engine.begin() as connection:
        connection.execute(insert(customer_aliases).values(tenant="acme", alias="visitor", customer="c-1007", linked=reading_time(engine)))
    answer = enters("bob", Role.LEAD).post(PATH, json=ASKED)
    assert (answer.status_code, answer.json()) == (200, {"field": "account_number", "value": "4711", "text": "my number is 4711"})
    assert answer.headers["cache-control"] == "no-store"
    assert revealed(engine) == [("bob", "reveal", "A", "crm t-1, account_number: the customer disputes it")]
    assert reading.audited == [1]
    assert [(each.tenant, each.customers, each.evidence.id) for each in reading.sought] == [("acme", ["c-1007", "visitor"], "t-1")]


def reading_time(engine: Engine) -> Any:
    """Return when the finding was stored."""
    return rows(engine, "findings", "updated")[0][0]


def test_it_is_a_right_of_its_own(enters: Callable[..., TestClient], reading: Reading, engine: Engine) -> None:
    """Leads and admins have it, others are refused, and who is limited to other teams has no such alert; nothing is read for either."""
    assert [role for role, rights in RIGHTS.items() if Right.VALUES_REVEAL in rights] == [Role.LEAD, Role.ADMIN]
    olga = enters("olga", Role.OPERATOR)
    assert TestClient(olga.app).post(PATH, json=ASKED).status_code == 401
    assert olga.post(PATH, json=ASKED).status_code == 403
    assert enters("lea", Role.LEAD, ("sales",)).post(PATH, json=ASKED).json()["code"] == "no_such_moment"
    assert (reading.sought, revealed(engine)) == ([], [])


@pytest.mark.parametrize(
    "changed", [{"reason": ""}, {"reason": "  x  "}, {"reason": "a\0bc"}, {"reason": "x" * 301}, {"id": "t-9"}, {"source": "other"}, {"id": 7}, {"also": 1}]
)
def test_without_a_reason_or_for_a_touchpoint_of_nothing_found_nothing_is_read(
    enters: Callable[..., TestClient], reading: Reading, engine: Engine, changed: dict[str, Any]
) -> None:
    """A reason of three letters at least, and a touchpoint that a finding of this alert rests on."""
    assert enters("bob", Role.LEAD).post(PATH, json=ASKED | changed).status_code in (404, 422)
    assert (reading.sought, revealed(engine)) == ([], [])


@pytest.mark.parametrize(
    ("fails", "status", "code"),
    [
        (Unread("not_kept"), 410, "not_kept"),
        (Unread("too_far"), 410, "too_far"),
        (Unread("secret"), 403, "secret"),
        (StreamUnavailable(), 503, "stream_unavailable"),
    ],
)
def test_what_cannot_be_shown_says_why(
    enters: Callable[..., TestClient], reading: Reading, engine: Engine, fails: Exception, status: int, code: str
) -> None:
    """Each has a code of its own, and that somebody asked is written down all the same."""
    reading.fails = fails
    answer = enters("bob", Role.LEAD).post(PATH, json=ASKED)
    assert (answer.status_code, answer.json()["code"], len(revealed(engine))) == (status, code, 1)


def test_nobody_reveals_without_end(enters: Callable[..., TestClient], desk: Desk, reading: Reading) -> None:
    """Twenty in ten minutes; another one may, and ten minutes later so may the first."""
    bob, eve = enters("bob", Role.LEAD), enters("eve", Role.ADMIN)
    assert {bob.post(PATH, json=ASKED).status_code for _ in range(20)} == {200}
    refused = bob.post(PATH, json=ASKED)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "601")
    assert eve.post(PATH, json=ASKED).status_code == 200
    desk.clock.now += timedelta(minutes=10)
    assert bob.post(PATH, json=ASKED).status_code == 200
    assert len(reading.sought) == 22


def test_without_the_setting_there_is_no_such_route(client: TestClient, desk: Desk) -> None:
    """Off by default: the API says that it reveals nothing."""
    desk.found(finding("f1", first=evidence("t-1"), evidence=[evidence("t-1")]))
    assert client.post(PATH, json=ASKED).status_code == 405
    assert client.get("/api/capabilities").json()["pages"]["reveal"] is False
