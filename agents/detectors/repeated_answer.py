"""A customer tells us something that they have already told us in this journey."""

from collections.abc import Iterable
from typing import Any

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import Explanation, Found, Side
from agents.fingerprints import parts, same
from agents.repetition import RepetitionRule, repetition, silos_of
from agents.rules import Duration

__all__ = ["RepeatedAnswer"]


class RepeatedAnswerRule(RepetitionRule):
    """Adds what is no repetition: an answer to a read-back, and the echo of one utterance from a second source."""

    read_back: Duration = "25s"  # type: ignore[assignment]
    same_breath: Duration = "5s"  # type: ignore[assignment]


class RepeatedAnswer(Detector[RepeatedAnswerRule]):
    """Fires when the customer gives a value equal to an earlier valid one."""

    name = "repeated_answer"
    rule_model = RepeatedAnswerRule
    types = frozenset({"info.provided"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        field, fingerprint, _, valid, corrects = seen.entry.data
        if not valid or corrects or not seen.by_customer:
            return
        time = seen.entry.time
        given = seen.journey.valid_values(field, time, self.fields.definition(field).validity)
        equal = [provision for provision in given if same(provision.fingerprint, fingerprint)]
        if not equal or self._echoes(seen, field, fingerprint) or self._reads_back(seen, field):
            return
        first = equal[-1].seen
        reason = repetition(first, seen)
        yield Found(
            self.rule,
            seen,
            again=seen,
            first=first,
            reason=reason,
            silos=silos_of(self.rule, reason),
            sender=Side.of(first),
            receiver=Side.of(seen),
            field=field,
            evidence=seen.answers[-1:],
            explanations=[Explanation("repeated_request", request, field) for request in reversed(seen.answers)],
        )

    def _echoes(self, seen: Seen, field: str, fingerprint: bytes) -> bool:
        said = seen.contact.said
        oldest = seen.entry.time - self.rule.same_breath
        return any(said.get((field, part), oldest - 1) >= oldest for part in parts(fingerprint))

    def _reads_back(self, seen: Seen, field: str) -> bool:
        oldest = seen.entry.time - self.rule.read_back
        return any(asked.entry.time >= oldest and asked.entry.data[0] == field for asked in seen.segment.read_backs)
