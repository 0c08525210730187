"""What a shift relies on, in a real browser: every filter, two people at once, figures that lead somewhere, a page that says how old it is."""

import re
from datetime import UTC, datetime, timedelta
from statistics import median
from time import monotonic
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import update

from models.alert import Acknowledge, Assign
from models.tables import stream_progress
from sinks.alerts import show_alert
from sinks.console.callers import Role
from sinks.progress import note_worker
from tests.support.console import PASSWORD, Console, touch


def state(desk: Console, key: str) -> str:
    """Return the state of an alert in the database."""
    details = show_alert(desk.engine, key)
    assert details is not None
    return details.alert.state.value


_TOLD_MS = 15_000
"""Within which the page knows how old the data are: the stream tells it every five seconds."""

_FILTERS = [
    ("Severity", "Critical", "severity=critical", "Critical", ["B"]),
    ("State", "Acknowledged", "state=acknowledged", "State: Acknowledged", ["C"]),
    ("Failure", "Passed on, and it came to nothing", "detector=dead_end", "Failure: ", ["B"]),
    ("Seam", "sales → tech", "seam=team%3Asales%3Eteam%3Atech", "Seam: sales → tech", ["B"]),
    ("Team", "parcels", "team=parcels", "Team: parcels", ["C"]),
    ("Channel", "Chat", "channel=chat", "Channel: Chat", ["C"]),
    ("Who has it", "ada", "assignee=ada", "Who has it: ada", ["C"]),
    ("Age", "1 hour", "age=1h", "Not older than 1 hour", ["B", "A"]),
]


def test_every_filter_is_a_chip(desk: Console) -> None:
    """Whatever the list can be narrowed by is chosen beside its count, stands in the address and as a chip, and is dropped by it."""
    there = {"team": "parcels", "channel": "chat"}
    first, again = touch("C-1", 205, type="info.provided", **there), touch("C-2", 200, **there)
    desk.found("C", 200, seam={"from": "team:shop", "to": "team:parcels"}, first=first, again=again)
    desk.act(Assign(to="ada"), "C", actor="bob")
    desk.act(Acknowledge(), "C", actor="ada")
    page = desk.signed_in()
    expect(page.locator(".row")).to_have_count(3)
    page.get_by_role("button", name="Filter", exact=True).click()
    for group, value, address, chip, left in _FILTERS:
        values = page.get_by_role("group", name=group, exact=True)
        values.get_by_role("radio" if group == "Age" else "checkbox", name=re.compile(f"^{value}")).check()
        expect(page).to_have_url(f"{desk.address}/alerts?{address}")
        expect(page.locator(".row")).to_have_count(len(left))
        assert [each.get_attribute("id") for each in page.locator(".row").all()] == [f"row-{key}" for key in left]
        page.locator(".chips").get_by_role("button", name=chip).click()
        expect(page.locator(".row")).to_have_count(3)
        assert page.url.endswith("/alerts"), group
    page.get_by_role("button", name="Mine", exact=True).click()
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("button", name="Mine", exact=True).click()
    page.get_by_role("button", name="Nobody's", exact=True).click()
    page.wait_for_url("**/alerts?assignee=-")
    expect(page.locator(".row")).to_have_count(2)


def test_only_what_is_new_is_told_as_new(desk: Console) -> None:
    """What changes below where the list has been read to, or is older than it asks for, is not told as new: it has not been read yet, or is not asked for."""
    desk.many(150)
    page = desk.signed_in()
    expect(page.locator(".count")).to_contain_text("152 alerts")
    old = desk.signed_in("bob", "/alerts?age=15m")
    expect(old.locator(".row").first).to_be_visible()
    desk.found("old", 600)
    desk.act(Acknowledge(), "M000148", actor="eve")
    desk.act(Acknowledge(), "old", actor="eve")
    desk.found("new", 0)
    for each in (page, old):
        expect(each.get_by_role("button", name="1 new")).to_be_visible()
        each.get_by_role("button", name="1 new").click()
        expect(each.locator("#row-new")).to_be_visible()
        expect(each.locator(".pill")).to_have_count(0)


def test_two_people_see_what_each_does(desk: Console) -> None:
    """What one person acknowledges stands in another's browser within half a second; who did not see it, and does the same, is told who was faster."""
    for number in range(5):
        desk.found(f"T{number}", 10)
    ada, bob = desk.signed_in("ada"), desk.signed_in("bob")
    taken = []
    for number in range(5):
        expect(bob.locator(f"#row-T{number}")).to_be_visible()
        ada.locator(f"#row-T{number} a").focus()
        begun = monotonic()
        ada.keyboard.press("a")
        bob.wait_for_selector(f"#row-T{number} .state.acknowledged")
        taken.append(monotonic() - begun)
    assert median(taken) <= 0.5, taken
    bob.context.route("**/api/stream", lambda route: route.abort())
    bob.goto(f"{desk.address}/alerts/A")
    bob.wait_for_selector(".moments")
    ada.locator("#row-A a").focus()
    ada.keyboard.press("a")
    expect(ada.locator("#row-A .state.acknowledged")).to_be_visible()
    expect(ada.locator(".notice").last).to_contain_text("Acknowledged.")
    bob.keyboard.press("a")
    expect(bob.locator(".notice.refused")).to_contain_text("ada was faster: acknowledged it")
    expect(bob.locator(".where .state")).to_have_text("Acknowledged")
    desk.errors.clear()  # a browser complains of a line that it does not get


def test_many_are_taken_back_at_once(desk: Console) -> None:
    """What was done to many is taken back for all of them by one click; what somebody else has changed meanwhile stays, and is reported."""
    page = desk.signed_in()
    for key in ("A", "B"):
        page.locator(f"#row-{key} input").check()
    page.get_by_role("group", name="Selected alerts").get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".notice")).to_contain_text("2 alerts changed.")
    expect(page.locator(".row .state.acknowledged")).to_have_count(2)
    desk.act(Assign(to="eve"), "B", actor="bob")
    page.locator(".notice").get_by_role("button", name="Undo").click()
    expect(page.locator("wa-dialog")).to_contain_text("1 alert changed. 1 was not changed:")
    expect(page.locator("wa-dialog")).to_contain_text("bob was faster: assigned it to eve")
    assert (state(desk, "A"), state(desk, "B")) == ("open", "acknowledged")


def test_whoever_is_limited_sees_their_own_alone(desk: Console) -> None:
    """Who is limited to a team sees its alerts, gets no others told, and does not come to one by its address."""
    desk.add("sal", Role.OPERATOR, teams=["sales"])
    page = desk.signed_in("sal")
    expect(page.locator(".row")).to_have_count(1)
    desk.found("C", 0)
    desk.found("D", 0, seam={"from": "team:sales", "to": "team:billing"})
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    page.goto(f"{desk.address}/alerts/A")
    expect(page.locator(".detail")).to_contain_text("It does not exist, or you may not see it.")
    expect(page.get_by_role("link", name="Portfolio")).to_have_count(0)


def test_a_session_that_is_over_leads_to_the_door_and_back(desk: Console) -> None:
    """Who is let in no more is at the door within moments, and sees nothing; who signs in there is where they were; who fails too often is told to wait."""
    desk.add("eve", Role.OPERATOR, password=PASSWORD)
    page = desk.signed_in("ada", "/alerts?severity=critical")
    expect(page.locator(".row")).to_have_count(1)
    desk.shut("ada")
    expect(page.get_by_label("Password")).to_be_visible(timeout=30_000)
    assert page.locator(".row").count() == 0
    page.get_by_label("Name").fill("eve")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".row")).to_have_count(1)
    assert page.url.endswith("/alerts?severity=critical")
    guest = desk.visitor()
    guest.goto(desk.address)
    guest.get_by_label("Name").fill("eve")
    for _ in range(10):
        guest.get_by_label("Password").fill("not the password")
        guest.get_by_role("button", name="Sign in").click()
        expect(guest.get_by_role("alert")).to_have_text("Name or password is wrong.")
        expect(guest.get_by_role("button", name="Sign in")).to_be_enabled()
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Sign in").click()
    expect(guest.get_by_role("alert")).to_have_text("Too many tries. Wait a minute, then try again.")


def test_charts_lead_to_the_alerts(desk: Console) -> None:
    """A cell of the heat map and a band of the stream of hand-offs lead to the alerts of their seam; channels have theirs."""
    desk.found("C", 1, seam={"from": "channel:bot", "to": "channel:voice"})
    page = desk.signed_in(path="/seams")
    page.locator(".heat svg path[fill^='rgb'], .heat svg path[fill^='#']").last.wait_for()
    page.wait_for_timeout(1000)  # charts move into their places
    page.locator(".flow svg path").first.click()
    page.wait_for_url(re.compile(r"/alerts\?seam=team%3A(sales|billing)%3Eteam%3Atech$"))
    expect(page.locator(".row")).to_have_count(1)
    page.go_back()
    page.get_by_role("button", name="Channel", exact=True).click()
    page.wait_for_url("**/seams?kind=channel&by=alerts")
    expect(page.get_by_role("row", name=re.compile("^Bot to Phone"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("sales"))).to_have_count(0)
    page.wait_for_timeout(1000)
    page.locator(".heat svg text", has_text=re.compile("^1$")).first.click()
    page.wait_for_url("**/alerts?seam=channel%3Abot%3Echannel%3Avoice")
    expect(page.locator("#row-C")).to_be_visible()


def test_what_lags_says_so(desk: Console) -> None:
    """Where no worker reports, or what is stored came late, the data are dimmed under a line that says from when they are; a quiet night is not old."""
    page = desk.signed_in(path="/alerts/A")
    expect(page.locator(".moments")).to_be_visible()
    banner, now = page.locator(".banner"), datetime.now(UTC)
    expect(page.locator(".fresh")).to_contain_text("Live")

    def stored(appended: timedelta, written: timedelta) -> None:
        with desk.engine.begin() as connection:
            connection.execute(update(stream_progress).values(appended=now - appended, stored=now - written))

    stored(timedelta(minutes=9), timedelta(minutes=4))
    expect(banner).to_contain_text("No worker has said anything for 4 min. What you see is from", timeout=_TOLD_MS)
    assert page.locator("main.stale .rows, main.stale .alert").count() == 2
    filtered = page.locator(".rows").evaluate("box => getComputedStyle(box).filter")
    assert filtered == "grayscale(1)"
    stored(timedelta(minutes=2), timedelta())
    expect(banner).to_contain_text("The stream is 2 min behind: what you see is from", timeout=_TOLD_MS)
    page.goto(f"{desk.address}/wall")
    expect(banner).to_contain_text("The stream is 2 min behind", timeout=_TOLD_MS)
    assert page.locator(".stale .wall").count() == 1
    stored(timedelta(minutes=30), timedelta(minutes=30))
    note_worker(desk.engine, datetime.now(UTC))
    expect(banner).to_have_count(0, timeout=_TOLD_MS)
    assert page.locator(".stale").count() == 0


_SMALL = """() => {
  const walker = document.createTreeWalker(document.querySelector('.screen'), NodeFilter.SHOW_TEXT), small = [];
  while (walker.nextNode()) {
    const { parentElement: at, textContent: text } = walker.currentNode;
    if (!text.trim() || at.closest('.foot, .hidden')) continue;
    small.push([text.trim(), parseFloat(getComputedStyle(at).fontSize)]);
  }
  return small;
}"""
_CAPITALS = 0.66
"""Height of a capital letter of the console's typeface, of its size."""
_SCREEN_MM = 55 * 25.4 * 9 / (16**2 + 9**2) ** 0.5
"""Height of a screen of 55 inches."""
_LEGIBLE_MM = 5000 * 16 / 60 * 3.14159 / 180
"""Height of a letter of 16 minutes of arc from five metres, the least of ISO 9241-303."""


def test_the_wall_is_read_from_five_metres(desk: Console) -> None:
    """On 55 inches of 1920 by 1080 every word is 16 minutes of arc high from five metres, and all is in sight; nothing is told before it is known, and the
    line that says that the data are old is no smaller.
    """
    for number, team in enumerate(("billing", "parcels", "shop", "complaints"), start=1):
        desk.found(f"S{number}", number, seam={"from": f"team:{team}", "to": "team:accounts receivable"})
    page = desk.signed_in(viewport={"width": 1920, "height": 1080})
    page.route("**/api/facets*", lambda route: route.fulfill(status=503, json={}), times=1)
    page.goto(f"{desk.address}/wall")
    expect(page.locator(".figure b").first).to_have_text("–")
    expect(page.locator(".figure.critical b")).to_have_text("1", timeout=15_000)
    expect(page.locator(".wall li")).to_have_count(5)

    def looked_at() -> None:
        sizes = dict(page.evaluate(_SMALL))
        assert {"billing", "Critical"} <= sizes.keys()
        small = {text: size for text, size in sizes.items() if size * _CAPITALS * _SCREEN_MM / 1080 < _LEGIBLE_MM}
        assert not small
        assert page.evaluate("document.documentElement.scrollHeight") == 1080

    looked_at()
    page.context.route("**/api/stream", lambda route: route.abort())
    page.reload()
    expect(page.locator(".banner")).to_be_visible(timeout=15_000)
    expect(page.locator(".wall li")).to_have_count(5)
    looked_at()
    desk.errors.clear()  # a browser complains of a line that it does not get


def prefer(page: Page, **choices: Any) -> None:
    """Choose as in the settings."""
    page.evaluate("choices => localStorage.setItem('seamwatch', JSON.stringify({introduced: true, ...choices}))", choices)


_DATES = {"en": r"[A-Z][a-z]{2} \d+, \d{4}", "de": r"\d{2}\.\d{2}\.\d{4}", "zh-Hans": r"\d{4}年\d+月\d+日", "fa": "[۰-۹]+ \\S+ [۰-۹]{4}"}


def test_times_and_numbers_are_written_as_each_language_does(desk: Console) -> None:
    """Times are told by the reader's clock and calendar in every language, within sentences too; in Persian no figure of ours has a digit of another script."""
    first = touch("o-1", 4100, type="info.provided")
    desk.found("old", 4000, first=first, again=touch("o-2", 4000), summary=f"tech asked again what the customer told it at {first['time']}")
    page = desk.signed_in(timezone_id="Asia/Tehran")
    for language, date in _DATES.items():
        prefer(page, language=language)
        page.goto(f"{desk.address}/alerts/old")
        expect(page.locator(".moments")).to_be_visible()
        expect(page.locator(".what time")).to_have_text(re.compile(f"^{date}"))
        expect(page.locator(".moment .at time").first).to_have_text(page.locator(".what time").inner_text())
        assert "UTC" not in page.locator(".alert").inner_text()
    for path, ready in (("/alerts/old", ".moments"), ("/seams", "td"), ("/rules", "td"), ("/sources", "td"), ("/wall", ".wall li")):
        page.goto(desk.address + path)
        page.wait_for_selector(ready)
        figures = page.locator("time, td.n, .n, .count p, .totals b, .figure b, .times, .gap b").all_inner_texts()
        assert re.search("[۰-۹]", "".join(figures)), path
        assert not [each for each in figures if re.search("[0-9]", each)], path


def test_nothing_moves_for_who_wants_it_so(desk: Console) -> None:
    """Under reduced motion nothing is animated: no dialog, no notice, no row, no chart."""
    page = desk.signed_in("ada", "/alerts/A", reduced_motion="reduce")
    page.wait_for_selector(".moments")
    moving = "document.getAnimations().filter(each => each.playState === 'running' && each.effect.getComputedTiming().duration > 20).length"
    page.keyboard.press("a")
    assert page.evaluate(moving) == 0
    expect(page.locator(".notice")).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate(moving) == 0
    page.goto(f"{desk.address}/seams")
    page.wait_for_selector(".flow svg path")
    drawn = page.locator(".flow svg").inner_html()
    page.wait_for_timeout(300)
    assert page.locator(".flow svg").inner_html() == drawn


def test_focus_stays_where_it_is(desk: Console) -> None:
    """While alerts come and change, what somebody types stays, and the focus with it, in the search, in a dialog and on a row."""
    page = desk.signed_in()
    words = page.get_by_placeholder("Customer, journey, field, words")
    words.press_sequentially("c-")
    page.wait_for_url("**q=c-**")
    page.wait_for_selector(".rows:not(.loading):not(.waiting) .row")
    desk.found("C", 0)
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    desk.act(Acknowledge(), "A", actor="bob")
    expect(page.locator("#row-A .state.acknowledged")).to_be_visible()
    expect(words).to_be_focused()
    expect(words).to_have_value("c-")
    page.locator("#row-B a").focus()
    desk.act(Assign(to="eve"), "B", actor="bob")
    expect(page.locator("#row-B .who")).to_have_text("eve")
    expect(page.locator("#row-B a")).to_be_focused()
    page.keyboard.press("o")
    page.wait_for_selector(".moments")
    page.keyboard.press("r")
    note = page.get_by_label("Note")
    note.fill("half a sen")
    desk.act(Acknowledge(), "B", actor="bob")
    expect(page.locator(".history")).to_contain_text("bob")
    expect(note).to_be_focused()
    expect(note).to_have_value("half a sen")


def test_another_build_is_told_to_every_tab(desk: Console) -> None:
    """When the server comes back as another build, every tab asks to be loaded again, also one that never had the line; loaded again it asks no more."""
    first = desk.signed_in()
    expect(first.locator(".row")).to_have_count(2)
    other = first.context.new_page()
    other.goto(f"{desk.address}/seams")
    other.wait_for_selector("td")
    desk.becomes("another")
    for page in (first, other):
        expect(page.locator(".banner.new")).to_contain_text("The console has a new version.", timeout=20_000)
    first.get_by_role("button", name="Reload").click()
    expect(first.locator(".row")).to_have_count(2)
    expect(first.locator(".banner.new")).to_have_count(0)
    desk.errors.clear()  # a browser complains of a server that is away


def test_addresses_that_are_none(desk: Console) -> None:
    """An address that nobody made, or that somebody made up, shows a page that says so, and nothing in it becomes code."""
    evil = '"><img src=x onerror="window.hurt=1">'
    page = desk.signed_in()
    for path in ("/alerts/%E0%A4%A", "/alerts/%3Cscript%3E", "/alerts/" + "x" * 600):
        page.goto(desk.address + path)
        expect(page.locator(".detail .empty")).to_be_visible()
    for name in ("severity", "state", "detector", "seam", "team", "channel", "assignee", "age", "q", "rule", "customer", "group", "mine", "cursor"):
        page.goto(f"{desk.address}/alerts")
        page.evaluate("address => { history.pushState(null, '', address); dispatchEvent(new Event('route')); }", f"/alerts?{name}={evil}")
        page.wait_for_selector(".rows:not(.loading):not(.waiting) :is(.row, .groups li, .empty)")
        assert page.locator("main img").count() == 0, name
        assert page.evaluate("window.hurt") is None, name
    page.goto(f"{desk.address}/no/such/page")
    expect(page.locator(".row")).to_have_count(2)
