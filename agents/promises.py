"""What becomes of promises, touchpoint by touchpoint, in whatever order these arrive. Pure."""

from dataclasses import replace
from typing import Any, Final

from agents.timeline import TYPE_RANK, SortKey, about_of, microseconds
from models.promise import Outcome, Promise

__all__ = ["MADE", "OUTCOMES", "told"]

MADE: Final = "promise.made"
OUTCOMES: Final[dict[str, Outcome]] = {"promise.kept": "kept", "promise.cancelled": "cancelled"}


def told(promise: Promise, touchpoint: Any) -> Promise:
    """Return what is known of a promise after one more touchpoint of it; one that came before changes nothing.

    As in the timeline, the latest touchpoint decides: a promise that is made anew after its end is open.
    """
    time, kind, data = touchpoint.time, touchpoint.type, touchpoint.data
    key: SortKey = (microseconds(time), touchpoint.sequence, TYPE_RANK.get(kind, 1), touchpoint.source, touchpoint.id)
    if kind == MADE and (promise.made_key is None or key > promise.made_key):
        promise = replace(
            promise,
            made=time,
            due=data.due,
            about=about_of(data),
            team=touchpoint.actor.team,
            channel=touchpoint.channel,
            contact=touchpoint.contact,
            source=touchpoint.source,
            touchpoint=touchpoint.id,
            made_key=key,
        )
    if promise.last_key is None or key > promise.last_key:
        outcome = OUTCOMES.get(kind)
        promise = replace(promise, outcome=outcome, ended=None if outcome is None else time, last_key=key)
    return promise
