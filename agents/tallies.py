"""Rolling sums of teams, channels, seams and tenants: what one source partition contributes, mergeable over all."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from mypy_extensions import mypyc_attr

from agents.engine import CONSISTENCY, Charge, PartCharge, left_after

__all__ = ["EntityKey", "Part", "Sum", "Tallies", "consistency", "handoff"]


_LEAST_EVIDENCE = 1e-6


class EntityKey(NamedTuple):
    """Whose score: with its half-life in seconds."""

    tenant: str
    scope: str
    name: str
    score: str
    half_life: int

    def parts(self) -> list[str | int]:
        """Return the key as its JSON array has it: tenant, score, scope, name, half_life."""
        return [self.tenant, self.score, self.scope, self.name, self.half_life]


class _Published(msgspec.Struct):
    harm: float
    opportunities: float
    charges: int
    segments: int
    at: int
    offset: int


class _PublishedHandoffs(_Published):
    lost: float = 0.0
    known: float = 0.0
    losses: int = 0
    contexts: int = 0


class _PublishedParts(_PublishedHandoffs):
    parts: dict[str, tuple[float, float, int, int]] = {}


@mypyc_attr(acyclic=True)
class Part:
    """How far a part of an experience fell short: ``short`` of ``of``, decayed, as of its own ``at`` (microseconds); ``count`` pieces of evidence."""

    __slots__ = ("at", "count", "of", "short")

    def __init__(self, short: float, of: float, count: int, at: int) -> None:
        self.short = short
        self.of = of
        self.count = count
        self.at = at

    def told(self) -> tuple[float, float, int, int]:
        """Return it as it is published."""
        return self.short, self.of, self.count, self.at


@mypyc_attr(acyclic=True)
class Sum:
    """Decayed sums as of ``at`` (microseconds), and counts of what is in them; ``offset`` is the last source offset in it.

    ``parts`` hold what is known of experience, each as of its own moment; None where nothing ever was.

    Of handoffs ``opportunities`` are those decided and ``harm`` those late (``charges`` and ``segments`` count them), ``known`` those whose context is known
    and ``lost`` those that lost some of it (``contexts`` and ``losses``).
    """

    __slots__ = ("at", "charges", "contexts", "harm", "known", "losses", "lost", "offset", "opportunities", "parts", "segments")

    def __init__(self, harm: float, opportunities: float, charges: int, segments: int, at: int, offset: int) -> None:
        self.harm = harm
        self.opportunities = opportunities
        self.charges = charges
        self.segments = segments
        self.at = at
        self.offset = offset
        self.lost = 0.0
        self.known = 0.0
        self.losses = 0
        self.contexts = 0
        self.parts: dict[str, Part] | None = None

    @classmethod
    def decode(cls, value: bytes) -> "Sum":
        """Read what ``encode`` wrote; raises ``msgspec.ValidationError`` or ``ValueError``."""
        read = _decode(value)
        found = cls(read.harm, read.opportunities, read.charges, read.segments, read.at, read.offset)
        found.lost, found.known, found.losses, found.contexts = read.lost, read.known, read.losses, read.contexts
        if read.parts:
            found.parts = {name: Part(*told) for name, told in read.parts.items()}
        return found

    def encode(self) -> bytes:
        """Return the sum as it is published."""
        sums = self.harm, self.opportunities, self.charges, self.segments, self.at, self.offset
        if self.parts is not None:
            parts = {name: part.told() for name, part in self.parts.items()}
            return _encode(_PublishedParts(*sums, self.lost, self.known, self.losses, self.contexts, parts))
        if self.contexts or self.losses:
            return _encode(_PublishedHandoffs(*sums, self.lost, self.known, self.losses, self.contexts))
        return _encode(_Published(*sums))

    @property
    def empty(self) -> bool:
        return not (self.charges or self.segments or self.losses or self.contexts)


_decode = msgspec.json.Decoder(_PublishedParts).decode
_encode = msgspec.json.Encoder().encode


_Entity = tuple[str, str, str, str]


class Tallies:
    """The sums that one source partition keeps."""

    def __init__(self, half_lives: Iterable[int]) -> None:
        """Keep sums for each half-life, in microseconds."""
        self._half_lives = tuple(half_lives)
        self._sums: dict[_Entity, list[Sum]] = {}
        self._unrestored = [-1] * len(self._half_lives)
        self._floors: dict[_Entity, list[int]] = {}
        self._changed: set[_Entity] = set()

    def restore(self, key: str, value: bytes) -> bool:
        """Take back a sum that was published; return whether it is what is known from now on: one that is older changes nothing.

        Raises ``msgspec.ValidationError`` or ``ValueError`` for what is no tally.
        """
        entity, place = self._place(key)
        restored = Sum.decode(value)
        if place is None:
            return True
        sums = self._sums.setdefault(entity, [Sum(0.0, 0.0, 0, 0, restored.at, -1) for _ in self._half_lives])
        if restored.offset < sums[place].offset:
            return False
        sums[place] = restored
        self._floors[entity] = [each.offset for each in sums]
        return True

    def encoded(self, key: str) -> bytes:
        """Return the sum of a key, as it is published."""
        entity, place = self._place(key)
        return self._sums[entity][place or 0].encode()

    def _place(self, key: str) -> tuple[_Entity, int | None]:
        """Return the entity of a key, and which of the half-lives it is of (None: none that is kept)."""
        tenant, score, scope, name, half_life = json.loads(key)[:5]
        kept = half_life * 1_000_000 in self._half_lives
        return (tenant, scope, name, score), self._half_lives.index(half_life * 1_000_000) if kept else None

    def charge(self, tenant: str, charge: Charge, offset: int) -> None:
        """Add a charge that the record at ``offset`` caused; a sum that already holds that record is left alone."""
        scope, name, time, harm, opportunities, charges, score, lost, known = charge
        for half_life, held in self._without((tenant, scope, name, score), time, offset):
            ahead = time - held.at
            weight = 1.0
            if ahead > 0:
                decay = left_after(ahead, half_life)
                held.harm *= decay
                held.opportunities *= decay
                held.lost *= decay
                held.known *= decay
                held.at = time
            elif ahead < 0:
                weight = left_after(-ahead, half_life)
            held.charges += charges
            held.segments += opportunities
            held.harm = held.harm + harm * weight if held.charges else 0.0
            held.opportunities = held.opportunities + opportunities * weight if held.segments else 0.0
            if known:
                held.losses += lost
                held.contexts += known
                held.lost = held.lost + lost * weight if held.losses else 0.0
                held.known = held.known + known * weight if held.contexts else 0.0
            held.offset = offset

    def tell(self, tenant: str, charge: PartCharge, offset: int) -> None:
        """Add to a part what the record at ``offset`` is evidence of; a sum that already holds that record is left alone."""
        scope, name, kind, time, short, of, pieces = charge
        for half_life, held in self._without((tenant, scope, name, CONSISTENCY), time, offset):
            parts = held.parts
            if parts is None:
                parts = held.parts = {}
            part = parts.get(kind)
            if part is None:
                part = parts[kind] = Part(0.0, 0.0, 0, time)
            ahead = time - part.at
            weight = 1.0
            if ahead > 0:
                decay = left_after(ahead, half_life)
                part.short *= decay
                part.of *= decay
                part.at = time
            elif ahead < 0:
                weight = left_after(-ahead, half_life)
            part.count += pieces
            part.short = part.short + short * weight if part.count else 0.0
            part.of = part.of + of * weight if part.count else 0.0
            held.offset = offset

    def _without(self, entity: _Entity, time: int, offset: int) -> list[tuple[int, Sum]]:
        """Return those sums of an entity that do not hold the record at ``offset`` yet, with their half-lives; new ones are as of ``time``."""
        sums = self._sums.get(entity)
        if sums is None:
            sums = self._sums[entity] = [Sum(0.0, 0.0, 0, 0, time, -1) for _ in self._half_lives]
        self._changed.add(entity)
        floors = self._floors.get(entity) or self._unrestored
        return [(self._half_lives[place], held) for place, held in enumerate(sums) if offset > floors[place]]

    def take_changed(self) -> Iterator[tuple[EntityKey, bytes]]:
        """Yield the sums that changed since the last call, encoded."""
        changed, self._changed = self._changed, set()
        for entity in changed:
            for key, held in self._keyed(entity):
                yield key, held.encode()

    def sums(self) -> Iterator[tuple[EntityKey, Sum]]:
        """Yield all sums that hold anything."""
        for entity in self._sums:
            for key, held in self._keyed(entity):
                if not held.empty or held.parts is not None:
                    yield key, held

    def _keyed(self, entity: _Entity) -> Iterator[tuple[EntityKey, Sum]]:
        for half_life, held in zip(self._half_lives, self._sums[entity], strict=True):
            yield EntityKey(*entity, half_life // 1_000_000), held


def consistency(harm: float, opportunities: float, prior: float) -> float:
    """Return an entity's consistency: 100 x (1 - min(1, H / (O + k))), k harmless prior opportunities."""
    return 100.0 * (1.0 - min(1.0, max(0.0, harm) / (max(0.0, opportunities) + prior)))


def handoff(late: float, decided: float, lost: float, known: float) -> float | None:
    """Return how well handoffs went: 100 x (in time / decided) x (nothing lost / context known); a factor without evidence is left out.

    None without any. Of four decided one late, of two known none lost: 100 x 3/4 x 2/2 = 75. What has decayed to less than a millionth of a handoff is no
    evidence any more: a sum that something was taken back from holds no more digits than that.
    """
    factors = [1.0 - min(1.0, max(0.0, bad) / of) for bad, of in ((late, decided), (lost, known)) if of >= _LEAST_EVIDENCE]
    return 100.0 * math.prod(factors) if factors else None
