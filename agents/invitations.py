"""Whom to ask how it went: rules in, decisions out. Sending them is another system's work."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.finding import invitation_id
from agents.portfolio import Pattern
from agents.rules import Duration, Words
from agents.timeline import moment

__all__ = ["Asked", "InvitationRule", "InvitationRules", "Invited", "decide"]

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Fact = Literal["type", "channel", "actor", "team", "brand", "language", "intent", "segment", "quadrant", "resolved"]
"""What a condition can look at."""


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class InvitationRule(_Rules):
    """When a customer is asked: ``after`` a touchpoint of these types, or at the first one ``every`` so long; and only ``when`` all of these hold.

    A past rule has ``after``, a present one ``every``, a potential one ``when``.
    """

    name: _Name
    pattern: Pattern
    survey: Annotated[str, Field(min_length=1, max_length=512)]
    after: frozenset[str] = frozenset()
    every: Duration | None = None
    when: Mapping[Fact, frozenset[Words]] = Field(default_factory=dict)
    mode: Literal["on", "off"] = "on"

    @model_validator(mode="after")
    def _complete(self) -> "InvitationRule":
        needed = {Pattern.PAST: "after", Pattern.PRESENT: "every", Pattern.POTENTIAL: "when"}[self.pattern]
        if not getattr(self, needed):
            raise ValueError(f"{needed} is missing: an invitation of the pattern {self.pattern} needs it")
        return self


class InvitationRules(_Rules):
    """All invitations. No customer gets more than ``most`` of them in any ``fatigue``; each is good for ``valid``."""

    fatigue: Annotated[Duration, Field(gt=0)] = "30d"  # type: ignore[assignment]
    most: Annotated[int, Field(ge=1, le=100)] = 1
    valid: Annotated[Duration, Field(gt=0)] = "3d"  # type: ignore[assignment]
    invitations: tuple[InvitationRule, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> "InvitationRules":
        names = [rule.name for rule in self.invitations]
        surveys = {(rule.survey, rule.pattern) for rule in self.invitations}
        if len(set(names)) < len(names):
            raise ValueError("invitations: two of them have one name")
        if len({survey for survey, _ in surveys}) < len(surveys):
            raise ValueError("invitations: one survey belongs to two patterns")
        return self

    @property
    def surveys(self) -> dict[str, Pattern]:
        """Return the pattern of each survey."""
        return {rule.survey: rule.pattern for rule in self.invitations}


class Invited(msgspec.Struct, array_like=True, frozen=True):
    """An invitation that was decided on: when (microseconds UTC), by which rule."""

    time: int
    rule: str


class Asked(msgspec.Struct, frozen=True):
    """What came of a rule whose time had come: the invitation, or why there is none (``fatigue``)."""

    rule: InvitationRule
    body: dict[str, Any] | None


def decide(
    rules: InvitationRules, invited: Sequence[Invited], since: int, touchpoint: Any, time: int, facts: Mapping[str, str | None]
) -> list[Asked]:
    """Return what follows from a touchpoint at ``time`` for a customer who is known ``since`` (microseconds UTC) and was ``invited`` before.

    ``facts`` are what conditions look at, folded as words. The touchpoint is the customer's newest: late ones ask nobody.
    """
    made: list[Asked] = []
    recent = sum(time - each.time <= rules.fatigue for each in invited)
    for rule in rules.invitations:
        if rule.mode == "off" or (rule.after and touchpoint.type not in rule.after):
            continue
        if any(facts.get(name) not in values for name, values in rule.when.items()):
            continue
        last = max((each.time for each in invited if each.rule == rule.name), default=since)
        if rule.every is not None and time - last < rule.every:
            continue
        if recent >= rules.most:
            made.append(Asked(rule, None))
            continue
        recent += 1
        made.append(Asked(rule, _body(rules, rule, touchpoint, time)))
    return made


def _body(rules: InvitationRules, rule: InvitationRule, touchpoint: Any, time: int) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "id": invitation_id(touchpoint.tenant, rule.name, touchpoint.source, touchpoint.id),
        "tenant": touchpoint.tenant,
        "customer": touchpoint.customer,
        "rule": rule.name,
        "pattern": rule.pattern.value,
        "survey": rule.survey,
        "time": moment(time),
        "expires": moment(time + rules.valid),
        "source": touchpoint.source,
        "touchpoint": touchpoint.id,
        "contact": touchpoint.contact,
        "channel": touchpoint.channel,
        "language": touchpoint.language,
    }
