"""Canonical touchpoints: JSON, one a line. They can tell everything, and keep the ids that they come with."""

from collections.abc import Iterator
from typing import BinaryIO

from models.touchpoint import MAXIMUM_BYTES
from streams.sources.checked import DATA
from streams.sources.files import decompressed

__all__ = ["Touchpoints"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Touchpoints:
    """Lines of JSON, passed on as they are: whether they are touchpoints is decided where they are judged."""

    name = "touchpoints"
    tells = frozenset(DATA)

    def read(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield each line without its end, a blank one empty; of a line too long for a touchpoint, its beginning."""
        with decompressed(stream) as content:
            mark = _BYTE_ORDER_MARK
            while line := content.readline(MAXIMUM_BYTES + 2):
                end = line
                while len(end) == MAXIMUM_BYTES + 2 and not end.endswith(b"\n"):
                    end = content.readline(MAXIMUM_BYTES + 2)
                yield line.removeprefix(mark).strip(b" \t\r\n")
                mark = b""

    def map(self, raw: bytes) -> list[bytes]:
        """Return the line itself; nothing for a blank one."""
        return [raw] if raw else []
