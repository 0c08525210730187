"""The role `insight` on real servers, killed on the way; and the report that is made of it, in a real browser."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from playwright.sync_api import Browser
from sqlalchemy import select

from agents.observer import Observer
from agents.partition import Record
from config.invitations import load_invitations
from config.rules import load_rulebook
from config.settings import Settings
from models.tables import customers, day_counts, invitations, observed
from seamwatch.observing import observe, portfolio_terms
from sinks.database import create_engine, upgrade
from sinks.errors import Conflict
from sinks.observing import ObservedStore
from tests.support.portrait import paint
from tests.support.workers import Installation, stored, until
from tests.unit.seamwatch.support import run
from tests.unit.seamwatch.test_observing import claim, everything, records, taken, touchpoint

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _touchpoints() -> list[dict[str, Any]]:
    random, made = Random(11), []
    for number in range(3000):
        customer, kind = f"c-{number % 150}", random.choice(["contact.answered", "contact.ended", "message", "survey.answered", "account.updated"])
        told = {"id": f"e{number}", "source": "s", "type": kind, "time": (START + timedelta(minutes=20 * number)).isoformat(), "customer": customer}
        told |= {"channel": random.choice(["voice", "chat"]), "contact": f"k-{number // 300}-{customer}"}
        actor = {"kind": "customer"} if kind == "survey.answered" else {"kind": "agent", "team": random.choice(["sales", "billing", "tech"])}
        data = {
            "message": {"text": "hello"},
            "survey.answered": {"survey": "contact", "metric": "csat", "score": random.randint(0, 5), "minimum": 1, "maximum": 5},
            "account.updated": {"billed_revenue": random.randint(-100, 3000)},
        }
        made.append(told | {"actor": actor, "data": data.get(kind, {})})
    return made


def _all(engine: Any) -> tuple[Any, Any, Any]:
    with engine.connect() as connection:
        counts = {(*row[:5],): (row[5], round(row[6], 6)) for row in connection.execute(select(day_counts)) if row[5]}
        known = {(row.tenant, row.customer): row.state for row in connection.execute(select(customers))}
        return counts, known, {row.id: row.body for row in connection.execute(select(invitations))}


def test_each_touchpoint_counts_once_though_a_worker_is_killed(installation: Installation, database_url: str, tmp_path: Path) -> None:
    """Two workers share the partitions, one is killed: customers, counts and invitations are those of one pass over the log, and so is the topic."""
    touchpoints = _touchpoints()
    installation.prepare()
    first, second = (installation.start("--roles", "insight") for _ in range(2))
    first.wait_ready()
    second.wait_ready()
    assert (first.metric("ready"), second.metric("ready")) == (1, 1)
    installation.produce(touchpoints[:2000])
    until(lambda: (stored(database_url, "SELECT coalesce(sum(next_offset), 0) FROM observed")[0][0] or 0) > 500)
    first.process.kill()
    installation.produce(touchpoints[2000:])
    until(lambda: stored(database_url, "SELECT sum(next_offset) FROM observed")[0][0] == len(touchpoints), told=second.tail)

    url = f"sqlite:///{tmp_path}/expected.db"
    upgrade(url)
    rulebook = load_rulebook()
    terms = portfolio_terms(Settings(), rulebook)
    alone = create_engine(url)
    log = [Record(n, None, f"default/{each['customer']}".encode(), json.dumps(each).encode()) for n, each in enumerate(touchpoints)]
    with ObservedStore(alone).batch("t", 0) as batch:
        observe(batch, Observer(rulebook.engine, load_invitations(), terms), terms, log, lambda sent: None)
    engine = create_engine(database_url)
    expected, found = _all(alone), _all(engine)
    with engine.connect() as connection:
        assert {row.topic for row in connection.execute(select(observed))} == {f"{installation.prefix}.touchpoints"}
    engine.dispose()
    alone.dispose()
    assert found == expected
    assert Counter(body["rule"] for body in found[2].values()).keys() == {"after_contact", "rescue"}
    assert _published(installation) == found[2]


def test_two_partitions_that_come_to_one_customer_wait_for_each_other(database_url: str, tmp_path: Path) -> None:
    """An alias's partition and its customer's are read at once, record by record, on PostgreSQL: all is counted as if it had been one key in one log."""
    made = [touchpoint(n, 700 * n, "contact.answered", f"agent:{'abc'[n % 3]}", contact=f"k{n // 7}") for n in range(48)]
    theirs = records({**each, "customer": "v-1"} for each in made[1::2])
    logs = [records(made[::2]), [claim(0, "v-1"), *(record._replace(offset=record.offset + 1) for record in theirs)]]
    alone = f"sqlite:///{tmp_path}/alone.db"
    upgrade(alone)
    engine = create_engine(alone)
    taken(engine, records(made))
    expected = everything(engine)
    engine.dispose()
    upgrade(database_url)
    engine = create_engine(database_url)

    def read(partition: int) -> None:
        for record in logs[partition]:
            while True:
                try:
                    taken(engine, [record], partition=partition)
                    break
                except Conflict:
                    continue

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(read, range(2))) == [None, None]
    found = everything(engine)
    engine.dispose()
    assert found == expected


def _published(installation: Installation) -> dict[str, Any]:
    """Return what is on the topic of invitations, by id: the same id always says the same."""
    reader = KafkaConsumer(bootstrap_servers=installation.bootstrap, enable_auto_commit=False)
    partitions = [TopicPartition(f"{installation.prefix}.invitations", number) for number in range(installation.partitions)]
    reader.assign(partitions)
    reader.seek_to_beginning(*partitions)
    ends, told = reader.end_offsets(partitions), dict[str, Any]()
    while any(reader.position(tp) < end for tp, end in ends.items()):
        for polled in reader.poll(500).values():
            for record in polled:
                body = json.loads(record.value)
                assert record.key == f"default/{body['customer']}".encode()
                assert told.setdefault(body["id"], body) == body
    reader.close()
    return told


def test_the_report_is_printed_in_every_language(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chromium asks for nothing else, has nothing to complain of, prints at most four sheets of A4, and a phone needs no scrolling sideways."""
    url = f"sqlite:///{tmp_path}/painted.db"
    upgrade(url)
    engine = create_engine(url)
    paint(engine, START + timedelta(days=6), days=6, journeys=40)
    engine.dispose()
    monkeypatch.setenv("SEAMWATCH_DATABASE", url)
    for language in ("en", "de", "zh-Hans", "fa"):
        file = tmp_path / f"{language}.html"
        assert run("report", "--from", "2026-03-04", "--to", "2026-03-08", "--out", str(file), "--language", language).exit_code == 0
        page = browser.new_page(viewport={"width": 390, "height": 844})
        asked, complaints = list[str](), list[str]()
        page.on("request", lambda request: asked.append(request.url))  # noqa: B023  # used before the next turn
        page.on("console", lambda message: complaints.append(message.text))  # noqa: B023  # as above
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("getComputedStyle(document.body).direction") == ("rtl" if language == "fa" else "ltr")
        printed = page.pdf(prefer_css_page_size=True, print_background=True)
        assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4
        assert (asked, complaints) == ([file.as_uri()], [])
        page.close()
