"""What the app needs of a broker: Kafka and the in-memory one both bring it."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

from faust.types import TP

from streams.batches import RawRecord
from streams.producer import Producer

__all__ = ["Backend", "Bounds", "Chunk", "LogReader"]


class Chunk(NamedTuple):
    """Some records of one partition, in order; ``end`` is set with the last ones: the offset after them."""

    partition: int
    records: Sequence[RawRecord]
    end: int | None


class Bounds(NamedTuple):
    """The offsets of the first record that a partition still holds, and after its last."""

    start: int
    end: int


class LogReader(Protocol):
    """Reads partitions from their beginning, outside of any group."""

    async def bounds(self, partitions: Collection[TP]) -> dict[TP, Bounds]:
        """Return where each of ``partitions`` begins and ends now."""
        ...

    async def committed(self, partitions: Collection[TP]) -> dict[TP, int | None]:
        """Return what the app's group has committed of each of ``partitions``."""
        ...

    def read(self, topic: str, partitions: Collection[int], *, first: bool = False) -> AsyncIterator[Chunk]:
        """Read ``partitions`` until each position reached the end offset of the beginning; if ``first``, only the first records of each."""
        ...


class Backend(Protocol):
    """A broker, as the app sees it."""

    def transport(self, app: Any) -> Any:
        """Return a Faust transport whose consumer is a `BatchConsumer`."""

    def producer(self, guard: Callable[[], None]) -> Producer:
        """Return a producer that asks ``guard`` before it writes."""
        ...

    def reader(self) -> LogReader:
        """Return a reader."""
        ...

    async def await_broker(self, retry: Callable[[str, float], None]) -> None:
        """Wait until a broker answers; ``retry`` hears of each failure and of the seconds until the next attempt."""

    async def topic_id(self, topic: str) -> str | None:
        """Return Kafka's id of ``topic``, which another topic of its name does not have; None where the broker knows none."""
        ...

    async def paused(self, topics: Collection[str]) -> frozenset[str]:
        """Return those of ``topics`` that are paused until somebody resumes them, whichever worker paused them."""
        ...

    async def keep_paused(self, topic: str) -> None:
        """Note that ``topic`` is paused, for all workers and those that start later."""

    async def catching_up(self, app: Any, topics: Collection[str], tolerance: float) -> bool:
        """Return whether the group is behind on one of ``topics``, by at most ``tolerance`` seconds of records: more is not worth waiting for."""
        ...
