"""A customer who has proved who they are is passed on and has to prove it again."""

from collections.abc import Iterable
from typing import Any

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import Found, Side
from agents.rules import Duration, Rule
from models.finding import SiloType

__all__ = ["Reauthentication"]


class ReauthenticationRule(Rule):
    """``validity`` is how long an authentication holds whose source does not say."""

    silos: tuple[SiloType, ...] = ("system",)
    validity: Duration = "24h"  # type: ignore[assignment]


class Reauthentication(Detector[ReauthenticationRule]):
    """Fires at a request to authenticate, of no higher level, while an earlier authentication of the chain still holds."""

    name = "reauthentication"
    rule_model = ReauthenticationRule
    types = frozenset({"auth.requested"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        if seen.by_customer:
            return
        holding = [
            passed for contact in seen.contact.chain for passed in contact.authentications if self._holds(passed, seen)
        ]
        if any(_another_worked(passed, seen) for passed in holding):
            first = max(holding, key=lambda passed: passed.position)
            yield Found(self.rule, seen, again=seen, first=first, sender=Side.of(first), receiver=Side.of(seen))

    def _holds(self, passed: Seen, seen: Seen) -> bool:
        level, valid_for = passed.entry.data
        age = seen.entry.time - passed.entry.time
        return level >= seen.entry.data[0] and age <= (self.rule.validity if valid_for is None else valid_for)


def _another_worked(passed: Seen, seen: Seen) -> bool:
    return any(
        handler != passed.handler and position > passed.position
        for contact in seen.contact.chain
        for handler, position in contact.worked.items()
    )
