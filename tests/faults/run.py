"""One fault from its beginning to the verdict."""

import math
import time
from pathlib import Path
from typing import NamedTuple

from tests.faults.catalogue import Fault
from tests.faults.verifier import Verdict, stale_rows, verify
from tests.faults.world import Servers, World

__all__ = ["LONGEST_STOP", "Outcome", "run"]

LONGEST_STOP = 10.0
"""Seconds within which a worker that is told to stop has ended, whatever state it is in."""


class Outcome(NamedTuple):
    """What a fault did.

    ``kills``: processes that were killed, told to end, or frozen; ``ended``: workers that ended by themselves and were started again; ``stop``: the longest
    that a worker took to end when told; ``memory``: the most that a worker ever had, in bytes.
    """

    fault: str
    verdict: Verdict
    kills: int
    ended: list[str]
    rebalances: int
    stop: float
    seconds: float
    settled: float
    memory: int
    notes: list[str]

    @property
    def faultless(self) -> bool:
        """Return whether all that is promised was kept."""
        return self.verdict.faultless and self.stop <= LONGEST_STOP


def run(
    fault: Fault,
    servers: Servers,
    directory: Path,
    *,
    seed: int = 0,
    quick: bool = False,
    rate: int = 300,
    minutes: int = 10,
) -> Outcome:
    """Let touchpoints come, do the fault, let more come, wait until all is done, and compare."""
    began = time.monotonic()
    world = World(
        servers,
        directory,
        workers=fault.workers,
        rate=fault.rate or rate,
        seed=seed,
        quick=quick,
        static=fault.static,
        minutes=minutes,
        earlier=fault.earlier,
        returning=fault.returning and max(fault.returning, minutes // 30),  # so that forty years are enough
        tuned=fault.tuned,
    )
    try:
        world.crew.start(*world.names)
        world.crew.wait_ready()
        world.load.start()
        time.sleep(2)
        fault.act(world)
        servers.heal()
        time.sleep(2)
        acknowledged = world.load.finish()
        settled = world.settle()
        kills, rebalances = world.crew.kills + world.server_kills, world.rebalances()
        for name in world.crew.names:
            world.crew.leave(name)
        verdict = verify(world.installation, acknowledged, measured=not fault.earlier)
        if stale := stale_rows(world.installation):
            world.notes.append(f"{stale} rows were written behind newer ones")
        return Outcome(
            fault.name,
            verdict,
            kills,
            world.crew.ended,
            rebalances,
            max((seconds for _, seconds in world.crew.stops), default=math.nan),
            time.monotonic() - began,
            settled,
            world.crew.memory,
            world.notes,
        )
    finally:
        servers.heal()
        world.end()
