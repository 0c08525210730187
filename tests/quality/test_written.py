"""What the dialogues that we wrote ourselves say is recognised, in languages in which no annotated ones ask for the shipped fields."""

import pytest

from tests.quality.written import KINDS, LANGUAGES, dialogues, judged


def test_there_are_enough_of_them() -> None:
    """German and Persian have about forty dialogues and every kind of touchpoint, Chinese in traditional script more than twenty."""
    assert {language: len(list(dialogues(language))) for language in LANGUAGES} == {"de": 38, "fa": 45, "zh-Hant": 24}
    for language in LANGUAGES:
        kinds = {type_ for dialogue in dialogues(language) for line in dialogue for type_, _ in line.expected}
        assert kinds == set(KINDS), language


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_written_is_recognised(language: str) -> None:
    """Nothing is recognised that is not said, and at most one in twenty is missed."""
    lines = list(judged(language))
    assert not [(line.text, got - line.expected) for line, got in lines if got - line.expected]
    expected = sum(len(line.expected) for line, _ in lines)
    assert sum(len(got) for _, got in lines) >= 0.95 * expected
