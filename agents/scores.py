"""Scores from sums: entities by merging the partial sums of all partitions, customers and journeys from their findings."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from agents.engine import CONSISTENCY, HANDOFF, Customer
from agents.tallies import Sum, consistency, handoff
from agents.timeline import moment

__all__ = ["Merger", "customer_score", "entity_score"]


class Merger:
    """Merges the tallies of all source partitions into scores, one for each entity; the newest tally of a key is all that is kept."""

    def __init__(self, prior: float) -> None:
        """Start every entity with ``prior`` harmless opportunities."""
        self._prior = prior
        self._tallies: dict[bytes, dict[bytes, Sum]] = {}
        self._changed: set[bytes] = set()
        self._overtaken: dict[bytes, bytes] = {}

    def take(self, key: bytes | None, value: bytes | None) -> bool:
        """Take in a tally, by its key and JSON (None: it is no more); return whether it is one.

        A tally of an older source offset than the known one changes nothing: its writer had lost the partition.
        """
        entity, _, partition = (key or b"").rpartition(b",")
        entity += b"]"
        try:
            if len(json.loads(entity)) != 5 or not partition.endswith(b"]"):
                return False
            new = None if value is None else Sum.decode(value)
        except (ValueError, TypeError, msgspec.MsgspecError):
            return False
        tallies = self._tallies.setdefault(entity, {})
        if new is None:
            tallies.pop(partition, None)
        elif partition not in tallies or new.offset >= tallies[partition].offset:
            tallies[partition] = new
        else:
            self._overtaken[key or b""] = tallies[partition].encode()
            return True
        self._overtaken.pop(key or b"", None)
        self._changed.add(entity)
        return True

    def take_overtaken(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and JSON of each tally that stands before an older one of its key: to be written again, for compaction keeps the last."""
        overtaken, self._overtaken = self._overtaken, {}
        yield from overtaken.items()

    def take_scores(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and JSON of each score that changed since the last call, as of its newest tally; its value is null once all was taken back."""
        changed, self._changed = self._changed, set()
        for entity in changed:
            tallies = self._tallies[entity].values()
            if tallies:
                score = entity_score(json.loads(entity), tallies, max(each.at for each in tallies), self._prior)
                score["sequence"] = sum(each.offset + 1 for each in tallies)  # of two states of the topic the later has the higher one
                yield entity, msgspec.json.encode(score)


def entity_score(key: Sequence[Any], sums: Iterable[Sum], as_of: int, prior: float) -> dict[str, Any]:
    """Return an entity's score as of a moment, in microseconds UTC."""
    tenant, score, scope, name, half_life = key[:5]
    harm = opportunities = lost = known = 0.0
    empty = True
    for each in sums:
        decay = 2.0 ** ((each.at - as_of) / (half_life * 1_000_000))
        harm += each.harm * decay
        opportunities += each.opportunities * decay
        lost += each.lost * decay
        known += each.known * decay
        empty = empty and each.empty
    value = handoff(harm, opportunities, lost, known) if score == HANDOFF else consistency(harm, opportunities, prior)
    return {
        "tenant": tenant,
        "score": score,
        "scope": scope,
        "name": name,
        "half_life": half_life,
        "value": None if empty else value,
        "samples": max(opportunities, known),
        "components": (
            {"late": harm, "decided": opportunities, "lost": lost, "known": known}
            if score == HANDOFF
            else {"harm": harm, "opportunities": opportunities, "prior": prior}
        ),
        "as_of": moment(as_of),
    }


def customer_score(customer: Customer, journey: str | None, as_of: int, half_life: int) -> dict[str, Any]:
    """Return the consistency of a journey, or of the whole customer, as of a moment: 100 x exp(-S).

    The value is null where nothing scores. ``half_life`` is in microseconds.
    """
    harm, findings = customer.harm(as_of, half_life, journey)
    return {
        "tenant": customer.tenant,
        "score": CONSISTENCY,
        "scope": "customer" if journey is None else "journey",
        "name": customer.customer if journey is None else journey,
        "half_life": half_life // 1_000_000,
        "value": 100.0 * math.exp(-harm) if findings else None,
        "samples": findings,
        "components": {"harm": harm, "findings": findings},
        "as_of": moment(as_of),
    }
