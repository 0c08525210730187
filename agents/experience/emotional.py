"""Emotional consistency, the second of the three Cs: how well customers feel, and how steadily.

The three Cs are McKinsey's (Pulido, Stone, Strevel, 'The three Cs of customer satisfaction: consistency, consistency, consistency', 2014).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.context import Seen
from agents.experience.evidence import Measure, Told, evidence_of, share

__all__ = ["EMOTIONAL", "Moods", "emotional_score"]

EMOTIONAL: Final = "emotional"


class Moods(Measure):
    """Each mood of a customer's message falls short by how negative it is, or by how far it fell since the last one of the journey, whichever is more.

    The mood is -1 to 1; a fall counts as a share of that scale.
    """

    def types(self) -> frozenset[str]:
        return frozenset({"message"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        entry = seen.entry
        data = entry.data
        if len(data) < 2 or data[1] is None or not seen.by_customer:
            return ()
        mood: int = data[1]  # in thousandths
        key = "moods", seen.journey.id
        before: int = memory.get(key, mood)
        memory[key] = mood
        short = max(0, -2 * mood, before - mood) / 2000.0
        return (Told(("moods", entry.source, entry.id, ""), evidence_of("moods", seen, short, team=seen.team), -1, seen),)


def emotional_score(sums: Mapping[str, float]) -> float | None:
    """Return 100 x (1 - gloom / moods), None without evidence.

    Moods 0.5, 0.5, -0.5: the third is half-way to the worst and fell by half of the scale, so 0.5 of 3 are gloom: 83.3.
    """
    kept = share(sums, "moods")
    return None if kept is None else 100.0 * kept
