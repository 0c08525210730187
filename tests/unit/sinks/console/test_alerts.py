"""Alerts over HTTP."""

import csv
import io
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from models.alert import Acknowledge, Assign, Resolution, Resolve
from tests.unit.sinks.builders import finding, moment
from tests.unit.sinks.handling import Desk


def touch(
    identity: str, *, minutes: float = 0, team: str | None = "tech", channel: str = "voice", **changes: Any
) -> dict[str, Any]:
    """Return evidence as findings have it."""
    body = {"source": "s", "id": identity, "time": moment(minutes), "type": "info.requested", "team": team}
    return body | {"channel": channel, "field": "account_number", "mask": "...22"} | changes


def keys(client: TestClient, **wanted: Any) -> list[str]:
    """Return the keys of the alerts that a filter lets through, in order, a page of two at a time."""
    found, cursor = list[str](), None
    while True:
        page = client.get("/api/alerts", params={**wanted, "limit": 2} | ({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200, page.text
        body = page.json()
        found += [item["alert"]["key"] for item in body["items"]]
        cursor = body["next"]
        if cursor is None:
            assert body["total"] == len(found)
            return found


@pytest.fixture(autouse=True)
def _alerts(desk: Desk) -> None:
    desk.found(
        finding("a", alert="A", again=touch("1", channel="voice")),
        finding(
            "b",
            alert="B",
            minutes=1,
            severity="critical",
            customer="c=2",
            again=touch("2", channel="chat", team="sales"),
        ),
        finding(
            "c",
            alert="C",
            minutes=1,
            detector="dead_end",
            seam=None,
            field="pin",
            first=touch("3", channel="chat", team="shop"),
        ),
        finding("d", alert="D", minutes=3, tenant="other", seam={"from": "channel:voice", "to": "channel:email"}),
        finding("e", alert="E", minutes=4, summary="100% wahr"),
    )
    desk.act(Acknowledge(), "E", actor="eve")
    desk.act(Assign(to="ada"), "A", actor="eve")
    desk.found(finding("f", alert="F", minutes=9))
    desk.act(Resolve(outcome=Resolution.FIXED), "F")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "EDCBA"),
        ({"state": "resolved"}, "F"),
        ({"state": ["resolved", "acknowledged"]}, "FE"),
        ({"severity": "critical"}, "B"),
        ({"detector": ["dead_end", "none"]}, "C"),
        ({"seam": "team:billing>team:tech"}, "EBA"),
        ({"seam": ["channel:voice>channel:email", "a>b", "team:a>b>team:c"]}, "D"),
        ({"team": "shop"}, "C"),
        ({"team": "tech"}, "EBA"),
        ({"team": "sales", "channel": "chat"}, "B"),
        ({"channel": "voice"}, "DA"),
        ({"channel": "chat"}, "CB"),
        ({"assignee": "-"}, "EDCB"),
        ({"assignee": "ada"}, "A"),
        ({"mine": True}, "A"),
        ({"tenant": "other"}, "D"),
        ({"since": moment(3)}, "ED"),
        ({"until": moment(1)}, "CBA"),
        ({"age": "1h"}, "EDCBA"),
        ({"q": "C=2"}, "B"),
        ({"q": "pin"}, "C"),
        ({"q": "100% WAHR"}, "E"),
        ({"q": "%"}, "E"),
        ({"q": "团队"}, "DCBA"),
        ({"q": "auto- pin"}, "C"),
    ],
)
def test_filters(client: TestClient, wanted: dict[str, Any], expected: str) -> None:
    """Each filter lets its alerts through, newest finding first; pages neither repeat nor leave out, whatever is of one time."""
    assert "".join(keys(client, **wanted)) == expected


def test_an_item_says_what_its_newest_finding_says(client: TestClient, desk: Desk) -> None:
    """Of an alert with several findings the list shows the newest that counts, not one that was taken back."""
    desk.found(finding("a2", minutes=2, again=touch("4", channel="email")), finding("a3", minutes=3, withdrawn=True))
    [item] = client.get("/api/alerts", params={"mine": True}).json()["items"]
    assert item["alert"]["seam"] == {"from": "team:billing", "to": "team:tech"}
    assert (item["latest"]["id"], item["latest"]["channel"], item["latest"]["reason"]) == (
        "a2",
        "email",
        "after_handoff",
    )


def test_groups(client: TestClient, desk: Desk) -> None:
    """Alerts are put together by what they have in common, the largest group first, those without a seam too, under the filters."""
    desk.found(
        finding("ga", alert="GA", customer="c-9"),
        finding("gb", alert="GB", customer="c-9", severity="critical", seam=None),
        finding("gc", alert="GC", customer="c-8", detector="dead_end"),
        finding("gd", alert="GC", customer="c-8", detector="dead_end", rule={"name": "asked_twice"}),
        finding("ge", alert="GC", customer="c-8", detector="dead_end", rule={"name": "asked_twice"}),
        finding("gf", alert="GA", customer="c-9", rule={"name": "asked_thrice"}, withdrawn=True),
    )
    desk.act(Assign(to="eve"), "GB")

    def groups(by: str, **filters: str) -> list[tuple[Any, ...]]:
        items = client.get("/api/groups", params={"by": by, "customer": ["c-8", "c-9"], **filters}).json()["items"]
        return [(each["name"], each["alerts"], each["nobodys"], each["severity"]) for each in items]

    assert groups("customer") == [("c-9", 2, 1, "critical"), ("c-8", 1, 1, "warning")]
    assert groups("customer", severity="critical") == [("c-9", 1, 0, "critical")]
    assert set(groups("seam")) == {(None, 1, 0, "critical"), ("team:billing>team:tech", 2, 2, "warning")}
    assert {name for name, *_ in groups("detector")} == {"dead_end", "repeated_request"}
    assert groups("rule") == [("repeated_request", 3, 2, "critical"), ("asked_twice", 1, 1, "warning")]  # each alert once a rule, by what counts
    assert [each["alert"]["key"] for each in client.get("/api/alerts", params={"rule": ["asked_twice", "asked_thrice"]}).json()["items"]] == ["GC"]
    assert [each["alert"]["key"] for each in client.get("/api/alerts", params={"key": ["GA", "no"]}).json()["items"]] == ["GA"]


def test_facets_count_under_the_other_filters(client: TestClient) -> None:
    """Each facet counts under all filters but its own, so that a second choice can be seen; an alert counts once a team."""
    facets = client.get("/api/facets", params={"channel": "chat"}).json()
    assert facets["channel"] == {"chat": 2, "voice": 2, "email": 1}
    assert facets["severity"] == {"critical": 1, "warning": 1}
    assert facets["team"] == {"billing": 1, "sales": 1, "shop": 1, "tech": 1}
    assert facets["assignee"] == {"-": 2}
    assert facets["seam"] == {"team:billing>team:tech": 1}
    assert client.get("/api/facets").json()["state"] == {"open": 4, "acknowledged": 1}


def test_the_whole_alert(client: TestClient, desk: Desk) -> None:
    """An alert comes with its findings, what they explain folded under them, the journey's evidence by time, each once, and its changes."""
    first, again = touch("x", minutes=-5, team="billing", channel="chat"), touch("y")
    desk.found(
        finding("g", alert="G", minutes=20, journey="j", first=first, again=again, evidence=[again, first]),
        finding(
            "h",
            alert="H",
            minutes=21,
            journey="j",
            explained_by="g",
            first=again,
            again=touch("z", minutes=7),
            contact="k-9",
        ),
        finding("i", alert="H", minutes=22, journey="j", explained_by="h", withdrawn=True, again=touch("w", minutes=9)),
    )
    detail = client.get("/api/alerts/G", params={"lang": "fa"}).json()
    [node] = detail["findings"]
    assert node["finding"]["id"] == "g"
    assert node["words"]["what"] == "团队 tech asked again"
    assert [each["finding"]["id"] for each in node["explains"]] == ["h"]
    assert [(part["evidence"]["id"], part["contact"]) for part in detail["story"]] == [
        ("x", None),
        ("y", "k-55"),
        ("z", "k-9"),
    ]
    assert detail["story"][1]["again_of"] == ["g"]
    assert detail["story"][1]["first_of"] == ["h"]
    assert [change["reason"] for change in detail["changes"]] == ["first_finding"]
    assert detail["rules"][0]["name"] == "repeated_request"
    [journey] = client.get("/api/journeys", params={"customer": "c-1007"}).json()["items"][:1]
    assert (journey["journey"], journey["alerts"]) == ("j", ["G"])
    assert client.get("/api/alerts/none").status_code == 404


def test_acting_and_being_too_late(client: TestClient, desk: Desk) -> None:
    """Of two operators on one alert the second learns who was first, when and to what; nothing of theirs is written."""
    version = desk.alert("B").version
    desk.act(Resolve(outcome=Resolution.FIXED), "B", actor="bob")
    answer = client.post("/api/alerts/B/transitions", json={"action": "acknowledge", "version": version})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["first"]["actor"], problem["first"]["to_state"]) == ("changed", "bob", "resolved")
    assert "bob was first" in problem["detail"]
    assert desk.stands("B") == ("resolved", "fixed")
    done = client.post("/api/alerts/C/transitions", json={"action": "snooze", "until": moment(600)}).json()
    assert (done["state"], done["version"]) == ("snoozed", 2)
    assert desk.audit("C")[-1] == (2, "snoozed", "ada")


@pytest.mark.parametrize(
    ("key", "change", "status", "code"),
    [
        ("none", {"action": "acknowledge"}, 404, "no_such_alert"),
        ("A", {"action": "assign", "to": "bob"}, 422, "note_missing"),
        ("A", {"action": "snooze", "until": "2001-01-01T00:00:00Z"}, 422, "not_later"),
        ("A", {"action": "resolve", "outcome": "duplicate", "of": "none"}, 422, "not_the_original"),
        ("A", {"action": "resolve", "outcome": "expired"}, 422, "invalid"),
        ("F", {"action": "acknowledge"}, 409, "resolved"),
        ("A", {"action": "undo"}, 409, "not_yours"),
        ("A", {"action": "<script>"}, 422, "invalid"),
        ("A", {"action": "acknowledge", "<script>": 1}, 422, "invalid"),
        ("A", {"action": "acknowledge", "note": "\u0000"}, 422, "invalid"),
        ("A", {"action": "assign", "to": "\ud800"}, 422, "invalid"),
        ("A", {"action": "snooze", "until": "9999-12-31T23:59:59-14:00"}, 422, "invalid"),
        ("A", {"action": "reopen", "version": 2**63}, 422, "invalid"),
        ("A", [], 422, "invalid"),
    ],
)
def test_what_cannot_be_done_is_a_problem(client: TestClient, key: str, change: Any, status: int, code: str) -> None:
    """A change that is refused is a problem document with its reason, and repeats nothing of what was sent."""
    answer = client.post(
        f"/api/alerts/{key}/transitions", content=json.dumps(change), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "<script>" not in answer.text


def test_many_at_once_tell_what_failed(client: TestClient) -> None:
    """A change of many alerts is made where it can be; the answer says where not, and why."""
    report = client.post(
        "/api/alerts/transitions", json={"keys": ["B", "E", "none", "B"], "change": {"action": "acknowledge"}}
    ).json()
    assert [alert["key"] for alert in report["done"]] == ["B"]
    assert {refused["key"]: refused["code"] for refused in report["refused"]} == {
        "E": "already",
        "none": "no_such_alert",
    }


def test_csv_holds_no_formulas(client: TestClient, desk: Desk) -> None:
    """The export has a line for each alert of the filter, and no cell that a spreadsheet takes for a formula."""
    desk.found(
        finding("x", alert="X", minutes=30, customer='=HYPERLINK("http://x")', summary="@SUM(1)", severity="critical")
    )
    answer = client.get("/api/alerts.csv", params={"severity": "critical"})
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["key"] for line in lines] == ["X", "B"]
    assert (lines[0]["customer"], lines[0]["summary"]) == ('\'=HYPERLINK("http://x")', "'@SUM(1)")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "cursor=x", "cursor=AAAA", "state=gone", "severity=loud", "since=today", "since=2026-03-02T00:00:00",
     "age=1y", "mine=perhaps", "what=xyzzy", "q=%00", "tenant=%00", f"q={'x' * 201}", "since=0001-01-01T00:00:00%2B14:00"],
)  # fmt: skip
def test_wrong_parameters_are_told_not_repeated(client: TestClient, query: str) -> None:
    """A parameter that is none, or has no possible value, is a problem document that names it."""
    answer = client.get(f"/api/alerts?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "xyzzy" not in answer.text


def test_common_words_are_counted_among_the_newest(client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What many alerts say is found among the newest, and more than that is said to be there; pages follow on; what few say is found wherever it is."""
    monkeypatch.setattr("sinks.console.alert_queries._MATCHES", 4)
    monkeypatch.setattr("sinks.console.alert_queries._COMMON", 3)
    desk.found(*(finding(f"f{n}", alert=f"A{n}", minutes=n, summary="zeta asked again" + (" for a fax" if n in {0, 8} else "")) for n in range(9)))

    def found(**params: Any) -> tuple[list[str], int, bool, str | None]:
        page = client.get("/api/alerts", params=params).json()
        return [each["alert"]["key"] for each in page["items"]], page["total"], page["least"], page["next"]

    keys, total, least, more = found(q="ZETA asked", limit=2)
    assert (keys, total, least) == (["A8", "A7"], 4, True)
    keys, _, _, more = found(q="zeta asked", limit=2, cursor=more)
    assert keys == ["A6", "A5"]
    assert found(q="zeta asked", limit=2, cursor=more)[0] == ["A4", "A3"]
    assert found(q="fax zeta")[:3] == (["A8", "A0"], 2, False)
    assert found(q="zeta", severity="critical")[:3] == ([], 0, False)
    facets = client.get("/api/facets", params={"q": "fax", "severity": "warning", "team": "tech"}).json()
    assert (facets["severity"], facets["team"]) == ({"warning": 2}, {"billing": 2, "tech": 2})
    assert client.get("/api/facets", params={"q": "zeta", "severity": "warning"}).json()["detector"] == {"repeated_request": 4}
