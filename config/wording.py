"""Load the words for people: English stands in the rules, other languages in ``texts/<language>.yaml`` beside them."""

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from agents.rules import Language, Rulebook, Text
from agents.wording import PLACES, Vocabulary, Wording
from config.errors import ConfigError, did_you_mean
from config.yaml_lines import Document, Location, read_yaml, validate

__all__ = ["check_text", "load_wording"]

_SHIPPED = Path(__file__).parent / "rules"
_LANGUAGES: tuple[Language, ...] = get_args(Language)
_ENGLISH: Language = "en"
_Words = Annotated[str, StringConstraints(min_length=1)]


class _Translation(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    somebody: _Words
    value: _Words
    fields: Mapping[str, _Words] = Field(default_factory=dict)
    rules: Mapping[str, Text] = Field(default_factory=dict)


def load_wording(rulebook: Rulebook, directory: Path | None = None) -> Wording:
    """Load the words of all languages for the rules of ``rulebook``, which came from ``directory`` (default: the shipped one).

    A text in a rule comes before that of the same language beside it. Raises :class:`ConfigError` with file, line and key.
    """
    names = [rule.name for rule in rulebook.rules]
    languages = {}
    for language in _LANGUAGES:
        own = {rule.name: rule.texts[language] for rule in rulebook.rules if language in rule.texts}
        languages[language] = Vocabulary(own)
    for path in sorted(((directory or _SHIPPED) / "texts").glob("*.y*ml")):
        document = read_yaml(path)
        language = _language(path, document)
        translation = validate(_Translation, document)
        for name, text in translation.rules.items():
            if name not in names:
                raise document.error(("rules", name), f"no rule is called {name}{did_you_mean(name, names)}")
            check_text(text, document, ("rules", name))
        rules = {**translation.rules, **languages[language].rules}
        languages[language] = Vocabulary(rules, translation.fields, translation.somebody, translation.value)
    return Wording(languages)


def check_text(text: Text, document: Document, location: Location) -> None:
    """Refuse a text that could not be filled in when a finding comes; it stands at ``location``."""
    for part, sentence in text:
        where = (*location, part) if (*location, part) in document.lines else location
        try:
            places = [name for _, name, _, _ in Formatter().parse(sentence) if name is not None]
        except ValueError as error:
            raise document.error(where, f"{error}; write {{{{ for a brace") from error
        for name in places:
            if name not in PLACES:
                advice = did_you_mean(name, PLACES) or f"; expected one of {', '.join(sorted(PLACES))}"
                raise document.error(where, f"{{{name}}} stands for nothing{advice}")


def _language(path: Path, document: Document) -> Language:
    for language in _LANGUAGES:
        if path.name == f"{language}.yaml" and language != _ENGLISH:
            return language
    others = ", ".join(f"{language}.yaml" for language in _LANGUAGES if language != _ENGLISH)
    raise ConfigError(f"{document.shown}: expected the name of a language: {others}; English stands in the rules")
