"""The writer on SQLite."""

import json
import sqlite3
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from models.tables import findings
from sinks import records
from sinks.database import create_engine, upgrade
from sinks.records import FindingRecord, SinkRecord
from sinks.writer import DatabaseUnavailable, DatabaseWriter
from tests.support.properties import examples
from tests.unit.sinks.builders import clear, clock, everything, finding, letter, moment, record, rows, score, split
from tests.unit.sinks.conformance import Conformance

_ODD: dict[str, list[Any]] = {
    "customer": ["c-1007", "a\tb", "\\u0000", "\x00", "é\x7f", "x" * 513, ""],
    "summary": ["asked again", 'the "revision":1} of it', "\U0001f600", 7],
    "time": [moment(1), "2026-03-02T10:14:05+01:00", "2026-03-02T09:14:05.1234567Z", "2026-03-02T09:14:05", "9999-12-31T23:59:59-05:00"],
    "seam": [None, {"from": "team:a", "to": "team:b"}, {"from": "team:a"}],
    "revision": [1, 2, 0, 2**63],
    "unknown": [1],
}
_ODD_SCORE: dict[str, list[Any]] = {
    "name": ["tech", "sales", "a\nb"],
    "value": [50.0, None, float("nan")],
    "half_life": [3600, 2**63],
    "as_of": [moment(1), moment(2), "2026-03-02T09:15:05.1200019Z", "2026-03-02T10:15:05.120001+01:00", "9999-12-31T23:59:59-05:00"],
}


class TestSqlite(Conformance):
    """SQLite conforms."""


def test_times_sort_and_read_as_text(engine: Engine) -> None:
    """A time in SQLite is text of fixed width in UTC that the database's own functions understand."""
    DatabaseWriter(engine, clock).write([record(finding(time="2026-03-02T10:14:05+01:00"))])
    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT time, datetime(time) FROM findings").one()
    assert tuple(stored) == ("2026-03-02T09:14:05.000000Z", "2026-03-02 09:14:05")


def test_a_full_disk_is_waited_for(engine: Engine) -> None:
    """When the disk is full the writer says when to come again, later each time, and goes on when there is room."""
    writer = DatabaseWriter(engine, clock)
    writer.write([record(finding("f0"))])
    engine.dispose()
    pages = [1]

    @event.listens_for(engine, "checkout")
    def _limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages[0]}")

    batch = [record(finding(f"f{number}", summary="x" * 1000)) for number in range(200)]
    waits = []
    for _ in range(8):
        with pytest.raises(DatabaseUnavailable, match="full") as raised:
            writer.write(batch)
        waits.append(raised.value.retry_after)
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    pages[0] = 1_000_000
    assert writer.write(batch).findings == 199
    assert rows(engine, "alerts", "occurrences") == [(200,)]


def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    """While another program holds the write lock the writer gives way with an error that asks to try again."""
    url = f"sqlite:///{tmp_path / 'seamwatch.db'}?timeout=0.05"
    upgrade(url)
    other = sqlite3.connect(tmp_path / "seamwatch.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine = create_engine(url)
    writer = DatabaseWriter(engine, clock)
    with pytest.raises(DatabaseUnavailable, match="locked"):
        writer.write([record(finding())])
    other.execute("ROLLBACK")
    assert writer.write([record(finding())]).findings == 1
    other.close()
    engine.dispose()


def test_a_missing_table_is_a_bug(tmp_path: Path) -> None:
    """A database without tables is not waited for: the error goes through."""
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(Exception, match="no such table"):
        DatabaseWriter(engine, clock).write([record(finding())])
    engine.dispose()


def test_a_topic_that_is_none_of_the_three_is_a_bug(engine: Engine) -> None:
    """A record of a topic that the sinks do not know is refused by the topic's name."""
    with pytest.raises(ValueError, match=r"seamwatch\.touchpoints: expected"):
        DatabaseWriter(engine, clock).write([record(finding(), "seamwatch.touchpoints")])


def test_prefixes_may_hold_dots(engine: Engine) -> None:
    """Only the end of a topic's name tells what it holds."""
    assert DatabaseWriter(engine, clock).write([record(finding(), "eu.prod-1.alerts")]).findings == 1


def test_many_malformed_records_do_not_flood_the_log(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Of a batch full of malformed records ten are logged, and the number of the others."""
    written = DatabaseWriter(engine, clock).write([record(b"{")] * 1000)
    assert sum(written.malformed.values()) == 1000
    assert len(caplog.records) == 11
    assert "990 more" in caplog.text


def test_a_record_has_the_columns_of_its_table() -> None:
    """What is kept of a finding is its row, in the order of the table's columns."""
    assert (*FindingRecord._fields[:-2], "updated") == tuple(column.name for column in findings.columns)


@st.composite
def odd_records(draw: st.DrawFn) -> list[SinkRecord]:
    """Draw findings, scores and dead letters of which some are odd and some are none, their keys in any order."""
    offsets = count()

    def odd(choices: dict[str, list[Any]]) -> dict[str, Any]:
        chosen = draw(st.sets(st.sampled_from(sorted(choices)), max_size=2))
        return {name: draw(st.sampled_from(choices[name])) for name in sorted(chosen)}

    def one() -> SinkRecord:
        kind = draw(st.sampled_from(["finding", "finding", "score", "letter", "none"]))
        if kind == "finding":
            body = finding(draw(st.sampled_from("fgh")), draw(st.integers(1, 3)), alert=draw(st.sampled_from("AB")), withdrawn=draw(st.booleans()))
            body |= odd(_ODD)
            if draw(st.booleans()):
                body["revision"] = body.pop("revision")
            value = json.dumps(body, separators=(",", draw(st.sampled_from([":", " : "]))), ensure_ascii=draw(st.booleans()))
            return record((draw(st.sampled_from(["{", '{"revision":9,'])) + value[1:]).encode(), offset=next(offsets))
        if kind == "score":
            return score(offset=next(offsets), **odd(_ODD_SCORE))
        return letter(draw(st.integers(0, 2))) if kind == "letter" else record(draw(st.sampled_from([None, b"{", b"[]"])), offset=next(offsets))

    return [one() for _ in range(draw(st.integers(1, 8)))]


def test_records_read_in_bulk_are_what_the_models_make_of_each(engine: Engine) -> None:
    """Whatever comes together, all tables are those of a writer whose every record is read alone, by its model; without the steps of alerts
    they are those of a writer that is given one record at a time.
    """

    def written(batches: Sequence[Sequence[SinkRecord]]) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        clear(engine)
        writer = DatabaseWriter(engine, clock)
        refused = sum(sum(writer.write(batch).malformed.values()) for batch in batches)
        return refused, everything(engine)

    @examples(150)
    @given(odd_records(), st.lists(st.integers(0, 8), max_size=3))
    def check(log: list[SinkRecord], cuts: list[int]) -> None:
        batches = split(log, cuts)
        refused, found = written(batches)
        assert not any("revision" in row["body"] for row in found["findings"])
        with (
            mock.patch.object(records, "is_plain", return_value=False),
            mock.patch.object(records._FINDING, "_decode_with_care", return_value=None),
            mock.patch.object(records._SCORE, "_decode_with_care", return_value=None),
        ):
            assert written(batches) == (refused, found)
        refused_alone, alone = written([[each] for each in log])
        same = ("findings", "scores", "dead_letters")
        assert (refused_alone, [alone[table] for table in same]) == (refused, [found[table] for table in same])
        assert [(row["key"], row["occurrences"]) for row in alone["alerts"]] == [(row["key"], row["occurrences"]) for row in found["alerts"]]

    check()
