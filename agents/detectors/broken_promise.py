"""A customer was promised something, and it was not done in time."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from agents.context import Seen
from agents.detector import Detector, Verdict
from agents.finding import Found, Gone, Side
from agents.rules import Duration, Rule
from models.finding import SiloType

__all__ = ["BrokenPromise"]


class Breach(StrEnum):
    """How a promise was broken."""

    NOT_KEPT = "not_kept"
    KEPT_LATE = "kept_late"


class BrokenPromiseRule(Rule):
    """``furthest``: a promise that is due later than this after it was made is not watched."""

    silos: tuple[SiloType, ...] = ("process",)
    furthest: Duration = "366d"  # type: ignore[assignment]


class BrokenPromise(Detector[BrokenPromiseRule]):
    """Awaits until its due time that a promise is kept, cancelled or made anew; who promised is to blame."""

    name = "broken_promise"
    rule_model = BrokenPromiseRule
    engine_keys = ("grace",)
    types = frozenset({"promise.made", "promise.kept", "promise.cancelled"})

    def touchpoint(self, memory: dict[Any, Any], seen: Seen) -> Iterable[Verdict]:
        if not seen.entry.data:  # stored before anybody read promises
            return
        promise = seen.entry.data[0]
        kind, time = seen.entry.type, seen.entry.time
        made = memory.get((self, promise))
        if made is not None and time <= made.entry.data[1]:
            del memory[self, promise]
            yield Gone(self.rule, made, promise)
        elif made is not None and kind == "promise.kept":
            del memory[self, promise]
            yield self._broken(made, Breach.KEPT_LATE, (seen,))
        if kind != "promise.made":
            return
        if seen.entry.data[1] - time <= self.rule.furthest:
            memory[self, promise] = seen
            yield self._broken(seen, Breach.NOT_KEPT)
        else:
            memory.pop((self, promise), None)

    def _broken(self, made: Seen, reason: Breach, evidence: tuple[Seen, ...] = ()) -> Found:
        promise, due, *_ = made.entry.data
        return Found(
            self.rule,
            made,
            first=made,
            time=due,
            reason=reason,
            sender=Side(None, None),
            receiver=Side.of(made),
            discriminator=promise,
            evidence=evidence,
        )
