"""What every source that ships must withstand; a new mapping is found by itself, and its cases are the samples."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.touchpoint import Refusal, parse_touchpoint
from seamwatch.mapping import mapper
from seamwatch.source_trial import NEEDS, fits, inputs
from streams.sources import MappedSource, Unmappable
from streams.sources.heading import Case, written
from tests.support.sources import SOURCES, raw_of

CASES = [
    pytest.param(source, case, id=f"{name}: {case.case}") for name, source in SOURCES.items() for case in source.mapping.cases
]
SECRET = "4711-secret"
HOSTILE: list[Any] = [
    None, True, -1, 0, 2**64, 1e300, 10**30, "", " ", "\x00\x1b[31m\u202e", SECRET, SECRET + "\r\n", "x" * 600, "NaN", "9" * 30, "٣٤",
    [], {}, [[]], [SECRET], {"a": SECRET}, [{"a": [{}]}] * 3, "0001-01-01T00:00:00+23:59", "2026-03-02T09:14:05",
]  # fmt: skip


def mapped(source: MappedSource, raw: bytes) -> list[dict[str, Any]] | str:
    """Map a record: valid touchpoints, or the reason why there are none."""
    try:
        made = source.map(raw)
    except Unmappable as reason:
        return str(reason)
    assert made == source.map(raw)
    for each in made:
        assert not isinstance(parse_touchpoint(each), Refusal)
    return [json.loads(each) for each in made]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all that is in a JSON value."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in items for found in places(each, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any, *, drop: bool = False) -> Any:
    """Return a JSON value with another one at ``path``, or without what is there."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if drop and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], new, drop=drop)
    return copy


def content(source: MappedSource, case: Case) -> Any:
    """Return a raw record as the JSON or the form that it is, or as its text."""
    if isinstance(case.raw, str) and case.raw.startswith("{") and source.mapping.format != "form":
        return msgspec.json.decode(case.raw)
    return case.raw


def raw(source: MappedSource, value: Any) -> bytes:
    """Return what `content` gave, or a change of it, as bytes."""
    return written(value if isinstance(value, dict | str) else msgspec.json.encode(value).decode(), source.mapping.format)


def test_every_source_has_samples_and_says_what_it_can_tell() -> None:
    """A mapping without a case, or without a word on what the vendor sends, is not finished."""
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.mapping.cases, name
        assert source.mapping.about is not None, name


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_feeds_what_it_says(name: str) -> None:
    """The cases of a source hold whatever the detectors need that it names."""
    source = SOURCES[name]
    assert source.mapping.about is not None
    given = inputs(json.loads(each) for case in source.mapping.cases for each in source.map(raw_of(source, case)))
    for detector in source.mapping.about.feeds:
        assert set(NEEDS[detector]) <= given, detector


@pytest.mark.parametrize(("source", "case"), CASES)
def test_samples_become_what_their_case_says(source: MappedSource, case: Case) -> None:
    """Each touchpoint is valid and has what is expected; a record maps alike whenever it comes, so its copy has the same ids."""
    made = mapped(source, raw_of(source, case))
    assert isinstance(made, list), made
    assert len(made) == len(case.touchpoints), made
    for expected, each in zip(case.touchpoints, made, strict=True):
        assert fits(expected, each), (expected, each)
        assert each["id"].endswith(tuple("0123456789"))


@pytest.mark.parametrize(("source", "case"), CASES)
def test_samples_go_to_the_partition_of_their_customer(source: MappedSource, case: Case) -> None:
    """What the worker makes of a record are the same touchpoints, each under its tenant and customer."""
    keyed = mapper(source)(raw_of(source, case), [("any", b"thing")])
    assert [each for _, each in keyed] == source.map(raw_of(source, case))
    assert [key for key, _ in keyed] == [b"default/" + json.loads(each)["customer"].encode() for _, each in keyed]


@pytest.mark.parametrize("name", SOURCES)
def test_order_and_copies_change_nothing(name: str) -> None:
    """Duplicated, reordered, late, and without what should have come before: a record's touchpoints depend on it alone, and no two records share an id."""
    source = SOURCES[name]
    records = [raw_of(source, case) for case in source.mapping.cases]
    once = {record: mapped(source, record) for record in records}
    for record in [*reversed(records), *records]:
        assert mapped(source, record) == once[record]
    ids = [each["id"] for made in once.values() if isinstance(made, list) for each in made]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if source.mapping.format in ("json", "form", "cloudevents")])
def test_an_array_of_records_is_its_records(name: str) -> None:
    """Vendors that post several at once lose none, and ids do not depend on what a record came with; one that is no record refuses the whole."""
    source = SOURCES[name]
    records = [record for case in source.mapping.cases if (record := raw_of(source, case)).startswith(b"{")]
    assert source.map(b"[" + b", ".join(records) + b"]") == [made for record in records for made in source.map(record)]
    assert isinstance(mapped(source, b"[" + b", ".join([*records, b'{"no": "record"}']) + b"]"), str)


@pytest.mark.parametrize("name", SOURCES)
def test_unknown_fields_change_nothing(name: str) -> None:
    """A vendor that adds a field breaks nothing: the touchpoints are the same but for ids made of the bytes."""
    source = SOURCES[name]
    for case in source.mapping.cases:
        value = content(source, case)
        if name == "bpic2013" or not isinstance(value, dict):  # events of a log have a form of ours
            continue
        for known, now in zip(source.map(raw(source, value)), source.map(raw(source, value | {"later": {"field": [1]}})), strict=True):
            assert json.loads(known) | {"id": ""} == json.loads(now) | {"id": ""}


@pytest.mark.parametrize("name", SOURCES)
def test_every_field_withstands_every_hostile_value(name: str) -> None:
    """Wrong types, huge numbers, control characters, absence: valid touchpoints or a reason, and no reason repeats a value."""
    source = SOURCES[name]
    for case in source.mapping.cases:
        value = content(source, case)
        if isinstance(value, str):
            cells = value.split("|")
            hostile = [h for h in HOSTILE if isinstance(h, str)]
            variants = [b"|".join(c.encode() for c in [*cells[:at], bad, *cells[at + 1 :]]) for at in range(len(cells)) for bad in hostile]
            variants += [b"|".join(c.encode() for c in cells[:at]) for at in range(len(cells))]
        else:
            variants = [raw(source, changed(value, path, bad)) for path in places(value) for bad in HOSTILE]
            variants += [raw(source, changed(value, path, None, drop=True)) for path in places(value)[1:]]
        for variant in variants:
            if isinstance(reason := mapped(source, variant), str):
                assert SECRET not in reason
                assert reason.isprintable()


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "record",
    [b"[" * 100_000, b'{"a":' * 100_000, b"{", b"\xff\xfe", b"null", b'"x"', b"1e999", b"9" * 5000, b"{}", b"|" * 1000, b"x" * 2_000_000],
    ids=["deep list", "deep object", "cut off", "no text", "null", "text", "no number", "huge number", "empty", "bars", "huge"],
)
def test_bytes_that_are_no_record_are_refused_with_a_reason(name: str, record: bytes) -> None:
    """Whatever lies in a topic, nothing but a reason comes of it."""
    assert isinstance(mapped(SOURCES[name], record), str)
    assert mapped(SOURCES[name], b"") == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_samples_raise_nothing_else(name: str, data: st.DataObject) -> None:
    """Any JSON at any place of a sample, and any bytes within its own: valid touchpoints or a reason."""
    source = SOURCES[name]
    value = content(source, data.draw(st.sampled_from(source.mapping.cases)))
    if isinstance(value, dict):
        for _ in range(data.draw(st.integers(0, 3))):
            value = changed(value, data.draw(st.sampled_from(places(value))), data.draw(_JSON))
            if not isinstance(value, dict):
                break
    record = raw(source, value)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(record)))
        record = record[:at] + data.draw(st.binary(max_size=4)) + record[at + data.draw(st.integers(0, 4)) :]
    mapped(source, record)
