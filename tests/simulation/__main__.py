"""Play histories from a seed; `make simulate` does, and so do the tests.

Python's hashes are fixed: sets of names are walked in the same order each time, so a history goes the same way whenever it is played.
"""

import argparse
import gc
import json
import logging
import os
import sys
import time
from collections import Counter
from typing import NamedTuple

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Flaky

from tests.simulation.histories import History, histories
from tests.simulation.invariants import Violation
from tests.simulation.mutations import MUTATIONS
from tests.simulation.world import play

BLOCK = 50
"""Histories that one seed of Hypothesis makes."""

_COLLECT = 20
"""Histories between two collections of cycles."""


class Failure(NamedTuple):
    """The smallest history that was found to break the promise, and how."""

    history: History
    error: str


class Run:
    """What was played: how many histories, and how often what happened in them."""

    def __init__(self) -> None:
        self.played = 0
        self.seen: Counter[str] = Counter()

    def play(self, history: History) -> None:
        """Play one history; raises ``Violation``."""
        self.played += 1
        if self.played % _COLLECT == 0:
            gc.collect()
        self.seen += play(history)

    def block(self, seed: int, count: int, *, shrink: bool) -> Failure | None:
        """Play ``count`` histories of a seed; return the first failure, as small as it gets if it is to ``shrink``."""
        last: list[Failure] = []

        @hypothesis.seed(seed)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        )
        @given(histories())
        def each(history: History) -> None:
            try:
                self.play(history)
            except Violation as error:
                last.append(Failure(history, str(error)))
                raise

        try:
            each()
        except (Violation, Flaky):  # flaky: played again it did not fail, which makes it no better
            if not last:
                raise
            return last[-1]
        return None


def main() -> int:
    """Return 0 if all histories ended as they should."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help=f"of the first {BLOCK}; each {BLOCK} have the next (default 0)")
    parser.add_argument("--history", help="one history, as a failure prints it")
    parser.add_argument("--defect", choices=sorted(MUTATIONS), help="put this defect into the program first; the first failure ends the run")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    gc.disable()
    run = Run()
    with pytest.MonkeyPatch.context() as patch:
        if options.defect:
            MUTATIONS[options.defect](patch)
        if options.history:
            try:
                run.play(History.read(options.history))
            except Violation as error:
                print(error)
                return 1
        failed = [] if options.history else _blocks(run, options.histories, options.seed, first_only=options.defect is not None)
    faults = ", ".join(f"{count} {name}" for name, count in sorted(run.seen.items()))
    print(f"{run.played} histories played: {faults}")
    print(f"seeds that failed: {failed}" if failed else "all ended as an undisturbed reading of their logs does")
    return 1 if failed else 0


def _blocks(run: Run, count: int, seed: int, *, first_only: bool) -> list[int]:
    failed = []
    began = time.process_time()
    for number, first in enumerate(range(0, count, BLOCK), seed):
        failure = run.block(number, min(BLOCK, count - first), shrink=not first_only)
        if failure is not None:
            failed.append(number)
            print(f"seed {number}: {failure.error[:2000]}\n{len(failure.history.steps)} steps:")
            print(f"  python -m tests.simulation --history '{json.dumps(failure.history)}'")
            if first_only:
                break
        print(f"seed {number}: {run.played} histories so far, {(time.process_time() - began) / run.played * 1000:.0f} ms each", flush=True)
    return failed


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
