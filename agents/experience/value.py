"""Value, the fourth of the four laws: what customers report that they got."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.context import Seen
from agents.experience.evidence import Measure, Told, evidence_of, share

__all__ = ["VALUE", "Answers", "answer_of", "value_score"]

VALUE: Final = "value"


def answer_of(seen: Seen) -> float | None:
    """Return how far an answer to a survey lies on the way from the worst end of its scale to the best, 0..1; None where it says nothing."""
    data = seen.entry.data
    if len(data) < 4 or data[2] == data[3]:
        return None
    answer = (data[1] - data[2]) / (data[3] - data[2])
    return answer if 0.0 <= answer <= 1.0 else None  # one outside was stored before such were refused


class Answers(Measure):
    """Each answer to a survey falls short by how far it lies from the best end of its scale; the team that worked last in the contact answers for it."""

    def types(self) -> frozenset[str]:
        return frozenset({"survey.answered"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        answer = answer_of(seen)
        if answer is None:
            return ()
        work = seen.contact.last_work
        evidence = evidence_of("answers", seen, 1.0 - answer, team=None if work is None else work.team)
        return (Told(("answers", seen.entry.source, seen.entry.id, ""), evidence, -1, seen),)


def value_score(sums: Mapping[str, float]) -> float | None:
    """Return 100 x the mean answer as a share of its scale, None without evidence.

    5 and 2 on a scale of 1 to 5, and 8 of 0 to 10: 100 x (1 + 0.25 + 0.8) / 3 = 68.3.
    """
    answered = share(sums, "answers")
    return None if answered is None else 100.0 * answered
