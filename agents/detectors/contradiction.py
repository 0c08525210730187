"""A customer is told one thing by one team, or on one channel, and another thing by the next."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import Found, Side
from agents.fingerprints import differ
from agents.rules import Duration, Rule
from models.finding import SiloType

__all__ = ["Contradiction"]


class ContradictionRule(Rule):
    """``within`` is how old a statement may be that is contradicted; ``silos_across_channels`` is to blame where no other team stated it."""

    silos: tuple[SiloType, ...] = ("vision",)
    silos_across_channels: tuple[SiloType, ...] = ("channel",)
    within: Duration = "7d"  # type: ignore[assignment]


class Contradicted(StrEnum):
    """Between whom."""

    ACROSS_TEAMS = "across_teams"
    ACROSS_CHANNELS = "across_channels"


class Contradiction(Detector[ContradictionRule]):
    """Fires where the latest statement of a fact by another speaker has another value, unless the later one is a correction."""

    name = "contradiction"
    rule_model = ContradictionRule
    types = frozenset({"fact.stated"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        entry = seen.entry
        if seen.by_customer or not entry.data:
            return
        fact, fingerprint, _, correction = entry.data
        side = Side.of(seen)
        stated: dict[Any, Seen] = memory.setdefault((self, fact), {})
        if correction:
            stated.clear()
        first = next((each for each in reversed(stated.values()) if self._is_compared(each, seen)), None)
        # Of what one speaker said of one journey only the latest counts; taken out first, it stands last.
        stated.pop((side, entry.journey), None)
        stated[side, entry.journey] = seen
        if first is not None and differ(first.entry.data[1], fingerprint):
            yield self._found(first, seen, fact)

    def _is_compared(self, earlier: Seen, seen: Seen) -> bool:
        one, other = earlier.entry, seen.entry
        return (
            other.time - one.time <= self.rule.within
            and (one.journey is None or other.journey is None or one.journey == other.journey)
            and Side.of(earlier).is_another(Side.of(seen))
        )

    def _found(self, first: Seen, again: Seen, fact: str) -> Found:
        sender, receiver = Side.of(first), Side.of(again)
        teams = sender.is_another_team(receiver)
        return Found(
            self.rule,
            again,
            again=again,
            first=first,
            reason=Contradicted.ACROSS_TEAMS if teams else Contradicted.ACROSS_CHANNELS,
            silos=self.rule.silos if teams else self.rule.silos_across_channels,
            sender=sender,
            receiver=receiver,
            field=fact,
        )
