"""Records whose headers have names that are no text.

A name is a string by Kafka's protocol, and a broker does not look: whoever writes with another client than Java's can put any bytes there. aiokafka's
decoder fails on such a record, and would fail on it after every restart. Here the rest of what was fetched with it is decoded again, by aiokafka's decoder
in Python, with `U+FFFD` for what is no UTF-8: the record takes its way like any other.
"""

from collections import deque
from typing import Any, cast

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

__all__ = ["FetchedRecords", "LenientRecords"]


class FetchedRecords:
    """What was fetched of a partition, as aiokafka's decoder reads it, with the ``data`` that it was read from.

    ``markers`` takes the offsets of what is no record: Kafka's marks at the ends of transactions.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.markers: deque[int] = deque()
        records = MemoryRecords(data)
        self.has_next = records.has_next
        self.size_in_bytes = records.size_in_bytes
        self._next_batch = records.next_batch

    def next_batch(self) -> Any:
        """Return the next batch."""
        return _noted(self._next_batch(), self.markers)


def _noted(batch: Any, markers: deque[int]) -> Any:
    """Return a batch, its offsets noted where it is no records, but the end of a transaction."""
    if batch is not None and batch.is_control_batch:
        markers.extend(range(batch.base_offset, batch.next_offset))
    return batch


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

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.markers: deque[int] = deque()

    def next_batch(self) -> Any:
        """Return the next batch."""
        data = cast(memoryview, self._next_slice)
        if data[self.MAGIC_OFFSET] < 2:
            return super().next_batch()  # before headers were invented
        self._cache_next()
        return _noted(_Batch(data), self.markers)
