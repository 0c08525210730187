"""Keep findings: what all of them are made of, whichever rule they are of."""

from __future__ import annotations

from dataclasses import dataclass, field

from .timeline import Json, Point, Timeline, digest, fold_channel

#: Where not "organization"; by reason `across_channels` it is "channel".
SILOS = {
    "context_lost": "handoff",
    "dead_end": "handoff",
    "repeated_request": "process",
    "repeated_answer": "process",
    "repeated_story": "process",
    "broken_promise": "process",
    "repeat_contact": "process",
    "reauthentication": "system",
    "misroute": "assumption",
    "contradiction": "vision",
    "expectation_gap": "vision",
    "premature_closure": "metric",
    "two_faces": "goal",
    "portfolio_shift": "goal",
}


@dataclass
class Kept(Timeline):
    """A timeline and what was found in it."""

    found: list[Json] = field(default_factory=list)

    def canonical(self, name: object) -> str:
        """Return the canonical name of a field."""
        return self.names.get(str(name), str(name))

    def add(
        self,
        rule: str,
        *,
        first: Point | None,
        again: Point | None,
        sides: tuple[str | None, str | None],
        channels: tuple[str, str],
        detector: str | None = None,
        reason: str | None = None,
        severity: str = "warning",
        name: str | None = None,
        time: int | None = None,
        cause: Point | None = None,
        about: str | None = None,
    ) -> None:
        """Keep a finding, unless its rule is off.

        The cause is `again`, else `first`, and the discriminator is the field `name`, unless `cause` and `about` say so.
        """
        mode = self.rules[rule]["mode"]
        if mode == "off":
            return
        detector = detector or rule
        cause = cause or again or first
        assert cause
        source, goal = sides
        from_channel, to_channel = fold_channel(channels[0]), fold_channel(channels[1])
        seam = None
        if source and goal and source != goal:
            seam = {"from": f"team:{source}", "to": f"team:{goal}"}
        elif from_channel != to_channel:
            seam = {"from": f"channel:{from_channel}", "to": f"channel:{to_channel}"}
        silo = "channel" if reason == "across_channels" else SILOS.get(detector, "organization")
        self.found.append(
            {
                "id": digest([cause.tenant, rule, cause.source, cause.id, about or name or ""]),
                "detector": detector,
                "reason": reason or rule,
                "severity": severity,
                "tenant": cause.tenant,
                "customer": cause.customer,
                "journey": cause.journey,
                "contact": cause.contact,
                "time": cause.time if time is None else time,
                "seam": seam,
                "silos": [silo],
                "field": name,
                "first": {"source": first.source, "id": first.id} if first else None,
                "again": {"source": again.source, "id": again.id} if again else None,
                "explained_by": None,
                "rule": rule,
                "mode": mode,
                "cause": cause,
                "channel": cause.channel,
                "brand": cause.raw.get("brand"),
                "from_team": source,
                "to_team": goal,
            }
        )

    def blame(
        self, rule: str, guilty: Point, *, first: Point | None, again: Point | None, **more: str | int | None
    ) -> None:
        """Keep a finding that one side alone is to blame for: the sender is unknown."""
        sides, channels = (None, guilty.side), (guilty.channel, guilty.channel)
        self.add(rule, first=first, again=again, sides=sides, channels=channels, **more)  # type: ignore[arg-type]

    def add_between(self, rule: str, first: Point, again: Point, **more: str | None) -> None:
        """Keep a finding whose sender is the side of one touchpoint, and whose receiver is that of a later one."""
        sides, channels = (first.side, again.side), (first.channel, again.channel)
        self.add(rule, first=first, again=again, sides=sides, channels=channels, **more)  # type: ignore[arg-type]
