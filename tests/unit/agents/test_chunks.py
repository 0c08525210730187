"""What is written of a timeline can be read again, and is small."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chunks import (
    ALIAS,
    COUNTED,
    NO_REST,
    NOTHING_BEFORE,
    WATCHED,
    CorruptRow,
    Head,
    check_head,
    head_of,
    offset_of,
    pack,
    packed_of,
    rest_of,
    times_of,
    touchpoints_of,
    write_chunk,
)
from agents.entry import Entry
from models.touchpoint import TOUCHPOINT

_NAMES = st.one_of(st.text(max_size=5), st.sampled_from(["voice", "customer", "message", "crm", "0"]))
_MAYBE = st.one_of(st.none(), _NAMES)
_WHOLE = st.integers(-(2**62), 2**62)
_DATA: st.SearchStrategy[Any] = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3), st.binary(max_size=3), st.lists(st.text(max_size=2), max_size=2)),
    max_size=4,
).map(tuple)
_ENTRIES = st.lists(
    st.builds(Entry, _WHOLE, _WHOLE, _NAMES, _NAMES, _NAMES, _WHOLE, _NAMES, _NAMES, _MAYBE, _MAYBE, _MAYBE, _MAYBE, _MAYBE, _DATA), max_size=6
)


@given(_ENTRIES)
def test_touchpoints_come_back_as_they_were(entries: list[Entry]) -> None:
    """Whatever repeats or is absent, each touchpoint of a chunk is read as it was written."""
    packed, before = b"", NOTHING_BEFORE
    for entry in entries:
        packed += pack(entry, before)
        before = entry
    chunk = write_chunk(7, None, -1, NO_REST, len(entries), packed)
    read, written = ([(each.arrival, each.content()) for each in these] for these in (touchpoints_of(chunk), entries))
    assert read == written
    assert (packed_of(chunk), head_of(chunk)) == ((len(entries), packed), Head(WATCHED, 7, None, -1))


@given(st.integers(0, 2**62), st.one_of(st.none(), st.integers(0, 2**62)), st.integers(-1, 2**62), st.sampled_from([WATCHED, COUNTED, ALIAS]))
def test_heads_come_back_as_they_were(offset: int, deadline: int | None, heard: int, state: int) -> None:
    """A head is read as it was written, whole or in parts."""
    chunk = write_chunk(offset, deadline, heard, NO_REST, 0, b"", state=state)
    assert head_of(chunk) == Head(state, offset, deadline, heard)
    assert (offset_of(chunk), times_of(chunk)) == (offset, (-1 if deadline is None else deadline, heard))


@given(st.binary(max_size=80))
def test_what_is_damaged_is_said_to_be(garbage: bytes) -> None:
    """Bytes that are no chunk give `CorruptRow` or a chunk, never another error."""
    whole = write_chunk(7, None, -1, NO_REST, 1, pack(NOTHING_BEFORE, NOTHING_BEFORE))
    for chunk in (garbage, whole[: len(garbage)] + garbage):
        for read in (head_of, check_head, rest_of, touchpoints_of, packed_of):
            try:
                read(chunk)
            except CorruptRow:
                continue


def test_a_chunk_of_another_version_is_refused() -> None:
    """Nobody guesses what another version meant."""
    for read in (head_of, check_head):
        with pytest.raises(CorruptRow, match="version 1"):
            read(b"\x01" + bytes(40))


def test_what_is_common_takes_a_byte() -> None:
    """A touchpoint that repeats who and where takes little more than its id, whatever its type."""
    for kind in TOUCHPOINT.json_schema()["discriminator"]["mapping"]:
        before = Entry(10**15, 0, "message", "crm", "i" * 36, 5, "voice", "agent", "team", "j" * 36, "c" * 36, None, None)
        entry = Entry(10**15 + 10**7, 0, kind, "crm", "k" * 36, 900, "chat", "customer", "team", "j" * 36, "c" * 36, None, None)
        assert len(pack(entry, before)) < 64 or kind == "heartbeat"


@pytest.mark.parametrize("brands", [(None, "a"), ("a", None), ("a", "a"), ("a", "b"), (None, None)])
@pytest.mark.parametrize("source", ["crm", "ivr"])
def test_a_brand_that_changes_is_kept_beside_the_source(brands: tuple[str | None, str | None], source: str) -> None:
    """Whichever of brand and source is that of the touchpoint before, both are read as they were."""
    first = Entry(10, 0, "message", "crm", "1", 5, "voice", "agent", "team", None, None, None, None, (), brands[0])
    second = Entry(20, 0, "message", source, "2", 6, "voice", "agent", "team", None, None, None, None, (), brands[1])
    chunk = write_chunk(7, None, -1, NO_REST, 2, pack(first, NOTHING_BEFORE) + pack(second, first))
    assert [(each.source, each.brand) for each in touchpoints_of(chunk)] == [("crm", brands[0]), (source, brands[1])]
