"""The simulated contact centre: what it says went wrong is what a watch finds, no more and no less."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any, get_args

import pytest

from agents.fields import Fingerprinter
from agents.replay import Replay
from agents.timeline import microseconds
from config.fields import load_fields
from config.rules import load_rulebook
from models import touchpoint as model
from streams.simulator import ContactCentre, Delivery, Expected, SimulatedJourney

START = datetime(2026, 3, 2, 9, tzinfo=UTC)

pytestmark = pytest.mark.slow  # thousands of journeys


def found_in(touchpoints: Iterable[dict[str, Any]]) -> tuple[Replay, Counter[Expected]]:
    """Watch touchpoints with the shipped rules, three days longer than they last."""
    replay = Replay(load_rulebook(), load_fields(), Fingerprinter(b"sixteen secret bytes"))
    for number, touchpoint in enumerate(touchpoints):
        replay.feed(number, json.dumps(touchpoint).encode())
    replay.finish(microseconds(START + timedelta(days=30)))
    standing = list(replay.findings())
    rules = {each["id"]: each["rule"]["name"] for each in standing}
    found = Counter(
        Expected(
            each["rule"]["name"],
            cause_of(each),
            each["field"],
            each["reason"],
            each["severity"],
            None if each["explained_by"] is None else rules[each["explained_by"]],
        )
        for each in standing
    )
    return replay, found


def cause_of(finding: dict[str, Any]) -> str:
    """Return the id of what set a finding off: of an absence its beginning, which of a dead end is the end of the contact."""
    if finding["detector"] == "dead_end":
        return str(finding["evidence"][-1]["id"])
    return str((finding["again"] or finding["first"])["id"])


def expected_in(journeys: Iterable[SimulatedJourney], fed: Iterable[dict[str, Any]] = ()) -> Counter[Expected]:
    """Return all that the journeys say must be found, but for what began before its customer asked to be forgotten, in one of them or among the ``fed``."""
    journeys = list(journeys)
    points = [*(point for journey in journeys for point in journey.touchpoints), *fed]
    asked = {point["customer"]: point["time"] for point in points if point["type"] == "customer.forgotten"}
    kept = [journey for journey in journeys if not any(point["time"] <= asked.get(point["customer"], "") for point in journey.touchpoints)]
    return Counter(each for journey in kept for each in journey.expected)


@pytest.mark.parametrize("seed", range(3))
def test_what_goes_wrong_is_found_and_nothing_else(seed: int) -> None:
    """In two thousand journeys of a seed, the watch finds what each journey says it did wrong, and nothing besides."""
    journeys = list(ContactCentre(seed, customers=300, mishap_rate=0.5).journeys(2000, START))
    replay, found = found_in(point for journey in journeys for point in journey.touchpoints)
    expected = expected_in(journeys)
    assert replay.dead_letters == []
    assert replay.counts.unknown_keys == 0
    assert found - expected == Counter()
    assert expected - found == Counter()


def test_every_rule_every_reason_and_every_type_occurs() -> None:
    """A few thousand journeys hold every rule that is on with every reason, and every type of touchpoint that a source sends."""
    journeys = list(ContactCentre(1, mishap_rate=0.5).journeys(3000, START))
    rules = {each.rule for journey in journeys for each in journey.expected}
    assert rules == {rule.name for rule in load_rulebook().rules if rule.mode == "on"}
    reasons = {each.reason for journey in journeys for each in journey.expected if each.rule == "repeated_request"}
    assert reasons == {"bot_then_agent", "after_handoff", "across_channels", "across_contacts", "same_segment"}
    types = {point["type"] for journey in journeys for point in journey.touchpoints}
    assert types == all_types() - {"heartbeat"}


def test_journeys_without_mishap_hold_none() -> None:
    """With a mishap rate of nought nothing goes wrong, and nothing is found."""
    journeys = list(ContactCentre(7, mishap_rate=0).journeys(700, START))
    assert found_in(point for journey in journeys for point in journey.touchpoints)[1] == Counter()


def test_untidy_delivery_changes_nothing() -> None:
    """Touchpoints that come late, twice and out of order lead to the same findings."""
    tidy = ContactCentre(3, mishap_rate=0.5).journeys(500, START)
    untidy = list(ContactCentre(3, mishap_rate=0.5, mess_rate=0.3).journeys(500, START))
    points = [point for journey in untidy for point in journey.touchpoints]
    assert any(after["time"] < before["time"] for journey in untidy for before, after in pairwise(journey.touchpoints))
    replay, found = found_in(points)
    assert replay.counts.duplicates > 100
    assert found == expected_in(tidy)


def test_the_seed_decides() -> None:
    """The same seed tells the same journeys, another seed others."""
    first, again, other = (list(ContactCentre(seed).journeys(50, START)) for seed in (4, 4, 5))
    assert first == again
    assert first != other


def test_live_traffic_is_due_in_order_at_its_time_or_later() -> None:
    """Live traffic comes in the order in which it is due, nothing before its time, at about the wanted rate."""
    deliveries = list(until(ContactCentre(2, mess_rate=0.1).stream(START, 40), START + timedelta(minutes=20)))
    assert all(before.due <= after.due for before, after in pairwise(deliveries))
    assert all(datetime.fromisoformat(each.touchpoint["time"]) <= each.due for each in deliveries)
    steady = [each for each in deliveries if each.due >= START + timedelta(minutes=10)]
    assert 30 < len(steady) / 600 < 50


def test_live_traffic_holds_what_it_says() -> None:
    """What is found in live traffic is what its journeys say; the first mishaps show within a minute of the opening."""
    centre = ContactCentre(2, customers=300, mishap_rate=0.4)
    deliveries = list(islice(centre.stream(START, 20), 14_000))
    complete = {point["id"] for journey in centre.journeys(120, START) for point in journey.touchpoints}
    _, found = found_in(each.touchpoint for each in deliveries)
    assert {each for each in found if each.cause in complete} == set(expected_in(centre.journeys(120, START), [each.touchpoint for each in deliveries]))
    early = found_in(each.touchpoint for each in until(iter(deliveries), START + timedelta(minutes=1)))[1]
    assert early


def test_a_wrong_share_is_refused() -> None:
    """A rate that is no share is an error, not a strange contact centre."""
    with pytest.raises(ValueError, match="rates between 0 and 1"):
        ContactCentre(1, mishap_rate=20)


def until(deliveries: Iterator[Delivery], end: datetime) -> Iterator[Delivery]:
    """Yield what is due before ``end``."""
    for each in deliveries:
        if each.due >= end:
            return
        yield each


def all_types() -> set[str]:
    """Return every type that the model knows."""
    union = get_args(get_args(model.Touchpoint)[0])
    return {name for each in union for name in get_args(each.model_fields["type"].annotation)}


def test_live_traffic_may_tell_what_regular_customers_are_billed() -> None:
    """Once for each, with a forecast, in euros, before anything else of theirs is due; all other touchpoints are those of traffic without accounts."""
    plain, told = (list(until(ContactCentre(2, accounts=with_accounts).stream(START, 40), START + timedelta(minutes=5))) for with_accounts in (False, True))
    accounts = [each.touchpoint for each in told if each.touchpoint["source"] == "billing"]
    assert [each for each in told if each.touchpoint["source"] != "billing"] == plain
    assert all(min(each["data"]["billed_revenue"], each["data"]["forecast_revenue"]) > 0 and each["data"]["currency"] == "EUR" for each in accounts)
    first = {each["customer"]: each["time"] for each in accounts}
    assert len(first) == len(accounts) > 100
    regular = [each for each in plain if each.touchpoint["customer"].startswith("c-1")]
    assert {each.touchpoint["customer"] for each in regular} <= first.keys()
    assert all(first[each.touchpoint["customer"]] <= each.due.isoformat(timespec="milliseconds").replace("+00:00", "Z") for each in regular)
