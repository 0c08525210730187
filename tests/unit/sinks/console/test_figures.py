"""Figures and pages over HTTP."""

import gzip
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert, select

from models.tables import back_tests, day_counts
from seamwatch.backtest import compare
from sinks.back_tests import keep_back_test
from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import Role
from sinks.delivery.messages import Message
from sinks.delivery.store import BriefStore, Delivered, DeliveryState, DeliveryStore
from sinks.report import Nothing
from sinks.scores import note_scores
from sinks.writer import DatabaseWriter
from tests.unit.sinks.builders import brief, finding, letter, record, score
from tests.unit.sinks.console.served import enter, known
from tests.unit.sinks.corridors import at
from tests.unit.sinks.handling import FALSE, Desk
from tests.unit.sinks.promised import promised


def test_scores_are_of_now(client: TestClient, desk: Desk, engine: Engine) -> None:
    """Scores come decayed to the moment of the answer: sums halve each half-life, what the prior holds stays."""
    components = {"harm": 1.0, "opportunities": 8.0, "prior": 4.0}
    DatabaseWriter(engine, desk.clock).write([
        score(80.0, samples=8.0, components=components),
        score(90.0, scope="seam", name="team:billing>team:tech", samples=2.0),
        score(10.0, scope="customer", name="c-1007"),
    ])  # fmt: skip
    desk.clock.now += timedelta(hours=1)
    found = client.get("/api/scores").json()
    assert [item["scope"] for item in found["items"]] == ["team", "seam"]
    [team] = client.get("/api/scores", params={"scope": "team", "half_life": 3600}).json()["items"]
    assert client.get("/api/scores", params={"score": "handoff"}).json()["items"] == []
    assert client.get("/api/scores", params={"score": "consistency"}).json()["items"] == found["items"]
    assert team["detectors"] == []
    assert team["samples"] == pytest.approx(4.0, rel=0.02)
    assert team["components"]["prior"] == 4.0
    assert team["components"]["harm"] == pytest.approx(0.5, rel=0.02)


def test_a_score_names_the_detectors_behind_it(client: TestClient, desk: Desk, engine: Engine) -> None:
    """What a score of experience is made of, and whose findings are single cases of it; one of a partner is found by its scope."""
    bond: dict[str, Any] = {"score": "fusion", "scope": "partner", "name": "parcels>mobile", "components": {"moved": 8.0, "loss": 8.0, "prior": 50.0}}
    parts = {"promises": 4.0, "broken": 1.0}
    DatabaseWriter(engine, desk.clock).write([score(75.0, score="communication", components=parts), score(43.1, **bond)])
    [item] = client.get("/api/scores", params={"score": "communication"}).json()["items"]
    assert (item["value"], item["detectors"]) == (75.0, ["broken_promise", "contradiction"])
    [item] = client.get("/api/scores", params={"scope": "partner"}).json()["items"]
    assert (item["score"], item["name"]) == ("fusion", "parcels>mobile")


def test_seams_and_rules(client: TestClient, desk: Desk, engine: Engine) -> None:
    """A seam comes with its open alerts, findings that count and score; a rule with what became of it, called wrong included."""
    desk.found(
        finding(),
        finding("g", alert="B", severity="critical"),
        finding("h", alert="C", withdrawn=True),
        finding("i", alert="D", rule={"name": "old_rule"}, seam=None),
    )
    DatabaseWriter(engine, desk.clock).write([score(90.0, scope="seam", name="team:billing>team:tech")])
    desk.act(FALSE, "A")
    [seam] = client.get("/api/seams").json()["items"]
    assert (seam["from"], seam["to"], seam["alerts"], seam["findings"]) == ("team:billing", "team:tech", 1, 2)
    assert (seam["severity"], seam["score"]) == ("critical", 90.0)
    old, rule = client.get("/api/rules").json()
    assert (old["name"], old["configured"], old["fired"]) == ("old_rule", None, 1)
    assert (rule["fired"], rule["withdrawn"], rule["false_positives"]) == (3, 1, 1)
    assert rule["configured"]["mode"] == "on"


def test_scores_hour_by_hour(client: TestClient, desk: Desk, engine: Engine) -> None:
    """Scores are noted once an hour as they are then, given back by hour, and forgotten after 90 days."""
    components = {"harm": 1.0, "opportunities": 8.0, "prior": 4.0}
    DatabaseWriter(engine, desk.clock).write([score(80.0, components=components), score(10.0, scope="customer", name="c-1")])
    asked = {"score": "consistency", "scope": "team", "half_life": "3600"}
    now = desk.clock.moment()
    noted = [note_scores(engine, lambda each, _: each.value, now + timedelta(hours=hour)) for hour in (0, 0, 1)]
    assert noted == [1, 0, 1]
    [history] = client.get("/api/scores/history", params=asked).json()
    assert (history["name"], [point["value"] for point in history["points"]]) == ("tech", [80.0, 80.0])
    assert note_scores(engine, lambda *_: None, now + timedelta(days=91)) == 0
    assert client.get("/api/scores/history", params=asked).json() == []


def test_insights_count_what_is_there(client: TestClient, desk: Desk) -> None:
    """What hurts is ranked by harm; what is stored later is counted at the next question half a minute on; a period ends today."""
    today = desk.clock.moment().isoformat()
    desk.found(finding(time=today, silos=["process"]), finding("b", alert="B", time=today, severity="critical", silos=["data"]))
    items = client.get("/api/insights/silos").json()["items"]
    assert [(each["name"], each["findings"], each["critical"], each["minutes"]) for each in items] == [
        ("data", 1, 1, None),
        ("process", 1, 0, None),
    ]
    desk.found(finding("c", alert="C", time=today, silos=["process"]))
    assert client.get("/api/insights/silos").json()["items"] == items
    desk.clock.now += timedelta(seconds=31)
    assert {each["name"]: each["findings"] for each in client.get("/api/insights/silos").json()["items"]}["process"] == 2
    assert client.get("/api/insights/people").status_code == 422


def test_the_corridor_snarls_and_the_faces_of_teams(client: TestClient, app: FastAPI, accounts: Accounts, desk: Desk, engine: Engine) -> None:
    """Tech was hit in 6 of 60 visits, billing in none of 100; the desk has too few to be judged. Whoever may see billing alone sees neither."""
    today = desk.clock.moment()
    visited = [("move", "", "voice/tech", 60), ("move", "", "voice/billing", 100), ("move", "", "voice/desk", 2), ("visit", "tech", "service", 60)]
    with engine.begin() as connection:
        rows = [{"tenant": "acme", "day": today.date().isoformat(), "kind": k, "name": n, "other": o, "count": c, "sum": 0.0} for k, n, o, c in visited]
        connection.execute(insert(day_counts), rows)
    desk.found(*(at(f"f{number}", "tech", time=today.isoformat()) for number in range(6)))
    found = client.get("/api/insights/snarls").json()
    [snarl] = found["items"]
    assert (snarl["place"], snarl["visits"], snarl["rate"], snarl["elsewhere"]) == ("voice/tech", 60, 0.1, 0.0)
    assert (snarl["detectors"], found["skipped"]) == ({"repeated_request": 6}, {"too_few_visits": 1})
    [tech] = client.get("/api/insights/teams").json()["items"]
    assert (tech["team"], tech["sales"]["score"], tech["lag"]) == ("tech", None, None)
    assert tech["service"] == {"score": pytest.approx(100 * (1 - 6 * 0.15 / 80)), "visits": 60, "findings": 6}
    corridor = client.get("/api/insights/corridor").json()
    assert next((each["from"], each["to"], each["count"]) for each in corridor["moves"]) == ("", "voice/billing", 100)
    assert corridor["places"][1] == {"place": "voice/tech", "visits": 60, "hits": 6, "findings": 6}
    accounts.add("bob", Role.LEAD, desk.clock.now, password=None, teams=["billing"])
    with known(TestClient(app), app, enter(accounts, "bob", desk)) as bob:
        corridor = bob.get("/api/insights/corridor").json()
        assert [[each["place"] for each in corridor["places"]], [each["to"] for each in corridor["moves"]]] == [["voice/billing"], ["voice/billing"]]
        assert [bob.get(f"/api/insights/{by}").json()["items"] for by in ("snarls", "teams")] == [[], []]


def test_what_rules_find_in_shadow(client: TestClient, desk: Desk) -> None:
    """Of a rule in shadow what stands is counted, and what of it was heard anyway, since a rule that is on has alerted in the same contact."""
    shadow, today = {"name": "trial", "version": 1, "mode": "shadow"}, desk.clock.moment().isoformat()
    desk.found(
        finding(time=today, contact="k-1"),
        finding("s", time=today, contact="k-1", alert="S", rule=shadow),
        finding("t", time=today, contact="k-2", alert="T", rule=shadow),
        finding("u", time=today, contact="k-2", alert="U", rule=shadow, withdrawn=True),
    )
    [trial] = [each for each in client.get("/api/rules").json() if each["name"] == "trial"]
    assert (trial["fired"], trial["withdrawn"], trial["shadow"], trial["heard"], trial["judged"]) == (3, 1, 2, 1, 0)


def test_a_customer_is_known_by_its_pseudonym(engine: Engine, settings: ConsoleSettings, desk: Desk, session: str) -> None:
    """Whoever has the clear id finds what is stored under its pseudonym, and what is stored under itself."""
    app = create_console(engine, replace(settings, stored_as=lambda customer: [customer, f"p-{customer}"]))
    desk.found(finding(customer="p-7", journey="j-1"), finding("b", alert="B", customer="7", journey="j-2"))
    with known(TestClient(app), app, session) as client:
        found = client.get("/api/journeys", params={"customer": "7"}).json()["items"]
    assert {each["journey"] for each in found} == {"j-1", "j-2"}


def test_sources_and_dead_letters(client: TestClient, desk: Desk, engine: Engine) -> None:
    """Refused records are counted by topic and reason, and for each source, whichever topic it reads; a source without any is listed too."""
    DatabaseWriter(engine, desk.clock).write([letter(7), letter(8), letter(9, reason=b"unknown_type")])
    letters = client.get("/api/dead-letters", params={"limit": 2}).json()
    assert [(each["reason"], each["count"]) for each in letters["counts"]] == [
        ("malformed_json", 2),
        ("unknown_type", 1),
    ]
    assert len(letters["newest"]) == 2
    sources = client.get("/api/sources").json()["items"]
    assert [(each["name"], each["refused"]) for each in sources] == [("csv", 0), ("xes", 3)]
    DatabaseWriter(engine, desk.clock).write([letter(10, topic=b"vendor.events")])
    sources = client.get("/api/sources").json()["items"]
    assert [(each["name"], each["refused"]) for each in sources] == [("csv", 1), ("xes", 3)]


def test_deliveries_are_told_without_what_they_tell(client: TestClient, engine: Engine) -> None:
    """Whoever may see sources sees what became of deliveries, counted and chosen by receiver and state, and neither customer nor body."""
    store, now = DeliveryStore(engine, "crm"), datetime(2026, 3, 2, 10, tzinfo=UTC)
    messages = [Message("brief", f"j-{each}", each, "acme", "c-1007", {"type": "brief.handoff", "data": {}}) for each in range(3)]
    BriefStore(engine).store("seamwatch.briefs", {0: 3}, {"crm": messages}, [], now)
    [first] = store.take(1, now)
    store.settle([Delivered(first.id, DeliveryState.DEAD, now, "HTTP 404")], now)
    told = client.get("/api/deliveries").json()
    assert {(each["state"], each["count"]) for each in told["counts"]} == {("pending", 2), ("dead", 1)}
    [dead] = client.get("/api/deliveries", params={"receiver": "crm", "state": "dead"}).json()["newest"]
    assert (dead["id"], dead["error"], dead.keys() & {"customer", "body"}) == (first.id, "HTTP 404", set())
    assert client.get("/api/deliveries", params={"receiver": "other"}).json()["newest"] == []


def test_pages_are_served_with_strict_headers(client: TestClient, settings: ConsoleSettings) -> None:
    """Without a build a page says what to run; with one every path that is not the API's is its index; assets are kept for a year, and go out
    compressed to whoever takes that.
    """
    assert "make web" in client.get("/alerts/A").text
    (settings.web / "assets").mkdir(parents=True)
    (settings.web / "index.html").write_text("<title>built</title>")
    (settings.web / "assets" / "app-1a2b.js").write_text("1")
    (settings.web.parent / "secret").write_text("secret")
    for path in ("/", "/alerts/A", "/login", "/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret"):
        answer = client.get(path)
        assert "secret" not in answer.text
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert client.get("/alerts/A").text == "<title>built</title>"
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert "max-age=31536000" in client.get("/assets/app-1a2b.js").headers["cache-control"]
    (settings.web / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(b"1"))
    for accepted, encoding in (("gzip, br", "gzip"), ("br;q=1, gzip;q=0.5", "gzip"), ("br", None), ("gzip;q=0", None), ("", None)):
        answer = client.get("/assets/app-1a2b.js", headers={"accept-encoding": accepted})
        assert (answer.headers.get("content-encoding"), answer.text) == (encoding, "1"), accepted
        assert "javascript" in answer.headers["content-type"]
        assert answer.headers["vary"] == "Accept-Encoding"
    assert client.get("/api/none").json()["code"] == "not_found"


def test_too_much_is_refused(client: TestClient) -> None:
    """A body of more than a megabyte is refused, told or not told how long it is."""
    for body in (b"x" * 2_000_000, iter([b"x" * 1_000_000] * 2)):
        answer = client.post("/api/alerts/transitions", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413


def test_a_database_that_is_away_is_a_problem(settings: ConsoleSettings, tmp_path: Path) -> None:
    """Where the database does not answer, the API says so with a problem document, and when to try again."""
    from sinks.database import create_engine

    away = create_engine(f"sqlite:///{tmp_path / 'none' / 'a.db'}")
    answer = TestClient(create_console(away, settings)).get("/api/alerts", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_the_latest_brief_of_a_journey(client: TestClient, desk: Desk, engine: Engine) -> None:
    """Who takes over reads what is not to be asked again; of a journey without one, or of another tenant, there is none."""
    DatabaseWriter(engine, desk.clock).write([brief(), brief(minutes=5, id="b-2", journey="orders/7")])
    assert client.get("/api/journeys/j-1/brief").json()["id"] == "b-1"
    assert client.get("/api/journeys/orders/7/brief", params={"tenant": "acme"}).json()["id"] == "b-2"
    for missing in (client.get("/api/journeys/j-9/brief"), client.get("/api/journeys/j-1/brief", params={"tenant": "x"})):
        assert (missing.status_code, missing.json()["code"]) == (404, "no-such-brief")


def test_a_brief_is_for_the_team_that_it_is_for(app: FastAPI, accounts: Accounts, desk: Desk, engine: Engine) -> None:
    """Who sees the alerts of one team sees its briefs, and no others."""
    DatabaseWriter(engine, desk.clock).write([brief(), brief(journey="j-2", id="b-2", to_team="billing")])
    accounts.add("bob", Role.VIEWER, desk.clock.now, password=None, teams=["tech"])
    bob = known(TestClient(app), app, enter(accounts, "bob", desk))
    assert [bob.get(f"/api/journeys/{name}/brief").status_code for name in ("j-1", "j-2")] == [200, 404]


def test_an_alert_brings_its_journeys_brief(client: TestClient, app: FastAPI, accounts: Accounts, desk: Desk, engine: Engine) -> None:
    """The newest finding's journey has its latest brief in the alert's own answer, so that nobody asks for one that is not there; another team has none."""
    writer = DatabaseWriter(engine, desk.clock)
    both = {"from": "team:billing", "to": "team:tech"}
    writer.write([record(finding("f-1", alert="A", journey="j-1", seam=both)), record(finding("f-2", alert="B", journey="j-2", seam=both))])
    assert client.get("/api/alerts/A").json()["brief"] is None
    writer.write([brief(id="b-1"), brief(id="b-2", minutes=5, to_team="billing"), brief(id="b-3", journey="j-2"), brief(id="b-4", journey="j-2", tenant="x")])
    assert [client.get(f"/api/alerts/{key}").json()["brief"]["id"] for key in "AB"] == ["b-2", "b-3"]
    accounts.add("bob", Role.VIEWER, desk.clock.now, password=None, teams=["tech"])
    bob = known(TestClient(app), app, enter(accounts, "bob", desk))
    assert [(bob.get(f"/api/alerts/{key}").json()["brief"] or {}).get("id") for key in "AB"] == [None, "b-3"]


def test_promises_are_listed_to_whom_they_concern(client: TestClient, app: FastAPI, desk: Desk, engine: Engine, accounts: Accounts) -> None:
    """How they stand, by state and team, in an answer of now; who may see one team sees its promises alone; a customer looked up is in no audit."""
    promised(engine, "late", -1, start=desk.clock.moment())
    promised(engine, "soon", 2, start=desk.clock.moment(), team="tech", customer="c-2", about="a refund")
    found = client.get("/api/promises").json()
    assert [(each["promise"], each["state"], each["about"]) for each in found["items"]] == [("late", "overdue", None), ("soon", "approaching", "a refund")]
    assert found["counts"] == {"overdue": 1, "approaching": 1, "pending": 0, "kept": 0, "cancelled": 0}
    assert [each["promise"] for each in client.get("/api/promises", params={"team": "tech"}).json()["items"]] == ["soon"]
    assert [each["promise"] for each in client.get("/api/promises", params={"customer": "c-2"}).json()["items"]] == ["soon"]
    assert client.get("/api/audit").json()["items"][0]["act"] == "lookup"
    assert "c-2" not in client.get("/api/audit").text
    assert client.get("/api/promises", params={"state": "broken"}).status_code == 422
    accounts.add("tess", Role.VIEWER, desk.clock.now, password=None, teams=["tech"])
    tess = known(TestClient(app), app, enter(accounts, "tess", desk))
    assert [each["promise"] for each in tess.get("/api/promises").json()["items"]] == ["soon"]
    assert tess.get("/api/promises", params={"team": "billing"}).json()["items"] == []


def test_the_report_is_a_page_that_runs_nothing(engine: Engine, settings: ConsoleSettings, accounts: Accounts, desk: Desk, session: str) -> None:
    """It is made for the days, tenant and language asked for, and is for those who see all teams; a period that is none, and one with nothing, are refused."""

    def made(first: date, last: date, tenant: str | None, language: str) -> str:
        if first.year < 2000:
            raise Nothing("nothing is known of these days")
        return f"<h1>{first} {last} {tenant} {language}</h1>"

    app = create_console(engine, replace(settings, report=made))
    client = known(TestClient(app), app, session)
    answer = client.get("/api/report", params={"from": "2026-03-02", "to": "2026-03-08", "tenant": "acme", "lang": "fa"})
    assert answer.text == "<h1>2026-03-02 2026-03-08 acme fa</h1>"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    for first, last, status in (("2026-03-02", "2026-03-01", 422), ("2020-03-02", "2026-03-01", 422), ("x", "y", 422), ("1999-01-01", "1999-01-02", 404)):
        assert client.get("/api/report", params={"from": first, "to": last}).status_code == status, first
    accounts.add("bob", Role.LEAD, desk.clock.now, password=None, teams=["billing"])
    bob = known(TestClient(app), app, enter(accounts, "bob", desk))
    assert bob.get("/api/report?from=2026-03-02&to=2026-03-08").json()["code"] == "all_teams"
    assert not bob.get("/api/capabilities").json()["pages"]["report"]


def test_the_last_back_tests_are_kept_without_customers(client: TestClient, engine: Engine, desk: Desk) -> None:
    """The latest first, fifty at most; examples, which name customers, are not among what is kept."""
    some = {"before": 5, "after": 4, "same": 4, "appear": 0, "vanish": 1, "change": 0}
    told = compare([], []) | {"findings": some | {"shares": {}}, "rules": [some | {"name": "slow_handoff"}], "examples": [{"customer": "c-1007"}]}
    for number in range(52):
        keep_back_test(engine, told | {"tested": f"new-{number}", "against": "shipped"}, number, "ada", desk.clock.moment())
    found = client.get("/api/back-tests", params={"limit": 50})
    assert [each["tested"] for each in found.json()][::49] == ["new-51", "new-2"]
    assert found.json()[0]["rules"] == [some | {"name": "slow_handoff"}]
    with engine.connect() as connection:
        bodies = connection.execute(select(back_tests.c.body)).scalars().all()
    assert len(bodies) == 50
    assert "c-1007" not in str(bodies)
