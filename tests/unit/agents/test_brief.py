"""The brief for the next handler: what it tells, when it goes out, and that it is the same whatever happens on the way."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from models.brief import MAXIMUM_BYTES, Brief
from tests.reference.scenarios import random_scenario
from tests.support.stories import eventful
from tests.unit.agents.support import batches, first_of_each, partition, records
from tests.unit.agents.test_partition import START, line, point

ROBOT = {"kind": "bot", "team": "robot"}
TECH = {"kind": "agent", "team": "tech"}
SALES = {"kind": "agent", "team": "sales"}
HANDOFF = {"handoff": "h", "to_team": "tech", "mode": "blind", "context": []}


def at(seconds: float) -> str:
    """Return a time as a brief writes it."""
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def briefs(log: list[dict[str, Any]], *overrides: str) -> list[dict[str, Any]]:
    """Return what briefs a log sets off, in the order in which they come."""
    effects = partition(*overrides).process([line(made, offset) for offset, made in enumerate(log)])
    assert not effects.dead_letters
    for _, value in effects.briefs:
        Brief.model_validate_json(value)
    return [json.loads(value) for _, value in effects.briefs]


def told(number: int, after: float, field: str, value: str, **more: Any) -> dict[str, Any]:
    """Make an answer of the customer in contact k."""
    return point(number, after, "info.provided", contact="k", data={"field": field, "value": value}, **more)


def handoff(number: int, after: float, **more: Any) -> dict[str, Any]:
    """Make a handoff from sales to tech in contact k."""
    return point(number, after, "handoff.started", contact="k", actor=SALES, data=HANDOFF, **more)


STORY = [
    point(1, 0, "contact.started", contact="k", data={"direction": "inbound", "intent": "Bill"}),
    point(2, 1, "contact.answered", contact="k", actor=SALES),
    point(3, 2, contact="k", data={"text": "hello", "sentiment": 0.5}),
    told(4, 3, "account_number", "12345678"),
    told(5, 4, "one_time_code", "998877"),
    told(6, 5, "account_number", "99954711"),
    point(7, 6, "auth.passed", contact="k", actor=SALES, data={"level": 1, "valid_for_seconds": 3600}),
    point(8, 7, "auth.passed", contact="k", actor=SALES, data={"level": 2, "valid_for_seconds": 600}),
    point(9, 8, "promise.made", contact="k", actor=SALES, data={"promise": "p", "due": at(20), "about": "refund"}),
    point(10, 9, "promise.made", contact="k", actor=SALES, data={"promise": "q", "due": at(9000), "about": "call 0170 123456"}),
    point(11, 10, "promise.made", contact="k", actor=SALES, data={"promise": "r", "due": at(9000)}),
    point(12, 11, "promise.kept", contact="k", actor=SALES, data={"promise": "r"}),
    point(13, 12, "fact.stated", contact="k", actor=SALES, data={"fact": "price", "value": "39"}),
    point(14, 13, "fact.stated", contact="k", actor=SALES, data={"fact": "price", "value": "29"}),
    point(15, 14, "info.requested", contact="k", actor=SALES, data={"field": "account_number"}),
    point(16, 15, "intent.stated", contact="k", actor=SALES, data={"intent": "Complaint"}),
    point(17, 16, contact="k", data={"text": "again?", "sentiment": -0.5}),
    handoff(18, 1000, language="de-DE"),
]


def test_a_handoff_tells_all_that_is_known() -> None:
    """What was given (the latest, masked), authentication, promises that are open, the latest facts, intent, mood and what hurt, as of the handoff."""
    (brief,) = briefs(STORY)
    assert {key: brief[key] for key in ("occasion", "handoff", "to_team", "to_channel", "contact", "touchpoint", "time", "language")} == {
        "occasion": "handoff",
        "handoff": "h",
        "to_team": "tech",
        "to_channel": "voice",
        "contact": "k",
        "touchpoint": "e18",
        "time": at(1000),
        "language": "de-DE",
    }
    given_ = {"team": "sales", "channel": "voice"}
    assert brief["given"] == [
        given_ | {"field": "account_number", "mask": "…11", "time": at(5), "valid_until": None, "status": "read_back"},
        given_ | {"field": "one_time_code", "mask": "…", "time": at(4), "valid_until": at(304), "status": "expired"},
    ]
    assert brief["authentication"] == {"level": 1, "until": at(3606)}
    assert brief["promises"] == [
        {"promise": "p", "about": "refund", "due": at(20), "team": "sales", "state": "overdue"},
        {"promise": "q", "about": None, "due": at(9000), "team": "sales", "state": "pending"},
    ]
    assert brief["facts"] == [{"fact": "price", "value": "29", "time": at(13), "team": "sales", "channel": "voice"}]
    assert (brief["intent"], brief["mood"]) == ("complaint", {"sentiment": -0.5, "trend": -1.0, "time": at(16)})
    assert [(each["detector"], each["field"], each["time"]) for each in brief["findings"]] == [
        ("context_lost", "account_number", at(1000)),
        ("broken_promise", None, at(20)),
        ("misroute", None, at(15)),
        ("repeated_request", "account_number", at(14)),
    ]
    assert "12345678" not in json.dumps(brief)


def test_the_clock_adds_nothing_to_a_brief() -> None:
    """A handoff that arrives when the clock is far ahead is told of as of its own time: what came due since is not in it."""
    ahead = point(99, 500_000, customer="other")
    late, plain = briefs([*STORY[:11], ahead, handoff(18, 15)]), briefs([*STORY[:11], handoff(18, 15)])
    assert late == plain
    assert [each["state"] for each in plain[0]["promises"]] == ["pending"] * 3


def test_a_new_contact_of_a_known_customer_is_briefed_once() -> None:
    """The first contact has nothing to tell; the second is told of at its start and not again at its first work; a third without a start at its first work."""
    first = [point(1, 0, "contact.started", contact="k", data={"direction": "inbound"}), told(2, 1, "account_number", "12345678")]
    second = [
        point(3, 100, "contact.started", contact="l", data={"direction": "inbound"}),
        point(4, 101, "contact.answered", contact="l", actor=TECH),
    ]
    third = [point(5, 200, contact="m"), point(6, 201, "contact.answered", contact="m", actor=TECH), point(7, 202, contact="m", actor=TECH)]
    found = briefs([*first, *second, *third])
    assert [(each["contact"], each["touchpoint"], each["to_team"], each["occasion"]) for each in found] == [
        ("l", "e3", None, "contact"),
        ("m", "e6", "tech", "contact"),
    ]
    assert all(each["given"][0]["field"] == "account_number" for each in found)


def test_an_authentication_holds_for_the_contact_that_follows() -> None:
    """A new contact is told of what was passed in the contact that it follows, as asking again there would be a repetition; in none that it does not."""
    log = [
        point(1, 0, "contact.started", contact="k", data={"direction": "inbound"}),
        point(2, 1, "auth.passed", contact="k", actor=SALES, data={"level": 2}),
        told(3, 2, "account_number", "12345678"),
    ]
    ended = point(4, 3, "contact.ended", contact="k", actor=SALES)
    again = point(5, 100, "contact.started", contact="l", data={"direction": "inbound"})
    (follows,) = briefs([*log, ended, again])
    assert follows["authentication"] == {"level": 2, "until": at(86_401)}
    (beside,) = briefs([*log, again])
    assert beside["authentication"] is None


def test_the_queue_of_another_team_is_a_handoff() -> None:
    """Where a source tells of no handoff, the team in whose queue the customer lands is briefed; in a queue that a handoff leads to, it was."""
    queued = point(3, 10, "contact.queued", contact="k", actor={"kind": "system"}, data={"team": "tech"})
    log = [point(1, 0, "contact.answered", contact="k", actor=ROBOT), told(2, 1, "account_number", "12345678")]
    (brief,) = briefs([*log, queued])
    assert (brief["occasion"], brief["to_team"], brief["touchpoint"]) == ("handoff", "tech", "e3")
    assert [each["touchpoint"] for each in briefs([*log, handoff(4, 5), queued])] == ["e4"]


def test_a_handoff_is_briefed_even_where_nothing_is_known() -> None:
    """Who takes over learns that there is nothing to know."""
    (brief,) = briefs([handoff(1, 0)])
    assert not any(brief[key] for key in ("given", "authentication", "promises", "facts", "intent", "mood", "findings"))


def test_briefs_can_be_off_and_short() -> None:
    """The rules turn briefs off, and say how many items a list holds; those that hold and are latest stay."""
    assert briefs(STORY, "briefs=off") == []
    (brief,) = briefs(STORY, "brief_items=1")
    assert [[len(brief[key]) for key in ("given", "promises", "facts", "findings")]] == [[1, 1, 1, 1]]
    assert [brief["given"][0]["status"], brief["promises"][0]["promise"]] == ["read_back", "p"]


def test_what_comes_late_is_told_by_the_same_brief_again() -> None:
    """A value that arrives after the handoff and was given before it: the newest record of that id tells it."""
    early, late = briefs([*STORY[:3], STORY[17], STORY[3]])
    assert early["id"] == late["id"]
    assert [early["given"], [each["field"] for each in late["given"]]] == [[], ["account_number"]]


def test_a_brief_is_bounded() -> None:
    """Whatever the lengths of names and however many there are, a brief is at most 32 KiB, and says what comes first."""
    long = "\U0001f600" * 500
    log = [point(0, 0, "contact.started", data={"direction": "inbound"})]
    for number in range(1, 60):
        team = {"kind": "agent", "team": f"{number}{long}"}
        log += [
            point(5 * number, number, "info.provided", data={"field": f"{number}{long}", "value": "123456"}, actor=team | {"kind": "customer"}),
            point(5 * number + 1, number, "promise.made", actor=team, data={"promise": f"{number}{long}", "due": at(9), "about": long}),
            point(5 * number + 2, number, "fact.stated", actor=team, data={"fact": f"{number}{long}", "value": long}),
        ]
    log.append(point(999, 100, "handoff.started", actor=SALES, data=HANDOFF))
    effects = partition("maximum_an_hour=1000").process([line(made, offset) for offset, made in enumerate(log)])
    (*_, (_, value)) = effects.briefs
    brief = Brief.model_validate_json(value)
    assert MAXIMUM_BYTES / 4 < len(value) <= MAXIMUM_BYTES
    assert brief.given[0].field.startswith("59")


@pytest.mark.parametrize("seed", range(20))
def test_a_different_split_of_batches_gives_the_same_bytes_in_the_same_order(seed: int) -> None:
    """Random timelines, late and repeated records: one batch or many, every brief is the same; read again, none comes."""
    log = records(eventful(random_scenario(seed), random.Random(seed)))
    whole, pieces = partition(), partition()
    expected = whole.process(log).briefs
    assert expected
    assert [each for batch in batches(log, (1, 7, 3)) for each in pieces.process(batch).briefs] == expected
    assert whole.process(log).briefs == []


@pytest.mark.parametrize("seed", range(30))
def test_in_any_order_of_arrival_each_journey_ends_with_the_same_brief(seed: int) -> None:
    """The newest record of a journey's last brief tells the same, whether all came in order or in any; journeys that were renamed meanwhile are left out."""
    chance = random.Random(seed)
    touchpoints = first_of_each(eventful(random_scenario(seed), chance))
    watch = partition()
    shuffled = chance.sample(touchpoints, len(touchpoints))
    mixed = [json.loads(value) | {"language": None} for _, value in watch.process(records(shuffled)).briefs]
    timeline = {(entry.source, entry.id): number for each in watch.customers() for number, entry in enumerate(each.entries)}
    ordered = sorted(touchpoints, key=lambda each: timeline[each["source"], each["id"]])
    last = {each["journey"]: each for _, value in partition().process(records(ordered)).briefs for each in [json.loads(value) | {"language": None}]}
    newest = {each["id"]: each for each in mixed}
    journeys = {identifier: {each["journey"] for each in mixed if each["id"] == identifier} for identifier in newest}
    renamed = set().union(*(names for names in journeys.values() if len(names) > 1))
    compared = [each for journey, each in last.items() if journey not in renamed]
    assert [newest.get(each["id"]) for each in compared] == compared
