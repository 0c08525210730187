"""Small cases of the later rules, worked out by hand from the documents."""

import hashlib
from collections import Counter
from typing import Any

import pytest

from .by_hand import BASE, CUSTOMER, DAY, agent, answered, at, handed
from .oracle import findings, off_unless_shipped, scores
from .rest import REST, thousandths
from .scenarios import random_scenario
from .timeline import DEFAULT_RULES, SECOND, microseconds

Json = dict[str, Any]
BOT = {"kind": "bot", "team": "a"}
K2 = {"contact": "k2"}
MONTH = 30 * DAY


def all_found(*points: Json, clock: float = 0, **rules: Any) -> list[Json]:
    """Return all findings at a clock in seconds after the start (never before the newest touchpoint)."""
    return findings(list(points)[::-1], clock=BASE + int(clock * SECOND), rules=rules)


def found(rule: str, *points: Json, clock: float = 0, **keys: Any) -> list[Json]:
    """Return the findings of one rule, with some of its keys set."""
    return [one for one in all_found(*points, clock=clock, **{rule: keys}) if one["rule"] == rule]


def ends(one: Json) -> tuple[str | None, str | None, str | None]:
    """Shorten a finding to cause, first and again."""
    return (one["cause"]["id"], *(one[end] and one[end]["id"] for end in ("first", "again")))


def seam(one: Json) -> str | None:
    """Shorten a seam."""
    return one["seam"] and f"{one['seam']['from']}>{one['seam']['to']}"


def said(seconds: float, mood: float | None, more: Json | None = None) -> Json:
    """Let the customer write in a mood."""
    return at(seconds, "message", CUSTOMER, more, text="x", sentiment=mood)


def intent(seconds: float, name: str, actor: Json = CUSTOMER, more: Json | None = None, **data: Any) -> Json:
    """State an intent."""
    return at(seconds, "intent.stated", actor, more, intent=name, **data)


def started(seconds: float, more: Json | None = None, direction: str = "inbound", **data: Any) -> Json:
    """Start a contact."""
    return at(seconds, "contact.started", CUSTOMER, more, direction=direction, **data)


def test_rules_without_a_file_are_turned_off(tmp_path: Any) -> None:
    """Only what has no file is left out of a comparison: one that has is never skipped."""
    assert set(off_unless_shipped(tmp_path)) >= set(REST)
    for name, rule in DEFAULT_RULES.items():
        if isinstance(rule, dict) and "mode" in rule:
            (tmp_path / f"{name}.yaml").touch()
    assert off_unless_shipped(tmp_path) == {}


# handoff_flap


def turns(*times: float) -> list[Json]:
    """Let machine and human of one team take turns, the machine first."""
    return [at(time, "contact.answered", BOT if number % 2 == 0 else agent("a")) for number, time in enumerate(times)]


def test_three_changes_within_a_minute_are_a_flap() -> None:
    """Bot, human, bot, human of one team: the third change at most 60 s after the first fires, in one team too."""
    (one,) = found("handoff_flap", *turns(0, 40, 50, 100))
    assert ends(one) == ("contact.answered@100", "contact.answered@40", "contact.answered@100")
    assert (one["reason"], one["seam"], one["silos"]) == ("handoff_flap", None, ["organization"])
    assert found("handoff_flap", *turns(0, 40, 50, 100.000001)) == []
    assert found("handoff_flap", *turns(0, 40, 50)) == []
    assert len(found("handoff_flap", *turns(0, 40, 50), times=2)) == 1


def test_a_flap_starts_the_count_anew() -> None:
    """Two more changes are no second flap, three are; a transit team in between is none."""
    assert len(found("handoff_flap", *turns(0, 1, 2, 3, 4, 5))) == 1
    six = found("handoff_flap", *turns(0, 1, 2, 3, 4, 5, 6))
    assert [ends(one)[1] for one in six] == ["contact.answered@1", "contact.answered@4"]
    ivr = at(1.5, "message", {"kind": "ivr", "team": "entry-ivr"}, text="x")
    assert found("handoff_flap", answered(0, "a"), ivr, answered(2, "a"), answered(3, "b")) == []


def test_a_flap_crosses_contacts_as_its_chain_does() -> None:
    """The human of the next contact follows the bot of the previous one."""
    points = [*turns(0, 1, 2), answered(3, "b", {"contact": "k2", "previous_contact": "k1"})]
    assert [seam(one) for one in found("handoff_flap", *points)] == ["team:a>team:b"]
    assert found("handoff_flap", *turns(0, 1, 2), answered(3, "b", K2)) == []


# misroute


def test_handed_on_within_a_minute_of_being_answered() -> None:
    """The run of the team counts, and a machine, a callback, a referral or what was planned does not."""
    points = [answered(0, "a"), answered(10, "b"), at(20, "message", agent("b"), text="x")]
    (one,) = found("misroute", *points, handed(70, agent("b"), to_team="d"))
    assert ends(one) == ("handoff.started@70", "contact.answered@10", "handoff.started@70")
    assert (one["reason"], seam(one), one["silos"]) == ("handed_on_at_once", "team:b>team:d", ["assumption"])
    assert found("misroute", *points, handed(70.000001, agent("b"), to_team="d")) == []
    for data in ({"mode": "callback"}, {"mode": "referral"}, {"planned": True}):
        assert found("misroute", *points, handed(70, agent("b"), **data)) == []
    assert found("misroute", *points, handed(70, {"kind": "bot", "team": "b"})) == []
    assert found("misroute", *points, handed(70, agent(None))) == []
    taken = at(90, "handoff.accepted", agent("e"), handoff="h70")
    assert seam(found("misroute", *points, handed(70, agent("b"), to_team="d"), taken)[0]) == "team:b>team:e"


def test_a_handoff_that_is_its_teams_first_work() -> None:
    """Nothing is known of an answer, so nothing is found; and the run of a team that comes back is a new one."""
    assert found("misroute", answered(0, "a"), handed(500, agent("b"), to_team="d")) == []
    again = [answered(0, "a"), answered(100, "b"), answered(200, "a")]
    assert ends(found("misroute", *again, handed(230, agent("a")))[0])[1] == "contact.answered@200"


def test_routed_for_another_intent() -> None:
    """Announced as delivery, stated as complaint to a human: once a contact; words are compared, doubt is no statement."""
    points = [started(0, intent="delivery"), answered(10, "a")]
    (one,) = found("misroute", *points, intent(20, "complaint"), intent(30, "price"))
    assert ends(one) == ("intent.stated@20", "contact.started@0", "intent.stated@20")
    assert (one["reason"], one["seam"], one["to_team"]) == ("other_intent", None, "a")
    assert found("misroute", *points, intent(20, " Delivery ")) == []
    assert found("misroute", *points, intent(20, "complaint", confidence=0.499)) == []
    assert len(found("misroute", *points, intent(20, "complaint", confidence=0.5))) == 1
    assert found("misroute", *points, started(15), intent(20, "complaint")) == []
    assert found("misroute", points[0], intent(5, "complaint"), points[1]) == []
    assert found("misroute", points[0], at(5, "contact.answered", BOT), intent(20, "complaint")) == []


# dead_end


def dead(*after: Json, end: Json | None = None, clock: float = MONTH, **mode: Any) -> list[Json]:
    """Hand off at 20 s, abandon at 30 s, and let something follow."""
    ended = end or at(30, "contact.abandoned", CUSTOMER)
    return found("dead_end", answered(0, "a"), handed(20, agent("a"), to_team="b", **mode), ended, *after, clock=clock)


def test_handed_off_and_abandoned_with_nothing_after() -> None:
    """A minute and the grace after the end the absence shows, at a minute, and the sender is to blame."""
    (one,) = dead(clock=95)
    assert ends(one) == ("contact.abandoned@30", "handoff.started@20", None)
    assert (one["reason"], seam(one), one["silos"]) == ("abandoned", "team:a>team:b", ["handoff"])
    assert one["time"] == BASE + 90 * SECOND
    assert one["id"] == hashlib.sha256(b'["default","dead_end","s","contact.abandoned@30",""]').hexdigest()[:32]
    assert dead(clock=94.999999) == []
    points = [answered(0, "a"), at(30, "contact.abandoned", CUSTOMER)]
    rows = scores([one], points, as_of=one["time"])
    assert {row["name"] for row in rows if row["scope"] == "team" and row["harm"]} == {"a"}


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        ({"resolved": False}, ["unresolved"]),
        ({"resolved": False, "planned_callback": False}, ["unresolved"]),
        ({"resolved": False, "planned_callback": True}, []),
        ({"resolved": None}, []),
        ({"resolved": True}, []),
    ],
)
def test_only_a_bad_end_is_dead(data: Json, reasons: list[str]) -> None:
    """Ended unresolved and without a planned callback is a dead end; resolved or unknown is none."""
    assert [one["reason"] for one in dead(end=at(30, "contact.ended", agent("a"), **data))] == reasons


def test_a_planned_callback_or_a_follow_up_is_no_dead_end() -> None:
    """Anything in the contact, the journey or a contact that follows within 60 s, passive types and ends aside."""
    assert dead(mode="callback", planned=True) == []
    assert len(dead(mode="callback")) == 1
    apart = {"contact": "k2", "journey": "other"}
    for more in (None, K2, {"contact": None}, apart | {"previous_contact": "k1"}):
        assert dead(at(90, "message", CUSTOMER, more, text="x")) == []
        assert len(dead(at(90.000001, "message", CUSTOMER, more, text="x"))) == 1
    assert len(dead(at(40, "message", CUSTOMER, apart, text="x"))) == 1
    assert len(dead(at(40, "offer.made", agent("a"), offer="o"))) == 1
    assert len(dead(at(40, "contact.abandoned", CUSTOMER))) == 2


def test_an_unanswered_handoff_explains_a_dead_end() -> None:
    """Nobody came in a minute, then the customer gave up: one mishap."""
    points = [answered(0, "a"), handed(20, agent("a"), to_team="b"), at(100, "contact.abandoned", CUSTOMER)]
    one = {each["rule"]: each for each in all_found(*points, clock=DAY)}
    assert one["dead_end"]["explained_by"] == one["unanswered_handoff"]["id"]
    shadow = all_found(*points, clock=DAY, unanswered_handoff={"mode": "shadow"})
    assert [each["explained_by"] for each in shadow if each["rule"] == "dead_end"] == [None]


# broken_promise


def promised(seconds: float, due: str = "2026-03-02T09:01:00Z", actor: Json | None = None) -> Json:
    """Promise p1, due a minute after the start."""
    return at(seconds, "promise.made", actor or agent("a"), promise="p1", due=due)


def test_a_promise_is_broken_when_due() -> None:
    """Not settled by its due time: broken then, seen after the grace; kept later it was kept late."""
    (one,) = found("broken_promise", promised(0), clock=65)
    assert ends(one) == ("promise.made@0", "promise.made@0", None)
    assert (one["reason"], one["time"], one["field"]) == ("not_kept", BASE + 60 * SECOND, None)
    assert (one["seam"], one["to_team"], one["silos"]) == (None, "a", ["process"])
    assert one["id"] == hashlib.sha256(b'["default","broken_promise","s","promise.made@0","p1"]').hexdigest()[:32]
    assert found("broken_promise", promised(0), clock=64.999999) == []
    for kind in ("promise.kept", "promise.cancelled"):
        assert found("broken_promise", promised(0), at(60, kind, CUSTOMER, promise="p1"), clock=DAY) == []
        (late,) = found("broken_promise", promised(0), at(61, kind, CUSTOMER, promise="p1"), clock=DAY)
        assert late["reason"] == ("kept_late" if kind == "promise.kept" else "not_kept")
    other = at(30, "promise.kept", agent("a"), promise="p2")
    assert len(found("broken_promise", promised(0), other, clock=DAY)) == 1


def test_a_promise_made_again_settles_the_first() -> None:
    """In time it takes the first one's place; later it ends what can still keep the first one late."""
    renewed = promised(30, "2026-03-02T10:00:00Z")
    assert [ends(one)[0] for one in found("broken_promise", promised(0), renewed, clock=DAY)] == ["promise.made@30"]
    late = promised(70, "2026-03-02T10:00:00Z")
    kept = at(80, "promise.kept", agent("a"), promise="p1")
    assert [one["reason"] for one in found("broken_promise", promised(0), late, kept, clock=DAY)] == ["not_kept"]


def test_a_promise_for_too_far_ahead_is_not_watched() -> None:
    """366 days ahead is watched, a moment more is not; one that was due before is broken at once."""
    far = promised(0, "2027-03-03T09:00:00Z")
    assert len(found("broken_promise", far, clock=400 * DAY)) == 1
    assert found("broken_promise", promised(0, "2027-03-03T09:00:00.000001Z"), clock=400 * DAY) == []
    assert len(found("broken_promise", promised(0, "2026-03-02T08:00:00Z"), clock=0)) == 1


# contradiction


def stated(seconds: float, team: str | None, value: str, more: Json | None = None, **data: Any) -> Json:
    """State a price."""
    return at(seconds, "fact.stated", agent(team), more, **({"fact": "price", "value": value} | data))


def test_two_teams_say_different_things() -> None:
    """Another value by another team within 7 days, compared as words; channels where the teams do not differ."""
    (one,) = found("contradiction", stated(0, "a", "10"), stated(7 * DAY, "b", "12"))
    assert ends(one) == ("fact.stated@604800", "fact.stated@0", "fact.stated@604800")
    assert (one["reason"], seam(one), one["silos"], one["field"]) == (
        "across_teams",
        "team:a>team:b",
        ["vision"],
        "price",
    )
    assert found("contradiction", stated(0, "a", "10"), stated(7 * DAY + 0.5, "b", "12")) == []
    assert found("contradiction", stated(0, "a", "Ten "), stated(9, "b", "ten")) == []
    assert found("contradiction", stated(0, "a", "10"), stated(9, "a", "12")) == []
    assert found("contradiction", stated(0, "a", "10"), stated(9, None, "12")) == []
    (one,) = found("contradiction", stated(0, "a", "10"), stated(9, "a", "12", {"channel": "web"}))
    assert (one["reason"], seam(one), one["silos"]) == ("across_channels", "channel:voice>channel:web", ["channel"])
    assert found("contradiction", stated(0, "a", "10"), stated(9, "a", "12", {"channel": "ivr"})) == []


def test_the_latest_of_another_speaker_decides() -> None:
    """If that one agrees, an older one that differs is not looked at; the speaker's own is passed over."""
    points = [stated(0, "a", "10"), stated(9, "b", "12")]
    assert [ends(one)[2] for one in found("contradiction", *points, stated(20, "d", "12"))] == ["fact.stated@9"]
    assert [ends(one)[:2] for one in found("contradiction", *points, stated(20, "b", "12"))][1:] == [
        ("fact.stated@20", "fact.stated@0")
    ]


def test_a_correction_contradicts_nothing_and_voids() -> None:
    """What was said before it is void, and it can be contradicted itself."""
    points = [stated(0, "a", "10"), stated(9, "b", "12", correction=True)]
    assert found("contradiction", *points, stated(20, "d", "12")) == []
    assert [ends(one)[1] for one in found("contradiction", *points, stated(20, "a", "10"))] == ["fact.stated@9"]


def test_statements_of_other_named_journeys_are_of_other_things() -> None:
    """Two named journeys are never compared; a statement without one is compared with all."""
    j1, j2 = {"journey": "j1"}, {"journey": "j2"}
    assert found("contradiction", stated(0, "a", "10", j1), stated(9, "b", "12", j2)) == []
    assert len(found("contradiction", stated(0, "a", "10", j1), stated(9, "b", "12"))) == 1


def test_a_fact_goes_by_its_canonical_name() -> None:
    """An alias of a listed field is that field, and names that are not listed are words."""
    one, other = stated(0, "a", "1", fact="Acct_no"), stated(9, "b", "2", fact="account_number")
    assert [each["field"] for each in found("contradiction", one, other)] == ["account_number"]
    one, other = stated(0, "a", "1", fact="due date"), stated(9, "b", "2", fact="Due  date")
    assert [each["field"] for each in found("contradiction", one, other)] == ["due date"]


# repeat_contact


def test_here_again_for_what_was_said_to_be_solved() -> None:
    """Within 7 days of the claim, in another contact, for the same intent: the claiming side is to blame."""
    claim = [intent(0, "delivery"), at(10, "contact.ended", agent("a"), resolved=True)]
    (one,) = found("repeat_contact", *claim, started(7 * DAY + 10, K2, intent=" Delivery"))
    assert ends(one) == ("contact.started@604810", "contact.ended@10", "contact.started@604810")
    assert (one["seam"], one["to_team"], one["silos"], one["contact"]) == (None, "a", ["process"], "k2")
    assert found("repeat_contact", *claim, started(7 * DAY + 10.5, K2, intent="delivery")) == []
    assert found("repeat_contact", *claim, started(DAY, K2, intent="other")) == []
    assert found("repeat_contact", *claim, started(DAY, intent="delivery")) == []
    assert found("repeat_contact", *claim, started(DAY, K2, "outbound", intent="delivery")) == []
    assert found("repeat_contact", claim[0], at(10, "contact.ended", agent("a")), intent(20, "delivery", more=K2)) == []
    closed = at(10, "case.closed", agent("a"), case="c", claimed_resolved=True)
    assert len(found("repeat_contact", claim[0], closed, intent(20, "delivery", more=K2))) == 1


def test_the_last_intent_of_a_contact_judges() -> None:
    """What the customer says later in the contact finds it or takes it back; the cause stays the first that named one."""
    claim = [intent(0, "delivery"), at(10, "contact.ended", agent("a"), resolved=True)]
    other, same = intent(20, "other", more=K2), intent(30, "delivery", more=K2)
    assert [ends(one)[0] for one in found("repeat_contact", *claim, other, same)] == ["intent.stated@20"]
    assert found("repeat_contact", *claim, same, intent(40, "other", more=K2)) == []
    changed = intent(50, "other")
    assert len(found("repeat_contact", *claim, changed, same)) == 1


# premature_closure


def closed(seconds: float, actor: Json | None = None, **data: Any) -> Json:
    """Close case c."""
    return at(seconds, "case.closed", actor or agent("a"), case="c", **data)


def reopened(seconds: float, actor: Json = CUSTOMER, more: Json | None = None) -> Json:
    """Open case c again."""
    return at(seconds, "case.reopened", actor, more, case="c")


def test_closed_and_opened_again_by_the_customer() -> None:
    """Within 7 days of the latest closing that nobody has undone yet."""
    (one,) = found("premature_closure", closed(0), reopened(7 * DAY))
    assert ends(one) == ("case.reopened@604800", "case.closed@0", "case.reopened@604800")
    assert (one["reason"], one["seam"], one["to_team"], one["silos"]) == ("closed", None, "a", ["metric"])
    assert found("premature_closure", closed(0), reopened(7 * DAY + 0.5)) == []
    assert found("premature_closure", closed(0), reopened(9, agent("b"))) == []
    assert found("premature_closure", closed(0), reopened(9, agent("b")), reopened(20)) == []
    claimed = found("premature_closure", closed(0), closed(5, claimed_resolved=True), reopened(9))
    assert [(one["reason"], ends(one)[1]) for one in claimed] == [("claimed_resolved", "case.closed@5")]


def test_a_repeat_contact_explains_the_reopening() -> None:
    """Here again for the same, and the case is opened again in that contact: one mishap."""
    points = [intent(0, "delivery"), closed(10, claimed_resolved=True), intent(DAY, "delivery", more=K2)]
    one = {each["rule"]: each for each in all_found(*points, reopened(DAY + 9, more=K2))}
    assert one["premature_closure"]["explained_by"] == one["repeat_contact"]["id"]
    apart = all_found(*points, reopened(DAY + 9))
    assert [each["explained_by"] for each in apart] == [None, None]


# two_faces


def offered(seconds: float, offer: str = "o1", actor: Json | None = None) -> Json:
    """Make an offer."""
    return at(seconds, "offer.made", actor or agent("b"), offer=offer)


def test_sold_to_while_a_complaint_is_open() -> None:
    """The complaint's side against the offer's; gifts that reconcile are no offers."""
    points = [answered(0, "a"), intent(10, " Complaint"), answered(20, "b")]
    (one,) = found("two_faces", *points, offered(30))
    assert ends(one) == ("offer.made@30", "intent.stated@10", "offer.made@30")
    assert (seam(one), one["silos"]) == ("team:a>team:b", ["goal"])
    assert found("two_faces", *points, offered(30, "Refund")) == []
    assert found("two_faces", *points, offered(30, actor=CUSTOMER)) == []
    assert len(found("two_faces", *points, offered(DAY + 10), open_for=DAY)) == 1
    assert found("two_faces", *points, offered(DAY + 10.5), open_for=DAY) == []


@pytest.mark.parametrize(
    ("kind", "data", "count"),
    [
        ("contact.ended", {"resolved": True}, 0),
        ("contact.ended", {"resolved": None}, 1),
        ("case.closed", {"case": "c"}, 0),
        ("case.closed", {"case": "c", "claimed_resolved": False}, 1),
    ],
)
def test_a_complaint_is_over_when_it_is_made_good(kind: str, data: Json, count: int) -> None:
    """A good end or a closing of its journey ends it; another journey's does not."""
    complaint = intent(0, "complaint")
    assert len(found("two_faces", complaint, at(5, kind, agent("a"), **data), offered(30))) == count
    elsewhere = {"contact": "k2", "journey": "other"}
    assert len(found("two_faces", complaint, at(5, kind, agent("a"), elsewhere, **data), offered(30))) == 1


# mood_drop


def test_in_a_worse_mood_with_the_next_team() -> None:
    """The mean of the last three moods with the previous side, less this one: half a point is a drop."""
    points = [answered(0, "a"), said(1, -1), said(2, 0.5), said(3, 0.2), said(4, 0.5), answered(10, "b")]
    (one,) = found("mood_drop", *points, said(DAY + 4, -0.1))
    assert ends(one) == ("message@86404", "message@4", "message@86404")
    assert (one["reason"], seam(one), one["silos"]) == ("mood_drop", "team:a>team:b", ["organization"])
    assert found("mood_drop", *points, said(11, -0.099)) == []
    assert found("mood_drop", *points, said(DAY + 4.5, -0.1)) == []
    assert found("mood_drop", *points[:-1], said(11, -1)) == []
    assert len(found("mood_drop", *points[:-1], said(11, -1, {"channel": "web"}))) == 1
    assert found("mood_drop", *points, said(11, -1, {"journey": "other"})) == []


def test_only_the_row_with_one_side_counts() -> None:
    """Moods with a side before the previous one's are left out."""
    points = [answered(0, "a"), said(1, 1), answered(2, "b"), said(3, 0.9), answered(4, "d")]
    assert len(found("mood_drop", *points, said(5, 0.4))) == 1
    assert found("mood_drop", *points, said(5, 0.401)) == []


@pytest.mark.parametrize(
    ("number", "whole"), [(0.0005, 0), (0.0015, 2), (-0.2505, -250), (1.0005, 1000), (999.9995, 1_000_000), (3, 3000)]
)
def test_thousandths_are_rounded_half_to_even(number: float, whole: int) -> None:
    """As written in decimals, not as a binary fraction has them."""
    assert thousandths(number) == whole


# expectation_gap


def answer(
    seconds: float, score: float, scale: tuple[float, float] = (1, 5), metric: str = "csat", **data: Any
) -> Json:
    """Let the customer answer a survey."""
    low, high = scale
    told = {"survey": "v", "metric": metric, "score": score, "minimum": low, "maximum": high}
    return at(seconds, "survey.answered", CUSTOMER, None, **told, **data)


def test_worse_than_expected() -> None:
    """A quarter of the scale below the answer's own expectation, on whatever scale."""
    (one,) = found("expectation_gap", answered(0, "a"), answer(10, 3, expected=4))
    assert ends(one) == ("survey.answered@10", None, "survey.answered@10")
    assert (one["reason"], one["seam"], one["to_team"], one["silos"]) == ("expected", None, "a", ["vision"])
    assert found("expectation_gap", answer(10, 3.001, expected=4)) == []
    assert found("expectation_gap", answer(10, 3, (3, 3), expected=9)) == []
    assert len(found("expectation_gap", answer(10, 3, (5, 1), expected=2))) == 1


def test_worse_than_advertised() -> None:
    """Without an expectation of its own, the latest number that was advertised for the metric in 90 days."""
    exposures = [
        at(number, "brand.exposure", {"kind": "system"}, None, **data)
        for number, data in enumerate([{"metric": " CSAT", "promised": 5}, {"metric": "nps", "promised": 1}, {}])
    ]
    (one,) = found("expectation_gap", *exposures, answer(20, 4))
    assert (one["reason"], ends(one)[1]) == ("advertised", "brand.exposure@0")
    assert found("expectation_gap", *exposures, answer(20, 4, expected=4)) == []
    assert len(found("expectation_gap", *exposures, answer(DAY, 4), within=DAY)) == 1
    assert found("expectation_gap", *exposures, answer(DAY + 0.5, 4), within=DAY) == []


# portfolio_shift


def billed(seconds: float, revenue: float | None) -> Json:
    """Bill the customer."""
    return at(seconds, "account.updated", {"kind": "system"}, None, billed_revenue=revenue)


def test_into_a_worse_quadrant() -> None:
    """From a model to a growth customer by revenue, then to dangling by answers: what brought them there comes first."""
    points = [billed(0, 1000), answer(10, 4), answer(20, 5), billed(30, 999.999), billed(40, 5)]
    (one,) = found("portfolio_shift", *points)
    assert (one["reason"], *ends(one)) == ("growth", "account.updated@30", "survey.answered@10", "account.updated@30")
    assert (one["seam"], one["silos"]) == (None, ["goal"])
    worse = found("portfolio_shift", *points, answer(50, 1), answer(60, 1))
    assert [(one["reason"], *ends(one)[:2]) for one in worse[1:]] == [
        ("dangling", "survey.answered@50", "account.updated@30")
    ]


def test_satisfaction_is_the_mean_of_the_latest_three() -> None:
    """Exactly 0.6 is high; an answer on a scale of no length and an update without revenue change nothing."""
    points = [billed(0, 1000), answer(10, 5), answer(20, 3.4), answer(30, 3.4), answer(40, 3.4)]
    assert found("portfolio_shift", *points, answer(50, 3, (3, 3)), billed(60, None)) == []
    assert [one["reason"] for one in found("portfolio_shift", *points, answer(50, 3.398))] == ["at_risk"]


# How often


def test_every_reason_of_the_later_rules_is_met() -> None:
    """In 500 random scenarios each rule fires for each of its reasons at least five times, so comparing them means something."""
    met: Counter[tuple[str, str]] = Counter()
    for seed in range(500):
        points = random_scenario(seed)
        clock = max(microseconds(point["time"]) for point in points) + 2 * DAY * SECOND
        met.update((one["rule"], one["reason"]) for one in findings(points, clock=clock) if one["rule"] in REST)
    plain = {(rule, rule) for rule in ("handoff_flap", "repeat_contact", "two_faces", "mood_drop")}
    reasons = {
        "misroute": ("handed_on_at_once", "other_intent"),
        "dead_end": ("abandoned", "unresolved"),
        "broken_promise": ("not_kept", "kept_late"),
        "contradiction": ("across_teams", "across_channels"),
        "premature_closure": ("claimed_resolved", "closed"),
        "expectation_gap": ("expected", "advertised"),
        "portfolio_shift": ("growth", "at_risk", "dangling"),
    }
    assert set(met) == plain | {(rule, reason) for rule, each in reasons.items() for reason in each}
    assert min(met.values()) >= 5
