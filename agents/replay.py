"""The engine over files: no Kafka, any order of lines, the same findings."""

from collections.abc import Iterator
from typing import Any

import msgspec

from agents.fields import FieldCatalog, Fingerprinter
from agents.partition import Counts, Effects, PartitionWatch, Record
from agents.rules import Rulebook
from agents.scores import customer_score
from models.dead_letter import DeadLetter

__all__ = ["Replay"]

_BATCH = 1000


class Replay:
    """Feed lines, finish, and take the final state.

    Findings are the final ones: each id once, with what it came to; withdrawn ones are left out.
    """

    def __init__(self, rulebook: Rulebook, fields: FieldCatalog, fingerprinter: Fingerprinter) -> None:
        self._engine = rulebook.engine
        self._watch = PartitionWatch(rulebook, fields, fingerprinter, 0, keyed=False)
        self._findings: dict[str, dict[str, Any]] = {}
        self._records: list[Record] = []
        self.dead_letters: list[DeadLetter] = []

    @property
    def counts(self) -> Counts:
        """Return what was counted so far."""
        return self._watch.counts

    def feed(self, line_number: int, value: bytes) -> None:
        """Take one line; line numbers must rise. What is refused shows in ``dead_letters`` once its batch is done."""
        self._records.append(Record(line_number, None, None, value))
        if len(self._records) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Process the lines that wait."""
        records, self._records = self._records, []
        self._take(self._watch.process(records))

    def finish(self, until: int) -> None:
        """Fire the deadlines up to ``until`` (microseconds UTC), or to the newest touchpoint where that is later."""
        self.flush()
        self._take(self._watch.advance(until))

    def findings(self) -> Iterator[dict[str, Any]]:
        """Yield what stands in the end, by time and id."""
        standing = [each for each in self._findings.values() if not each["withdrawn"]]
        yield from sorted(standing, key=lambda each: (each["time"], each["id"]))

    def scores(self, as_of: int) -> Iterator[dict[str, Any]]:
        """Yield all scores as of a moment, in microseconds UTC."""
        half_life = self._engine.customer_half_life
        yield from self._watch.entity_scores(as_of)
        for customer in self._watch.customers():
            if customer.contributions:
                journeys = {each.journey for each in customer.contributions.values()} - {None}
                for journey in (None, *sorted(filter(None, journeys))):
                    yield customer_score(customer, journey, as_of, half_life)

    def _take(self, effects: Effects) -> None:
        self.dead_letters.extend(effects.dead_letters)
        for _, value in effects.findings:
            body = msgspec.json.decode(value)
            self._findings[body["id"]] = body
