"""A brief in words, to be read in ten seconds: what not to ask, what was promised, what hurt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agents.rules import Language
from agents.wording import Vocabulary, called, inserted

__all__ = ["BriefWords", "lines"]

_SHOWN = 5
"""Of what hurt, how many items are told; the others are counted."""


@dataclass(frozen=True, slots=True)
class BriefWords:
    """One language: its sentences by name, with what is filled in in braces, and what each detector's findings are called there."""

    language: Language
    sentences: Mapping[str, str]
    detectors: Mapping[str, str]


def lines(brief: Mapping[str, Any], words: BriefWords, vocabulary: Vocabulary) -> Iterator[str]:
    """Yield the lines of a brief's body; fields are called as in ``vocabulary``. Times are in UTC, to the minute.

    What is inserted stands in isolates where the language runs from right to left.
    """

    def say(sentence: str, **values: Any) -> str:
        return words.sentences[sentence].format(**{name: inserted(str(value), words.language) for name, value in values.items()})

    def field(name: str) -> str:
        return called(name, vocabulary.fields)

    def by(item: Mapping[str, Any]) -> str:
        return item["team"] or item.get("channel") or vocabulary.somebody

    team = brief["to_team"] or words.sentences["anybody"]
    yield say(brief["occasion"], team=team, channel=brief["to_channel"], customer=brief["customer"], time=_minute(brief["time"]))
    given = [
        say(each["status"], field=field(each["field"]), mask=each["mask"], team=by(each), time=_minute(each["time"])) for each in brief["given"]
    ]
    promises = [
        say(each["state"], promise=each["about"] or each["promise"], due=_minute(each["due"]), team=by(each)) for each in brief["promises"]
    ]
    facts = [
        say("fact", fact=field(each["fact"]), value=each["value"], team=by(each), time=_minute(each["time"])) for each in brief["facts"]
    ]
    known = [
        *_about(brief, say, words),
        *_listed(words.sentences["given"], given),
        *_listed(words.sentences["promises"], promises),
        *_listed(words.sentences["facts"], facts),
        *_listed(words.sentences["findings"], _hurt(brief["findings"], say, words, field)),
    ]
    yield from known or [words.sentences["nothing"]]


def _about(brief: Mapping[str, Any], say: Any, words: BriefWords) -> Iterator[str]:
    if brief["intent"]:
        yield say("intent", intent=brief["intent"])
    passed, mood = brief["authentication"], brief["mood"]
    if passed:
        yield say("authenticated", level=passed["level"], until=_minute(passed["until"]))
    elif brief["given"]:
        yield say("not_authenticated")
    if mood:
        trend = mood["trend"] or 0
        way = f" {words.sentences['rising' if trend > 0 else 'falling']}" if trend else ""
        yield say("mood", sentiment=mood["sentiment"]) + way


def _hurt(findings: list[dict[str, Any]], say: Any, words: BriefWords, field: Any) -> list[str]:
    told = []
    for each in findings[:_SHOWN]:
        what = words.detectors.get(each["detector"], each["what"])
        told.append(say("finding", time=_minute(each["time"]), what=f"{what} ({field(each['field'])})" if each["field"] else what))
    return [*told, say("more", number=len(findings) - _SHOWN)] if len(findings) > _SHOWN else told


def _listed(heading: str, items: list[str]) -> list[str]:
    return [heading, *(f"  {each}" for each in items)] if items else []


def _minute(iso: str) -> str:
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M}"
