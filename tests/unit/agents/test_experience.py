"""The scores of experience against numbers worked by hand, and what must hold of all of them.

All that happens in one story happens within seconds of 2026-03-02T09:00Z, so decay over it is left out: values are compared to a thousandth of a point.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine import CONSISTENCY, PartCharge
from agents.experience import (
    BROUGHT_SHORT,
    RESTS_ON,
    communication_score,
    consumer_fusion,
    difference_score,
    emotional_score,
    expectation_score,
    fusion_score,
    purpose_score,
    three_cs_score,
    value_score,
)
from agents.fields import Fingerprinter
from agents.replay import Replay
from agents.rules import EngineRules
from agents.scores import Merger, faded, value_of
from agents.tallies import Tallies
from config.errors import ConfigError
from config.rules import load_rulebook
from models.dead_letter import DeadLetterReason
from models.score import BEHIND
from tests.reference.by_hand import BASE, CUSTOMER, DAY, agent, answered, at, handed
from tests.reference.scenarios import random_scenario
from tests.support.stories import eventful
from tests.unit.agents.support import KEY, batches, clock_after, fields, partition, records, rulebook

Json = dict[str, Any]
HOUR, WEEK = 3_600, 604_800
SECOND = 1_000_000
PARTNER = {"kind": "partner", "team": "parcels"}
BRAND = {"brand": "mobile"}


def replayed(touchpoints: Iterable[Json], *overrides: str, until: float = 0) -> Replay:
    """Replay a story up to ``until``, in seconds after its start, or to its end."""
    replay = Replay(load_rulebook(None, overrides), fields(), Fingerprinter(KEY))
    for number, each in enumerate(touchpoints):
        replay.feed(number, json.dumps(each).encode())
    replay.finish(BASE + round(until * SECOND))
    return replay


def scores(
    touchpoints: Iterable[Json], *overrides: str, until: float = 0, half_life: int = WEEK, later: float = 0
) -> dict[tuple[str, str, str], float]:
    """Return the scores of a story by score, scope and name, as of ``later`` seconds after ``until``."""
    replay = replayed(touchpoints, *overrides, until=until)
    assert not replay.dead_letters
    found = replay.scores(BASE + round((until + later) * SECOND))
    return {
        (each["score"], each["scope"], each["name"]): each["value"]
        for each in found
        if each["half_life"] == half_life and each["value"] is not None
    }


def felt(seconds: float, mood: float, more: Json | None = None) -> Json:
    """Let the customer write with a mood."""
    return at(seconds, "message", CUSTOMER, more, text="well", sentiment=mood)


def promised(seconds: float, name: str, due: int, by: Json | None = None, more: Json | None = None) -> Json:
    """Promise something until ``due`` seconds (under a minute) after the start."""
    return at(seconds, "promise.made", by or agent("sales"), more, promise=name, due=f"2026-03-02T09:00:{due:02d}Z")


def kept(seconds: float, name: str, by: Json | None = None, more: Json | None = None) -> Json:
    """Keep a promise."""
    return at(seconds, "promise.kept", by or agent("sales"), more, promise=name)


def stated(seconds: float, team: str, value: str, **data: Any) -> Json:
    """State a price."""
    return at(seconds, "fact.stated", agent(team), None, fact="price", value=value, **data)


def survey(seconds: float, score: float, more: Json | None = None, **data: Any) -> Json:
    """Answer on a scale of 1 to 5, unless told otherwise."""
    scale = {"survey": "v1", "metric": "csat", "minimum": 1, "maximum": 5}
    return at(seconds, "survey.answered", CUSTOMER, more, **scale | {"score": score} | data)


def asked(seconds: float, team: str, more: Json | None = None, **data: Any) -> Json:
    """Ask for the account number."""
    return at(seconds, "info.requested", agent(team), more, **{"field": "account_number"} | data)


def given_number(seconds: float) -> Json:
    """Give the account number."""
    return at(seconds, "info.provided", CUSTOMER, None, field="account_number", value="4711-22")


def contact(name: str) -> Json:
    """Name another contact."""
    return {"contact": name}


# Numbers worked by hand.


def test_emotional_consistency_by_hand() -> None:
    """Moods 0.5, 0.5, -0.5 (McKinsey's second C): half-way to the worst and down by half of the scale, 0.5 of 3 are gloom: 100 x 2.5/3 = 83.333.

    Where it stays bad it stays gloom: then -0.5 again makes 1 of 4: 75. Where it falls within what is good, the fall counts: 1 to 0.4 is 0.3 of 2: 85.
    """
    story = [answered(0, "sales"), felt(1, 0.5), felt(2, 0.5), felt(3, -0.5)]
    assert scores(story)["emotional", "team", "sales"] == pytest.approx(100 * 2.5 / 3, abs=1e-3)
    assert scores([*story, felt(4, -0.5)])["emotional", "tenant", "default"] == pytest.approx(75, abs=1e-3)
    assert scores([answered(0, "sales"), felt(1, 1), felt(2, 0.4)])["emotional", "channel", "voice"] == pytest.approx(85, abs=1e-3)
    assert emotional_score({"moods": 3.0, "gloom": 0.5}) == pytest.approx(100 * 2.5 / 3)


def test_communication_consistency_by_hand() -> None:
    """Of two promises one broken, of two statements that can be compared one contradicted (McKinsey's third C): 100 x 1/2 x 1/2 = 25.

    Promises alone: 50. What is not due yet says nothing, and neither does what was cancelled in time, nor a correction.
    """
    promises = [promised(0, "p1", 10), promised(0.1, "p2", 10), kept(5, "p1"), promised(1, "p3", 50)]
    facts = [stated(1, "sales", "10"), stated(2, "service", "12"), stated(3, "sales", "12"), stated(4, "service", "9", correction=True)]
    cancelled = [promised(1.5, "p4", 10), at(6, "promise.cancelled", agent("sales"), promise="p4")]
    assert scores([*promises, *cancelled], until=15)["communication", "tenant", "default"] == pytest.approx(50, abs=1e-3)
    assert scores(promises, until=14.999999)["communication", "tenant", "default"] == pytest.approx(100, abs=1e-3)
    assert scores(promises + facts, until=15)["communication", "tenant", "default"] == pytest.approx(25, abs=1e-3)
    assert communication_score({"promises": 4.0, "broken": 1.0, "facts": 2.0, "contradicted": 1.0}) == pytest.approx(37.5)
    assert communication_score({}) is None


def test_the_headline_of_the_three_cs_by_hand() -> None:
    """The geometric mean (McKinsey's three Cs): of 90, 80 and 37.5 the cube root of 270,000, 64.633; of 90 and 40 alone 60; where one is 0, 0.

    In a story: a tenant with two handlings and no finding is consistent, 100; moods 1 and -1 are half gloom, 50; one promise of two is kept, 50: the cube
    root of 250,000, 62.996. The contact's journey and the customer have the same. Consistency alone is no headline.
    """
    assert three_cs_score(90, 80, 37.5) == pytest.approx(270_000 ** (1 / 3))
    assert three_cs_score(90, None, 40) == pytest.approx(60)
    assert three_cs_score(90, 0, 50) == 0
    assert three_cs_score(90, None, None) is None
    story = [answered(0, "sales"), felt(1, 1), felt(2, -1), promised(3, "p1", 10), promised(3.5, "p2", 10), kept(5, "p1")]
    found = scores(story, "broken_promise.mode=off", "mood_drop.mode=off", until=15)
    whole = {key[1]: value for key, value in found.items() if key[0] == "three_cs"}
    assert whole.keys() == {"team", "channel", "tenant", "customer", "journey"}
    assert list(whole.values()) == pytest.approx([250_000 ** (1 / 3)] * 5, abs=1e-3)
    assert "three_cs" not in {key[0] for key in scores([answered(0, "sales")])}


def test_purpose_by_hand() -> None:
    """Of five contacts with an intent (the second law) one was abandoned, and one resolved by the second team: 100 x 3/5 = 60, of that second team 0.

    A contact of which nobody knows the intent, or whether it resolved anything, says nothing.
    """
    story = []
    for number in range(7):
        where, start = contact(f"k{number}"), 10 * number
        intent = {} if number == 5 else {"intent": "bill"}
        story += [at(start, "contact.started", CUSTOMER, where, direction="inbound", **intent), answered(start + 1, "sales", where)]
        story += [answered(start + 2, "service", where)] if number == 1 else []
        end = ("contact.abandoned", {}) if number == 0 else ("contact.ended", {} if number == 6 else {"resolved": True})
        story.append(at(start + 3, end[0], agent("service" if number == 1 else "sales"), where, **end[1]))
    found = scores(story, until=70)
    assert found["purpose", "tenant", "default"] == pytest.approx(60, abs=1e-2)
    assert found["purpose", "team", "service"] == 0
    assert purpose_score({"contacts": 5.0, "missed": 2.0}) == 60


def test_difference_by_hand() -> None:
    """Of four handlings of who had given the number (the third law), three read it back and one asked again: 100 x 3/4 = 75.

    Who reads it back and asks for it all the same did not use it; by policy it may be asked for; where nothing was told there is nothing to use.
    """
    story = [asked(0, "ask"), given_number(1)]
    for number, team in enumerate(("a", "b", "c")):
        story.append(at(10 + number, "info.confirmed", agent(team), None, field="account_number"))
    story.append(asked(20, "d"))
    assert scores(story)["difference", "tenant", "default"] == pytest.approx(75, abs=1e-3)
    assert ("difference", "team", "ask") not in scores(story)
    assert scores([*story[:5], asked(12.5, "c"), story[5]])["difference", "tenant", "default"] == pytest.approx(50, abs=1e-3)
    assert scores([*story[:5], asked(20, "d", purpose="policy")])["difference", "tenant", "default"] == 100
    assert difference_score({"handlings": 4.0, "unused": 1.0}) == 75


def test_value_by_hand() -> None:
    """5 and 2 on a scale of 1 to 5, and 8 of 0 to 10 (the fourth law): 100 x (1 + 0.25 + 0.8) / 3 = 68.333; on a scale on which 1 is best, 2 of 5 is 0.75.

    The team that worked last in the contact answers for it; a scale of one step says nothing.
    """
    story = [answered(0, "sales"), survey(1, 5), survey(2, 2), survey(3, 8, minimum=0, maximum=10)]
    found = scores([*story, survey(4, 1, minimum=1, maximum=1)])
    assert found["value", "team", "sales"] == found["value", "tenant", "default"] == pytest.approx(100 * 2.05 / 3, abs=1e-3)
    assert scores([survey(1, 2, minimum=5, maximum=1)])["value", "tenant", "default"] == pytest.approx(75)
    assert value_score({"answers": 3.0, "discontent": 0.95}) == pytest.approx(100 * 2.05 / 3)


def test_expectation_by_hand() -> None:
    """A promise kept and one broken, 4 expected and 2 answered on a scale of 1 to 5 (expectation against experience): 100 x (1 - (1 + 0.5) / 3) = 50.

    Advertised was 5 and 4 came: 0.25 of 1 is missing: 75. More than expected makes up for nothing; what is advertised beyond the scale cannot be compared.
    """
    story = [promised(0, "p1", 10), promised(0.5, "p2", 10), kept(5, "p1"), survey(6, 2, expected=4)]
    found = scores(story, until=15)
    assert found["expectation", "customer", "c"] == found["expectation", "tenant", "default"] == pytest.approx(50, abs=1e-2)
    advertised = at(0, "brand.exposure", {"kind": "system"}, None, metric="CSAT", promised=5)
    assert scores([advertised, survey(1, 4)])["expectation", "customer", "c"] == pytest.approx(75)
    assert scores([advertised, survey(1, 4), survey(2, 5, expected=1)])["expectation", "customer", "c"] == pytest.approx(87.5, abs=1e-3)
    beyond = advertised | {"data": {"metric": "csat", "promised": 10}}
    assert "expectation" not in {key[0] for key in scores([beyond, survey(1, 4)])}
    assert expectation_score({"promises": 2.0, "broken": 1.0, "expected": 1.0, "below_expected": 0.5}) == pytest.approx(50)


def test_the_fusion_of_a_consumer_and_a_brand_by_hand() -> None:
    """It starts at 50; a promise kept is +3 and one broken -8 (the essay's events): 45, a half-life later 47.5, and in the end 50 again.

    A public mention at -0.5 is -4, a private one none; the best answer +5: 46, not only for one brand. One broken promise after another ends at 0.
    """
    story = [promised(0, "p1", 10, more=BRAND), promised(0, "p2", 10, more=BRAND) | {"id": "p2"}, kept(5, "p1", more=BRAND)]
    bond = ("fusion", "customer", "c>mobile")
    assert scores(story, until=15)[bond] == pytest.approx(45, abs=1e-3)
    assert scores(story, until=15, later=WEEK)[bond] == pytest.approx(47.5, abs=1e-3)
    assert scores(story, until=15, later=40 * WEEK)[bond] == pytest.approx(50, abs=1e-6)
    mentions = [at(number, "mention.published", CUSTOMER, None, sentiment=-0.5, public=number > 1) for number in (1, 2)]
    assert scores([*mentions, survey(3, 5)])["fusion", "customer", "c"] == pytest.approx(51, abs=1e-3)
    broken = [promised(number, f"p{number}", 10) for number in range(7)]
    assert scores(broken, until=15)["fusion", "customer", "c"] == 0
    assert consumer_fusion({"moved": 11.0, "loss": 8.0}) == 45


def test_the_fusion_of_a_brand_and_of_a_partner_by_hand() -> None:
    """30 points gained and 20 lost: 50 + 50 x 10 / 100 = 55. A partner broke a promise (-8): of the partner 50 - 50 x 8 / 58 = 43.103.

    It belongs to the partner, and is blamed on the brand as far as the rules say: in full 43.103 too, by half (4 points) 46.296, not at all: not moved.
    """
    assert fusion_score({"moved": 50.0, "loss": 20.0}) == pytest.approx(55)
    story = [promised(0, "p1", 10, PARTNER, BRAND)]
    found = scores(story, until=15)
    assert found["fusion", "partner", "parcels>mobile"] == found["fusion", "brand", "mobile"] == pytest.approx(50 - 400 / 58, abs=1e-3)
    assert found["fusion", "customer", "c>mobile"] == pytest.approx(42, abs=1e-3)
    half = scores(story, "fusion_blame=0.5", until=15)
    assert half["fusion", "partner", "parcels>mobile"] == pytest.approx(50 - 400 / 58, abs=1e-3)
    assert half["fusion", "brand", "mobile"] == pytest.approx(50 - 200 / 54, abs=1e-3)
    assert half["fusion", "customer", "c>mobile"] == pytest.approx(46, abs=1e-3)
    none = scores(story, "fusion_blame=0", until=15)
    assert ("fusion", "brand", "mobile") not in none
    assert none["fusion", "customer", "c>mobile"] == 50


# What takes back.


def test_what_turns_out_otherwise_is_taken_back() -> None:
    """The record that a promise was kept arrives when it counted as broken; that a number was never given; that it was another mood before: as if in order."""
    stories = [
        [promised(0, "p1", 10), kept(5, "p1")],
        [given_number(1), asked(5, "a"), given_number(0) | {"id": "voids", "data": {"field": "account_number", "value": "1", "corrects": True}}],
        [answered(0, "sales"), felt(2, 0.5), felt(3, 0.2), felt(1, -1)],
        [answered(0, "a"), handed(1, agent("a"), to_team="b"), answered(3, "b"), survey(4, 3), answered(5, "c")],
    ]
    for story in stories:
        in_order, late = partition(), partition()
        for touchpoints, watch in ((story, in_order), ([story[0], *story[:0:-1]], late)):
            watch.process(records(touchpoints[:-1]))
            watch.advance(BASE + 20 * SECOND)
            watch.process(records(touchpoints[-1:], len(touchpoints) + 10))
            watch.advance(BASE + 20 * SECOND)
        ours, theirs = ({_key(each): each["value"] for each in watch.entity_scores(BASE + DAY * SECOND)} for watch in (in_order, late))
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_finding_that_is_withdrawn_moves_no_bond() -> None:
    """A late acceptance withdraws an unanswered handoff: the brand's score goes as it came, to nothing."""
    watch = partition("fusion.slow_handoff=0", "misroute.mode=off")
    watch.process(records([answered(0, "a", BRAND), handed(1, agent("a"), to_team="b") | BRAND]))
    watch.advance(BASE + 90 * SECOND)
    moved = {each["scope"]: each["value"] for each in watch.entity_scores(BASE + 90 * SECOND) if each["score"] == "fusion" and each["half_life"] == WEEK}
    assert moved == {"brand": pytest.approx(50 - 200 / 54, abs=1e-2), "tenant": pytest.approx(50 - 200 / 54, abs=1e-2)}
    effects = watch.process(records([at(2, "handoff.accepted", agent("b"), None, handoff="h1")], 10))
    assert not [each for each in watch.entity_scores(BASE + 90 * SECOND) if each["score"] == "fusion"]
    told = [json.loads(value) for _, value in effects.customer_scores if value]
    assert [each["value"] for each in told if each["score"] == "fusion"] == [None]


# What must hold of all of them.


def _key(score: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(score[part] for part in ("tenant", "score", "scope", "name", "half_life"))


def sums_of(pairs: Iterable[tuple[float, float]]) -> dict[str, float]:
    """Make the sums of all parts: how much fell short, and how much did not."""
    parts = zip(BROUGHT_SHORT.items(), pairs, strict=True)
    return {name: each for (part, missed), (short, well) in parts for name, each in ((part, short + well), (missed, short))}


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=10, max_size=10), st.floats(0, 1e6), st.integers(0, 40_000), st.booleans())
def test_every_score_lies_between_its_ends_and_fades_to_what_is_neutral(
    pairs: list[tuple[float, float]], harm: float, age: int, entity: bool
) -> None:
    """0..100 whatever the sums; as they fade, a share stays until there is no evidence of it, and a bond comes nearer to 50."""
    sums = sums_of(pairs) | ({"harm": harm, "opportunities": harm / 2, "prior": 20.0} if entity else {"harm": harm, "findings": 1.0})
    for score in RESTS_ON:
        now, then = value_of(score, sums), value_of(score, faded(sums, age, 1000))
        assert now is None or 0 <= now <= 100
        assert then is None or 0 <= then <= 100
        if now is not None and then is not None:
            if score == "fusion":
                assert abs(then - 50) <= abs(now - 50) + 1e-9
            elif score not in ("three_cs", "communication"):  # a factor can be left out once it has faded
                assert then == pytest.approx(now, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 40 * HOUR), st.floats(0, 1), st.sampled_from(sorted(BROUGHT_SHORT))), max_size=20), st.randoms(use_true_random=False))
def test_evidence_in_any_order_and_taken_back_leaves_nothing(told: list[tuple[int, float, str]], chance: random.Random) -> None:
    """What is told and taken back, in whatever order, leaves parts of exactly nothing, and no score."""
    tallies = Tallies([HOUR * SECOND, WEEK * SECOND])
    steps = [
        PartCharge("team", "x", part, time * SECOND, sign * short, float(sign), sign) for time, short, part in told for sign in (1, -1)
    ]
    chance.shuffle(steps)
    for offset, step in enumerate(steps):
        tallies.tell("acme", step, offset)
    for _, held in tallies.sums():
        assert held.parts is not None
        assert {part.told()[:3] for part in held.parts.values()} == {(0.0, 0.0, 0)}


@given(
    st.lists(
        st.tuples(st.integers(0, 40 * HOUR), st.floats(0, 1), st.sampled_from(sorted(BROUGHT_SHORT)), st.integers(0, 2)), min_size=1, max_size=20
    )
)
def test_partial_sums_add_up_whoever_kept_them(told: list[tuple[int, float, str, int]]) -> None:
    """The same evidence in one partition or dealt over three, restored in between: the merged scores are the same."""
    one, dealt = Tallies([WEEK * SECOND]), [Tallies([WEEK * SECOND]) for _ in range(3)]
    for offset, (time, short, part, where) in enumerate(told):
        for tallies in (one, dealt[where]):
            tallies.tell("acme", PartCharge("team", "x", part, time * SECOND, short, 1.0, 1), offset)
        for key, value in dealt[where].take_changed():
            dealt[where] = Tallies([WEEK * SECOND])
            assert dealt[where].restore(json.dumps(key.parts()), value)
    whole, merged = (dict(merge(published)) for published in ([one], dealt))
    assert whole.keys() == merged.keys()
    assert whole == {key: value if value is None else pytest.approx(value, abs=1e-6) for key, value in merged.items()}


def merge(kept_sums: Iterable[Tallies]) -> Iterator[tuple[tuple[Any, ...], float | None]]:
    """Merge the tallies of some partitions; yield each score."""
    merger = Merger(20)
    for number, tallies in enumerate(kept_sums):
        for key, held in tallies.sums():
            assert merger.take(json.dumps([*key.parts(), number], separators=(",", ":")).encode(), held.encode())
    for _, value in merger.take_scores():
        score = json.loads(value)
        yield _key(score), score["value"]


def test_a_score_of_which_all_was_taken_back_is_told_as_none() -> None:
    """The merger tells the sink to delete the rows of a part that is no more, and tells nothing of consistency where there never was any."""
    merger, tallies = Merger(20), Tallies([WEEK * SECOND])
    told = []
    for offset, sign in enumerate((1, -1)):
        tallies.tell("acme", PartCharge("brand", "x", "answers", 0, sign * 0.5, float(sign), sign), offset)
        for key, value in tallies.take_changed():
            merger.take(json.dumps([*key.parts(), 0], separators=(",", ":")).encode(), value)
        told.append([(each["score"], each["value"]) for each in (json.loads(value) for _, value in merger.take_scores())])
    assert told == [[("value", 50.0)], [("value", None)]]


@pytest.mark.parametrize("seed", range(4))
def test_partitions_and_batches_change_no_score(seed: int) -> None:
    """Customers in one partition, or dealt over three in crumbs, with rows written and read in between: the merged scores are those of a replay.

    Compared are those that no time changes: as of the newest of its own sums each is what it is as of the end.
    """
    touchpoints = [
        each | {"id": f"{number}/{each['id']}", "customer": f"c{number}", "tenant": "acme"}
        for number in range(6)
        for each in eventful(random_scenario(10 * seed + number), random.Random(number))
    ]
    clock, watches = clock_after(touchpoints), [partition() for _ in range(3)]
    for watch, log in zip(watches, (records([each for each in touchpoints if int(each["customer"][1:]) % 3 == n]) for n in range(3)), strict=True):
        for batch in batches(log, (5,)):
            watch.process(batch)
            watch.forget_decoded()
        watch.advance(clock)
    replay = Replay(rulebook(), fields(), Fingerprinter(KEY))
    for number, each in enumerate(touchpoints):
        replay.feed(number, json.dumps(each).encode())
    replay.finish(clock)
    merged = {
        key: value
        for key, value in merge([watch._tallies for watch in watches])
        if key[1] not in (CONSISTENCY, "handoff", "three_cs", "fusion") and key[4] == WEEK and value is not None
    }
    whole = {_key(each): each["value"] for each in replay.scores(clock) if each["scope"] not in ("customer", "journey")}
    assert merged
    assert merged == {key: pytest.approx(whole[key], abs=1e-6) for key in merged}


# What is refused, and what says nothing.


@pytest.mark.parametrize(
    "data", [{"score": 6}, {"score": 0.999}, {"score": -1}, {"score": 3, "expected": 7}, {"score": 3, "minimum": 5, "maximum": 4}, {"score": None}]
)
def test_an_answer_outside_its_scale_is_a_dead_letter(data: Json) -> None:
    """An answer, or what was expected, beyond the ends of its scale is refused with a reason, and moves no score."""
    replay = replayed([survey(0, 3) | {"data": {"survey": "v1", "metric": "csat", "minimum": 1, "maximum": 5} | data}])
    assert [letter.reason for letter in replay.dead_letters] == [DeadLetterReason.INVALID_VALUE]
    assert not list(replay.scores(BASE))


def test_values_that_cannot_be_are_refused() -> None:
    """A mood of -2, a mention of 1.5, an answer without a score: dead letters that name what is wrong, and no score."""
    wrong = [felt(0, -2), at(1, "mention.published", CUSTOMER, None, sentiment=1.5, public=True), survey(2, 3)]
    del wrong[2]["data"]["score"]
    replay = replayed(wrong)
    reasons = [DeadLetterReason.INVALID_VALUE, DeadLetterReason.INVALID_VALUE, DeadLetterReason.MISSING_FIELD]
    assert [letter.reason for letter in replay.dead_letters] == reasons
    assert not list(replay.scores(BASE))


def test_a_clock_that_jumps_makes_no_wrong_score() -> None:
    """Answers dated a century ago and a century ahead leave all scores finite and between 0 and 100, in whatever order they come."""
    jumped = [survey(0, 3) | {"id": year, "time": f"{year}-01-01T00:00:00Z"} for year in ("1926", "2126")]
    for story in ([*jumped, survey(1, 1)], [survey(1, 1), *jumped[::-1]]):
        replay = Replay(rulebook(), fields(), Fingerprinter(KEY))
        for number, each in enumerate(story):
            replay.feed(number, json.dumps(each).encode())
        replay.finish(BASE)
        for as_of in (BASE, clock_after(story)):
            assert all(each["value"] is None or 0 <= each["value"] <= 100 for each in replay.scores(as_of))


def test_events_that_nobody_knows_are_refused_by_place() -> None:
    """Points for what is no event and no detector are a mistake in the rules, told with its place and the nearest name."""
    with pytest.raises(ConfigError, match=r"fusion\.promis_kept.*promise_kept"):
        load_rulebook(None, ["fusion.promis_kept=3"])
    assert EngineRules().fusion == load_rulebook().engine.fusion


def test_every_score_names_the_detectors_behind_it_that_there_are() -> None:
    """What lowers a score can be looked up: the detectors exist, and the scores do."""
    from agents.detectors import DETECTORS

    assert BEHIND.keys() <= {"handoff", *RESTS_ON}
    assert {name for names in BEHIND.values() for name in names} <= DETECTORS.keys()


FORMULAS: Mapping[str, Callable[[Mapping[str, float]], float | None]] = {
    "emotional": emotional_score, "communication": communication_score, "purpose": purpose_score, "difference": difference_score,
    "value": value_score, "expectation": expectation_score,
}  # fmt: skip


@pytest.mark.parametrize("score", FORMULAS)
def test_no_evidence_no_score(score: str) -> None:
    """Without evidence, or with less of it left than a millionth, there is no score, and none is made up."""
    assert FORMULAS[score]({}) is None
    assert FORMULAS[score](dict.fromkeys((*BROUGHT_SHORT, *BROUGHT_SHORT.values()), 1e-8)) is None
