"""How people talk is data: what is wrong with it is told with file, line and key."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.text import Conversation, Recogniser
from agents.text.vocabulary import CUES
from config.errors import ConfigError
from config.fields import load_vocabulary
from config.languages import load_intents, load_languages

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_the_shipped_languages_know_all_cues() -> None:
    """English, German, Chinese and Persian have phrases for everything that is recognised, and every shipped field has a name in each."""
    languages = {each.name: each for each in load_languages()}
    assert set(languages) == {"de", "en", "fa", "zh"}
    for name, language in languages.items():
        assert all(language.cues[cue] for cue in CUES), name
        assert len(language.due) > 10
    for field in load_vocabulary().fields.values():
        assert field.names.keys() >= set(languages), field.name


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("  asks: {en: [x]}", r"fields.yaml:3: meter_number.asks: unknown key; did you mean ask"),
        ("  names: {en: ['meter (number']}", r"fields.yaml:3: meter_number.names.en\[0\]: \) is missing"),
        ("  names: {en: ['meter number)']}", r"fields.yaml:3: .*\) closes nothing"),
        ("  names: {en: ['??? [x]', ' ']}", r"fields.yaml:3: meter_number.names.en\[1\]: a phrase needs a word"),
        ("  names: {English: [meter]}", r"fields.yaml:3: meter_number.names.English"),
        (
            "  tell: {en: ['(a|b) (a|b) (a|b) (a|b) (a|b) (a|b) (a|b) (a|b) (a|b) (a|b) (a|b) (a|b)']}",
            r"fields.yaml:3: .*at most 2048 spellings",
        ),
        (
            "  value: {pattern: {en: '([0-9'}}",
            r"fields.yaml:3: meter_number.value.pattern.en: no expression that RE2 reads",
        ),
        ("  value: {format: [fax]}", r"fields.yaml:3: meter_number.value.format\[0\]: expected 'email'"),
        ("  value: {format: [number], alone: true}", r"fields.yaml:3: meter_number.value: alone needs words"),
        ("  value: {looks: x}", r"fields.yaml:3: meter_number.value.looks: unknown key"),
    ],
)
def test_a_mistake_is_told_with_its_place(written: str, wrong: str, tmp_path: Path) -> None:
    """Unknown keys, phrases and patterns that cannot be read are refused with file, line and key."""
    (tmp_path / "fields.yaml").write_text(f"meter_number:\n  kind: identity\n{written}\n")
    with pytest.raises(ConfigError, match=wrong):
        load_vocabulary(tmp_path)


def test_a_language_is_one_file(tmp_path: Path) -> None:
    """Unknown keys of a language are refused; one language in two files is too."""
    (tmp_path / "xx.yaml").write_text("language: xx\nscript: Latn\nrequests: [a]\n")
    with pytest.raises(ConfigError, match=r"xx.yaml:3: requests: unknown key; did you mean request"):
        load_languages(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("language: de\nscript: Latn\n")
    (tmp_path / "xx.yaml").unlink()
    with pytest.raises(ConfigError, match=r"b.yaml:1: language: de has another file too"):
        load_languages(tmp_path)
    with pytest.raises(ConfigError, match="holds no languages"):
        load_languages(tmp_path / "nowhere")


def test_a_field_needs_no_code(tmp_path: Path) -> None:
    """A field that a file describes is asked for, told by its pattern, its listed values or a gap, and read back."""
    (tmp_path / "fields.yaml").write_text(
        "meter_number:\n  kind: identity\n  names: {en: [meter number]}\n  value: {pattern: {any: 'M[0-9]{3,8}'}, alone: true}\n"
        "tariff:\n  kind: preference\n  tell: {en: ['switch* ... to {}', 'on the {} tariff']}\n"
        "  value: {words: {en: {green: [green, 'eco (power|energy)'], night: [night]}}}\n"
    )
    recogniser, conversation = Recogniser(load_vocabulary(tmp_path)), Conversation()
    told = [
        (act.type, *act.data.values())
        for by_customer, text in (
            (False, "Could you give me your meter number, please?"),
            (True, "it is M123456, and I would like to switch my contract to eco energy"),
            (True, "I work at night and I am on the night tariff"),
        )
        for act in recogniser.acts(text, conversation, time=NOON, tag="en", by_customer=by_customer)
    ]
    assert told == [
        ("info.requested", "meter_number"),
        ("info.provided", "meter_number", "M123456"),
        ("info.provided", "tariff", "green"),
        ("info.provided", "tariff", "night"),
    ]


def test_the_shipped_intents_are_said_in_every_language() -> None:
    """Each shipped intent has phrases in all shipped languages; a mistake in a file of one's own is told with its place."""
    languages = {each.name for each in load_languages()}
    for intent, phrases in load_intents().items():
        assert set(phrases) == languages, intent


def test_a_wrong_intent_is_told_with_its_place(tmp_path: Path) -> None:
    """Names and phrases that cannot be read are refused with file, line and key."""
    (tmp_path / "intents.yaml").write_text("tariff_change:\n  en: ['change (my tariff']\n")
    with pytest.raises(ConfigError, match=r"intents.yaml:2: tariff_change.en\[0\]: \) is missing"):
        load_intents(tmp_path / "intents.yaml")
