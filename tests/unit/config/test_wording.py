"""Words for people: complete in every language, and refused with file and line where they are wrong."""

from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from agents.rules import Language, Text
from agents.wording import Vocabulary, Wording
from config.errors import ConfigError
from config.fields import load_fields
from config.rules import load_rulebook
from config.wording import load_wording

LANGUAGES: tuple[Language, ...] = get_args(Language)
RULEBOOK = load_rulebook()
WORDING = load_wording(RULEBOOK)
RULE = "name: own\ndetector: slow_handoff\ntexts:\n  en: 'too late'\n"
GERMAN = (
    "somebody: jemand\nvalue: etwas\nrules:\n  own:\n    what: 'zu spät um {time}'\n    why: warum\n    first: zuerst\n"
)


def places(text: str) -> set[str]:
    """Return what a text names."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("rule", [rule.name for rule in RULEBOOK.rules])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_shipped_rule_is_told_in_every_language(rule: str, language: Language) -> None:
    """What happened, why it matters and what to do first stand there, and name the same in every language.

    What happened is compared among translations alone: in English it is the rule's own sentence, which may name the team of ``first`` as the receiver.
    """
    found, text = WORDING.text(rule, language)
    assert found == language
    assert text.what
    assert text.why
    assert text.first
    german = WORDING.text(rule, "de")[1]
    assert language == "en" or places(text.what) == places(german.what)
    assert (places(text.why), places(text.first)) == (places(german.why), places(german.first))


@pytest.mark.parametrize("language", sorted({*LANGUAGES} - {"en"}))
def test_every_shipped_field_has_a_name_in_every_language(language: Language) -> None:
    """A sentence in one language does not name a field in another."""
    assert WORDING.vocabulary(language).fields.keys() == {each.name for each in load_fields().definitions}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give a directory of one rule with German beside it."""
    (tmp_path / "own.yaml").write_text(RULE)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "de.yaml").write_text(GERMAN)
    return tmp_path


def test_a_directory_has_its_own_texts(rules: Path) -> None:
    """Rules of one's own bring their translations; what has none is told in English."""
    wording = load_wording(load_rulebook(rules), rules)
    assert wording.text("own", "de") == ("de", Text(what="zu spät um {time}", why="warum", first="zuerst"))
    assert wording.text("own", "fa") == ("en", Text(what="too late", why="", first=""))


def test_what_happened_stands_in_the_rule_and_the_rest_beside_it(rules: Path) -> None:
    """A sentence in the rule is what happened; why and what to do first are added from the file of its language."""
    (rules / "texts" / "en.yaml").write_text(GERMAN.replace("    what: 'zu spät um {time}'\n", ""))
    text = load_wording(load_rulebook(rules), rules).text("own", "en")[1]
    assert text == Text(what="too late", why="warum", first="zuerst")


def test_a_text_in_the_rule_comes_first(rules: Path) -> None:
    """Who changes a rule can say all of it there."""
    (rules / "own.yaml").write_text(RULE + "  de: {what: anders, why: w, first: e}\n")
    assert load_wording(load_rulebook(rules), rules).text("own", "de")[1].what == "anders"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("de", GERMAN.replace("  own:", "  onw:"), "de.yaml:4: rules.onw: no rule is called onw; did you mean own?"),
        (
            "de",
            GERMAN.replace("{time}", "{tme}"),
            "de.yaml:5: rules.own.what: {tme} stands for nothing; did you mean time?",
        ),
        ("de", GERMAN.replace("warum", "'{'"), "de.yaml:6: rules.own.why: "),
        ("de", GERMAN.replace("    why: warum\n", ""), "de.yaml:4: rules.own.why: missing"),
        ("de", GERMAN.replace("why", "wyh"), "de.yaml:6: rules.own.wyh: unknown key; did you mean why?"),
        ("de", GERMAN.replace("somebody: jemand\n", ""), "de.yaml:1: somebody: missing"),
        ("de", GERMAN.replace("    what: 'zu spät um {time}'\n", ""), "de.yaml:4: rules.own.what: missing"),
        ("fr", GERMAN, "fr.yaml: expected the name of a language: en.yaml, de.yaml, zh-Hans.yaml, fa.yaml"),
    ],
)
def test_wrong_texts_are_refused_by_file_and_line(rules: Path, name: str, text: str, sentence: str) -> None:
    """A text of no rule, one that names nothing, half a text and an unknown language are told with their place."""
    (rules / "texts" / f"{name}.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_wording(load_rulebook(rules), rules)
    assert sentence in str(caught.value)


def test_a_rule_says_all_or_one_sentence(rules: Path) -> None:
    """In a rule, too, half a text and an unknown language are refused."""
    (rules / "own.yaml").write_text(RULE.replace("'too late'", "{what: too late, why: x}"))
    with pytest.raises(ConfigError, match=r"own\.yaml:4: texts\.en\.first: missing"):
        load_rulebook(rules)
    (rules / "own.yaml").write_text(RULE.replace("en:", "fr:"))
    with pytest.raises(ConfigError, match=r"own\.yaml:4: texts\.fr: expected 'en', 'de', 'zh-Hans' or 'fa'"):
        load_rulebook(rules)


def test_a_wording_without_languages_still_tells() -> None:
    """A rule without any text is told by its name and its seam."""
    assert Wording({"en": Vocabulary()}).text("own", "de")[1].what == "{rule}: {sender} to {receiver}"
