"""Scores, and the partial sums (tallies) that they are merged from."""

from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = ["BEHIND", "FEWEST", "Score", "Tally", "left_out"]

BEHIND: Mapping[str, tuple[str, ...]] = {
    "handoff": ("context_lost", "slow_handoff", "unanswered_handoff"),
    "emotional": ("mood_drop",),
    "communication": ("broken_promise", "contradiction"),
    "purpose": ("dead_end", "excessive_handoffs", "misroute", "ping_pong"),
    "difference": ("repeated_request",),
    "value": ("expectation_gap", "portfolio_shift"),
    "expectation": ("broken_promise", "expectation_gap"),
}
"""By score the detectors that find single cases of what lowers it; for a score that is not named here all of them do."""


FEWEST = 10.0
"""Chances from which moods, promises or facts go into the headline that people are shown."""
_CS = ("moods", "promises", "facts")
_GONE = 1e-6


def left_out(score: str, components: Mapping[str, float]) -> list[str]:
    """Return which parts of an entity's headline have too few chances to be shown in it: a single fact that is contradicted would make it nought."""
    if score != "three_cs" or "prior" not in components:
        return []
    return [part for part in _CS if _GONE <= components.get(part, 0.0) < FEWEST]


class Tally(BaseModel):
    """What one source partition contributes to one entity's score, absolute and decayed to ``at``.

    The value of a record whose key is the JSON array [tenant, score, scope, name, half_life, partition]: the latest one of a key replaces the earlier.
    ``harm`` and ``opportunities`` halve every ``half_life`` seconds after ``at`` (microseconds UTC); ``charges`` and ``segments`` count what is in
    them, undecayed, so that an entity of which all was taken back is known to be empty. Of the handoff score ``opportunities`` are the handoffs that were
    decided, ``harm`` those among them that were late, ``known`` those whose context is known, ``lost`` those of these that lost some (``contexts`` and
    ``losses`` count them). ``parts`` hold what is known of experience, by part (docs/scores.md): by how much it fell short, of how much, from how many pieces
    of evidence (undecayed), and as of which moment of its own. ``offset`` is the last source offset that is in it.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    harm: float
    opportunities: float
    charges: int
    segments: int
    at: int
    offset: int
    lost: float = 0.0
    known: float = 0.0
    losses: int = 0
    contexts: int = 0
    parts: dict[str, tuple[float, float, int, int]] = Field(default_factory=dict)


class Score(BaseModel):
    """One score, as of one moment; a reader decays its components to its own now.

    ``sequence`` decides between two scores of one moment: it grows with the source offsets that they were made from, in whatever order they arrive.
    ``value`` is 0..100, ``None`` where nothing is left to score (its row is deleted). ``half_life`` is in seconds. ``samples`` is what the value rests on:
    decayed opportunities or evidence, for the consistency of a journey or customer scoring findings. ``components`` hold the sums of the formula.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    tenant: str
    score: str
    scope: str
    name: str
    half_life: int
    value: float | None
    samples: float
    components: dict[str, float]
    as_of: AwareDatetime
    sequence: int = 0
