"""Records with headers whose names are no text: they are read like all others, and so is what lies around them."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

import streams.kafka

TP = fetcher.TopicPartition("t", 0)


class NoText(str):
    """A name that a client of another kind would write."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return bytes that are no UTF-8."""
        return b"a\xff"


def batch(first: int, codec: int, *names: str) -> bytes:
    """Return a batch as a broker has it: a record for each name, with a header of that name."""
    builder = _DefaultRecordBatchBuilderPy(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for offset, name in enumerate(names):
        builder.append(offset, 1000 + offset, b"key", b"value %d" % (first + offset), [(name, b"x"), ("none", None)])
    return first.to_bytes(8, "big") + bytes(builder.build())[8:]


def read(data: bytes, start: int = 0) -> list[Any]:
    """Return what a consumer of this program gets of what was fetched."""
    fetched = fetcher.MemoryRecords(data)
    records = fetcher.PartitionRecords(
        TP, fetched, [], start, None, streams.kafka._as_it_is, True, fetcher.READ_UNCOMMITTED
    )
    return list(records)


@pytest.mark.parametrize("codec", [0, 1, 4], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("start", [0, 1])
def test_a_name_that_is_no_text_stops_nothing(codec: int, start: int) -> None:
    """Every record comes once, in order, from where reading began, with its bytes; the name has a mark for what could not be read."""
    data = batch(0, codec, "a", "b") + batch(2, codec, "c", NoText("d"), "e") + batch(5, codec, NoText("f"), "g")
    records = read(data, start)
    assert [(each.offset, each.key, each.value) for each in records] == [
        (offset, b"key", b"value %d" % offset) for offset in range(start, 7)
    ]
    assert records[3 - start].headers == [("a\ufffd", b"x"), ("none", None)]


def test_what_is_text_is_read_by_the_fast_decoder() -> None:
    """Without such a name nothing is decoded twice."""
    kinds = {type(each).__name__ for each in read(batch(0, 4, "a", "ü", ""))}
    assert kinds == {"DefaultRecord"}
