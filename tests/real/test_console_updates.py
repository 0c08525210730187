"""No update is lost on the way to a real browser: whatever order answers and the stream's news come in, rows end as the database has them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from models.alert import Acknowledge, Assign, Resolution, Resolve
from tests.support.console import Console, console

_STREAM = "new BroadcastChannel('seamwatch-live').postMessage({kind: 'event', type: 'reset', data: {}, id: ''})"


@pytest.fixture
def desk(upgraded: Path, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    """Give a console with two alerts."""
    with console(upgraded, tmp_path, browser) as made:
        made.found("A", 1)
        made.found("B", 2)
        yield made


def overtaken(page: Page, path: str, meanwhile: Callable[[], object], seconds: float = 1.0) -> None:
    """Hold the next answer of a path back until what happens ``meanwhile`` has been told by the stream."""

    def hold(route: Route) -> None:
        answer = route.fetch()
        meanwhile()
        page.wait_for_timeout(seconds * 1000)
        route.fulfill(response=answer)

    page.route(path, hold, times=1)


def test_no_late_answer_takes_back_what_was_told(desk: Console) -> None:
    """An answer that was made before a change, and comes after the stream told it, leaves the row as the change left it:
    of the list read anew, of its next page, and of one's own act.
    """
    desk.many(150)
    page = desk.signed_in()
    expect(page.locator(".row").first).to_be_visible()
    overtaken(page, "**/api/alerts?*cursor*", lambda: desk.act(Assign(to="eve"), "M000103", actor="bob"))
    page.locator(".rows").evaluate("box => box.scrollTop = 110 * 68")
    expect(page.locator("#row-M000103")).to_contain_text("eve")
    desk.found("C", 0)

    def others() -> None:
        desk.act(Assign(to="eve"), "A", actor="bob")
        desk.found("D", 0)

    overtaken(page, "**/api/alerts?*", others)
    page.get_by_role("button", name="1 new").click()
    expect(page.locator("#row-C")).to_be_visible()
    expect(page.locator("#row-A")).to_contain_text("eve")
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    overtaken(page, "**/transitions", lambda: desk.act(Resolve(outcome=Resolution.FIXED), "B", actor="bob"))
    page.locator("#row-B a").click()
    page.keyboard.press("a")
    expect(page.locator(".notice")).to_contain_text("Acknowledged.")
    expect(page.locator("#row-B")).to_contain_text("Fixed")
    expect(page.locator(".where .state")).to_have_text("Fixed")


def test_what_nobody_told_is_made_up_for(desk: Console) -> None:
    """What changed before the stream began, or while it could not tell, is read again: rows of every page, and the open alert."""
    desk.many(150)
    page = desk.visitor()
    overtaken(page, "**/api/alerts?*", lambda: desk.act(Acknowledge(), "A", actor="bob"))
    page.goto(desk.link("ada"))
    expect(page.locator("#row-A")).to_contain_text("Acknowledged")
    page.locator(".rows").evaluate("box => box.scrollTop = 110 * 68")
    expect(page.locator("#row-M000103")).to_be_visible()
    page.locator("#row-M000103 a").dispatch_event("click")  # rows may be drawn anew under a pointer that is on its way
    expect(page.locator(".where .state")).to_have_text("Open")
    page.route("**/api/stream", lambda route: route.abort())
    desk.stop()
    desk.start()
    desk.act(Resolve(outcome=Resolution.FIXED), "M000103", actor="bob")
    page.evaluate(_STREAM)
    expect(page.locator("#row-M000103")).to_contain_text("Fixed")
    expect(page.locator(".where .state")).to_have_text("Fixed")
    desk.errors.clear()  # a browser complains of a server that is away
