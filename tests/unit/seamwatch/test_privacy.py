"""A whole simulated day through all roles: what customers said is in no store, no log and no topic that outlives its retention."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from sqlalchemy import create_engine as connect
from sqlalchemy import text

from agents.live.watch import _told
from models.tables import metadata
from seamwatch.mapping import mapper
from sinks.database import create_engine, upgrade
from sinks.metrics import Metrics
from sinks.writer import DatabaseWriter, SinkRecord
from streams.settings import StreamSettings
from streams.simulator import ContactCentre
from streams.sources import load_source
from streams.topics import TopicAdmin, Topics
from tests.unit.agents.support import clock_after
from tests.unit.agents.test_links import PARTITIONS, Topic, forgotten, moment

START = datetime(2026, 3, 2, tzinfo=UTC)
NAMES = Topics("seamwatch")
OF_CUSTOMERS = ("findings", "alerts", "alert_changes", "briefs", "customer_aliases")


class Day(Topic):
    """A topic whose effects go to a database, and are kept as topics hold them."""

    def __init__(self, database: str) -> None:
        super().__init__()
        self.writer = DatabaseWriter(create_engine(database), lambda: int(START.timestamp() * 1e6))
        self.told: dict[str, list[bytes]] = {name: [] for name in (NAMES.alerts, NAMES.briefs, NAMES.scores, NAMES.tallies)}

    def deliver(self, number: int, effects: Any) -> None:
        """Write all that the sinks read, and the marks where they belong."""
        super().deliver(number, effects)
        records: list[SinkRecord] = []
        first = self.committed[number]
        for topic, pairs, places in (
            (NAMES.alerts, effects.findings, [(mark.findings, mark) for mark in effects.marks]),
            (NAMES.briefs, effects.briefs, [(mark.briefs, mark) for mark in effects.marks if mark.what == "forgotten"]),
            (NAMES.scores, effects.customer_scores, []),
        ):
            records += [SinkRecord(topic, number, 0, 0, each.key, each.value, each.headers) for each in _told(topic, number, pairs, places, first)]
            self.told[topic] += [part for pair in pairs for part in pair if part is not None]
        self.told[NAMES.tallies] += [part for pair in effects.tallies for part in pair]
        self.writer.write(records)


def said(touchpoint: dict[str, Any]) -> list[str]:
    """Return the words and values that a touchpoint holds, but for facts, of which a brief shows a plain word; shorter ones are found everywhere."""
    data = {} if touchpoint["type"] == "fact.stated" else touchpoint.get("data", {})
    return [each for each in (data.get("value"), data.get("text"), data.get("note")) if isinstance(each, str) and len(each) > 5]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Day, Path, list[dict[str, Any]], str]:
    """Play a day; give its topic, its database, what was said and what was logged."""
    path = tmp_path_factory.mktemp("day") / "day.db"
    logged: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    upgrade(f"sqlite:///{path}")
    logging.getLogger().addHandler(handler)
    try:
        topic = Day(f"sqlite:///{path}")
        deliveries = ContactCentre(5, customers=60, mishap_rate=0.4, mess_rate=0.1).stream(START, 0.03)
        points = [each.touchpoint for each in takewhile(lambda each: each.due < START + timedelta(days=1), deliveries)]
        topic.feed(*points)
        topic.settle()
        topic.end(clock_after(points))
    finally:
        logging.getLogger().removeHandler(handler)
    return topic, path, points, "\n".join(logged)


def test_what_was_said_on_a_day_is_in_no_store(day: tuple[Day, Path, list[dict[str, Any]], str]) -> None:
    """Not in findings, briefs, scores, tallies, the changelog or moved timelines, nor in the database's file, the log or the metrics."""
    topic, path, points, logged = day
    values = {each for point in points for each in said(point)}
    assert len(values) > 100
    assert {len(kept) > 20 for kept in topic.told.values()} == {True}
    moved = [record.value or b"" for log in topic.logs for record in log if (record.value or b"").startswith(b'{"seamwatch":"moved"')]
    assert moved
    metrics = Metrics("test", lambda score, now: score.value)
    for owner in topic.owners:
        counts = owner.take_counts()
        metrics.touchpoints(counts.touchpoints)
        metrics.dead_letters(counts.dead_letters)
        metrics.unwatched(counts.unwatched)
    stores = {name: b"\n".join(kept) for name, kept in topic.told.items()} | {
        NAMES.changelog: b"\n".join(part for rows in topic.rows for row in rows for part in row if part is not None),
        "moved timelines": b"\n".join(moved),
        "database": path.read_bytes() + path.with_name("day.db-wal").read_bytes() if path.with_name("day.db-wal").exists() else path.read_bytes(),
        "log": logged.encode(),
        "metrics": generate_latest(metrics.registry),
    }
    found = {name: [each for each in values if each.encode() in kept or json.dumps(each).encode()[1:-1] in kept] for name, kept in stores.items()}
    assert {name: each for name, each in found.items() if each} == {}


def test_topics_that_hold_what_was_said_are_kept_for_a_week() -> None:
    """Raw records, touchpoints and dead letters are deleted a week after they came, a day later at most; what compacted topics held before is gone as soon."""
    specs = {spec.name: spec.settings for spec in TopicAdmin(StreamSettings(bootstrap="", sources=("crm",))).specs}
    kept = {NAMES.raw("crm"), NAMES.touchpoints, NAMES.dead_letters, NAMES.alerts, NAMES.briefs, NAMES.invitations}
    compacted = {NAMES.tallies, NAMES.scores, NAMES.changelog}
    assert specs.keys() == kept | compacted
    day = 86_400_000
    for name in kept:
        assert specs[name].items() >= {"cleanup.policy": "delete", "retention.ms": str(7 * day), "segment.ms": str(day)}.items()
    for name in compacted:
        assert specs[name].items() >= {"cleanup.policy": "compact", "max.compaction.lag.ms": str(7 * day)}.items()


def test_the_document_says_of_every_table_and_topic_what_it_holds() -> None:
    """A table or topic that is added has its place in docs/privacy.md."""
    document = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text()
    topics = {spec.name.removeprefix("seamwatch.") for spec in TopicAdmin(StreamSettings(bootstrap="", sources=())).specs}
    named = set(re.findall(r"`(?:<prefix>\.)?([a-z_-]+)`", document))
    assert (set(metadata.tables) | topics) - named == set()


def test_names_from_sources_are_pseudonyms_at_the_door() -> None:
    """Neither a customer's nor an agent's name or address of a mapped source comes out of its mapping as who somebody is."""
    key = b"0123456789abcdef"
    raw = {
        "event": "message_created", "id": 7, "content": "hello", "message_type": "incoming", "created_at": "2026-03-02T09:00:00.000Z",
        "sender": {"id": 4711, "name": "Erika Muster", "email": "erika@example.org", "type": "contact"},
        "conversation": {"id": 9, "channel": "Channel::WebWidget", "meta": {"sender": {"id": 4711, "email": "erika@example.org"}}},
        "account": {"id": 1, "name": "acme"}, "inbox": {"id": 1, "name": "site"},
    }  # fmt: skip
    mapped = mapper(load_source("chatwoot", key))(json.dumps(raw).encode(), ())
    assert mapped
    for record_key, value in mapped:
        touchpoint = json.loads(value)
        assert touchpoint["customer"].startswith("c-")
        assert record_key is not None
        assert not any(each in value + record_key for each in (b"Erika", b"example.org"))


def test_when_everybody_is_forgotten_nothing_is_left(day: tuple[Day, Path, list[dict[str, Any]], str]) -> None:
    """After `customer.forgotten` for each customer the database has no row of one, and the changelog no touchpoint."""
    topic, path, points, _ = day
    time = moment(clock_after(points))
    customers = sorted({(each.get("tenant", "default"), each["customer"]) for each in points})
    with connect(f"sqlite:///{path}").connect() as connection:
        before = {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() for table in OF_CUSTOMERS}
    assert all(before.values())
    topic.feed(*(forgotten(number, customer, time) | {"tenant": tenant} for number, (tenant, customer) in enumerate(customers)))
    topic.settle()
    with connect(f"sqlite:///{path}").connect() as connection:
        left = {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() for table in OF_CUSTOMERS}
        scores = connection.execute(text("SELECT count(*) FROM scores WHERE scope IN ('customer', 'journey')")).scalar()
    assert (left, scores) == (dict.fromkeys(OF_CUSTOMERS, 0), 0)
    assert not any(each.entries for number in range(PARTITIONS) for each in topic.owner(number).customers())
