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
