"""Communication consistency, the third of the three Cs: promises that are kept, and one answer whoever is asked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.context import Seen
from agents.experience.evidence import Measure, Told, evidence_of, share
from agents.finding import Side
from agents.fingerprints import differ, same

__all__ = ["COMMUNICATION", "Facts", "Promises", "communication_score"]

COMMUNICATION: Final = "communication"


class Promises(Measure):
    """A promise is kept, or broken once it is due; put off or cancelled in time it says nothing. It is dated by when it was made: so both weigh the same."""

    def types(self) -> frozenset[str]:
        return frozenset({"promise.made", "promise.kept", "promise.cancelled"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        entry = seen.entry
        if not entry.data:  # stored before anybody read promises
            return ()
        key = "promises", entry.data[0]
        made: Seen | None = memory.get(key)
        told: list[Told] = []
        if made is not None and entry.time <= made.entry.data[1]:
            del memory[key]
            kept = evidence_of("promises", made, 0.0, team=made.team) if entry.type == "promise.kept" else None
            told.append(Told(_key(made), kept, -1, made))
        if entry.type == "promise.made" and entry.data[1] - entry.time <= self.settings.furthest:
            memory[key] = seen
            told.append(Told(_key(seen), evidence_of("promises", seen, 1.0, team=seen.team), entry.data[1], seen))
        return told


def _key(made: Seen) -> tuple[str, str, str, str]:
    return "promises", made.entry.source, made.entry.id, ""


class Facts(Measure):
    """A statement of a fact that another team or channel made before: the same again, or another value.

    Corrections, and values that nobody can compare, say nothing.
    """

    def types(self) -> frozenset[str]:
        return frozenset({"fact.stated"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        entry = seen.entry
        if seen.by_customer or not entry.data:
            return ()
        fact, fingerprint, _, correction = entry.data
        key = "facts", fact
        stated: dict[Any, Seen] | None = memory.get(key)
        if stated is None or correction:
            stated = memory[key] = {}
        side = Side.of(seen)
        first: Seen | None = None
        for each in reversed(stated.values()):
            if self._compares(each, seen, side):
                first = each
                break
        stated.pop((side, entry.journey), None)
        stated[side, entry.journey] = seen
        if first is None:
            return ()
        contradicted = differ(first.entry.data[1], fingerprint)
        if not contradicted and not same(first.entry.data[1], fingerprint):
            return ()
        evidence = evidence_of("facts", seen, 1.0 if contradicted else 0.0, team=seen.team)
        return (Told(("facts", entry.source, entry.id, ""), evidence, -1, seen),)

    def _compares(self, earlier: Seen, seen: Seen, side: Side) -> bool:
        one, other = earlier.entry, seen.entry
        return (
            other.time - one.time <= self.settings.stated_within
            and (one.journey is None or other.journey is None or one.journey == other.journey)
            and Side.of(earlier).is_another(side)
        )


def communication_score(sums: Mapping[str, float]) -> float | None:
    """Return 100 x (promises kept / decided) x (not contradicted / compared); a factor without evidence is left out, None without any.

    Of four promises one broken, of two statements one contradicted: 100 x 3/4 x 1/2 = 37.5.
    """
    kept, same_again = share(sums, "promises"), share(sums, "facts")
    if kept is None and same_again is None:
        return None
    return 100.0 * (1.0 if kept is None else kept) * (1.0 if same_again is None else same_again)
