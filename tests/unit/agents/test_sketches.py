"""Sketches: what two tellings of a story have in common, and what a row keeps of them."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from agents.sketches import LENGTH, differing_bits, parts_of
from tests.quality.stories import shares
from tests.unit.agents.support import KEY, fields, rulebook

STORY = "My router drops the connection every evening at about eight and I have to restart it by hand."


def entries(fingerprinter: Fingerprinter, **touchpoint: object) -> list[tuple[object, ...]]:
    """Return what the timeline keeps of a message."""
    made: dict[str, object] = {"id": "e1", "source": "s", "customer": "c", "channel": "chat", "type": "message"}
    made["time"] = "2026-03-02T09:00:00Z"
    made |= {"actor": {"kind": "customer"}, "data": {"text": STORY}, **touchpoint}
    watch = PartitionWatch(rulebook(), fields(), fingerprinter, 0, keyed=False)
    watch.process([Record(0, None, None, json.dumps(made).encode())])
    return [entry.data for customer in watch.customers() for entry in customer.entries]


def test_a_story_told_again_is_told_from_another_one() -> None:
    """At the rule's threshold, whatever the key, most stories told again are found and one in a thousand pairs of others is wrong at most."""
    found, wrong = shares(0.65)
    assert found >= 0.85
    assert wrong <= 0.001


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (STORY, 18),
        (STORY.lower().replace(".", "!"), 18),
        ("one two three four five six seven", None),
        ("a b c d e f g h i j", None),
        ("the the the the the the the the the the", None),
        ("我家的路由器每天晚上断网了", -13),
        ("我家的路由器断网了", None),
        ("مودم من هر شب حدود ساعت هشت قطع می\u200cشود و باید آن را دوباره روشن کنم", 16),
        ("yes please do it as we said in the last one", None),
        ("", None),
    ],
)
def test_a_story_has_words_enough(text: str, size: int | None) -> None:
    """What is short, or says too little, has no sketch; a sketch tells how long its text was, characters as a negative."""
    sketched = Fingerprinter(KEY).sketch(text)
    assert (None if sketched is None else sketched[0]) == size
    assert sketched is None or len(sketched[1]) == LENGTH


def test_only_what_the_customer_tells_is_kept_and_only_as_a_sketch() -> None:
    """A row holds the sketch of the customer's message, nothing of a note's or an agent's, and no word of any."""
    fingerprinter = Fingerprinter(KEY)
    ((private, mood, size, sketch),) = entries(fingerprinter)
    assert (private, mood, size, sketch) == (False, None, *(fingerprinter.sketch(STORY) or ()))
    assert entries(fingerprinter, data={"text": STORY, "private": True}) == [(True,)]
    assert entries(fingerprinter, actor={"kind": "agent", "team": "sales"}) == [(False,)]
    assert entries(fingerprinter, data={"text": "It does not work."}) == [(False,)]


def test_sketches_under_two_keys_say_nothing_about_each_other() -> None:
    """The sketch of one text under another key differs in about half of its bits, and begins with another id; with a previous key it has both."""
    old, new, both = Fingerprinter(KEY), Fingerprinter(KEY[::-1]), Fingerprinter(KEY[::-1], KEY)
    (_, one), (_, other), (_, pair) = (each.sketch(STORY) or (0, b"") for each in (old, new, both))
    assert pair == other + one
    assert one[:2] != other[:2]
    assert (int.from_bytes(one[2:], "big") ^ int.from_bytes(other[2:], "big")).bit_count() > 80


def test_what_is_read_of_a_long_text_ends() -> None:
    """Of a text beyond four thousand characters the rest changes nothing, and of very many words some stand for all."""
    fingerprinter = Fingerprinter(KEY)
    long = " ".join(f"w{number}" for number in range(2000))
    assert fingerprinter.sketch(long) == fingerprinter.sketch(long[:4096] + "x" * 5000)
    size, parts = parts_of(long) or (0, set())
    assert size > 700
    assert len(parts) == 255


@given(st.text(max_size=200), st.text(max_size=20))
def test_any_text_has_a_sketch_or_none(text: str, more: str) -> None:
    """Whatever is typed is sketched, the same each time."""
    fingerprinter = Fingerprinter(KEY)
    for each in (text, text + " " + " ".join(more), f"{STORY}{text}"):
        assert fingerprinter.sketch(each) == Fingerprinter(KEY).sketch(each)


def test_bits_and_similarity_are_an_angle() -> None:
    """The same words differ in no bit, words without one in common in half of them."""
    assert [differing_bits(similarity) for similarity in (1.0, math.cos(math.pi / 4), 1e-9)] == [0, 56, 111]
