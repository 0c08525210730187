"""What asking again and telling again have in common: the reason, and the silo behind it."""

from collections.abc import Sequence
from enum import StrEnum

from agents.context import Seen
from agents.rules import Rule
from models.finding import SiloType

__all__ = ["Repetition", "RepetitionRule", "repetition", "silos_of"]


class Repetition(StrEnum):
    """Why a customer had to repeat: the first that applies."""

    BOT_THEN_AGENT = "bot_then_agent"
    AFTER_HANDOFF = "after_handoff"
    ACROSS_CHANNELS = "across_channels"
    ACROSS_CONTACTS = "across_contacts"
    SAME_SEGMENT = "same_segment"


class RepetitionRule(Rule):
    """Adds what a repetition across channels is blamed on."""

    silos: tuple[SiloType, ...] = ("process",)
    silos_across_channels: tuple[SiloType, ...] = ("channel",)


def repetition(first: Seen, again: Seen) -> Repetition:
    """Tell why what was said at ``first`` came up once more at ``again``."""
    if first.machine and again.machine is False:
        return Repetition.BOT_THEN_AGENT
    if first.team is not None and again.team is not None and first.team != again.team:
        return Repetition.AFTER_HANDOFF
    if first.channel != again.channel:
        return Repetition.ACROSS_CHANNELS
    if first.contact.id is not None and again.contact.id is not None and first.contact is not again.contact:
        return Repetition.ACROSS_CONTACTS
    return Repetition.SAME_SEGMENT


def silos_of(rule: RepetitionRule, reason: Repetition) -> Sequence[SiloType]:
    """Return the silo types behind a repetition."""
    return rule.silos_across_channels if reason is Repetition.ACROSS_CHANNELS else rule.silos
