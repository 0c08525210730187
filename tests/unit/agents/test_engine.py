"""The engine against an independent oracle, and against itself in every order, split and crash."""

import gc
import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.context import Contact, Seen, Wait
from agents.fields import Fingerprinter
from agents.fold import Fold
from agents.links import Claim, Forget, Internal, encode_internal
from agents.partition import Effects, PartitionWatch, Record
from agents.replay import Replay
from agents.rows import CorruptRow
from config.rules import SHIPPED_RULES
from tests.reference import oracle
from tests.reference.identity import from_the_start, scattered
from tests.reference.scenarios import random_scenario, scenarios
from tests.reference.timeline import microseconds
from tests.support.properties import examples
from tests.support.stories import eventful, eventful_scenarios
from tests.unit.agents.support import (
    DAY,
    KEY,
    Sink,
    batches,
    clock_after,
    fields,
    first_of_each,
    partition,
    records,
    rulebook,
    run,
)
from tests.unit.agents.test_partition import asked, point, told

ON = {
    "ping_pong_return": {"mode": "on"},
    "ping_pong_timed": {"mode": "on"},
    **oracle.off_unless_shipped(SHIPPED_RULES),
}

OTHERWISE = [
    (rule, key, text, value)
    for rule, key, text, value in (
        ("repeated_answer", "read_back", "10s", 10),
        ("excessive_handoffs", "hops", "2", 2),
        ("handoff_flap", "times", "2", 2),
        ("handoff_flap", "within", "10s", 10),
        ("misroute", "within", "5s", 5),
        ("misroute", "confidence", "0.4", 0.4),
        ("dead_end", "within", "24h", 86_400),
        ("broken_promise", "furthest", "24h", 86_400),
        ("contradiction", "within", "60s", 60),
        ("repeat_contact", "within", "24h", 86_400),
        ("premature_closure", "within", "1h", 3_600),
        ("two_faces", "open_for", "1h", 3_600),
        ("mood_drop", "within", "60s", 60),
        ("mood_drop", "messages", "2", 2),
        ("mood_drop", "margin", "0.25", 0.25),
        ("expectation_gap", "within", "60s", 60),
        ("expectation_gap", "margin", "0.1", 0.1),
        ("portfolio_shift", "surveys", "2", 2),
        ("portfolio_shift", "satisfaction", "0.5", 0.5),
        ("portfolio_shift", "revenue", "500", 500),
    )
    if (SHIPPED_RULES / f"{rule}.yaml").exists()
]
"""Other limits than the shipped ones, as the program takes them and as the oracle does: windows that scenarios can cross."""


def replayed(
    touchpoints: list[dict[str, Any]], clock: int, *overrides: str
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Return what the engine finds, in the form that is compared, and its scores."""
    replay = Replay(rulebook(*overrides), fields(), Fingerprinter(KEY))
    for number, touchpoint in enumerate(touchpoints):
        replay.feed(number, json.dumps(touchpoint).encode())
    replay.finish(clock)
    assert not replay.dead_letters
    found = {}
    for finding in replay.findings():
        compared = {key: finding[key] for key in oracle.COMPARED}
        compared["rule"] = finding["rule"]["name"]
        compared["time"] = microseconds(finding["time"])
        for end in ("first", "again"):
            if compared[end] is not None:
                compared[end] = {key: compared[end][key] for key in ("source", "id")}
        found[finding["id"]] = compared
    return found, list(replay.scores(clock))


def expected(
    touchpoints: list[dict[str, Any]], clock: int, rules: dict[str, Any] = ON
) -> tuple[dict[str, dict[str, Any]], dict[Any, float]]:
    """Return what the oracle finds, and its scores."""
    found = oracle.findings(touchpoints, clock=clock, rules=rules)
    scores = {
        (each["tenant"], each["score"], each["scope"], each["name"], each["half_life"]): each["value"]
        for each in oracle.scores(found, touchpoints, as_of=clock)
    }
    return {each["id"]: {key: each[key] for key in oracle.COMPARED} for each in found}, scores


def assert_like_oracle(touchpoints: list[dict[str, Any]], clock: int, told: list[dict[str, Any]] | None = None) -> None:
    """Compare both; the engine is ``told`` the same otherwise, where that is given."""
    found, scores = replayed(told or touchpoints, clock)
    wanted, wanted_scores = expected(touchpoints, clock)
    assert found == wanted
    assert_scored_like_oracle(scores, wanted_scores)


def assert_scored_like_oracle(scores: list[dict[str, Any]], wanted_scores: dict[Any, float]) -> None:
    """Compare all scores, but for journeys of several customers."""
    shared = {each["name"] for each in scores if each["scope"] == "journey"}
    for each in scores:
        key = (each["tenant"], each["score"], each["scope"], each["name"], each["half_life"])
        if each["name"] not in shared or each["scope"] != "journey":
            assert each["value"] == pytest.approx(wanted_scores.get(key), abs=1e-6), key
    told = {
        (each["tenant"], each["score"], each["scope"], each["name"], each["half_life"])
        for each in scores
        if each["score"] != "consistency" and each["value"] is not None
    }
    assert told == {key for key in wanted_scores if key[1] != "consistency"}


def assert_same_sums(one: Sink, other: Sink, clock: int) -> None:
    """Compare two sets of tallies."""
    sums, others = one.sums(clock), other.sums(clock)
    assert sums.keys() == others.keys()
    for key, value in sums.items():
        assert value == pytest.approx(others[key], abs=1e-6), key


@pytest.mark.parametrize("seed", [*range(30), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(30, 150))])
def test_findings_and_scores_are_those_of_the_oracle(seed: int) -> None:
    """On random hard scenarios an independent reading of the documents gives the same findings, field by field, and the same scores."""
    touchpoints = random_scenario(seed)
    newest = max(microseconds(each["time"]) for each in touchpoints)
    assert_like_oracle(touchpoints, newest + (20_000_000, 62_000_000, 65_000_000, 2 * DAY, 400 * DAY)[seed % 5])


@pytest.mark.parametrize("seed", range(12))
def test_with_aliases_they_are_those_of_an_oracle_who_knew_the_customer(seed: int) -> None:
    """Touchpoints that come under aliases, with links anywhere, give what the oracle makes of them under their customer: experience scores, too."""
    told = scattered(first_of_each(random_scenario(seed)), random.Random(seed), 1 + seed % 5)
    assert_like_oracle(from_the_start(told), clock_after(told), told)


@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20, 150))])
def test_findings_under_other_limits_are_those_of_the_oracle(seed: int) -> None:
    """So they are where the rules have other windows, counts and margins than the shipped ones."""
    touchpoints = random_scenario(seed)
    rules = {name: dict(keys) for name, keys in ON.items()}
    for rule, key, _, value in OTHERWISE:
        rules.setdefault(rule, {})[key] = value
    found, _ = replayed(touchpoints, clock_after(touchpoints), *(f"{rule}.{key}={text}" for rule, key, text, _ in OTHERWISE))
    assert found == expected(touchpoints, clock_after(touchpoints), rules)[0]


@examples(40)
@given(scenarios())
def test_hypothesis_finds_no_scenario_where_the_oracle_differs(touchpoints: list[dict[str, Any]]) -> None:
    """Nor does a search for a counterexample, which would shrink to the smallest one."""
    assert_like_oracle(touchpoints, clock_after(touchpoints))


@examples(40)
@given(eventful_scenarios(), st.randoms(use_true_random=False), st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_order_repetition_and_batches_change_nothing(
    touchpoints: list[dict[str, Any]], chance: random.Random, sizes: list[int]
) -> None:
    """Shuffled, a tenth of it repeated and split into any batches, a log gives the same findings and sums."""
    touchpoints = first_of_each(touchpoints)
    clock = clock_after(touchpoints)
    shuffled = [*touchpoints, *chance.sample(touchpoints, len(touchpoints) // 10)]
    chance.shuffle(shuffled)
    plain, other = run(touchpoints, clock), run(shuffled, clock, sizes)
    assert other.standing() == plain.standing()
    assert_same_sums(other, plain, clock)


def test_scenarios_hold_absences_turns_and_misroutes() -> None:
    """The random timelines that are shuffled, split and cut off here hold findings that wait for a deadline, and those of turns, routes and intents."""
    found = {
        (body["detector"], body["reason"])
        for seed in range(60)
        for body in run(random_scenario(seed), clock_after(random_scenario(seed))).standing().values()
    }
    assert found >= {
        *(("broken_promise", "not_kept"), ("broken_promise", "kept_late"), ("dead_end", "abandoned"), ("dead_end", "unresolved")),
        *(("handoff_flap", "handoff_flap"), ("misroute", "handed_on_at_once"), ("misroute", "other_intent")),
    }


def test_eventful_timelines_hold_what_is_judged_in_them() -> None:
    """The timelines that are shuffled, split and cut off here hold findings of every detector of facts, intents, cases, moods, offers and figures."""
    found = {
        body["rule"]["name"]
        for seed in range(80)
        for touchpoints in [eventful(random_scenario(seed), random.Random(seed))]
        for body in run(touchpoints, clock_after(touchpoints)).standing().values()
    }
    assert found >= {
        *("contradiction", "expectation_gap", "mood_drop", "portfolio_shift", "premature_closure", "repeat_contact"),
        "two_faces",
    }


STEPS = ("findings", "tallies", "some rows", "all rows")


@examples(60)
@given(eventful_scenarios(), st.lists(st.tuples(st.integers(1, 12), st.sampled_from(STEPS), st.integers(0, 40)), max_size=6))
def test_a_crash_between_any_two_steps_changes_nothing(
    touchpoints: list[dict[str, Any]], crashes: list[tuple[int, str, int]]
) -> None:
    """A batch that dies after its findings, its tallies, some or all of its rows ends, once repeated from the last commit, in the same state."""
    clock = clock_after(touchpoints)
    log = records(touchpoints)
    changelog: dict[bytes, bytes | None] = {}
    sink = Sink()
    watch = partition()
    committed = 0
    for size, step, rows in [*crashes, (len(log) or 1, "commit", 0)]:
        effects = watch.process(log[committed : committed + size])
        sink.take_findings(effects)
        if step != "findings":
            sink.take_tallies(effects)
            changelog.update(effects.tally_rows)
            if step != "tallies":
                changelog.update(effects.rows[:rows] if step == "some rows" else effects.rows)
        if step == "commit":
            break
        watch = partition()
        for key, value in changelog.items():
            watch.restore(key, value)
        watch.restored()
    for batch in batches(log[committed + len(log) :], (1000,)):
        watch.process(batch)
    last = watch.advance(clock)
    sink.take_findings(last)
    sink.take_tallies(last)
    plain = run(touchpoints, clock)
    assert sink.bodies == plain.bodies
    assert sink.briefs == plain.briefs
    assert_same_sums(sink, plain, clock)


@examples(30)
@given(eventful_scenarios(), st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_a_restart_after_each_batch_changes_nothing(touchpoints: list[dict[str, Any]], sizes: list[int]) -> None:
    """State read back from the changelog goes on exactly where it was: every revision is the same as without a restart."""
    clock = clock_after(touchpoints)
    changelog: dict[bytes, bytes | None] = {}
    sink, watch = Sink(), partition()
    for batch in batches(records(touchpoints), sizes):
        effects = watch.process(batch)
        sink.take_findings(effects)
        sink.take_tallies(effects)
        changelog.update(effects.tally_rows)
        changelog.update(effects.rows)
        watch = partition()
        for key, value in changelog.items():
            watch.restore(key, value)
        watch.restored()
    last = watch.advance(clock)
    sink.take_findings(last)
    sink.take_tallies(last)
    plain = run(touchpoints, clock)
    assert sink.bodies == plain.bodies
    assert sink.briefs == plain.briefs
    assert_same_sums(sink, plain, clock)


@examples(8)
@given(
    st.integers(0, 10**6),
    st.integers(0, 100),
    st.integers(1, 60),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.integers(0, 4),
)
@example(271590, 37, 44, [15, 10], 1)  # a full chunk arrives late, and before the owner's last one of the same key
def test_rows_that_arrive_late_are_worth_what_they_say(
    seed: int, committed: int, late: int, sizes: list[int], after: int
) -> None:
    """The rows of a worker that was cut off arrive among those of the next owner: recovery, and recovery after compaction, end as if they had not."""
    touchpoints = [
        each | {"id": f"{number}/{each['id']}", "customer": "c", "tenant": "acme"}
        for number in range(4)
        for each in eventful(random_scenario(seed + number), random.Random(seed))
    ]
    log, clock = records(touchpoints), clock_after(touchpoints)
    plain = run(touchpoints, clock)
    said: list[Effects] = []
    before = written([], partition(), [log[:committed]], said)
    cut_off = written([], rebuilt(before)[0], [log[committed : committed + late]], said)
    owner = rebuilt(before)[0]
    own = list(batches(log[committed:], sizes))[: len(sizes)]
    rows = written(before, owner, own[:after], said) + cut_off
    committed += sum(map(len, own[:after]))
    rows = written(rows, owner, own[after : after + 1], said)  # the owner notices at its next write, and ends
    state, again = rebuilt(rows)
    compacted, none = rebuilt(compaction([*rows, *again]))
    assert none == []
    for watch in (state, compacted):
        sink = Sink()
        for effects in [*said, watch.process(log[committed:]), watch.advance(clock)]:
            sink.take_findings(effects)
            sink.take_tallies(effects)
        assert sink.bodies == plain.bodies
        assert_same_sums(sink, plain, clock)


@pytest.mark.parametrize("known", [1, 20, 30])
def test_rows_that_arrive_late_do_not_bring_a_forgotten_customer_back(known: int) -> None:
    """A worker that was cut off begins a new chunk of a customer whom the next owner forgets: nothing of it is left, nor after compaction."""
    log = records([*(point(number, number, contact="k") for number in range(40)), point(40, 40, "customer.forgotten", data={})])
    before = written([], partition(), [log[:known]], [])
    cut_off = written([], rebuilt(before)[0], [log[known:40]], [])
    owner = written([], rebuilt(before)[0], [log[known:]], [])
    state, again = rebuilt([*before, *owner, *cut_off])
    compacted, none = rebuilt(compaction([*before, *owner, *cut_off, *again]))
    assert none == []
    for watch in (state, compacted):
        [customer] = watch.customers()
        assert customer.forgotten
        assert customer.entries == []


def _begins_anew(how: str, lived: int) -> list[Record]:
    """Return the log of a customer who tells and is asked again, of whom the row begins anew after so many touchpoints, and who goes on."""
    apart = 10 if how == "flood" else 600

    def said(number: int, late: int = 0) -> dict[str, Any]:
        after, field = number * apart + late, f"field_{number // 2 % 9}"
        return asked(number, after, field) if number % 2 else told(number, after, field=field)

    points: list[dict[str, Any] | Internal] = [said(number) for number in range(lived)]
    if how == "alias":
        points += [Claim(offset=0, customer="b"), Forget(offset=0, time=1)]
    elif how.startswith("forgotten"):
        until = {"forgotten whole": lived, "forgotten in part": 4, "forgotten before": -1}[how] * apart
        points.append(point(lived, until, "customer.forgotten", data={}))
    points += [said(number, 100 * 86_400 if how == "silence" else 0) for number in range(lived, lived + 45)]
    log, now = list[Record](), 0
    for offset, each in enumerate(points):
        now = max(now, microseconds(each["time"]) // 1000) if isinstance(each, dict) else now
        log.append(Record(offset, now, b"default/c", json.dumps(each).encode() if isinstance(each, dict) else encode_internal(each)))
    return log


def _kept(watch: PartitionWatch) -> dict[str, list[Any]]:
    return {each.customer: [entry.content() for entry in each.entries] for each in watch.customers()}


@pytest.mark.parametrize("lived", [6, 30, 70])
@pytest.mark.parametrize("how", ["forgotten whole", "forgotten in part", "forgotten before", "alias", "flood", "silence"])
def test_a_row_that_begins_anew_takes_the_place_of_the_old_one_at_once(how: str, lived: int) -> None:
    """Wherever among the rows of a batch the owner dies: what it had read is read again as it was, and no chunk of before stays, also after compaction."""
    log = _begins_anew(how, 220 if how == "flood" else lived)
    own = partition(keyed=True)
    wanted, plain = own.process(log), Sink()
    plain.take_findings(wanted)
    assert plain.bodies
    assert wanted.dead_letters == []
    known = _kept(own)
    for committed in (0, 1, lived - 1, lived):
        before = written([], partition(keyed=True), [log[:committed]], [])
        effects = rebuilt(before, keyed=True)[0].process(log[committed:])
        for cut in range(len(effects.rows) + 1):
            rows = [*before, *effects.tally_rows, *effects.rows[:cut]]
            state, again = rebuilt(rows, keyed=True)
            compacted, none = rebuilt(compaction([*rows, *again]), keyed=True)
            assert none == []
            for watch in (state, compacted):
                sink = Sink()
                sink.revisions = dict(plain.revisions)
                found = watch.process(log[committed:])
                sink.take_findings(found)
                assert sink.revisions == plain.revisions
                assert _kept(watch) == known
                left, late = rebuilt([*compaction([*rows, *again]), *found.rows], keyed=True)
                assert late == []
                assert _kept(left) == known


def compaction(rows: Iterable[tuple[bytes, bytes | None]]) -> Iterable[tuple[bytes, bytes | None]]:
    """Return the last record of each key, where it stands."""
    kept: dict[bytes, bytes | None] = {}
    for key, value in rows:
        kept.pop(key, None)
        kept[key] = value
    return kept.items()


def written(
    rows: list[tuple[bytes, bytes | None]], watch: PartitionWatch, log: Iterable[list[Record]], said: list[Effects]
) -> list[tuple[bytes, bytes | None]]:
    """Return ``rows`` and those that batches of a log add; note in ``said`` what else these do."""
    for batch in log:
        effects = watch.process(batch)
        rows = [*rows, *effects.tally_rows, *effects.rows]
        said.append(effects)
    return rows


def rebuilt(rows: Iterable[tuple[bytes, bytes | None]], *, keyed: bool = False) -> tuple[PartitionWatch, list[tuple[bytes, bytes | None]]]:
    """Return a partition as its changelog has it, and the rows that are to be written again."""
    watch = partition(keyed=keyed)
    for key, value in rows:
        watch.restore(key, value)
    return watch, watch.restored()


def deaths(log: list[Record], size: int, chance: random.Random) -> tuple[Sink, Sink]:
    """Return what an owner tells, and what others tell of whom every second dies among the rows of a batch."""
    plain, sink, watch, rows = Sink(), Sink(), partition(), list[tuple[bytes, bytes | None]]()
    undisturbed = partition()
    for batch in batches(log, (size,)):
        plain.take_findings(undisturbed.process(batch))
        effects = watch.process(batch)
        sink.take_findings(effects)
        if chance.random() < 0.5:
            rows += [*effects.tally_rows, *effects.rows[: chance.randrange(len(effects.rows))]]
            watch, _ = rebuilt(rows)
            effects = watch.process(batch)
            sink.take_findings(effects)
        rows += [*effects.tally_rows, *effects.rows]
    return plain, sink


@pytest.mark.parametrize("seed", range(7, 12))
def test_who_dies_among_the_rows_repeats_the_same_revisions(seed: int) -> None:
    """Rows are ahead of the clock then, or a full chunk of its successor: nothing is told otherwise, nor as one revision more."""
    chance = random.Random(seed)
    stream = [each | {"customer": f"c{number % 2}", "id": f"{number}-{each['id']}"} for number in range(4) for each in random_scenario(seed * 4 + number)]
    stream = sorted(stream, key=lambda each: microseconds(each["time"])) if seed % 2 else chance.sample(stream, len(stream))
    plain, sink = deaths(records(first_of_each(stream)), chance.randrange(2, 12), chance)
    assert sink.revisions == plain.revisions


def test_a_damaged_row_ends_recovery() -> None:
    """A changelog record that cannot be read is an error, never a customer who is silently new."""
    watch = partition()
    effects = watch.process(records(random_scenario(3)))
    key, value = effects.rows[0]
    assert value is not None
    broken = partition()
    with pytest.raises(CorruptRow):
        broken.restore(key, b"\x07" + value[1:])


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_who_recovers_remembers_what_others_do(seed: int, late: bool) -> None:
    """After each record a recovered customer has the same horizon and touchpoints: also when a wait is over, and when the record came too late."""
    one = [each | {"customer": "c", "tenant": "acme"} for each in random_scenario(seed)]
    touchpoints = sorted(first_of_each(one), key=lambda each: microseconds(each["time"]))
    half = len(touchpoints) // 2 if late else 0
    watch, rows, refused = partition("maximum_touchpoints=3"), list[tuple[bytes, bytes | None]](), 0
    for record in records([*touchpoints[half:], *touchpoints[:half]]):
        effects = watch.process([record])
        rows += effects.rows
        refused += len(effects.dead_letters)
        recovered = partition("maximum_touchpoints=3")
        for row in rows:
            recovered.restore(*row)
        recovered.restored()
        ours, theirs = (
            [(each.horizon, [(entry.arrival, entry.content()) for entry in each.entries]) for each in one.customers()] for one in (watch, recovered)
        )
        assert ours == theirs
    assert bool(refused) == late


def test_what_is_dropped_is_freed_without_the_cycle_collector() -> None:
    """Late records fold anew again and again; with the collector off, the folds that are dropped leave nothing behind."""
    touchpoints = [each for seed in range(20) for each in eventful(random_scenario(seed), random.Random(seed))]
    log = records([each | {"customer": f"c{number % 7}"} for number, each in enumerate(touchpoints)])
    gc.collect()
    gc.disable()
    try:
        watch = partition("maximum_touchpoints=50")
        watch.process(log)
        watch.forget_decoded()
        left = [each for each in gc.get_objects() if isinstance(each, (Contact, Seen, Wait, Fold))]
    finally:
        gc.enable()
    assert not left
