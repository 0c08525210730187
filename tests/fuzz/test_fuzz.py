"""A short run of the fuzzer, and the samples as they are."""

import random
from itertools import islice

import pytest

from tests.fuzz.targets import SAMPLES, TARGETS, mutated


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_run_raises_nothing(target: str) -> None:
    """A thousand mutations of what sources send, after the samples themselves: each becomes touchpoints or a reason. `make fuzz` goes on from there."""
    for data in [*SAMPLES[target], *islice(mutated(SAMPLES[target], random.Random(1)), 1000)]:
        TARGETS[target](data)
