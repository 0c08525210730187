"""What is known of languages and of fields: phrases, and what values look like. All of it is data, from `config`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import re2

from agents.text.phrases import PhraseTree, spelled_out
from agents.text.reading import words_of

__all__ = [
    "CUES",
    "FORMATS",
    "FieldWords",
    "Format",
    "Language",
    "LanguageWords",
    "Phrases",
    "ValueWords",
    "Vocabulary",
    "compiled_pattern",
]

CUES = (
    *(
        "request",
        "question",
        "wish",
        "yours",
        "offer",
        "tag",
        "no",
        "others",
        "confirm",
        "recap",
        "negation",
        "correction",
        "wondering",
        "about",
        "seeking",
        "same",
        "either",
        "found",
        "nothing",
        "spelled",
        "begged",
        "answer",
        "hypothetical",
    ),
    *("copula", "filler", "stop", "common", "promise", "impossible", "authenticate", "authenticated", "transfer", "department"),
)
"""Kinds of phrases that a language has, whatever the field; config/languages says what each is for."""

Format = Literal["email", "phone", "iban", "card", "postal_code", "code", "number", "date", "time"]

FORMATS: Mapping[Format, tuple[str, ...]] = {
    "email": ("email",),
    "phone": ("phone", "number"),
    "iban": ("iban",),
    "card": ("card", "number"),
    "postal_code": ("postal", "number", "code"),
    "code": ("code", "number", "postal", "phone", "card"),
    "number": ("number",),
    "date": ("date",),
    "time": ("time",),
}
"""Named formats of values, and the kinds of `agents.text.values` that may be of it where the field is told or asked for; the first is by its looks."""

_SHORTEST: Mapping[Format, int] = {"phone": 5, "card": 12, "postal_code": 3, "code": 3}
"""Characters of a value, where a shorter one is something else that stands there."""

Phrases = Mapping[str, tuple[str, ...]]
"""By language."""

_CACHED = 1024
_PLACE = "{}"
_GAP = "..."


@dataclass(frozen=True)
class ValueWords:
    """What a value looks like; with nothing said, nothing is recognised.

    ``formats`` are names of `FORMATS`, ``pattern`` expressions by language, ``words`` by language each value with its synonyms, ``phrase`` up to how
    many words of any kind. ``alone``: the customer tells the field by the value, without anything that introduces it.
    """

    formats: tuple[Format, ...] = ()
    pattern: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    phrase: int = 0
    alone: bool = False


@dataclass(frozen=True)
class FieldWords:
    """How a field is talked about, by language.

    ``names`` is what it is called, ``ask`` whole questions for it, ``tell`` what introduces a value: the value follows, or stands at ``{}``; ``...``
    is a gap of some words. ``preference``: it is asked for by words of wishing too. ``things``: what it may be of, each with what names it; the phrases of a
    thing may stand with any field that may be of it.
    """

    name: str
    names: Phrases = field(default_factory=dict)
    ask: Phrases = field(default_factory=dict)
    tell: Phrases = field(default_factory=dict)
    value: ValueWords = ValueWords()
    preference: bool = False
    things: Mapping[str, Phrases] = field(default_factory=dict)


@dataclass(frozen=True)
class LanguageWords:
    """The phrases of one language, by cue; those of ``due`` by what they mean (`agents.text.promises.DUE`)."""

    name: str
    script: str
    cues: Mapping[str, tuple[str, ...]]
    due: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Language:
    """What one language says, compiled."""

    def __init__(self, words: LanguageWords, fields: Iterable[FieldWords], intents: Mapping[str, Phrases]) -> None:
        self.name = words.name
        self.script = words.script
        self.tree = PhraseTree()
        self.common = frozenset(word for phrase in words.cues.get("common", ()) for word in words_of(phrase))
        self.between = _single_words(words, "copula") | _single_words(words, "filler") | frozenset(":=#-\"'(*")
        self.copulas = _single_words(words, "copula") | frozenset(":=#")
        self.stop = _single_words(words, "stop") | self.between
        self.patterns: list[tuple[str, Any]] = []
        self.tellings: dict[str, frozenset[str]] = {}
        for cue in CUES:
            if cue not in ("copula", "filler", "stop", "common"):
                for phrase in words.cues.get(cue, ()):
                    self._add(phrase, cue)
        for meaning, phrases in words.due.items():
            for phrase in phrases:
                self._add(phrase, "due", value=meaning)
        for each in fields:
            self._learn(each)
        for intent, by_language in intents.items():
            for phrase in by_language.get(self.name, ()):
                self._add(phrase, "intent", value=intent)

    def _learn(self, each: FieldWords) -> None:
        name, language = each.name, self.name
        for kind, phrases in (("name", each.names), ("ask", each.ask)):
            for phrase in phrases.get(language, ()):
                self._add(phrase, kind, name)
        for phrase in each.tell.get(language, ()):
            before, _, after = phrase.partition(_PLACE)
            far, gap, near = before.partition(_GAP)
            parts = {"far": far if gap else "", "before": near if gap else before, "after": after}
            key = f"{name}: {phrase}"
            self.tellings[key] = frozenset(part for part, text in parts.items() if text.strip())
            for part, text in parts.items():
                if text.strip():
                    self._add(text, part, name, key)
        for value, synonyms in each.value.words.get(language, {}).items():
            for synonym in synonyms or (value,):
                self._add(synonym, "value", name, value)
        for thing, named in each.things.items():
            for phrase in named.get(language, ()):
                self._add(phrase, "thing", value=thing)
        pattern = each.value.pattern.get(language) or each.value.pattern.get("any")
        if pattern:
            self.patterns.append((name, compiled_pattern(pattern)))

    def _add(self, phrase: str, kind: str, name: str = "", value: str = "") -> None:
        for words in spelled_out(phrase):
            self.tree.add(words, kind, name, value)


class Vocabulary:
    """All languages, fields and intents."""

    def __init__(
        self,
        languages: Iterable[LanguageWords],
        fields: Iterable[FieldWords],
        region: str | None = None,
        intents: Mapping[str, Phrases] = MappingProxyType({}),
    ) -> None:
        """Compile; ``region`` is where numbers are read whose message names none, ``intents`` are told by any of their phrases.

        Raises ``ValueError`` where a phrase or pattern is wrong (`config` has checked each before).
        """
        told = tuple(fields)
        self.region = region
        self.fields = {each.name: each for each in told}
        self.things = {each.name: frozenset(each.things) for each in told if each.things}
        self.languages = {each.name: Language(each, told, intents) for each in languages}
        self._formatted = {each.name: each.value for each in told if each.value.formats}
        self._looks = frozenset(name for name, value in self._formatted.items() if value.alone)
        self._by_kind: dict[frozenset[str], dict[str, list[tuple[str, int, bool]]]] = {}

    def by_kind(self, likely: frozenset[str]) -> Mapping[str, list[tuple[str, int, bool]]]:
        """Return by kind of value the fields that it may be of: those of ``likely``, and those known by their looks.

        Each comes with the shortest length of a value, and whether it is a code.
        """
        wanted = self._looks | (likely & self._formatted.keys())
        found = self._by_kind.get(wanted)
        if found is None:
            if len(self._by_kind) >= _CACHED:
                self._by_kind.clear()
            found = self._by_kind[wanted] = {}
            for name, value in self._formatted.items():
                for format_ in value.formats if name in wanted else ():
                    for kind in FORMATS[format_]:
                        found.setdefault(kind, []).append((name, _SHORTEST.get(format_, 1), format_ == "code"))
        return found


def compiled_pattern(pattern: str) -> Any:
    """Return ``pattern`` compiled by an engine whose time is linear whatever the text; raises ``ValueError`` where it is none."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"no expression that RE2 reads: {error}") from error


def _single_words(words: LanguageWords, cue: str) -> frozenset[str]:
    return frozenset(word for phrase in words.cues.get(cue, ()) for word in words_of(phrase))
