"""Touchpoints to write down by hand: seconds after a start, contact k1 by voice unless told."""

from typing import Any

from .timeline import microseconds

Json = dict[str, Any]
CUSTOMER = {"kind": "customer"}
BASE = microseconds("2026-03-02T09:00:00Z")
DAY = 86_400


def agent(team: str | None = None) -> Json:
    """Make a human of a team."""
    return {"kind": "agent", **({"team": team} if team else {})}


def at(seconds: float, kind: str, actor: Json, more: Json | None = None, **data: Any) -> Json:
    """Make a touchpoint so many seconds after the start, in contact k1 by voice; its id tells type and time."""
    days, rest = divmod(seconds, DAY)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    time = f"2026-03-{2 + int(days):02d}T{9 + int(hours):02d}:{int(minutes):02d}:{rest:09.6f}Z"
    assert hours < 15
    base = {"id": f"{kind}@{seconds:g}", "source": "s", "type": kind, "time": time, "customer": "c", "channel": "voice"}
    return base | {"contact": "k1", "actor": actor, "data": data} | (more or {})


def answered(seconds: float, team: str, more: Json | None = None) -> Json:
    """Let a team's human answer."""
    return at(seconds, "contact.answered", agent(team), more)


def handed(seconds: float, actor: Json, **data: Any) -> Json:
    """Start a handoff."""
    return at(seconds, "handoff.started", actor, None, **({"handoff": f"h{seconds:g}", "mode": "warm"} | data))
