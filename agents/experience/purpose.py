"""Purpose, the second of the four laws: customers come for something, and reach it without detour."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.context import Seen
from agents.experience.evidence import Measure, Told, evidence_of, share

__all__ = ["PURPOSE", "Contacts", "purpose_score"]

PURPOSE: Final = "purpose"


class Contacts(Measure):
    """A contact whose intent is known reached it where it ends resolved and no other team had to take over in it; its last end that says so decides.

    Where it is abandoned it did not; an end that does not say whether it resolved anything decides nothing.
    """

    def types(self) -> frozenset[str]:
        return frozenset({"intent.stated", "contact.ended", "contact.abandoned"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Sequence[Told]:
        contact, entry = seen.contact, seen.entry
        if contact.id is None:
            return ()
        if entry.type == "intent.stated":
            memory["intents", contact.id] = True
            return ()
        resolved: bool | None = False
        if entry.type == "contact.ended":
            resolved = entry.data[1] if len(entry.data) > 1 else None
        started = contact.started
        routed = started is not None and bool(started.entry.data) and started.entry.data[0] is not None
        if resolved is None or not (routed or ("intents", contact.id) in memory):
            return ()
        work, teams = contact.last_work, {handler.team for handler in contact.worked} - self.settings.transit
        short = 0.0 if resolved and len(teams) <= 1 else 1.0
        evidence = evidence_of("contacts", seen, short, team=None if work is None else work.team)
        return (Told(("contacts", contact.id, "", ""), evidence, -1, seen),)


def purpose_score(sums: Mapping[str, float]) -> float | None:
    """Return 100 x (contacts that reached their intent without detour / contacts that ended with one), None without evidence.

    Of five contacts one was abandoned and one resolved by the second team: 100 x 3/5 = 60.
    """
    reached = share(sums, "contacts")
    return None if reached is None else 100.0 * reached
