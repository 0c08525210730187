"""Expectation against experience: what was promised, advertised or expected, and what came."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.context import Seen
from agents.experience.evidence import Measure, Told, evidence_of, share
from agents.experience.value import answer_of

__all__ = ["EXPECTATION", "Expectations", "expectation_score"]

EXPECTATION: Final = "expectation"


class Expectations(Measure):
    """An answer to a survey falls short by how far it lies below what the customer had expected, else below what was advertised lately.

    How far is a share of the scale. What was advertised beyond its end cannot be compared, and says nothing. More than expected does not make up for less
    elsewhere.
    """

    def types(self) -> frozenset[str]:
        return frozenset({"survey.answered", "brand.exposure"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        entry = seen.entry
        data = entry.data
        if entry.type == "brand.exposure":
            if data:
                memory["advertised", data[0]] = entry
            return ()
        answer = answer_of(seen)
        if answer is None:
            return ()
        part, hoped = "expected", 0
        if len(data) > 4:
            hoped = data[4]
        else:
            advertised = memory.get(("advertised", data[0]))
            if advertised is None or entry.time - advertised.time > self.settings.advertised_within:
                return ()
            part, hoped = "advertised", advertised.data[1]
        expected = (hoped - data[2]) / (data[3] - data[2])
        if not 0.0 <= expected <= 1.0:
            return ()
        work = seen.contact.last_work
        evidence = evidence_of(part, seen, max(0.0, expected - answer), team=None if work is None else work.team)
        return (Told(("expectations", entry.source, entry.id, ""), evidence, -1, seen),)


def expectation_score(sums: Mapping[str, float]) -> float | None:
    """Return 100 x (1 - all that fell short / all that was promised, advertised or expected), None without evidence.

    One promise kept and one broken, 4 expected and 2 answered on a scale of 1 to 5: 100 x (1 - (1 + 0.5) / 3) = 50.
    """
    met = share(sums, "promises", "expected", "advertised")
    return None if met is None else 100.0 * met
