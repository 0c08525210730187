"""Difference, the third of the four laws: no two customers are the same, and whoever serves one uses what is known of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.context import Seen
from agents.experience.evidence import Measure, Told, evidence_of, share

__all__ = ["DIFFERENCE", "Handlings", "difference_score"]

DIFFERENCE: Final = "difference"


class Handlings(Measure):
    """A handling shows what it does with what the customer had told before: it reads it back or has it confirmed, or it asks for it again.

    One question for what was known, and the handling did not use it. A request by policy says nothing. It is dated by the first that shows.
    """

    def types(self) -> frozenset[str]:
        return frozenset({"info.requested", "info.confirmed"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        entry = seen.entry
        field: str = entry.data[0]
        if field not in seen.journey.values or seen.by_customer:
            return ()
        purpose = "confirm" if entry.type == "info.confirmed" else entry.data[1]
        if purpose == "policy":
            return ()
        if not seen.journey.valid_values(field, entry.time, self.settings.fields.definition(field).validity):
            return ()
        key = "handlings", seen.segment, seen.team
        short = 1.0 if purpose == "collect" else 0.0
        known: tuple[Seen, float] | None = memory.get(key)
        if known is not None and known[1] >= short:
            return ()
        first = seen if known is None else known[0]
        memory[key] = first, short
        evidence = evidence_of("handlings", first, short, team=seen.team)
        return (Told(("handlings", first.entry.source, first.entry.id, ""), evidence, -1, first),)


def difference_score(sums: Mapping[str, float]) -> float | None:
    """Return 100 x (handlings that used what was known / handlings that show it), None without evidence.

    Of four that could, three read the number back and one asked for it again: 100 x 3/4 = 75.
    """
    used = share(sums, "handlings")
    return None if used is None else 100.0 * used
