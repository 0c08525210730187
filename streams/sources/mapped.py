"""Sources that are data: JSON objects, forms, rows of CSV or delimited lines, mapped by JMESPath as docs/sources.md describes."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import repeat
from typing import Annotated, Any, BinaryIO, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from config.errors import did_you_mean
from config.yaml_lines import Document, Location, validate
from models.touchpoint import ActorKind, Channel
from streams.sources.checked import DATA, checked
from streams.sources.errors import Unmappable, Unreadable
from streams.sources.files import decompressed
from streams.sources.heading import Heading, Strict
from streams.sources.pseudonym import actor_pseudonym, customer_pseudonym
from streams.sources.raw import elements, form, read_texts, without_tags
from streams.sources.times import Unit, microseconds, written
from streams.sources.touchpoints import Touchpoints

__all__ = ["Mapped"]

_BAD_VALUE = (TypeError, ValueError, ArithmeticError, RecursionError)
"""What JMESPath and conversions raise over values that they were not made for; its own errors are ``ValueError``."""
_JSON = ("json", "form")
"""Formats whose records may be JSON: who posts forms posts JSON beside them."""
_NUMBERS = {"integer": int, "number": float}
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _expression(text: str) -> str:
    try:
        tree: dict[str, Any] = jmespath.compile(text).parsed
    except JMESPathError as error:
        at = getattr(error, "lex_position", None)
        raise ValueError(f"not JMESPath{'' if at is None else f': wrong at character {at + 1}'}") from error
    _check(tree)
    return text


def _check(node: Any) -> None:
    """Refuse what JMESPath takes and nobody means."""
    if not isinstance(node, dict):
        return
    if node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression":
        raise ValueError("! holds for what stands before the dot alone, which has no keys then: write !(a.b)")
    if node["type"] == "function_expression":
        name, given = node["value"], len(node["children"])
        if name not in Functions.FUNCTION_TABLE:
            raise ValueError(f"JMESPath has no function {name}{did_you_mean(name, Functions.FUNCTION_TABLE)}")
        signature = Functions.FUNCTION_TABLE[name]["signature"]
        if given < len(signature) or (given > len(signature) and not signature[-1].get("variadic")):
            raise ValueError(f"{name} takes {len(signature)} arguments, {given} are given")
    for child in node["children"]:
        _check(child)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("expected a time zone such as UTC or Europe/Berlin") from error
    return name


Expression = Annotated[str, Field(min_length=1), AfterValidator(_expression)]


class _Time(Strict):
    """Where a time stands. ``since`` is the moment that it counts from, where that is another field of the record."""

    path: Expression
    unit: Unit = "iso"
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    since: "Time | None" = None

    @model_validator(mode="after")
    def _counted(self) -> "_Time":
        if self.since is not None and self.unit == "iso":
            raise ValueError("unit: s, ms or us is needed with since")
        return self


Time = Annotated[_Time, BeforeValidator(lambda given: {"path": given} if isinstance(given, str) else given)]


class _Value(Strict):
    """A value of a touchpoint: what ``path`` finds, or a constant, or a time."""

    path: Expression | None = None
    constant: str | bool | int | float | list[str] | None = None
    time: Time | None = None
    lookup: str | None = None
    keep: bool = False
    otherwise: str | bool | int | float | None = None
    kind: Literal["text", "integer", "number", "flag", "html"] | None = Field(None, alias="as")

    @model_validator(mode="after")
    def _one(self) -> "_Value":
        given = self.model_fields_set
        if len(given & {"path", "constant", "time"}) != 1:
            raise ValueError("expected one of path, constant, time")
        if given & {"keep", "otherwise"} and self.lookup is None:
            raise ValueError("keep and otherwise belong to a lookup")
        if self.path is None and given & {"lookup", "kind"}:
            raise ValueError("lookup and as belong to a path")
        return self


def _from_path(given: Any) -> Any:
    return {"path": given} if isinstance(given, str) else _from_constant(given)


def _from_constant(given: Any) -> Any:
    return given if isinstance(given, dict | _Value) else {"constant": given}


Value = Annotated[_Value, BeforeValidator(_from_path)]
Word = Annotated[_Value, BeforeValidator(_from_constant)]
"""A word out of a list: as text it stands for itself."""


class _Actor(Strict):
    kind: Word
    team: Value | None = None
    id: Value | None = None


class _Common(Strict):
    """What is said once for all touchpoints, or again for those of a record, or for one."""

    customer: Value | None = None
    time: Time | None = None
    channel: Word | None = None
    actor: _Actor | None = None
    contact: Value | None = None
    journey: Value | None = None
    segment: Value | None = None
    previous_contact: Value | None = None
    language: Value | None = None
    brand: Value | None = None
    sequence: Value | None = None


class _Touchpoint(_Common):
    type: str
    when: Expression | None = None
    each: Expression | None = None
    data: dict[str, Value] = Field(default_factory=dict)

    @field_validator("type")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in DATA:
            raise ValueError(f"no touchpoint has this type{did_you_mean(name, DATA)}")
        return name

    @field_validator("data", mode="before")
    @classmethod
    def _of_type(cls, given: Any, info: ValidationInfo) -> Any:
        fields = DATA.get(info.data.get("type", ""), {})
        for key in given if fields and isinstance(given, dict) else ():
            if key not in fields:
                raise ValueError(f"{info.data['type']} has no {key}{did_you_mean(key, fields)}")
        return given


class _Record(_Common):
    when: Expression | None = None
    id: Value | None = None
    touchpoints: list[_Touchpoint]


class _Mapping(Heading, _Common):
    """``records`` are tried in order; a record that fits none cannot be mapped, one without touchpoints gives none."""

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    columns: Annotated[list[str], Field(min_length=1)] | None = None
    texts_of_json: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]] = Field(default_factory=list)
    """Places, with dots between the keys, whose text is JSON: it is read, and what is no JSON stays text."""
    body: Expression | None = None
    """What all other paths look into, where the vendor wraps its records: an object."""
    id: Value | None = None
    lookups: dict[str, dict[str, str | bool | int | float]] = Field(default_factory=dict)
    records: Annotated[list[_Record], Field(min_length=1)]


_Time.model_rebuild()

_IDENTIFIERS = ("contact", "journey", "segment", "previous_contact", "language", "brand")
_INHERITED = tuple(_Common.model_fields)


class _Plan(NamedTuple):
    """A touchpoint with all that it takes over from its record and from the mapping."""

    own: _Touchpoint
    parts: Mapping[str, Any]


class Mapped:
    """One source by its mapping, whose format is ``json``, ``form``, ``csv`` or ``lines``."""

    def __init__(self, document: Document, customer_key: bytes) -> None:
        """Take the mapping; raises ``ConfigError`` with file, line and key where it is wrong."""
        self.mapping = mapping = validate(_Mapping, document)
        self.name = mapping.source
        self._kind = mapping.format
        self._key = customer_key
        self._check_columns(document)
        self._lookups = {
            name: {key.casefold(): value for key, value in lookup.items()} for name, lookup in mapping.lookups.items()
        }
        self._records = [
            (
                record,
                tuple(
                    self._plan(document, record, each, ("records", at, "touchpoints", index))
                    for index, each in enumerate(record.touchpoints)
                ),
            )
            for at, record in enumerate(mapping.records)
        ]

    @property
    def tells(self) -> frozenset[str]:
        """Return the types of touchpoints that the mapping makes."""
        made = [each for record in self.mapping.records for each in record.touchpoints]
        return frozenset({each.type for each in made} | {"intent.stated" for each in made if "intent" in each.data})

    def read(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield one raw record a line; of CSV one JSON object a row, by the names in its first one or in ``columns``, nothing for the lines between."""
        if self._kind == "csv":
            return self._read_rows(stream)
        return Touchpoints().read(stream)

    def map(self, raw: bytes) -> list[bytes]:
        """Return the touchpoints of one raw record, with the ids ``<raw id>/0``, ``<raw id>/1`` and so on; a JSON array holds several records."""
        if self._kind in _JSON and raw.lstrip().startswith(b"["):
            return [made for each in elements(raw) for made in self._map(each)]
        return self._map(raw) if raw else []

    def _map(self, raw: bytes) -> list[bytes]:
        record = self._opened(self._decode(raw))
        fitting = (each for each in self._records if each[0].when is None or _search(each[0].when, record, "when"))
        rule, plans = next(fitting, (None, ()))
        if rule is None:
            raise Unmappable("no record of the mapping fits")
        made = [part for plan in plans for part in self._made(plan, record)]
        if not made:
            return []
        raw_id = self._text(rule.id or self.mapping.id, record, "id") or hashlib.sha256(raw).hexdigest()
        return checked([{"id": f"{raw_id}/{index}"} | touchpoint for index, touchpoint in enumerate(made)])

    def _read_rows(self, stream: BinaryIO) -> Iterator[bytes]:
        mapping = self.mapping
        with decompressed(stream) as content:
            text = io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
            rows, told = csv.reader(text, delimiter=mapping.separator), 0
            try:
                names = mapping.columns or next(rows, [])
                for row in rows:
                    yield from repeat(b"", rows.line_num - 1 - told)  # a record has the number of its last line
                    told = rows.line_num
                    yield msgspec.json.encode(dict(zip(names, row, strict=False))) if any(row) else b""
            except (csv.Error, UnicodeDecodeError) as error:
                raise Unreadable(f"after line {rows.line_num}: not CSV in UTF-8") from error
            finally:
                text.detach()

    def _check_columns(self, document: Document) -> None:
        if self._kind == "lines" and self.mapping.columns is None:
            raise document.error(("columns",), "missing: lines have no names of their own")
        for key in ("columns", "separator"):
            if self._kind in _JSON and key in self.mapping.model_fields_set:
                raise document.error((key,), "is for csv and lines alone")

    def _decode(self, raw: bytes) -> dict[str, Any]:
        if self._kind == "lines":
            try:
                cells = raw.decode().split(self.mapping.separator)
            except UnicodeDecodeError as error:
                raise Unmappable("the line is not UTF-8") from error
            return dict(zip(self.mapping.columns or (), cells, strict=False))
        if self._kind == "form" and not raw.lstrip().startswith(b"{"):
            return form(raw)
        try:
            record = msgspec.json.decode(raw)
        except RecursionError as error:
            raise Unmappable("the JSON is nested too deeply") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unmappable("not JSON") from error
        if not isinstance(record, dict):
            raise Unmappable("not a JSON object")
        return record

    def _opened(self, record: dict[str, Any]) -> dict[str, Any]:
        """Read the texts that are JSON, and take the record out of what it is wrapped in."""
        read_texts(record, self.mapping.texts_of_json)
        if self.mapping.body is None:
            return record
        body = _search(self.mapping.body, record, "body")
        if not isinstance(body, dict):
            raise Unmappable("body: expected an object")
        return body

    def _made(self, plan: _Plan, record: dict[str, Any]) -> Iterator[dict[str, Any]]:
        records: Sequence[dict[str, Any]] = [record]
        if plan.own.each is not None:
            found = _search(plan.own.each, record, "each")
            if found is not None and not isinstance(found, list):
                raise Unmappable("each: expected a list")
            records = [{**record, "item": item} for item in found or ()]
        for each in records:
            if plan.own.when is None or _search(plan.own.when, each, "when"):
                yield self._touchpoint(plan, each)

    def _touchpoint(self, plan: _Plan, record: dict[str, Any]) -> dict[str, Any]:
        parts, kind = plan.parts, plan.own.type
        customer = self._text(parts["customer"], record, "customer")
        if customer is None:
            raise Unmappable("the record lacks its customer")
        moment = _moment(parts["time"], record)
        if moment is None:
            raise Unmappable("the record lacks its time")
        actor: dict[str, Any] = {"kind": self._value(parts["actor"].kind, record, "actor.kind")}
        if (team := self._text(parts["actor"].team, record, "actor.team")) is not None:
            actor["team"] = team
        if (actor_id := self._text(parts["actor"].id, record, "actor.id")) is not None:
            actor["id"] = actor_pseudonym(self._key, actor_id)
        made: dict[str, Any] = {
            "source": self.name,
            "type": kind,
            "time": written(moment),
            "tenant": self.mapping.tenant,
            "customer": customer_pseudonym(self._key, customer),
            "channel": self._value(parts["channel"], record, "channel"),
            "actor": actor,
        }
        for key in _IDENTIFIERS:
            if (text := self._text(parts[key], record, key)) is not None:
                made[key] = text
        if (
            parts["sequence"] is not None
            and (sequence := self._value(parts["sequence"], record, "sequence")) is not None
        ):
            made["sequence"] = sequence
        data = {key: self._value(value, record, key) for key, value in plan.own.data.items()}
        if kind == "identity.linked" and isinstance(other := data.get("other"), str):
            data["other"] = customer_pseudonym(self._key, other)
        made["data"] = {key: value for key, value in data.items() if value is not None}
        return made

    def _text(self, value: _Value | None, record: dict[str, Any], key: str) -> str | None:
        """Return an identifier: vendors send as numbers here what is text there."""
        if value is None:
            return None
        found = self._value(value, record, key)
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        if found is not None and not isinstance(found, str):
            raise Unmappable(f"{key}: expected text or a whole number")
        return found

    def _value(self, value: _Value, record: dict[str, Any], key: str) -> Any:
        """Return what ``value`` finds; None where it is missing, null or the empty text."""
        if value.path is None:
            moment = None if value.time is None else _moment(value.time, record, key)
            return value.constant if moment is None else written(moment)
        found = _search(value.path, record, key)
        if value.lookup is not None:
            table = self._lookups[value.lookup]
            word = found if isinstance(found, str) else _plain(found)
            found = table.get(word.casefold(), found if value.keep else value.otherwise)
        if found is None or found == "":
            return None
        return _converted(value.kind, found, key)

    def _plan(self, document: Document, record: _Record, own: _Touchpoint, location: Location) -> _Plan:
        parts: dict[str, Any] = {}
        for key in _INHERITED:
            given = (getattr(each, key) for each in (own, record, self.mapping))
            parts[key] = next((each for each in given if each is not None), None)
        for key in ("customer", "time", "channel", "actor"):
            if parts[key] is None:
                raise document.error((*location, key), "missing, here, in its record and in the mapping")
        words = (
            ("channel", parts["channel"], get_args(Channel)),
            ("actor.kind", parts["actor"].kind, get_args(ActorKind)),
        )
        values = [
            *own.data.values(),
            parts["actor"].team,
            parts["actor"].id,
            *(parts[key] for key in ("customer", *_IDENTIFIERS)),
        ]
        for value in filter(None, (record.id, self.mapping.id, *values, *(word for _, word, _ in words))):
            if value.lookup is not None and value.lookup not in self.mapping.lookups:
                raise document.error(
                    location, f"no lookup is called {value.lookup}{did_you_mean(value.lookup, self.mapping.lookups)}"
                )
        for key, word, known in words:
            for given in self._words(word):
                if given not in known:
                    raise document.error(location, f"{key}: expected one of {', '.join(known)}")
        missing = [key for key, needed in DATA[own.type].items() if needed and key not in own.data]
        if missing:
            raise document.error((*location, "data"), f"{own.type} needs {', '.join(missing)}")
        return _Plan(own, parts)

    def _words(self, word: _Value) -> list[Any]:
        """Return the words that a value can be, as far as the mapping says."""
        given = [word.constant] if word.path is None else []
        given += [word.otherwise] if word.otherwise is not None else []
        return given + (list(self.mapping.lookups[word.lookup].values()) if word.lookup is not None else [])


@cache
def _compiled(expression: str) -> Any:
    """Keep the compiled expressions of all mappings: JMESPath's own cache holds 128, and forgets them at random."""
    return jmespath.compile(expression)


def _search(expression: str, record: dict[str, Any], key: str) -> Any:
    try:
        return _compiled(expression).search(record)
    except _BAD_VALUE as error:
        raise Unmappable(f"{key}: its expression meets a value that it is not made for") from error


def _moment(time: _Time, record: dict[str, Any], key: str = "time") -> int | None:
    """Return a time in microseconds, None where it is missing."""
    found = _search(time.path, record, key)
    if found is None or found == "":
        return None
    try:
        moment = microseconds(found, time.unit, None if time.zone is None else ZoneInfo(time.zone))
        if time.since is not None:
            since = _moment(time.since, record, key)
            if since is None:
                raise Unmappable(f"{key}: the record lacks the time that it counts from")
            moment += since
        written(moment)
    except (ValueError, OverflowError) as error:
        raise Unmappable(f"{key}: expected a time as the mapping describes it") from error
    return moment


def _plain(found: Any) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found) if isinstance(found, int) else ""


def _converted(kind: str | None, found: Any, key: str) -> Any:
    """Return a value as the touchpoint needs it; a field that the mapping does not convert stays as it is."""
    if kind is None:
        return found
    try:
        if kind == "text" and not isinstance(found, dict | list):
            return found if isinstance(found, str) else _plain(found) or repr(found)
        if kind == "html" and isinstance(found, str):
            return without_tags(found) or None
        if kind == "flag":
            return _FLAGS[str(found).casefold()]
        if kind in _NUMBERS and isinstance(found, str | int | float) and not isinstance(found, bool):
            return _NUMBERS[kind](found)
    except (ValueError, KeyError, OverflowError) as error:
        raise Unmappable(f"{key}: expected a value that reads as {kind}") from error
    raise Unmappable(f"{key}: expected a value that reads as {kind}")
