"""Sources, one a file: what a vendor or a log sends, and how a record of it becomes touchpoints. Nothing about Kafka.

A source reads files into raw records, as they would lie in ``<prefix>.raw.<source>``, and maps raw records. What it
maps by is data, in ``config/sources``; docs/sources.md describes it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import config
from config.errors import ConfigError, did_you_mean
from config.yaml_lines import Document, read_yaml
from streams.sources.cloudevents import CloudEvents
from streams.sources.errors import Unmappable, Unreadable
from streams.sources.heading import Heading
from streams.sources.mapped import Mapped
from streams.sources.touchpoints import Touchpoints
from streams.sources.xes import Xes

__all__ = ["SHIPPED_SOURCES", "MappedSource", "Source", "Unmappable", "Unreadable", "load_source", "source_names"]

SHIPPED_SOURCES = Path(config.__file__).parent / "sources"

_FORMATS: Mapping[str, Callable[[Document, bytes], "MappedSource"]] = {
    "xes": Xes,
    "json": Mapped,
    "form": Mapped,
    "csv": Mapped,
    "lines": Mapped,
}
_ENVELOPE = "cloudevents"
_CANONICAL = "touchpoints"


class Source(Protocol):
    """What can be read and mapped; ``name`` is that of its touchpoints' ``source``, or ``touchpoints``."""

    @property
    def name(self) -> str: ...

    @property
    def tells(self) -> frozenset[str]:
        """The types of touchpoints that it can tell; an intent that it names at the start of a contact counts as ``intent.stated``."""
        ...

    def read(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield the raw records of a file, plain or gzipped, without reading all of it first.

        An item that holds nothing (a blank line) is yielded empty, so that records can be numbered by counting.
        Raises :class:`Unreadable` where the file breaks off or is of another format.
        """
        ...

    def map(self, raw: bytes) -> list[bytes]:
        """Return the touchpoints of one raw record as JSON; none for an empty one.

        Raises :class:`Unmappable` with a sentence that holds no value of the record.
        """
        ...


class MappedSource(Source, Protocol):
    """A source with a mapping of its own."""

    @property
    def mapping(self) -> Heading: ...


def source_names(directory: Path | None = None) -> list[str]:
    """Return what :func:`load_source` knows by name."""
    return [_CANONICAL, *sorted({path.stem for path in _mappings(directory)})]


def load_source(name: str, customer_key: bytes | None = None, directory: Path | None = None) -> Source:
    """Return a source by its name, by the path of its mapping (``./our-log.yaml``), or by a format with one mapping.

    A mapping in ``directory`` goes before a shipped one of that name. Customers and actors of mapped sources are
    pseudonymised under ``customer_key``; canonical touchpoints keep theirs.
    Raises :class:`ConfigError` where there is no such source, its mapping is wrong or the key is missing.
    """
    return _load(name, customer_key, directory, (*_FORMATS, _ENVELOPE))


def _load(name: str, customer_key: bytes | None, directory: Path | None, formats: Sequence[str]) -> Source:
    if name == _CANONICAL:
        return Touchpoints()
    path = _mapping(name, directory)
    document = read_yaml(path)
    if not name.endswith(".yaml") and document.data.get("source") != path.stem:
        raise document.error(("source",), f"expected {path.stem}: what is known by its name is called as its file is")
    kind = document.data.get("format")
    if not isinstance(kind, str) or kind not in formats:
        raise document.error(("format",), f"expected one of {', '.join(formats)}")
    if customer_key is None:
        raise ConfigError(f"{name}: customers of this source are pseudonymised; set SEAMWATCH_CUSTOMER_KEY")
    if kind == _ENVELOPE:
        return CloudEvents(document, lambda carried: _load(carried, customer_key, directory, tuple(_FORMATS)))
    return _FORMATS[kind](document, customer_key)


def _mappings(directory: Path | None) -> list[Path]:
    """Return the mappings that can be named: those in ``directory``, and the shipped ones that it does not replace."""
    if directory is not None and not directory.is_dir():
        raise ConfigError(f"{directory}: there is no such directory of sources")
    own = [] if directory is None else sorted(directory.rglob("*.yaml"))
    names = {path.stem for path in own}
    return own + [path for path in sorted(SHIPPED_SOURCES.rglob("*.yaml")) if path.stem not in names]


def _mapping(name: str, directory: Path | None) -> Path:
    if name.endswith(".yaml"):
        return Path(name)
    known = _mappings(directory)
    exact = [path for path in known if path.stem == name] or [path for path in known if path.parent.name == name]
    if len(exact) == 1:
        return exact[0]
    if exact:
        raise ConfigError(f"{name} is a format; expected one of {', '.join(path.stem for path in exact)}")
    raise ConfigError(f"no source is called {name}{did_you_mean(name, source_names(directory))}")
