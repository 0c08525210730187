"""Rules: every threshold, window, severity and mode, as validated data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from agents.fields import fold_words
from models.finding import Mode, Severity, SiloType

__all__ = ["EVENTS", "MICROSECONDS", "Duration", "EngineRules", "Language", "Rule", "Rulebook", "Text", "Words"]

Language = Literal["en", "de", "zh-Hans", "fa"]
"""The languages that people are told of findings in."""

MICROSECONDS = 1_000_000
_UNITS = {"ms": 1_000, "s": MICROSECONDS, "m": 60 * MICROSECONDS, "h": 3600 * MICROSECONDS, "d": 86400 * MICROSECONDS}
_DURATION = re.compile(r"^([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)$")


def _duration(value: Any) -> Any:
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a duration such as 25s, 90m, 24h or 7d")
    return round(float(match[1]) * _UNITS[match[2]])


Duration = Annotated[int, BeforeValidator(_duration), Field(ge=0)]
"""A span of time, written as 500ms, 25s, 90m, 24h or 7d; held in microseconds."""

Words = Annotated[str, AfterValidator(fold_words)]
"""A name that is compared as words: NFKC, case folded, white space one space."""


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Text(_Rules):
    """What people are told of a finding: what happened, why it matters, what to do first.

    Names in braces are filled in, see `agents.wording.PLACES`.
    """

    what: Annotated[str, Field(min_length=1)]
    why: str
    first: str


def _sentence(value: Any) -> Any:
    return {"what": value, "why": "", "first": ""} if isinstance(value, str) else value


class Rule(_Rules):
    """What every rule has; a detector's own rule model adds its thresholds."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    detector: str
    version: Annotated[int, Field(ge=1)] = 1
    mode: Mode = "on"
    severity: Severity = "warning"
    silos: tuple[SiloType, ...] = ("organization",)
    texts: Mapping[Language, Annotated[Text, BeforeValidator(_sentence)]] = Field(default_factory=dict)
    """One sentence alone is what happened."""


EVENTS = frozenset({"promise_kept", "resolved", "survey", "mention"})
"""Events, besides the findings of detectors, that can move a bond: ``survey`` and ``mention`` at their best, as much the other way at their worst."""

_FUSION: Mapping[str, float] = {
    "promise_kept": 3, "survey": 5, "mention": 8,
    "broken_promise": -8, "dead_end": -6, "contradiction": -5, "premature_closure": -5,
    "unanswered_handoff": -4, "ping_pong": -4, "excessive_handoffs": -4, "repeat_contact": -4, "two_faces": -4,
    "context_lost": -3, "repeated_story": -3, "handoff_flap": -3,
    "repeated_request": -2, "repeated_answer": -2, "reauthentication": -2, "slow_handoff": -2, "misroute": -2,
}


class EngineRules(_Rules):
    """What all detectors share: how far a timeline reaches, and what makes a journey, a chain and a wait."""

    memory: Duration = "30d"  # type: ignore[assignment]
    """How far a timeline reaches back from the customer's newest touchpoint."""
    maximum_touchpoints: Annotated[int, Field(ge=1, le=10_000)] = 500
    """How many touchpoints of one customer are kept; older ones are dropped first."""
    maximum_bytes: Annotated[int, Field(ge=1024, le=900_000)] = 262_144
    """How many bytes of one customer are kept, as stored."""
    maximum_an_hour: Annotated[int, Field(ge=1, le=10_000)] = 200
    """How many touchpoints with times in one UTC hour a customer can have; one with more is none, and is watched no more."""
    not_a_customer: frozenset[str] = frozenset()
    """Ids under which a source files what belongs to no customer: counted, never watched."""
    journey_gap: Duration = "7d"  # type: ignore[assignment]
    """A touchpoint without journey and contact joins the latest one at most this much earlier."""
    grace: Duration = "5s"  # type: ignore[assignment]
    """How long after a deadline the clock must have come before an absence counts."""
    transit: frozenset[str] = frozenset({"entry-ivr", "survey", "payment"})
    """Teams that a customer only passes through: skipped in hops, chains and answers."""
    answer_limits: Mapping[str, Duration] = {"voice": "60s", "chat": "60s", "other": "24h"}  # type: ignore[dict-item]
    """How long a handoff may wait, by channel (ivr is voice, bot is chat); ``other`` for all not named."""
    unlimited_modes: frozenset[str] = frozenset({"callback", "referral"})
    """Handoff modes that nobody has to pick up within a limit."""
    harm: Mapping[Severity, Annotated[float, Field(ge=0, le=0.95)]] = {"info": 0.0, "warning": 0.15, "critical": 0.4}
    """What a finding costs a score, by severity."""
    prior_opportunities: Annotated[float, Field(gt=0)] = 20.0
    """Harmless handlings that every team starts with, so that one with three contacts is not ranked by luck."""
    half_lives: tuple[Duration, ...] = ("1h", "7d")  # type: ignore[assignment]
    """Half-lives of the scores of teams, channels, seams and tenants."""
    customer_half_life: Duration = "7d"  # type: ignore[assignment]
    """Half-life of the scores of customers and journeys."""
    fusion: Mapping[str, Annotated[float, Field(ge=-50, le=50)]] = Field(default_factory=lambda: dict(_FUSION))
    """By how many points of 100 an event moves the fusion score: of ``EVENTS``, or the finding of a detector."""
    fusion_blame: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of what a partner did, the share that consumers put down to the brand."""
    moments: Mapping[Words, Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]] = Field(default_factory=dict)
    """Moments of truth: how much more a finding weighs where impact is ranked, by type of its touchpoint or intent of its contact."""
    sales_intents: frozenset[Words] = frozenset({"purchase", "order", "upgrade", "sales"})
    """Intents of contacts that show a team's sales face; an offer shows it too."""
    briefs: Literal["on", "off"] = "on"
    """Whether a brief goes to the next handler at the start of a handoff and of a known customer's new contact."""
    brief_items: Annotated[int, Field(ge=1, le=20)] = 20
    """How many items each list of a brief holds at most."""
    measures: Literal["on", "off"] = "on"
    """Whether findings say what was held against a threshold."""

    def answer_limit(self, channel: str, mode: str | None) -> int | None:
        """Return how long a wait on this folded channel may take, in microseconds, or None where nobody has to hurry."""
        if mode in self.unlimited_modes:
            return None
        limits = self.answer_limits
        return limits.get(channel, limits.get("other"))


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rules that are in force together."""

    engine: EngineRules
    rules: tuple[Rule, ...]
