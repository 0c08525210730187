"""A thousand histories end well, and each defect that is put in is found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.mutations import MUTATIONS

pytestmark = pytest.mark.slow

HISTORIES = 100
"""Played by each of ten tests, so that workers of pytest can share them."""

ENOUGH = 1000
"""Within so many histories each defect is found; the first that fails ends the search."""

FROM_SEED = {"clock_before_rows": 4, "commit_of_failed_deliveries": 3}
"""Where to begin with the defects that one history of 150 finds; the others are found within 40, from seed 0."""


def simulate(*arguments: str) -> tuple[int, str]:
    """Run the simulation; return its exit code and what it printed."""
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    ended = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("tenth", range(10))
def test_whatever_befalls_the_workers_the_end_is_that_of_an_undisturbed_reading(tenth: int) -> None:
    """Findings, alerts, scores, dead letters and changelog of each history are those of reading its log once, and no commit ran ahead."""
    code, said = simulate("--histories", str(HISTORIES), "--seed", str(2 * tenth))
    assert code == 0, said


FAILED_ONCE = {
    "a customer past the memory, who another one stood in for in the comparison": "[5589, 2, [[813, 4], [1, 4], [0, 8], [0, 4]], 0, 500, true, []]",
    "a row that was gone before the one that follows was written": """[13, 2, [[1092, 11], [2190, 6]], 0, 500, false, [
        ["feed", 4], ["run", 0.4], ["feed", 6], ["run", 0.4], ["rebalance"], ["feed", 5], ["run", 1.0], ["kill", 0, 0.1], ["feed", 1], ["run", 0.02]]]""",
    "a finding of a worker that had lost its partition, which came after its customer was forgotten": """
        [173, 2, [[2, 4], [0, 4], [0, 4], [0, 4]], 0, 500, true, [["feed", 6], ["run", 0.02], ["rebalance"], ["feed", 1], ["run", 0.02],
        ["fault", "alerts", 1, "late", 9.0], ["feed", 5], ["run", 0.02], ["rebalance"], ["feed", 1], ["run", 1.0], ["feed", 1], ["run", 0.02]]]""",
    "a journey's score that was deleted with an alias that is none any more": "[140001, 2, [[0, 11], [0, 4]], 0, 500, false, []]",
    "a journey's score that ended later than it was told anew": "[213, 2, [[0, 12]], 0, 500, false, []]",
}


@pytest.mark.parametrize("history", FAILED_ONCE.values(), ids=FAILED_ONCE)
def test_what_failed_once_ends_well(history: str) -> None:
    """Histories in which a promise was broken, or seemed to be."""
    code, said = simulate("--history", history)
    assert code == 0, said


@pytest.mark.parametrize("defect", MUTATIONS)
def test_a_defect_is_found(defect: str) -> None:
    """The simulation fails where the program does not keep its promise."""
    code, said = simulate("--histories", str(ENOUGH), "--seed", str(FROM_SEED.get(defect, 0)), "--defect", defect)
    assert code == 1, said
    assert "seeds that failed" in said, said


def test_a_failure_is_played_again() -> None:
    """The history that a failure prints fails in the same way."""
    _, said = simulate("--histories", str(ENOUGH), "--defect", "dead_letters_dropped")
    printed = re.search(r"--history '(.*)'", said)
    assert printed is not None, said
    code, again = simulate("--defect", "dead_letters_dropped", "--history", printed[1])
    assert code == 1
    assert again.splitlines()[0] in said
