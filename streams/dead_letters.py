"""A refused record, as a Kafka record: its bytes, and where it came from."""

from collections.abc import Sequence
from datetime import UTC, datetime

from streams.producer import Outgoing

__all__ = ["HEADER", "MOST_BYTES", "MOST_KEY_BYTES", "dead_letter"]

MOST_BYTES = 900 * 1024
"""Bytes of the original value that are kept: with its headers it fits into what a broker takes by default."""

HEADER = "header."
"""Begins the names of the headers that the refused record had itself."""

MOST_KEY_BYTES = 64 * 1024
"""Bytes of the original key that are kept: what is refused may have a key as large as any value."""


def dead_letter(
    topic: str,
    *,
    source: tuple[str, int, int],
    reason: str,
    detail: str,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    now: datetime | None = None,
) -> Outgoing:
    """Return the record for ``topic`` that keeps what was refused.

    ``source`` is the topic, partition and offset that it was read from; it stays in the partition of that number, which all topics have, so that
    those of a source keep their order. Headers: ``topic``, ``partition``, ``offset``, ``reason``, ``detail``, ``time``, ``key`` where it had one,
    ``truncated`` and ``key_truncated`` with the original length where value or key was cut, and its own ``headers`` under `HEADER`, unless there are too
    many: then ``headers_truncated`` with their number.
    """
    origin, partition, offset = source
    kept = [(HEADER + name, content or b"") for name, content in headers]
    if sum(len(name) + len(content) for name, content in kept) > MOST_KEY_BYTES:
        kept = [("headers_truncated", b"%d" % len(kept))]
    about = [
        ("topic", origin.encode()),
        ("partition", b"%d" % partition),
        ("offset", b"%d" % offset),
        ("reason", reason.encode()),
        ("detail", detail.encode()),
        ("time", (now or datetime.now(UTC)).isoformat(timespec="milliseconds").encode()),
    ]
    if value is not None and len(value) > MOST_BYTES:
        about.append(("truncated", b"%d" % len(value)))
        value = value[:MOST_BYTES]
    if key is not None:
        if len(key) > MOST_KEY_BYTES:
            about.append(("key_truncated", b"%d" % len(key)))
        about.append(("key", key[:MOST_KEY_BYTES]))
    return Outgoing(topic, partition, None, value, about + kept)
