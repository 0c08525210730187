"""Read files plain or gzipped, from disk or from a pipe."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from streams.sources.errors import Unreadable

__all__ = ["decompressed"]

_GZIP = b"\x1f\x8b"


@contextmanager
def decompressed(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Give the content of ``stream``, which stays open; it need not be seekable.

    Raises :class:`Unreadable` where compressed data are broken, also while they are read.
    """
    own = None if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
    buffered = own or cast(io.BufferedReader, stream)
    try:
        if buffered.peek(2)[:2] == _GZIP:
            with gzip.GzipFile(fileobj=buffered, mode="rb") as content:
                yield cast(BinaryIO, content)
        else:
            yield cast(BinaryIO, buffered)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable(f"the compressed data are broken: {error}") from error
    finally:
        if own is not None:
            own.detach()
