"""From a message to further touchpoints: which ids they get, and what is remembered from one message to the next."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import msgspec

from agents.text.recognise import Conversation, Recogniser

__all__ = ["Conversations", "derived", "kinds"]

_MOST_CONTACTS = 4096
_LONGEST_ID = 500
_KEPT = (
    "source",
    "schema_version",
    "tenant",
    "brand",
    "customer",
    "journey",
    "contact",
    "segment",
    "previous_contact",
    "channel",
    "language",
)
_ANNOUNCED = frozenset({"handoff", "intent", "promise", "auth"})
_NAMED = {"promise.made": "promise", "handoff.started": "handoff"}
"""What has the message's id for its own."""
_encode = msgspec.json.Encoder().encode


class Conversations:
    """What is remembered, by contact, of those that spoke last. A contact without an id is all that a customer writes there."""

    def __init__(self, most: int = _MOST_CONTACTS) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str, str], Conversation] = OrderedDict()

    def of(self, touchpoint: Any) -> Conversation:
        """Return the conversation that a message belongs to."""
        key = (touchpoint.tenant, touchpoint.customer, touchpoint.contact or f"\x00{touchpoint.channel}")
        conversation = self._kept.get(key)
        if conversation is None:
            conversation = self._kept[key] = Conversation()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return conversation


def kinds(types: Iterable[str]) -> frozenset[str]:
    """Return the kinds of touchpoints that are not read out of a source's words, as it tells these ``types`` itself."""
    return frozenset(type_.partition(".")[0] for type_ in types) & _ANNOUNCED


def derived(
    touchpoint: Any, recogniser: Recogniser, conversation: Conversation, told: frozenset[str] = frozenset()
) -> list[bytes]:
    """Return what the message ``touchpoint`` says, as JSON; ids are ``<its id>/<index>``. A note that the customer does not see says nothing.

    ``told`` are the `kinds` that its source tells itself. A request that only its answer shows to be one comes with the answer, as of its own time.
    """
    if touchpoint.data.private:
        return []
    acts = recogniser.acts(
        touchpoint.data.text,
        conversation,
        time=touchpoint.time,
        tag=touchpoint.language,
        by_customer=touchpoint.actor.kind == "customer",
    )
    if not acts:
        return []
    stem = touchpoint.id if len(touchpoint.id) <= _LONGEST_ID else hashlib.sha256(touchpoint.id.encode()).hexdigest()
    common: dict[str, Any] = {key: value for key in _KEPT if (value := getattr(touchpoint, key)) is not None}
    actor = touchpoint.actor
    common["actor"] = {
        key: value for key, value in (("kind", actor.kind), ("id", actor.id), ("team", actor.team)) if value is not None
    }
    common["time"] = touchpoint.time
    if touchpoint.sequence:
        common["sequence"] = touchpoint.sequence
    if actor.team is None:
        told |= {"handoff"}  # nobody could tell whether another team took over
    said: list[bytes] = []
    for index, act in enumerate(act for act in acts if act.type.partition(".")[0] not in told):
        data = {_NAMED[act.type]: touchpoint.id, **act.data} if act.type in _NAMED else act.data
        written = {"id": f"{stem}/{index}", "type": act.type, **common, "data": data}
        if act.withheld and actor.kind != "customer":
            conversation.withheld[act.withheld] = written
            continue
        if act.withheld:
            request = conversation.withheld.pop(act.withheld, None)
            if request is None:  # told twice in one message
                continue
            written = {**request, "data": data}
        said.append(_encode(written))
    return said
