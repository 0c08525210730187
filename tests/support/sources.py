"""Samples of every source: the raw records of the cases beside its mapping."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from streams.sources import MappedSource, load_source, source_names
from streams.sources.heading import Case

__all__ = ["KEY", "SOURCES", "fits", "raw_of"]

KEY = b"0123456789abcdef"
SOURCES: Mapping[str, MappedSource] = {name: load_source(name, KEY) for name in source_names()[1:]}  # type: ignore[misc]


def raw_of(case: Case) -> bytes:
    """Return the raw record of a case."""
    return case.raw.encode() if isinstance(case.raw, str) else msgspec.json.encode(case.raw)


def fits(expected: Any, made: Any) -> bool:
    """Tell whether what was made has everything that is expected."""
    if isinstance(expected, dict) and isinstance(made, dict):
        return all(key in made and fits(value, made[key]) for key, value in expected.items())
    return bool(json.dumps(expected) == json.dumps(made))
