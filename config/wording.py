"""Load the words for people, from ``texts/<language>.yaml`` beside the rules. What happened stands in English in the rules themselves."""

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
_Words = Annotated[str, StringConstraints(min_length=1)]


class _Parts(BaseModel):
    """A text whose first part may stand in the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str = ""
    why: _Words
    first: _Words


class _Translation(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    somebody: _Words
    value: _Words
    fields: Mapping[str, _Words] = Field(default_factory=dict)
    rules: Mapping[str, _Parts] = Field(default_factory=dict)


def load_wording(rulebook: Rulebook, directory: Path | None = None) -> Wording:
    """Load the words of all languages for the rules of ``rulebook``, which came from ``directory`` (default: the shipped one).

    What a rule says itself comes before what stands beside it. Raises :class:`ConfigError` with file, line and key.
    """
    languages: dict[Language, Vocabulary] = {}
    for language in _LANGUAGES:
        languages[language] = Vocabulary({rule.name: rule.texts[language] for rule in rulebook.rules if language in rule.texts})
    for path in sorted(((directory or _SHIPPED) / "texts").glob("*.y*ml")):
        document = read_yaml(path)
        language = _language(path, document)
        translation = validate(_Translation, document)
        texts = dict(languages[language].rules)
        for name, parts in translation.rules.items():
            texts[name] = _merged(name, texts.get(name), parts, rulebook, document)
        languages[language] = Vocabulary(texts, translation.fields, translation.somebody, translation.value)
    return Wording(languages)


def _merged(name: str, own: Text | None, parts: _Parts, rulebook: Rulebook, document: Document) -> Text:
    names = [rule.name for rule in rulebook.rules]
    if name not in names:
        raise document.error(("rules", name), f"no rule is called {name}{did_you_mean(name, names)}")
    check_text(parts, document, ("rules", name))
    if own is None and not parts.what:
        raise document.error(("rules", name, "what"), "missing")
    said = {} if own is None else {part: sentence for part, sentence in own if sentence}
    return Text(**{**dict(parts), **said})


def check_text(text: Text | _Parts, document: Document, location: Location) -> None:
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
        if path.name == f"{language}.yaml":
            return language
    known = ", ".join(f"{language}.yaml" for language in _LANGUAGES)
    raise ConfigError(f"{document.shown}: expected the name of a language: {known}")
