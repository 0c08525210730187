"""A console that listens over a database of its own, and people who look at it in a real browser."""

import shutil
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from time import monotonic, sleep, time_ns
from typing import Any, cast

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from sqlalchemy import Engine

from agents.rules import Language
from config.settings import Settings
from models.alert import Change
from seamwatch.console import console_settings
from seamwatch.reporting import write_report
from sinks.console import ConsoleSettings, create_console
from sinks.console.accounts import Accounts
from sinks.console.callers import Role
from sinks.console.moments import Reader
from sinks.console.pages import NOT_BUILT, is_built
from sinks.console.settings import OpenId
from sinks.database import create_engine
from sinks.transitions import Report, transition_all
from sinks.writer import DatabaseWriter
from tests.support.prepare import browser, browser_missing, on_ci
from tests.support.server import free_ports
from tests.unit.sinks.builders import brief, finding, letter, record, score

__all__ = ["AXE", "PASSWORD", "Console", "console", "launched", "touch"]

AXE = Path(__file__).parents[2] / "sinks/console/web/node_modules/axe-core/axe.min.js"
PASSWORD = "correct horse battery"
_PATIENCE = 20.0


def ago(minutes: float) -> str:
    """Return a time, as JSON, so many minutes before now."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def touch(identity: str, minutes: float, **changes: Any) -> dict[str, Any]:
    """Return evidence of so many minutes ago, as findings have it."""
    body = {"source": "crm", "id": identity, "time": ago(minutes), "type": "info.requested", "team": "tech"}
    return body | {"channel": "voice", "field": "account_number", "mask": "…4711"} | changes


class Console:
    """The console, whoever stores findings for it, and its people; ``ada`` is an operator, ``bob`` a lead, ``vic`` a viewer."""

    def __init__(self, empty: Path, directory: Path, browser: Browser) -> None:
        self.url = f"sqlite:///{shutil.copy(empty, directory)}"
        self.engine: Engine = create_engine(self.url)
        self.errors: list[str] = []
        self.failed: list[str] = []
        self._browser = browser
        self._writer = DatabaseWriter(self.engine, lambda: time_ns() // 1000)
        self._accounts = Accounts(self.engine)
        (self.port,) = free_ports(1)
        self._settings = replace(_settings(), report=self._report)
        self._server: tuple[uvicorn.Server, Thread] | None = None
        self._contexts: list[BrowserContext] = []

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen."""
        server = uvicorn.Server(
            uvicorn.Config(create_console(self.engine, self._settings), log_config=None, timeout_graceful_shutdown=1)
        )
        listening = socket.create_server(("127.0.0.1", self.port))
        thread = Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        deadline = monotonic() + _PATIENCE
        while not server.started:
            assert monotonic() < deadline
            sleep(0.01)
        self._server = server, thread

    def comes_by(self, provider: OpenId) -> None:
        """Let people come in by a provider from the next start on."""
        self._settings = replace(self._settings, openid=provider)

    def reveals(self, read: Reader) -> None:
        """Let moments be read by this from now on."""
        self.stop()
        self._settings = replace(self._settings, reveal=read)
        self.start()

    def becomes(self, version: str) -> None:
        """Start again as another build."""
        self.stop()
        self._settings = replace(self._settings, version=version)
        self.start()

    def stop(self) -> None:
        """Listen no more; the data stay."""
        if self._server is not None:
            server, thread = self._server
            server.should_exit = True
            thread.join(_PATIENCE)
            self._server = None

    def close(self) -> None:
        """Close all pages, and end."""
        for context in self._contexts:
            context.close()
        self.stop()
        self.engine.dispose()

    def found(self, identity: str, minutes: float = 1, **changes: Any) -> None:
        """Store a finding of so many minutes ago, which opens an alert of the same name unless changed."""
        default = {
            "time": ago(minutes),
            "alert": identity,
            "customer": f"c-{identity}",
            "first": touch(f"{identity}-1", minutes + 5, type="info.provided", team="billing", channel="bot"),
            "again": touch(f"{identity}-2", minutes),
            "summary": "tech asked again",
        }
        body = finding(identity, **(default | changes))
        body["evidence"] = changes.get("evidence") or [each for each in (body["first"], body["again"]) if each]
        self._writer.write([record(body, timestamp=time_ns() // 1000)])

    def hold(self, *bodies: dict[str, Any]) -> None:
        """Store findings as they are."""
        self._writer.write([record(body, timestamp=time_ns() // 1000) for body in bodies])

    def briefed(self, **changes: Any) -> None:
        """Store a brief of the journey that findings have."""
        self._writer.write([brief(**({"journey": "auto-1"} | changes))])

    def scored(self, **changes: Any) -> None:
        """Store a score as of now."""
        self._writer.write([score(as_of=ago(0), **changes)._replace(timestamp=time_ns() // 1000)])

    def refused(self, reason: str, **headers: str) -> None:
        """Store a dead letter of now."""
        told = {name: value.encode() for name, value in (headers | {"reason": reason}).items()}
        self._writer.write([letter(7, **told)._replace(timestamp=time_ns() // 1000)])

    def many(self, count: int, **changes: Any) -> None:
        """Store so many findings, each with an alert of its own, the newest first."""
        bodies = [
            finding(f"m{number}", alert=f"M{number:06}", customer=f"c-{number}", time=ago(2 + number / 100), **changes)
            for number in range(count)
        ]
        for start in range(0, count, 500):
            self._writer.write([record(body, timestamp=time_ns() // 1000) for body in bodies[start : start + 500]])

    def act(self, change: Change, *keys: str, actor: str) -> Report:
        """Let somebody elsewhere change alerts."""
        return transition_all(self.engine, keys, change, actor, lambda: datetime.now(UTC))

    def add(self, name: str, role: Role, *, password: str | None = None, teams: Collection[str] = ()) -> None:
        """Make an account, of some teams or of all."""
        self._accounts.add(name, role, datetime.now(UTC), password=password, teams=teams)

    def shut(self, name: str) -> None:
        """Let somebody in no more."""
        self._accounts.set_disabled(name, disabled=True)

    def link(self, name: str) -> str:
        """Return a link that lets somebody in once."""
        return f"{self.address}/enter#{self._accounts.make_link(name, datetime.now(UTC))}"

    def visitor(self, **options: Any) -> Page:
        """Open a browser of its own at no page, whose errors are kept; apart from them, in ``failed``, what it asked for in vain."""
        context = self._browser.new_context(**({"viewport": {"width": 1280, "height": 800}, "locale": "en"} | options))
        context.set_default_timeout(_PATIENCE * 500)
        self._contexts.append(context)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("console", self._noted)
        context.on("response", lambda answer: self._failed(answer.request, answer.status) if answer.status >= HTTPStatus.BAD_REQUEST else None)
        context.on("requestfailed", lambda request: self._failed(request, request.failure))
        return context.new_page()

    def signed_in(self, name: str = "ada", path: str = "/alerts", **options: Any) -> Page:
        """Open a browser of its own for somebody, at a page; the first visit is behind them."""
        page = self.visitor(**options)
        page.context.add_init_script(
            "if (self.origin !== 'null') localStorage.seamwatch ??= JSON.stringify({introduced: true})"
        )
        page.goto(self.link(name))
        page.wait_for_selector("header.top")
        if path != "/alerts":
            page.goto(self.address + path)
        return page

    def _report(self, first: date, last: date, tenant: str | None, language: str) -> str:
        return write_report(Settings(database=self.url), first, last, tenant, cast(Language, language), datetime.now(UTC))

    def _failed(self, request: Request, why: object) -> None:
        if why != "net::ERR_ABORTED":  # who leaves a page asks no further
            self.failed.append(f"{request.method} {request.url.removeprefix(self.address)}: {why}")

    def _noted(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)


def launched() -> Iterator[Browser]:
    """Give a browser for a while. Where there is none, the tests are skipped, or fail on CI; they fail where the pages are not built."""
    if missing := browser_missing():
        pytest.fail(missing) if on_ci() else pytest.skip(missing)
    if not is_built(ConsoleSettings().web):
        pytest.fail(NOT_BUILT)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield launched
        launched.close()


@cache
def _settings() -> ConsoleSettings:
    return console_settings(Settings())


@contextmanager
def console(empty: Path, directory: Path, window: Browser) -> Iterator[Console]:
    """Give a console that listens, with ada, bob and vic; nothing that a browser complains of is left unsaid."""
    made = Console(empty, directory, window)
    made.add("ada", Role.OPERATOR)
    made.add("bob", Role.LEAD)
    made.add("vic", Role.VIEWER)
    made.start()
    try:
        yield made
        assert not made.errors, made.errors
    finally:
        made.close()
