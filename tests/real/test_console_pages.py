"""The console's pages in a real browser: for everybody, in four languages, at any width, and truthful when the line is lost."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, insert

from models.alert import Acknowledge, Resolution, Resolve
from models.tables import customers, day_counts
from sinks.back_tests import keep_back_test
from sinks.console.callers import Role
from sinks.console.moments import Said
from sinks.scores import note_scores
from tests.support.console import AXE, Console, touch
from tests.support.workers import until
from tests.unit.sinks.portfolios import known
from tests.unit.sinks.promised import promised

PAGES = (
    ("/alerts", ".row"),
    ("/alerts/A", ".moments"),
    ("/seams", ".heat svg"),
    ("/journeys", ".corridor svg"),
    ("/promises", ".promised li"),
    ("/teams?score=three_cs", ".scores dl"),
    ("/portfolio", ".quadrant"),
    ("/insights", ".ranks li"),
    ("/insights?by=snarls", ".ranks li"),
    ("/rules", "td"),
    ("/sources", "td"),
    ("/audit", "td"),
    ("/wall", ".wall li"),
)
"""Every page, and what is there when it has been read."""
_DIALOGS = {"v": "What was said?", "?": "Keys", "c": "Who looks after it?", "s": "Leave it until when?", "r": "How did it end?"}


@pytest.fixture
def desk(desk: Console) -> Console:
    """Give a console with alerts of two severities, seams and scores."""
    desk.act(Acknowledge(note="calling back"), "B", actor="bob")
    for scope, name in (("team", "tech"), ("team", "sales"), ("channel", "voice")):
        desk.scored(scope=scope, name=name)
    desk.scored(score="handoff", components={"late": 1.0, "decided": 2.0, "lost": 0.0, "known": 0.0})
    parts = {"moods": 40.0, "gloom": 10.0, "promises": 40.0, "broken": 10.0, "facts": 0.0, "contradicted": 0.0}
    evidence = {"three_cs": parts | {"harm": 1.0, "opportunities": 30.0, "prior": 20.0}, "emotional": parts, "communication": parts}
    for name, components in evidence.items():
        desk.scored(score=name, components=components)
        desk.scored(score=name, scope="tenant", name="acme", components=components, samples=40.0)
    desk.scored(score="three_cs", name="sales", components=evidence["three_cs"] | {"facts": 3.0})
    desk.scored(score="fusion", scope="partner", name="parcels>mobile", components={"moved": 50.0, "loss": 20.0, "prior": 50.0})
    known(desk.engine, "c-A", 2400, 0.3, forecast=3100, billed_currency="EUR", forecast_currency="EUR")
    known(desk.engine, "c-B", 900, 0.9, forecast=1200, billed_currency="EUR", forecast_currency="EUR")
    known(desk.engine, "c-C", None, 0.9)
    visited(desk)
    for name, due, more in (("late", -1.0, {"touchpoint": "A-1"}), ("soon", 2.0, {"about": "a callback"}), ("far", 30.0, {"team": None})):
        promised(desk.engine, name, due, start=datetime.now(UTC), **{"source": "crm", "customer": "c-A"} | more)
    desk.refused("unknown_type")
    desk.add("eve", Role.ADMIN)
    return desk


def counted(made: Console, *counts: tuple[str, str, str, int]) -> None:
    """Count visits, moves and the like of today."""
    today = datetime.now(UTC).date().isoformat()
    rows = [{"tenant": "acme", "day": today, "kind": k, "name": n, "other": o, "count": c, "sum": 0.0} for k, n, o, c in counts]
    with made.engine.begin() as connection:
        connection.execute(insert(day_counts), rows)


def visited(made: Console) -> None:
    """Count visits of today: to billing, where nobody was hit, and to tech, which was in three calls of 60, and has two faces."""
    counts = [("move", "", "voice/tech", 60), ("move", "", "voice/billing", 900), ("move", "", "voice/desk", 3)]
    counts += [("visit", "tech", "sales", 20), ("visit", "tech", "service", 40), ("visit", "billing", "service", 900)]
    counted(made, *counts)


def faults(page: Page) -> list[Any]:
    """Return what axe finds wrong with a page by WCAG 2.2, levels A and AA."""
    if not page.evaluate("'axe' in self"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found["violations"]]


def walk(page: Page, address: str) -> None:
    """Go to a page as a link leads there; the first time the whole console is loaded."""
    if page.locator("sw-shell[walked]").count():
        page.evaluate("address => { history.pushState(null, '', address); dispatchEvent(new Event('route')); }", address)
    else:
        page.goto(address)
        page.locator("sw-shell").evaluate("shell => shell.setAttribute('walked', '')")


def prefer(page: Page, **choices: Any) -> None:
    """Choose as in the settings."""
    page.evaluate(
        "choices => localStorage.setItem('seamwatch', JSON.stringify({introduced: true, ...choices}))", choices
    )


_SEEN = [("en", "light", 1280), ("de", "dark", 1280), ("zh-Hans", "light", 768), ("fa", "dark", 360)]
_SCHEMES = {1280: "light", 768: "dark", 360: "light"}
_REST = [(each, _SCHEMES[width], width) for each in ("en", "de", "zh-Hans", "fa") for width in _SCHEMES if (each, width) not in {(x[0], x[2]) for x in _SEEN}]


@pytest.mark.parametrize(("language", "scheme", "width"), [*_SEEN, *(pytest.param(*each, marks=pytest.mark.full) for each in _REST)])
def test_everybody_can_use_it(desk: Console, language: str, scheme: str, width: int) -> None:
    """No page has a fault by WCAG 2.2 AA, in any language, light or dark, wide or narrow, and none is wider than the screen."""
    page = desk.signed_in("eve", color_scheme=scheme, viewport={"width": width, "height": 800})
    prefer(page, language=language)
    for path, ready in PAGES:
        walk(page, desk.address + path)
        page.wait_for_selector(ready, state="attached")
        expect(page.locator(".fresh, .wall")).not_to_be_empty()
        assert faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        if shots := os.environ.get("SEAMWATCH_SCREENSHOTS"):
            page.screenshot(path=Path(shots) / f"{language}-{width}-{re.sub('[^a-z]+', '-', path.strip('/'))}.png")
    assert page.locator("html").get_attribute("lang") == language


def test_nothing_fails_on_the_normal_way(desk: Console) -> None:
    """From the link that lets in, over the list, an alert with a brief and one without, and everything one does with it, to every page: no request is
    answered with an error, and the browser's console has not a word.
    """
    said: list[str] = []
    desk.briefed()
    desk.found("C", 2, journey=None)
    page = desk.visitor()
    page.context.on("console", lambda message: said.append(message.text))
    page.goto(desk.address)
    page.wait_for_selector("form")
    page.goto(desk.link("eve"))
    page.wait_for_selector(".introduction")
    page.keyboard.press("Escape")
    page.wait_for_selector(".row")
    for key, briefed in (("A", 1), ("C", 0)):
        page.locator(f'a[href^="/alerts/{key}"]').first.click()
        page.wait_for_selector(".moments")
        expect(page.locator(".brief")).to_have_count(briefed)
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".where .state")).to_have_class(re.compile("acknowledged"))
    page.locator(".acts").get_by_role("button", name="Undo").click()
    expect(page.locator(".where .state")).to_have_class(re.compile("open"))
    for path, ready in PAGES:
        page.goto(desk.address + path)
        page.wait_for_selector(ready, state="attached")
        expect(page.locator(".fresh, .wall")).not_to_be_empty()
        page.wait_for_load_state("load")
    assert (desk.failed, said) == ([], [])


def test_doors_and_dialogs_are_for_everybody(desk: Console) -> None:
    """The door, the introduction, the filters and every dialog have no fault either; a dialog gives the focus back."""
    desk.reveals(lambda _: Said("800 4711", "it is 800 4711"))
    page = desk.visitor(reduced_motion="reduce")
    page.goto(desk.address)
    page.wait_for_selector("form")
    assert faults(page) == []
    page.goto(desk.link("bob"))
    page.wait_for_selector(".introduction")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_selector("#facets label")
    assert faults(page) == []
    page.goto(f"{desk.address}/alerts/A")
    page.wait_for_selector(".moments")
    page.get_by_role("link", name="Asked again").focus()
    for key, title in _DIALOGS.items():
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        assert faults(page) == [], title
        page.keyboard.press("Escape")
        expect(page.locator("wa-dialog")).to_have_count(0)
        expect(page.locator("#row-A a")).to_be_focused()
    page.keyboard.press("v")
    page.get_by_label("Why you need").fill("to see it")
    page.keyboard.press("Enter")
    expect(page.locator(".said blockquote")).to_be_visible()
    assert faults(page) == []


def test_persian_runs_from_right_to_left(desk: Console) -> None:
    """In Persian the page is mirrored, numbers are Persian, and what a source wrote stands in a direction of its own."""
    page = desk.signed_in()
    page.get_by_role("button", name="Settings of ada").click()
    page.get_by_label("Language").select_option("fa")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator(".count")).to_contain_text("۲ هشدار")
    page.locator("#row-A a").click()
    expect(page.locator(".alert h1")).to_contain_text("دوباره پرسیده شد: شماره حساب")
    expect(page.locator(".what")).to_contain_text("از مشتری")
    expect(page.locator(".what bdi")).to_have_css("direction", "rtl")  # though it begins with the name of a team
    boxes = [each.bounding_box() for each in page.locator(".moment").all()]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] > boxes[1]["x"]
    assert page.locator("#row-A bdi.customer").inner_text() == "c-A"
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "fa")


def test_what_is_old_says_so(desk: Console) -> None:
    """When the line is lost the data themselves are dimmed and say from when they are; once it is back, nothing was missed."""
    page = desk.signed_in()
    expect(page.locator(".row")).to_have_count(2)
    desk.stop()
    banner = page.locator(".banner")
    expect(banner).to_contain_text("The connection is lost. What you see is from", timeout=15_000)
    assert page.locator("main.stale .rows").count() == 1
    desk.found("C", 0)
    desk.act(Acknowledge(), "A", actor="bob")
    desk.start()
    expect(page.get_by_role("button", name="1 new")).to_be_visible(timeout=15_000)
    expect(page.locator("#row-A")).to_contain_text("Acknowledged")
    expect(banner).to_have_count(0)
    desk.errors.clear()  # a browser complains of a server that is away


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_old_can_be_read_by_everybody(desk: Console, scheme: str) -> None:
    """Data that are dimmed since the line is lost have no fault by WCAG 2.2 AA either, on any kind of page."""
    page = desk.signed_in(color_scheme=scheme)
    page.context.route("**/api/stream", lambda route: route.abort())
    for path, ready in (("/alerts/A", ".moments"), ("/seams", ".heat svg"), ("/journeys", ".corridor svg"), ("/insights", ".ranks li"), ("/wall", ".wall li")):
        walk(page, desk.address + path)
        page.wait_for_selector(ready, state="attached")
        expect(page.locator(".stale")).not_to_have_count(0, timeout=15_000)
        assert faults(page) == [], path
    desk.errors.clear()  # a browser complains of a line that it does not get


def test_tabs_share_one_line(desk: Console) -> None:
    """Seven tabs have one connection; when the tab that has it is closed another takes over, and no change is lost."""
    first = desk.signed_in()
    lines: list[str] = []
    first.context.on("request", lambda request: lines.append(request.url) if request.url.endswith("/stream") else None)
    tabs = [first.context.new_page() for _ in range(6)]
    for tab in tabs:
        tab.goto(f"{desk.address}/alerts")
        tab.wait_for_selector(".row")
    desk.found("C", 0)
    for tab in (first, *tabs):
        expect(tab.get_by_role("button", name="1 new")).to_be_visible()
    assert lines == []
    first.close()
    desk.found("D", 0)
    for tab in tabs:
        expect(tab.get_by_role("button", name="2 new")).to_be_visible()
    assert len(lines) == 1


def test_a_long_list_stays_light(desk: Console) -> None:
    """Of a thousand alerts only those in sight are drawn; scrolling reads on, and j goes on where the drawn ones end."""
    desk.many(1000)
    page = desk.signed_in()
    expect(page.locator(".count")).to_contain_text("1,002 alerts")
    assert page.locator(".row").count() < 60
    for _ in range(16):
        page.locator(".rows").evaluate("box => box.scrollTop = box.scrollHeight")
        page.wait_for_timeout(150)
    expect(page.locator("[aria-posinset='1002']")).to_be_visible()
    assert page.locator(".row").count() < 60
    page.locator("[aria-posinset='1001'] a").focus()
    page.keyboard.press("j")
    expect(page.locator("[aria-posinset='1002'] a")).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator("[aria-posinset='1001'] a")).to_be_focused()


def test_seams_and_scores(desk: Console) -> None:
    """Seams are shown as a heat map and as a table that leads to their alerts; a score says what it rests on and how it went, opens into its parts and
    leads to the alerts behind it.
    """
    page = desk.signed_in(path="/seams")
    expect(page.locator(".heat text", has_text="sales").first).to_be_attached()
    page.get_by_role("button", name="By impact").click()
    page.wait_for_url("**/seams?kind=team&by=harm")
    expect(page.locator(".flow text", has_text="sales").first).to_be_attached()
    page.get_by_role("link", name="sales to tech").click()
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("link", name="Teams", exact=True).click()
    expect(page.locator(".scores li").first).to_contain_text("rests on 12 moments only")
    page.get_by_role("button", name="Channel", exact=True).click()
    expect(page.locator(".scores li")).to_have_count(1)
    note_scores(desk.engine, lambda score, _: score.value, datetime.now(UTC) - timedelta(days=2))
    page.get_by_role("button", name="Purpose").click()
    expect(page.get_by_role("heading", name="There is no score yet")).to_be_visible()
    page.get_by_role("button", name="Handoffs").click()  # there is none of a channel, so of teams
    expect(page.get_by_role("img", name="The last 7 days: from")).to_have_count(1)
    page.get_by_role("button", name="Three Cs 82.").click()
    expect(page.locator(".scores li > dl", has_text="Emotional75.0")).to_have_count(1)
    expect(page.locator(".scores li", has_text="sales")).to_contain_text("Without Facts stated again: too few cases.")
    page.get_by_role("button", name="Communication 75.").click()
    page.get_by_text("What it is made of").click()
    expect(page.locator(".scores details")).to_contain_text("Promises broken")
    page.get_by_role("link", name="Promised, and not done in time").click()
    page.wait_for_url("**/alerts?team=tech&detector=broken_promise")
    page.get_by_role("link", name="Wall").click()
    expect(page.locator(".wall .figure.critical b")).to_have_text("1")


def test_promises_lead_to_what_became_of_them(desk: Console) -> None:
    """Overdue, approaching and pending each have their part; a breach leads to its alert, a team to its own, a customer to their journeys."""
    broken = touch("A-1", 90, type="promise.made", team="billing", field=None, mask=None)
    desk.found("P", 1, alert="P", customer="c-A", detector="broken_promise", reason="not_kept", first=broken, again=None, evidence=[broken])
    page = desk.signed_in(path="/promises")
    expect(page.locator(".promised h2")).to_have_text(["Overdue 1", "Approaching 1", "Pending 1"])
    expect(page.locator(".promised .overdue")).to_contain_text("1 hr late")
    expect(page.locator(".promised .approaching")).to_contain_text(re.compile("a callback.*in 1 hr", re.DOTALL))
    page.get_by_role("button", name="Kept, 30 days").click()
    expect(page.get_by_role("heading", name="No promise is like that")).to_be_visible()
    page.get_by_role("button", name="Open", exact=True).click()
    page.get_by_role("link", name="billing").first.click()
    page.wait_for_url("**/promises?team=billing")
    expect(page.locator(".promised li")).to_have_count(2)
    page.get_by_role("link", name="The alert").click()
    expect(page.locator(".alert h1")).to_have_text("Promised, and not done in time not kept")
    page.go_back()
    page.get_by_role("button", name="Journeys of c-A").first.click()
    expect(page.locator(".journey .event").first).to_be_visible()
    assert page.url.endswith("/journeys")


def test_the_corridor_is_a_map(desk: Console) -> None:
    """Places and the ways between are drawn and listed, as many days back as is asked; a place and a way lead to their alerts."""
    counted(desk, ("move", "voice/sales", "voice/tech", 30))
    page = desk.signed_in(path="/journeys")
    expect(page.locator(".corridor text", has_text="tech · Phone").first).to_be_attached()
    page.get_by_role("button", name="7 days").click()
    page.wait_for_url("**/journeys?days=7")
    expect(page.get_by_role("row", name=re.compile("^A journey begins billing · Phone 900 0"))).to_be_visible()
    page.get_by_role("row", name=re.compile("^sales · Phone tech · Phone 30 1")).get_by_role("link", name="1").click()
    page.wait_for_url("**/alerts?seam=team%3Asales%3Eteam%3Atech")
    expect(page.locator("#row-B")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="tech · Phone").first.click()
    page.wait_for_url("**/alerts?team=tech")


def test_back_tests_and_the_report(desk: Console) -> None:
    """What somebody kept of a back-test stands under the rules; the report of the days chosen opens by itself, runs nothing and is of all teams."""
    page = desk.signed_in(path="/rules")
    expect(page.get_by_text("seamwatch replay --from-topic")).to_be_visible()
    some = {"before": 5, "after": 4, "same": 4, "appear": 0, "vanish": 1, "change": 0}
    alerts = {"before": 3, "after": 2, "appear": 0, "vanish": 1}
    told = {"findings": some, "alerts": alerts, "changes": {}, "rules": [some | {"name": "slow_handoff"}], "teams": [], "seams": []}
    keep_back_test(desk.engine, told | {"tested": "new-rules", "against": "shipped"}, 120, "ada", datetime.now(UTC))
    page.reload()
    expect(page.get_by_role("row", name="slow_handoff 5 4 0 1 0")).to_be_visible()
    page.goto(f"{desk.address}/insights?by=silos&days=7")
    with page.expect_popup() as opening:
        page.get_by_role("link", name="Report of 7 days").click()
    report = opening.value
    expect(report.locator("h1")).to_be_visible()
    assert report.locator("script").count() == 0


def test_a_quiet_tone_and_the_title_by_choice(desk: Console) -> None:
    """Who chooses so hears a tone with new alerts, and sees their number in the title until they have looked; nobody else does."""
    page = desk.signed_in()
    page.evaluate("""() => {
      const make = AudioContext.prototype.createOscillator;
      AudioContext.prototype.createOscillator = function () { window.tones = (window.tones ?? 0) + 1; return make.call(this); };
    }""")
    expect(page.locator(".row")).to_have_count(2)
    desk.found("C", 0)
    expect(page).to_have_title("(1) Seamwatch")
    page.get_by_role("button", name="1 new").click()
    expect(page).to_have_title("Seamwatch")
    assert page.evaluate("window.tones") is None
    page.get_by_role("button", name="Settings of ada").click()
    page.get_by_label("A quiet tone for new alerts").check()
    page.get_by_label("Number of new alerts in the title").uncheck()
    page.get_by_role("button", name="Close").last.click()
    desk.found("D", 0)
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    until(lambda: page.evaluate("window.tones > 0"))  # Playwright's own waiting evaluates a string, which the page forbids
    expect(page).to_have_title("Seamwatch")


def test_a_customers_journeys(desk: Console) -> None:
    """Whoever types a customer's id sees the story with what was found, and comes to the alert; the address keeps no trace of the id."""
    page = desk.signed_in(path="/journeys")
    page.get_by_label("Customer's id").fill("c-nobody")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("heading", name="Nothing was found of this customer")).to_be_visible()
    page.get_by_label("Customer's id").fill("c-A")
    page.keyboard.press("Enter")
    expect(page.locator(".journey .event")).to_have_count(2)
    assert page.url.endswith("/journeys")
    page.locator(".found a").click()
    expect(page.locator(".moments")).to_be_visible()


def test_who_needs_someone_today(desk: Console) -> None:
    """The portfolio shows the quadrants and leads from a customer to their alerts and journeys, with no customer in the address of the latter; revenue in
    two currencies says what to set, and no account at all who keeps them.
    """
    page = desk.signed_in(path="/portfolio")
    expect(page.locator(".quadrant.at_risk")).to_contain_text("€2,400")
    expect(page.get_by_role("link", name="Asked again for the information")).to_have_attribute("href", "/alerts?customer=c-A&detector=repeated_request")
    page.get_by_role("button", name="Journeys of c-A").click()
    expect(page.locator(".journey .event")).to_have_count(2)
    assert page.url.endswith("/journeys")
    page.goto(f"{desk.address}/insights?by=teams")
    expect(page.get_by_role("row", name=re.compile("^tech 100.0 20 99.1 40 0.9"))).to_be_visible()
    known(desk.engine, "c-D", 5, 1.0, billed_currency="USD")
    page.get_by_role("link", name="Portfolio").click()
    expect(page.get_by_text("Revenue is in several currencies.")).to_be_visible()
    with desk.engine.begin() as connection:
        connection.execute(delete(customers))
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("seamwatch worker --roles insight")).to_be_visible()


def test_what_the_desk_is_run_by(desk: Console) -> None:
    """Insights rank what hurts and lead to its alerts, rules say what became of what they found, sources what was refused; who did
    what is for an admin alone, and a page that cannot be read says so.
    """
    desk.act(Resolve(outcome=Resolution.FALSE_POSITIVE), "A", actor="bob")
    page = desk.signed_in("eve", "/insights?by=seams&days=7")
    expect(page.locator(".ranks li")).to_have_count(2)
    expect(page.locator(".ranks li", has_text="sales")).to_contain_text("1 critical")
    page.get_by_role("button", name="Information").click()
    page.wait_for_url("**/insights?by=fields&days=7")
    expect(page.locator(".ranks li")).to_contain_text(["Account number"], ignore_case=True)
    page.get_by_role("link", name="Rules").click()
    rule = page.get_by_role("row", name=re.compile("^repeated_request "))
    expect(rule).to_contain_text("100% 1 of 1")
    rule.get_by_text("Settings of version").click()
    expect(rule.locator("dl")).to_contain_text("Silos blamed across channels")
    page.get_by_role("link", name="Sources").click()
    expect(page.get_by_role("row", name=re.compile("unknown type"))).to_contain_text("1")
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("row", name=re.compile("eve came in by a link"))).to_be_visible()
    page.route("**/api/rules", lambda route: route.fulfill(status=503, json={"detail": "not now"}))
    page.get_by_role("link", name="Rules").click()
    expect(page.get_by_role("heading", name="This could not be read")).to_be_visible()
    page.unroute("**/api/rules")
    page.get_by_role("button", name="Try again").click()
    expect(rule).to_be_visible()
    expect(desk.signed_in().get_by_role("link", name="Audit")).to_have_count(0)


def test_a_view_can_be_kept(desk: Console) -> None:
    """A choice of filters is kept under a name, is there after the page was loaded again, and can be forgotten."""
    page = desk.signed_in(path="/alerts?severity=critical")
    page.get_by_role("button", name="Save this view").click()
    page.get_by_label("Name of this view").fill("the worst")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Saved views")).to_be_visible()
    page.goto(f"{desk.address}/alerts")
    expect(page.locator(".row")).to_have_count(2)
    page.get_by_label("Saved views").select_option("the worst")
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("button", name="Forget this view").click()
    expect(page.get_by_label("Saved views")).to_have_count(0)


_HEARD = """() => {
  window.heard = [];
  const live = '[role=status], [role=alert], [aria-live]';
  new MutationObserver(changes => {
    const regions = new Set(changes.map(({ target }) => (target.closest ? target : target.parentElement)?.closest(live)).filter(Boolean));
    for (const region of regions) window.heard.push(region.textContent.trim());
  }).observe(document.body, { childList: true, characterData: true, subtree: true });
}"""


def test_nobody_is_talked_over(desk: Console) -> None:
    """However much changes, whoever hears the page is told now and then, and in the end what is true; that the data are old is said once, not each second."""
    page = desk.signed_in()
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator(".announcer")).to_have_text("2 alerts")
    page.evaluate(_HEARD)
    begun = monotonic()
    for number in range(40):
        desk.found(f"N{number}", 0)
        page.wait_for_timeout(150)
    expect(page.locator(".announcer")).to_have_text("40 new alerts", timeout=15_000)
    heard = page.evaluate("window.heard")
    assert 1 <= len(heard) <= 1 + (monotonic() - begun) / 5, heard
    desk.stop()
    expect(page.locator(".announcer")).to_contain_text("The connection is lost", timeout=20_000)
    said = page.locator(".banner").inner_text()
    expect(page.locator(".banner")).not_to_have_text(said)  # the age goes on
    page.wait_for_timeout(3000)
    assert [each for each in page.evaluate("window.heard") if "connection" in each] == [page.locator(".announcer").inner_text()]
    desk.start()
    expect(page.locator(".announcer")).to_have_text("What you see is up to date again.", timeout=20_000)
    desk.errors.clear()  # a browser complains of a server that is away


def test_a_new_version_asks_to_be_loaded(desk: Console) -> None:
    """When the server is another build than the page knows, the page asks to be loaded again, and does not do it by itself."""
    page = desk.signed_in()
    expect(page.locator(".row")).to_have_count(2)
    page.evaluate(
        "new BroadcastChannel('seamwatch-live').postMessage({kind: 'event', type: 'hello', data: {version: 'new'}, id: ''})"
    )
    expect(page.locator(".banner.new")).to_contain_text("The console has a new version.")


def test_each_team_is_shown_once(desk: Console) -> None:
    """A team that has a handoff score beside its consistency is in the list once, by its consistency."""
    page = desk.signed_in(path="/teams")
    expect(page.locator(".scores li", has_text="tech")).to_have_count(1)
