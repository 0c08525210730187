"""Load the words of briefs, from ``briefs/<language>.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from agents.brief_words import BriefWords
from agents.rules import Language
from config.yaml_lines import read_yaml, validate

__all__ = ["load_brief_words"]

_SHIPPED = Path(__file__).parent / "briefs"
_Words = Annotated[str, StringConstraints(min_length=1)]


class _Sentences(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    handoff: _Words
    contact: _Words
    anybody: _Words
    intent: _Words
    authenticated: _Words
    not_authenticated: _Words
    mood: _Words
    rising: _Words
    falling: _Words
    given: _Words
    read_back: _Words
    on_file: _Words
    expired: _Words
    promises: _Words
    pending: _Words
    overdue: _Words
    facts: _Words
    fact: _Words
    findings: _Words
    finding: _Words
    more: _Words
    nothing: _Words
    detectors: Mapping[str, _Words]


def load_brief_words(language: Language) -> BriefWords:
    """Return the words of one language. Raises `ConfigError` with file, line and key."""
    found = validate(_Sentences, read_yaml(_SHIPPED / f"{language}.yaml"))
    return BriefWords(language, found.model_dump(exclude={"detectors"}), found.detectors)
