"""What a receiver is told: of an alert with both moments as masks, of a brief its body."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from config.receivers import Receiver, Receivers, seam_name
from models.alert import Alert, AlertState
from models.brief import Brief
from models.finding import Evidence, Finding

__all__ = ["ENDS_LATER", "FIRING", "Message", "alert_message", "brief_message", "journey_key", "labels_of", "webhook_id"]

FIRING = frozenset({AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.REOPENED})
"""States in which Alertmanager is told that an alert goes on."""
ENDS_LATER = None
"""As the end of an alert that goes on: it is filled in when the request is made."""


class Message(NamedTuple):
    """What is to be told to one receiver, before it is a row. ``version`` orders the messages of one ``subject``."""

    what: str
    subject: str
    version: int
    tenant: str
    customer: str
    body: dict[str, Any]


def webhook_id(receiver: str, what: str, subject: str, version: int) -> str:
    """Return the id under which a receiver is told of something, in every try and every replay."""
    told = json.dumps([receiver, what, subject, version], ensure_ascii=False).encode()
    return f"msg_{hashlib.sha256(told).hexdigest()[:32]}"


def journey_key(brief: Brief) -> str:
    """Return what a brief is about, so that a newer one of the same journey replaces it."""
    return hashlib.sha256(json.dumps([brief.tenant, brief.journey], ensure_ascii=False).encode()).hexdigest()[:32]


def brief_message(brief: Brief, body: Any, offset: int) -> Message:
    """Return a brief as a message; ``body`` is its JSON."""
    told = {"type": f"brief.{brief.occasion}", "timestamp": _iso(brief.time), "data": body}
    return Message("brief", journey_key(brief), offset, brief.tenant, brief.customer, told)


def alert_message(
    receivers: Receivers, receiver: Receiver, alert: Alert, finding: Finding | None, before: dict[str, Any] | None, console: str
) -> Message | None:
    """Return what ``receiver`` is to be told of an alert, None where it is nothing.

    ``finding`` is the newest that stands, ``before`` the body of the last message about it to this receiver. An alert that no longer is one of those that it
    is told of is told once more, so that it does not stay open there.
    """
    roles = receivers.concerned(alert)
    matches = receiver.takes(alert, roles)
    if not matches and (before is None or not before["matches"]):
        return None
    if receiver.kind == "alertmanager":
        body = _alertmanager(alert, finding, roles, matches, before, console)
        if not body["alerts"]:
            return None
    else:
        body = {
            "type": f"alert.{alert.state.value}",
            "timestamp": _iso(alert.updated),
            "matches": matches,
            "data": {
                "alert": alert.model_dump(mode="json", by_alias=True),
                "finding": None if finding is None else finding.model_dump(mode="json", by_alias=True),
                "roles": sorted(roles),
                "url": _link(console, alert),
            },
        }
    return Message("alert", alert.key, alert.version, alert.tenant, alert.customer, body)


def labels_of(alert: Alert, roles: frozenset[str]) -> dict[str, str]:
    """Return an alert's labels for Alertmanager. Those that change in its life make it another alert there."""
    seam = alert.seam
    labels = {
        "alertname": alert.detector,
        "alert": alert.key,
        "tenant": alert.tenant,
        "customer": alert.customer,
        "severity": alert.severity,
        "seam": seam_name(seam),
        "team": "" if seam is None or not seam.to.startswith("team:") else seam.to.removeprefix("team:"),
        "roles": ",".join(sorted(roles)),
    }
    return {name: value for name, value in labels.items() if value}


def _alertmanager(
    alert: Alert, finding: Finding | None, roles: frozenset[str], matches: bool, before: dict[str, Any] | None, console: str
) -> dict[str, Any]:
    """Return alerts as Alertmanager takes them: this one, and an end of all that it was under other labels."""
    labels, ended = labels_of(alert, roles), _iso(max(alert.updated, alert.first_seen))
    started = _iso(alert.first_seen)
    goes_on = matches and alert.state in FIRING
    alerts = []
    if goes_on or before is not None:
        annotations = _annotations(alert, finding)
        own = {"labels": labels, "annotations": annotations, "startsAt": started, "endsAt": ENDS_LATER if goes_on else ended}
        alerts.append(own | {"generatorURL": link} if (link := _link(console, alert)) else own)
    others = () if before is None else before["alerts"]
    alerts += [other | {"endsAt": other["endsAt"] or ended} for other in others if other["labels"] != labels]
    return {"alerts": alerts, "matches": matches}


def _annotations(alert: Alert, finding: Finding | None) -> dict[str, str]:
    told = {
        "summary": alert.detector.replace("_", " ") if finding is None else finding.summary,
        "said_first": "" if finding is None else _moment(finding.first),
        "asked_again": "" if finding is None else _moment(finding.again),
        "reason": "" if finding is None else finding.reason,
        "occurrences": str(alert.occurrences),
        "state": alert.state.value if alert.resolution is None else f"{alert.state.value} ({alert.resolution.value})",
        "assignee": alert.assignee or "",
    }
    return {name: value for name, value in told.items() if value}


def _moment(evidence: Evidence | None) -> str:
    """Return one of the two moments in a line: when, where, and of what was said the mask."""
    if evidence is None:
        return ""
    where = evidence.channel if evidence.team is None else f"{evidence.team} ({evidence.channel})"
    said = ": ".join(part for part in (evidence.field and evidence.field.replace("_", " "), evidence.mask) if part)
    return ", ".join(part for part in (f"{evidence.time.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}", where, said) if part)


def _link(console: str, alert: Alert) -> str:
    return f"{console.rstrip('/')}/alerts/{alert.key}" if console else ""


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
