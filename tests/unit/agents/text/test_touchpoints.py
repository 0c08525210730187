"""Messages of files and of sources become touchpoints: ids, order, and what is left alone."""

import json
import random
from functools import cache
from typing import Any

import pytest

from agents.fields import Fingerprinter
from agents.replay import Replay
from agents.text import Conversations, Recogniser, derived
from config.fields import load_fields, load_vocabulary
from config.rules import load_rulebook
from models.decoding import decode_touchpoint
from models.touchpoint import Refusal, parse_touchpoint

vocabulary = cache(load_vocabulary)


def message(number: int, kind: str, text: str, **other: Any) -> dict[str, Any]:
    """Return a message of the ``number``-th minute."""
    actor = {"kind": kind} if kind == "customer" else {"kind": kind, "id": f"{kind}-1", "team": other.pop("team", kind)}
    return {
        "id": f"m-{number}", "source": "chat", "type": "message", "time": f"2026-03-02T09:{number:02}:00Z", "tenant": "acme", "customer": "c-1",
        "contact": "k-1", "segment": f"k-1/{actor.get('team', 'x')}", "channel": "chat", "actor": actor, "data": {"text": text}, **other,
    }  # fmt: skip


STORY = [
    message(1, "bot", "What is your account number?"),
    message(2, "customer", "4711-22"),
    message(3, "agent", "Hello, may I have your account number, please?", team="billing"),
    message(4, "customer", "It's 4711-22, as I said"),
]


def found(lines: list[dict[str, Any]], **how: Any) -> list[tuple[str, str, str, str]]:
    """Return detector, reason, field and the id of what set it off, of each finding in ``lines``."""
    replay = Replay(
        load_rulebook(),
        load_fields(),
        Fingerprinter(b"a key of at least sixteen bytes"),
        Recogniser(vocabulary()),
        **how,
    )
    for number, line in enumerate(lines, 1):
        replay.feed(number, json.dumps(line).encode())
    replay.finish(0)
    assert not replay.dead_letters
    return [(each["detector"], each["reason"], each["field"], each["again"]["id"]) for each in replay.findings()]


REPEATED = [
    ("repeated_request", "bot_then_agent", "account_number", "m-3/0"),
    ("repeated_answer", "bot_then_agent", "account_number", "m-4/0"),
]


@pytest.mark.parametrize("seed", range(5))
def test_messages_of_a_file_are_read_in_the_order_of_their_times(seed: int) -> None:
    """Whatever the order of lines, what is said twice in messages alone is found, under ids made of the messages' own."""
    lines = list(STORY)
    random.Random(seed).shuffle(lines)
    assert found(lines) == REPEATED


def test_a_message_whose_source_told_what_it_says_is_not_read() -> None:
    """Touchpoints that a source derived itself from a message stand alone."""
    told = {**STORY[1], "id": "m-2/1", "type": "info.provided", "data": {"field": "account_number", "value": "0815"}}
    assert ("repeated_request", "bot_then_agent", "account_number", "m-3/0") in found([*STORY, told])
    assert not [each for each in found([*STORY, told]) if each[0] == "repeated_answer"]


def test_notes_are_not_read() -> None:
    """What the customer does not see asks nobody and tells nothing."""
    note = message(3, "agent", "What is your account number?", team="billing")
    note["data"]["private"] = True
    assert found([*STORY[:2], note]) == []


def test_a_refused_line_that_waited_is_told_by_its_number() -> None:
    """A line of a customer with messages that cannot be used is told with its number in the file."""
    replay = Replay(
        load_rulebook(), load_fields(), Fingerprinter(b"a key of at least sixteen bytes"), Recogniser(vocabulary())
    )
    wrong = {**STORY[3], "id": "m-9", "type": "info.provided", "data": {}}
    for number, line in enumerate([*STORY, wrong], 1):
        replay.feed(number, json.dumps(line).encode())
    replay.finish(0)
    assert [(letter.offset, letter.reason) for letter in replay.dead_letters] == [(5, "missing_field")]
    assert replay.recognised == 4


def test_what_a_message_says_is_a_valid_touchpoint_with_its_envelope() -> None:
    """Derived touchpoints keep source, time, sequence, contact, segment, channel and actor, and hold no text."""
    told = {
        **message(7, "customer", "my account number is 4711-22 and my order number is A-100-7"),
        "sequence": 5,
        "brand": "b",
        "language": "en-GB",
    }
    touchpoint = decode_touchpoint(json.dumps(told).encode())
    said = [json.loads(each) for each in derived(touchpoint, Recogniser(vocabulary()), Conversations().of(touchpoint))]
    assert [each["id"] for each in said] == ["m-7/0", "m-7/1"]
    for each in said:
        assert not isinstance(parse_touchpoint(json.dumps(each).encode()), Refusal)
        same = told.keys() - {"id", "type", "data"}
        assert {key: each[key] for key in same} == {key: told[key] for key in same}
        assert set(each["data"]) <= {"field", "value"}


def test_a_long_id_stays_within_its_limit() -> None:
    """A message id near the limit of identifiers gives derived ids that are valid."""
    told = {**message(7, "customer", "my account number is 4711-22"), "id": "x" * 512}
    touchpoint = decode_touchpoint(json.dumps(told).encode())
    (said,) = derived(touchpoint, Recogniser(vocabulary()), Conversations().of(touchpoint))
    assert not isinstance(parse_touchpoint(said), Refusal)


def test_what_needed_memory_comes_last() -> None:
    """A restart loses open requests; what a message says by itself keeps its ids all the same."""
    asked = decode_touchpoint(json.dumps(message(1, "agent", "What is your account number?")).encode())
    answer = decode_touchpoint(
        json.dumps(message(2, "customer", "4711-22, and you can write to jane@example.org")).encode()
    )
    recogniser, conversations = Recogniser(vocabulary()), Conversations()
    derived(asked, recogniser, conversations.of(asked))
    remembered = derived(answer, recogniser, conversations.of(answer))
    forgotten = derived(answer, recogniser, Conversations().of(answer))
    assert len(remembered) == 2
    assert remembered[: len(forgotten)] == forgotten


def test_memory_is_bounded() -> None:
    """Of the contacts only those that spoke last are remembered."""
    conversations = Conversations(most=10)
    touchpoints = [
        decode_touchpoint(json.dumps({**STORY[0], "contact": f"k-{number}"}).encode()) for number in range(11)
    ]
    first = conversations.of(touchpoints[0])
    assert conversations.of(touchpoints[0]) is first
    for touchpoint in touchpoints[1:]:
        conversations.of(touchpoint)
    assert conversations.of(touchpoints[0]) is not first


TRANSFER = message(1, "agent", "I'll transfer you to the billing department.", team="service")


def derived_of(line: dict[str, Any], told: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """Return what a message says."""
    touchpoint = decode_touchpoint(json.dumps(line).encode())
    return [
        json.loads(each)
        for each in derived(touchpoint, Recogniser(vocabulary()), Conversations().of(touchpoint), told)
    ]


def test_an_announced_handoff_has_the_message_s_id() -> None:
    """The handoff that a message announces is called as the message is; where nobody knows the team that hands on, none is read."""
    (handoff,) = derived_of(TRANSFER)
    assert (handoff["type"], handoff["data"]) == ("handoff.started", {"handoff": "m-1", "mode": "blind"})
    assert derived_of({**TRANSFER, "actor": {"kind": "agent"}}) == []


@pytest.mark.parametrize(
    ("line", "types"),
    [
        (TRANSFER, ["handoff.started"]),
        (message(1, "customer", "I want to make a complaint"), ["contact.started"]),
        (message(1, "agent", "We will call you back tomorrow."), ["promise.kept"]),
        (message(1, "agent", "You are now verified."), ["auth.requested"]),
    ],
)
def test_what_a_source_tells_itself_is_not_read(line: dict[str, Any], types: list[str]) -> None:
    """Of a source that tells handoffs, intents, promises or authentication in any of its lines none is read out of its words; of another source it is."""
    told: dict[str, dict[str, Any]] = {
        "handoff.started": {"handoff": "h-1", "mode": "warm"},
        "contact.started": {"direction": "inbound", "intent": "other"},
        "promise.kept": {"promise": "p-1"},
        "auth.requested": {},
    }
    for source, read in (("chat", 0), ("telephone", 1)):
        replay = Replay(
            load_rulebook(), load_fields(), Fingerprinter(b"a key of at least sixteen bytes"), Recogniser(vocabulary())
        )
        itself = {**message(9, "agent", ""), "source": source, "type": types[0], "customer": "c-9", "data": told[types[0]]}
        for number, each in enumerate((line, itself), 1):
            replay.feed(number, json.dumps(each).encode())
        replay.finish(0)
        assert not replay.dead_letters
        assert replay.recognised == read


def test_an_unanswered_announcement_is_found() -> None:
    """Who is told that they are passed on, and then meets nobody else, was handed to nobody."""
    lines = [
        message(1, "customer", "my bill is wrong"),
        message(2, "agent", "Let me have a look.", team="service"),
        message(5, "agent", "I'll transfer you to the billing department.", team="service"),
        message(50, "customer", "hello?"),
    ]
    assert [each[0] for each in found_by(lines)] == ["unanswered_handoff"]
    answered = message(6, "agent", "Hello, this is billing.", team="billing")
    assert found_by([*lines[:3], answered]) == []


def found_by(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return detector and reason of each finding in ``lines``, deadlines passed."""
    replay = Replay(
        load_rulebook(), load_fields(), Fingerprinter(b"a key of at least sixteen bytes"), Recogniser(vocabulary())
    )
    for number, line in enumerate(lines, 1):
        replay.feed(number, json.dumps(line).encode())
    replay.finish(0)
    return [(each["detector"], each["reason"]) for each in replay.findings()]


@pytest.mark.parametrize(
    "said",
    [
        ("Wie lautet Ihre Kontonummer?", "4711-22", "Guten Tag, könnten Sie mir bitte Ihre Kontonummer nennen?", "Das ist die 4711-22, wie gesagt"),
        ("请问您的账号是多少？", "4711-22", "您好，麻烦您提供一下账号", "刚才说过了，是4711-22"),
        ("請問您的帳號是多少？", "4711-22", "您好，方便提供您的帳號嗎？", "我的帳號是4711-22"),
        ("لطفاً شماره حساب خود را بگویید", "۴۷۱۱-۲۲", "سلام، شماره حساب شما چیست؟", "گفتم که، شماره حساب من ۴۷۱۱-۲۲ است"),
        ("Wie lautet Ihre Kontonummer?", "4711-22", "What is your account number, please?", "4711-22, I told the bot"),
    ],
)
def test_asked_again_and_told_again_in_every_language(said: tuple[str, str, str, str]) -> None:
    """The bot asks, the agent asks again and is told again: found in every language, in both Chinese scripts and over a change of language."""
    assert found([{**line, "data": {"text": text}} for line, text in zip(STORY, said, strict=True)]) == REPEATED
