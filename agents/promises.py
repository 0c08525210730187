"""What becomes of promises, touchpoint by touchpoint, in whatever order these arrive. Pure."""

from dataclasses import replace
from typing import Any, Final

from agents.timeline import TYPE_RANK, SortKey, about_of, microseconds
from models.promise import Outcome, Promise

__all__ = ["MADE", "OUTCOMES", "joined", "told"]

MADE: Final = "promise.made"
_MAKING: Final = ("made", "due", "about", "team", "channel", "contact", "source", "touchpoint", "made_key")
OUTCOMES: Final[dict[str, Outcome]] = {"promise.kept": "kept", "promise.cancelled": "cancelled"}


def joined(promise: Promise, other: Promise) -> Promise:
    """Return ``promise`` with what another key of the same customer was told of it: of either's makings, and of either's ends, the latest counts."""
    if other.made_key is not None and (promise.made_key is None or other.made_key > promise.made_key):
        promise = replace(promise, **{name: getattr(other, name) for name in _MAKING})
    if other.last_key is not None and (promise.last_key is None or other.last_key > promise.last_key):
        promise = replace(promise, outcome=other.outcome, ended=other.ended, last_key=other.last_key)
    return promise


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
