"""Files through the engine: what was read, what was refused and where, and what was found."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from agents.engine import CONSISTENCY
from agents.fields import FieldCatalog, Fingerprinter
from agents.replay import Replay
from agents.rules import Rulebook
from agents.text.recognise import Recogniser
from models.dead_letter import DeadLetterReason
from streams.sources import Source, Unmappable, Unreadable
from streams.sources.touchpoints import Touchpoints

__all__ = ["SHOWN", "Playback", "Refused", "counts_for_alert", "told_by"]

SHOWN = 20
"""How many refused lines are told one by one."""

_CHUNK = 1000


class Refused(NamedTuple):
    """A line that could not be used (in a log, an event by its number): where, the reason, and a sentence."""

    file: str
    line: int
    reason: str
    detail: str


def told_by(source: Source) -> frozenset[str]:
    """Return the types that ``source`` tells itself; what canonical lines tell is seen in them."""
    return source.tells if source.name != Touchpoints.name else frozenset()


class Playback(Replay):
    """Reads files one after the other.

    ``lines`` counts what was read, ``reasons`` what was refused; the first refused lines are in ``refused``. ``newest``
    is the time of the newest touchpoint, in microseconds UTC, 0 without one; known when all is finished.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        fields: FieldCatalog,
        fingerprinter: Fingerprinter,
        source: Source,
        recogniser: Recogniser | None = None,
        *,
        briefs: bool = False,
    ) -> None:
        super().__init__(rulebook, fields, fingerprinter, recogniser, briefs=briefs, told=told_by(source))
        self.source = source
        self._offset = 0
        self._starts: list[int] = []
        self._places: list[tuple[str, int]] = []
        self.lines = 0
        self.refused: list[Refused] = []
        self.reasons: Counter[str] = Counter()
        self.newest = 0

    def read(self, file: str, stream: BinaryIO, progress: Callable[[int], None] = lambda lines: None) -> None:
        """Take all lines of ``stream``; ``progress`` hears of every thousand.

        Raises `Unreadable`, naming ``file``, where it breaks off.
        """
        line, records = 0, iter(self.source.read(stream))
        try:
            while chunk := list(islice(records, _CHUNK)):
                self._take_chunk(file, line, chunk)
                line += len(chunk)
                progress(len(chunk))
        except Unreadable as error:
            raise Unreadable(f"{file}: {error}") from error
        self.flush()
        self._tell_refused()

    def take(self, place: str, first: int, records: list[bytes]) -> None:
        """Take records that follow each other at ``place`` (a partition), the first of them at the number ``first``."""
        self._take_chunk(place, first - 1, records)

    def finish(self, until: int) -> None:
        """Fire the deadlines up to ``until`` (microseconds UTC), or to the newest touchpoint where that is later."""
        self.release()
        self.flush()
        self.newest = self._watch.clock
        super().finish(until)
        self._tell_refused()

    def worst(self, scope: str, half_life: int, most: int = 5) -> list[dict[str, Any]]:
        """Return the lowest consistency of a scope (``team``, ``seam``) as of the newest touchpoint; ``half_life`` in seconds."""
        wanted = (CONSISTENCY, scope, half_life)
        scores = [
            score
            for score in self._watch.entity_scores(self.newest)
            if (score["score"], score["scope"], score["half_life"]) == wanted and score["value"] < 100.0
        ]
        return sorted(scores, key=lambda score: (score["value"], score["name"]))[:most]

    def _take_chunk(self, file: str, line: int, chunk: list[bytes]) -> None:
        take, feed, offset = self.source.map, self.feed, self._offset
        # A file that is read again after another one begins a place of its own.
        shift = self._places[-1][1] if self._places and self._places[-1][0] == file else None
        for record in chunk:
            line += 1
            try:
                mapped = take(record)
            except Unmappable as error:
                self._refuse(Refused(file, line, DeadLetterReason.UNMAPPED, str(error)))
                continue
            for touchpoint in mapped:
                offset += 1
                if offset - line != shift:  # the first of a file, or one record was not one touchpoint
                    shift = offset - line
                    self._starts.append(offset)
                    self._places.append((file, shift))
                feed(offset, touchpoint)
        self._offset = offset
        self.lines += len(chunk)
        self._tell_refused()

    def _tell_refused(self) -> None:
        letters, self.dead_letters = self.dead_letters, []
        for letter in letters:
            file, shift = self._places[bisect_right(self._starts, letter.offset) - 1]
            self._refuse(Refused(file, letter.offset - shift, letter.reason, letter.detail))

    def _refuse(self, refused: Refused) -> None:
        self.reasons[refused.reason] += 1
        if len(self.refused) < SHOWN:
            self.refused.append(refused)


def counts_for_alert(finding: Mapping[str, Any]) -> bool:
    """Return whether a standing finding opens an alert or keeps one open."""
    return finding["explained_by"] is None and finding["severity"] != "info" and finding["rule"]["mode"] == "on"
