"""A touchpoint as a row keeps it."""

from typing import Any

import msgspec
from mypy_extensions import mypyc_attr

from agents.fingerprints import LENGTH, comparable, same
from agents.sketches import LENGTH as SKETCH_LENGTH

__all__ = ["Entry", "encode"]

encode = msgspec.msgpack.Encoder().encode

_FIXED = 48
"""For how many bytes a touchpoint counts besides its texts."""

_KEYED = {"info.provided": (1, LENGTH), "fact.stated": (1, LENGTH), "message": (3, SKETCH_LENGTH)}
"""Where the data of a type hold what was hashed under a key, and how many bytes it has for each key."""


@mypyc_attr(acyclic=True)
class Entry:
    """One touchpoint as a row keeps it.

    ``time`` is in microseconds UTC, ``arrival`` the source offset that brought it. ``data`` holds what detectors read, by type; values are fingerprints
    and masks only. What is added to it later comes at its end: a stored one can be shorter.
    """

    __slots__ = (
        "arrival",
        "brand",
        "channel",
        "contact",
        "data",
        "id",
        "journey",
        "kind",
        "previous_contact",
        "segment",
        "sequence",
        "source",
        "team",
        "time",
        "type",
    )

    def __init__(
        self,
        time: int,
        sequence: int,
        type: str,  # noqa: A002  # it is a touchpoint's key
        source: str,
        id: str,  # noqa: A002  # as above
        arrival: int,
        channel: str,
        kind: str,
        team: str | None,
        journey: str | None,
        contact: str | None,
        segment: str | None,
        previous_contact: str | None,
        data: tuple[Any, ...] = (),
        brand: str | None = None,
    ) -> None:
        self.time = time
        self.sequence = sequence
        self.type = type
        self.source = source
        self.id = id
        self.arrival = arrival
        self.channel = channel
        self.kind = kind
        self.team = team
        self.journey = journey
        self.contact = contact
        self.segment = segment
        self.previous_contact = previous_contact
        self.data = data
        self.brand = brand

    def says_the_same(self, other: "Entry") -> bool:
        """Tell whether a record with the same identity has the same content, as far as it is kept."""
        if self.content() == other.content():
            return True
        place, length = _KEYED.get(self.type, (0, 0))
        if not length or other.type != self.type or len(self.data) <= place or len(self.data) != len(other.data):
            return False
        # The key may have been replaced since: of what cannot be compared nothing says that it differs.
        ours, theirs = self.data[place], other.data[place]
        alike = same(ours, theirs, length) or not comparable(ours, (theirs,), length)
        return alike and self._besides(place) == other._besides(place)

    def content(self) -> bytes:
        """Return all of it but where it arrived."""
        return self._content(self.data)

    def _besides(self, place: int) -> bytes:
        return self._content((*self.data[:place], *self.data[place + 1 :]))

    def _content(self, data: tuple[Any, ...]) -> bytes:
        return encode((
            *(self.time, self.sequence, self.type, self.source, self.id, self.channel, self.kind, self.team),
            *(self.journey, self.contact, self.segment, self.previous_contact, data, self.brand),
        ))  # fmt: skip

    @property
    def size(self) -> int:
        """Return for how many bytes it counts where memory is limited: its texts, and a fixed share for the rest."""
        size = _FIXED + len(self.id) + len(self.source)
        if self.journey is not None:
            size += len(self.journey)
        if self.contact is not None:
            size += len(self.contact)
        if self.segment is not None:
            size += len(self.segment)
        for part in self.data:
            if isinstance(part, (str, bytes)):
                size += len(part)
            elif isinstance(part, tuple):
                size += len(encode(part))
        return size
