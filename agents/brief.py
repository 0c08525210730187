"""The brief for the next handler: what a customer's fold tells, as of the touchpoint that sets it off.

It is a function of the timeline up to that touchpoint, which must be the last that the fold has seen: no clock, and no values but masks.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from agents.context import Seen
from agents.entry import Entry
from agents.finding import Found, brief_id
from agents.fold import Fold, Kept, Naming, Panel
from agents.intents import NAMING, intent_of
from agents.timeline import moment
from models.brief import MAXIMUM_BYTES

__all__ = ["brief", "encoded", "tells"]

_SETTLED = frozenset({"promise.kept", "promise.cancelled"})
_READ = frozenset({"promise.made", "fact.stated", "message"}) | _SETTLED | NAMING
_BEFORE: Final = 3
"""With the mean of how many sentiments the last one is compared."""
_NOTHING_SHOWN: Final = "…"
"""The mask of a value that nobody is shown any part of."""
_LISTS = ("given", "promises", "facts", "findings")

_json = msgspec.json.Encoder().encode


def brief(panel: Panel, tenant: str, customer: str, kept: Kept, entries: Sequence[Entry], fold: Fold, seen: Seen) -> dict[str, Any]:
    """Return the brief that ``seen`` sets off, the last touchpoint of ``fold``, which began with ``kept``; ``entries`` is the timeline at least as far."""
    entry = seen.entry
    time, most = entry.time, panel.brief_items
    known = _Known(seen, Naming(panel.engine.journey_gap, kept), entries)
    team, channel, handoff = seen.team, entry.channel, None
    occasion = "contact"
    if entry.type == "handoff.started":
        occasion, handoff, team, channel = "handoff", entry.data[0], entry.data[1], entry.data[2] or channel
    elif entry.type == "contact.queued":
        occasion, team = "handoff", entry.data[0]
    return {
        "schema_version": 1,
        "id": brief_id(tenant, entry.source, entry.id),
        "tenant": tenant,
        "customer": customer,
        "journey": seen.journey.id,
        "contact": entry.contact,
        "source": entry.source,
        "touchpoint": entry.id,
        "time": moment(time),
        "occasion": occasion,
        "handoff": handoff,
        "to_team": team,
        "to_channel": channel,
        "language": None,
        "given": _given(panel, seen, most),
        "authentication": _authentication(panel, fold, seen),
        "promises": _promises(known.promises, time, most),
        "facts": [
            {
                "fact": each.data[0],
                "value": each.data[2],
                "time": moment(each.time),
                "team": each.team,
                "channel": each.channel,
            }
            for each in islice(reversed(known.facts.values()), most)
        ],
        "intent": known.intent,
        "mood": known.mood(),
        "findings": _findings(panel, fold, time, most),
    }


def tells(body: dict[str, Any]) -> bool:
    """Tell whether a brief says anything of a customer besides what the contact is about."""
    return bool(body["given"] or body["findings"] or body["promises"] or body["facts"] or body["authentication"] or body["mood"])


def encoded(body: dict[str, Any]) -> bytes:
    """Return a brief as JSON of at most ``MAXIMUM_BYTES``: of one that is larger, every list loses its second half until it fits."""
    value = _json(body)
    while len(value) > MAXIMUM_BYTES:
        body = body | {name: body[name][: len(body[name]) // 2] for name in _LISTS}
        value = _json(body)
    return value


class _Known:
    """What the timeline up to a touchpoint tells that the fold does not keep: promises and facts of the customer, intent and moods of the journey."""

    __slots__ = ("facts", "intent", "moods", "promises")

    def __init__(self, seen: Seen, naming: Naming, entries: Sequence[Entry]) -> None:
        promises: dict[str, Entry] = {}
        facts: dict[str, Entry] = {}
        moods: list[Entry] = []
        intent: str | None = None
        journey, named = seen.journey.id, seen.entry.journey
        for each in islice(entries, seen.position + 1):
            of = naming.journey(each)
            kind, data = each.type, each.data
            if not data or kind not in _READ:
                continue
            if kind == "message":
                if of == journey and each.kind == "customer" and len(data) > 1 and data[1] is not None:
                    moods.append(each)
            elif kind in NAMING:
                if of == journey:
                    intent = intent_of(each) or intent
            elif kind == "promise.made":
                promises[data[0]] = each
            elif kind == "fact.stated":
                # Of two journeys that their sources tell apart each has its own facts, as where they contradict each other.
                if each.kind != "customer" and (named is None or each.journey is None or named == each.journey):
                    facts.pop(data[0], None)
                    facts[data[0]] = each
            else:
                promises.pop(data[0], None)
        self.promises, self.facts, self.moods, self.intent = promises, facts, moods, intent

    def mood(self) -> dict[str, Any] | None:
        """Return the last mood and how it compares with those before it."""
        if not self.moods:
            return None
        *before, last = self.moods[-_BEFORE - 1 :]
        trend = None
        if before:
            trend = round((last.data[1] - sum([each.data[1] for each in before]) / len(before)) / 1000, 3)
        return {"sentiment": last.data[1] / 1000, "trend": trend, "time": moment(last.time)}


def _given(panel: Panel, seen: Seen, most: int) -> list[dict[str, Any]]:
    """Return what the customer gave of each field last: what holds first, of those the latest first."""
    time = seen.entry.time
    found: list[tuple[bool, int, dict[str, Any]]] = []
    for field, given in seen.journey.values.items():
        last = next((each.seen for each in reversed(given) if not each.void), None)
        if last is None:
            continue
        validity = panel.fields.definition(field).validity
        until = None if validity is None else last.entry.time + validity
        expired = until is not None and until < time
        mask = last.entry.data[2]
        item = {
            "field": field,
            "mask": mask,
            "time": moment(last.entry.time),
            "team": last.team,
            "channel": last.entry.channel,
            "valid_until": None if until is None else moment(until),
            "status": "expired" if expired else "on_file" if mask == _NOTHING_SHOWN else "read_back",
        }
        found.append((expired, -last.position, item))
    found.sort(key=lambda each: each[:2])
    return [each[2] for each in found[:most]]


def _authentication(panel: Panel, fold: Fold, seen: Seen) -> dict[str, Any] | None:
    """Return the highest authentication in the chain of contacts that holds, of equal ones that which holds longest."""
    best: tuple[int, int] | None = None
    for contact in fold.chain(seen):
        for passed in contact.authentications:
            level, valid_for = passed.entry.data
            until = passed.entry.time + (panel.authentication if valid_for is None else valid_for)
            if until >= seen.entry.time and (best is None or (level, until) > best):
                best = level, until
    return None if best is None else {"level": best[0], "until": moment(best[1])}


def _promises(promises: dict[str, Entry], time: int, most: int) -> list[dict[str, Any]]:
    open_ = sorted([(each.data[1], promise, each) for promise, each in promises.items()], key=lambda each: each[:2])
    return [
        {
            "promise": promise,
            "about": each.data[2] if len(each.data) > 2 else None,
            "due": moment(due),
            "team": each.team,
            "state": "overdue" if due < time else "pending",
        }
        for due, promise, each in open_[:most]
    ]


def _findings(panel: Panel, fold: Fold, time: int, most: int) -> list[dict[str, Any]]:
    """Return what an alert is made of, the latest first; an absence counts when its deadline, grace included, is over as of ``time``."""
    latest = time - panel.grace
    found: dict[str, Found] = {}
    for known in (fold.standing, fold.pending):
        found.update({each.id: each for each in known.values() if each.again is not None or each.time <= latest})
    hurt = [each for each in found.values() if each.severity != "info" and each.rule.mode == "on" and not fold.is_explained(each, found)]
    hurt.sort(key=lambda each: (-each.time, each.id))
    return [
        {
            "detector": each.rule.detector,
            "reason": each.reason,
            "severity": each.severity,
            "time": moment(each.time),
            "field": each.field,
            "what": each.summary(),
        }
        for each in hurt[:most]
    ]
