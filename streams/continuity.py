"""Whether topics, state and committed offsets still fit together: asked before a worker joins its group, and once more when the state of a partition is there.

What is refused, what is let pass, and why: docs/adr/0011.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from faust.types import TP

from streams.backend import Bounds
from streams.errors import CorruptChangelog, LogMismatch
from streams.settings import StreamSettings

__all__ = ["SOURCE_KEY", "Source", "check_applied", "check_before_joining", "check_committed", "check_source", "deleted_unread", "present_source"]

SOURCE_KEY = b"\x00source"
"""The key of the changelog's row that names the topic from which the state was made. It is the first row of each partition, and not the engine's."""

_log = logging.getLogger(__name__)


class Source(NamedTuple):
    """The topic that a state is made from: Kafka's id for it (None where a broker gives none), which a recreated one does not keep, and its partitions."""

    topic_id: str | None
    partitions: int

    def encode(self) -> bytes:
        """Return the value of its row."""
        return json.dumps(self._asdict()).encode()

    @classmethod
    def decode(cls, value: bytes | None) -> "Source":
        """Return what a row says.

        Raises `CorruptChangelog`.
        """
        try:
            fields = json.loads(value or b"")
            return cls(fields["topic_id"], int(fields["partitions"]))
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptChangelog(f"the row that names the source cannot be read: {error!r}") from error


async def present_source(app: Any, topic: str) -> Source:
    """Return ``topic`` as it is now."""
    return Source(await app.backend.topic_id(topic), app.streams.partitions)


def check_source(settings: StreamSettings, topic: str, written: Source | None, present: Source) -> None:
    """Compare the topic that the state was written from with the present one; None: an older changelog, which does not tell.

    Raises `LogMismatch`.
    """
    if written is None:
        return
    if written.partitions != present.partitions:
        raise LogMismatch(
            f"the state was written when {topic} had {written.partitions} partitions, now there are {present.partitions} and customers would leave "
            f"their history behind: {_begin_anew(settings, topic)}"
        )
    if None not in (written.topic_id, present.topic_id) and written.topic_id != present.topic_id:
        raise LogMismatch(
            f"{topic} was deleted and made again since the state was written, and its new records would be taken for old ones: {_begin_anew(settings, topic)}"
        )


def check_committed(settings: StreamSettings, tp: TP, bounds: Bounds, committed: int | None) -> None:
    """Check that the log goes on where the group stopped.

    Raises `LogMismatch`, with the number of records that are lost.
    """
    if committed is not None and committed < bounds.start:
        raise deleted_unread(settings, tp, committed, bounds.start)
    if committed is not None and committed > bounds.end:
        raise LogMismatch(
            f"{_name(tp)} ends at offset {bounds.end}, before the committed offset {committed}: it was made again or lost its end; to read what is there, run "
            f"{_reset(settings, tp)}"
        )


def check_applied(settings: StreamSettings, tp: TP, bounds: Bounds, committed: int | None, applied: int) -> None:
    """Check that the log goes on where the state ends, whose last record is at offset ``applied`` (-1: there is no state), and that the group passes over none.

    Raises `LogMismatch`.
    """
    following = applied + 1
    if following > bounds.end:
        raise LogMismatch(
            f"{_name(tp)} ends at offset {bounds.end}, before offset {applied} that the state holds: it was made again or lost its end; "
            f"{_begin_anew(settings, tp.topic)}"
        )
    if not following:
        if committed is not None:
            raise _stateless(settings, tp, "nothing", committed)
    elif following < bounds.start:
        if committed != bounds.start:
            raise deleted_unread(settings, tp, following, bounds.start)
        _log.warning("%s: goes on without %d records that were deleted unread", _name(tp), bounds.start - following)
    elif committed is None:
        _log.warning("%s: no offset is committed; goes on after offset %d, where the state ends", _name(tp), applied)
    elif committed > following:
        raise _stateless(settings, tp, f"the records up to offset {applied} alone", committed)


def deleted_unread(settings: StreamSettings, tp: TP, expected: int, start: int) -> LogMismatch:
    """Return what there is to say of records from ``expected`` on that were deleted before they were read; the log begins at ``start``."""
    lost = start - expected
    return LogMismatch(
        f"{lost} record{'s' * (lost > 1)} of {_name(tp)} deleted unread, from offset {expected} on: to go on without what is lost, stop all workers and run "
        f"{_reset(settings, tp)}"
    )


async def check_before_joining(app: Any) -> None:
    """Check what can be known before the worker joins its group: the source of the state, by the first row of each partition, and the offsets of all else.

    Not of the embedded broker, whose topics end with the program. Raises `LogMismatch` and `CorruptChangelog`.
    """
    settings: StreamSettings = app.streams
    if settings.embedded:
        return
    reader, touchpoints, numbers = app.backend.reader(), app.names.touchpoints, range(settings.partitions)
    if touchpoints in app.read_topics:
        present = await present_source(app, touchpoints)
        async for _, records, _ in reader.read(app.names.changelog, numbers, first=True):
            for record in records:
                if record.key == SOURCE_KEY:
                    check_source(settings, touchpoints, Source.decode(record.value), present)
    others = app.read_topics - app.reread_topics - {touchpoints}
    partitions = [TP(topic, number) for topic in sorted(others) for number in numbers]
    if not partitions:
        return
    committed: Mapping[TP, int | None] = await reader.committed(partitions)
    bounds: Mapping[TP, Bounds] = await reader.bounds(partitions)
    for tp in partitions:
        check_committed(settings, tp, bounds[tp], committed[tp])


def _name(tp: TP) -> str:
    return f"{tp.topic}[{tp.partition}]"


def _stateless(settings: StreamSettings, tp: TP, held: str, committed: int) -> LogMismatch:
    return LogMismatch(
        f"of {_name(tp)} the changelog holds {held}, though offset {committed} is committed: rows are lost; to read again what the topic holds, stop all "
        f"workers and run {_forget(settings, tp.topic)}"
    )


def _reset(settings: StreamSettings, tp: TP) -> str:
    return f"kafka-consumer-groups.sh --reset-offsets --to-earliest --execute --group {settings.group_id} --topic {tp.topic}:{tp.partition}"


def _forget(settings: StreamSettings, topic: str) -> str:
    return f"kafka-consumer-groups.sh --delete-offsets --group {settings.group_id} --topic {topic}"


def _begin_anew(settings: StreamSettings, topic: str) -> str:
    return (
        "to begin anew, set another SEAMWATCH_PREFIX; or, to build the state from what the topic holds, stop all workers, delete "
        f"{settings.prefix}.watch-changelog and {settings.prefix}.tallies, and run {_forget(settings, topic)}"
    )
