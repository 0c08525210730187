"""Findings in words, in four languages."""

from typing import Any

import pytest

from agents.fields import Fingerprinter
from agents.replay import Replay
from agents.rules import Language
from agents.wording import called
from config.fields import load_fields
from config.rules import load_rulebook
from config.wording import load_wording
from tests.unit.seamwatch.support import asked_twice, lines

RULEBOOK = load_rulebook()
WORDING = load_wording(RULEBOOK)
FSI, PDI = "\u2068", "\u2069"


def found(detector: str, story: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the finding of a detector in a story: unless given, a customer who is asked twice."""
    replay = Replay(RULEBOOK, load_fields(), Fingerprinter(b"0123456789abcdef"))
    for number, line in enumerate(lines(story or asked_twice("c-1")).splitlines(), 1):
        replay.feed(number, line)
    replay.finish(1_772_500_000_000_000)
    [finding] = [each for each in replay.findings() if each["detector"] == detector]
    return finding


def test_the_summary_is_the_english_sentence() -> None:
    """In English what happened is the finding's summary, whatever the rule says by now, with times as people write them."""
    finding = found("repeated_request")
    words = WORDING.words(finding, "en")
    assert (
        finding["summary"]
        == "service asked for the account number that the customer had already told sales at 2026-03-02T10:02:00Z."
    )
    assert (
        words.what
        == "service asked for the account number that the customer had already told sales at 2026-03-02 10:02:00 UTC."
    )
    assert words.first.startswith("Do not ask again: read back …299 and have it confirmed.")


@pytest.mark.parametrize(("language", "field"), [("de", "Kontonummer"), ("zh-Hans", "账号"), ("fa", "شماره حساب")])
def test_fields_are_called_as_the_language_calls_them(language: Language, field: str) -> None:
    """A field's name is translated with the sentence around it, and the mask stays a mask."""
    words = WORDING.words(found("repeated_request"), language)
    assert words.language == language
    assert field in words.what
    assert "…299" in words.first
    assert "4711" not in "".join(words)


def test_what_is_inserted_from_right_to_left_is_isolated() -> None:
    """In Persian every inserted value stands between isolates, each opened and closed; elsewhere there are none."""
    finding = found("repeated_request")
    persian = WORDING.words(finding, "fa")
    for value in ("service", "sales", "2026-03-02 10:02:00 UTC"):
        assert f"{FSI}{value}{PDI}" in persian.what
    assert f"{FSI}…299{PDI}" in persian.first
    assert persian.what.count(FSI) == persian.what.count(PDI) == 4
    for language in ("en", "de", "zh-Hans"):
        assert FSI not in "".join(WORDING.words(finding, language))


def test_a_name_cannot_turn_the_sentence_around() -> None:
    """Marks of direction in a team's name are left out: an override in it, or the end of an isolate, would reorder what follows."""
    story = asked_twice("c-1")
    for each in story:
        if each["actor"].get("team") == "service":
            each["actor"]["team"] = f"ser{PDI}vice\u202e"
    finding = found("repeated_request", story)
    assert f"{FSI}service{PDI}" in WORDING.words(finding, "fa").what
    assert WORDING.words(finding, "en").what.startswith("service asked for")


def test_what_is_not_known_has_words() -> None:
    """Without a mask, a team or a seam the sentence still reads."""
    finding = found("repeated_request") | {"seam": None, "again": None}
    finding["first"] = finding["first"] | {"mask": None, "team": None}
    words = WORDING.words(finding, "de")
    assert words.what.startswith("jemand hat nach einer Angabe gefragt")
    assert "die chat schon am" in words.what
    assert "das, was vorliegt vorlesen" in words.first


def test_the_field_of_a_thing_is_called_as_the_field_with_the_thing_behind_it() -> None:
    """No language needs a name for each; one that has it is taken, and a name that nobody listed stays."""
    fields = {"date_of_birth": "Geburtsdatum", "partner": "Partner", "account_number of child": "Konto des Kindes"}
    assert called("date_of_birth of partner", fields) == "Geburtsdatum (Partner)"
    assert called("account_number of child", fields) == "Konto des Kindes"
    assert called("meter_number of flat", fields) == "meter number of flat"
