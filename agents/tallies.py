"""Rolling sums of teams, channels, seams and tenants: what one source partition contributes, mergeable over all."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from agents.engine import Charge

__all__ = ["EntityKey", "Tallies", "consistency"]

SCORE = "consistency"


class EntityKey(NamedTuple):
    """Whose score: with its half-life in seconds."""

    tenant: str
    scope: str
    name: str
    half_life: int

    def parts(self) -> list[str | int]:
        """Return the key as its JSON array has it: tenant, score, scope, name, half_life."""
        return [self.tenant, SCORE, self.scope, self.name, self.half_life]


class Sum(msgspec.Struct):
    """Decayed sums as of ``at`` (microseconds), and counts of what is in them; ``offset`` is the last source offset in it."""

    harm: float
    opportunities: float
    charges: int
    segments: int
    at: int
    offset: int


class Tallies:
    """The sums that one source partition keeps."""

    def __init__(self, half_lives: Iterable[int]) -> None:
        """Keep sums for each half-life, in microseconds."""
        self._half_lives = tuple(half_lives)
        self._sums: dict[EntityKey, Sum] = {}
        self._restored: dict[EntityKey, int] = {}
        self._changed: set[EntityKey] = set()

    def restore(self, key: str, value: bytes) -> None:
        """Take back a sum that was published; one that is older than what is known changes nothing.

        Raises ``msgspec.ValidationError`` or ``ValueError`` for what is no tally.
        """
        tenant, _, scope, name, half_life = json.loads(key)[:5]
        restored = msgspec.json.decode(value, type=Sum)
        entity = EntityKey(tenant, scope, name, half_life)
        known = self._sums.get(entity)
        if known is None or restored.offset >= known.offset:
            self._sums[entity] = restored
            self._restored[entity] = restored.offset

    def charge(self, tenant: str, charge: Charge, offset: int) -> None:
        """Add a charge that the record at ``offset`` caused; a sum that already holds that record is left alone."""
        scope, name, time, harm, opportunities, charges = charge
        for half_life in self._half_lives:
            entity = EntityKey(tenant, scope, name, half_life // 1_000_000)
            held = self._sums.get(entity)
            if held is None:
                held = self._sums[entity] = Sum(0.0, 0.0, 0, 0, time, -1)
            elif offset <= self._restored.get(entity, -1):
                continue
            if time > held.at:
                decay = 2.0 ** ((held.at - time) / half_life)
                held.harm *= decay
                held.opportunities *= decay
                held.at = time
                weight = 1.0
            else:
                weight = 2.0 ** ((time - held.at) / half_life)
            held.harm += harm * weight
            held.opportunities += opportunities * weight
            held.charges += charges
            held.segments += opportunities
            if not held.charges:
                held.harm = 0.0
            if not held.segments:
                held.opportunities = 0.0
            held.offset = offset
            self._changed.add(entity)

    def take_changed(self) -> Iterator[tuple[EntityKey, bytes]]:
        """Yield the sums that changed since the last call, encoded."""
        changed, self._changed = self._changed, set()
        for entity in changed:
            yield entity, msgspec.json.encode(self._sums[entity])

    def sums(self) -> Iterator[tuple[EntityKey, Sum]]:
        """Yield all sums that hold anything."""
        for entity, held in self._sums.items():
            if held.charges or held.segments:
                yield entity, held


def consistency(harm: float, opportunities: float, prior: float) -> float:
    """Return an entity's consistency: 100 x (1 - min(1, H / (O + k))), k harmless prior opportunities."""
    return 100.0 * (1.0 - min(1.0, max(0.0, harm) / (max(0.0, opportunities) + prior)))
