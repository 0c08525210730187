"""A source tried on a file: what records become, which detectors that is enough for, and what they would find."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from streams.sources import MappedSource, Source, Unmappable
from streams.sources.heading import Heading, written

__all__ = ["NEEDS", "Trial", "Tried", "channels", "failures", "fits", "inputs", "missing"]

_WAIT = "handoff.started or contact.queued"
_ENDED = "contact.ended or contact.abandoned"
_ASKED, _TOLD = "info.requested or message", "info.provided or message"
_TOPIC = "an intent"

NEEDS: Mapping[str, tuple[str, ...]] = {
    "broken_promise": ("promise.made",),
    "context_lost": ("handoff.started", _TOLD, "the context of a handoff"),
    "contradiction": ("fact.stated",),
    "dead_end": ("handoff.started", _ENDED),
    "excessive_handoffs": ("work of a team",),
    "expectation_gap": ("survey.answered",),
    "handoff_flap": ("work of a team", "work of a machine"),
    "misroute": ("handoff.started", "work of a team"),
    "mood_drop": ("a mood",),
    "ping_pong": ("work of a team",),
    "portfolio_shift": ("account.updated", "survey.answered"),
    "premature_closure": ("case.closed", "case.reopened"),
    "reauthentication": ("auth.passed", "auth.requested"),
    "repeat_contact": ("contact.started", "contact.ended or case.closed", _TOPIC),
    "repeated_answer": (_TOLD,),
    "repeated_request": (_ASKED, _TOLD),
    "repeated_story": ("message",),
    "slow_handoff": ("handoff.started", "handoff.accepted"),
    "two_faces": ("offer.made", _TOPIC),
    "unanswered_handoff": (_WAIT,),
}
"""By detector, what it cannot do without: types of touchpoints, and what `inputs` calls by other names."""

_EITHER = tuple({need for needs in NEEDS.values() for need in needs if " or " in need})
_WORKERS = ("agent", "bot", "ivr", "partner")
_NO_WORK = ("contact.queued", "handoff.failed", "heartbeat")
_SPOKEN = ("text", "value", "note", "about")
_LITERAL = re.compile(r"'([^']*)'")
_PSEUDONYM = re.compile(r"[ac]-[0-9a-f]{24}")


class Tried(NamedTuple):
    """A record as it may be shown: masked, with its masked touchpoints, or with the reason why it has none."""

    record: Any
    touchpoints: list[dict[str, Any]]
    reason: str


class Trial:
    """A source that remembers: ``shown`` are its first ``records`` that gave or refused something, ``inputs`` what detectors got.

    ``added`` is what a sender or a connector puts into each JSON record that has no such key.
    """

    def __init__(self, source: Source, first: int, added: Mapping[str, Any] | None = None) -> None:
        self.source = source
        self._added = dict(added or {})
        self.name, self.tells = source.name, source.tells
        self.shown: list[Tried] = []
        self.inputs: set[str] = set()
        self.types: Counter[str] = Counter()
        self.records = self.silent = 0
        self._first = first
        self._words = _words(source)
        mapping = getattr(source, "mapping", None)
        self._of_json = getattr(mapping, "format", "") in {"json", "cloudevents"}
        self._separator = "&" if getattr(mapping, "format", "") == "form" else getattr(mapping, "separator", "|")

    def read(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield the raw records of a file, with what is added; of a JSON document over several lines, as vendors' manuals print them, its objects."""
        if not (self._added and self._of_json):
            return self._read(stream)
        return (json.dumps(self._added | told).encode() if isinstance(told := _decoded(each), dict) else each for each in self._read(stream))

    def _read(self, stream: BinaryIO) -> Iterator[bytes]:
        records = iter(self.source.read(stream))
        head = next(records, b"")
        if self._of_json and head and not _is_json(head):
            lines = [head, *records]
            try:
                whole = json.loads(b"\n".join(lines))
            except (ValueError, RecursionError):
                yield from lines
            else:
                yield from (json.dumps(each).encode() for each in (whole if isinstance(whole, list) else [whole]))
            return
        yield head
        yield from records

    def map(self, raw: bytes) -> list[bytes]:
        """Map a record as the source does, and remember it."""
        self.records += bool(raw)
        try:
            made = self.source.map(raw)
        except Unmappable as reason:
            self._show(raw, [], str(reason))
            raise
        touchpoints = [touchpoint for each in made if isinstance(touchpoint := _decoded(each), dict)]
        if raw and not made:
            self.silent += 1
        if made:
            self._show(raw, touchpoints, "")
        self.inputs |= inputs(touchpoints)
        self.types.update(str(each.get("type")) for each in touchpoints)
        return made

    def _show(self, raw: bytes, touchpoints: list[dict[str, Any]], reason: str) -> None:
        if len(self.shown) < self._first:
            try:
                record = _hidden(_decoded(raw, self._separator), self._words)
            except RecursionError:
                record = "…"
            self.shown.append(Tried(record, [_masked(each) for each in touchpoints], reason))


def inputs(touchpoints: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return what touchpoints give to detectors, in the words of `NEEDS`."""
    given: set[str] = set()
    for each in touchpoints:
        kind, actor, data = str(each.get("type")), each.get("actor") or {}, each.get("data") or {}
        given |= {kind, *(need for need in _EITHER if kind in need.split(" or "))}
        if kind not in _NO_WORK and actor.get("kind") in _WORKERS and actor.get("team") and not data.get("private"):
            given.add("work of a team")
            if actor["kind"] in ("bot", "ivr"):
                given.add("work of a machine")
        if kind.startswith("handoff.") and isinstance(data.get("context"), list):
            given.add("the context of a handoff")
        if kind == "message" and actor.get("kind") == "customer" and data.get("sentiment") is not None:
            given.add("a mood")
        if data.get("intent"):
            given.add(_TOPIC)
    return given


def missing(given: set[str]) -> dict[str, list[str]]:
    """Return, by detector, what it lacks to find anything."""
    return {detector: [need for need in needs if need not in given] for detector, needs in NEEDS.items()}


def channels(mapping: Heading) -> list[str]:
    """Return the channels that a mapping knows; none where what it carries decides."""
    content = mapping.model_dump(exclude={"about", "cases"})
    found: set[str] = set()
    for value in _under("channel", content):
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, dict):
            found |= {value["constant"], value["otherwise"]} - {None}
            found |= set(content["lookups"].get(value["lookup"], {}).values())
    return sorted(found)


def failures(source: MappedSource) -> list[str]:
    """Play the cases beside a mapping; return a sentence for each one that fails."""
    wrong = []
    for case in source.mapping.cases:
        try:
            made = [json.loads(each) for each in source.map(written(case.raw, source.mapping.format))]
        except Unmappable as reason:
            wrong.append(f"{case.case}: refused: {reason}")
            continue
        if len(made) != len(case.touchpoints):
            wrong.append(f"{case.case}: {len(case.touchpoints)} touchpoints expected, {len(made)} made")
        wrong += [
            f"{case.case}: touchpoint {index} is not what is expected: {json.dumps(each, ensure_ascii=False)}"
            for index, (expected, each) in enumerate(zip(case.touchpoints, made, strict=False))
            if not fits(expected, each)
        ]
    return wrong


def fits(expected: Any, made: Any) -> bool:
    """Tell whether what was made has everything that is expected."""
    if isinstance(expected, dict) and isinstance(made, dict):
        return all(key in made and fits(value, made[key]) for key, value in expected.items())
    return bool(expected == made) and isinstance(expected, bool) == isinstance(made, bool)


def _words(source: Source) -> frozenset[str]:
    """Return the words that a mapping itself names: showing them tells nothing of a customer."""
    mapping = getattr(source, "mapping", None)
    if mapping is None:
        return frozenset()
    content = mapping.model_dump(exclude={"about", "cases"})
    return frozenset(word for text in _texts(content) for word in (text, *_LITERAL.findall(text)))


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        yield from content
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _texts(value)


def _under(key: str, content: Any) -> Iterator[Any]:
    if isinstance(content, dict):
        for name, value in content.items():
            if name == key:
                yield value
            else:
                yield from _under(key, value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _under(key, value)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _decoded(raw: bytes, separator: str = "|") -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace").split(separator)


def _hidden(value: Any, words: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [_hidden(each, words) for each in value]
    if value is None or isinstance(value, bool) or value in words:
        return value
    return _mask(str(value))


def _masked(touchpoint: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in touchpoint.items() if key not in ("source", "tenant", "customer", "data")}
    customer = str(touchpoint.get("customer"))
    shown["customer"] = customer if _PSEUDONYM.fullmatch(customer) else _mask(customer)
    data = touchpoint.get("data") or {}
    return shown | {"data": {key: _mask(str(value)) if key in _SPOKEN else value for key, value in data.items()}}


def _mask(text: str) -> str:
    """Return what people may see of a value: the last third, at most four characters, nothing of a short one."""
    return "…" + (text[-min(len(text) // 3, 4) :] if len(text) >= 6 else "") if text else ""
