"""What a row holds, as it is stored."""

from typing import Any

import msgspec

__all__ = ["Entry", "Rest", "encode"]

encode = msgspec.msgpack.Encoder().encode


class Entry(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One touchpoint as a row keeps it.

    ``time`` is in microseconds UTC, ``arrival`` the source offset that brought it. ``data`` holds what detectors read, by type; values are fingerprints
    and masks only. Fields may be added at the end, with a default: stored rows stay readable.
    """

    time: int
    sequence: int
    type: str
    source: str
    id: str
    arrival: int
    channel: str
    kind: str
    team: str | None
    journey: str | None
    contact: str | None
    segment: str | None
    previous_contact: str | None
    data: tuple[Any, ...] = ()

    def says_the_same(self, other: "Entry") -> bool:
        """Tell whether a record with the same identity has the same content, as far as it is kept."""
        return encode(msgspec.structs.replace(other, arrival=self.arrival)) == encode(self)


class Rest(msgspec.Struct, array_like=True):
    """What a row keeps besides its touchpoints: revisions of findings, what was dropped, and what the dropped ones leave behind."""

    revisions: dict[bytes, tuple[int, int]]
    horizon: tuple[int, int, int, str, str] | None
    waiting: list[tuple[str, str]]
    kept_contacts: dict[str, str]
    kept_latest: tuple[int, str] | None
