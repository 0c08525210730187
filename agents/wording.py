"""What people are told of a finding: what happened, why it matters, what to do first, in their own language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from agents.fields import OF
from agents.rules import Language, Text

__all__ = ["PLACES", "RIGHT_TO_LEFT", "Told", "Vocabulary", "Wording", "called", "inserted"]

PLACES = frozenset({"before", "field", "first", "mask", "receiver", "rule", "sender", "time"})
"""What a text may name; the finding fills it in. ``before`` is the team of the touchpoint ``first``, ``first`` its time."""

RIGHT_TO_LEFT = frozenset({"fa"})

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z")
_ISOLATE, _POP = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_WITHOUT_DIRECTIONS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One language: its texts by rule, what fields are called in a sentence, and the words for what is not known."""

    rules: Mapping[str, Text] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    somebody: str = "somebody"
    value: str = "what is on file"
    """Stands for a mask where there is none."""


class Told(NamedTuple):
    """A finding in words; ``language`` is that of the text, which is English where a rule has no text in the one asked for."""

    language: Language
    what: str
    why: str
    first: str


class Wording:
    """Finds the words; ``languages`` holds English at least."""

    def __init__(self, languages: Mapping[Language, Vocabulary]) -> None:
        self._languages = languages

    def __len__(self) -> int:
        return sum(len(vocabulary.rules) for vocabulary in self._languages.values())

    def vocabulary(self, language: Language) -> Vocabulary:
        """Return how a language calls things."""
        return self._languages.get(language, Vocabulary())

    def text(self, rule: str, language: Language) -> tuple[Language, Text]:
        """Return the text of a rule as it is written, and its language; English where there is none in ``language``."""
        for each in (language, "en"):
            text = self.vocabulary(each).rules.get(rule)
            if text is not None:
                return each, text
        return "en", Text(what="{rule}: {sender} to {receiver}", why="", first="")

    def template(self, rule: str, language: Language) -> Told:
        """Return the words of a rule with what they name in braces."""
        used, text = self.text(rule, language)
        return _filled(used, text, {place: f"{{{place}}}" for place in PLACES})

    def words(self, finding: Mapping[str, Any], language: Language) -> Told:
        """Return the words for a finding's body.

        What happened is in English the finding's own summary. Times are shown to the second, in UTC. What is inserted stands in isolates where the language
        runs from right to left, so that names and numbers of another direction leave the sentence in order.
        """
        used, text = self.text(finding["rule"]["name"], language)
        words = _filled(used, text, _values(finding, self.vocabulary(used)))
        if used != "en":
            return words
        summary = finding["summary"].translate(_WITHOUT_DIRECTIONS)
        return words._replace(what=_MOMENT.sub(lambda iso: _time(iso[0]), summary))


def inserted(value: str, language: Language) -> str:
    """Return a value as it stands in a sentence: without directions of its own, and in an isolate where the language runs from right to left."""
    value = value.translate(_WITHOUT_DIRECTIONS)
    return f"{_ISOLATE}{value}{_POP}" if language in RIGHT_TO_LEFT else value


def _filled(language: Language, text: Text, values: Mapping[str, str]) -> Told:
    values = {name: inserted(value, language) for name, value in values.items()}
    return Told(language, *(part.format(**values) for part in (text.what, text.why, text.first)))


def _values(finding: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, str]:
    first, again, field = finding["first"] or {}, finding["again"] or {}, finding["field"] or ""
    seam = finding["seam"] or {"from": "", "to": ""}
    # Of a handoff without a receiver the touchpoint that set the finding off is the sender's.
    receiver = {} if again.get("type") == "handoff.started" else again
    values = {
        "before": _side("", first) or vocabulary.somebody,
        "field": called(field, vocabulary.fields),
        "first": _time(first.get("time")),
        "mask": first.get("mask") or vocabulary.value,
        "receiver": _side(seam["to"], receiver) or vocabulary.somebody,
        "rule": finding["rule"]["name"],
        "sender": _side(seam["from"], first) or vocabulary.somebody,
        "time": _time(finding["time"]),
    }
    return {name: value.translate(_WITHOUT_DIRECTIONS) for name, value in values.items()}


def called(field: str, fields: Mapping[str, str]) -> str:
    """Return what a field is called: as ``fields`` say, one of a thing as that of none with the thing behind it, else by its name."""
    base, _, thing = field.partition(OF)
    if field not in fields and thing and base in fields:
        return f"{fields[base]} ({fields.get(thing, thing.replace('_', ' '))})"
    return fields.get(field) or field.replace("_", " ")


def _side(side: str, seen: Mapping[str, Any]) -> str:
    """Return the team of one side of a seam, else that of the touchpoint there, else the channel."""
    kind, _, name = side.partition(":")
    return str(name if kind == "team" else seen.get("team") or name or seen.get("channel") or "")


def _time(iso: str | None) -> str:
    return "" if iso is None else f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
