"""What every database must pass: the same rows however often, in whatever order and in whatever pieces records come."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, update

from models.alert import AlertState
from models.brief import Brief
from models.tables import alerts
from sinks.alerts import follow, list_alerts, show_alert
from sinks.briefs import latest_brief
from sinks.database import check_schema
from sinks.records import SinkRecord
from sinks.scores import entity_scores
from sinks.writer import DatabaseWriter
from tests.support.properties import examples
from tests.unit.sinks.builders import (
    START,
    brief,
    clear,
    clock,
    everything,
    finding,
    letter,
    moment,
    record,
    rows,
    score,
    split,
)

_ALERT = ("key", "state", "resolution", "severity", "first_seen", "last_seen", "occurrences")
_CHANGE = ("alert", "version", "from_state", "to_state", "reason", "actor")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[SinkRecord], list[SinkRecord], list[int]]:
    """Draw revisions of a few findings, the same shuffled and with repeats, and where to cut."""
    versions = draw(
        st.sets(st.tuples(st.sampled_from("fgh"), st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=8)
    )
    log = []
    for identity, revision, rule_version in sorted(versions):
        content = finding(
            identity,
            revision,
            minutes=draw(st.integers(0, 3)),
            alert=draw(st.sampled_from("AB")),
            withdrawn=draw(st.booleans()),
            severity=draw(st.sampled_from(["info", "warning", "critical"])),
            explained_by=draw(st.sampled_from([None, None, "x"])),
            rule={"version": rule_version, "mode": draw(st.sampled_from(["on", "on", "shadow"]))},
        )
        log.append(record(content))
    shuffled = draw(st.permutations(log + draw(st.lists(st.sampled_from(log), max_size=4))))
    return log, shuffled, draw(st.lists(st.integers(0, 20), max_size=6))


def expected(log: list[SinkRecord]) -> tuple[dict[str, Any], dict[str, int]]:
    """Return, from the definition, the bodies that stay and the occurrences of each alert."""
    final: dict[str, dict[str, Any]] = {}
    occurrences: dict[str, int] = {}
    for item in log:
        body = json.loads(item.value or b"")
        if _standing(body):
            occurrences[body["alert"]] = 0
        old = final.get(body["id"])
        if old is None or _rank(body) > _rank(old):
            final[body["id"]] = body
    for body in final.values():
        if _standing(body):
            occurrences[body["alert"]] += 1
    return {
        key: {name: value for name, value in body.items() if name != "revision"} for key, body in final.items()
    }, occurrences


def _rank(body: dict[str, Any]) -> tuple[int, int]:
    return body["revision"], body["rule"]["version"]


def _standing(body: dict[str, Any]) -> bool:
    return (
        not body["withdrawn"]
        and body["severity"] != "info"
        and body["explained_by"] is None
        and body["rule"]["mode"] == "on"
    )


class Conformance:
    """Tests of a writer on the fixture ``engine``, an up-to-date and empty database."""

    @pytest.fixture
    def writer(self, engine: Engine) -> DatabaseWriter:
        """Give a writer."""
        return DatabaseWriter(engine, clock)

    def test_the_schema_is_the_one_that_the_program_needs(self, engine: Engine) -> None:
        """A database that was upgraded passes the check at start."""
        check_schema(engine)

    def test_any_order_repeats_and_batches_give_the_same_findings_and_alerts(self, engine: Engine) -> None:
        """Findings, alert keys, occurrences, severity and times depend on the records alone, not on how they came."""

        @examples(150)
        @given(histories())
        def check(history: tuple[list[SinkRecord], list[SinkRecord], list[int]]) -> None:
            log, shuffled, cuts = history
            bodies, occurrences = expected(log)
            left = []
            for batches in ([log], split(shuffled, cuts)):
                clear(engine)
                writer = DatabaseWriter(engine, clock)
                for batch in batches:
                    writer.write(batch)
                assert dict(rows(engine, "findings", "id", "body")) == bodies
                assert dict(rows(engine, "alerts", "key", "occurrences")) == occurrences
                standing = [row for row in rows(engine, "alerts", *_ALERT) if row[-1]]
                left.append([(row[0], *row[3:]) for row in standing])
                assert all((row[1] == "resolved") == (row[-1] == 0) for row in rows(engine, "alerts", *_ALERT))
            assert left[0] == left[1]

        check()

    def test_a_batch_written_twice_changes_nothing(self, engine: Engine, writer: DatabaseWriter) -> None:
        """Writing a batch again leaves every row as it is, versions too, and counts no change."""
        batch = [record(finding()), record(finding("f2", minutes=1, severity="critical")), score(), letter()]
        first = writer.write(batch)
        before = everything(engine)
        again = writer.write(batch)
        assert everything(engine) == before
        assert (first.findings, first.alerts, again.findings, again.alerts) == (2, 1, 0, 0)
        assert len(first.latencies) == 2
        assert again.latencies == []

    def test_a_finding_opens_an_alert(self, engine: Engine, writer: DatabaseWriter) -> None:
        """The first standing finding opens its alert and says so in the audit."""
        writer.write([record(finding())])
        assert rows(engine, "alerts", *_ALERT) == [("A", "open", None, "warning", START, START, 1)]
        assert rows(engine, "alert_changes", *_CHANGE) == [("A", 1, None, "open", "first_finding", "seamwatch")]

    def test_an_alert_is_recomputed_from_its_findings(self, engine: Engine, writer: DatabaseWriter) -> None:
        """Severity, first and last seen and occurrences are those of the findings that stand, to the microsecond."""
        writer.write([record(finding("f1", minutes=2))])
        writer.write([record(finding("f2", minutes=1, severity="critical")), record(finding("f3", minutes=5))])
        later = START + timedelta(minutes=5)
        assert rows(engine, "alerts", *_ALERT) == [
            ("A", "open", None, "critical", START + timedelta(minutes=1), later, 3)
        ]
        writer.write([record(finding("f2", 2, minutes=1, severity="critical", withdrawn=True))])
        assert rows(engine, "alerts", *_ALERT) == [
            ("A", "open", None, "warning", START + timedelta(minutes=2), later, 2)
        ]

    def test_the_higher_revision_wins(self, engine: Engine, writer: DatabaseWriter) -> None:
        """A lower revision that comes later is left out; of one revision the higher rule version stays."""
        writer.write([record(finding("f1", 2, reason="same_segment"))])
        writer.write([record(finding("f1", 1))])
        assert rows(engine, "findings", "revision", "reason") == [(2, "same_segment")]
        writer.write([record(finding("f1", 2, reason="across_channels", rule={"version": 2}))])
        writer.write([record(finding("f1", 2, reason="same_segment"))])
        assert rows(engine, "findings", "revision", "rule_version", "reason") == [(2, 2, "across_channels")]

    def test_the_body_is_the_finding_without_its_revision(self, engine: Engine, writer: DatabaseWriter) -> None:
        """What the database holds is what came, in every script."""
        writer.write([record(finding(revision=4))])
        body = finding(revision=4)
        del body["revision"]
        assert rows(engine, "findings", "body", "revision") == [(body, 4)]

    def test_a_changed_key_recomputes_both_alerts(self, engine: Engine, writer: DatabaseWriter) -> None:
        """A revision that names another alert takes the finding from the one and gives it to the other."""
        writer.write([record(finding("f1")), record(finding("f2", minutes=1))])
        writer.write([record(finding("f1", 2, alert="B"))])
        assert rows(engine, "alerts", "key", "state", "occurrences") == [("A", "open", 1), ("B", "open", 1)]
        writer.write([record(finding("f2", 2, minutes=1, alert="B"))])
        assert rows(engine, "alerts", "key", "state", "occurrences") == [("A", "resolved", 0), ("B", "open", 2)]

    def test_an_alert_whose_findings_are_all_withdrawn_is_resolved(
        self, engine: Engine, writer: DatabaseWriter
    ) -> None:
        """The last withdrawal resolves the alert, with its reason in the audit, and a finding that stands again
        reopens it.
        """
        writer.write([record(finding())])
        writer.write([record(finding("f1", 2, withdrawn=True))])
        assert rows(engine, "alerts", "state", "resolution", "occurrences") == [("resolved", "withdrawn", 0)]
        writer.write([record(finding("f1", 3))])
        assert rows(engine, "alerts", "state", "resolution", "occurrences") == [("reopened", None, 1)]
        assert rows(engine, "alert_changes", *_CHANGE) == [
            ("A", 1, None, "open", "first_finding", "seamwatch"),
            ("A", 2, "open", "resolved", "withdrawn", "seamwatch"),
            ("A", 3, "resolved", "reopened", "stands_again", "seamwatch"),
        ]

    @pytest.mark.parametrize(
        "change", [{"severity": "info"}, {"explained_by": "f0"}, {"rule": {"mode": "shadow"}}, {"withdrawn": True}]
    )
    def test_what_does_not_stand_opens_no_alert(
        self, engine: Engine, writer: DatabaseWriter, change: dict[str, Any]
    ) -> None:
        """Findings that are info, explained, of a rule in shadow or withdrawn are stored and alert nobody."""
        writer.write([record(finding(**change))])
        assert rows(engine, "findings", "id", "standing") == [("f1", False)]
        assert rows(engine, "alerts", "key") == []

    @pytest.mark.parametrize(
        ("resolution", "new", "state"),
        [
            ("fixed", finding("f2", minutes=1), "reopened"),
            ("fixed", finding("f2", minutes=-1), "resolved"),
            ("fixed", finding("f1", 2, minutes=1), "resolved"),
            ("expired", finding("f2", minutes=1, severity="info"), "resolved"),
            ("false_positive", finding("f2", minutes=1), "resolved"),
            ("false_positive", finding("f2", minutes=1, rule={"version": 2}), "reopened"),
            ("false_positive", finding("f2", minutes=1, rule={"name": "other_rule"}), "reopened"),
        ],
    )
    def test_a_resolved_alert_reopens_for_something_new_alone(
        self, engine: Engine, writer: DatabaseWriter, resolution: str, new: dict[str, Any], state: str
    ) -> None:
        """What operators resolved opens again for a later finding, after a false positive only under another rule
        version.
        """
        writer.write([record(finding())])
        judged = {"repeated_request": 1} if resolution == "false_positive" else None
        with engine.begin() as connection:
            connection.execute(
                update(alerts).values(
                    state="resolved", resolution=resolution, seen_until=START, judged_rules=judged, assignee="ada"
                )
            )
        writer.write([record(new)])
        assert rows(engine, "alerts", "state", "assignee") == [(state, "ada")]

    def test_what_operators_did_to_an_open_alert_stays(self, engine: Engine, writer: DatabaseWriter) -> None:
        """A further finding leaves an acknowledged alert acknowledged, and its assignee."""
        writer.write([record(finding())])
        with engine.begin() as connection:
            connection.execute(update(alerts).values(state="acknowledged", assignee="ada"))
        writer.write([record(finding("f2", minutes=1))])
        assert rows(engine, "alerts", "state", "assignee", "occurrences", "version") == [("acknowledged", "ada", 2, 2)]

    def test_scores_keep_the_latest(self, engine: Engine, writer: DatabaseWriter) -> None:
        """Of one score the latest moment stays, of one moment the highest sequence, then the later record; one without a value deletes its row."""
        writer.write([score(50.0, minutes=1, offset=5), score(40.0, minutes=0, offset=6)])
        assert rows(engine, "scores", "value") == [(50.0,)]
        writer.write([score(60.0, minutes=1, offset=4)])
        assert rows(engine, "scores", "value") == [(50.0,)]
        writer.write([score(70.0, minutes=1, offset=7), score(30.0, name="x" * 900 + "é" * 900)])
        assert sorted(value for (value,) in rows(engine, "scores", "value")) == [30.0, 70.0]
        read = {item.name: item for item in entity_scores(engine)}["tech"]
        assert (read.value, read.components["harm"], read.as_of) == (
            70.0,
            0.1234567890123,
            START + timedelta(minutes=1),
        )
        writer.write([score(80.0, minutes=1, offset=8, sequence=3), score(90.0, minutes=1, offset=9, sequence=2)])
        writer.write([score(90.0, minutes=1, offset=10, sequence=2), score(None, minutes=1, offset=11, sequence=2)])
        assert sorted(value for (value,) in rows(engine, "scores", "value")) == [30.0, 80.0]
        writer.write([score(None, minutes=0, offset=12, sequence=4)])
        assert len(rows(engine, "scores", "value")) == 2
        writer.write([score(None, minutes=2, offset=13)])
        assert rows(engine, "scores", "value") == [(30.0,)]

    @pytest.mark.parametrize("beside", [0, 60], ids=["row by row", "copied"])
    def test_a_score_that_ended_comes_back_with_a_later_one_only(self, engine: Engine, writer: DatabaseWriter, beside: int) -> None:
        """An earlier one that a worker tells late leaves no row, alone or among many, before the end in its batch or long after it; a later one does."""
        others = [score(90.0, name=f"team-{number}") for number in range(beside)]
        writer.write([score(50.0, minutes=1, offset=1)])
        writer.write([score(None, minutes=2, offset=2, sequence=5), score(50.0, minutes=1, offset=3)])
        writer.write([*others, score(50.0, minutes=1, offset=4), score(None, minutes=0, offset=5)])
        writer.write([*others, score(40.0, minutes=2, offset=6, sequence=4)])
        assert "tech" not in [name for (name,) in rows(engine, "scores", "name")]
        writer.write([*others, score(60.0, minutes=2, offset=7, sequence=6)])
        writer.write([*others, score(None, minutes=2, offset=8, sequence=5)])
        assert [value for name, value in rows(engine, "scores", "name", "value") if name == "tech"] == [60.0]

    def test_the_latest_brief_of_each_journey_stays(self, engine: Engine, writer: DatabaseWriter) -> None:
        """By the time that it is of, then by its place in the topic, in whatever batches they come; found by journey and by customer, as it was sent."""
        writer.write([brief(minutes=1, offset=3, id="second"), brief(minutes=0, offset=4, id="first")])
        writer.write([brief(minutes=0, offset=5, id="first"), brief(journey="j-2", offset=6, id="other", tenant="bmce")])
        assert sorted(rows(engine, "briefs", "journey", "id")) == [("j-1", "second"), ("j-2", "other")]
        writer.write([brief(minutes=1, offset=7, id="second", intent="move")])
        for name in ("j-1", "c-1007"):
            found = latest_brief(engine, name)
            assert found is not None
            assert (found.id, found.intent, found.time) == ("second", "move", START + timedelta(minutes=1))
            assert found == Brief.model_validate_json(brief(minutes=1, id="second", intent="move").value or b"")
        assert getattr(latest_brief(engine, "c-1007", tenant="bmce"), "id", None) == "other"
        assert latest_brief(engine, "j-3") is None

    def test_dead_letters_are_listed_by_their_origin(self, engine: Engine, writer: DatabaseWriter) -> None:
        """A dead letter is one row with topic, partition, offset and reason, however often it comes."""
        writer.write([letter(7), letter(7), letter(8, reason=b"too_late", detail=b"old \xff\x00")])
        writer.write([letter(7)])
        assert rows(engine, "dead_letters", "topic", "partition", "offset", "reason", "detail") == [
            ("seamwatch.raw.xes", 2, 7, "malformed_json", "expected a value"),
            ("seamwatch.raw.xes", 2, 8, "too_late", "old �"),
        ]

    @pytest.mark.parametrize(
        "bad",
        [
            record(None),
            record(b""),
            record(b"{"),
            record(b"\xff\xfe"),
            record(b"[]"),
            record(b"[" * 100_000),
            record({"id": "c-secret"}),
            record(finding() | {"unknown-c-secret": 1}),
            record(finding(time="2026-03-02T09:14:05")),
            record(finding(time="9999-12-31T23:59:59-05:00")),
            record(finding(summary="c-secret\x00")),
            record(json.dumps(finding()).replace("k-55", "\\ud800").encode()),
            record(finding(customer="c-secret" * 200)),
            record(finding(revision=2**63)),
            record(finding(revision=0)),
            record(finding(identity="")),
            record(None, "seamwatch.scores"),
            score(float("nan")),
            score(half_life=2**70),
            score(components={"harm": "c-secret"}),
            brief(customer=7),
            brief(time="2026-03-02T09:14:05"),
            brief(intent="c-secret\x00"),
            letter()._replace(headers=[]),
            letter()._replace(headers=[(name, None) for name, _ in letter().headers]),
            letter(offset=2**64),
            letter(partition=b"c-secret"),
            letter(topic=b"\xff"),
        ],
    )
    def test_a_malformed_record_is_left_out(
        self, engine: Engine, writer: DatabaseWriter, bad: SinkRecord, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What is not what its topic holds is counted and logged by its place, no word of it, and the rest of the
        batch is written.
        """
        written = writer.write([bad, record(finding("good"))])
        assert rows(engine, "findings", "id") == [("good",)]
        assert sum(written.malformed.values()) == 1
        assert f"{bad.topic} partition 3 offset {bad.offset}" in caplog.text
        assert "secret" not in caplog.text

    def test_hostile_text_is_stored_as_it_is(self, engine: Engine, writer: DatabaseWriter) -> None:
        """Quotes, COPY's own escapes, a written-out escape of U+0000 and every plane of Unicode come back unchanged,
        one by one and in bulk.
        """
        text = "'; DROP TABLE findings; --\t\\N\r\n\\.\\u0000 \U0001f600 \u202eabc"
        writer.write([record(finding("one", summary=text, contact=text))])
        writer.write([record(finding(f"bulk{number}", summary=text, contact=text)) for number in range(600)])
        assert {(body["summary"], contact) for body, contact in rows(engine, "findings", "body", "contact")} == {
            (text, text)
        }
        assert rows(engine, "alerts", "occurrences") == [(601,)]

    def test_a_crash_leaves_all_or_nothing(self, engine: Engine, writer: DatabaseWriter) -> None:
        """Whatever statement of a transaction fails, nothing of its batch is there, and writing it again gives what
        an undisturbed run gives.
        """
        first = [record(finding("f1")), score()]
        second = [
            record(finding("f1", 2, alert="B")),
            *(record(finding(f"n{number}", minutes=number)) for number in range(600)),
            score(1.0, minutes=1),
            letter(),
        ]
        writer.write(first)
        before = everything(engine)
        writer.write(second)
        after = everything(engine)
        for crash in range(50):
            clear(engine)
            writer.write(first)
            assert everything(engine) == before
            with _failing(engine, crash) as failed:
                try:
                    writer.write(second)
                except _Crash:
                    assert everything(engine) == before
            writer.write(second)
            assert everything(engine) == after
            if not failed():
                assert crash > 5
                return
        pytest.fail("the transaction never came through")

    def test_writers_that_meet_lose_nothing(self, engine: Engine) -> None:
        """Two writers with the same findings and alerts at once, as after a rebalance, leave what one alone would."""
        log = [
            record(
                finding(
                    f"f{number % 40}",
                    1 + number // 40,
                    minutes=number,
                    alert="AB"[number * 7 % 2],
                    withdrawn=number % 3 == 1,
                )
            )
            for number in range(160)
        ]
        _, occurrences = expected(log)
        barrier = Barrier(2)
        errors: list[BaseException] = []

        def run(records: list[SinkRecord]) -> None:
            writer = DatabaseWriter(engine, clock)
            barrier.wait()
            try:
                for start in range(0, len(records), 8):
                    writer.write(records[start : start + 8])
            except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
                errors.append(error)

        threads = [Thread(target=run, args=(records,)) for records in (log[:100], log[60:][::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert dict(rows(engine, "alerts", "key", "occurrences")) == occurrences

    def test_open_alerts_are_listed_newest_first(self, engine: Engine, writer: DatabaseWriter) -> None:
        """A listing holds what is unresolved unless told, newest first, in pages, by tenant."""
        for number in range(5):
            writer.write([record(finding(f"f{number}", minutes=number // 2, alert=f"A{number}"))])
        writer.write([record(finding("f4", 2, minutes=2, alert="A4", withdrawn=True))])
        writer.write([record(finding("g", alert="G", tenant="other", minutes=9))])
        assert [alert.key for alert in list_alerts(engine, tenant="acme")] == ["A3", "A2", "A1", "A0"]
        first = list_alerts(engine, limit=3)
        assert [alert.key for alert in first] == ["G", "A3", "A2"]
        assert [alert.key for alert in list_alerts(engine, before=first[-1])] == ["A1", "A0"]
        assert [alert.key for alert in list_alerts(engine, states={AlertState.RESOLVED})] == ["A4"]
        assert list_alerts(engine, detector="ping_pong") == []

    def test_an_alert_is_shown_with_what_it_rests_on(self, engine: Engine, writer: DatabaseWriter) -> None:
        """An alert comes with its findings, withdrawn ones too, and its changes; an unknown key gives nothing."""
        evidence = {
            "source": "ivr-eu",
            "id": "e-81",
            "time": moment(0),
            "type": "info.provided",
            "team": None,
            "channel": "voice",
            "field": None,
            "mask": "…4711",
        }
        writer.write([record(finding("f1", evidence=[evidence])), record(finding("f2", minutes=1))])
        writer.write([record(finding("f2", 2, minutes=1, withdrawn=True))])
        details = show_alert(engine, "A")
        assert details is not None
        assert [(item.id, item.revision, item.withdrawn) for item in details.findings] == [
            ("f2", 2, True),
            ("f1", 1, False),
        ]
        assert details.findings[1].evidence[0].time == START
        assert [change.to_state for change in details.changes] == [AlertState.OPEN]
        assert details.alert.seam is not None
        assert details.alert.seam.from_ == "team:billing"
        assert show_alert(engine, "none") is None

    def test_following_tells_each_change_once(self, engine: Engine) -> None:
        """Whoever follows gets an alert when it appears and when it changes, also one whose transaction came late,
        each version once.
        """
        now = datetime(2026, 3, 2, 10, tzinfo=UTC)
        ticks = [0]
        writer = DatabaseWriter(engine, lambda: int((now + timedelta(seconds=ticks[0])).timestamp() * 1e6))
        batches = iter(
            [
                (10, [record(finding("f1"))]),
                (5, [record(finding("g1", alert="B")), record(finding("h1", alert="C"))]),
                (11, [record(finding("f2", minutes=1))]),
            ]
        )

        class Looks:
            def wait(self, interval: float) -> bool:
                ticks[0], batch = next(batches, (0, []))
                writer.write(batch)
                return not batch

        found = [(alert.key, alert.version) for alert in follow(engine, since=now, stop=Looks(), interval=0)]  # type: ignore[arg-type]
        assert found == [("A", 1), ("B", 1), ("C", 1), ("A", 2)]


class _Crash(Exception):
    pass


class _failing:  # noqa: N801 - reads as a statement
    """Let the statement of this number fail, counted from the begin of the block."""

    def __init__(self, engine: Engine, number: int) -> None:
        self._engine = engine
        self._left = number
        self._failed = False

    def __enter__(self) -> Callable[[], bool]:
        event.listen(self._engine, "before_cursor_execute", self._count)
        event.listen(self._engine, "commit", self._count)
        return lambda: self._failed

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._count)
        event.remove(self._engine, "commit", self._count)

    def _count(self, *_: object) -> None:
        self._left -= 1
        if self._left == -1:
            self._failed = True
            raise _Crash
