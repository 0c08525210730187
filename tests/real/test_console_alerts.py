"""The console in a real browser: coming in, the list, the alert, acting on it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import insert

from models.alert import Acknowledge, Assign, Resolution, Resolve
from models.tables import day_counts
from sinks.alerts import show_alert
from sinks.back_tests import keep_back_test
from sinks.console.callers import Role
from sinks.console.moments import Said, Sought, Unread
from sinks.console.settings import OpenId
from tests.support.console import PASSWORD, Console, console, touch
from tests.unit.sinks.builders import rows
from tests.unit.sinks.portfolios import known
from tests.unit.sinks.promised import promised


def state(desk: Console, key: str = "A") -> tuple[str, str | None]:
    """Return the state of an alert in the database, and who has it."""
    details = show_alert(desk.engine, key)
    assert details is not None
    return details.alert.state.value, details.alert.assignee


def opened(desk: Console, key: str = "A", name: str = "ada") -> Page:
    """Return a page at an alert."""
    page = desk.signed_in(name, f"/alerts/{key}")
    page.wait_for_selector(".moments")
    return page


def test_coming_in_by_name(desk: Console) -> None:
    """Nobody sees anything before they sign in; who does comes to where they wanted to go, and signs out again."""
    desk.add("eve", Role.OPERATOR, password=PASSWORD)
    page = desk.visitor()
    page.goto(f"{desk.address}/alerts?severity=critical")
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    assert page.locator(".row").count() == 0
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".row")).to_have_count(1)
    assert page.url.endswith("/alerts?severity=critical")
    expect(page.get_by_text("This page watches the seams")).to_be_visible()
    page.get_by_role("button", name="Settings of eve").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_coming_in_by_a_provider(upgraded: Path, tmp_path: Path, browser: Browser) -> None:
    """The door offers the provider, which leads back to where somebody wanted to go; who is nobody here is told so at the door."""
    people = [User(sub=name, claims={"preferred_username": name, "roles": roles}) for name, roles in (("amy", ["watch"]), ("joe", []))]
    with run_server_in_thread(user_claims=people) as provider, console(upgraded, tmp_path, browser) as desk:
        desk.found("A")
        desk.stop()
        desk.comes_by(OpenId(f"http://127.0.0.1:{provider.server_port}", "seamwatch", "secret", "Example", {"watch": Role.VIEWER}))
        desk.start()
        page = desk.visitor()
        page.goto(f"{desk.address}/alerts?severity=warning")
        page.get_by_role("link", name="Sign in with Example").click()
        page.get_by_role("button", name="joe").click()
        expect(page.get_by_role("alert")).to_contain_text("Example did not let you in")
        page.goto(f"{desk.address}/alerts?severity=warning")
        page.get_by_role("link", name="Sign in with Example").click()
        page.get_by_role("button", name="amy").click()
        expect(page.locator(".row")).to_have_count(1)
        assert page.url.endswith("/alerts?severity=warning")


def test_a_link_lets_in_once(desk: Console) -> None:
    """The link of the demo lets somebody in once, with no request refused on the way, and leaves no trace of its secret in the address."""
    link = desk.link("ada")
    page = desk.visitor()
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    page.goto(link)
    expect(page.locator(".row")).to_have_count(2)
    assert refused == []  # the browser would log each as an error
    assert "#" not in page.url
    other = desk.visitor()
    other.goto(link)
    expect(other.get_by_role("alert")).to_contain_text("This link has been used")


def test_the_alert_briefs_whoever_comes_next(desk: Console) -> None:
    """What not to ask again, what was promised and stated stand beside the failure, with nothing of a customer read as markup."""
    given = {"team": "billing", "channel": "bot", "time": "2026-03-02T09:00:00Z", "valid_until": None}
    desk.briefed(
        given=[
            {"field": "account_number", "mask": "…4711", "status": "read_back"} | given,
            {"field": "birth_date", "mask": "…", "status": "on_file"} | given,
        ],
        promises=[{"promise": "p", "about": "<img src=x>", "due": "2026-03-02T10:00:00Z", "team": "billing", "state": "overdue"}],
        facts=[{"fact": "price", "value": "19.90", "time": "2026-03-02T09:00:00Z", "team": "sales", "channel": "chat"}],
    )
    section = opened(desk).locator(".brief")
    expect(section.get_by_role("heading")).to_have_text("Brief for tech")
    for told in (
        "Do not ask, read back: account number …4711",
        "Do not ask, it is on file: birth date",
        "<img src=x> · billing",
        "We said: price 19.90 · sales",
    ):
        expect(section).to_contain_text(told)
    assert section.locator("img").count() == 0


def test_without_an_account_no_page_logs_an_error(desk: Console) -> None:
    """Nobody is asked who they are before they are in: the door opens with no request refused, wherever they wanted to go."""
    page = desk.visitor()
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    for path in ("/login", "/enter", "/", "/alerts/A"):
        page.goto(desk.address + path)
        expect(page.get_by_label("Password")).to_be_visible()
    assert refused == []


class Reading:
    """Reads what a customer said, until it is no longer kept."""

    def __init__(self) -> None:
        self.kept = True

    def __call__(self, sought: Sought) -> Said:
        """Read."""
        if not self.kept:
            raise Unread("not_kept")
        return Said("800 4711", "it is <b>800 4711</b>") if sought.evidence.type == "info.provided" else Said(None, "your account number?")


def test_what_was_said_is_shown_for_half_a_minute(desk: Console) -> None:
    """A lead asks by a key and says why, sees value and words of one moment as text, and they are gone after half a minute, or when the lead looks elsewhere;
    the audit has the reason; what is no longer kept says so; an operator sees no way to it.
    """
    reading = Reading()
    desk.reveals(reading)
    assert opened(desk).get_by_role("button", name="Reveal").count() == 0
    page = opened(desk, name="bob")
    page.clock.install()
    page.keyboard.press("v")
    asked = page.locator("wa-dialog")
    asked.get_by_role("button", name="Reveal").click()
    expect(asked).to_have_count(1)  # not without a reason
    asked.get_by_label("Why you need").fill("the customer disputes it")
    page.keyboard.press("Enter")
    first, again = page.locator(".moment").nth(0), page.locator(".moment").nth(1)
    expect(first.locator(".mask")).to_have_text("800 4711")
    expect(first.locator("blockquote")).to_have_text("it is <b>800 4711</b>")
    page.clock.fast_forward(31_000)
    expect(first.locator(".mask")).to_have_text("…4711")
    expect(page.locator("blockquote")).to_have_count(0)
    again.get_by_role("button", name="Reveal").click()
    asked.get_by_label("Why you need").fill("what was asked?")
    asked.get_by_role("button", name="Reveal").click()
    expect(again.locator("blockquote")).to_have_text("your account number?")
    page.evaluate("dispatchEvent(new Event('blur'))")
    expect(page.locator("blockquote")).to_have_count(0)
    reading.kept = False
    first.get_by_role("button", name="Reveal").click()
    asked.get_by_label("Why you need").fill("once more")
    asked.get_by_role("button", name="Reveal").click()
    expect(page.locator(".notice")).to_contain_text("This is no longer kept")
    acts = [(row[0], row[2]) for row in rows(desk.engine, "console_audit", "actor", "act", "detail") if row[1] == "reveal"]
    assert sorted(acts) == [
        ("bob", "crm A-1, account_number: once more"),
        ("bob", "crm A-1, account_number: the customer disputes it"),
        ("bob", "crm A-2, account_number: what was asked?"),
    ]


def test_a_lead_takes_the_list_away(desk: Console) -> None:
    """What is downloaded is what the filters let through; who may not sees no way to."""
    page = desk.signed_in("bob", "/alerts?severity=critical")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert (len(lines), lines[1].split(",")[0]) == (2, "B")
    assert opened(desk).get_by_role("link", name="CSV").count() == 0


def test_the_list_keeps_still(desk: Console) -> None:
    """Rows that change do so where they stand; new ones wait behind a button, and come when they are asked for."""
    page = desk.signed_in()
    expect(page.locator(".row")).to_have_count(2)
    keys = [each.get_attribute("id") for each in page.locator(".row").all()]
    assert keys == ["row-B", "row-A"]
    desk.found("A2", 0, alert="A", customer="c-A")
    desk.found("C", 0)
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(page).to_have_title("(1) Seamwatch")
    expect(page.locator("#row-A")).to_contain_text("×2")
    assert [each.get_attribute("id") for each in page.locator(".row").all()] == keys
    desk.act(Acknowledge(), "B", actor="bob")
    expect(page.locator("#row-B")).to_contain_text("Acknowledged")
    page.get_by_role("button", name="1 new").click()
    expect(page.locator(".row")).to_have_count(3)
    assert [each.get_attribute("id") for each in page.locator(".row").all()][2] == "row-B"
    expect(page.locator(".pill")).to_have_count(0)


def test_filters_stand_in_the_address(desk: Console) -> None:
    """Every filter is a chip and a part of the address, which shows the same to whoever opens it; none matching says what to do."""
    page = desk.signed_in()
    page.get_by_role("button", name="Critical").click()
    expect(page.locator(".row")).to_have_count(1)
    assert page.url.endswith("?severity=critical")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("group", name="Team").get_by_role("checkbox", name=re.compile("sales")).check()
    expect(page.get_by_role("button", name="Team: sales")).to_be_visible()
    page.get_by_placeholder("Customer, journey, field, words").fill("c-B")
    page.wait_for_url("**/alerts?severity=critical&team=sales&q=c-B")
    other = desk.signed_in("bob", page.url.removeprefix(desk.address))
    expect(other.locator(".row")).to_have_count(1)
    other.get_by_placeholder("Customer, journey, field, words").fill("nobody says this")
    expect(other.get_by_role("heading", name="No alert is like that")).to_be_visible()
    other.get_by_role("link", name="Clear all").first.click()
    expect(other.locator(".row")).to_have_count(2)
    page.go_back()
    page.go_back()
    expect(page.locator(".row")).to_have_count(2)


def test_alerts_are_put_together(desk: Console) -> None:
    """Alerts are grouped by customer, seam, failure or rule, under the filters that hold; a group leads to its own, and all of it is in the address."""
    desk.found("A2", 1, customer="c-A")
    page = desk.signed_in()
    page.get_by_label("Group").select_option("By customer")
    expect(page.locator(".groups li")).to_have_count(2)
    expect(page.locator(".groups li").first).to_contain_text("c-A")
    assert page.url.endswith("?group=customer")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.locator("#facets label").first).to_be_visible()
    page.get_by_role("button", name="Critical").click()
    expect(page.locator(".groups li")).to_have_count(1)
    page.get_by_role("button", name="Critical").click()
    page.get_by_label("Group").select_option("By seam")
    page.get_by_role("link", name=re.compile("billing to tech")).first.click()
    page.wait_for_url("**/alerts?seam=team%3Abilling%3Eteam%3Atech")
    expect(page.locator(".row")).to_have_count(2)
    desk.found("A3", 1, customer="c-A", rule={"name": "asked_thrice"})
    page.get_by_role("link", name="Clear all").first.click()
    page.get_by_label("Group").select_option("By rule")
    expect(page.locator(".groups li")).to_have_count(2)
    page.get_by_role("link", name=re.compile("asked_thrice")).click()
    page.wait_for_url("**/alerts?rule=asked_thrice")
    expect(page.locator(".row")).to_have_count(1)
    expect(page.get_by_role("button", name=re.compile("Rule: asked_thrice"))).to_be_visible()


def test_nothing_waits(desk: Console) -> None:
    """An empty list says that nothing waits for anybody, and a list that cannot be read says so and tries again."""
    desk.act(Resolve(outcome=Resolution.FIXED), "A", "B", actor="bob")
    page = desk.signed_in()
    expect(page.get_by_role("heading", name="Nothing waits for anybody")).to_be_visible()
    page.route("**/api/alerts?*", lambda route: route.fulfill(status=503, json={"detail": "not now"}))
    page.goto(f"{desk.address}/alerts?severity=info")
    expect(page.get_by_role("heading", name="The alerts could not be read")).to_be_visible()
    page.unroute("**/api/alerts?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="No alert is like that")).to_be_visible()


def test_both_moments(desk: Console) -> None:
    """An alert shows where it was said and where it was asked again with the mask, why, by which rule and threshold, and the story."""
    page = opened(desk)
    expect(page.locator(".alert h1")).to_have_text("Asked again for the account number after a handoff")
    moments = page.locator(".moment")
    expect(moments).to_have_count(2)
    for index, words in enumerate(
        [("Customer told it", "billing", "Bot"), ("Customer was asked for it", "tech", "Phone")]
    ):
        for word in (*words, "…4711"):
            expect(moments.nth(index)).to_contain_text(word)
    expect(page.locator(".moments .gap")).to_contain_text("5 min")
    expect(page.locator(".rule")).to_contain_text("repeated_request version 1")
    expect(page.locator(".rule")).to_contain_text("after a handoff")
    expect(page.locator(".rule .seen")).to_contain_text("5 min")
    expect(page.get_by_role("heading", name="What to do first")).to_be_visible()
    expect(page.locator(".story .event")).to_have_count(2)
    expect(page.locator(".history li")).to_contain_text("Seamwatch opened it")


def test_a_request_shows_what_was_asked_for(desk: Console) -> None:
    """A request has no value of its own: it shows the mask of the one that the story holds, and none where no value was told."""
    desk.found("M", 1, again=touch("M-2", 1, mask=None))
    page = opened(desk, "M")
    expect(page.locator(".moment.again .mask")).to_have_text("…4711")
    desk.found("N", 1, first=touch("N-1", 3, mask=None), again=touch("N-2", 1, mask=None), journey="none", customer="c-N")
    page.goto(f"{desk.address}/alerts/N")
    expect(page.locator(".moment.again")).to_contain_text("not shown")


def test_explained_findings_are_folded(desk: Console) -> None:
    """What a finding explains is folded under it, and opens there."""
    desk.found("F", 1, alert="A", customer="c-A", detector="context_lost", rule={"name": "context_lost"})
    desk.found("E", 1, alert="X", customer="c-A", explained_by="F", summary="asked again because it was lost")
    page = opened(desk)
    page.get_by_text("explains 1 other finding").click()
    expect(page.locator(".findings details li")).to_contain_text("asked")


def test_acting_on_an_alert(desk: Console) -> None:
    """Acknowledge, undo, assign, hand over with a note, which it needs, snooze, resolve and reopen, all by keyboard; each stands in the audit."""
    page = opened(desk)
    page.keyboard.press("a")
    expect(page.locator(".notice")).to_contain_text("Acknowledged.")
    expect(page.locator("#row-A")).to_contain_text("Acknowledged")
    assert state(desk) == ("acknowledged", None)
    page.keyboard.press("u")
    expect(page.locator(".where .state")).to_have_text("Open")
    page.keyboard.press("c")
    page.get_by_label("Name").fill("bob")
    page.get_by_label("Note").fill("refund promised until Friday")
    page.get_by_role("button", name="Assign").last.click()
    expect(page.locator("#row-A")).to_contain_text("bob")
    expect(page.locator(".history")).to_contain_text("refund promised until Friday")
    page.keyboard.press("c")
    page.get_by_label("Name").fill("vic")
    page.get_by_role("button", name="Assign").last.click()
    expect(page.locator("wa-dialog")).to_have_count(1)
    page.get_by_label("Note").fill("my shift is over")
    page.get_by_role("button", name="Assign").last.click()
    expect(page.locator(".history li").first).to_contain_text("you handed it over to vic")
    expect(page.locator(".history li").first).to_contain_text("my shift is over")
    page.keyboard.press("s")
    page.get_by_label("Only when it gets worse").check()
    page.get_by_role("button", name="Snooze").last.click()
    expect(page.locator(".where .state")).to_have_text("Snoozed until worse")
    page.keyboard.press("r")
    page.get_by_role("radio", name=re.compile("False alarm")).check()
    page.get_by_role("button", name="Resolve").last.click()
    expect(page.locator(".where .state")).to_have_text("False alarm")
    page.get_by_role("button", name="Reopen").click()
    expect(page.locator(".where .state")).to_have_text("Reopened")
    expect(page.locator(".history li")).to_have_count(8)
    assert state(desk) == ("reopened", "vic")


def test_somebody_was_faster(desk: Console) -> None:
    """Whoever acts on what has moved on is told who was first and what they did, and sees the alert as it is now."""
    page = desk.signed_in()
    page.context.route("**/api/stream", lambda route: route.abort())  # which tells it within moments
    page.goto(f"{desk.address}/alerts/A")
    page.wait_for_selector(".moments")
    desk.act(Assign(to="eve", note="mine"), "A", actor="bob")
    desk.act(Resolve(outcome=Resolution.FIXED), "A", actor="bob")
    page.locator(".acts .primary").click()
    expect(page.locator(".notice.refused")).to_contain_text("bob was faster: assigned it to eve")
    expect(page.locator(".where .state")).to_have_text("Fixed")
    assert state(desk) == ("resolved", "eve")


def test_many_at_once(desk: Console) -> None:
    """What is selected is changed at once; those that refused are told one by one with their reason, and stay selected."""
    page = desk.signed_in()
    expect(page.locator(".row")).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("group", name="Selected alerts")).to_contain_text("2 selected")
    desk.act(Acknowledge(), "B", actor="bob")
    page.get_by_role("group", name="Selected alerts").get_by_role("button", name="Acknowledge").click()
    report = page.locator("wa-dialog")
    expect(report).to_contain_text("1 alert changed. 1 was not changed:")
    expect(report).to_contain_text("bob was faster: acknowledged it")
    report.get_by_role("button", name="Close").last.click()
    expect(page.get_by_role("group", name="Selected alerts")).to_contain_text("1 selected")
    assert state(desk) == ("acknowledged", None)


def test_the_keyboard_can_be_switched_off(desk: Console) -> None:
    """The map of keys opens with ?, search with /; single keys do nothing once they are switched off."""
    page = opened(desk)
    page.keyboard.press("?")
    keys = page.locator("wa-dialog")
    expect(keys).to_contain_text("Acknowledge")
    keys.get_by_label("Single keys act").uncheck()
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    page.keyboard.press("a")
    page.keyboard.press("/")
    expect(page.locator("#words")).not_to_be_focused()
    expect(page.locator(".notice")).to_have_count(0)
    assert state(desk) == ("open", None)


def test_a_viewer_only_looks(desk: Console) -> None:
    """Who may not act sees no way to, and no key of theirs changes anything: they go through the list, open an alert and come back."""
    page = opened(desk, name="vic")
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    expect(page.locator(".moments")).to_have_count(0)
    page.keyboard.press("k")
    page.keyboard.press("o")
    expect(page.locator(".moments")).to_have_count(1)
    expect(page.locator(".acts")).to_have_count(0)
    assert page.locator(".row input[type=checkbox]").count() == 0
    assert state(desk) == ("open", None)


def test_nothing_that_others_write_becomes_code(desk: Console) -> None:
    """Markup in whatever a customer, a source or an operator writes is shown as it is, on every page, and does nothing."""
    evil = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>\'"{{7*7}}${7*7}'
    moment = {"source": evil, "type": evil, "team": evil, "channel": evil, "field": evil, "mask": evil}
    desk.found(
        "X", 1, customer=evil, journey=evil, contact=evil, field=evil, reason=evil, detector=evil, summary=evil, silos=["process"],
        seam={"from": f"team:{evil}", "to": f"channel:{evil}"}, rule={"name": evil},
        first=touch("x-1", 3) | moment | {"id": f"1{evil}"}, again=touch("x-2", 1) | moment | {"id": f"2{evil}"},
    )  # fmt: skip
    desk.act(Assign(to=evil[:128].strip(), note=evil), "X", actor=evil[:128].strip())
    desk.found("Y", 2, tenant=evil, detector="broken_promise", again=None)
    for scope in ("team", "channel", "brand"):
        desk.scored(scope=scope, name=evil)
    desk.scored(score="fusion", scope="partner", name=f"{evil}>{evil}")
    promised(desk.engine, evil, -1, start=datetime.now(UTC), customer=evil, about=evil, team=evil, channel=evil)
    today = datetime.now(UTC).date().isoformat()
    move = {"tenant": "acme", "day": today, "kind": "move", "name": f"voice/{evil}", "other": f"{evil}/{evil}", "count": 90, "sum": 0.0}
    visits = [move | {"kind": "visit", "name": evil, "other": face} for face in ("sales", "service")]
    with desk.engine.begin() as connection:
        connection.execute(insert(day_counts), [move, *visits])
    known(desk.engine, evil, 2400, 0.1, billed_currency=evil, segment=evil)
    desk.refused(evil, topic=evil, detail=evil)
    told = {"team": evil, "channel": evil, "time": "2026-03-02T09:00:00Z"}
    desk.briefed(
        journey=evil,
        to_team=evil,
        given=[{"field": evil, "mask": evil, "status": "read_back", "valid_until": None} | told],
        promises=[{"promise": evil, "about": evil, "due": "2026-03-02T10:00:00Z", "team": evil, "state": "overdue"}],
        facts=[{"fact": evil, "value": evil} | told],
    )
    some = {"before": 1, "after": 2, "appear": 2, "vanish": 1}
    counts = some | {"same": 0, "change": 0}
    body = {"findings": counts, "alerts": some, "changes": {}, "rules": [counts | {"name": evil}], "teams": [], "seams": []}
    keep_back_test(desk.engine, body | {"tested": evil, "against": evil}, 9, evil[:128], datetime.now(UTC))
    desk.add("eve", Role.ADMIN)
    desk.visitor().request.post(f"{desk.address}/api/session", data={"name": evil[:128], "password": "x"})
    page = desk.signed_in("eve")
    expect(page.locator("#row-X")).to_contain_text(evil)
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.locator("#facets")).to_contain_text(evil)

    def harmless(where: str) -> None:
        expect(page.locator("main")).to_contain_text("<img src=x")
        page.wait_for_timeout(100)
        assert page.evaluate("window.hurt") is None, where
        assert page.locator("img, main script").count() == 0, where

    pages = ["alerts/X", "seams", "teams", "promises", "journeys", "portfolio", "rules", "sources", "audit", "wall"]
    pages += [f"insights?by={by}" for by in ("seams", "fields", "detectors", "teams")]
    pages += ["teams?scope=channel", "teams?scope=brand", "teams?score=fusion&scope=partner", "alerts/Y"]
    pages += [f"alerts?group={by}" for by in ("customer", "seam", "detector", "rule")]
    for path in pages:
        page.goto(f"{desk.address}/{path}")
        harmless(path)
    page.goto(f"{desk.address}/alerts/X")
    expect(page.locator(".brief")).to_contain_text("<img src=x")
    page.goto(f"{desk.address}/journeys")
    page.get_by_label("Customer's id").fill(evil)
    page.keyboard.press("Enter")
    expect(page.locator(".journey .event").first).to_be_visible()
    harmless("journeys of somebody")
    for language in ("en", "fa"):
        page.goto(f"{desk.address}/api/report?from={today}&to={today}&lang={language}")
        expect(page.locator("body")).to_contain_text("<img src=x")
        assert page.locator("img, script").count() == 0


def test_snoozed_until_a_time(desk: Console) -> None:
    """A snooze of two hours ends in two hours, or when it gets worse."""
    page = opened(desk)
    page.get_by_role("button", name="Snooze").click()
    page.get_by_label("2 hr").check()
    page.get_by_role("button", name="Snooze").last.click()
    expect(page.locator(".notice")).to_contain_text("Snoozed.")
    details = show_alert(desk.engine, "A")
    assert details is not None
    assert details.alert.until_worse
    assert details.alert.snoozed_until is not None
    assert abs(details.alert.snoozed_until - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=5)
