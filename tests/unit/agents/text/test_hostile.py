"""Texts that nobody means well: no crash, bounded work, no value where it does not belong."""

from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.text import Conversation, Recogniser
from agents.text.reading import MAXIMUM_CHARACTERS, read
from config.fields import load_vocabulary

vocabulary = cache(load_vocabulary)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday."""
MEGABYTE = 1_000_000


def acts_of(text: str, *, by_customer: bool = True, tag: str | None = "en") -> list[str]:
    """Return the types of what ``text`` says."""
    return [
        act.type
        for act in Recogniser(vocabulary()).acts(text, Conversation(), time=NOON, tag=tag, by_customer=by_customer)
    ]


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "1-",
        "<a ",
        "<",
        "&amp;",
        "my account number is ",
        "account number ",
        "\u200b",
        "\u202e",
        "a@",
        "@",
        "一",
        "0 ",
        "\ud800",
        "ﷺ",
        "(",
        "?",
        "\n",
        "+4 ",
        "what ",
        "is that ok? ",
        "the same area ",
        "if i want a refund ",
        "transfer you to the billing team ",
        "your wife's date of birth ",
        "your name or your date of birth, ",
        "01/02/1999 ",
        "Jane Doe ",
    ],
)
@pytest.mark.parametrize("by_customer", [True, False])
def test_a_megabyte_of_one_thing_is_cut(unit: str, by_customer: bool) -> None:
    """Whatever is repeated, no more than the documented length is read, and that it was cut is counted."""
    recogniser = Recogniser(vocabulary())
    recogniser.acts(unit * (MEGABYTE // len(unit)), Conversation(), time=NOON, tag="en", by_customer=by_customer)
    assert recogniser.counts["text_truncated"] == 1
    assert len(read(unit * MEGABYTE).text) <= MAXIMUM_CHARACTERS


def test_invisible_characters_change_nothing() -> None:
    """Zero-width characters, bidi controls, soft hyphens and tags of HTML hide no value and make none."""
    for text in (
        "my acc\u200bount num\u00adber is 4711-22",
        "my \u202eaccount\u202c number is \u206647\u200d11-22\u2069",
        "<p>my <b>account number</b> is&nbsp;<span class='x'>4711-22</span></p>",
        "my ａｃｃｏｕｎｔ ｎｕｍｂｅｒ is ４７１１-２２",
        "my account number is 4711-22 😀🏳️‍🌈",
    ):
        acts = Recogniser(vocabulary()).acts(text, Conversation(), time=NOON, tag=None, by_customer=True)
        assert [(act.data["field"], act.data["value"]) for act in acts] == [("account_number", "471122")], text


def test_what_is_read_is_bounded_in_acts_too() -> None:
    """A message that tells thousands of values gives a bounded number of touchpoints."""
    assert 0 < len(acts_of("".join(f"my order number is {number}. " for number in range(1000, 3000)))) <= 32


pieces = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "my account number is",
            "4711-22",
            "what is your",
            "order number",
            "?",
            "对吗",
            "账号",
            "شماره حساب",
            "Kundennummer",
            "no it is",
            "<b>",
            "&#0;",
            "\ud83d",
            "\u202e",
        ]
    ),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.lists(pieces, max_size=12)), max_size=5),
    st.sampled_from([None, "en", "de", "zh-Hant", "fa", "xx"]),
)
def test_any_conversation_is_read_the_same_way_twice(messages: list[tuple[bool, list[str]]], tag: str | None) -> None:
    """No text raises, the same conversation gives the same, and only provisions and confirmations hold values."""
    runs = []
    for _ in range(2):
        recogniser, conversation = Recogniser(vocabulary()), Conversation()
        runs.append(
            [
                recogniser.acts(" ".join(parts), conversation, time=NOON, tag=tag, by_customer=by)
                for by, parts in messages
            ]
        )
    assert runs[0] == runs[1]
    for acts in runs[0]:
        for act in acts:
            assert act.data.keys() <= {"field", "value", "corrects", "due"}
            assert ("value" in act.data) == (act.type in ("info.provided", "info.confirmed"))
