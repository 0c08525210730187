"""The compiled engine is the same engine."""

import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reference.scenarios import random_scenario
from tests.support.stories import eventful
from tests.unit.agents.support import ALL_ON, KEY, clock_after, records

ROOT = Path(__file__).parents[3]

RUN = """
import agents.partition, pickle, sys
from types import SimpleNamespace
from agents.fields import Fingerprinter
from agents.partition import PartitionWatch
from config.fields import load_fields
from config.rules import load_rulebook
print(agents.partition.__file__)
logs, overrides, key = pickle.load(sys.stdin.buffer)
for log, clock in logs:
    watch = PartitionWatch(load_rulebook(None, overrides), load_fields(), Fingerprinter(key), 0, keyed=False)
    for start in range(0, len(log), 7):
        batch = [SimpleNamespace(offset=offset, timestamp=None, key=None, value=value) for offset, value in enumerate(log[start : start + 7], start)]
        effects = watch.process(batch)
        print(effects.findings, effects.briefs, effects.customer_scores, effects.dead_letters, sorted(effects.tallies), sorted(effects.rows))
        if start % 2:
            watch.forget_decoded()
    effects = watch.advance(clock)
    print(effects.findings, effects.customer_scores, sorted(effects.tallies), sorted(effects.rows))
"""


def run(program: Path, given: bytes) -> list[str]:
    """Return where the engine of a program lies, and all its effects."""
    done = subprocess.run([sys.executable, "-c", RUN], cwd=program, input=given, capture_output=True, check=False)
    assert not done.returncode, done.stderr.decode()
    return done.stdout.decode().splitlines()


@pytest.mark.slow
def test_compiled_it_does_what_it_does_as_python(compiled_program: Path) -> None:
    """Random scenarios, late and repeated records, bad ones, rows encoded in between: every effect is the same, byte for byte."""
    logs = []
    for seed in range(40):
        touchpoints = eventful(random_scenario(seed), random.Random(seed))
        values = [each.value for each in records(touchpoints)]
        values += [b"{", *values[::3]]
        logs.append((values, clock_after(touchpoints)))
    given = pickle.dumps((logs, ALL_ON, KEY))
    (place, *ours), (compiled_place, *theirs) = run(ROOT, given), run(compiled_program, given)
    assert (Path(place).suffix, Path(compiled_place).suffix) == (".py", ".so")
    assert ours == theirs
    assert sum("withdrawn" in each for each in ours) > 40
