"""What every database must pass of the life of an alert: operators, the stream and time on the same rows, nobody overwritten."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select

from models.alert import (
    Acknowledge,
    Alert,
    AlertState,
    Assign,
    Change,
    ChangeReason,
    Reopen,
    Resolution,
    Resolve,
    Snooze,
    Undo,
)
from models.tables import findings
from sinks.alerts import NOBODY, count_alerts, list_alerts, show_alert
from sinks.lifecycle import STREAM, Refusal
from sinks.transitions import Refused, Report, find_alert, sweep, transition_all
from sinks.writer import DatabaseWriter
from tests.support.properties import examples
from tests.unit.sinks.builders import NOW, clear, finding, record

_START = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW)
_DAY = 86_400_000_000
_HOUR = timedelta(hours=1)

FIXED = Resolve(outcome=Resolution.FIXED)
FALSE = Resolve(outcome=Resolution.FALSE_POSITIVE)


class Clock:
    """A wall clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = _START

    def __call__(self) -> int:
        return (self.now - _START) // timedelta(microseconds=1) + NOW

    def moment(self) -> datetime:
        """Return the time."""
        return self.now


class Desk:
    """Operators, the stream and time, on one database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = Clock()
        self.writer = DatabaseWriter(engine, self.clock)

    def found(self, *bodies: dict[str, Any]) -> None:
        """Let the stream store findings."""
        self.writer.write([record(body) for body in bodies])

    def act(self, change: Change, *keys: str, actor: str = "ada") -> Report:
        """Let an operator change alerts."""
        return transition_all(self.engine, keys or ("A",), change, actor, self.clock.moment)

    def refusal(self, change: Change, actor: str = "ada") -> Refusal:
        """Return why a change of the alert A is refused."""
        [refused] = self.act(change, actor=actor).refused
        return refused.refusal

    def wait(self, span: timedelta, expiry: int = _DAY) -> int:
        """Let time pass, and do what it does to alerts."""
        self.clock.now += span
        return sweep(self.engine, now=self.clock.now, expiry=expiry)

    def alert(self, key: str = "A") -> Alert:
        """Return an alert as it is."""
        details = show_alert(self.engine, key)
        assert details is not None
        return details.alert

    def stands(self, key: str = "A") -> tuple[str, str | None]:
        """Return the state of an alert, and why it is resolved."""
        alert = self.alert(key)
        return alert.state.value, alert.resolution and alert.resolution.value

    def audit(self, key: str = "A") -> list[tuple[int, str, str]]:
        """Return version, reason and actor of all changes of an alert."""
        details = show_alert(self.engine, key)
        assert details is not None
        return [(change.version, change.reason.value, change.actor) for change in details.changes]


def linked(identity: str, revision: int = 2, **changes: Any) -> dict[str, Any]:
    """Make a finding as it is told of the customer, whose alias ``c-1007`` is: under the alert ``B``, unless changed."""
    return finding(identity, revision, **{"alert": "B", "customer": "c-1"} | changes)


@st.composite
def _steps(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Draw what operators, the stream and time do, in any order."""
    note, actors = st.sampled_from([None, "told ann"]), st.sampled_from(["ada", "bob"])
    changes = st.one_of(
        st.builds(Acknowledge, note=note),
        st.builds(Assign, to=st.sampled_from([None, "ada", "bob"]), note=note),
        st.just(Snooze(worse=True)),
        st.builds(lambda hours: ("hours", hours), st.integers(1, 40)),
        st.sampled_from([FIXED, FALSE]),
        st.builds(Resolve, outcome=st.just(Resolution.DUPLICATE), of=st.sampled_from("AB")),
        st.just(Reopen()),
        st.just(Undo()),
        st.just(Undo()),
    )
    bodies = st.builds(
        lambda identity, revision, minutes, alert, severity, withdrawn, version: finding(
            identity,
            revision,
            minutes=minutes,
            alert=alert,
            severity=severity,
            withdrawn=withdrawn,
            rule={"version": version},
        ),
        st.sampled_from("fg"),
        st.integers(1, 9),
        st.integers(0, 3),
        st.sampled_from("AAAB"),
        st.sampled_from(["info", "warning", "critical"]),
        st.booleans(),
        st.integers(1, 2),
    )
    step = st.one_of(
        st.tuples(st.just("stream"), st.lists(bodies, min_size=1, max_size=3)),
        st.tuples(st.just("operator"), st.tuples(changes, st.sampled_from("AAAB"), actors)),
        st.tuples(st.just("operator"), st.tuples(changes, st.sampled_from("AAAB"), actors)),
        st.tuples(st.just("time"), st.integers(1, 30)),
    )
    return [("stream", [finding("f"), finding("g", alert="B")]), *draw(st.lists(step, min_size=4, max_size=16))]


class Handling:
    """Derive for each database, with the fixture ``engine``: its tables, empty."""

    @pytest.fixture
    def desk(self, engine: Engine) -> Desk:
        """Give a desk with the alert A, which one finding opened."""
        made = Desk(engine)
        made.found(finding())
        return made

    def test_alerts_are_counted(self, desk: Desk) -> None:
        """Those that wait are counted by state and severity, those resolved of late by why; what was resolved before is not."""
        desk.found(*(finding(f"f{key}", alert=key) for key in "ABCDE"), finding("f", alert="F", severity="critical"))
        desk.act(FIXED, "A")
        before = desk.clock.now
        desk.clock.now += _HOUR
        desk.act(FALSE, "B")
        desk.act(Acknowledge(), "C")
        waiting = {("acknowledged", "warning"): 1, ("open", "warning"): 2, ("open", "critical"): 1}
        assert count_alerts(desk.engine, before) == (waiting, {"false_positive": 1})
        assert count_alerts(desk.engine, before - _HOUR)[1] == {"false_positive": 1, "fixed": 1}

    def test_any_steps_leave_a_whole_story(self, engine: Engine) -> None:
        """Whatever operators, stream and time do in whatever order: each alert counts the findings that stand under it,
        is unresolved only while some do, each of its changes raises the version by one, and the audit tells every move.
        """

        @examples(100)
        @given(_steps())
        def check(steps: list[tuple[str, Any]]) -> None:
            clear(engine)
            desk = Desk(engine)
            before: dict[str, Alert] = {}
            for kind, what in steps:
                desk.clock.now += timedelta(seconds=1)
                if kind == "stream":
                    desk.found(*what)
                elif kind == "time":
                    desk.wait(timedelta(hours=what))
                else:
                    change, key, actor = what
                    if isinstance(change, tuple):
                        change = Snooze(until=desk.clock.now + timedelta(hours=change[1]))
                    desk.act(change, key, actor=actor)
                after = _all(engine)
                for key in after:
                    _moved(desk, before.get(key), after[key])
                before = after

        check()

    def test_two_operators_at_once_do_not_overwrite_each_other(self, desk: Desk) -> None:
        """Of two who saw the same version one comes through; the other is told who was first, when and to what."""
        reports: dict[str, Report] = {}

        def run(actor: str, change: Change) -> None:
            reports[actor] = desk.act(change, actor=actor)

        for _ in range(5):
            version = desk.alert().version
            _at_once(
                partial(run, "ada", Resolve(outcome=Resolution.FIXED, version=version)),
                partial(run, "bob", Assign(to="eve", note="call back", version=version)),
            )
            [winner] = [actor for actor, report in reports.items() if report.done]
            [loser] = {"ada", "bob"} - {winner}
            [refused] = reports[loser].refused
            assert refused.refusal is Refusal.CHANGED
            assert refused.first is not None
            assert (refused.first.actor, refused.first.version) == (winner, version + 1)
            to_what = "resolved" if winner == "ada" else "eve"
            assert all(word in str(refused) for word in (winner, to_what, "2026-03-02 09:15:00Z"))
            desk.act(Undo(), actor=winner)
            assert desk.alert().version == version + 2

    def test_a_refusal_tells_what_came_first(self, desk: Desk) -> None:
        """Where the stream only added findings, a conflict says so; what is refused for its state tells who brought it there."""
        desk.act(Acknowledge(), actor="bob")
        desk.found(finding("f2", minutes=1, severity="critical"))
        for change, told in (
            (Acknowledge(version=2), "version 3, not 2; seamwatch was first: 2 findings, critical at 2026-03-02 09:15:00Z"),
            (Acknowledge(version=1), "version 3, not 1; bob was first: open → acknowledged"),
            (Acknowledge(), "bob was first: open → acknowledged"),
        ):
            [refused] = desk.act(change).refused
            assert told in str(refused)
        [refused] = desk.act(Undo(), actor="bob").refused
        assert "seamwatch was first: 2 findings" in str(refused)

    def test_stream_and_operators_at_once_lose_nothing(self, desk: Desk) -> None:
        """While the stream stores finding after finding, an operator's changes all come through, and none of either is lost."""
        other = DatabaseWriter(desk.engine, desk.clock)

        def store() -> None:
            for number in range(30):
                other.write([record(finding(f"n{number}", minutes=1 + number))])

        def handle() -> None:
            for _ in range(15):
                assert desk.act(Acknowledge()).refused == []
                assert desk.act(Assign(to="bob", note="yours")).refused == []
                assert desk.act(Reopen()).refused == []
                assert desk.act(Assign(to=None)).refused == []

        _at_once(store, handle)
        alert = desk.alert()
        assert (alert.occurrences, alert.assignee, alert.state) == (31, None, AlertState.OPEN)
        assert alert.version == 1 + 30 + 60
        assert len(desk.audit()) == 1 + 60
        _told(desk, alert)

    def test_a_sweep_leaves_what_changed_meanwhile(self, desk: Desk) -> None:
        """An alert that somebody takes up between a sweep's look and its change does not expire."""
        desk.clock.now += timedelta(days=2)
        reports: list[Report] = []

        @event.listens_for(desk.engine, "after_cursor_execute", once=True)
        def _meanwhile(*_: object) -> None:
            reports.append(desk.act(Acknowledge()))

        assert sweep(desk.engine, now=desk.clock.now, expiry=_DAY) == 0
        assert [alert.key for report in reports for alert in report.done] == ["A"]
        assert desk.stands() == ("acknowledged", None)

    def test_what_nobody_sees_expires_once(self, desk: Desk) -> None:
        """A day after the last news an alert is resolved as expired, by however many workers, and a later finding opens it again."""
        assert desk.wait(timedelta(hours=23)) == 0
        desk.clock.now += 2 * _HOUR
        moved: list[int] = []
        _at_once(*[lambda: moved.append(sweep(desk.engine, now=desk.clock.now, expiry=_DAY))] * 3)
        assert sum(moved) == 1
        assert desk.stands() == ("resolved", "expired")
        assert desk.audit() == [(1, "first_finding", "seamwatch"), (2, "expired", "seamwatch")]
        desk.found(finding("f2", minutes=-1))
        assert desk.stands() == ("resolved", "expired")
        desk.found(finding("f3", minutes=1))
        assert desk.stands() == ("reopened", None)

    def test_time_is_bounded_and_goes_on(self, desk: Desk) -> None:
        """A sweep moves so many alerts at most; the next one goes on, and what is old news but was touched today stays."""
        desk.found(*(finding(f"n{number}", alert=f"N{number}") for number in range(5)))
        desk.clock.now += timedelta(hours=20)
        desk.act(Acknowledge(), "N0")
        desk.clock.now += timedelta(hours=5)
        moved = [sweep(desk.engine, now=desk.clock.now, expiry=_DAY, limit=2) for _ in range(4)]
        assert moved == [2, 2, 1, 0]
        assert desk.stands("N0") == ("acknowledged", None)
        assert sweep(desk.engine, now=desk.clock.now, expiry=10**18) == 0

    def test_a_snooze_ends_with_its_time(self, desk: Desk) -> None:
        """What is snoozed until a time sleeps through findings and expiry, and opens when the time has come."""
        desk.act(Snooze(until=_START + timedelta(days=3)))
        desk.found(finding("f2", minutes=5, severity="critical"))
        assert desk.wait(timedelta(days=2)) == 0
        assert desk.stands() == ("snoozed", None)
        assert desk.wait(timedelta(days=1)) == 1
        assert desk.stands() == ("open", None)
        assert desk.audit()[-1][1:] == ("snooze_over", "seamwatch")
        assert desk.wait(timedelta(hours=25)) == 1
        assert desk.stands() == ("resolved", "expired")

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (finding("f2", minutes=1), "new_finding"),
            (finding("f2", minutes=-1), None),
            (finding("f2", minutes=-1, severity="critical"), "severity_rose"),
            (finding("f1", 2, severity="critical"), "severity_rose"),
            (finding("f2", minutes=1, severity="info"), None),
        ],
    )
    def test_a_snooze_ends_when_it_gets_worse(self, desk: Desk, body: dict[str, Any], reason: str | None) -> None:
        """What is snoozed until it gets worse opens for a later finding or a higher severity, and for nothing else."""
        desk.act(Assign(to="ada"))
        desk.act(Snooze(worse=True))
        desk.found(body)
        assert desk.stands() == ("snoozed" if reason is None else "open", None)
        assert desk.audit()[-1][1] == (reason or "snoozed")
        assert desk.alert().assignee == "ada"

    def test_false_positives_are_remembered_by_rule_version(self, desk: Desk) -> None:
        """After a false positive the same version of the rule opens nothing again, another version does."""
        desk.found(finding("f2", rule={"name": "other", "version": 3}))
        desk.act(FALSE)
        desk.found(finding("f3", minutes=1), finding("f4", minutes=2, rule={"name": "other", "version": 3}))
        assert desk.stands() == ("resolved", "false_positive")
        desk.found(finding("f5", minutes=3, rule={"name": "other", "version": 4}))
        assert desk.stands() == ("reopened", None)

    def test_what_expired_may_still_be_judged(self, desk: Desk) -> None:
        """Nobody judged what expired: an operator may still call it false, and undo that."""
        desk.wait(timedelta(days=2))
        desk.act(FALSE)
        assert desk.stands() == ("resolved", "false_positive")
        assert desk.refusal(FIXED) is Refusal.ALREADY
        desk.act(Undo())
        assert desk.stands() == ("resolved", "expired")

    def test_a_duplicate_names_a_living_other(self, desk: Desk) -> None:
        """A duplicate is one of an alert that is there, is another, and is no duplicate itself."""
        desk.found(finding("b", alert="B"))

        def of(key: str) -> Resolve:
            return Resolve(outcome=Resolution.DUPLICATE, of=key)

        assert desk.refusal(of("A")) is desk.refusal(of("Z")) is Refusal.NOT_THE_ORIGINAL
        reports: list[Report] = []
        _at_once(lambda: reports.append(desk.act(of("B"), "A")), lambda: reports.append(desk.act(of("A"), "B")))
        assert sorted(len(report.done) for report in reports) == [0, 1]
        assert {refused.refusal for report in reports for refused in report.refused} == {Refusal.NOT_THE_ORIGINAL}

    def test_what_people_did_goes_with_the_findings_of_an_alias(self, desk: Desk) -> None:
        """Who has the alert of an alias, how it was left, and every note are the customer's when its findings are; told again, nothing changes."""
        desk.found(finding("f2", minutes=1), finding("f9", alert="C"))
        desk.act(Assign(to="ada", note="calls back on Monday"))
        desk.act(Acknowledge(), actor="bob")
        desk.act(Resolve(outcome=Resolution.DUPLICATE, of="A"), "C")
        desk.found(linked("f1"))
        desk.found(linked("f2", minutes=1))
        assert (desk.stands("B"), desk.alert("B").assignee, desk.alert("B").occurrences) == (("acknowledged", None), "ada", 2)
        assert desk.audit("B") == [(1, "assigned", "ada"), (2, "acknowledged", "bob"), (3, "linked", "seamwatch")]
        details = show_alert(desk.engine, "B")
        assert details is not None
        assert [change.note for change in details.changes] == ["calls back on Monday", None, None]
        assert (desk.stands(), desk.alert().duplicate_of, desk.alert("C").duplicate_of) == (("resolved", "duplicate"), "B", "B")
        assert desk.audit()[1:] == [(desk.alert().version - 1, "duplicate", "seamwatch")]
        before = _all(desk.engine)
        desk.found(linked("f1"), linked("f2", minutes=1))
        assert _all(desk.engine) == before

    @pytest.mark.parametrize(("last", "stands", "assignee"), [("A", "snoozed", "ada"), ("B", "acknowledged", "bob")])
    def test_of_two_alerts_that_were_handled_the_last_word_holds(self, desk: Desk, last: str, stands: str, assignee: str) -> None:
        """The customer's alert is left as whoever acted last left it, here or there; the acts of both are in its audit."""
        desk.found(linked("f2", 1, minutes=-1))
        acts: dict[str, tuple[Change, Change]] = {"A": (Assign(to="ada"), Snooze(worse=True)), "B": (Assign(to="bob"), Acknowledge())}
        for key in sorted("AB", key=last.__eq__):
            for change in acts[key]:
                desk.clock.now += timedelta(minutes=1)
                desk.act(change, key)
        desk.found(linked("f1"))
        assert (desk.stands("B")[0], desk.alert("B").assignee) == (stands, assignee)
        assert {reason for _, reason, _ in desk.audit("B")} == {"first_finding", "assigned", "acknowledged", "snoozed", "linked"}

    def test_what_nobody_saw_of_the_customer_opens_what_was_settled_of_the_alias(self, desk: Desk) -> None:
        """A resolution covers what was known when it was made: a later finding of the customer opens the alert again, an earlier one does not."""
        desk.act(FIXED)
        desk.found(linked("f2", 1, minutes=-1))
        desk.found(linked("f1"))
        assert desk.stands("B") == ("resolved", "fixed")
        desk.found(finding("g1", alert="D", customer="v-2"))
        desk.act(FIXED, "D")
        desk.found(linked("g2", 1, minutes=1, alert="E"))
        desk.found(linked("g1", alert="E"))
        assert desk.stands("E") == ("reopened", None)

    def test_an_alert_that_nobody_handled_leaves_nothing_behind(self, desk: Desk) -> None:
        """The alias's is withdrawn, the customer's opens by itself; so does one whose findings only moved along the seams of one customer."""
        desk.found(linked("f1"))
        assert (desk.stands(), desk.stands("B")) == (("resolved", "withdrawn"), ("open", None))
        desk.found(finding("g1", alert="D"))
        desk.act(Acknowledge(), "D")
        desk.found(finding("g1", 2, alert="E"))
        assert (desk.stands("D"), desk.stands("E")) == (("resolved", "withdrawn"), ("open", None))

    def test_undo_gives_back_what_was(self, desk: Desk) -> None:
        """The last change of whoever made it is taken back as a whole, with an audit of its own; anybody else's is not."""
        desk.act(Assign(to="bob"))
        desk.act(Snooze(until=_START + _HOUR, worse=True))
        before = desk.alert()
        desk.act(FALSE)
        assert desk.refusal(Undo(), actor="bob") is Refusal.NOT_YOURS
        desk.act(Undo())
        after = desk.alert()
        assert after == before.model_copy(update={"version": before.version + 2})
        assert desk.audit()[-1][1:] == ("undone", "ada")
        assert desk.refusal(Undo()) is Refusal.UNDONE_ALREADY
        desk.act(Acknowledge())
        desk.found(finding("f2", minutes=1))
        assert desk.refusal(Undo()) is Refusal.CAME_AFTER
        desk.found(finding("f1", 2, withdrawn=True), finding("f2", 2, withdrawn=True))
        assert desk.refusal(Undo()) is Refusal.NOT_YOURS
        assert desk.refusal(Reopen()) is Refusal.NOTHING_STANDS

    def test_many_at_once_are_reported_one_by_one(self, desk: Desk) -> None:
        """Of many keys each is changed or told why not; a beginning that two have is none, and twice the same is once."""
        desk.found(
            finding("b1", alert="BA1"), finding("b2", alert="BA2"), finding("c", alert="C_1"), finding("d", alert="CX1")
        )
        desk.act(Acknowledge(), "BA2")
        report = desk.act(Acknowledge(note="all mine"), "A", "BA", "BA1", "BA2", "Z", "", "C_", "C_1", "%")
        assert [alert.key for alert in report.done] == ["A", "BA1", "C_1"]
        assert [(refused.key, refused.refusal.value) for refused in report.refused] == [
            ("BA", "ambiguous"), ("BA2", "already"), ("Z", "no_such_alert"), ("", "no_such_alert"), ("%", "no_such_alert"),
        ]  # fmt: skip
        assert find_alert(desk.engine, "CX") == "CX1"
        with pytest.raises(Refused, match="BA1, BA2"):
            find_alert(desk.engine, "B")

    def test_alerts_are_found_by_who_has_them_and_how_bad_they_are(self, desk: Desk) -> None:
        """A listing is narrowed to an assignee, to nobody's alerts, and to severities."""
        desk.found(finding("b", alert="B", severity="critical"))
        desk.act(Assign(to="bob"), "B")
        assert [alert.key for alert in list_alerts(desk.engine, assignee="bob")] == ["B"]
        assert [alert.key for alert in list_alerts(desk.engine, assignee=NOBODY)] == ["A"]
        assert [alert.key for alert in list_alerts(desk.engine, severities=["critical", "info"])] == ["B"]


def _at_once(*runs: Callable[[], Any]) -> None:
    barrier, errors = Barrier(len(runs)), list[BaseException]()

    def start(run: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    threads = [Thread(target=start, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def _all(engine: Engine) -> dict[str, Alert]:
    return {alert.key: alert for alert in list_alerts(engine, states=set(AlertState))}


def _handled(alert: Alert | None) -> Any:
    """Return what only an audited change may change."""
    return alert and (
        alert.state, alert.resolution, alert.assignee, alert.snoozed_until, alert.until_worse, alert.duplicate_of,
    )  # fmt: skip


def _moved(desk: Desk, before: Alert | None, after: Alert) -> None:
    """Check one step of an alert."""
    old = 0 if before is None else before.version
    assert after.version in {old, old + 1}
    if _handled(before) != _handled(after):
        _told(desk, after)
        assert desk.audit(after.key)[-1][0] == after.version == old + 1
    if before is not None and desk.audit(after.key)[-1][2] == STREAM:
        assert after.assignee == before.assignee
    assert (after.state is AlertState.RESOLVED) or after.occurrences > 0
    assert (after.state is AlertState.RESOLVED) == (after.resolution is not None)
    assert (after.state is AlertState.SNOOZED) == (after.snoozed_until is not None or after.until_worse)
    assert (after.resolution is Resolution.DUPLICATE) == (after.duplicate_of is not None)
    with desk.engine.connect() as connection:
        standing = select(func.count()).where(findings.c.alert == after.key, findings.c.standing)
        assert after.occurrences == connection.execute(standing).scalar_one()


def _told(desk: Desk, alert: Alert) -> None:
    """Check that the audit leads from nothing to where the alert stands, without a gap."""
    details = show_alert(desk.engine, alert.key)
    assert details is not None
    changes = details.changes
    assert [change.from_state for change in changes] == [None, *(change.to_state for change in changes[:-1])]
    versions = [change.version for change in changes]
    assert versions == sorted(set(versions))
    assert versions[0] == 1
    last = changes[-1]
    assert (last.to_state, last.assignee, last.snoozed_until, last.duplicate_of) == (
        alert.state, alert.assignee, alert.snoozed_until, alert.duplicate_of,
    )  # fmt: skip
    operators = set(ChangeReason) | set(Resolution)
    operators -= {ChangeReason.FIRST_FINDING, ChangeReason.NEW_FINDING, ChangeReason.STANDS_AGAIN}
    operators -= {ChangeReason.SEVERITY_ROSE, ChangeReason.SNOOZE_OVER, Resolution.EXPIRED, Resolution.WITHDRAWN}
    assert all((change.reason in operators) == (change.actor in {"ada", "bob"}) for change in changes)
