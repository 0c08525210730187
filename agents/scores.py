"""Scores from sums: entities by merging the partial sums of all partitions, customers and journeys from their findings."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from agents.engine import Customer
from agents.tallies import SCORE, Sum, consistency
from agents.timeline import moment

__all__ = ["customer_score", "entity_score", "merge"]

PRIOR_OPPORTUNITIES = 20.0


def merge(key: Sequence[Any], partials: Iterable[bytes], prior: float = PRIOR_OPPORTUNITIES) -> bytes:
    """Merge the latest tallies of one entity, one from each source partition, into its score as JSON.

    ``key`` is [tenant, score, scope, name, half_life in seconds]. The score is as of the newest partial; its value is null once all was taken back.
    """
    sums = [msgspec.json.decode(each, type=Sum) for each in partials]
    return msgspec.json.encode(entity_score(key, sums, max(each.at for each in sums), prior))


def entity_score(key: Sequence[Any], sums: Iterable[Sum], as_of: int, prior: float) -> dict[str, Any]:
    """Return an entity's score as of a moment, in microseconds UTC."""
    tenant, score, scope, name, half_life = key[:5]
    harm = opportunities = 0.0
    held = 0
    for each in sums:
        decay = 2.0 ** ((each.at - as_of) / (half_life * 1_000_000))
        harm += each.harm * decay
        opportunities += each.opportunities * decay
        held += each.charges + each.segments
    return {
        "tenant": tenant,
        "score": score,
        "scope": scope,
        "name": name,
        "half_life": half_life,
        "value": consistency(harm, opportunities, prior) if held else None,
        "samples": opportunities,
        "components": {"harm": harm, "opportunities": opportunities, "prior": prior},
        "as_of": moment(as_of),
    }


def customer_score(customer: Customer, journey: str | None, as_of: int, half_life: int) -> dict[str, Any]:
    """Return the consistency of a journey, or of the whole customer, as of a moment: 100 x exp(-S).

    The value is null where nothing scores. ``half_life`` is in microseconds.
    """
    harm, findings = customer.harm(as_of, half_life, journey)
    return {
        "tenant": customer.tenant,
        "score": SCORE,
        "scope": "customer" if journey is None else "journey",
        "name": customer.customer if journey is None else journey,
        "half_life": half_life // 1_000_000,
        "value": 100.0 * math.exp(-harm) if findings else None,
        "samples": findings,
        "components": {"harm": harm, "findings": findings},
        "as_of": moment(as_of),
    }
