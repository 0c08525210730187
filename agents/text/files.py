"""Messages of files: lines come in any order, what is said is read in the order of its times."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from agents.text.recognise import Recogniser
from agents.text.touchpoints import Conversations, derived, kinds
from models.decoding import decode_touchpoint
from models.touchpoint import Refusal, parse_touchpoint

__all__ = ["Held"]


class _Head(msgspec.Struct):
    """What tells whose a line is, and when it was."""

    id: str
    source: str
    type: str
    time: datetime
    customer: str
    tenant: str = "default"
    sequence: int = 0


_SIGNS = (b'"handoff.', b'"promise.', b'"auth.', b'"intent')
_decode = msgspec.json.Decoder(_Head).decode


class Held:
    """Holds back the lines of every customer from the first message on.

    What a source tells itself is not read out of its words: ``told`` are types that all of them do, those in its lines are added.
    """

    def __init__(self, recogniser: Recogniser, told: Iterable[str] = ()) -> None:
        self._recogniser = recogniser
        self._kinds = kinds(told)
        self._kinds_of: dict[tuple[str, str], set[str]] = {}
        self._lines: dict[tuple[str, str], list[tuple[datetime, int, int, bytes]]] = {}
        self._told: set[tuple[str, str, str, datetime]] = set()

    def takes(self, line_number: int, value: bytes) -> bool:
        """Take a line that has to wait; return whether it has to."""
        says = b"message" in value
        tells = b"info." in value
        announces = any(sign in value for sign in _SIGNS)
        if not (says or tells or announces or self._lines):
            return False
        try:
            head = _decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            return False
        if head.time.tzinfo is None:
            return False
        if tells and head.type.startswith("info.") and "/" in head.id:
            self._told.add((head.tenant, head.source, _record_of(head.id), head.time))
        if announces:
            told = ["intent.stated"] if head.type == "contact.started" and b'"intent"' in value else [head.type]
            self._kinds_of.setdefault((head.tenant, head.source), set()).update(kinds(told))
        key = (head.tenant, head.customer)
        lines = self._lines.get(key)
        if lines is None:
            if head.type != "message":
                return False
            lines = self._lines[key] = []
        lines.append((head.time, head.sequence, line_number, value))
        return True

    def release(self) -> Iterator[tuple[int, bytes]]:
        """Yield number and value of each line that waited, in the order of times, and after a message, under its number, what it says.

        A message of which its source told itself what it says, by ``info.*`` touchpoints of the same record and time, is not read.
        """
        for lines in self._lines.values():
            conversations = Conversations(len(lines))
            for _, _, line_number, value in sorted(lines, key=lambda line: line[:3]):
                yield line_number, value
                if b"message" in value:
                    yield from ((line_number, each) for each in self._read(value, conversations))

    def _read(self, value: bytes, conversations: Conversations) -> list[bytes]:
        touchpoint = decode_touchpoint(value) or parse_touchpoint(value)
        if isinstance(touchpoint, Refusal) or touchpoint.type != "message":
            return []
        for record in {touchpoint.id, _record_of(touchpoint.id)}:
            if (touchpoint.tenant, touchpoint.source, record, touchpoint.time) in self._told:
                return []
        told = self._kinds | self._kinds_of.get((touchpoint.tenant, touchpoint.source), set())
        return derived(touchpoint, self._recogniser, conversations.of(touchpoint), told)


def _record_of(identifier: str) -> str:
    """Return the id of the raw record behind a touchpoint's: ``<raw id>/<index>``."""
    return identifier.rpartition("/")[0] or identifier
