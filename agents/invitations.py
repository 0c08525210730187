"""Whom to ask how it went: rules in, decisions out. Sending them is another system's work."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.finding import invitation_id, reminder_id
from agents.portfolio import Pattern
from agents.rules import Duration, Words
from agents.timeline import moment

__all__ = ["Asked", "InvitationRule", "InvitationRules", "Invited", "decide", "next_due", "remind"]

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Fact = Literal["type", "channel", "actor", "team", "brand", "language", "intent", "segment", "quadrant", "resolved"]
"""What a condition can look at."""
_KNOWN = frozenset({"brand", "channel", "language", "segment", "quadrant"})
"""What is known of a customer without a touchpoint: of the first three what was told last."""


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class InvitationRule(_Rules):
    """When a customer is asked: ``after`` a touchpoint of these types, or at the first one ``every`` so long; and only ``when`` all of these hold.

    A past rule has ``after``, a present one ``every``, a potential one ``when``. A present one that goes ``by`` time asks when the period is over, touchpoint
    or not, whoever has been in touch since the last time; its conditions look at what is known of the customer without a touchpoint.
    """

    name: _Name
    pattern: Pattern
    survey: Annotated[str, Field(min_length=1, max_length=512)]
    after: frozenset[str] = frozenset()
    every: Duration | None = None
    by: Literal["touchpoint", "time"] = "touchpoint"
    when: Mapping[Fact, frozenset[Words]] = Field(default_factory=dict)
    mode: Literal["on", "off"] = "on"

    @model_validator(mode="after")
    def _complete(self) -> "InvitationRule":
        needed = {Pattern.PAST: "after", Pattern.PRESENT: "every", Pattern.POTENTIAL: "when"}[self.pattern]
        if not getattr(self, needed):
            raise ValueError(f"{needed} is missing: an invitation of the pattern {self.pattern} needs it")
        if self.by == "time" and (self.pattern is not Pattern.PRESENT or not self.when.keys() <= _KNOWN):
            raise ValueError(f"by time: only a present invitation goes by time, and its conditions look at {', '.join(sorted(_KNOWN))} alone")
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
    told = touchpoint.tenant, touchpoint.customer, touchpoint.channel, touchpoint.language
    for rule in rules.invitations:
        if rule.mode == "off" or (rule.after and touchpoint.type not in rule.after) or not _holds(rule, facts):
            continue
        if rule.every is not None and time - _last(rule, invited, since) < rule.every:
            continue
        if recent < rules.most:
            recent += 1
            made.append(Asked(rule, _body(rules, rule, time, *told, touchpoint)))
        elif rule.by != "time":  # which is put off, see `next_due`
            made.append(Asked(rule, None))
    return made


def remind(
    rules: InvitationRules, invited: Sequence[Invited], since: int, heard: int, time: int, facts: Mapping[str, str | None], tenant: str, customer: str
) -> list[Asked]:
    """Return the invitations that are due at ``time`` without a touchpoint, which `next_due` told; the customer was in touch last when
    they were ``heard``.

    All times are in microseconds UTC.
    """
    made = []
    recent = sum(time - each.time <= rules.fatigue for each in invited)
    for rule in rules.invitations:
        if recent < rules.most and _due(rules, rule, invited, since, heard) == time and _holds(rule, facts):
            recent += 1
            made.append(Asked(rule, _body(rules, rule, time, tenant, customer, facts.get("channel"), facts.get("language"), None)))
    return made


def next_due(rules: InvitationRules, invited: Sequence[Invited], since: int, heard: int, after: int) -> int:
    """Return the first time later than ``after`` at which a rule asks without a touchpoint, 0 where none does: the end of its period, or of fatigue.

    All times are in microseconds UTC.
    """
    found = (_due(rules, rule, invited, since, heard) for rule in rules.invitations)
    return min((each for each in found if each > after), default=0)


def _due(rules: InvitationRules, rule: InvitationRule, invited: Sequence[Invited], since: int, heard: int) -> int:
    if rule.by != "time" or rule.every is None or rule.mode == "off" or heard <= max((each.time for each in invited if each.rule == rule.name), default=0):
        return 0
    times = sorted(each.time for each in invited)
    rested = times[-rules.most] + rules.fatigue + 1 if len(times) >= rules.most else 0
    return max(_last(rule, invited, since) + rule.every, rested)


def _last(rule: InvitationRule, invited: Sequence[Invited], since: int) -> int:
    return max((each.time for each in invited if each.rule == rule.name), default=since)


def _holds(rule: InvitationRule, facts: Mapping[str, str | None]) -> bool:
    return all(facts.get(name) in values for name, values in rule.when.items())


def _body(
    rules: InvitationRules, rule: InvitationRule, time: int, tenant: str, customer: str, channel: str | None, language: str | None, touchpoint: Any | None
) -> dict[str, Any]:
    if touchpoint is None:
        identity, source, identifier, contact = reminder_id(tenant, rule.name, customer, time), None, None, None
    else:
        source, identifier, contact = touchpoint.source, touchpoint.id, touchpoint.contact
        identity = invitation_id(tenant, rule.name, source, identifier)
    return {
        "schema_version": 1,
        "id": identity,
        "tenant": tenant,
        "customer": customer,
        "rule": rule.name,
        "pattern": rule.pattern.value,
        "survey": rule.survey,
        "time": moment(time),
        "expires": moment(time + rules.valid),
        "source": source,
        "touchpoint": identifier,
        "contact": contact,
        "channel": channel,
        "language": language,
    }
