"""CloudEvents 1.0, structured or with its attributes in headers: an envelope around touchpoints, or around the records of another source.

The envelope tells nothing of customers: ``type`` says which source its ``data`` is for, and that source maps it.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import msgspec
from pydantic import Field

from config.yaml_lines import Document, validate
from streams.sources.checked import checked
from streams.sources.errors import Unmappable
from streams.sources.heading import Heading
from streams.sources.raw import elements
from streams.sources.touchpoints import Touchpoints

if TYPE_CHECKING:
    from streams.sources import Source

__all__ = ["CloudEvents", "enveloped"]


class _Mapping(Heading):
    """``carries`` names, for each ``type`` of event, the source of its ``data``; ``touchpoints`` are our own."""

    carries: Annotated[dict[str, str], Field(min_length=1)]


class _Event(msgspec.Struct):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")
    data_base64: str | None = None


_ATTRIBUTE = "ce_"
"""Begins the names of Kafka's headers that hold attributes, in the binary form."""

_decode = msgspec.json.Decoder(_Event).decode


class CloudEvents:
    """Events of the types in a mapping."""

    def __init__(self, document: Document, load: Callable[[str], "Source"]) -> None:
        """Take the mapping, and ``load`` the sources that it names; raises ``ConfigError`` where it is wrong."""
        self.mapping = validate(_Mapping, document)
        self.name = self.mapping.source
        self._carried: Mapping[str, Source] = {kind: load(name) for kind, name in self.mapping.carries.items()}

    @property
    def tells(self) -> frozenset[str]:
        """Return the types that the sources of its events can tell."""
        return frozenset().union(*(source.tells for source in self._carried.values()))

    def read(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield one event a line."""
        return Touchpoints().read(stream)

    def map(self, raw: bytes) -> list[bytes]:
        """Return what the source of its ``data`` makes of it; a touchpoint takes id, source and time from the envelope where it has none.

        A JSON array is a batch of events.
        """
        if raw.lstrip().startswith(b"["):
            return [made for each in elements(raw) for made in self._map(each)]
        return self._map(raw) if raw else []

    def _map(self, raw: bytes) -> list[bytes]:
        try:
            event = _decode(raw)
            data = _data(event)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Unmappable("not an event of CloudEvents 1.0 in structured JSON") from error
        except binascii.Error as error:
            raise Unmappable("data_base64 is not base64") from error
        source = self._carried.get(event.type)
        if source is None:
            raise Unmappable("the mapping carries no events of this type")
        if not isinstance(source, Touchpoints):
            return source.map(data)
        return checked([_touchpoint(event, data)])


def enveloped(body: bytes, headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Return an event in binary mode as a structured one; ``body`` as it is where no ``ce_`` headers tell of an event.

    Raises :class:`Unmappable` where an attribute is no text.
    """
    try:
        attributes = {
            name.removeprefix(_ATTRIBUTE): value.decode()
            for name, value in headers
            if value is not None and name.startswith(_ATTRIBUTE)
        }
    except UnicodeDecodeError as error:
        raise Unmappable("an attribute of the event is not UTF-8") from error
    if "specversion" not in attributes:
        return body
    return msgspec.json.encode({**attributes, "data_base64": base64.b64encode(body).decode()})


def _data(event: _Event) -> bytes:
    """Return the bytes that the event carries; of JSON text its content, for sources whose records are no JSON."""
    if event.data_base64 is not None:
        return base64.b64decode(event.data_base64.encode(), validate=True)
    data = bytes(event.data)
    if data == b"null":
        raise Unmappable("the event carries no data")
    return msgspec.json.decode(data, type=str).encode() if data.startswith(b'"') else data


def _touchpoint(event: _Event, data: bytes) -> dict[str, Any]:
    try:
        touchpoint = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unmappable("the data are no JSON object") from error
    return {"id": event.id, "source": event.source} | ({"time": event.time} if event.time else {}) | touchpoint
