"""A customer is asked for something that they have already told us in this journey."""

from collections.abc import Iterable
from typing import Any

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import Explanation, Found, Gone, Side
from agents.fingerprints import comparable, same
from agents.repetition import RepetitionRule, repetition, silos_of

__all__ = ["RepeatedRequest"]


class RepeatedRequest(Detector[RepetitionRule]):
    """Fires at the request; unless the field is one of identity, the customer's next answer decides whether it was a failure, if it can be compared."""

    name = "repeated_request"
    rule_model = RepetitionRule
    types = frozenset({"info.requested", "info.provided"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        if seen.entry.type == "info.provided":
            return [verdict for request in seen.answers for verdict in self._decided(memory, request, seen)]
        return self._asked(memory, seen)

    def _asked(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        field, purpose = seen.entry.data
        if purpose != "collect" or seen.by_customer:
            return
        definition = self.fields.definition(field)
        given = seen.journey.valid_values(field, seen.entry.time, definition.validity)
        if not given:
            return
        first = given[-1].seen
        certain = definition.kind == "identity"
        reason = repetition(first, seen)
        found = Found(
            self.rule,
            seen,
            again=seen,
            first=first,
            reason=reason,
            severity=self.rule.severity if certain else "info",
            silos=silos_of(self.rule, reason),
            sender=Side.of(first),
            receiver=Side.of(seen),
            field=field,
            explanations=tuple(_explanations(seen, field, identity=certain)),
        )
        if not certain:
            memory[self, seen] = found, {provision.fingerprint for provision in given}
        yield found

    def _decided(self, memory: dict[Any, Any], request: Seen, answer: Seen) -> Iterable[Verdict]:
        found, values = memory.pop((self, request), (None, ()))
        if found is None:
            return
        answered = answer.entry.data[1]
        if any(same(value, answered) for value in values):
            yield found.copied(severity=self.rule.severity, evidence=(answer,))
        elif comparable(answered, values):
            yield Gone(self.rule, request, found.discriminator)


def _explanations(seen: Seen, field: str, *, identity: bool) -> Iterable[Explanation]:
    handoff = None if seen.team is None else seen.contact.last_handoff_to(seen.team, 0)
    if handoff is not None:
        yield Explanation("context_lost", handoff.seen, field)
    if identity:
        for authentication in reversed(seen.segment.authentications):
            yield Explanation("reauthentication", authentication, "")
