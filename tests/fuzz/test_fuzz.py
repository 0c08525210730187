"""A short run of the fuzzer, and the samples as they are."""

import os
import random
import subprocess
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.targets import SAMPLES, TARGETS, mutated

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_run_raises_nothing(target: str) -> None:
    """A thousand mutations of what sources send, after the samples themselves: each becomes touchpoints or a reason. `make fuzz` goes on from there."""
    for data in [*SAMPLES[target], *islice(mutated(SAMPLES[target], random.Random(1)), 1000)]:
        TARGETS[target](data)


@pytest.mark.slow
def test_what_is_found_fails_the_run(tmp_path: Path) -> None:
    """`python -m tests.fuzz` ends with 0 where a target raises nothing, with another code where it does, and keeps the bytes where atheris is there."""
    program = (
        "import runpy, sys; from tests.fuzz import targets; weak = sys.argv.pop() == 'weak'\n"
        "def touchpoints(data):\n    if weak and len(data) > 3: raise ValueError('planted')\n"
        "targets.TARGETS = {'touchpoints': touchpoints}; runpy.run_module('tests.fuzz', run_name='__main__', alter_sys=True)"
    )
    for kind, found in (("strong", False), ("weak", True)):
        words = [sys.executable, "-c", program, "touchpoints", "--seconds", "1", kind]
        ended = subprocess.run(words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False)
        assert (ended.returncode != 0, "planted" in ended.stdout + ended.stderr) == (found, found), ended.stderr[-2000:]
    if find_spec("atheris"):
        assert list((tmp_path / ".cache/fuzz/found").glob("touchpoints-crash-*"))
