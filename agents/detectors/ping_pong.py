"""A customer comes back to a team that had passed them on."""

from collections.abc import Iterable
from typing import Any, Literal

from agents.context import Hop, Work
from agents.detector import Detector, Verdict
from agents.finding import Found, Side
from agents.rules import Duration, Rule

__all__ = ["PingPong"]


class PingPongRule(Rule):
    """``direct``: X-Y-X; ``return``: X...X; ``timed``: X...X at most ``within`` after X's last work."""

    pattern: Literal["direct", "return", "timed"]
    within: Duration = "24h"  # type: ignore[assignment]


class PingPong(Detector[PingPongRule]):
    """Fires at the first work of the team that has the customer back, unless it had planned to call back."""

    name = "ping_pong"
    rule_model = PingPongRule
    engine_keys = ("transit",)

    def hop(self, memory: dict[Any, Any], hop: Hop) -> Iterable[Verdict]:
        after, pattern = hop.after, self.rule.pattern
        for earlier in hop.before.before():
            if earlier.team == after.team:
                lasted = after.seen.entry.time - earlier.seen.entry.time
                if not _planned(hop, earlier) and (pattern != "timed" or lasted <= self.rule.within):
                    yield Found(
                        self.rule,
                        after.seen,
                        again=after.seen,
                        first=earlier.seen,
                        sender=Side.of(hop.before.seen),
                        receiver=Side.of(after.seen),
                        evidence=(hop.before.seen,),
                    )
                return
            if pattern == "direct":
                return


def _planned(hop: Hop, earlier: Work) -> bool:
    after = hop.after
    handoff = hop.accepted or after.seen.contact.last_handoff_to(after.team, earlier.seen.position)
    return hop.before.seen.contact.planned_callback or (
        handoff is not None and handoff.mode == "callback" and handoff.planned
    )
