"""Raw records into touchpoints with their keys: what a source maps, validated, and what its messages say."""

from collections.abc import Callable, Mapping

from agents.live.normalise import Headers, MapRecord
from agents.text import Conversations, Recogniser, derived, kinds
from models.dead_letter import DeadLetterReason
from models.touchpoint import Refusal, parse_touchpoint
from streams.errors import Poison
from streams.sources import Source, Unmappable
from streams.sources.cloudevents import CloudEvents, enveloped

__all__ = ["mapper"]


def mapper(
    source: Source,
    refused: Callable[[str], None] = lambda reason: None,
    recogniser: Recogniser | None = None,
    unread: Callable[[Mapping[str, int]], None] = lambda counts: None,
) -> MapRecord:
    """Return what `agents.live.normalise` does with a record of ``source``; ``refused`` hears the reason of each that is set aside.

    A record is set aside whole where one of its touchpoints is none. A source's own heartbeats end here: clocks are
    moved by the worker alone. With a ``recogniser`` a message is followed by what it says, unless the source told
    itself by ``info.*`` in the same record; handoffs, promises, authentication and intents are read for sources that tell none.
    ``unread`` hears by reason of messages that were not read to their end.
    """
    conversations, left = Conversations(), kinds(source.tells)

    def poison(reason: DeadLetterReason, detail: str) -> Poison:
        refused(reason)
        return Poison(reason, detail)

    def map_record(value: bytes | None, headers: Headers = ()) -> list[tuple[bytes | None, bytes]]:
        if not value:
            raise poison(DeadLetterReason.EMPTY_VALUE, "the record has no value")
        try:
            mapped = source.map(enveloped(value, headers) if headers and isinstance(source, CloudEvents) else value)
        except Unmappable as error:
            raise poison(DeadLetterReason.UNMAPPED, str(error)) from error
        keyed: list[tuple[bytes | None, bytes]] = []
        messages, told = [], False
        for each in mapped:
            touchpoint = parse_touchpoint(each)
            if isinstance(touchpoint, Refusal):
                raise poison(touchpoint.reason, touchpoint.detail)
            if touchpoint.type == "heartbeat":
                continue
            keyed.append((f"{touchpoint.tenant}/{touchpoint.customer}".encode(), each))
            told = told or touchpoint.type.startswith("info.")
            if touchpoint.type == "message":
                messages.append(touchpoint)
        if recogniser is not None and not told:
            for message in messages:
                key = f"{message.tenant}/{message.customer}".encode()
                keyed += ((key, said) for said in derived(message, recogniser, conversations.of(message), left))
            if recogniser.counts:
                unread(recogniser.counts)
                recogniser.counts.clear()
        return keyed

    return map_record
