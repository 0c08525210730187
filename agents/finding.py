"""What a detector says: a failure found, or one that no longer holds; and how it is written as a finding."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from agents.context import Seen
from agents.rules import Rule
from agents.timeline import moment
from models.finding import Severity

__all__ = ["NOBODY", "Explanation", "Found", "Gone", "Side", "alert_key", "auto_journey", "brief_id", "finding_id", "invitation_id", "reminder_id"]

MAXIMUM_EVIDENCE = 20

_json = msgspec.json.Encoder().encode
"""No spaces, UTF-8, non-ASCII not escaped."""


class Side(NamedTuple):
    """One side of a seam: a team and a folded channel, where known."""

    team: str | None
    channel: str | None

    @classmethod
    def of(cls, seen: Seen) -> "Side":
        return cls(seen.team, seen.channel)

    def is_another_team(self, other: "Side") -> bool:
        """Tell whether both teams are known and differ."""
        return self.team is not None and other.team is not None and self.team != other.team

    def is_another(self, other: "Side") -> bool:
        """Tell whether the teams, both known, or the channels differ."""
        return self.is_another_team(other) or self.channel != other.channel


NOBODY = Side(None, None)
"""The sender where one team alone is to blame."""


def seam_between(sender: Side, receiver: Side) -> tuple[str, str] | None:
    """Return the teams where they differ, else the channels where they differ, else None."""
    for kind, before, after in (("team", sender.team, receiver.team), ("channel", sender.channel, receiver.channel)):
        if before is not None and after is not None and before != after:
            return f"{kind}:{before}", f"{kind}:{after}"
    return None


class Explanation(NamedTuple):
    """Another finding, by its detector, cause and discriminator, that would explain this one if it stands."""

    detector: str
    cause: Seen
    discriminator: str


class Gone(NamedTuple):
    """A finding that no longer holds."""

    rule: Rule
    cause: Seen
    discriminator: str


class Found:
    """A failure: why, where it was said or happened before, what set it off, and between whom.

    ``cause`` is ``again``, for an absence the touchpoint that started the wait; ``time`` (microseconds UTC) is the cause's, for an absence the deadline.
    ``discriminator`` is the field unless given. ``explanations`` are tried in order; the first that stands explains this one.
    ``measured`` is what was held against a setting of the rule, by its key and in its unit; times are not in it, since they follow from the moments.
    """

    __slots__ = (
        "again",
        "cause",
        "discriminator",
        "evidence",
        "explained_by",
        "explanations",
        "field",
        "first",
        "id",
        "measured",
        "reason",
        "receiver",
        "rule",
        "sender",
        "severity",
        "silos",
        "time",
    )

    def __init__(
        self,
        rule: Rule,
        cause: Seen,
        *,
        first: Seen | None,
        sender: Side,
        receiver: Side,
        again: Seen | None = None,
        reason: str | None = None,
        severity: Severity | None = None,
        silos: Sequence[str] | None = None,
        time: int | None = None,
        field: str | None = None,
        discriminator: str | None = None,
        evidence: Sequence[Seen] = (),
        explanations: Sequence[Explanation] = (),
        measured: Mapping[str, float] | None = None,
    ) -> None:
        self.id = ""
        self.explained_by: str | None = None
        self.rule = rule
        self.cause = cause
        self.discriminator = discriminator or field or ""
        self.first = first
        self.again = again
        self.sender = sender
        self.receiver = receiver
        self.reason = reason or rule.name
        self.severity: Severity = severity or rule.severity
        self.silos = tuple(rule.silos if silos is None else silos)
        self.time = cause.entry.time if time is None else time
        self.field = field
        self.evidence = evidence
        self.explanations = explanations
        self.measured = measured

    @property
    def seam(self) -> tuple[str, str] | None:
        return seam_between(self.sender, self.receiver)

    def copied(self, *, severity: Severity | None = None, evidence: Sequence[Seen] | None = None) -> "Found":
        """Return the same finding once more, with another severity or other evidence where these are given."""
        found = Found(
            self.rule,
            self.cause,
            first=self.first,
            sender=self.sender,
            receiver=self.receiver,
            again=self.again,
            reason=self.reason,
            severity=severity or self.severity,
            silos=self.silos,
            time=self.time,
            field=self.field,
            discriminator=self.discriminator,
            evidence=self.evidence if evidence is None else evidence,
            explanations=self.explanations,
            measured=self.measured,
        )
        found.id = self.id
        return found

    def body(self, tenant: str, customer: str) -> dict[str, Any]:
        """Return the finding as JSON, without its revision."""
        cause = self.cause
        seam = self.seam
        rule = self.rule
        body = {
            "id": self.id,
            "withdrawn": False,
            "detector": rule.detector,
            "reason": self.reason,
            "severity": self.severity,
            "tenant": tenant,
            "customer": customer,
            "journey": cause.journey.id,
            "contact": cause.contact.id,
            "time": moment(self.time),
            "seam": None if seam is None else {"from": seam[0], "to": seam[1]},
            "silos": list(self.silos),
            "field": self.field,
            "first": None if self.first is None else _evidence(self.first),
            "again": None if self.again is None else _evidence(self.again),
            "evidence": [_evidence(seen) for seen in self._proof()],
            "explained_by": self.explained_by,
            "alert": alert_key(tenant, rule.detector, customer, seam),
            "rule": {"name": rule.name, "version": rule.version, "mode": rule.mode},
            "summary": self.summary(),
        }
        if self.measured is not None:
            body["measured"] = dict(self.measured)
        return body

    def _proof(self) -> list[Seen]:
        proof = {seen.position: seen for seen in (self.first, self.cause, *self.evidence) if seen is not None}
        return [proof[position] for position in sorted(proof)][:MAXIMUM_EVIDENCE]

    def summary(self) -> str:
        """Return what happened, in English."""
        text = self.rule.texts.get("en")
        sentence = "{rule}: {sender} to {receiver}" if text is None else text.what
        return sentence.format(
            rule=self.rule.name,
            field=(self.field or "").replace("_", " "),
            sender=_name(self.sender),
            receiver=_name(self.receiver),
            before="" if self.first is None else _name(Side.of(self.first)),
            first="" if self.first is None else moment(self.first.entry.time),
            time=moment(self.time),
            mask="" if self.first is None else _mask(self.first) or "",
        )


_MASK_AT = {"info.provided": 2, "info.confirmed": 1, "fact.stated": 2}
_OF_A_FIELD = frozenset({"info.requested", *_MASK_AT})


def _mask(seen: Seen) -> str | None:
    place, data = _MASK_AT.get(seen.entry.type), seen.entry.data
    return data[place] if place is not None and place < len(data) else None


def _evidence(seen: Seen) -> dict[str, Any]:
    entry = seen.entry
    return {
        "source": entry.source,
        "id": entry.id,
        "time": moment(entry.time),
        "type": entry.type,
        "team": seen.team,
        "channel": entry.channel,
        "field": entry.data[0] if entry.data and entry.type in _OF_A_FIELD else None,
        "mask": _mask(seen),
    }


def _name(side: Side) -> str:
    return side.team or side.channel or "somebody"


def _hash(parts: Sequence[str | None]) -> str:
    return hashlib.sha256(_json(parts)).hexdigest()[:32]


def finding_id(tenant: str, rule: str, source: str, identifier: str, discriminator: str) -> str:
    """Return the id of the finding of this rule with this cause: the same however often and in whatever order it is found."""
    return _hash([tenant, rule, source, identifier, discriminator])


def alert_key(tenant: str, detector: str, customer: str, seam: tuple[str, str] | None) -> str:
    """Return the key of the alert that findings of one detector, customer and seam share."""
    return _hash([tenant, detector, customer, *(seam or (None, None))])


def brief_id(tenant: str, source: str, identifier: str) -> str:
    """Return the id of the brief that a touchpoint sets off."""
    return _hash([tenant, source, identifier])


def invitation_id(tenant: str, rule: str, source: str, identifier: str) -> str:
    """Return the id of the invitation of this rule after a touchpoint."""
    return _hash([tenant, "invitation", rule, source, identifier])


def reminder_id(tenant: str, rule: str, customer: str, time: int) -> str:
    """Return the id of the invitation of this rule that no touchpoint set off, due at a time in microseconds UTC."""
    return _hash([tenant, "invitation", rule, customer, str(time)])


def auto_journey(source: str, identifier: str) -> str:
    """Return the id of a journey that nobody named, from its first touchpoint."""
    return "auto-" + _hash([source, identifier])
