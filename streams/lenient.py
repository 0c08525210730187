"""Records whose headers have names that are no text.

A name is a string by Kafka's protocol, and a broker does not look: whoever writes with another client than Java's can put any bytes there. aiokafka's
decoder fails on such a record, and would fail on it after every restart. Here the rest of what was fetched with it is decoded again, by aiokafka's decoder
in Python, with `U+FFFD` for what is no UTF-8: the record takes its way like any other.
"""

from typing import Any, cast

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

__all__ = ["FetchedRecords", "LenientRecords"]


class FetchedRecords:
    """What was fetched of a partition, as aiokafka's decoder reads it, with the ``data`` that it was read from."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        records = MemoryRecords(data)
        self.has_next = records.has_next
        self.next_batch = records.next_batch
        self.size_in_bytes = records.size_in_bytes


class _Piece(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace")


class _Buffer(bytearray):
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Piece(found) if isinstance(index, slice) else found


class _Batch(_DefaultRecordBatchPy):
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Buffer(self._buffer)


class LenientRecords(_MemoryRecordsPy):
    """The same batches, decoded whatever the names of their headers are made of."""

    def next_batch(self) -> Any:
        """Return the next batch."""
        data = cast(memoryview, self._next_slice)
        if data[self.MAGIC_OFFSET] < 2:
            return super().next_batch()  # before headers were invented
        self._cache_next()
        return _Batch(data)
