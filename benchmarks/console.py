"""What people at the console wait for, in a real Chromium, over SQLite and PostgreSQL: the list, its filters, a storm of updates, what another one did."""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from statistics import median
from threading import Thread
from time import monotonic, sleep, time, time_ns
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine, select
from sqlalchemy import text as sql

from benchmarks.installation import AS_PYTHON
from benchmarks.report import Report, say
from models.tables import alerts
from sinks.console import ConsoleSettings
from sinks.console.accounts import Accounts
from sinks.console.callers import Role
from sinks.console.pages import NOT_BUILT, is_built
from sinks.database import create_engine, upgrade
from sinks.writer import DatabaseWriter
from tests.support.prepare import browser
from tests.support.server import free_ports
from tests.support.services import PostgresServer
from tests.unit.sinks.builders import finding, record

_TEAMS = [f"team{number}" for number in range(20)]
_DETECTORS = ("repeated_request", "dead_end", "context_lost", "ping_pong", "misroute")
_FIELDS = ("account_number", "order_number", "pin")
_BATCH = 2000
_OPEN = 500
"""Rows that are loaded while updates come."""
_HIT = 1000
"""The newest alerts, which updates are of; one in ten opens an alert of its own."""
_TICK = 0.1
"""Seconds between two transactions of updates."""
_SEEN = 12
"""Acknowledgements that a second browser waits for."""
_PATIENCE = 120.0

_FILTERS = {
    "severity": "severity=critical",
    "failure": "detector=dead_end",
    "rule": "rule=rule3",
    "team": "team=team3",
    "channel": "channel=voice",
    "seam": "seam=team:team1>team:team2",
    "nobody's, of an hour": "assignee=-&age=1h",
    "customer": "customer=c-77",
}
_WORDS = {
    "words that one alert has": ("", "number 77777"),
    "words that some thousand have": ("", "number 77"),
    "words that many alerts have": ("", "asked again"),
    "words that no alert has": ("", "zzzz"),
    "words and severity": ("severity=critical", "number 7"),
}
"""What is typed, and where the list is narrowed already."""
_BETWEEN_KEYS = 80
"""Milliseconds from one key to the next: somebody who types fast."""
_FACETS = {"severity": "severity=critical", "team": "team=team3", "severity and team": "severity=critical&team=team3", "words": "q=number 7"}
_GROUPS = ("customer", "seam", "detector", "rule")

_PAINTED = """new Promise(resolve => {
  const look = () => document.querySelector('.row')
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
    : requestAnimationFrame(look);
  look();
})"""
_NARROW = """words => new Promise(resolve => {
  const begun = performance.now();
  history.pushState(null, '', '/alerts' + (words ? '?' + words : ''));
  dispatchEvent(new Event('route'));
  const look = () => document.querySelector('.rows:not(.loading):not(.waiting) :is(.row, .groups li, .empty)')
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)))
    : requestAnimationFrame(look);
  setTimeout(look);
})"""
_COUNTED = """words => new Promise(resolve => {
  const begun = performance.now();
  performance.clearResourceTimings();
  history.pushState(null, '', '/alerts' + (words ? '?' + words : ''));
  dispatchEvent(new Event('route'));
  const counted = () => performance.getEntriesByType('resource').some(each => each.name.includes('/api/facets') && each.responseEnd);
  const look = () => counted() && document.querySelector('.rows:not(.loading):not(.waiting) :is(.row, .empty)')
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)))
    : requestAnimationFrame(look);
  setTimeout(look);
})"""
_TYPED = """() => { window.typed_ = new Promise(resolve => {
  const box = document.querySelector('#words');
  box.addEventListener('input', () => {
    const begun = performance.now(), words = box.value;
    const asked = () => new URLSearchParams(location.search).get('q') === words;
    const there = () => asked() && document.querySelector('.rows:not(.loading):not(.waiting) :is(.row, .empty)');
    const look = () => there() ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun))) : requestAnimationFrame(look);
    setTimeout(look);
  }, { once: true });
}); }"""
_WATCH = """() => {
  window.frames_ = [];
  let last = performance.now();
  const frame = now => { window.frames_.push(now - last); last = now; window.watching = requestAnimationFrame(frame); };
  window.watching = requestAnimationFrame(frame);
}"""
_WATCHED = "() => { cancelAnimationFrame(window.watching); return window.frames_; }"
_ROWS = """async most => {
  const box = document.querySelector('.rows'), found = {};
  for (let top = 0, at = 0, turns = 0; at < most && turns < 1000; turns++) {
    box.scrollTop = top = Math.min(top + box.clientHeight / 2, box.scrollHeight - box.clientHeight);
    await new Promise(resolve => setTimeout(() => requestAnimationFrame(resolve), 30));
    for (const row of document.querySelectorAll('.row')) {
      at = Math.max(at, Number(row.getAttribute('aria-posinset')));
      found[row.id.slice(4)] = Number((row.querySelector('.times')?.textContent ?? '1').replace(/[^0-9]/g, ''));
    }
  }
  box.scrollTop = 0;
  return found;
}"""
_AWAIT_STATE = """key => { window.seen_ = new Promise(resolve => {
  const look = () => document.querySelector(`#row-${key} .state.acknowledged`)
    ? resolve(performance.timeOrigin + performance.now()) : requestAnimationFrame(look);
  look();
}); }"""


class Seen(NamedTuple):
    """What one database gave: seconds of each wait by what was waited for, milliseconds of frames, and of acknowledgements."""

    waits: dict[str, float]
    frames: list[float]
    updates: int
    lost: int
    rows: int
    acknowledged: list[float]


def run(count: int, rate: int, seconds: int, rounds: int) -> Report:
    """Measure over ``count`` open alerts, with ``rate`` findings a second for so many ``seconds``.

    Raises ``RuntimeError`` where a row of the page does not end as the database has it, and ``SystemExit`` where the pages are not built.
    """
    if not is_built(ConsoleSettings().web):
        sys.exit(NOT_BUILT)
    with tempfile.TemporaryDirectory(prefix="seamwatch-bench-") as folder, PostgresServer() as server:
        sqlite = _database(f"sqlite:///{folder}/console.db", "SQLite", count, rate, seconds, rounds)
        postgres = _database(server.new_database(), "PostgreSQL", count, rate, seconds, rounds)
    both = (sqlite, postgres)
    if any(each.lost for each in both):
        raise RuntimeError(f"rows that do not show what the database has: {sqlite.lost} of SQLite, {postgres.lost} of PostgreSQL")
    rows = [[name, _asked(name), *(f"{each.waits[name] * 1000:.0f} ms" for each in both)] for name in sqlite.waits]
    rows += [
        [f"updates: longest frame of {seconds} s", "100 ms", *(f"{max(each.frames):.0f} ms" for each in both)],
        ["updates: lost", "0", *(f"{each.lost} of {each.updates:,}" for each in both)],
        [f"acknowledgement in a second browser, the slowest of {_SEEN}", "500 ms", *(f"{max(each.acknowledged):.0f} ms" for each in both)],
    ]
    notes = [
        f"{count:,} open alerts, {rate} findings a second with {_OPEN} rows loaded, one in ten a new alert; medians of {rounds} rounds.",
        "Chromium, console and database share the cores. First paint: from the address to the rows in sight, with nothing cached.",
        f"Filters and groups: on a page at rest, from the click to the rows in sight; words from the last of keys that are {_BETWEEN_KEYS} ms apart.",
        "Facets, the counts beside the filters, are asked for once the rows are there: from the same click to their answer.",
        f"Verified: {sqlite.rows} rows over SQLite and {postgres.rows} over PostgreSQL show as many findings as the database has.",
    ]
    return Report("The console", ["", "asked", "SQLite", "PostgreSQL"], rows, notes)


def _asked(name: str) -> str:
    if name.startswith("facets"):
        return "after the rows"
    return "1,000 ms" if name == "first paint" else "200 ms"


def _database(url: str, name: str, count: int, rate: int, seconds: int, rounds: int) -> Seen:
    say(f"{name}: storing {count:,} alerts")
    upgrade(url)
    engine = create_engine(url)
    writer = DatabaseWriter(engine, lambda: time_ns() // 1000)
    chance, now = random.Random(1), datetime.now(UTC)
    for start in range(0, count, _BATCH):
        bodies = [_body(chance, f"f{number}", number, now - timedelta(seconds=number)) for number in range(start, min(count, start + _BATCH))]
        writer.write([record(body, timestamp=time_ns() // 1000) for body in bodies])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sql("VACUUM"))  # as it does by itself, but not while we measure
        connection.execute(sql("ANALYZE"))
    accounts = Accounts(engine)
    for person in ("ada", "bob"):
        accounts.add(person, Role.LEAD, now, password=None)
    with _served(url) as address, sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        say(f"{name}: the list and its filters")
        waits = {"first paint": median(_first_paint(window, accounts, address) for _ in range(rounds))}
        page = _entered(window, accounts, address, "ada")
        page.wait_for_selector(".overview .bars")  # the page is at rest once its counts are there, too
        page.wait_for_timeout(1000)
        waits |= _narrowed(page, rounds)
        say(f"{name}: {rate} findings a second, for {seconds} s")
        frames, found, lost, updates = _updated(page, engine, writer, chance, count, rate, seconds)
        say(f"{name}: what another one did")
        acknowledged = _acknowledged(page, _entered(window, accounts, address, "bob"))
        window.close()
    engine.dispose()
    return Seen(waits, frames, updates, lost, found, acknowledged)


def _body(chance: random.Random, identity: str, alert: int, at: datetime) -> dict[str, Any]:
    """Return a finding of the alert of a number."""
    before, after = chance.sample(_TEAMS, 2)
    when = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    again = {"source": "crm", "id": f"x{identity}", "time": when, "type": "info.requested", "team": after, "channel": chance.choice(("voice", "chat"))}
    return finding(
        identity, alert=f"A{alert:06}", customer=f"c-{alert % 30_000}", journey=f"j-{alert}", time=when, detector=chance.choice(_DETECTORS),
        severity=chance.choice(("warning", "critical")), seam={"from": f"team:{before}", "to": f"team:{after}"}, field=chance.choice(_FIELDS),
        summary=f"{after} asked again what {before} knew, number {alert}", again=again | {"field": "pin", "mask": None},
        rule={"name": f"rule{chance.randrange(8)}"},
    )  # fmt: skip


@contextmanager
def _served(url: str) -> Iterator[str]:
    """Run the console as a process of its own, and give its address."""
    (port,) = free_ports(1)
    environment = os.environ | {"SEAMWATCH_DATABASE": url, "SEAMWATCH_CONSOLE_PORT": str(port)}
    command = [sys.executable, "-m", "seamwatch", "console"]
    process = subprocess.Popen(command, cwd=AS_PYTHON, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = monotonic() + _PATIENCE
        while not _answers(port):
            if monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the console did not start")
            sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _entered(window: Browser, accounts: Accounts, address: str, name: str) -> Page:
    """Return the list in a browser of somebody's own."""
    page = window.new_context(viewport={"width": 1280, "height": 900}, locale="en").new_page()
    page.add_init_script("localStorage.seamwatch ??= JSON.stringify({introduced: true})")
    page.goto(f"{address}/enter#{accounts.make_link(name, datetime.now(UTC))}")
    page.wait_for_selector(".row")
    return page


def _first_paint(window: Browser, accounts: Accounts, address: str) -> float:
    """Return seconds until the list is there, in a browser that has a session and nothing else."""
    page = _entered(window, accounts, address, "ada")
    session = page.context.storage_state()
    page.context.close()
    fresh = window.new_context(viewport={"width": 1280, "height": 900}, locale="en", storage_state=session).new_page()
    fresh.goto(f"{address}/alerts", wait_until="commit")
    taken = float(fresh.evaluate(_PAINTED)) / 1000
    fresh.context.close()
    return taken


def _narrowed(page: Page, rounds: int) -> dict[str, float]:
    """Return seconds by filter, each from the whole list on."""
    waits: dict[str, float] = {}

    def measured(words: str, script: str = _NARROW) -> float:
        taken = []
        for _ in range(rounds):
            taken.append(float(page.evaluate(script, words)))
            page.evaluate(_NARROW, "")
        return median(taken) / 1000

    for name, words in _FILTERS.items():
        waits[f"filter: {name}"] = measured(words)
    for name, (words, typed) in _WORDS.items():
        taken = []
        for _ in range(rounds):
            page.evaluate(_NARROW, words)
            page.focus("#words")
            page.keyboard.type(typed[:-1], delay=_BETWEEN_KEYS)
            page.evaluate(_TYPED)
            page.keyboard.type(typed[-1])
            taken.append(float(page.evaluate("window.typed_")))
            page.evaluate(_NARROW, "")
        waits[f"filter: {name}"] = median(taken) / 1000
    for by in _GROUPS:
        waits[f"group: {'failure' if by == 'detector' else by}"] = measured(f"group={by}")
    page.click(".filters .line [aria-expanded=false]")
    page.wait_for_selector("#facets label")
    for name, words in _FACETS.items():
        waits[f"facets: {name}"] = measured(words, _COUNTED)
    page.click(".filters .line [aria-expanded=true]")
    return waits


def _updated(
    page: Page, engine: Engine, writer: DatabaseWriter, chance: random.Random, count: int, rate: int, seconds: int
) -> tuple[list[float], int, int, int]:
    """Return the frames while findings come in, how many rows were compared afterwards, how many differ, and how many findings came."""
    page.evaluate(_ROWS, _OPEN)
    page.wait_for_timeout(500)
    total, each = rate * seconds, max(1, round(rate * _TICK))

    def write() -> None:
        begun = monotonic()
        for start in range(0, total, each):
            sleep(max(0.0, begun + start / rate - monotonic()))
            bodies = []
            for number in range(start, min(total, start + each)):
                opens = number % 10 == 0
                bodies.append(_body(chance, f"u{number}", count + number if opens else chance.randrange(min(_HIT, count)), datetime.now(UTC)))
            writer.write([record(body, timestamp=time_ns() // 1000) for body in bodies])

    load = Thread(target=write)
    page.evaluate(_WATCH)
    load.start()
    while load.is_alive():
        page.wait_for_timeout(200)
    page.wait_for_timeout(1500)
    frames: list[float] = page.evaluate(_WATCHED)
    shown: dict[str, int] = page.evaluate(_ROWS, _OPEN)
    with engine.connect() as connection:
        stored = dict(connection.execute(select(alerts.c.key, alerts.c.occurrences).where(alerts.c.key.in_(list(shown)))).tuples().all())
    return frames, len(shown), sum(stored.get(key) != times for key, times in shown.items()), total


def _acknowledged(page: Page, other: Page) -> list[float]:
    """Return milliseconds from one person's key to the other's row, for as many alerts as both see."""
    page.evaluate(_NARROW, "severity=critical")
    page.evaluate(_NARROW, "")
    page.bring_to_front()
    page.reload()
    page.wait_for_selector(".row")
    other.reload()
    other.wait_for_selector(".row")
    sleep(1)
    taken = []
    keys: Sequence[str] = [str(key)[4:] for key in page.eval_on_selector_all(".row", "rows => rows.map(row => row.id)")][:_SEEN]
    for key in keys:
        page.focus(f"#row-{key} a")
        other.evaluate(_AWAIT_STATE, key)
        pressed = time() * 1000
        page.keyboard.press("a")
        taken.append(float(other.evaluate("window.seen_")) - pressed)
    return taken
