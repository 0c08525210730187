"""What a customer wants, as far as a touchpoint names it."""

from agents.entry import Entry

__all__ = ["NAMING", "intent_of"]

NAMING = frozenset({"contact.started", "intent.stated"})
"""The types that can name an intent."""


def intent_of(entry: Entry) -> str | None:
    """Return the intent, folded, that a touchpoint of one of ``NAMING`` names."""
    return entry.data[0] if entry.data else None
