"""Load the languages: what people say whatever the field, from ``config/languages/*.yaml``; what they want, from ``config/intents.yaml``.

And how phrases are written in files.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    create_model,
    model_validator,
)

from agents.text.phrases import spelled_out
from agents.text.promises import DUE
from agents.text.vocabulary import CUES, Format, LanguageWords, ValueWords, compiled_pattern
from config.errors import ConfigError
from config.yaml_lines import read_yaml, validate

__all__ = ["SHIPPED_INTENTS", "SHIPPED_LANGUAGES", "Phrases", "ValueForm", "load_intents", "load_languages"]

SHIPPED_LANGUAGES = Path(__file__).parent / "languages"
SHIPPED_INTENTS = Path(__file__).parent / "intents.yaml"


def _checked(check: Callable[[str], Any]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        check(text)
        return text

    return checked


def _spell_out(phrase: str) -> None:
    parts = [part for part in phrase.replace("{}", "...").split("...") if part.strip()]
    for part in parts or [phrase]:
        for _ in spelled_out(part):
            pass


Phrase = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_checked(_spell_out))]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_checked(compiled_pattern))]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Phrases = Mapping[Tag, tuple[Phrase, ...]]


class _LanguageBase(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Tag
    script: Literal["Latn", "Han", "Arab"]
    due: Mapping[Literal[DUE], tuple[Phrase, ...]] = {}  # type: ignore[valid-type]


_LanguageForm = create_model("_LanguageForm", __base__=_LanguageBase, **dict.fromkeys(CUES, (tuple[Phrase, ...], ())))  # type: ignore[call-overload]


class _IntentFile(RootModel[dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")], Phrases]]):
    model_config = ConfigDict(frozen=True)


class ValueForm(BaseModel):
    """What a field's values look like, as it is written in a file of fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: tuple[Format, ...] = ()
    pattern: Mapping[Tag | Literal["any"], Pattern] = {}
    words: Mapping[Tag, Mapping[str, tuple[Phrase, ...]]] = {}
    phrase: Annotated[int, Field(ge=0, le=12)] = 0
    alone: bool = False

    @model_validator(mode="after")
    def _told_by_its_looks(self) -> "ValueForm":
        if self.alone and not (self.words or self.pattern) and not set(self.format) <= {"email", "iban"}:
            raise ValueError("alone needs words, a pattern, or a format that nothing else looks like: email, iban")
        return self

    def words_of_values(self) -> ValueWords:
        """Return it as the recogniser takes it."""
        return ValueWords(self.format, self.pattern, self.words, self.phrase, self.alone)


def load_languages(directory: Path | None = None) -> tuple[LanguageWords, ...]:
    """Load the languages of ``directory``; without one, the shipped ones.

    Raises :class:`ConfigError` with file, line, key and what was expected.
    """
    folder = SHIPPED_LANGUAGES if directory is None else directory
    loaded: dict[str, LanguageWords] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        form = validate(_LanguageForm, document)
        if form.language in loaded:
            raise document.error(("language",), f"{form.language} has another file too")
        loaded[form.language] = LanguageWords(form.language, form.script, {cue: getattr(form, cue) for cue in CUES}, form.due)
    if not loaded:
        raise ConfigError(f"{folder}: holds no languages; expected files such as en.yaml")
    return tuple(loaded.values())


def load_intents(file: Path | None = None) -> Mapping[str, Phrases]:
    """Load by intent the phrases that state it, from ``file``; without one, the shipped ones.

    Raises :class:`ConfigError` with file, line, key and what was expected.
    """
    return validate(_IntentFile, read_yaml(file or SHIPPED_INTENTS)).root
