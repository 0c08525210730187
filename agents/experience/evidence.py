"""Evidence: what single touchpoints say of an experience, and the base of what looks for it."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, Final, NamedTuple

from agents.context import Seen
from agents.fields import FieldCatalog

__all__ = ["BROUGHT_SHORT", "LEAST", "MOVED", "MOVED_BY_PARTNERS", "Evidence", "Measure", "Settings", "Told", "evidence_of", "share"]

LEAST: Final = 1e-6
"""What has decayed to less is no evidence any more: a sum that something was taken back from holds no more digits than that."""

MOVED, MOVED_BY_PARTNERS = "moved", "moved_by_partners"
"""The parts of the fusion score: points by which a bond moved, and those of them that belong to partners."""

BROUGHT_SHORT: Mapping[str, str] = {
    "moods": "gloom",
    "promises": "broken",
    "facts": "contradicted",
    "contacts": "missed",
    "handlings": "unused",
    "answers": "discontent",
    "expected": "below_expected",
    "advertised": "below_advertised",
    MOVED: "loss",
    MOVED_BY_PARTNERS: "loss_by_partners",
}
"""By part what it is called by which it fell short: components of a score have both names."""


class Evidence(NamedTuple):
    """One chance to do well, and by how much it was missed: ``short`` of ``of`` (1; of a bond its points).

    ``time`` is in microseconds UTC. ``team`` is to answer for it; ``partner`` is the partner's team to whom it belongs, None where it is the company's own.
    """

    part: str
    time: int
    short: float
    of: float
    team: str | None
    channel: str
    brand: str | None
    journey: str | None
    partner: str | None = None


class Told(NamedTuple):
    """What a measure says under ``key``: it takes the place of what it said before under that key; None: nothing any more.

    With a ``due`` time (microseconds UTC, negative: none) it counts from then on, grace included, and until then keeps ``seen`` in memory.
    """

    key: tuple[str, str, str, str]
    evidence: Evidence | None
    due: int
    seen: Seen


class Settings(NamedTuple):
    """What measures take from the rules, in microseconds and points."""

    fields: FieldCatalog
    transit: Set[str]
    points: Mapping[str, float]
    stated_within: int
    advertised_within: int
    furthest: int


class Measure:
    """Base of all measures; each overrides what it looks at.

    ``memory`` is shared by all of them and the detectors, under keys that are tuples and begin with a name of the measure's own; it goes when the timeline is
    folded anew. A touchpoint is told before what it says counts.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def types(self) -> frozenset[str]:
        """Return the touchpoint types that ``touchpoint`` is told of."""
        return frozenset()

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        """Say what a touchpoint is evidence of."""
        return ()


def evidence_of(part: str, seen: Seen, short: float, *, team: str | None, of: float = 1.0, partner: str | None = None) -> Evidence:
    """Return evidence that is dated by a touchpoint and of its channel, brand and journey."""
    entry = seen.entry
    return Evidence(part, entry.time, short, of, team, entry.channel, entry.brand, seen.journey.id, partner)


def share(sums: Mapping[str, float], *parts: str) -> float | None:
    """Return which share of the chances of these parts was not missed, 0..1; None without evidence."""
    chances = sum([sums.get(part, 0.0) for part in parts])
    if chances < LEAST:
        return None
    missed = sum([sums.get(BROUGHT_SHORT[part], 0.0) for part in parts])
    return 1.0 - min(1.0, max(0.0, missed) / chances)
