"""A customer is passed to another team, or changes the channel, and their mood falls."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from agents.amounts import thousandths
from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.fields import FieldCatalog
from agents.finding import Found, Side
from agents.rules import Duration, EngineRules, Rule

__all__ = ["MoodDrop"]


class MoodDropRule(Rule):
    """``margin`` (of sentiments from -1 to 1): how far it falls, from the mean of the last ``messages`` before; ``within``: since the last of them."""

    margin: Annotated[float, Field(ge=0, le=2)] = 0.5
    messages: Annotated[int, Field(ge=1)] = 3
    within: Duration = "24h"  # type: ignore[assignment]


class MoodDrop(Detector[MoodDropRule]):
    """Fires at the customer's first message with a mood on the other side of a seam."""

    name = "mood_drop"
    rule_model = MoodDropRule
    types = frozenset({"message"})

    def __init__(self, rule: MoodDropRule, engine: EngineRules, fields: FieldCatalog) -> None:
        super().__init__(rule, engine, fields)
        self.margin = thousandths(rule.margin)

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        data = seen.entry.data
        if len(data) < 2 or data[1] is None or not seen.by_customer:
            return ()
        mood: int = data[1]
        key = self, seen.journey.id
        previous: Seen
        before: tuple[int, ...]
        previous, before = memory.get(key, (seen, ()))
        sender, receiver = Side.of(previous), Side.of(seen)
        memory[key] = seen, (*before, mood)[-self.rule.messages :] if sender == receiver else (mood,)
        if not receiver.is_another(sender) or seen.entry.time - previous.entry.time > self.rule.within:
            return ()
        fall = sum(before) - len(before) * mood
        if fall < len(before) * self.margin:
            return ()
        measured = {"margin": round(fall / len(before) / 1000, 6)}
        return (Found(self.rule, seen, again=seen, first=previous, sender=sender, receiver=receiver, measured=measured),)
