"""The console's pages in a real browser: for everybody, in four languages, at any width, and truthful when the line is lost."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from models.alert import Acknowledge, Resolution, Resolve
from sinks.console.callers import Role
from sinks.scores import note_scores
from tests.support.console import AXE, Console, console, launched

_DIALOGS = {"?": "Keys", "c": "Who looks after it?", "s": "Leave it until when?", "r": "How did it end?"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser; of this module alone, since it holds on to the thread's event loop."""
    yield from launched()


@pytest.fixture
def desk(upgraded: Path, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    """Give a console with alerts of two severities, seams and scores."""
    with console(upgraded, tmp_path, browser) as made:
        made.found("A", 3)
        made.found("B", 2, severity="critical", detector="dead_end", seam={"from": "team:sales", "to": "team:tech"})
        made.act(Acknowledge(note="calling back"), "B", actor="bob")
        for scope, name in (("team", "tech"), ("team", "sales"), ("channel", "voice")):
            made.scored(scope=scope, name=name)
        made.scored(score="handoff", components={"late": 1.0, "decided": 2.0, "lost": 0.0, "known": 0.0})
        made.refused("unknown_type")
        made.add("eve", Role.ADMIN)
        yield made


def faults(page: Page) -> list[Any]:
    """Return what axe finds wrong with a page by WCAG 2.2, levels A and AA."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found["violations"]]


def prefer(page: Page, **choices: Any) -> None:
    """Choose as in the settings."""
    page.evaluate(
        "choices => localStorage.setItem('seamwatch', JSON.stringify({introduced: true, ...choices}))", choices
    )


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("en", "light", 1280), ("de", "dark", 1280), ("zh-Hans", "light", 768), ("fa", "dark", 360)],
)
def test_everybody_can_use_it(desk: Console, language: str, scheme: str, width: int) -> None:
    """No page has a fault by WCAG 2.2 AA, in any language, light or dark, wide or narrow, and none is wider than the screen."""
    page = desk.signed_in("eve", color_scheme=scheme, viewport={"width": width, "height": 800})
    prefer(page, language=language)
    for path, ready in (
        ("/alerts", ".row"),
        ("/alerts/A", ".moments"),
        ("/seams", ".heat svg"),
        ("/journeys", ".look"),
        ("/teams", ".scores li"),
        ("/insights", ".ranks li"),
        ("/rules", "td"),
        ("/sources", "td"),
        ("/audit", "td"),
        ("/wall", ".wall li"),
    ):
        page.goto(desk.address + path)
        page.wait_for_selector(ready, state="attached")
        expect(page.locator(".fresh, .wall")).not_to_be_empty()
        assert faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert page.locator("html").get_attribute("lang") == language


def test_doors_and_dialogs_are_for_everybody(desk: Console) -> None:
    """The door, the introduction, the filters and every dialog have no fault either; a dialog gives the focus back."""
    page = desk.visitor(reduced_motion="reduce")
    page.goto(desk.address)
    page.wait_for_selector("form")
    assert faults(page) == []
    page.goto(desk.link("ada"))
    page.wait_for_selector(".introduction")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_selector("#facets label")
    assert faults(page) == []
    page.goto(f"{desk.address}/alerts/A")
    page.get_by_role("link", name="Asked again").focus()
    for key, title in _DIALOGS.items():
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        assert faults(page) == [], title
        page.keyboard.press("Escape")
        expect(page.locator("wa-dialog")).to_have_count(0)
        expect(page.locator("#row-A a")).to_be_focused()


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
    """Seams are shown as a heat map and as a table that leads to their alerts; a score says what it rests on and how it went."""
    page = desk.signed_in(path="/seams")
    expect(page.locator(".heat text", has_text="sales").first).to_be_attached()
    page.get_by_role("button", name="By impact").click()
    page.wait_for_url("**/seams?kind=team&by=harm")
    expect(page.locator(".flow text", has_text="sales").first).to_be_attached()
    page.get_by_role("link", name="sales to tech").click()
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("link", name="Teams and channels").click()
    expect(page.locator(".scores li").first).to_contain_text("rests on 12 moments only")
    page.get_by_role("button", name="Channel", exact=True).click()
    expect(page.locator(".scores li")).to_have_count(1)
    note_scores(desk.engine, lambda score, _: score.value, datetime.now(UTC) - timedelta(days=2))
    page.get_by_role("button", name="Handoffs").click()
    expect(page.get_by_role("heading", name="There is no score yet")).to_be_visible()
    page.get_by_role("button", name="Team", exact=True).click()
    expect(page.get_by_role("img", name="The last 7 days: from")).to_have_count(1)
    page.get_by_role("link", name="Wall").click()
    expect(page.locator(".wall .figure.critical b")).to_have_text("1")


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


def test_what_the_desk_is_run_by(desk: Console) -> None:
    """Insights rank what hurts and lead to its alerts, rules say what became of what they found, sources what was refused; who did
    what is for an admin alone, and a page that cannot be read says so.
    """
    desk.act(Resolve(outcome=Resolution.FALSE_POSITIVE), "A", actor="bob")
    page = desk.signed_in("eve", "/insights?by=seams&days=7")
    expect(page.locator(".ranks li")).to_have_count(2)
    expect(page.locator(".ranks li").first).to_contain_text("1 critical")
    page.get_by_role("button", name="Information").click()
    page.wait_for_url("**/insights?by=fields&days=7")
    expect(page.locator(".ranks li")).to_contain_text(["Account number"], ignore_case=True)
    page.get_by_role("link", name="Rules").click()
    rule = page.get_by_role("row", name=re.compile("^repeated_request "))
    expect(rule).to_contain_text("100% 1 of 1")
    rule.get_by_text("Settings of version").click()
    expect(rule.locator("dl code").first).to_be_visible()
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
    page.once("dialog", lambda dialog: dialog.accept("the worst"))
    page.get_by_role("button", name="Save this view").click()
    page.goto(f"{desk.address}/alerts")
    expect(page.locator(".row")).to_have_count(2)
    page.get_by_label("Saved views").select_option("the worst")
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("button", name="Forget this view").click()
    expect(page.get_by_label("Saved views")).to_have_count(0)


def test_a_new_version_asks_to_be_loaded(desk: Console) -> None:
    """When the server is another build than the page knows, the page asks to be loaded again, and does not do it by itself."""
    page = desk.signed_in()
    expect(page.locator(".row")).to_have_count(2)
    page.evaluate(
        "new BroadcastChannel('seamwatch-live').postMessage({kind: 'event', type: 'hello', data: {version: 'new'}, id: ''})"
    )
    expect(page.get_by_text("The console has a new version.")).to_be_visible()


def test_each_team_is_shown_once(desk: Console) -> None:
    """A team that has a handoff score beside its consistency is in the list once, by its consistency."""
    page = desk.signed_in(path="/teams")
    expect(page.locator(".scores li", has_text="tech")).to_have_count(1)
