"""The fusion score: how far a consumer, or a partner, and a brand have grown together; 50 is neutral.

The idea, and events that move it by points such as +3 and -8, are those of a German essay on the 'fusion score' between consumer and brand.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.context import Seen
from agents.entry import Entry
from agents.experience.evidence import MOVED, Evidence, Measure, Told, evidence_of
from agents.experience.value import answer_of

__all__ = ["FUSION", "Bonds", "consumer_fusion", "fusion_score", "partner_of", "points_of"]

FUSION: Final = "fusion"
_NEUTRAL: Final = 50.0


def partner_of(entry: Entry) -> str | None:
    """Return the team of the partner whose doing a touchpoint is."""
    return entry.team if entry.kind == "partner" else None


class Bonds(Measure):
    """What binds: promises kept, contacts that resolved something; and answers and public mentions, which move either way.

    Findings move a bond too; those the engine adds, by the points of their detector.
    """

    def types(self) -> frozenset[str]:
        asked = {
            "promise_kept": ("promise.made", "promise.kept"),
            "resolved": ("contact.ended",),
            "survey": ("survey.answered",),
            "mention": ("mention.published",),
        }
        return frozenset([kind for event, kinds in asked.items() if self.settings.points.get(event) for kind in kinds])

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        entry = seen.entry
        kind, data = entry.type, entry.data
        if not data:
            return ()
        if kind == "promise.made":
            memory["bonds", data[0]] = data[1]
            return ()
        if kind == "promise.kept":
            due: int | None = memory.pop(("bonds", data[0]), None)
            return () if due is None or entry.time > due else self._moved(seen, "promise_kept", 1.0)
        if kind == "contact.ended":
            contact = seen.contact.id
            if len(data) < 2 or contact is None:
                return ()
            return self._moved(seen, "resolved", 1.0 if data[1] else 0.0, contact)
        if kind == "survey.answered":
            answer = answer_of(seen)
            return () if answer is None else self._moved(seen, "survey", 2.0 * answer - 1.0)
        return self._moved(seen, "mention", data[0] / 1000.0) if data[1] else ()

    def _moved(self, seen: Seen, event: str, times: float, contact: str | None = None) -> Sequence[Told]:
        entry = seen.entry
        points = self.settings.points.get(event, 0.0) * times
        evidence = None if points == 0.0 else points_of(evidence_of(MOVED, seen, 0.0, team=None, partner=partner_of(entry)), points)
        key = ("bonds", entry.source, entry.id, "") if contact is None else ("bonds", "", contact, event)
        return (Told(key, evidence, -1, seen),)


def points_of(evidence: Evidence, points: float) -> Evidence:
    """Return evidence that a bond moved by ``points``."""
    return evidence._replace(short=max(0.0, -points), of=abs(points))


def consumer_fusion(sums: Mapping[str, float]) -> float:
    """Return what binds one consumer and a brand: 50 + gain - loss, at least 0 and at most 100.

    A promise kept (+3) and another broken (-8): 50 + 3 - 8 = 45; one half-life later 50 + 1.5 - 4 = 47.5.
    """
    return min(100.0, max(0.0, _NEUTRAL + sums.get("moved", 0.0) - 2.0 * sums.get("loss", 0.0)))


def fusion_score(sums: Mapping[str, float]) -> float:
    """Return what binds all consumers, or a partner, and a brand: 50 + 50 x (gain - loss) / (gain + loss + 50).

    A few points move it by about as much as one consumer's bond, many by the balance of them: 30 gained and 20 lost make 50 + 50 x 10 / 100 = 55.
    """
    moved = max(0.0, sums.get("moved", 0.0))
    loss = min(moved, max(0.0, sums.get("loss", 0.0)))
    return _NEUTRAL + 50.0 * (moved - 2.0 * loss) / (moved + 50.0)
