"""The engine over files: no Kafka, any order of lines, the same findings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from agents.fields import FieldCatalog, Fingerprinter
from agents.links import INTERNAL, parse_internal
from agents.partition import Counts, Effects, PartitionWatch, Record
from agents.rules import Rulebook
from agents.scores import customer_score, experience_scores
from agents.text.files import Held
from agents.text.recognise import Recogniser
from models.dead_letter import DeadLetter

__all__ = ["Replay"]

_BATCH = 1000


class Replay:
    """Feed lines, finish, and take the final state.

    Findings are the final ones: each id once, with what it came to; withdrawn ones are left out. With a ``recogniser`` messages are read too: the lines of
    a customer who wrote or was written to wait for the end, and are taken in the order of their times.
    ``told`` are types of touchpoints that the source tells itself, and that are not read out of its messages.
    ``briefs`` tells whether the briefs for next handlers are kept too.
    ``recognised`` counts the touchpoints that were read out of messages.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        fields: FieldCatalog,
        fingerprinter: Fingerprinter,
        recogniser: Recogniser | None = None,
        *,
        briefs: bool = False,
        told: Iterable[str] = (),
    ) -> None:
        if not briefs:
            rulebook = replace(rulebook, engine=rulebook.engine.model_copy(update={"briefs": "off"}))
        self._engine = rulebook.engine
        self._watch = PartitionWatch(rulebook, fields, fingerprinter, 0, keyed=False)
        self._findings: dict[str, dict[str, Any]] = {}
        self._briefs: dict[str, dict[str, Any]] = {}
        self._records: list[Record] = []
        self._held = None if recogniser is None else Held(recogniser, told)
        self._newest_line = 0
        self._late_lines: list[int] = []
        self._onward: list[tuple[bytes, bytes]] = []
        self._recogniser = recogniser
        self.recognised = 0
        self.dead_letters: list[DeadLetter] = []

    @property
    def counts(self) -> Counts:
        """Return what was counted so far."""
        return self._watch.counts

    @property
    def unread(self) -> Mapping[str, int]:
        """Return how many messages were not read, or not to their end, by reason."""
        return {} if self._recogniser is None else self._recogniser.counts

    def feed(self, line_number: int, value: bytes) -> None:
        """Take one line; line numbers must rise. What is refused shows in ``dead_letters`` once its batch is done.

        What workers wrote to one another is passed over: it follows from the rest, and is done again here.
        """
        if value.startswith(INTERNAL):
            return
        self._newest_line = line_number
        if self._held is not None and self._held.takes(line_number, value):
            return
        self._records.append(Record(line_number, None, None, value))
        if len(self._records) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Process the lines that wait."""
        records, self._records = self._records, []
        self._take(self._watch.process(records))

    def release(self) -> None:
        """Process the lines that waited for the end, with what messages say; nothing can be fed after it."""
        if self._held is None:
            return
        held, self._held = self._held, None
        for line_number, value in held.release():
            if self._late_lines and self._late_lines[-1] == line_number:
                self.recognised += 1
            self._late_lines.append(line_number)
            self._records.append(Record(self._newest_line + len(self._late_lines), None, None, value))
            if len(self._records) >= _BATCH:
                self.flush()

    def finish(self, until: int) -> None:
        """Fire the deadlines up to ``until`` (microseconds UTC), or to the newest touchpoint where that is later."""
        self.release()
        self.flush()
        while self._onward:
            self._send_on()
        self._take(self._watch.advance(until))

    def findings(self) -> Iterator[dict[str, Any]]:
        """Yield what stands in the end, by time and id."""
        standing = [each for each in self._findings.values() if not each["withdrawn"]]
        yield from sorted(standing, key=lambda each: (each["time"], each["id"]))

    def briefs(self) -> Iterator[dict[str, Any]]:
        """Yield the last brief of each id, by time and id; none unless they were asked for."""
        yield from sorted(self._briefs.values(), key=lambda each: (each["time"], each["id"]))

    def scores(self, as_of: int) -> Iterator[dict[str, Any]]:
        """Yield all scores as of a moment, in microseconds UTC."""
        half_life = self._engine.customer_half_life
        yield from self._watch.entity_scores(as_of)
        for customer in self._watch.customers():
            if customer.contributions:
                journeys = {each.journey for each in customer.contributions.values()} - {None}
                for journey in (None, *sorted(filter(None, journeys))):
                    yield customer_score(customer, journey, as_of, half_life)
            yield from experience_scores(customer, as_of, half_life, self._engine.fusion_blame)

    def _send_on(self) -> None:
        """Process what goes to other keys, where all has been read that could come before it."""
        onward, self._onward = self._onward, []
        for key, value in onward:
            self._late_lines.append(self._line(parse_internal(value).offset))
            self._records.append(Record(self._newest_line + len(self._late_lines), None, key, value))
        self.flush()

    def _line(self, offset: int) -> int:
        late = offset - self._newest_line - 1
        return offset if late < 0 or not self._late_lines else self._late_lines[late]

    def _take(self, effects: Effects) -> None:
        self._onward += effects.onward
        for letter in effects.dead_letters:
            self.dead_letters.append(letter._replace(offset=self._line(letter.offset)))
        forgotten = [mark for mark in effects.marks if mark.what == "forgotten"]
        _keep(self._findings, effects.findings, [(mark.findings, mark.key) for mark in forgotten])
        _keep(self._briefs, effects.briefs, [(mark.briefs, mark.key) for mark in forgotten])


def _keep(kept: dict[str, dict[str, Any]], told: Sequence[tuple[bytes, bytes]], forgotten: Sequence[tuple[int, bytes]]) -> None:
    """Keep by id what was told, in order; where a customer's key is forgotten, nothing of before."""
    begin = 0
    for end, key in (*forgotten, (len(told), None)):
        for _, value in told[begin:end]:
            body = msgspec.json.decode(value)
            kept[body["id"]] = body
        begin = end
        if key is not None:
            for body in list(kept.values()):
                if f"{body['tenant']}/{body['customer']}".encode() == key:
                    del kept[body["id"]]
