"""Samples of every source: the raw records of the cases beside its mapping."""

from collections.abc import Mapping

from streams.sources import MappedSource, load_source, source_names
from streams.sources.heading import Case, written

__all__ = ["KEY", "SOURCES", "raw_of"]

KEY = b"0123456789abcdef"
SOURCES: Mapping[str, MappedSource] = {name: load_source(name, KEY) for name in source_names()[1:]}  # type: ignore[misc]


def raw_of(source: MappedSource, case: Case) -> bytes:
    """Return the raw record of a case."""
    return written(case.raw, source.mapping.format)
