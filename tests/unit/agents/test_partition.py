"""Memory, horizon, chunks, dead letters, clock and deadlines of one source partition."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from agents.rows import CUSTOMER
from agents.scores import customer_score, experience_scores, faded
from agents.timeline import microseconds
from models.dead_letter import DeadLetterReason
from tests.support.stories import stories
from tests.unit.agents.support import KEY, Sink, assert_weighed, batches, fields, partition, records, rulebook, run

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = 1_000_000
BASE = int(START.timestamp()) * SECOND
HALF_LIFE = 7 * 86_400 * SECOND
"""Of customers' scores, in microseconds."""


def point(number: int, after: float, kind: str = "message", **more: Any) -> dict[str, Any]:
    """Make a touchpoint ``after`` seconds from the start."""
    made: dict[str, Any] = {
        "id": f"e{number}",
        "source": "s",
        "type": kind,
        "time": (START + timedelta(seconds=after)).isoformat(),
        "customer": "c",
        "channel": "voice",
        "actor": {"kind": "customer"},
    }
    if kind == "message":
        made["data"] = {"text": "hello"}
    return made | more


def asked(number: int, after: float, field: str = "account_number", team: str = "sales") -> dict[str, Any]:
    """Make a request by an agent."""
    return point(number, after, "info.requested", actor={"kind": "agent", "team": team}, data={"field": field})


def told(number: int, after: float, value: str = "4711-22", field: str = "account_number") -> dict[str, Any]:
    """Make an answer of the customer."""
    return point(number, after, "info.provided", data={"field": field, "value": value})


def line(made: dict[str, Any], offset: int, timestamp: int | None = None, key: bytes | None = b"default/c") -> Record:
    """Make a record of a touchpoint, with the broker's time in microseconds."""
    return Record(offset, None if timestamp is None else timestamp // 1000, key, json.dumps(made).encode())


def test_a_value_told_beyond_memory_is_forgotten_and_its_finding_frozen() -> None:
    """What is older than the memory leaves both folds: nothing new rests on it, and what was found stays as it was."""
    day = 86_400
    log = [told(1, 0), asked(2, 60), told(3, 40 * day, "other"), asked(4, 40 * day + 60)]
    sink = run(log, BASE + 41 * day * SECOND)
    assert {body["again"]["id"] for body in sink.standing().values()} == {"e2", "e4"}
    assert [body["first"]["id"] for body in sink.standing().values() if body["again"]["id"] == "e4"] == ["e3"]


def test_what_leaves_the_memory_leaves_the_scores() -> None:
    """A touchpoint that pushes the only finding out of memory withdraws nothing, and ends the scores that rested on it."""
    watch = partition()
    watch.process([line(told(1, 0), 0), line(asked(2, 60), 1)])
    effects = watch.process([line(point(3, 40 * 86_400), 2)])
    assert effects.findings == []
    last = {tuple(json.loads(key)[1:3]): value for key, value in effects.customer_scores}
    assert {("consistency", "customer"), ("consistency", "journey")} <= last.keys()
    assert set(last.values()) == {None}


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_scores_of_who_comes_again_are_those_of_the_timeline(batch: int) -> None:
    """Customers who come again after forty days have, however records are batched, the scores that their timelines have in the end."""
    watch, last = partition(), dict[bytes, bytes | None]()
    log = [
        each | {"id": f"{each['id']}@{turn}", "time": (datetime.fromisoformat(each["time"]) + timedelta(days=40 * turn)).isoformat()}
        for turn in range(3)
        for each in stories(range(40))
    ]
    keys = [f"{each.get('tenant', 'default')}/{each['customer']}".encode() for each in log]
    records = [line(made, offset, key=key) for offset, (made, key) in enumerate(zip(log, keys, strict=True))]
    for start in range(0, len(records), batch):
        for key, value in watch.process(records[start : start + batch]).customer_scores:
            last[key] = value
    standing = {tuple(json.loads(key)): json.loads(value) for key, value in last.items() if value is not None}
    expected: dict[tuple[Any, ...], dict[str, Any]] = {}
    for customer in watch.customers():
        journeys = sorted(customer.journeys())
        for each in (
            *(customer_score(customer, journey, watch.clock, HALF_LIFE) for journey in (None, *journeys) if customer.contributions),
            *experience_scores(customer, watch.clock, HALF_LIFE, rulebook().engine.fusion_blame),
        ):
            expected[tuple(each[name] for name in ("tenant", "score", "scope", "name", "half_life"))] = each
    assert standing.keys() == {subject for subject, each in expected.items() if each["value"] is not None}
    assert any(score == "fusion" for _, score, *_ in standing)
    for subject, each in standing.items():
        age = watch.clock - microseconds(datetime.fromisoformat(each["as_of"]))
        assert faded(each["components"], age, HALF_LIFE) == pytest.approx(expected[subject]["components"], abs=1e-9), subject


def test_of_two_scores_of_a_customer_at_one_moment_the_later_has_the_higher_sequence() -> None:
    """A late touchpoint changes the score and not the clock; whoever gets both scores in any order knows which of them holds more."""
    watch, ranks = partition(), []
    for offset, made in enumerate((told(1, 0), asked(2, 90), asked(3, 60, team="tech"))):
        found = [json.loads(value) for _, value in watch.process([line(made, offset)]).customer_scores if value]
        ranks += [(each["as_of"], each["sequence"]) for each in found if (each["score"], each["scope"]) == ("consistency", "customer")]
    assert len(ranks) == 2
    assert ranks[0][0] == ranks[1][0]
    assert ranks[0][1] < ranks[1][1]


def test_an_arrival_at_or_before_the_horizon_is_a_dead_letter() -> None:
    """Once a touchpoint was dropped, nothing that sorts at or before it is taken in."""
    watch = partition()
    day = 86_400
    log = [point(1, 0), point(2, 100), point(3, 40 * day), point(4, 50), point(1, 0), point(5, 200)]
    effects = watch.process([line(made, offset) for offset, made in enumerate(log)])
    assert [(letter.offset, letter.reason) for letter in effects.dead_letters] == [
        (3, DeadLetterReason.TOO_LATE),
        (4, DeadLetterReason.TOO_LATE),
    ]


def test_a_row_keeps_the_newest_touchpoints_only() -> None:
    """A timeline holds at most the newest 500 touchpoints, whatever came before."""
    watch = partition("maximum_an_hour=1000")
    watch.process([line(point(number, number), number) for number in range(700)])
    (customer,) = watch.customers()
    assert [customer.entries[0].id, len(customer.entries)] == ["e200", 500]


def test_a_journey_that_lost_its_first_touchpoint_keeps_its_id() -> None:
    """The automatic id comes from the first touchpoint and outlives it."""
    watch = partition("maximum_touchpoints=5")
    log = [told(1, 0), *(point(number, number) for number in range(2, 10)), told(10, 10), asked(11, 11)]
    effects = watch.process([line(made, offset) for offset, made in enumerate(log)])
    whole = run(log, BASE + 12 * SECOND)
    (found,) = [json.loads(value) for _, value in effects.findings if json.loads(value)["again"]["id"] == "e11"]
    assert found["journey"] == next(iter(whole.standing().values()))["journey"]


def test_a_touchpoint_that_a_deadline_waits_on_is_not_dropped() -> None:
    """Memory does not make an unanswered handoff disappear before its deadline."""
    handoff = point(
        1,
        0,
        "handoff.started",
        channel="email",
        contact="k",
        actor={"kind": "agent", "team": "sales"},
        data={"handoff": "h", "to_team": "service", "mode": "blind"},
    )
    log = [handoff, *(point(number, number, contact="other") for number in range(2, 20))]
    sink = run(log, BASE + 2 * 86_400 * SECOND, (3,), "maximum_touchpoints=5")
    assert [body["reason"] for body in sink.standing().values()] == ["unanswered_handoff"]


def test_of_two_sources_with_one_id_neither_loses_its_deadline() -> None:
    """An identity is source and id: two waiting handoffs that share the id are both kept beyond memory."""
    log = [
        point(
            1,
            number,
            "handoff.started",
            source=source,
            channel="email",
            contact=source,
            actor={"kind": "agent", "team": "sales"},
            data={"handoff": source, "to_team": "service", "mode": "blind"},
        )
        for number, source in enumerate(("crm", "desk"))
    ]
    log += [point(number, number, contact="other") for number in range(2, 20)]
    sink = run(log, BASE + 2 * 86_400 * SECOND, (3,), "maximum_touchpoints=5")
    assert {body["contact"] for body in sink.standing().values()} == {"crm", "desk"}


@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.slow), 7, 31, 32, 33, 200])
def test_a_long_timeline_survives_restarts_in_chunks(size: int) -> None:
    """Rows written in chunks and read back after every batch give what one run gives, and old chunks go when nobody needs them."""
    log = [told(number, number * 30, f"4711-{number % 3}") for number in range(130)]
    changelog: dict[bytes, bytes | None] = {}
    sink = Sink()
    watch = partition("maximum_touchpoints=70")
    for start in range(0, len(log), size):
        effects = watch.process([line(made, start + n) for n, made in enumerate(log[start : start + size])])
        sink.take_findings(effects)
        changelog.update(effects.tally_rows)
        changelog.update(effects.rows)
        watch = partition("maximum_touchpoints=70")
        for key, value in changelog.items():
            watch.restore(key, value)
        watch.restored()
    plain = run(log, watch.clock, (1000,), "maximum_touchpoints=70")
    assert sink.bodies == plain.bodies
    kept = [key for key, value in changelog.items() if value is not None and key.startswith(b"default/c")]
    assert len(kept) <= 4


def test_a_replayed_record_changes_nothing() -> None:
    """Records at or below what the state holds are passed over: no finding, no tally, no second dead letter."""
    watch = partition()
    log = [line(told(1, 0), 0), line(asked(2, 1), 1), Record(2, None, b"x", b"{")]
    assert watch.process(log).findings
    again = watch.process(log)
    assert not again.findings
    assert not again.tallies
    assert not again.dead_letters


BAD: list[tuple[bytes | None, DeadLetterReason]] = [
    (None, DeadLetterReason.EMPTY_VALUE),
    (b"", DeadLetterReason.EMPTY_VALUE),
    (b"{", DeadLetterReason.MALFORMED_JSON),
    (b"\xff{}", DeadLetterReason.INVALID_UTF8),
    (b"[" * 5000, DeadLetterReason.TOO_DEEP),
    (b" " * 10_000_000, DeadLetterReason.TOO_LARGE),
    (b"[]", DeadLetterReason.INVALID_VALUE),
    (json.dumps(point(1, 0, "no.such.type")).encode(), DeadLetterReason.UNKNOWN_TYPE),
    (json.dumps(point(1, 0, channel="fax")).encode(), DeadLetterReason.INVALID_VALUE),
    (json.dumps(point(1, 0, sequence="1")).encode(), DeadLetterReason.INVALID_VALUE),
    (json.dumps(point(1, 0, sequence=2**70)).encode(), DeadLetterReason.INVALID_VALUE),
    (json.dumps(point(1, 0, id="a\0b")).encode(), DeadLetterReason.INVALID_VALUE),
    (json.dumps({k: v for k, v in point(1, 0).items() if k != "customer"}).encode(), DeadLetterReason.MISSING_FIELD),
    (json.dumps({k: v for k, v in point(1, 0).items() if k != "type"}).encode(), DeadLetterReason.MISSING_FIELD),
    (json.dumps(point(1, 0, time="2026-03-02T09:00:00")).encode(), DeadLetterReason.NAIVE_TIME),
    (json.dumps(point(1, 0, customer="ann@example.org")).encode(), DeadLetterReason.RAW_IDENTIFIER),
    (json.dumps(point(1, 0, customer="tel:5551234")).encode(), DeadLetterReason.RAW_IDENTIFIER),
    (json.dumps(point(1, 0, customer="mailto:x")).encode(), DeadLetterReason.RAW_IDENTIFIER),
    (json.dumps(point(1, 0, customer="+49 170 1234567")).encode(), DeadLetterReason.RAW_IDENTIFIER),
    (json.dumps(point(1, 301)).encode(), DeadLetterReason.FUTURE_TIME),
]


@pytest.mark.parametrize(("value", "reason"), BAD, ids=lambda each: str(each)[:30])
def test_a_bad_record_is_a_dead_letter_and_its_neighbours_go_on(value: bytes | None, reason: DeadLetterReason) -> None:
    """Each kind of bad input has its reason, holds no value of the record, and stops nothing."""
    watch = partition(keyed=True)
    effects = watch.process([line(told(1, 0), 0, BASE), Record(1, BASE // 1000, b"default/c", value), line(asked(2, 1), 2, BASE)])
    (letter,) = effects.dead_letters
    assert (letter.offset, letter.reason) == (1, reason)
    assert "ann@" not in letter.detail
    assert "1234567" not in letter.detail
    assert len(effects.findings) == 1


@pytest.mark.parametrize(
    ("key", "reason"), [(None, DeadLetterReason.MISSING_KEY), (b"default/d", DeadLetterReason.WRONG_KEY)]
)
def test_a_record_must_have_the_key_of_its_customer(key: bytes | None, reason: DeadLetterReason) -> None:
    """A record under another key may lie in another partition than its customer's others: it is refused."""
    (letter,) = partition(keyed=True).process([line(told(1, 0), 0, BASE, key)]).dead_letters
    assert letter.reason is reason


def test_who_is_at_home_in_another_partition_is_sent_there() -> None:
    """A record that another partitioner misplaced goes to its own partition, counted; a customer who is known here stays."""
    home = 0
    watch = PartitionWatch(rulebook(), fields(), Fingerprinter(KEY), 0, home=lambda _: home)
    watch.process([line(told(1, 0), 0)])
    home = 1
    misplaced = point(2, 1, customer="new")
    effects = watch.process([line(asked(3, 1), 1), line(misplaced, 2, key=b"default/new")])
    assert effects.findings
    assert effects.misplaced == [(b"default/new", json.dumps(misplaced).encode())]
    assert (watch.counts.misplaced, watch.rows) == (1, 1)


def test_a_misplaced_record_that_is_refused_is_refused_where_it_lies() -> None:
    """A dead letter names the place where the record was written, not that of a copy."""
    watch = PartitionWatch(rulebook(), fields(), Fingerprinter(KEY), 0, home=lambda _: 1)
    effects = watch.process([line(point(1, 400, customer="new"), 7, BASE, b"default/new")])
    assert [(letter.offset, letter.reason) for letter in effects.dead_letters] == [(7, DeadLetterReason.FUTURE_TIME)]
    assert effects.misplaced == []


def test_customer_ids_with_signs_that_are_no_address_pass() -> None:
    """Plus signs and colons alone make no raw identifier."""
    for customer in ("crm:c-10", "a+b", "+12", "+1234567890123456", "12:30"):
        assert not partition().process([line(point(1, 0, customer=customer), 0)]).dead_letters


def test_the_same_identity_again_is_counted_not_applied() -> None:
    """The first record of an identity wins; one with other content is counted as a conflict."""
    watch = partition()
    watch.process([line(told(1, 0), 0), line(told(1, 0), 1), line(told(1, 0, "other"), 2)])
    counts = watch.take_counts()
    assert (counts.duplicates, counts.conflicts) == (2, 1)
    assert watch.counts.duplicates == 0


def test_one_identity_with_another_type_is_a_conflict() -> None:
    """A survey under the id of a value that was given is counted, though both keep as much, and what it holds is no fingerprint."""
    answer = {"survey": "v1", "metric": "csat", "score": 4.0, "minimum": 1.0, "maximum": 5.0, "expected": 4.0}
    watch = partition()
    watch.process([line(told(1, 0), 0), line(told(1, 0) | {"type": "survey.answered", "data": answer}, 1)])
    assert (watch.counts.duplicates, watch.counts.conflicts) == (1, 1)


def test_unknown_keys_are_counted_wherever_they_stand() -> None:
    """Unknown keys of the record, its actor and its data are ignored and counted."""
    watch = partition()
    made = point(1, 0, colour="red", actor={"kind": "customer", "mood": "bad"}, data={"text": "x", "y": 1})
    assert not watch.process([line(made, 0)]).dead_letters
    assert watch.counts.unknown_keys == 3


def test_the_clock_is_the_broker_s_where_a_record_is_ahead_of_it() -> None:
    """A touchpoint up to five minutes ahead moves the clock only to the broker's time; one from the past moves nothing."""
    watch = partition(keyed=True)
    watch.process([line(point(1, 200), 0, BASE)])
    assert watch.clock == BASE
    watch.process([line(point(2, -500), 1, BASE + SECOND)])
    assert watch.clock == BASE


def test_a_heartbeat_lets_a_deadline_come_due() -> None:
    """The deadline fires at limit and grace, by a heartbeat, and carries the deadline as its time."""
    watch = partition(keyed=True)
    handoff = point(
        1, 0, "handoff.started", actor={"kind": "agent", "team": "a"}, data={"handoff": "h", "to_team": "b", "mode": "blind"}
    )
    assert not watch.process([line(handoff, 0, BASE)]).findings
    assert watch.next_deadline == BASE + 65 * SECOND

    def beat(offset: int, after: int) -> Record:
        time = (START + timedelta(seconds=after)).isoformat()
        body = {"id": f"h{offset}", "source": "seamwatch", "type": "heartbeat", "time": time}
        return Record(offset, (BASE + after * SECOND) // 1000, None, json.dumps(body).encode())

    assert not watch.process([beat(1, 64)]).findings
    ((_, value),) = watch.process([beat(2, 65)]).findings
    assert json.loads(value)["time"] == "2026-03-02T09:01:00Z"
    assert watch.next_deadline is None


def promised(number: int, after: float, kind: str = "made", **more: Any) -> dict[str, Any]:
    """Make a touchpoint about one promise, which is due after a minute."""
    due = {"due": (START + timedelta(seconds=60)).isoformat()} if kind == "made" else {}
    return point(number, after, f"promise.{kind}", actor={"kind": "agent", "team": "a"}, data={"promise": "p"} | due) | more


def test_an_absence_comes_due_changes_and_is_taken_back() -> None:
    """A promise is broken by the clock, then known to be kept late, then in time: three revisions of one finding, restarts in between."""
    log = [promised(1, 0), point(2, 65, customer="other"), promised(3, 70, "kept"), promised(4, 50, "kept")]
    rows: dict[bytes, bytes | None] = {}
    found = []
    for offset, made in enumerate(log):
        watch = partition()
        for key, value in rows.items():
            watch.restore(key, value)
        watch.restored()
        effects = watch.process([line(made, offset)])
        rows.update(effects.rows)
        found.append([json.loads(value) for _, value in effects.findings])
        assert watch.next_deadline == (BASE + 65 * SECOND if offset == 0 else None)
    assert [[(each["revision"], each["reason"], each["withdrawn"]) for each in step] for step in found] == [
        [],
        [(1, "not_kept", False)],
        [(2, "kept_late", False)],
        [(3, "kept_late", True)],
    ]
    assert len({each["id"] for step in found for each in step}) == 1


def test_deadlines_come_due_each_in_its_time() -> None:
    """Of three promises of a customer, a move of the clock breaks those whose time is over, the earliest first."""
    watch = partition()
    log = [promised(number, 0, data={"promise": f"p{number}", "due": f"2026-03-02T09:0{number}:00Z"}) for number in (3, 1, 2)]
    assert not watch.process([line(made, offset) for offset, made in enumerate(log)]).findings
    effects = watch.advance(BASE + 125 * SECOND)
    assert [json.loads(value)["time"] for _, value in effects.findings] == ["2026-03-02T09:01:00Z", "2026-03-02T09:02:00Z"]
    assert watch.next_deadline == BASE + 185 * SECOND


def test_a_dead_end_keeps_its_handoff_in_memory() -> None:
    """Memory drops neither the end of a contact nor the handoff before it while the minute after the end is not over."""
    agent = {"kind": "agent", "team": "a"}
    log = [
        point(1, 0, "handoff.started", contact="k", actor=agent, data={"handoff": "h", "to_team": "b", "mode": "blind"}),
        point(2, 1, "contact.abandoned", contact="k"),
        *(point(number, 2, "offer.made", actor=agent, data={"offer": "o"}) for number in range(3, 20)),
    ]
    sink = run(log, BASE + 70 * SECOND, (3,), "maximum_touchpoints=5")
    assert [(body["detector"], body["first"]["id"]) for body in sink.standing().values()] == [("dead_end", "e1")]


def test_no_raw_value_leaves_the_engine() -> None:
    """Neither findings nor rows nor tallies hold a value that a customer gave."""
    watch = partition()
    effects = watch.process([line(told(1, 0, "geheim-4711-22"), 0), line(asked(2, 1), 1), line(told(3, 2, "geheim-4711-22"), 2)])
    everything = b"".join(value or b"" for _, value in [*effects.findings, *effects.rows, *effects.tallies])
    assert effects.findings
    assert b"geheim" not in everything
    assert b"4711-22" not in everything


def test_who_is_not_touched_is_encoded_and_comes_back_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for hardly anybody decoded, ten in turn give the same findings as with room for all."""
    log = [
        made | {"customer": f"c{customer}", "id": f"{customer}-{made['id']}"}
        for made in (told(1, 0), asked(2, 10), told(3, 20), asked(4, 30))
        for customer in range(10)
    ]
    whole = run(log, BASE + 60 * SECOND)
    monkeypatch.setattr("agents.rows.MAXIMUM_DECODED", 2 * CUSTOMER + 4)
    little = run(log, BASE + 60 * SECOND, (3,))
    assert little.bodies == whole.bodies
    assert len(whole.bodies) == 30


@pytest.mark.parametrize(("partitions", "each", "decoded"), [(1, 1, 8), (2, 1, 4), (3, 1, 2), (1, 4, 5), (2, 4, 2)])
def test_what_is_kept_decoded_is_what_a_worker_may_keep(monkeypatch: pytest.MonkeyPatch, partitions: int, each: int, decoded: int) -> None:
    """The memory of a worker grows neither with the partitions that it owns nor with the touchpoints that its customers have."""
    monkeypatch.setattr("agents.rows.MAXIMUM_DECODED", 8 * (CUSTOMER + 1))
    watch = partition()
    watch.share(partitions)
    log = [told(number, number) | {"customer": f"c{number // each}"} for number in range(20 * each)]
    for batch in batches(records(log), (7,)):
        watch.process(batch)
        assert_weighed(watch)
    assert (len(watch._store.decoded), watch.rows) == (decoded, 20)


def test_who_floods_is_only_counted_from_then_on() -> None:
    """More touchpoints in one UTC hour than a customer can have: nothing is kept of them, nothing fires, a restart changes nothing; as many are none."""
    overrides = ("maximum_an_hour=5",)
    watch = partition(*overrides)
    busy = watch.process([line(told(0, 0), 0), *(line(asked(number, number), number) for number in range(1, 5))])
    assert busy.findings
    changelog = dict(busy.rows)
    flood = watch.process([line(asked(number, number), number) for number in range(5, 8)])
    changelog |= dict(flood.rows)
    assert not flood.findings
    assert (watch.counts.unwatched, list(watch.customers())) == ({"flood": 3}, [])
    restarted = partition(*overrides)
    for key, value in changelog.items():
        restarted.restore(key, value)
    restarted.restored()
    assert not restarted.process([line(asked(number, number), number) for number in range(8, 10)]).findings
    assert (restarted.counts.unwatched, restarted.rows) == ({"flood": 2}, 1)
    assert restarted.state_bytes < 200


def test_who_is_promised_more_than_anybody_waits_for_is_only_counted() -> None:
    """What a deadline waits on is kept beyond the most touchpoints, but not without end: of one with 1,005 open promises nothing is kept."""
    watch = partition("maximum_touchpoints=5")
    made = {"due": "2026-06-01T09:00:00Z"}
    for number in range(1_010):
        promise = point(number, 60 * number, "promise.made", actor={"kind": "agent", "team": "a"}, data=made | {"promise": f"p{number}"})
        watch.process([line(promise, number)])
    assert (watch.counts.unwatched, list(watch.customers())) == ({"flood": 5}, [])
    assert watch.state_bytes < 200


def test_a_flood_that_is_over_is_forgotten_when_its_memory_is() -> None:
    """A month after its last record the customer is watched again, as a new one."""
    watch = partition("maximum_an_hour=5")
    watch.process([after(number, 0, point(number, number)) for number in range(7)])
    watch.process([after(7, 29, point(7, 29 * 86_400))])
    assert watch.counts.unwatched == {"flood": 3}
    assert (watch.rows, list(watch.customers())) == (1, [])
    effects = watch.process([after(8, 60, point(8, 60 * 86_400))])
    assert watch.counts.unwatched == {"flood": 3}
    assert (watch.rows, len(list(watch.customers()))) == (1, 1)
    size = watch.state_bytes
    watch.forget_decoded()
    assert watch.state_bytes == len(dict(effects.rows)[b"default/c\x00\x00\x00\x00\x00"] or b"") >= size


def test_hours_are_counted_by_the_touchpoints_times() -> None:
    """As many in each of two hours are no flood, in whatever order they come."""
    watch = partition("maximum_an_hour=5")
    times = [2400 + 240 * number for number in range(10)]
    watch.process([line(told(number, time), number) for number, time in enumerate(reversed(times))])
    assert watch.counts.unwatched == {}


def test_what_belongs_to_nobody_is_only_counted() -> None:
    """An id that the rules list as no customer has no row and no findings."""
    engine = rulebook().engine.model_copy(update={"not_a_customer": frozenset({"c"})})
    rules = replace(rulebook(), engine=engine)
    watch = PartitionWatch(rules, fields(), Fingerprinter(KEY), 0, keyed=False)
    assert not watch.process([line(told(1, 0), 0), line(asked(2, 1), 1)]).findings
    assert (watch.counts.unwatched, watch.rows) == ({"not_a_customer": 2}, 0)


def after(offset: int, days: float, made: dict[str, Any]) -> Record:
    """Write a touchpoint down so many days later, by the broker's time."""
    return line(made, offset, BASE + round(days * 86_400) * SECOND)


def test_a_row_expires_when_its_memory_is_over() -> None:
    """Past the memory, by the broker's time, a customer is new, whether or not the row was removed meanwhile; until then it is known."""
    late = 29.8 * 86_400
    for days, known in ((29.9, True), (30.1, False)):
        for between in (False, True):
            watch = partition()
            watch.process([after(0, 0, told(1, 0) | {"contact": "k"})])
            if between:
                watch.process([after(1, days - 0.01, point(9, late, customer="other"))])
            effects = watch.process([after(2, days, asked(2, late) | {"contact": "k"})])
            assert bool(effects.findings) is known


def test_expired_rows_are_removed_from_the_changelog() -> None:
    """When the broker's time has come far enough, all chunks of rows that nothing waits for are removed, and those that wait stay."""
    waiting = point(
        1, 0, "handoff.started", customer="w", channel="email", actor={"kind": "agent", "team": "a"},
        data={"handoff": "h", "to_team": "b", "mode": "blind"},
    )  # fmt: skip
    watch = partition("answer_limits.other=60d")
    changelog = dict(watch.process([after(number, 0, point(number, number)) for number in range(40)]).rows)
    changelog |= dict(watch.process([after(40, 0, waiting)]).rows)
    assert sum(key.startswith(b"default/c") for key in changelog) == 2
    for offset, day in ((41, 30.5), (42, 31.5), (43, 32.5)):
        changelog |= dict(watch.process([after(offset, day, point(offset, 0, customer="other", id=str(offset)))]).rows)
    assert [value for key, value in changelog.items() if key.startswith(b"default/c")] == [None, None]
    assert watch.rows == 2
    restarted = partition("answer_limits.other=60d")
    for key, value in changelog.items():
        restarted.restore(key, value)
    restarted.restored()
    assert (restarted.rows, restarted.next_deadline) == (2, watch.next_deadline)


def test_an_expired_row_stays_while_its_records_may_come_again() -> None:
    """The row of a customer whose last record is not committed is what says that it was taken in: it is removed when a commit has passed it."""
    watch = partition()
    watch.process([after(0, 0, point(0, 0)), after(1, 0, point(1, 1, customer="other"))])
    for committed, gone in ((0, []), (1, [b"default/c"]), (1, []), (2, [b"default/other"])):
        watch.committed = committed
        effects = watch.process([after(2 + watch.last_offset, 32.5, point(9, 0, customer="new", id=str(watch.last_offset)))])
        assert [key.partition(b"\x00")[0] for key, value in effects.rows if value is None] == gone


def test_many_deadlines_at_once_leave_others_their_turn() -> None:
    """One record that lets many deadlines come due pauses between them, and all fire once."""
    log = [
        point(number, 0, "handoff.started", customer=f"c{number}", actor={"kind": "agent", "team": "a"},
              data={"handoff": "h", "to_team": "b", "mode": "blind"})
        for number in range(20)
    ]  # fmt: skip
    watch = partition()
    watch.process([line(made, number) for number, made in enumerate(log)])
    pauses = sum(1 for _ in watch.take([line(point(99, 3600, customer="z"), 20)], lambda: True))
    assert pauses == 21
    assert len(watch.effects().findings) == 20
