"""Fields that may be of several things: of which they are asked for and told."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agents.fields import Fingerprinter
from agents.replay import Replay
from agents.text import Conversation, Conversations, Recogniser, Vocabulary, derived
from config.fields import load_fields, load_vocabulary
from config.rules import load_rulebook
from models.touchpoint import TOUCHPOINT

vocabulary = cache(load_vocabulary)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
FIELDS = """
area:
  kind: preference
  names: {en: [area]}
  value: {alone: true, words: {en: {north: [north], south: [south]}}}
  of:
    hotel: {en: [hotel, room]}
    restaurant: {en: [restaurant, table]}
price:
  kind: preference
  names: {en: [price range]}
  value: {alone: true, words: {en: {cheap: [cheap], dear: [expensive]}}}
  of: {hotel: {}, restaurant: {}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two preferences, each of a hotel or of a restaurant."""
    folder = tmp_path_factory.mktemp("fields")
    (folder / "travel.yaml").write_text(FIELDS)
    return folder


def told(words: Vocabulary, *messages: str) -> list[str]:
    """Return what the last of ``messages`` says, withheld requests left out; each begins with who speaks."""
    recogniser, conversation, acts = Recogniser(words), Conversation(), []
    for message in messages:
        who, _, text = message.partition(": ")
        acts = recogniser.acts(text, conversation, time=NOON, tag="en", by_customer=who == "customer")
    return [" ".join((act.type.removeprefix("info."), act.data["field"], act.data.get("value", ""))).strip() for act in acts if not act.withheld]


@pytest.mark.parametrize(
    ("messages", "last"),
    [
        (["customer: I need a hotel", "agent: Which area would you like?"], ["requested area of hotel"]),
        (["customer: I need a hotel", "customer: and a table", "agent: Which area would you like?"], ["requested area of restaurant"]),
        (["agent: Which area would you like?"], ["requested area"]),
        (["customer: I need a table. And which area is the hotel?", "agent: For the restaurant, which area?"], ["requested area of restaurant"]),
        (["customer: A cheap room, and a table in the north"], ["provided price of hotel cheap", "provided area of restaurant north"]),
        (["agent: Which area for the room?", "customer: the north"], ["provided area of hotel north"]),
        (["customer: something in the north"], ["provided area north"]),
        (["customer: something in the north", "customer: a room", "agent: Which area for the room?"], []),  # until it is answered
        (["customer: I need a table", "customer: and a hotel near that restaurant", "agent: Which area?"], ["requested area of hotel"]),
    ],
)
def test_a_preference_is_of_what_is_named_or_was_spoken_of_last(messages: list[str], last: list[str], folder: Path) -> None:
    """The thing that the sentence names comes first, then that of the question, then the one spoken of last; without any there is none."""
    assert told(load_vocabulary(folder), *messages) == last


@pytest.mark.parametrize(
    ("messages", "last"),
    [
        (["agent: What is your wife's date of birth?"], ["requested date_of_birth of partner"]),
        (["agent: May I have the date of birth of your son?"], ["requested date_of_birth of child"]),
        (["agent: What is your wife's date of birth?", "customer: 3 May 1980"], ["provided date_of_birth of partner 1980-05-03"]),
        (["customer: I'm calling for my wife", "agent: What is your date of birth?"], ["requested date_of_birth"]),
        (["customer: My husband says my account number is 12345678"], ["provided account_number 12345678"]),
        (["customer: My wife's date of birth is 3 May 1980"], ["provided date_of_birth of partner 1980-05-03"]),
    ],
)
def test_any_other_field_is_the_customer_s_own_unless_the_words_beside_it_say_whose(messages: list[str], last: list[str]) -> None:
    """Who was spoken of before does not matter: somebody's date of birth is asked for by naming them."""
    assert told(vocabulary(), *messages) == last


def test_the_same_preference_for_another_thing_is_told_again_and_told_of_that(folder: Path) -> None:
    """Who wants the restaurant in the north as the hotel repeats the north, and tells the restaurant's area for the first time."""
    said = ["customer: a hotel in the north", "agent: Which area for the restaurant?"]
    assert told(load_vocabulary(folder), *said, "customer: the north") == ["provided area of hotel north", "provided area of restaurant north"]
    assert told(load_vocabulary(folder), *said, "customer: the same area as the hotel") == ["provided area of hotel north", "provided area of restaurant north"]
    assert told(load_vocabulary(folder), *said, "customer: the south") == ["provided area of restaurant south"]


def test_people_who_share_a_birthday_tell_it_once_each() -> None:
    """Only preferences are the same for two things; a date of birth of another person is another one."""
    last = told(vocabulary(), "agent: What is your wife's date of birth?", "customer: 3 May 1980", "agent: What is your date of birth?", "customer: 3 May 1980")
    assert last == ["provided date_of_birth 1980-05-03"]


def findings(folder: Path | None, *contacts: list[str]) -> list[tuple[str, str, str]]:
    """Return detector, field and severity of what is found where one customer has ``contacts``, a day apart."""
    recogniser = Recogniser(load_vocabulary(folder))
    replay = Replay(load_rulebook(), load_fields(folder), Fingerprinter(b"a key of at least sixteen bytes"), recogniser)
    lines = []
    for day, messages in enumerate(contacts):
        for number, message in enumerate(messages):
            who, _, text = message.partition(": ")
            lines.append(line(f"{day}/{number}", who, text, NOON + timedelta(days=day, seconds=30 * number)))
    for number, each in enumerate(lines):
        replay.feed(number, json.dumps(each).encode())
    replay.release()
    replay.flush()
    assert not replay.dead_letters
    return sorted((each["detector"], each["field"], each["severity"]) for each in replay.findings() if each["detector"].startswith("repeated_"))


def line(name: str, who: str, text: str, time: datetime) -> dict[str, Any]:
    """Return a message as a canonical touchpoint."""
    team = f"team-{name.partition('/')[0]}"
    actor = {"kind": "customer"} if who == "customer" else {"kind": "agent", "id": "a", "team": team}
    return {
        "source": "s", "id": name, "type": "message", "time": time.isoformat(), "customer": "c", "contact": name.partition("/")[0],
        "channel": "chat", "language": "en", "actor": actor, "data": {"text": text},
    }


def test_a_new_thing_s_field_is_not_asked_again(folder: Path) -> None:
    """In another contact the restaurant's area was never told, though the hotel's was; the hotel's, called a room now, is."""
    first = ["customer: a hotel in the north please"]
    assert findings(folder, first, ["customer: I need a table", "agent: Which area would you like?"]) == []
    again = findings(folder, first, ["customer: I need a room", "agent: Which area would you like?", "customer: the north"])
    assert {(detector, field) for detector, field, _ in again} == {("repeated_request", "area of hotel"), ("repeated_answer", "area of hotel")}
    assert "info" not in {severity for *_, severity in again}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("customer: the north", {("repeated_answer", "area of hotel"), ("repeated_request", "area of hotel")}),
        ("customer: the south", set()),
        ("customer: wait a moment", set()),
    ],
)
def test_within_a_contact_the_answer_tells_whether_a_new_thing_s_field_was_asked_in_vain(answer: str, found: set[tuple[str, str]], folder: Path) -> None:
    """Asked for the restaurant's area after the hotel's: a repetition where the answer is the same, and else not one that anybody could know of."""
    got = findings(folder, ["customer: a hotel in the north please", "agent: Which area for the restaurant?", answer])
    assert {(detector, field) for detector, field, _ in got} == found


def test_a_request_that_waited_comes_as_of_its_own_time(folder: Path) -> None:
    """It has the id, the time and the speaker of the question, and is told once."""
    recogniser, conversations = Recogniser(load_vocabulary(folder)), Conversations()
    told: list[list[dict[str, Any]]] = []
    for number, message in enumerate(["customer: a hotel in the north", "agent: Which area for the restaurant?", "customer: the north, the north"]):
        who, _, text = message.partition(": ")
        time = NOON + timedelta(seconds=30 * number)
        touchpoint = TOUCHPOINT.validate_python({**line(f"0/{number}", who, text, time), "time": time})
        told.append([json.loads(each) for each in derived(touchpoint, recogniser, conversations.of(touchpoint))])
    [asked], [waited] = ([each for each in of_message if each["type"] == "info.requested"] for of_message in told[1:])
    answers = [each for each in told[2] if each["type"] == "info.provided"]
    assert (asked["data"], waited["data"]) == ({"field": "area of restaurant"}, {"field": "area of hotel"})
    assert (waited["time"], waited["actor"]) == (asked["time"], asked["actor"])
    assert waited["id"] != asked["id"]
    assert waited["id"].startswith("0/1/")
    assert [each["data"]["field"] for each in answers] == ["area of hotel", "area of restaurant"]
    assert len({each["id"] for each in (asked, waited, *answers)}) == 4


@pytest.mark.parametrize(
    ("answer", "found"),
    [("customer: a cheap one", {"price of hotel"}), ("customer: never mind", set()), ("customer: expensive", set())],
)
def test_a_question_for_either_of_two_asks_for_what_is_answered(answer: str, found: set[str], folder: Path) -> None:
    """The area or the price range: who answers with one was asked for that one."""
    first = ["customer: a cheap hotel in the north please"]
    got = findings(folder, first, ["customer: I need a hotel", "agent: What area or price range would you like?", answer])
    assert {field for detector, field, _ in got if detector == "repeated_request"} == found


@pytest.mark.parametrize(("answer", "found"), [("customer: the north", {"area of hotel"}), ("customer: that does not matter", set())])
def test_to_choose_among_what_was_found_repeats_a_question_where_the_answer_does(answer: str, found: set[str], folder: Path) -> None:
    """There are four options, north or south? Whoever has no preference was not asked again."""
    second = ["customer: I need a hotel", "agent: There are 4 options for you, would you prefer north or south?", answer]
    got = findings(folder, ["customer: a hotel in the north please"], second)
    assert {field for detector, field, _ in got if detector == "repeated_request"} == found


HOTEL = "customer: a cheap hotel in the north please"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([HOTEL, "agent: Which area would you like?", "customer: hold on"], {("area of hotel", "info")}),
        ([HOTEL, "customer: with parking", "customer: and wifi", "agent: Which area would you like?", "customer: hold on"], set()),
        ([HOTEL, "customer: with parking", "customer: and wifi", "agent: Which area would you like?", "customer: the north"], {("area of hotel", "warning")}),
        ([HOTEL, "agent: There are no hotels there. Which area would you like?", "customer: hold on"], set()),
        ([HOTEL, "agent: There are no hotels there. Which area would you like?", "customer: the north"], {("area of hotel", "warning")}),
        ([HOTEL, "agent: There are no hotels there. Which area would you like?", "customer: the south"], set()),
        (["customer: my trip goes north", "customer: I need a room", "agent: Which area for the room?", "customer: hold on"], set()),
        (["customer: my trip goes north", "customer: I need a room", "agent: Which area for the room?", "customer: the north"], {("area", "warning")}),
    ],
)
def test_a_preference_that_may_be_asked_for_anew_waits_for_its_answer(said: list[str], found: set[tuple[str, str]], folder: Path) -> None:
    """Told some messages ago, or in passing of no thing, or as nothing was found: only the same answer shows that it was asked for in vain."""
    got = findings(folder, said)
    assert {(field, severity) for detector, field, severity in got if detector == "repeated_request"} == found


@pytest.mark.parametrize(
    "question",
    [
        "Could you reconsider your price range?",
        "Would you like to try your luck with another price range?",
        "It is in the cheap price range, would you like to hear more?",
        "There is one in the cheap price range which area do you want?",
        "They are all in the same price range, and which area would you like?",
    ],
)
def test_what_is_told_or_offered_in_a_question_is_not_asked_for(question: str, folder: Path) -> None:
    """A price range that is named before what the question is about, or that is to be another one, was not asked for again."""
    got = findings(folder, [HOTEL, f"agent: {question}", "customer: a cheap one"])
    assert ("repeated_request", "price of hotel", "warning") not in got


def test_a_price_range_is_asked_for_beside_something_else(folder: Path) -> None:
    """What stands behind the words that ask, or begins its sentence, is asked for."""
    for question in ("Which area do you want, and what price range?", "Your price range, what would you like?"):
        assert ("repeated_request", "price of hotel", "warning") in findings(folder, [HOTEL, f"agent: {question}", "customer: a cheap one"])


def test_the_name_of_a_thing_holds_no_value(tmp_path: Path) -> None:
    """The centre of a sports centre is no part of the town."""
    (tmp_path / "travel.yaml").write_text(FIELDS.replace("south: [south]", "centre: [centre]").replace("[hotel, room]", "[hotel, sports centre]"))
    words = load_vocabulary(tmp_path)
    assert told(words, "customer: a sports centre please") == []
    assert told(words, "customer: a sports centre in the centre") == ["provided area of hotel centre"]


@pytest.mark.parametrize("question", ["Could you spell your last name, please?", "How is your name spelt, could you spell it?"])
def test_how_what_was_told_is_spelt_is_not_asked_again(question: str) -> None:
    """Who asks for a name for the first time may ask to spell it; who has been told it makes sure."""
    name = ["agent: What is your name, please?", "customer: Jane Doe"]
    assert [each for each in findings(None, [*name, f"agent: {question}", "customer: D O E"]) if each[0] == "repeated_request"] == []
    assert told(vocabulary(), "agent: Could you spell your last name, please?") == ["requested customer_name"]
