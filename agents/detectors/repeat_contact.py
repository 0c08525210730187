"""A customer comes back with what we said was settled."""

from collections.abc import Iterable
from typing import Any

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import NOBODY, Found, Gone, Side
from agents.intents import NAMING, intent_of
from agents.rules import Duration, Rule
from models.finding import SiloType

__all__ = ["RepeatContact"]


class RepeatContactRule(Rule):
    """``within`` is how long ago it was called settled."""

    silos: tuple[SiloType, ...] = ("process",)
    within: Duration = "7d"  # type: ignore[assignment]


class Issue:
    """What a contact is about: ``first`` named an intent first, ``intent`` is the one named last; ``outbound`` is as of the latest start."""

    __slots__ = ("first", "intent", "outbound")

    def __init__(self) -> None:
        self.first: Seen | None = None
        self.intent: str | None = None
        self.outbound = False


class RepeatContact(Detector[RepeatContactRule]):
    """Fires at the first intent of a contact, unless we began it, if another one about the same was said to be resolved; an intent named later decides anew."""

    name = "repeat_contact"
    rule_model = RepeatContactRule
    types = NAMING | {"contact.ended", "case.closed"}

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        entry, contact = seen.entry, seen.contact.id
        issue: Issue | None = memory.get((self, "issue", contact))
        if entry.type in NAMING:
            if contact is None or (issue is None and not entry.data):
                return ()
            if issue is None:
                issue = memory[self, "issue", contact] = Issue()
            if entry.type == "contact.started":
                issue.outbound = len(entry.data) > 1
            intent = intent_of(entry)
            if intent is None:
                return ()
            issue.intent = intent
            return self._judged(memory, issue, seen)
        if issue is not None and len(entry.data) > 1 and entry.data[1]:
            claims: dict[str | None, Seen] = memory.setdefault((self, "claims", issue.intent), {})
            claims.pop(contact, None)  # so that the latest stands last
            claims[contact] = seen
        return ()

    def _judged(self, memory: dict[Any, Any], issue: Issue, seen: Seen) -> Iterable[Verdict]:
        named = issue.first = issue.first or seen
        claims: dict[str | None, Seen] = memory.get((self, "claims", issue.intent), {})
        claim = next((each for each in reversed(claims.values()) if each.contact is not seen.contact), None)
        if issue.outbound or claim is None or seen.entry.time - claim.entry.time > self.rule.within:
            return () if named is seen else (Gone(self.rule, named, ""),)
        return (
            Found(self.rule, named, again=named, first=claim, sender=NOBODY, receiver=Side.of(claim), evidence=(seen,)),
        )
