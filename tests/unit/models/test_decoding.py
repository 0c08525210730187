"""The fast way to read a touchpoint gives what the models of record give, or leaves it to them."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from models.decoding import decode_touchpoint, decoder
from models.finding import Finding
from models.score import Score
from models.touchpoint import TOUCHPOINT, Refusal, parse_touchpoint

_SCHEMA = TOUCHPOINT.json_schema()
_TIMES = st.one_of(
    st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()),
    st.sampled_from([
        "2026-03-02T09:14:05Z",
        "2026-03-02 09:14:05z",
        "2026-03-02t09:14:05.1Z",
        "2026-03-02T09:14:05.1234567Z",
        "2026-03-02T09:14:05.9999999Z",
        "2026-03-02T23:59:60Z",
        "2026-03-02T24:00:00Z",
        "2026-02-30T09:14:05Z",
        "2026-03-02T09:14:05-00:00",
        "2026-03-02T09:14:05+23:59",
        "2026-03-02T09:14:05+24:00",
        "2026-03-02T09:14:05+0100",
        "2026-03-02T09:14:05+01",
        "2026-03-02T09:14Z",
        "2026-03-02T09:14:05",
        "2026-03-02_09:14:05Z",
        "2026-03-02",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "20260302T091405Z",
        1772442845,
        1772442845.5,
        "1772442845",
    ]),
)
_WORDS = st.one_of(
    st.text(max_size=6),
    st.sampled_from([*"\x00\x1f\x7f\n\t\\\"\u2028\ud800", "a\n", "é" * 300, "é" * 512, "é" * 513, "", "+49 170 1234567", "a@b"]),
)
_ODD = st.one_of(
    st.none(), st.booleans(), _WORDS, _TIMES, st.floats(), st.integers(), st.sampled_from([2**63, -(2**63) - 1, 1.0, 0, 1, -1, 10**400]),
    st.lists(_WORDS, max_size=2), st.dictionaries(st.sampled_from(["kind", "field", "x"]), _WORDS, max_size=2),
)  # fmt: skip


def _like(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Draw what a JSON Schema allows, most of the time."""
    if "$ref" in schema:
        return _objects(_SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in schema:
        return st.one_of([_like(each) for each in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string" if schema.get("format") == "date-time":
            return _TIMES
        case "string" if schema.get("pattern", "").startswith("^[a-z0-9]"):
            return st.sampled_from(["acme", "a" * 63, "a" * 64, "Acme", "acme\n", "-a", ""])
        case "string":
            return st.one_of(st.just("word"), _WORDS)
        case "integer":
            return st.one_of(st.integers(-3, 3), st.integers())
        case "number":
            return st.one_of(st.integers(-3, 3), st.floats(-2, 2), st.floats(allow_nan=False))
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(_like(schema["items"]), max_size=3)
        case "null":
            return st.none()
    return st.dictionaries(st.just("x"), st.integers(), max_size=1)


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    properties, required = schema.get("properties", {}), set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: _like(each) for name, each in properties.items() if name in required},
        optional={name: _like(each) for name, each in properties.items() if name not in required},
    )


_TOUCHPOINTS = st.one_of([_objects(_SCHEMA["$defs"][each["$ref"].rsplit("/", 1)[1]]) for each in _SCHEMA["oneOf"]])


def _plain(part: Any) -> Any:
    """Return what both kinds of objects hold, by attribute, with the type of each value."""
    if isinstance(part, BaseModel):
        return {name: _plain(getattr(part, name)) for name in type(part).model_fields} | (part.__pydantic_extra__ or {})
    if isinstance(part, msgspec.Struct):
        names = {*part.__struct_fields__, *({"type"} if hasattr(part, "type") else ())}
        return {name: _plain(getattr(part, name)) for name in names}
    if isinstance(part, list):
        return [_plain(each) for each in part]
    return type(part), part


def _agree(value: bytes) -> bool:
    fast = decode_touchpoint(value)
    if fast is None:
        return False
    slow = parse_touchpoint(value)
    assert not isinstance(slow, Refusal), slow
    assert _plain(fast) == _plain(slow)
    return True


@given(_TOUCHPOINTS, st.booleans())
def test_what_is_read_fast_is_what_the_model_gives(touchpoint: dict[str, Any], ascii_only: bool) -> None:
    """Near-valid touchpoints of every type: whatever the fast way accepts, the model accepts with the same values of the same types."""
    _agree(json.dumps(touchpoint, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(_TOUCHPOINTS, st.data())
def test_what_is_spoilt_is_never_read_otherwise_than_by_the_model(touchpoint: dict[str, Any], data: st.DataObject) -> None:
    """A key taken away, added, doubled or given an odd value, or a byte changed: the two never differ."""
    spoilt = dict(touchpoint)
    key = data.draw(st.sampled_from([*spoilt, "unknown"]))
    spoilt[key] = data.draw(_ODD)
    text = json.dumps(spoilt).encode()
    if data.draw(st.booleans()):
        text = text[:-1] + b"," + json.dumps({key: data.draw(_ODD)}).encode()[1:]
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(text) - 1))
        text = text[:place] + data.draw(st.binary(max_size=2)) + text[place + 1 :]
    _agree(text)


@pytest.mark.parametrize("kind", sorted(_SCHEMA["discriminator"]["mapping"].keys() - {"heartbeat"}))
def test_every_type_can_be_read_fast(kind: str) -> None:
    """A well-formed touchpoint of each type takes the fast way, with and without what may be left out."""
    model = _SCHEMA["$defs"][_SCHEMA["discriminator"]["mapping"][kind].rsplit("/", 1)[1]]
    smallest = {name: _example(each) for name, each in model["properties"].items() if name in model["required"]}
    assert _agree(json.dumps(smallest | {"type": kind}).encode())
    assert _agree(json.dumps({name: _example(each) for name, each in model["properties"].items()} | {"type": kind}).encode())


def _example(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        part = _SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return {name: _example(each) for name, each in part.get("properties", {}).items()}
    if "anyOf" in schema:
        return _example(schema["anyOf"][0])
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    if schema.get("format") == "date-time":
        return "2026-03-02T09:14:05.25+01:00"
    return {"string": "word", "integer": 1, "number": 0.5, "boolean": True, "array": ["word"], "object": {"x": 0.5}}[schema["type"]]


@pytest.mark.parametrize("field", ["id", "source", "customer", "journey", "contact"])
@pytest.mark.parametrize("letter", ["\x00", "\x1f", "\x7f", "\n", "\t"])
def test_an_identifier_with_a_control_character_is_not_read_fast(field: str, letter: str) -> None:
    """What a database could not store is left to the model, which refuses it, however it is escaped."""
    touchpoint = {
        "id": "1", "source": "s", "time": "2026-03-02T09:14:05Z", "type": "contact.answered", "customer": "c", "channel": "voice", "actor": {"kind": "agent"},
    } | {field: f"a{letter}b"}  # fmt: skip
    for ascii_only in (True, False):
        text = json.dumps(touchpoint, ensure_ascii=ascii_only).encode()
        assert decode_touchpoint(text) is None
        assert isinstance(parse_touchpoint(text), Refusal)


@pytest.mark.parametrize("fraction", [".9999999", "\\u002e9999999", ".\\u0039999999"])
def test_a_time_finer_than_a_microsecond_is_not_read_fast(fraction: str) -> None:
    """What would be rounded there and is cut off by the model is left to the model, however it is escaped."""
    text = '{"id":"1","source":"s","time":"2026-03-02T09:14:05_Z","type":"contact.answered","customer":"c","channel":"voice","actor":{"kind":"agent"}}'
    text = text.replace("_", fraction)
    assert decode_touchpoint(text.encode()) is None
    slow = parse_touchpoint(text.encode())
    assert not isinstance(slow, Refusal)
    assert slow.time.microsecond == 999999


_RESULTS: dict[type[BaseModel], Any] = {Finding: decoder(Finding), Score: decoder(Score)}
for _model in _RESULTS:
    _SCHEMA["$defs"] |= _model.model_json_schema().get("$defs", {})


@pytest.mark.parametrize("model", _RESULTS)
@given(data=st.data())
def test_a_result_read_fast_is_what_its_model_gives(model: type[BaseModel], data: st.DataObject) -> None:
    """Near-valid findings and scores, whole or with an odd value somewhere: what the fast way accepts, the model accepts with the same values."""
    value = data.draw(_objects(model.model_json_schema()))
    if data.draw(st.booleans()):
        value[data.draw(st.sampled_from([*value, "unknown"]))] = data.draw(_ODD)
    text = json.dumps(value).encode()
    fast = _RESULTS[model](text)
    if fast is not None:
        assert _plain(fast) == _plain(model.model_validate_json(text))


@pytest.mark.parametrize("model", _RESULTS)
def test_a_result_can_be_read_fast(model: type[BaseModel]) -> None:
    """A well-formed finding or score takes the fast way, and one whose time is finer than a microsecond does not."""
    parts = {name: _example(each) for name, each in model.model_json_schema()["properties"].items()}
    odd: dict[str, Any] = {"silos": [], "evidence": []} if model is Finding else {"value": 12.123456789}
    parts |= odd
    text = json.dumps(parts, separators=(",", ":")).encode()
    assert _plain(_RESULTS[model](text)) == _plain(model.model_validate_json(text))
    assert _RESULTS[model](text.replace(b".25+01:00", b".1234567Z")) is None
