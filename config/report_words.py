"""Load the words of the report, from ``report/<language>.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints, create_model

from agents.rules import Language
from config.errors import ConfigError
from config.yaml_lines import read_yaml, validate

__all__ = ["ReportWords", "load_report_words"]

_SHIPPED = Path(__file__).parent / "report"
_LANGUAGES: tuple[Language, ...] = get_args(Language)
_Words = Annotated[str, StringConstraints(min_length=1)]
_TABLES = ("scores", "channels", "types")


class ReportWords(NamedTuple):
    """Sentences by name, and what scores, channels and touchpoint types are called."""

    sentences: Mapping[str, str]
    scores: Mapping[str, str]
    channels: Mapping[str, str]
    types: Mapping[str, str]


def load_report_words(language: Language) -> ReportWords:
    """Return the words of one language, which says all that English says and names the same places.

    Raises `ConfigError` with file and key.
    """
    english = read_yaml(_SHIPPED / "en.yaml").data
    fields = {name: (dict[str, _Words] if name in _TABLES else _Words, ...) for name in english}
    model: type[BaseModel] = create_model("ReportSentences", __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload]
    path = _SHIPPED / f"{language}.yaml"
    found = validate(model, read_yaml(path)).model_dump()
    for table in _TABLES:
        if found[table].keys() != english[table].keys():
            raise ConfigError(f"{path}: {table}: expected the keys of en.yaml")
    flat = {name: text for name, text in found.items() if name not in _TABLES}
    for name, text in flat.items():
        if _places(text) != _places(english[name]):
            raise ConfigError(f"{path}: {name}: expected the places of en.yaml")
    return ReportWords(flat, *(found[table] for table in _TABLES))


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
