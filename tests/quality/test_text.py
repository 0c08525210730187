"""What is found in dialogues of which nothing but the messages is known does not get worse."""

from datetime import datetime
from functools import cache
from typing import Any

import pytest

from agents.text import Conversations, Recogniser, derived
from config.fields import load_vocabulary
from models.touchpoint import TOUCHPOINT
from tests.quality.dialogues import COLLECTIONS, EVALUATE, findings, scored, touchpoints, trapped, tuned_on
from tests.quality.reread import DRAWS, reread, sample, sheet

pytestmark = [
    pytest.mark.skipif(not EVALUATE.exists(), reason=f"the annotated dialogues are not there: {EVALUATE}"),
    pytest.mark.slow,
]


@cache
def found_in(name: str) -> list[dict[str, Any]]:
    """Return what is found in the messages of the half that nothing was tuned on."""
    return findings(COLLECTIONS[name], "text", held_out=True)


@pytest.mark.parametrize(
    ("name", "precision", "recall"),
    [("dstc2", 0.95, 0.90), ("crosswoz", 0.88, 0.85), ("multiwoz", 0.58, 0.65), ("woz_de", 0.55, 0.60)],
)
def test_what_is_told_again_in_messages_alone_is_found(name: str, precision: float, recall: float) -> None:
    """On the half that nothing was tuned on; MultiWOZ and WOZ leave out of their annotation most of what is told again in passing (docs/quality.md)."""
    collection = COLLECTIONS[name]
    told = scored(collection, "text", found_in(name), held_out=True)["repeated_answer"]
    assert told["wanted"] > 40
    assert told["precision"] >= precision, told
    assert told["recall"] >= recall, told


def test_what_is_asked_again_in_messages_alone_is_found() -> None:
    """Of the requests that the annotation calls repeated at least half is found, and most of what is found is one of them."""
    asked = scored(COLLECTIONS["multiwoz"], "text", found_in("multiwoz"), held_out=True)["repeated_request"]
    assert asked["wanted"] > 40
    assert min(asked["precision"], asked["recall"]) >= 0.5, asked


def test_harmless_turns_stay_harmless() -> None:
    """Among a thousand dialogues made of confirmations, changes and carried-over values nothing of it is taken for a repetition."""
    assert trapped(found_in("sgd"), COLLECTIONS["sgd"]).total() == 0


@pytest.mark.parametrize(("name", "precision", "recall"), [("multiwoz", 0.94, 0.88), ("woz_de", 0.90, 0.75), ("crosswoz", 0.94, 0.90)])
def test_what_was_read_again_is_found(name: str, precision: float, recall: float) -> None:
    """Of the repetitions that somebody found by reading held-out dialogues most are found, and nearly nothing else is."""
    by_detector = {detector: counts for detector, counts, *_ in reread(name, found_in(name))}
    told = by_detector["repeated_answer"]
    assert told.right >= precision * told.found
    assert told.right >= recall * told.read
    if name == "multiwoz":
        asked = by_detector["repeated_request, for alerts"]
        assert asked.right >= 0.90 * asked.found
        assert asked.right >= 0.70 * asked.read


@pytest.mark.parametrize("name", DRAWS)
def test_the_sheets_are_of_the_dialogues_that_were_drawn(name: str) -> None:
    """What was read are exactly the dialogues that the seed draws, all of the half that nothing was tuned on."""
    read, kinds = sheet(name)
    assert read == {each["id"] for draw in range(len(DRAWS[name])) for each in sample(name, draw)}
    assert not [each for each in read if tuned_on(each)]
    assert {key[2] for key in kinds} <= set(load_vocabulary(COLLECTIONS[name].fields).fields)


def test_shipped_fields_are_silent_where_nothing_is_said_of_them() -> None:
    """Thousands of messages about restaurants, trains and hotels ask for no account number and tell none."""
    recogniser, conversations = Recogniser(load_vocabulary()), Conversations()
    messages = said = 0
    for name in ("multiwoz", "woz_de", "crosswoz"):
        for line in touchpoints(COLLECTIONS[name], "text", held_out=True):
            touchpoint = TOUCHPOINT.validate_python({**line, "time": datetime.fromisoformat(line["time"])})
            messages += 1
            said += len(derived(touchpoint, recogniser, conversations.of(touchpoint)))
    assert messages > 10_000
    assert said < 10
