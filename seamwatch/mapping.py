"""Raw records into touchpoints with their keys: what a source maps, validated."""

from collections.abc import Callable

from agents.live.normalise import MapRecord
from models.dead_letter import DeadLetterReason
from models.touchpoint import Refusal, parse_touchpoint
from streams.errors import Poison
from streams.sources import Source, Unmappable

__all__ = ["mapper"]


def mapper(source: Source, refused: Callable[[str], None] = lambda reason: None) -> MapRecord:
    """Return what `agents.live.normalise` does with a record of ``source``; ``refused`` hears the reason of each that is set aside.

    A record is set aside whole where one of its touchpoints is none. A source's own heartbeats end here: clocks are
    moved by the worker alone.
    """

    def poison(reason: DeadLetterReason, detail: str) -> Poison:
        refused(reason)
        return Poison(reason, detail)

    def map_record(value: bytes | None, key: bytes | None) -> list[tuple[bytes | None, bytes]]:
        if not value:
            raise poison(DeadLetterReason.EMPTY_VALUE, "the record has no value")
        try:
            mapped = source.map(value)
        except Unmappable as error:
            raise poison(DeadLetterReason.UNMAPPED, str(error)) from error
        keyed: list[tuple[bytes | None, bytes]] = []
        for each in mapped:
            touchpoint = parse_touchpoint(each)
            if isinstance(touchpoint, Refusal):
                raise poison(touchpoint.reason, touchpoint.detail)
            if touchpoint.type != "heartbeat":
                keyed.append((f"{touchpoint.tenant}/{touchpoint.customer}".encode(), each))
        return keyed

    return map_record
