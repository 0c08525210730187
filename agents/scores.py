"""Scores from sums: entities by merging the partial sums of all partitions, customers and journeys from their findings."""

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from agents.engine import CONSISTENCY, HANDOFF, Customer, Trace, left_after
from agents.experience import (
    BROUGHT_SHORT,
    COMMUNICATION,
    DIFFERENCE,
    EMOTIONAL,
    EXPECTATION,
    FUSION,
    LEAST,
    MOVED,
    MOVED_BY_PARTNERS,
    PURPOSE,
    RESTS_ON,
    THREE_CS,
    VALUE,
    communication_score,
    consumer_fusion,
    difference_score,
    emotional_score,
    expectation_score,
    fusion_score,
    purpose_score,
    three_cs_score,
    value_score,
)
from agents.tallies import Sum, consistency, handoff
from agents.timeline import moment
from models.score import left_out

__all__ = ["SCORES", "Merger", "customer_score", "entity_score", "experience_scores", "faded", "newest_of", "scores_of", "shown_value", "value_of"]

SCORES: Final = (CONSISTENCY, HANDOFF, *RESTS_ON)
"""The names of all scores."""

_NEUTRAL: Final = 50.0


def value_of(score: str, sums: Mapping[str, float]) -> float | None:
    """Return a score from its components, decayed to the moment it is wanted for; None where there is no evidence.

    Components of entities have a ``prior`` where customers and journeys have none.
    """
    if score == HANDOFF:
        return handoff(sums["late"], sums["decided"], sums["lost"], sums["known"])
    if score == CONSISTENCY:
        return _journey_consistency(sums)
    if score == THREE_CS:
        known = "prior" not in sums or sums["harm"] + sums["opportunities"] >= LEAST
        return three_cs_score(_journey_consistency(sums) if known else None, emotional_score(sums), communication_score(sums))
    if score == FUSION:
        return fusion_score(sums) if "prior" in sums else consumer_fusion(sums)
    return _FORMULAS[score](sums)


def shown_value(score: str, sums: Mapping[str, float]) -> float | None:
    """Return a score as people are shown it: as `value_of`, of a headline without what is `left_out`."""
    without = left_out(score, sums)
    return value_of(score, {name: each for name, each in sums.items() if name not in without} if without else sums)


def faded(components: Mapping[str, float], age: int, half_life: int) -> dict[str, float]:
    """Return components after ``age``, both in microseconds."""
    decay = left_after(age, half_life)
    return {name: each if name in _CONSTANT else each * decay for name, each in components.items()}


_C_PARTS = frozenset(RESTS_ON[THREE_CS])
_CONSTANT = frozenset({"prior", "findings"})
_FORMULAS = {
    EMOTIONAL: emotional_score,
    COMMUNICATION: communication_score,
    PURPOSE: purpose_score,
    DIFFERENCE: difference_score,
    VALUE: value_score,
    EXPECTATION: expectation_score,
}


def _journey_consistency(sums: Mapping[str, float]) -> float:
    if "prior" in sums:
        return consistency(sums["harm"], sums["opportunities"], sums["prior"])
    return 100.0 * math.exp(-sums["harm"])


class Merger:
    """Merges the tallies of all source partitions into scores, one for each entity; the newest tally of a key is all that is kept."""

    def __init__(self, prior: float) -> None:
        """Start every entity with ``prior`` harmless opportunities."""
        self._prior = prior
        self._tallies: dict[bytes, dict[bytes, Sum]] = {}
        self._changed: dict[bytes, set[str]] = {}
        self._overtaken: dict[bytes, bytes] = {}

    def take(self, key: bytes | None, value: bytes | None) -> bool:
        """Take in a tally, by its key and JSON (None: it is no more); return whether it is one.

        A tally of an older source offset than the known one changes nothing: its writer had lost the partition.
        """
        entity, _, partition = (key or b"").rpartition(b",")
        entity += b"]"
        try:
            whose = json.loads(entity)
            if len(whose) != 5 or not partition.endswith(b"]"):
                return False
            new = None if value is None else Sum.decode(value)
        except (ValueError, TypeError, msgspec.MsgspecError):
            return False
        tallies = self._tallies.setdefault(entity, {})
        old = tallies.get(partition)
        if new is None:
            tallies.pop(partition, None)
        elif partition not in tallies or new.offset >= tallies[partition].offset:
            tallies[partition] = new
        else:
            self._overtaken[key or b""] = tallies[partition].encode()
            return True
        self._overtaken.pop(key or b"", None)
        moved = self._changed.setdefault(entity, set())
        moved.update(_moved(whose[1], old, new))
        if any(not _C_PARTS.isdisjoint(each.parts or ()) for each in tallies.values()):
            moved.add(THREE_CS)  # it rests on consistency besides, which every tally moves
        return True

    def take_overtaken(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and JSON of each tally that stands before an older one of its key: to be written again, for compaction keeps the last."""
        overtaken, self._overtaken = self._overtaken, {}
        yield from overtaken.items()

    def take_scores(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and JSON of each score that changed since the last call, as of its newest tally; its value is null once all was taken back."""
        changed, self._changed = self._changed, {}
        for entity, scores in changed.items():
            tallies = self._tallies[entity].values()
            if not tallies:
                continue
            tenant, _, *whose = json.loads(entity)
            for name in SCORES:
                if name in scores:
                    key = tenant, name, *whose
                    score = entity_score(key, tallies, newest_of(name, tallies), self._prior)
                    score["sequence"] = sum(each.offset + 1 for each in tallies)  # of two states of the topic the later has the higher one
                    yield msgspec.json.encode(key), msgspec.json.encode(score)


def _moved(score: str, old: Sum | None, new: Sum | None) -> Iterator[str]:
    """Yield the scores that another tally moves: that of its key, unless it only says of experience, and those whose parts are others than before."""
    ours = {} if new is None or new.parts is None else new.parts
    theirs = {} if old is None or old.parts is None else old.parts
    if not ours or not (new is None or new.empty) or not (old is None or old.empty):
        yield score
    if ours or theirs:
        parts = {part for part in {*ours, *theirs} if part not in ours or part not in theirs or ours[part].told() != theirs[part].told()}
        for name, rests_on in RESTS_ON.items():
            if not parts.isdisjoint(rests_on):
                yield name


def newest_of(score: str, sums: Collection[Sum]) -> int:
    """Return the moment of the newest of the sums that a score is made of, in microseconds UTC."""
    moments = [part.at for each in sums for name, part in (each.parts or {}).items() if name in RESTS_ON.get(score, ())]
    if not moments or score == THREE_CS:
        moments += [each.at for each in sums]
    return max(moments)


def scores_of(sums: Iterable[Sum]) -> Iterator[str]:
    """Yield the names of the scores that sums under a key of consistency hold evidence of."""
    held = list(sums)
    if not all(each.empty for each in held):
        yield CONSISTENCY
    parts = {name for each in held for name, part in (each.parts or {}).items() if part.count}
    for score, rests_on in RESTS_ON.items():
        if not parts.isdisjoint(rests_on):
            yield score


def entity_score(key: Sequence[Any], sums: Collection[Sum], as_of: int, prior: float) -> dict[str, Any]:
    """Return an entity's score as of a moment, in microseconds UTC."""
    tenant, score, scope, name, half_life = key[:5]
    if score in (CONSISTENCY, HANDOFF):
        components, empty = _sums(sums, as_of, half_life), all(each.empty for each in sums)
        if score == CONSISTENCY:
            components = {"harm": components["harm"], "opportunities": components["opportunities"], "prior": prior}
            samples = components["opportunities"]
        else:
            components = {"late": components["harm"], "decided": components["opportunities"], "lost": components["lost"], "known": components["known"]}
            samples = max(components["decided"], components["known"])
    else:
        components = _parts(score, sums, as_of, half_life)
        empty = not components
        samples = sum([components[part] for part in RESTS_ON[score] if part in components and part != MOVED_BY_PARTNERS])
        if score == THREE_CS:
            journey = _sums(sums, as_of, half_life)
            components |= {"harm": journey["harm"], "opportunities": journey["opportunities"], "prior": prior}
        elif score == FUSION:
            components["prior"] = _NEUTRAL
    return {
        "tenant": tenant,
        "score": score,
        "scope": scope,
        "name": name,
        "half_life": half_life,
        "value": None if empty else value_of(score, components),
        "samples": samples,
        "components": components,
        "as_of": moment(as_of),
    }


def _sums(sums: Iterable[Sum], as_of: int, half_life: int) -> dict[str, float]:
    harm = opportunities = lost = known = 0.0
    for each in sums:
        decay = left_after(as_of - each.at, half_life * 1_000_000)
        harm += each.harm * decay
        opportunities += each.opportunities * decay
        lost += each.lost * decay
        known += each.known * decay
    return {"harm": harm, "opportunities": opportunities, "lost": lost, "known": known}


def _parts(score: str, sums: Iterable[Sum], as_of: int, half_life: int) -> dict[str, float]:
    """Return the components of a score from the parts of sums; a part of which all was taken back is none."""
    found: dict[str, float] = {}
    for each in sums:
        for name, part in (each.parts or {}).items():
            if part.count and name in RESTS_ON[score]:
                decay = left_after(as_of - part.at, half_life * 1_000_000)
                found[name] = found.get(name, 0.0) + part.of * decay
                found[BROUGHT_SHORT[name]] = found.get(BROUGHT_SHORT[name], 0.0) + part.short * decay
    return found


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


def experience_scores(customer: Customer, as_of: int, half_life: int, blame: float, traces: Iterable[Trace] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the scores of a customer and of journeys from their evidence, as of a moment: three Cs, expectation, and fusion with each brand.

    ``traces`` tell which of them (None: all that there is evidence of); the value of one that has lost all of it is null. ``half_life`` is in microseconds,
    ``blame`` the share of what partners did that is put down to the brand.
    """
    evidence = list(customer.evidence())
    found = {(each.part, each.journey, each.brand) for each in evidence} if traces is None else traces
    wanted: set[tuple[str, str, str | None]] = set()
    for part, journey, brand in found:
        if part in RESTS_ON[THREE_CS]:
            wanted |= {(THREE_CS, "customer", None), (THREE_CS, "journey", journey)}
        if part in RESTS_ON[EXPECTATION]:
            wanted.add((EXPECTATION, "customer", None))
        if part == MOVED:
            wanted.add((FUSION, "customer", brand))
    for score, scope, name in sorted(wanted, key=lambda each: (each[0], each[1], each[2] or "")):
        sums: dict[str, float] = {}
        for each in evidence:
            part, time, short, of = each[:4]
            if (
                part not in RESTS_ON[score]
                or (scope == "journey" and each.journey != name)
                or (score == FUSION and each.brand != name)
            ):
                continue
            weight = left_after(as_of - time, half_life)
            if part == MOVED and each.partner is not None:
                weight *= blame
                _add(sums, MOVED_BY_PARTNERS, short * weight, of * weight)
            _add(sums, part, short * weight, of * weight)
        empty, samples = not sums, sum([sums[part] for part in RESTS_ON[score] if part in sums and part != MOVED_BY_PARTNERS])
        if score == THREE_CS:
            sums["harm"], findings = customer.harm(as_of, half_life, name)
            sums["findings"] = findings
        shown = (name or customer.customer) if score != FUSION else customer.customer if name is None else f"{customer.customer}>{name}"
        yield {
            "tenant": customer.tenant,
            "score": score,
            "scope": scope,
            "name": shown,
            "half_life": half_life // 1_000_000,
            "value": None if empty else value_of(score, sums),
            "samples": samples,
            "components": sums,
            "as_of": moment(as_of),
        }


def _add(sums: dict[str, float], part: str, short: float, of: float) -> None:
    sums[part] = sums.get(part, 0.0) + of
    sums[BROUGHT_SHORT[part]] = sums.get(BROUGHT_SHORT[part], 0.0) + short
