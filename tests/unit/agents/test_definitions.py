"""The small print of detection, sentence by sentence: what the shipped cases cannot say, and where they say the rest.

What follows names, by group of sentences, the cases beside the rules (`config/rules/<rule>.yaml`, by how they begin) that
fail if a sentence is not honoured. Tests below are marked "here". Every case is played backwards and read a second time
by `tests/reference`, too (`tests/unit/config/test_shipped_cases.py`).

Ids: here; repeated_request "Ids in any script".
Both ends of a window: repeated_request "A one-time code is asked for again while", "A one-time code has expired", "Asked
  again after exactly seven days", "A moment more than seven days"; repeated_answer "The agent reads the number back", "The
  customer repeats it a moment more", "Two sources report", "A moment more than 5"; reauthentication "Asked again exactly 24",
  "The source says ten minutes, and it is exactly"; unanswered_handoff "Answered exactly", "Answered a moment", "The customer
  hangs up exactly", "A moment before the grace", "The customer speaks up"; slow_handoff "Service takes over exactly";
  ping_pong_timed "Back at sales exactly", "A moment more than 24".
Order of one moment: repeated_request "Given and asked at one moment, where", "Given and asked at one moment without", "Given
  and asked at one moment in two"; context_lost "Said and handed off at one moment", "Handed off and accepted at one moment";
  ping_pong_direct "At one moment a call ends", "At one moment a call starts", "At one moment the customer". Any order of
  arrival: here; a late record: repeated_request "The number was first given in", "The answer to the order question arrives
  late"; repeated_answer "The first telling arrives"; reauthentication "The menu's record"; context_lost "That the customer
  had said it arrives"; unanswered_handoff "The record of the answer arrives"; slow_handoff "The record that service";
  ping_pong_direct "The record of the team"; excessive_handoffs "A late record".
ivr is voice, bot is chat: repeated_request "The same team was told by e-mail", "The same team was told in one call", "The
  same team was told in the bot's window"; context_lost "From the menu to voice"; unanswered_handoff "Each channel has its
  limit".
Whose a customer's touchpoint is: repeated_request "The source says that the customer talked to billing", "The customer types
  on", "A note that the customer does not see"; repeated_answer "The source says that the customer tells billing".
Human or machine, partners: repeated_request "One team has a bot", "A partner's technician", "A partner was told", "The bot
  was told", "The team's bot had left".
Segments: repeated_request "A form asks before", "The right answer comes after", "The source says that the whole call", "Leg 1
  of the second call"; before any handler: repeated_request "Said before anybody answered".
Touchpoints without contact: repeated_request "Told on the web without"; ping_pong_direct "A ticket system", "Two cases
  without", "Work on the web without"; excessive_handoffs "A ticket system".
Journey: repeated_request "A ticket is taken up again", "The call moves on", "An order's journey", "Surveys, offers", "An
  advertisement", "A late record joins"; repeated_answer "The number was said in another journey", "A correction in the one
  order"; context_lost "It was told in a call before", "It was told in another journey".
Work: ping_pong_direct "Service only had the customer in its queue", "In between somebody of no known team", "A partner
  works", "Somebody of service makes an offer"; reauthentication "Another team only wrote"; unanswered_handoff "Service only
  wrote".
Hops: ping_pong_direct "A handoff and the work"; excessive_handoffs "Four teams in one call", "A handoff, its acceptance".
Chains: ping_pong_direct "Three calls, one after", "The first call is still open", "An open contact need not", "An abandoned
  call without any work is passed over", "The call that ended last", "The source names the previous call", "The named previous
  call", "Sales takes over by the handoff's id", "Sales had begun", "Somebody of no known team", "Two calls follow one";
  ping_pong_return "Two calls follow one"; reauthentication "Authenticated in the call before", "Authenticated in a call that
  has ended", "Authenticated in a chat", "The other team worked in a branch".
Transit: ping_pong_direct "The entry menu, the payment line", "Back at sales through the entry menu", "The call passes
  through"; repeated_answer "Told the entry menu"; reauthentication "The entry menu has", "Only the payment line";
  context_lost "The entry menu collects"; unanswered_handoff "Only the payment line", "The entry menu puts";
  excessive_handoffs "Which teams".
Provisions: repeated_request "A slip that the system refuses", "The agent finds", "An agent typed it in", "What was given was
  not valid"; repeated_answer "The customer says it again and", "The agent had typed it in"; context_lost "The agent looked".
corrects: repeated_request "The customer corrects", "A correction that the system refuses", "The customer said the order
  number before"; repeated_answer "The customer takes back", "A correction that", "A correction to the very", "The corrected
  value"; context_lost "The number that it was told has been corrected", "The customer corrected the number".
Requests and read-backs are not the customer's: repeated_request "The customer asks us", "A system of no team";
  repeated_answer "It was the customer who read", "It was the customer who asked", "The policy wants it said".
Values and fields: here; repeated_answer "The same number in other digits", "A field that nobody listed", "The same digits";
  repeated_request "The customer number is another", "Sales was told, service asks".
Severity and modes: here; repeated_request "The order number is asked for twice, and nobody", "The order number is asked for
  twice, and the customer", "The order number is asked for twice because", "The first answer decides", "Two orders were
  named", "Another account number".
first: repeated_request "Given twice"; repeated_answer "Back at the first of two"; reauthentication "Two proofs hold", "The
  latest proof has expired", "Service asks a third time"; context_lost "Told last by the customer", "It had the number from
  the customer first"; ping_pong_direct "From sales to service"; ping_pong_return "Each team has"; excessive_handoffs "It is
  told once".
Reasons: repeated_request "The bot took", "A bot, a handoff", "A human was told", "Sales was told", "The same team was told";
  repeated_answer "Told the bot", "Told a partner", "Told service by e-mail", "Told service in two calls", "Told twice".
Read-backs: repeated_answer "The agent asks whether", "The policy wanted", "An ordinary question", "Another field was read
  back", "The agent has gone on", "Read-back and greeting", "The customer says something else", "Sales read it back";
  repeated_request "The agent reads the number back", "The policy wants". One breath: repeated_answer "Three sources", "Within
  5 seconds, but", "A refused attempt".
reauthentication: reauthentication "Authenticated by sales", "Back at sales", "The team's bot", "A system of no team demands
  it once", "A system of no team demands it while", "The customer asks", "The other team worked before"; step-up: "A transfer
  of money", "The same level", "Nobody knows the level", "Nobody says which", "The strong proof".
Waits, start and limit: unanswered_handoff "Sales puts", "Queued before anybody", "Back in the queue", "The queue is where",
  "Transferred to anybody", "Transferred to billing", "Queued twice", "Billing stepped in", "The call had ended", "The
  transfer was accepted elsewhere", "Queued in another call", "An e-mail may wait", "Callbacks and referrals"; slow_handoff "A
  callback".
Waits, acceptance: unanswered_handoff "Accepted by its id", "Another handoff", "Somebody accepts without", "The acceptance is
  older", "Two wait for service", "Two wait, each", "The older one was meant", "The older one was for", "Billing took", "Sales
  and service worked", "Billing took up a call"; slow_handoff "Two wait, and an acceptance", "Two wait, and the acceptance".
Waits, answers: unanswered_handoff "Another team than the one", "Service had picked up at the very", "Sales itself", "The
  transfer fails", "The call ends in time", "The call ends at the very moment", "Service takes it up", "Service talks", "Sales
  takes a call", "Accepted ten minutes"; slow_handoff "Service had talked", "Another team had talked to the customer in",
  "Another team had talked to the customer, but", "Only sales and the payment", "The customer had hung up".
Context: context_lost "Two fields", "Of two fields", "The source cannot tell", "Only the receiving team's", "Sales says that",
  "It arrived all the same", "The acceptance does not tell", "It had the number from the context", "The context that it
  accepted", "The telephone system", "Another team was told", "What it was told was not valid", "The postal code".
ping_pong: ping_pong_return "From sales over", "The direct return"; ping_pong_timed "The time runs"; planned: ping_pong_direct
  "Service ended", "A callback was planned", "Service hands", "The planned callback", "A callback that", "A planned handback",
  "Of two ways", "The planned callback was made".
excessive_handoffs: excessive_handoffs "Passed on twice", "Back and forth", "Two conversations", "From call to call", "A week
  later", "Two orders".
explained_by: here; repeated_request "Sales passed the customer on without", "Sales passed the customer on to whoever", "Sales
  passed the customer on to billing", "The number was passed on", "Another field", "Lost at the first", "A team hands off
  within", "The loss happened in the call", "The loss happened in a call", "The acceptance turns out", "A rule on trial", "The
  agent makes", "Proving again", "It was another team", "The agent asks for the number first", "Lost at the handoff";
  repeated_answer "Asked again, so", "The answer to a question", "Sales asked", "The question was no", "What explains".
handoff_flap: handoff_flap "The bot passes", "Exactly a minute", "A moment more", "One team, its", "Six turns", "Several works", "From
  call to call", "Two calls follow", "All at one moment", "A late record", "From human to human", "The menu", "What is no work",
  "Two contacts at once", "The turns of another".
misroute: misroute "Sales answers", "Exactly a minute", "A moment more", "After long work", "Back at sales", "Who took over", "The payment
  line", "A bot passes", "The reception", "Callbacks", "Nothing is known", "An agent of no", "Sales had only"; by intent: misroute
  "The menu took", "Just confident", "The first intent", "The latest start", "The same intent", "Not confident", "Told the menu", "The
  agent's first", "Nobody knows what", "It was another".
dead_end: dead_end "Passed on, and", "A moment before", "The customer waits", "Of a mail", "Service took over", "The last of two", "A planned
  callback", "Something follows", "What follows is", "What happened at", "Given up, and", "Two calls at once", "Taken over ten", "The
  customer calls", "The contact goes on", "Another order's", "It shows", "Something happens", "A callback is planned, as the handoff",
  "A callback is planned, as the end", "Resolved, and", "Nobody knows which", "The record of what".
broken_promise: broken_promise "Service promises", "At the end", "A moment before", "Kept a moment", "Kept a day", "Cancelled when it was too
  late, and", "Made again", "Put off in time", "Two promises", "Due at the very", "Somebody notes", "A system", "Due exactly", "Due
  later", "Kept exactly", "Kept in time", "Cancelled in time", "Put off exactly", "Put off to", "Kept at one moment", "The record that it
  was kept in time comes"; memory: here.
Seams and silos: context_lost "Sent to whoever", "Referred to the web"; unanswered_handoff "No team is named", "Neither a
  team"; slow_handoff "Nobody knows whose"; the first case of every rule names seam and silos.
contradiction: contradiction "Sales says", "One team writes", "The shop's window", "One team thinks", "The team's bot", "On one channel";
  whose: contradiction "The customer has another", "What the customer sets"; which: contradiction "The latest statement", "Sales itself",
  "Said exactly", "Said a moment", "Two orders", "Of two orders", "Only one of"; corrections:
  contradiction "Service sets", "What had been", "A correction of", "The record of the correction"; names and values: contradiction
  "Another date", "What the fields", "A secret".
repeat_contact: repeat_contact "Service ends", "The case is closed as", "Said to be resolved twice", "What was resolved has", "The bot heard",
  "The intent was noted", "The same intent", "In another journey"; judged anew: repeat_contact "The menu guesses wrong", "The menu guesses
  that", "They come back", "Both contacts were open, and"; ours: repeat_contact "We call back", "We call, nobody".
premature_closure: premature_closure "Service closes", "Of two closings", "The team had opened it again before", "Exactly seven", "A moment
  more"; explained: premature_closure "They are back", "They open the case again, and then", "They open the case again, and it", "It was in".
two_faces: two_faces "Service has", "What is offered", "It is the customer", "The call with", "The call ends", "The case is closed, and", "The
  case is closed though", "Another contact", "It is another journey", "Of two complaints", "Exactly thirty", "A moment more".
mood_drop: mood_drop "Glad with", "Friendly in", "Said before", "It falls by exactly", "Moods are", "Three moods", "A hair", "Only the last
  three", "Only the moods", "Of another order", "Exactly a day", "A moment more".
expectation_gap: expectation_gap "They had expected to", "It had been", "It falls short by exactly", "On a scale", "A scale of one", "Exactly a
  quarter", "What the customer", "Of two promises", "What promises", "Advertised exactly", "Advertised a moment".
portfolio_shift: portfolio_shift "Pleased and", "Well paying", "Not pleased", "From growth", "What it was before", "A bill of", "Three scales",
  "Only the last", "An answer on".
Memory, duplicates, tenants, changed rules, scores: here.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import permutations
from typing import Any

import pytest

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from agents.replay import Replay
from agents.rules import Rulebook
from config.fields import load_fields
from config.rules import load_cases, load_rulebook

Json = dict[str, Any]

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIELDS = load_fields()
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def touchpoint(
    seconds: float, identifier: str, kind: str, by: str, *, envelope: Json | None = None, **data: Any
) -> Json:
    """Make a touchpoint of contact k1 by voice; ``by`` is `agent:sales` or `customer`, ``envelope`` overrides keys."""
    actor, _, team = by.partition(":")
    return {
        "id": identifier,
        "source": "crm",
        "type": kind,
        "time": (START + timedelta(seconds=seconds)).isoformat(),
        "customer": "c-1",
        "contact": "k1",
        "channel": "voice",
        "actor": {"kind": actor, "team": team} if team else {"kind": actor},
        "data": data,
    } | (envelope or {})


def said(seconds: float, identifier: str, value: str = "4711-22", field: str = "account_number", **more: Any) -> Json:
    """Let the customer give a value."""
    return touchpoint(seconds, identifier, "info.provided", "customer", field=field, value=value, **more)


def asked(
    seconds: float, identifier: str, by: str = "agent:service", field: str = "account_number", **more: Any
) -> Json:
    """Let somebody ask for a field."""
    return touchpoint(seconds, identifier, "info.requested", by, field=field, **more)


def worked(seconds: float, identifier: str, by: str, **more: Any) -> Json:
    """Let somebody answer the contact."""
    return touchpoint(seconds, identifier, "contact.answered", by, **more)


def passed_on(seconds: float, identifier: str, by: str = "agent:sales", **data: Any) -> Json:
    """Let somebody start a blind handoff to service, if not said otherwise."""
    told = {"handoff": identifier, "to_team": "service", "mode": "blind"} | data
    return touchpoint(seconds, identifier, "handoff.started", by, **told)


def micros(seconds: float) -> int:
    """Return so many seconds after the start as microseconds since 1970."""
    return (START + timedelta(seconds=seconds) - EPOCH) // timedelta(microseconds=1)


@cache
def rulebook(*changes: str) -> Rulebook:
    """Return the shipped rules, changed."""
    return load_rulebook(None, changes)


def replayed(touchpoints: Iterable[Json], *changes: str, until: float = 0) -> Replay:
    """Play touchpoints in this order under the shipped rules, changed."""
    replay = Replay(rulebook(*changes), FIELDS, Fingerprinter(b"tests hold no secrets"))
    for number, each in enumerate(touchpoints, 1):
        replay.feed(number, json.dumps(each).encode())
    replay.finish(micros(until))
    return replay


def found(touchpoints: Iterable[Json], *changes: str, until: float = 0) -> list[Json]:
    """Return the findings that stand in the end."""
    return list(replayed(touchpoints, *changes, until=until).findings())


def rules_of(findings: Iterable[Json]) -> list[str]:
    """Shorten findings to the names of their rules, sorted."""
    return sorted(each["rule"]["name"] for each in findings)


def only(findings: Iterable[Json], rule: str) -> list[Json]:
    """Keep the findings of one rule."""
    return [each for each in findings if each["rule"]["name"] == rule]


def watch(*changes: str) -> PartitionWatch:
    """Watch a partition under the shipped rules, changed."""
    return PartitionWatch(rulebook(*changes), FIELDS, Fingerprinter(b"tests hold no secrets"), 0, keyed=False)


def emitted(watched: PartitionWatch, offset: int, *touchpoints: Json) -> list[Json]:
    """Process touchpoints as one batch and return the revisions of findings that it emits."""
    effects = watched.process(
        [Record(offset + number, None, None, json.dumps(each).encode()) for number, each in enumerate(touchpoints)]
    )
    return [json.loads(value) for _, value in effects.findings]


def score_of(scores: Iterable[Json], scope: str, name: str, half_life: int = HOUR, kind: str = "consistency") -> Json:
    """Find one score."""
    (score,) = [
        each
        for each in scores
        if (each["score"], each["scope"], each["name"], each["half_life"]) == (kind, scope, name, half_life)
    ]
    return score


def hashed(text: str) -> str:
    """Return the first 32 hex digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def test_the_coverage_above_names_cases_that_exist() -> None:
    """Each case that is named above by how it begins stands beside the rule that is named before it."""
    text = re.sub(r"\s+", " ", (__doc__ or "").partition("Ids: here;")[2])
    sentences: dict[str, list[str]] = {}
    for case in load_cases():
        sentences.setdefault(case.rule, []).append(case.case)
    rule, missing, named = "", [], 0
    for quoted, word in re.findall(r'"([^"]+)"|\b(' + "|".join(sentences) + r")\b", text):
        rule = word or rule
        if quoted:
            named += 1
            if not any(sentence.startswith(quoted) for sentence in sentences[rule]):
                missing.append(f"{rule}: {quoted}")
    assert missing == []
    assert named > 150


# Ids.


def test_a_finding_is_named_by_its_tenant_rule_and_cause() -> None:
    """A finding's id hashes tenant, rule, the cause's source and id, and the field: JSON without spaces, nothing escaped."""
    tenant = {"tenant": "acme"}
    findings = found([said(0, "t1", envelope=tenant), asked(60, "anruf-ü 通话", envelope=tenant)])
    assert [each["id"] for each in findings] == [
        hashed('["acme","repeated_request","crm","anruf-ü 通话","account_number"]')
    ]


def test_an_absence_is_named_by_what_started_the_wait() -> None:
    """The id of a missing answer comes from the handoff, and its discriminator is empty."""
    findings = found([passed_on(0, "h1")], until=10 * MINUTE)
    assert [each["id"] for each in findings] == [hashed('["default","unanswered_handoff","crm","h1",""]')]
    assert findings[0]["again"] is None
    assert findings[0]["time"] == "2026-03-02T09:01:00Z"


def test_an_id_names_neither_customer_nor_journey_nor_reason() -> None:
    """The same cause keeps its id although reason, first, severity, journey and the rule's version change."""
    plain = found([said(0, "t1"), asked(60, "t2")])
    other = found(
        [
            worked(-60, "t0", "bot:helper", envelope={"journey": "order-1"}),
            said(0, "t1"),
            asked(60, "t2"),
        ],
        "repeated_request.severity=critical",
        "repeated_request.version=2",
    )
    assert (plain[0]["reason"], other[0]["reason"]) == ("same_segment", "bot_then_agent")
    assert plain[0]["journey"] != other[0]["journey"]
    assert plain[0]["id"] == other[0]["id"]


def test_a_journey_without_a_name_is_named_by_its_first_touchpoint() -> None:
    """It is `auto-` and the hash of the first touchpoint's source and id, in the same bytes as other ids."""
    findings = found([said(0, "schlüssel"), asked(60, "t2")])
    assert findings[0]["journey"] == "auto-" + hashed('["crm","schlüssel"]')


def test_an_alert_is_one_customer_at_one_seam() -> None:
    """Findings of one detector, customer and seam share the alert's key, whatever their rule, contact and field."""
    findings = found(
        [
            worked(0, "t1", "agent:sales"),
            said(5, "t2"),
            said(9, "t3", "A-100", "order_number"),
            asked(60, "t4"),
            asked(70, "t5", field="order_number"),
            asked(80, "t6", by="agent:sales"),
        ]
    )
    keys = {each["again"]["id"]: each["alert"] for each in findings if each["detector"] == "repeated_request"}
    assert keys["t4"] == keys["t5"] != keys["t6"]


# Findings are a function of the timeline.


MISHAP = [
    worked(0, "t1", "agent:sales"),
    said(5, "t2"),
    passed_on(20, "t3", context=[]),
    asked(90, "t4"),
    said(95, "t5"),
]


@pytest.mark.parametrize("order", list(permutations(range(5)))[::7])
def test_the_order_of_arrival_does_not_matter(order: Sequence[int]) -> None:
    """Whichever record of a story comes first, the findings in the end are the same."""
    expected = found(MISHAP)
    assert rules_of(expected) == ["context_lost", "misroute", "repeated_answer", "repeated_request", "unanswered_handoff"]
    story = [{**each, "revision": 0} for each in found([MISHAP[place] for place in order])]
    assert story == [{**each, "revision": 0} for each in expected]


def test_the_first_record_of_an_identity_wins() -> None:
    """A second record with the same source and id changes nothing, not even with other content or at another time."""
    other = said(30, "t1", "8888-99")
    replay = replayed([said(0, "t1"), said(0, "t1"), other, said(60, "t3", "8888-99"), said(120, "t4")])
    findings = list(replay.findings())
    assert [(each["again"]["id"], each["first"]["id"]) for each in findings] == [("t4", "t1")]
    assert (replay.counts.duplicates, replay.counts.conflicts) == (2, 1)


def test_the_same_id_in_another_source_is_another_touchpoint() -> None:
    """Identity is tenant, source and id."""
    findings = found([said(0, "t1"), said(60, "t1", envelope={"source": "telephony"})])
    assert [(each["first"]["source"], each["again"]["source"]) for each in findings] == [("crm", "telephony")]


def test_tenants_and_customers_have_timelines_of_their_own() -> None:
    """Equal contacts and journeys of two tenants, or of two customers, have nothing to do with each other."""
    journey = {"journey": "order-1"}
    told = said(0, "t1", envelope=journey)
    assert rules_of(found([told, asked(60, "t2", envelope=journey)])) == ["repeated_request"]
    assert found([told, asked(60, "t2", envelope={**journey, "tenant": "other"})]) == []
    assert found([told, asked(60, "t2", envelope={**journey, "customer": "c-2"})]) == []


def test_a_handoff_is_accepted_by_the_same_customer_only() -> None:
    """Handoff ids of two customers are two handoffs."""
    elsewhere = touchpoint(90, "t2", "handoff.accepted", "agent:service", envelope={"customer": "c-2"}, handoff="t1")
    assert rules_of(found([passed_on(0, "t1"), elsewhere], until=HOUR)) == ["unanswered_handoff"]


def test_a_question_is_first_info_then_a_warning() -> None:
    """What a record emits is the difference that it makes: the answer gives the request its second revision."""
    watched = watch()
    emitted(watched, 0, said(0, "t1", "A-100", "order_number"))
    (info,) = emitted(watched, 1, asked(60, "t2", field="order_number"))
    answer = emitted(watched, 2, said(65, "t3", "A-100", "order_number"))
    (warning,) = only(answer, "repeated_request")
    assert (info["revision"], info["severity"], info["withdrawn"]) == (1, "info", False)
    assert (warning["revision"], warning["severity"], warning["withdrawn"]) == (2, "warning", False)
    assert warning["id"] == info["id"]


def test_a_late_record_withdraws_what_no_longer_holds() -> None:
    """Info, then a warning, then taken back: a late answer shows that another order was meant, so the question was in order."""
    watched = watch()
    emitted(watched, 0, said(0, "t1", "A-100", "order_number"), asked(60, "t2", field="order_number"))
    emitted(watched, 2, said(90, "t3", "A-100", "order_number"))
    late = emitted(watched, 3, said(65, "t4", "B-200", "order_number"))
    (gone,) = only(late, "repeated_request")
    assert (gone["revision"], gone["withdrawn"]) == (3, True)
    assert [each["explained_by"] for each in only(late, "repeated_answer")] == [None]


def test_an_acceptance_takes_back_the_absence_and_is_slow() -> None:
    """A later acceptance withdraws the unanswered handoff, and the slow one takes its place; later work does neither."""
    watched = watch()
    emitted(watched, 0, passed_on(0, "t1"))
    (absent,) = emitted(watched, 1, touchpoint(300, "t2", "message", "customer", text="hello?"))
    assert emitted(watched, 2, worked(310, "t3", "agent:service")) == []
    after = emitted(watched, 3, touchpoint(320, "t4", "handoff.accepted", "agent:service", handoff="t1"))
    (slow,) = only(after, "slow_handoff")
    (gone,) = only(after, "unanswered_handoff")
    assert absent["rule"]["name"] == "unanswered_handoff"
    assert (gone["id"], gone["withdrawn"], gone["revision"]) == (absent["id"], True, 2)
    assert slow["withdrawn"] is False


def test_a_record_that_changes_nothing_emits_nothing() -> None:
    """A finding gets a new revision only if its body changes."""
    watched = watch()
    assert len(emitted(watched, 0, said(0, "t1"), asked(60, "t2"))) == 1
    assert emitted(watched, 2, touchpoint(90, "t3", "message", "customer", text="hello")) == []
    assert emitted(watched, 3, touchpoint(30, "t4", "message", "customer", text="late")) == []


def test_the_final_clock_is_the_later_of_until_and_the_newest_touchpoint() -> None:
    """The deadlines fire up to there, whoever's touchpoint is the newest."""
    later = touchpoint(65, "t2", "message", "customer", envelope={"customer": "c-2"}, text="hello")
    assert rules_of(found([passed_on(0, "t1"), later], until=-DAY)) == ["unanswered_handoff"]
    assert rules_of(found([passed_on(0, "t1")], until=65)) == ["unanswered_handoff"]
    assert found([passed_on(0, "t1")], until=64.999999) == []


# Memory.


def test_memory_counts_back_from_the_customers_own_newest_touchpoint() -> None:
    """What is exactly as old as the memory is remembered, what is older is not; other customers' time does not count."""
    journey = {"journey": "order-1"}
    told = said(0, "t1", envelope=journey)
    other = touchpoint(90 * DAY, "t0", "message", "customer", envelope={"customer": "c-2"}, text="hello")
    at_the_end = asked(30 * DAY, "t2", envelope=journey)
    assert rules_of(found([told, other, at_the_end])) == ["repeated_request"]
    assert found([told, asked(30 * DAY + 0.000001, "t2", envelope=journey)]) == []
    assert rules_of(found([told, asked(40 * DAY, "t2", envelope=journey)], "memory=1000d")) == ["repeated_request"]


def test_what_is_at_or_before_the_horizon_is_too_late() -> None:
    """Once something was dropped, an arrival that sorts at or before it is refused with this reason."""
    newest = touchpoint(31 * DAY, "t3", "message", "customer", text="hello")
    replay = replayed([said(0.5 * DAY, "t2"), newest, said(0.5 * DAY, "t1"), said(0.5 * DAY, "t4")])
    assert [(each.offset, each.reason) for each in replay.dead_letters] == [(3, "too_late")]


def test_what_was_found_before_it_left_the_memory_stays_found() -> None:
    """Whatever leaves the horizon emits nothing: its findings are frozen as they are."""
    newest = touchpoint(40 * DAY, "t3", "message", "customer", text="hello")
    late = asked(35 * DAY, "t4")
    findings = found([said(0, "t1"), asked(60, "t2"), newest, late])
    assert [(each["again"]["id"], each["first"]["id"]) for each in findings] == [("t2", "t1")]


def test_replay_forgets_no_customer_for_being_quiet() -> None:
    """Nothing expires in a replay: a record within the customer's own memory finds what came before, however late its line."""
    crowd = [
        touchpoint(day * DAY, f"n{day}", "message", "customer", envelope={"customer": f"c-{day}"}, text="hello")
        for day in range(2, 200, 20)
    ]
    assert rules_of(found([said(0, "t1"), *crowd, asked(DAY, "t2")])) == ["repeated_request"]


def test_the_newest_five_hundred_are_kept() -> None:
    """As the 500th newest touchpoint, what the customer said is still known; as the 501st it is not."""
    many = [touchpoint(60 + number, f"m{number}", "message", "customer", text="hello") for number in range(499)]
    assert rules_of(found([said(0, "t1"), *many[:498], asked(HOUR, "t2")], "maximum_an_hour=1000")) == ["repeated_request"]
    assert found([said(0, "t1"), *many, asked(HOUR, "t2")], "maximum_an_hour=1000") == []


def test_a_touchpoint_that_a_deadline_waits_on_stays() -> None:
    """A mail that waits for a day outlives the newest five hundred, and its absence is found in the end."""
    many = [touchpoint(60 + number, f"m{number}", "message", "customer", text="hello") for number in range(600)]
    log = [passed_on(0, "t1", to_channel="email"), *many]
    assert rules_of(found(log, "maximum_an_hour=1000", until=2 * DAY)) == ["unanswered_handoff"]
    promise = touchpoint(0, "t1", "promise.made", "agent:sales", promise="p", due="2026-06-02T09:00:00Z")
    assert rules_of(found([promise, *many], "maximum_an_hour=1000", until=100 * DAY)) == ["broken_promise"]


def test_new_rules_judge_new_records_with_the_old_history_in_sight() -> None:
    """A rule change alone emits nothing; the next record is judged by the new rule, with what was said before it."""
    before = watch("repeated_request.mode=off")
    effects = before.process(
        [
            Record(number, None, None, json.dumps(each).encode())
            for number, each in enumerate([said(0, "t1"), asked(60, "t2")])
        ]
    )
    after = watch()
    for key, value in effects.rows:
        after.restore(key, value)
    after.restored()
    assert emitted(after, 2, touchpoint(70, "t3", "message", "customer", text="hello")) == []
    (finding,) = emitted(after, 3, asked(80, "t4"))
    assert (finding["again"]["id"], finding["first"]["id"]) == ("t4", "t1")


# Fields, values, severities, modes.


def test_the_shipped_fields_hold_what_they_must() -> None:
    """Account number, order number and one-time code are there, as every source of truth expects them."""
    account, order, code = (FIELDS.definition(name) for name in ("acct_no", "order_number", "one_time_code"))
    assert (account.name, account.kind, account.must_travel) == ("account_number", "identity", True)
    assert (order.kind, order.must_travel) == ("order", True)
    assert (code.secret, code.validity) == (True, 300_000_000)


def test_people_see_a_mask_of_what_was_said() -> None:
    """The last third, at most four characters, and none of what is secret or short."""
    findings = found(
        [
            said(0, "t1", "4711-22-99-8877"),
            asked(60, "t2"),
            said(70, "t3", "902114", "otp"),
            asked(80, "t4", field="otp"),
        ]
    )
    masks = {each["first"]["id"]: each["first"]["mask"] for each in only(findings, "repeated_request")}
    assert masks == {"t1": "…8877", "t3": "…"}


def test_every_rule_warns_and_all_but_two_are_on() -> None:
    """Severity is warning where none is named; the return and the timed ping-pong are off until somebody wants them."""
    rules = {rule.name: rule for rule in rulebook().rules}
    assert {rule.severity for rule in rules.values()} == {"warning"}
    assert {name for name, rule in rules.items() if rule.mode != "on"} == {"ping_pong_return", "ping_pong_timed"}
    assert rules["ping_pong_return"].mode == rules["ping_pong_timed"].mode == "off"


def test_the_windows_are_those_that_were_agreed() -> None:
    """Limits, gaps and windows of the shipped rules."""
    book = rulebook()
    rules: dict[str, Any] = {rule.name: rule for rule in book.rules}
    second = 1_000_000
    assert book.engine.memory == 30 * DAY * second
    assert book.engine.journey_gap == 7 * DAY * second
    assert book.engine.transit == {"entry-ivr", "survey", "payment"}
    assert book.engine.grace == 5 * second
    assert (rules["repeated_answer"].read_back, rules["repeated_answer"].same_breath) == (25 * second, 5 * second)
    assert rules["reauthentication"].validity == rules["ping_pong_timed"].within == DAY * second
    assert rules["excessive_handoffs"].hops == rules["handoff_flap"].times == 3
    assert {rules[each].within for each in ("handoff_flap", "misroute", "dead_end")} == {60 * second}
    assert rules["misroute"].confidence == 0.5
    assert rules["broken_promise"].furthest == 366 * DAY * second
    for name in ("contradiction", "repeat_contact", "premature_closure"):
        assert rules[name].within == 7 * DAY * second
    complaints = rules["two_faces"]
    assert complaints.open_for == 30 * DAY * second
    assert (complaints.complaints, complaints.reconciling) == (("complaint",), ("goodwill", "compensation", "refund"))
    mood, gap, shift = rules["mood_drop"], rules["expectation_gap"], rules["portfolio_shift"]
    assert (mood.margin, mood.messages, mood.within) == (0.5, 3, DAY * second)
    assert (gap.margin, gap.within) == (0.25, 90 * DAY * second)
    assert (shift.revenue, shift.satisfaction, shift.surveys) == (1000, 0.6, 3)


# What explains what.


def test_the_latest_of_two_questions_explains_the_answer() -> None:
    """Asked twice before the customer answered once: the answer is the second question's."""
    findings = found([said(0, "t1"), asked(60, "t2"), asked(70, "t3"), said(75, "t4")])
    requests = {each["again"]["id"]: each["id"] for each in only(findings, "repeated_request")}
    assert [each["explained_by"] for each in only(findings, "repeated_answer")] == [requests["t3"]]


def test_the_latest_proof_demanded_explains_the_question() -> None:
    """Of two needless demands for proof in the segment, the question follows from the later one."""
    findings = found(
        [
            touchpoint(0, "t1", "auth.passed", "ivr:entry-ivr"),
            said(5, "t2"),
            touchpoint(60, "t3", "auth.requested", "agent:service"),
            touchpoint(65, "t4", "auth.requested", "agent:service"),
            asked(70, "t5"),
        ]
    )
    demands = {each["again"]["id"]: each["id"] for each in only(findings, "reauthentication")}
    assert [each["explained_by"] for each in only(findings, "repeated_request")] == [demands["t4"]]


def test_a_loss_explains_the_question_for_its_own_field() -> None:
    """Two fields were lost at one handoff, and each question has its own loss behind it."""
    findings = found(
        [
            worked(0, "t1", "agent:sales"),
            said(5, "t2"),
            said(9, "t3", "A-100", "order_number"),
            passed_on(20, "t4", context=[]),
            asked(40, "t5"),
            asked(45, "t6", field="order_number"),
        ]
    )
    losses = {each["field"]: each["id"] for each in only(findings, "context_lost")}
    behind = {each["field"]: each["explained_by"] for each in only(findings, "repeated_request")}
    assert behind == losses
    assert set(losses) == {"account_number", "order_number"}


def test_what_is_on_trial_is_stored_and_neither_explains_nor_scores() -> None:
    """A rule in shadow has its finding, with its mode, and costs nobody anything."""
    replay = replayed([said(0, "t1"), asked(60, "t2"), said(65, "t3")], "repeated_request.mode=shadow")
    findings = list(replay.findings())
    assert [each["rule"]["mode"] for each in only(findings, "repeated_request")] == ["shadow"]
    assert [each["explained_by"] for each in only(findings, "repeated_answer")] == [None]
    harm = score_of(replay.scores(micros(65)), "tenant", "default")["components"]["harm"]
    assert harm == pytest.approx(0.15)


# Scores.


def test_explained_findings_do_not_score() -> None:
    """Of a loss, the question that follows and the answer to it, the loss alone costs anything, and it costs the sender."""
    scores = list(replayed(MISHAP, "unanswered_handoff.mode=off").scores(micros(20)))
    assert score_of(scores, "team", "sales")["components"]["harm"] == pytest.approx(0.15)
    assert score_of(scores, "team", "service")["components"]["harm"] == 0
    assert score_of(scores, "seam", "team:sales>team:service")["components"]["harm"] == pytest.approx(0.15)


def test_an_explained_finding_leaves_its_cause_to_the_next_heaviest() -> None:
    """A critical question that a loss explains is left out first, so the lighter finding of the same cause still costs."""
    story = [
        worked(0, "t1", "agent:sales"),
        said(5, "t2"),
        worked(10, "t3", "agent:service"),
        passed_on(20, "t4", to_team="sales", by="agent:service", context=[]),
        said(22, "t5", envelope={"actor": {"kind": "customer", "team": "service"}}),
        passed_on(25, "t6", to_team="sales", by="agent:service", context=[]),
        asked(30, "t7", by="agent:sales"),
    ]
    replay = replayed(story, "repeated_request.severity=critical", "context_lost.severity=info", "misroute.mode=off")
    findings = {each["rule"]["name"]: each for each in replay.findings()}
    assert findings["repeated_request"]["again"]["id"] == findings["ping_pong_direct"]["again"]["id"] == "t7"
    assert findings["repeated_request"]["explained_by"] == findings["context_lost"]["id"]
    scores = list(replay.scores(micros(30)))
    assert score_of(scores, "customer", "c-1", 7 * DAY)["components"]["findings"] == 2  # the answer t5, the return t7


def test_of_several_findings_of_one_cause_one_scores() -> None:
    """The third change of team is a ping-pong besides: it costs once, and of equals the first by rule name costs."""
    story = [worked(60 * number, f"t{number}", f"agent:{team}") for number, team in enumerate(["a", "b", "a", "b"])]
    replay = replayed(story, "excessive_handoffs.silos=[handoff]")
    assert rules_of(replay.findings()) == ["excessive_handoffs", "ping_pong_direct", "ping_pong_direct"]
    scores = list(replay.scores(micros(180)))
    assert score_of(scores, "customer", "c-1", 7 * DAY)["components"]["findings"] == 2
    # t2's return costs team a as the receiver; t3 costs it as the sender, by excessive_handoffs with the silo handoff.
    assert score_of(scores, "team", "a", 7 * DAY)["components"]["harm"] == pytest.approx(0.3, abs=1e-3)
    assert score_of(scores, "team", "b", 7 * DAY)["components"]["harm"] == 0


def test_info_costs_nothing() -> None:
    """A question that nobody has answered yet scores 0."""
    replay = replayed([said(0, "t1", "A-100", "order_number"), asked(60, "t2", field="order_number")])
    assert [each["severity"] for each in replay.findings()] == ["info"]
    assert score_of(replay.scores(micros(60)), "team", "service")["components"]["harm"] == 0


def test_a_team_is_charged_where_there_is_no_seam() -> None:
    """One team asks twice: there is no seam, and the team pays; an asker of no known team charges no team."""
    replay = replayed([worked(0, "t1", "agent:service"), said(5, "t2"), asked(60, "t3"), asked(70, "t4", by="system")])
    assert [each["seam"] for each in replay.findings()] == [None, None]
    scores = list(replay.scores(micros(70)))
    week = 7 * DAY
    assert score_of(scores, "team", "service", week)["components"]["harm"] == pytest.approx(0.15, abs=1e-3)
    assert score_of(scores, "tenant", "default", week)["components"]["harm"] == pytest.approx(0.3, abs=1e-3)
    assert {each["name"] for each in scores if each["scope"] == "team"} == {"service"}
    assert not [each for each in scores if each["scope"] == "seam"]


def test_an_opportunity_is_one_handler_at_work_in_one_segment() -> None:
    """Two stints of sales with service between are two chances for sales; each change of team is one for its seam."""
    story = [
        worked(0, "t1", "agent:sales"),
        touchpoint(1, "t2", "message", "agent:sales", text="hello"),
        worked(2, "t3", "agent:service"),
        worked(3, "t4", "agent:sales"),
        touchpoint(4, "t5", "contact.queued", "system", team="billing"),
    ]
    scores = list(replayed(story).scores(micros(4)))
    assert score_of(scores, "team", "sales")["samples"] == pytest.approx(2, abs=0.01)
    assert score_of(scores, "team", "service")["samples"] == pytest.approx(1, abs=0.01)
    assert score_of(scores, "seam", "team:sales>team:service")["samples"] == pytest.approx(1, abs=0.01)
    assert score_of(scores, "seam", "team:service>team:sales")["samples"] == pytest.approx(1, abs=0.01)
    assert score_of(scores, "channel", "voice")["samples"] == pytest.approx(3, abs=0.01)
    assert {each["name"] for each in scores if each["scope"] == "team"} == {"sales", "service"}


def test_a_score_as_of_long_before_the_newest_touchpoint_is_a_number() -> None:
    """Half a year before it, thousands of half-lives of an hour: 0.15 of the one handling went wrong, and the 20 harmless ones before count for nothing."""
    scores = list(replayed([said(0, "t1"), asked(60, "t2")], until=60).scores(micros(-180 * DAY)))
    assert score_of(scores, "team", "service")["value"] == pytest.approx(85)


def test_an_absence_costs_from_its_deadline() -> None:
    """One half-life after the deadline, not after the handoff, half of the harm is left."""
    scores = list(replayed([passed_on(0, "t1")], until=65).scores(micros(60 + HOUR)))
    assert score_of(scores, "seam", "team:sales>team:service")["components"]["harm"] == pytest.approx(0.075)


# Handoffs.


def handoff_scores(story: Iterable[Json], *changes: str, until: float = 0) -> dict[tuple[str, str], float | None]:
    """Return the handoff scores of the last hour as of ``until``."""
    scores = replayed(story, *changes, until=until).scores(micros(until))
    found = {(each["scope"], each["name"]): each for each in scores if (each["score"], each["half_life"]) == ("handoff", HOUR)}
    return {key: None if each["value"] is None else round(each["value"], 6) for key, each in found.items()}


def taken(seconds: float, identifier: str, handoff: str, by: str = "agent:service", **data: Any) -> Json:
    """Accept a handoff."""
    return touchpoint(seconds, identifier, "handoff.accepted", by, handoff=handoff, **data)


def everywhere(value: float) -> dict[tuple[str, str], float | None]:
    """Give receiving team, seam and tenant the same score."""
    return {("team", "service"): value, ("seam", "team:sales>team:service"): value, ("tenant", "default"): value}


def test_a_handoff_is_good_when_it_is_in_time_and_nothing_is_lost() -> None:
    """Two handoffs of one moment, one taken in time with everything, one too late with nothing: 100 x 1/2 x 1/2."""
    story = [
        worked(0, "t1", "agent:sales"),
        said(5, "t2"),
        passed_on(10, "h1", context=["account_number"]),
        taken(20, "t3", "h1"),
        passed_on(10, "h2", context=[]) | {"contact": "k2"},
        taken(80, "t4", "h2") | {"contact": "k2"},
    ]
    assert handoff_scores(story[:4], until=20) == everywhere(100)
    assert handoff_scores(story, until=80) == everywhere(25)


def test_a_factor_without_evidence_is_left_out_of_a_handoff_score() -> None:
    """Unknown context is not lost, what still waits is not late, a callback has no limit; where neither is known there is no score."""
    waits = [worked(0, "t1", "agent:sales"), said(5, "t2"), passed_on(10, "h1")]
    assert handoff_scores(waits, until=74) == {}
    assert handoff_scores(waits, until=75) == everywhere(0)
    assert handoff_scores([*waits, taken(20, "t3", "h1")], until=80) == everywhere(100)
    callback = [*waits[:2], passed_on(10, "h1", mode="callback", context=[])]
    assert handoff_scores(callback, until=80) == everywhere(0)


def test_a_contact_that_ends_before_the_limit_says_nothing_of_the_handoff() -> None:
    """Who hangs up was not kept waiting too long; a late acceptance and a rule that is off change nothing of what was late."""
    waits = [worked(0, "t1", "agent:sales"), passed_on(10, "h1")]
    assert handoff_scores([*waits, touchpoint(30, "t2", "contact.abandoned", "customer")], until=90) == {}
    assert handoff_scores(waits, "unanswered_handoff.mode=off", until=75) == everywhere(0)
    assert handoff_scores([*waits, taken(90, "t2", "h1")], until=90) == everywhere(0)


def test_what_is_found_out_later_of_a_handoff_replaces_what_was_said() -> None:
    """An acceptance that comes late, but was in time, takes back that the handoff was late; one by another team moves it there."""
    waits = [worked(0, "t1", "agent:sales"), passed_on(10, "h1", to_team=None)]
    late = [*waits, worked(100, "t2", "agent:other"), taken(20, "t3", "h1")]
    assert handoff_scores(late, until=100) == everywhere(100)
