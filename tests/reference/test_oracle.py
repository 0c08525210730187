"""Small cases worked out by hand from the documents: is the oracle itself right?"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.properties import examples

from .by_hand import BASE, CUSTOMER, DAY, agent, answered, at, handed
from .oracle import COMPARED, findings, scores
from .rest import REST
from .scenarios import random_scenario, scenarios
from .timeline import SECOND, microseconds

Json = dict[str, Any]
IVR = {"kind": "ivr", "team": "entry-ivr"}


def given_value(seconds: float, value: str = "4711", name: str = "account_number", **more: Any) -> Json:
    """Let the customer give a value."""
    return at(seconds, "info.provided", CUSTOMER, None, field=name, value=value, **more)


def asked(seconds: float, actor: Json, name: str = "account_number", more: Json | None = None, **data: Any) -> Json:
    """Let somebody ask for a field."""
    return at(seconds, "info.requested", actor, more, field=name, **data)


def run(*points: Json, clock: float = 0, **rules: Any) -> list[Json]:
    """Return the first ten rules' findings at a clock in seconds after the start (never before the newest touchpoint)."""
    off = {name: {"mode": "off"} for name in REST}
    return findings(list(points)[::-1], clock=BASE + int(clock * SECOND), rules=off | rules)


def brief(found: list[Json]) -> list[tuple[str, str, str]]:
    """Shorten findings to rule, reason and severity."""
    return [(one["rule"], one["reason"], one["severity"]) for one in found]


def rules_of(found: list[Json]) -> list[str]:
    """Shorten findings to their rules, sorted."""
    return sorted(one["rule"] for one in found)


def test_identity_field_asked_again_by_another_team() -> None:
    """An identity field given to one team and collected by another: a warning at once, after a handoff."""
    found = run(answered(0, "a"), given_value(10), answered(20, "b"), asked(30, agent("b"), "acct_no"))
    assert brief(found) == [("repeated_request", "after_handoff", "warning")]
    one = found[0]
    array = '["default","repeated_request","s","info.requested@30","account_number"]'
    assert one["id"] == hashlib.sha256(array.encode()).hexdigest()[:32]
    assert one["seam"] == {"from": "team:a", "to": "team:b"}
    assert one["silos"] == ["process"]
    assert one["first"] == {"source": "s", "id": "info.provided@10"}
    assert one["field"] == "account_number"
    assert one["again"] == {"source": "s", "id": "info.requested@30"}
    assert one["time"] == BASE + 30 * SECOND
    assert one["journey"] == "auto-" + hashlib.sha256(b'["s","contact.answered@0"]').hexdigest()[:32]


@pytest.mark.parametrize(
    ("answer", "severity"), [(None, ["info"]), ("red", ["info", "warning"]), ("RED ", ["warning", "warning"])]
)
def test_first_later_answer_decides_other_fields(answer: str | None, severity: list[str]) -> None:
    """A field of another kind: info without an answer, a warning with the same one (folded), withdrawn with another."""
    points = [answered(0, "a"), given_value(10, "red", "colour"), asked(30, agent("a"), "colour")]
    if answer == "red":
        points += [given_value(40, "blue", "colour"), given_value(70, "blue", "colour")]
        assert rules_of(run(*points)) == ["repeated_answer"]
    elif answer:
        points.append(given_value(40, answer, "colour"))
        found = run(*points)
        assert [(one["rule"], one["severity"]) for one in found] == [
            ("repeated_request", "warning"),
            ("repeated_answer", "warning"),
        ]
        assert found[1]["explained_by"] == found[0]["id"]
    else:
        assert brief(run(*points)) == [("repeated_request", "same_segment", severity[0])]


def test_reasons_have_a_precedence() -> None:
    """Machine to human comes before teams, teams before channels, channels before contacts."""
    bot = {"kind": "bot", "team": "a"}
    start = [at(0, "contact.answered", bot, {"channel": "bot"}), at(5, "info.provided", CUSTOMER, {"channel": "bot"})]
    start[1]["data"] = {"field": "account_number", "value": "4711"}
    other = {"contact": "k2", "channel": "web"}
    assert brief(run(*start, asked(20, agent("a"), more=other)))[0][1] == "bot_then_agent"
    assert brief(run(*start, asked(20, {"kind": "bot", "team": "b"}, more=other)))[0][1] == "after_handoff"
    assert brief(run(*start, asked(20, bot, more=other)))[0][1] == "across_channels"
    assert brief(run(*start, asked(20, bot, more={"contact": "k2", "channel": "chat"})))[0][1] == "across_contacts"
    found = run(*start, asked(20, bot, more=other))
    assert found[0]["silos"] == ["channel"]
    assert found[0]["seam"] == {"from": "channel:chat", "to": "channel:web"}
    assert run(*start, asked(20, bot, more={"contact": "k2", "channel": "chat"}))[0]["seam"] is None


@pytest.mark.parametrize("purpose", ["confirm", "policy"])
def test_confirming_and_policy_are_no_repeats(purpose: str) -> None:
    """Reading back and asking by policy are no repeated request, and the answer within 25 s no repeated answer."""
    points = [answered(0, "a"), given_value(10), asked(30, agent("a"), purpose=purpose)]
    assert run(*points, given_value(55)) == []
    assert rules_of(run(*points, given_value(55.000001))) == ["repeated_answer"]


def test_read_back_ends_when_the_handler_goes_on() -> None:
    """After the handler's next touchpoint at a later time the customer's value no longer answers the read-back."""
    points = [answered(0, "a"), given_value(10), at(30, "info.confirmed", agent("a"), field="account_number")]
    same = at(30, "message", agent("a"), text="so")
    later = at(31, "message", agent("a"), text="so")
    assert run(*points, same, given_value(40)) == []
    assert rules_of(run(*points, later, given_value(40))) == ["repeated_answer"]


def test_same_breath_is_one_provision() -> None:
    """An equal value at most 5 s earlier in the contact makes an echo, even after an echo."""
    points = [answered(0, "a"), given_value(10), given_value(15), given_value(20)]
    assert run(*points) == []
    assert rules_of(run(*points, given_value(25.000001))) == ["repeated_answer"]


def test_invalid_expired_and_corrected_values_are_not_known() -> None:
    """What was invalid, is older than its validity, or was replaced by a correction does not count as given."""
    assert run(answered(0, "a"), given_value(10, valid=False), asked(30, agent("a"))) == []
    code = [answered(0, "a"), given_value(10, name="one_time_code")]
    assert brief(run(*code, asked(310, agent("a"), "one_time_code"))) == [("repeated_request", "same_segment", "info")]
    assert run(*code, asked(310.000001, agent("a"), "one_time_code")) == []
    corrected = [answered(0, "a"), given_value(10), given_value(20, "4712", corrects=True)]
    assert rules_of(run(*corrected, given_value(60, "4711"))) == []
    assert rules_of(run(*corrected, given_value(60, "4712"))) == ["repeated_answer"]
    refused = [answered(0, "a"), given_value(10), given_value(20, "4712", corrects=True, valid=False)]
    assert rules_of(run(*refused, given_value(60, "4711"))) == ["repeated_answer"]


def test_journeys_keep_values_apart() -> None:
    """After more than the gap of 7 days a new contact is a new journey; the same contact keeps its own."""
    start = [answered(0, "a"), given_value(10)]
    assert rules_of(run(*start, asked(7 * DAY + 10, agent("a"), more={"contact": "k2"}))) == ["repeated_request"]
    assert run(*start, asked(7 * DAY + 10.5, agent("a"), more={"contact": "k2"})) == []
    assert rules_of(run(*start, asked(9 * DAY, agent("a")))) == ["repeated_request"]


def test_passive_touchpoints_do_not_prolong_a_journey() -> None:
    """A mention in between takes the journey and gives none."""
    mention = at(4 * DAY, "mention.published", CUSTOMER, {"contact": None}, sentiment=0.1, public=True)
    points = [answered(0, "a"), given_value(10), mention, asked(8 * DAY, agent("a"), more={"contact": "k2"})]
    assert run(*points) == []


def test_reauthentication_needs_another_handler() -> None:
    """Asked again within the validity after another handler worked; not by the same one, not for a higher level."""
    passed = at(10, "auth.passed", IVR, level=1)
    assert run(passed, at(20, "auth.requested", IVR)) == []
    found = run(passed, answered(20, "a"), at(30, "auth.requested", agent("a"), level=1))
    assert rules_of(found) == ["reauthentication"]
    assert found[0]["silos"] == ["system"]
    assert found[0]["first"]["id"] == "auth.passed@10"
    assert found[0]["field"] is None
    assert found[0]["seam"] == {"from": "team:entry-ivr", "to": "team:a"}
    assert run(passed, answered(20, "a"), at(30, "auth.requested", agent("a"), level=2)) == []


def test_reauthentication_ends_with_the_validity() -> None:
    """Validity is the touchpoint's own or 24 hours, both ends included."""
    short = at(10, "auth.passed", agent("a"), valid_for_seconds=60)
    assert rules_of(run(short, answered(20, "b"), at(70, "auth.requested", agent("b")))) == ["reauthentication"]
    assert run(short, answered(20, "b"), at(70.5, "auth.requested", agent("b"))) == []
    long = at(10, "auth.passed", agent("a"))
    assert rules_of(run(long, answered(20, "b"), at(DAY + 10, "auth.requested", agent("b")))) == ["reauthentication"]
    assert run(long, answered(20, "b"), at(DAY + 10.5, "auth.requested", agent("b"))) == []


def test_context_lost_explains_the_request() -> None:
    """The sender knew the account number and passed nothing: lost, and the next team's request is its consequence."""
    points = [answered(0, "a"), given_value(10), handed(20, agent("a"), to_team="b", context=[])]
    points += [at(30, "handoff.accepted", agent("b"), handoff="h20"), asked(40, agent("b"))]
    found = run(*points, given_value(50), clock=DAY)
    assert rules_of(found) == ["context_lost", "repeated_answer", "repeated_request"]
    lost, request, answer = found
    assert lost["again"]["id"] == "handoff.started@20"
    assert lost["first"]["id"] == "info.provided@10"
    assert lost["silos"] == ["handoff"]
    assert lost["seam"] == {"from": "team:a", "to": "team:b"}
    assert request["explained_by"] == lost["id"]
    assert answer["explained_by"] == request["id"]
    shadow = run(*points, clock=DAY, context_lost={"mode": "shadow"})
    assert [one["explained_by"] for one in shadow] == [None, None]


def test_context_of_the_acceptance_counts_and_unknown_is_not_lost() -> None:
    """The accepted context wins unless it is null; where both are null nothing is lost; aliases are understood."""
    start = [answered(0, "a"), given_value(10)]
    for sent, got, lost in [([], ["acct_no"], 0), (["account_number"], [], 1), ([], None, 1), (None, None, 0)]:
        accepted = at(30, "handoff.accepted", agent("b"), handoff="h20", context=got)
        found = run(*start, handed(20, agent("a"), to_team="b", context=sent), accepted)
        assert rules_of(found) == ["context_lost"] * lost


def test_context_that_was_accepted_is_known() -> None:
    """A team knows the fields listed in a context that it accepted, and loses them if it does not pass them on."""
    points = [answered(0, "a"), handed(20, agent("a"), to_team="b", context=["order_number"])]
    points += [at(30, "handoff.accepted", agent("b"), handoff="h20"), handed(40, agent("b"), to_team="d", context=[])]
    found = run(*points)
    assert [(one["rule"], one["field"], one["first"]["id"]) for one in found] == [
        ("context_lost", "order_number", "handoff.accepted@30")
    ]


def test_unanswered_after_limit_and_grace() -> None:
    """Nobody came within 60 s by voice: it shows 5 s later, at the deadline's time, with the start as cause."""
    points = [answered(0, "a"), handed(20, agent("a"), to_team="b")]
    assert run(*points, clock=84.999999) == []
    found = run(*points, clock=85)
    assert rules_of(found) == ["unanswered_handoff"]
    one = found[0]
    assert one["time"] == BASE + 80 * SECOND
    assert one["again"] is None
    assert one["first"]["id"] == "handoff.started@20"
    assert one["silos"] == ["organization"]
    array = '["default","unanswered_handoff","s","handoff.started@20",""]'
    assert one["id"] == hashlib.sha256(array.encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    ("data", "wait"), [({"to_channel": "ivr"}, 60), ({"to_channel": "email"}, DAY), ({"mode": "callback"}, None)]
)
def test_limits_by_channel_and_mode(data: Json, wait: int | None) -> None:
    """Voice and chat wait a minute, other channels a day, callbacks and referrals have no limit."""
    points = [answered(0, "a"), handed(20, agent("a"), **data)]
    if wait is None:
        assert run(*points, clock=20 * DAY) == []
    else:
        assert run(*points, clock=20 + wait + 4) == []
        assert rules_of(run(*points, clock=20 + wait + 5)) == ["unanswered_handoff"]


def test_answers_of_a_wait() -> None:
    """Another team's work or the contact's end within the limit answers; transit work, own work, a failure do not."""
    points = [answered(0, "a"), handed(20, agent("a"), to_team="b")]
    for last in (answered(80, "d"), at(80, "contact.abandoned", CUSTOMER)):
        assert run(*points, last, clock=DAY) == []
    for last in (answered(80.5, "d"), answered(50, "a"), at(50, "message", IVR), at(50, "handoff.failed", agent("b"))):
        assert rules_of(run(*points, last, clock=DAY)) == ["unanswered_handoff"]


def test_late_acceptance_is_slow_not_unanswered() -> None:
    """A later acceptance takes the place of unanswered; with another team's work within the limit it is not slow."""
    points = [answered(0, "a"), handed(20, agent("a"), to_team="b")]
    late = at(81, "handoff.accepted", agent("b"))
    found = run(*points, late, clock=DAY)
    assert rules_of(found) == ["slow_handoff"]
    assert found[0]["again"]["id"] == "handoff.accepted@81"
    assert found[0]["first"]["id"] == "handoff.started@20"
    assert run(*points, at(80, "handoff.accepted", agent("b")), clock=DAY) == []
    assert run(*points, answered(40, "b"), late, clock=DAY) == []


def test_acceptance_without_id_takes_the_oldest_that_fits() -> None:
    """Without an id: the oldest wait of the contact to that team or to none, unless a third team worked since."""
    first, second = handed(20, agent("a"), to_team="d"), handed(21, agent("a"))
    accepted = at(90, "handoff.accepted", agent("b"))
    found = run(answered(0, "a"), first, second, accepted, clock=DAY)
    assert [(one["rule"], one["first"]["id"]) for one in found] == [
        ("unanswered_handoff", "handoff.started@20"),
        ("slow_handoff", "handoff.started@21"),
    ]
    third = run(answered(0, "a"), second, answered(85, "d"), accepted, clock=DAY)
    assert rules_of(third) == ["unanswered_handoff"]


def test_acceptance_by_id_alone_from_any_contact() -> None:
    """An id accepts that handoff from whatever contact, and an unknown id accepts nothing."""
    points = [answered(0, "a"), handed(20, agent("a"), to_team="b")]
    elsewhere = at(81, "handoff.accepted", agent("b"), {"contact": "k2"}, handoff="h20")
    assert rules_of(run(*points, elsewhere, clock=DAY)) == ["slow_handoff"]
    wrong = at(81, "handoff.accepted", agent("b"), handoff="h99")
    assert rules_of(run(*points, wrong, clock=DAY)) == ["unanswered_handoff"]


def test_a_queue_starts_a_wait_unless_one_runs() -> None:
    """Queued at another team than the last worker's: a wait; none without worker, at the same team, or in a handoff."""
    queued = at(30, "contact.queued", {"kind": "system"}, team="b")
    assert run(queued, clock=DAY) == []
    assert run(answered(0, "b"), queued, clock=DAY) == []
    found = run(answered(0, "a"), queued, clock=DAY)
    assert [(one["rule"], one["first"]["id"]) for one in found] == [("unanswered_handoff", "contact.queued@30")]
    for name, starts in [("b", 1), (None, 1), ("d", 2)]:
        found = run(answered(0, "a"), handed(20, agent("a"), to_team=name), queued, clock=DAY)
        assert len(found) == starts


def test_ping_pong_direct_and_return() -> None:
    """A-B-A is direct; A-B-D-A only returns, which is off unless set; transit teams are skipped."""
    points = [answered(0, "a"), at(1, "message", agent("a"), text="x"), answered(10, "b"), at(15, "message", IVR)]
    found = run(*points, answered(20, "a"))
    assert rules_of(found) == ["ping_pong_direct"]
    assert found[0]["detector"] == "ping_pong"
    assert found[0]["first"]["id"] == "message@1"
    assert found[0]["seam"] == {"from": "team:b", "to": "team:a"}
    longer = [answered(0, "a"), answered(10, "b"), answered(20, "d"), answered(30, "a")]
    off = {"mode": "off"}
    assert run(*longer, excessive_handoffs=off) == []
    assert rules_of(run(*longer, ping_pong_return={"mode": "on"}, excessive_handoffs=off)) == ["ping_pong_return"]
    late = [answered(0, "a"), answered(10, "b"), answered(DAY + 1, "a")]
    assert rules_of(run(*late, ping_pong_timed={"mode": "on"})) == ["ping_pong_direct"]


def test_planned_callback_is_no_ping_pong() -> None:
    """A return after a contact that ended with a planned callback, or by a planned callback handoff, does not count."""
    ended = at(20, "contact.ended", agent("b"), planned_callback=True)
    back = answered(100, "a", {"contact": "k2"})
    assert run(answered(0, "a"), answered(10, "b"), ended, back) == []
    plain = at(20, "contact.ended", agent("b"))
    assert rules_of(run(answered(0, "a"), answered(10, "b"), plain, back)) == ["ping_pong_direct"]
    planned = handed(20, agent("b"), to_team="a", mode="callback", planned=True)
    assert run(answered(0, "a"), answered(10, "b"), planned, answered(100, "a"), clock=DAY) == []


def test_chains_cross_contacts_only_when_none_is_open() -> None:
    """A new contact follows the journey's contact that ended last; with one still open it starts a chain."""
    start, end = [answered(0, "a"), answered(10, "b")], at(20, "contact.ended", agent("b"))
    back = answered(100, "a", {"contact": "k2"})
    assert rules_of(run(*start, end, back)) == ["ping_pong_direct"]
    assert run(*start, back) == []
    linked = answered(100, "a", {"contact": "k2", "previous_contact": "k1"})
    assert rules_of(run(*start, linked)) == ["ping_pong_direct"]
    opened = at(30, "contact.started", CUSTOMER, {"contact": "k3"}, direction="inbound")
    assert run(*start, end, opened, back) == []


def test_excessive_handoffs_once_over_all_chains() -> None:
    """The third hop of a journey fires, once, whichever chains the hops belong to; waiting and notes are no hops."""
    points = [answered(0, "a"), answered(10, "b"), at(12, "contact.queued", agent("x"), team="x")]
    points += [at(13, "message", agent("y"), text="note", private=True)]
    points += [answered(20, "d", {"contact": "k2"}), answered(30, "e", {"contact": "k2"})]
    assert "excessive_handoffs" not in rules_of(run(*points))
    found = [one for one in run(*points, answered(40, "f"), answered(50, "g")) if one["rule"] == "excessive_handoffs"]
    assert [(one["first"]["id"], one["again"]["id"]) for one in found] == [
        ("contact.answered@10", "contact.answered@40")
    ]


def test_journey_without_contacts_is_one_chain() -> None:
    """Without contact ids the journey is the chain."""
    none = {"contact": None, "journey": "j"}
    found = run(answered(0, "a", none), answered(10, "b", none), answered(20, "a", none))
    assert rules_of(found) == ["ping_pong_direct"]
    assert found[0]["contact"] is None
    assert found[0]["journey"] == "j"


def test_request_by_reauthenticated_segment_is_explained() -> None:
    """Without a lossy handoff, a reauthentication earlier in the segment explains a request for an identity field."""
    points = [answered(0, "a"), given_value(5), at(10, "auth.passed", agent("a")), answered(20, "b")]
    found = run(*points, at(30, "auth.requested", agent("b")), asked(40, agent("b")))
    assert rules_of(found) == ["reauthentication", "repeated_request"]
    assert found[1]["explained_by"] == found[0]["id"]


def test_customers_team_decides_whose_touchpoint_it_is() -> None:
    """A value given with the customer's `actor.team` was told to that team, whoever worked last."""
    told = at(15, "info.provided", {"kind": "customer", "team": "a"}, None, field="account_number", value="4711")
    found = run(answered(0, "a"), answered(10, "b"), told, asked(20, agent("b")))
    assert brief(found) == [("repeated_request", "after_handoff", "warning")]


def test_equal_times_go_by_sequence_and_type() -> None:
    """At one time the sequence decides, then the kind of touchpoint: a handoff sorts after the value given then."""
    first = given_value(10) | {"sequence": 2}
    assert run(answered(0, "a"), first, asked(10, agent("a")) | {"sequence": 1}) == []
    found = run(answered(0, "a"), given_value(10), handed(10, agent("a"), to_team="b", context=[]))
    assert rules_of(found) == ["context_lost"]


def test_first_of_equal_ids_wins_and_tenants_are_apart() -> None:
    """A second touchpoint of the same tenant, source and id is ignored; another tenant's is another customer's."""
    points = [answered(0, "a"), given_value(10), asked(30, agent("a"))]
    assert len(findings([*points, points[1] | {"data": {"field": "colour", "value": "red"}}], clock=0)) == 1
    assert findings([points[0], points[1] | {"tenant": "t2"}, points[2]], clock=0) == []


def test_journey_and_customer_scores() -> None:
    """One warning leaves 85, halved in effect after a week; explained ones do not count."""
    points = [answered(0, "a"), given_value(10), asked(30, agent("a")), given_value(40)]
    found = run(*points)
    assert len(found) == 2
    now = BASE + 30 * SECOND
    rows = {(row["scope"], row["half_life"]): row for row in scores(found, points, as_of=now) if row["score"] == "consistency"}
    assert rows["customer", 604_800]["value"] == pytest.approx(85) == rows["journey", 604_800]["value"]
    later = scores(found, points, as_of=now + 7 * DAY * SECOND)
    assert next(row["value"] for row in later if row["scope"] == "customer") == pytest.approx(100 * 0.85**0.5)


def test_entity_scores() -> None:
    """H / (O + 20): teams and tenants count segments, seams count hops; a lost context charges the sender."""
    points = [answered(0, "a"), given_value(0), handed(0, agent("a"), to_team="b", context=[])]
    points += [at(0, "handoff.accepted", agent("b"), handoff="h0", context=None)]
    rows = scores(run(*points), points, as_of=BASE)
    hourly = [row for row in rows if row["half_life"] == 3_600]
    values = {(row["scope"], row["name"]): row["value"] for row in hourly if row["score"] == "consistency"}
    assert values["team", "a"] == pytest.approx(100 * (1 - 0.15 / 21))
    assert values["team", "b"] == 100
    assert values["seam", "team:a>team:b"] == pytest.approx(100 * (1 - 0.15 / 21))
    assert values["tenant", "default"] == pytest.approx(100 * (1 - 0.15 / 22)) == values["channel", "voice"]
    handoffs = {(row["scope"], row["name"]): row["value"] for row in hourly if row["score"] == "handoff"}
    assert handoffs == {("team", "b"): 0, ("seam", "team:a>team:b"): 0, ("tenant", "default"): 0}  # in time, with nothing


def test_heaviest_of_one_cause_scores() -> None:
    """A handoff that lost its context and stayed unanswered has one cause: it scores once, the first rule by name."""
    points = [answered(0, "a"), given_value(10), handed(20, agent("a"), to_team="b", context=[])]
    found = run(*points, clock=85)
    assert rules_of(found) == ["context_lost", "unanswered_handoff"]
    rows = scores(found, points, as_of=BASE + 20 * SECOND)
    assert next(row["value"] for row in rows if row["scope"] == "customer") == pytest.approx(85)


@settings(examples(60), suppress_health_check=list(HealthCheck))
@given(scenarios())
def test_scenarios_are_in_order_of_nothing(points: list[Json]) -> None:
    """The order of the list decides nothing but which of two equal ids stays; ids are unique."""
    clock = max(microseconds(point["time"]) for point in points)
    kept = list({(point["source"], point["id"]): point for point in reversed(points)}.values())
    found = findings(points, clock=clock)
    assert found == findings(kept, clock=clock)
    assert len({one["id"] for one in found}) == len(found)
    assert all(set(COMPARED) <= set(one) for one in found)


@pytest.mark.parametrize("seed", range(100))
def test_seeded_scenarios_repeat(seed: int) -> None:
    """A seed gives one scenario, of at least five touchpoints, whose scores lie between 0 and 100."""
    points = random_scenario(seed)
    assert points == random_scenario(seed)
    assert len(points) >= 5
    clock = max(microseconds(point["time"]) for point in points) + 2 * DAY * SECOND
    assert all(0 <= row["value"] <= 100 for row in scores(findings(points, clock=clock), points, as_of=clock))
