"""XES event logs (IEEE 1849), ``.xes`` and ``.xes.gz``: what process mining works on, traces of events.

They tell which group did what when, in one case, and nothing of what was said or passed on.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, BinaryIO, Literal
from xml.parsers import expat

import msgspec
from pydantic import AfterValidator, Field

from config.yaml_lines import Document, validate
from models.touchpoint import ActorKind, Channel
from streams.sources.checked import DATA, checked
from streams.sources.errors import Unmappable, Unreadable
from streams.sources.files import decompressed
from streams.sources.heading import Heading, Strict
from streams.sources.pseudonym import actor_pseudonym, customer_pseudonym

__all__ = ["Xes"]

_CHUNK = 65_536
_PLACE = re.compile(r"\{(?:(trace|event)\[([^\]{}]+)\]|(index))\}")


def _template(text: str) -> str:
    if "{" in (rest := _PLACE.sub("", text)) or "}" in rest:
        raise ValueError("expected text with {trace[KEY]}, {event[KEY]} and {index} in it")
    return text


def _known_type(name: str) -> str:
    if name not in DATA:
        raise ValueError(f"expected a touchpoint type: {', '.join(sorted(DATA))}")
    return name


Template = Annotated[str, Field(min_length=1), AfterValidator(_template)]


class _Actor(Strict):
    kind: ActorKind
    team: Template | None = None
    id: Template | None = None


class _Type(Strict):
    """What an event becomes; ``when`` names event attributes with the value, or one of the values, that they need."""

    when: dict[str, str | list[str]] = Field(default_factory=dict)
    type: Annotated[str, AfterValidator(_known_type)]
    actor: _Actor
    data: dict[str, Template | bool | None] = Field(default_factory=dict)


class _Mapping(Heading):
    """How events become touchpoints; ``types`` are tried in order, an event that fits none cannot be mapped.

    ``id``, ``customer`` and ``time`` need every attribute that they name; another key is left out where one is missing.
    """

    channel: Channel
    id: Template = "{trace[concept:name]}/{index}"
    customer: Template
    time: Template = "{event[time:timestamp]}"
    sequence: Literal["{index}"] | None = None
    journey: Template | None = None
    contact: Template | None = None
    types: Annotated[list[_Type], Field(min_length=1)]


class _RawEvent(msgspec.Struct, forbid_unknown_fields=True):
    trace: dict[str, str]
    event: dict[str, str]
    index: int

    def fill(self, template: str) -> str | None:
        """Return the text of a template, None where an attribute is missing or empty."""
        filled = ""
        for literal, scope, key, index in _pieces(template):
            filled += literal
            if scope:
                value = (self.trace if scope == "trace" else self.event).get(key)
                if not value:
                    return None
                filled += value
            elif index:
                filled += str(self.index)
        return filled


_decode = msgspec.json.Decoder(_RawEvent).decode
_encode = msgspec.json.Encoder().encode


class Xes:
    """Events of one kind of log, by its mapping."""

    def __init__(self, document: Document, customer_key: bytes) -> None:
        """Take the mapping; raises ``ConfigError`` with file and line where it is wrong."""
        self.mapping = validate(_Mapping, document)
        self._key = customer_key
        self._kept = _named_attributes(self.mapping)
        self.name = self.mapping.source

    @property
    def tells(self) -> frozenset[str]:
        """Return the types that the mapping names."""
        return frozenset(each.type for each in self.mapping.types)

    def read(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield one JSON object an event: its index in its trace, and the attributes that the mapping names."""
        parser = _Parser(self._kept)
        with decompressed(stream) as content:
            while chunk := content.read(_CHUNK):
                yield from parser.feed(chunk)
            yield from parser.feed(b"", final=True)

    def map(self, raw: bytes) -> list[bytes]:
        """Return the touchpoint of one event."""
        if not raw:
            return []
        try:
            event = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unmappable("not an event of a log: expected trace, event and index") from error
        mapping = self.mapping
        rule = next((each for each in mapping.types if _fits(each, event.event)), None)
        if rule is None:
            raise Unmappable("no type of the mapping fits the event")
        touchpoint: dict[str, Any] = {
            "id": _required(event, mapping.id),
            "source": mapping.source,
            "type": rule.type,
            "time": _required(event, mapping.time),
            "tenant": mapping.tenant,
            "customer": customer_pseudonym(self._key, _required(event, mapping.customer)),
            "channel": mapping.channel,
            "actor": self._actor(rule.actor, event),
        }
        if mapping.sequence is not None:
            touchpoint["sequence"] = event.index
        for key, template in (("journey", mapping.journey), ("contact", mapping.contact)):
            if template is not None and (text := event.fill(template)) is not None:
                touchpoint[key] = text
        if rule.data:
            values = {key: event.fill(value) if isinstance(value, str) else value for key, value in rule.data.items()}
            touchpoint["data"] = {key: value for key, value in values.items() if value is not None}
        return checked([touchpoint])

    def _actor(self, actor: _Actor, event: _RawEvent) -> dict[str, str]:
        filled: dict[str, str] = {"kind": actor.kind}
        if actor.team is not None and (team := event.fill(actor.team)) is not None:
            filled["team"] = team
        if actor.id is not None and (actor_id := event.fill(actor.id)) is not None:
            filled["id"] = actor_pseudonym(self._key, actor_id)
        return filled


class _Parser:
    """Takes chunks of XML and gives the events of the traces that ended in them."""

    def __init__(self, kept: Mapping[str, frozenset[str]]) -> None:
        self._kept = kept
        self._path: list[str] = []
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] = {}
        self._events: list[dict[str, str]] = []
        self._done: list[bytes] = []
        self._expat = expat.ParserCreate(namespace_separator=" ")
        self._expat.StartDoctypeDeclHandler = self._doctype  # refused, and with it every entity
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end

    def feed(self, chunk: bytes, *, final: bool = False) -> list[bytes]:
        try:
            self._expat.Parse(chunk, final)
        except expat.ExpatError as error:
            raise Unreadable(f"line {error.lineno} is not XML: {expat.ErrorString(error.code)}") from error
        done, self._done = self._done, []
        return done

    def _doctype(self, *_: Any) -> None:
        raise Unreadable(f"line {self._expat.CurrentLineNumber}: a log has no document type, and none is read")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        element = name.rpartition(" ")[2]
        if not self._path and element != "log":
            raise Unreadable(f"expected a <log>, found a <{element}>")
        parent = self._path[-1] if self._path else ""
        self._path.append(element)
        if element == "trace" and parent == "log":
            self._trace, self._events = {}, []
        elif element == "event" and parent == "trace":
            self._event = {}
        elif parent in self._kept and (key := attributes.get("key", "")) in self._kept[parent]:
            (self._trace if parent == "trace" else self._event)[key] = attributes.get("value", "")

    def _end(self, name: str) -> None:
        element = self._path.pop()
        if element == "event" and self._path[-1:] == ["trace"]:
            self._events.append(self._event)
        elif element == "trace" and self._path == ["log"]:  # only here are all attributes of the trace known
            self._done += [
                _encode({"trace": self._trace, "event": event, "index": index})
                for index, event in enumerate(self._events)
            ]


def _fits(rule: _Type, event: Mapping[str, str]) -> bool:
    return all(event.get(key) in ([wanted] if isinstance(wanted, str) else wanted) for key, wanted in rule.when.items())


def _required(event: _RawEvent, template: str) -> str:
    filled = event.fill(template)
    if filled is None:
        raise Unmappable(f"the event lacks an attribute of {template}")
    return filled


@cache
def _pieces(template: str) -> tuple[tuple[str, str, str, str], ...]:
    """Split a template into (literal, scope, key, index); only templates of mappings come here."""
    parts = _PLACE.split(template)
    pieces = [(parts[at], *(part or "" for part in parts[at + 1 : at + 4])) for at in range(0, len(parts) - 1, 4)]
    return (*((literal, scope, key, index) for literal, scope, key, index in pieces), (parts[-1], "", "", ""))


def _named_attributes(mapping: _Mapping) -> Mapping[str, frozenset[str]]:
    templates = [mapping.id, mapping.customer, mapping.time, mapping.journey, mapping.contact]
    kept: dict[str, set[str]] = {"trace": set(), "event": set()}
    for rule in mapping.types:
        templates += [rule.actor.team, rule.actor.id, *(each for each in rule.data.values() if isinstance(each, str))]
        kept["event"].update(rule.when)
    for template in filter(None, templates):
        for _, scope, key, _ in _pieces(template):
            if scope:
                kept[scope].add(key)
    return {scope: frozenset(keys) for scope, keys in kept.items()}
