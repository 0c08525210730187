"""`python -m tests.fuzz TARGET [--seconds N]`: with atheris, which is led by what code it reaches; without it by mutation alone."""

import argparse
import random
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

# What is reached is told of our own rooms: to have it told of all that is loaded takes minutes before the first bytes.
with nullcontext() if atheris is None else atheris.instrument_imports(include=["agents", "config", "models", "seamwatch", "streams"]):
    from tests.fuzz.targets import SAMPLES, TARGETS, mutated


def main() -> None:
    """Throw bytes at a target for so long; end with an exception, and the bytes, at the first that is raised."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Throw bytes at what reads bytes.")
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if atheris is None:
        _mutate(asked.target, asked.seconds, asked.seed)
        return
    with tempfile.TemporaryDirectory() as corpus:
        for number, sample in enumerate(SAMPLES[asked.target]):
            (Path(corpus) / str(number)).write_bytes(sample)
        atheris.Setup([sys.argv[0], corpus, f"-max_total_time={asked.seconds}", "-max_len=8192", "-timeout=10"], TARGETS[asked.target])
        atheris.Fuzz()


def _mutate(target: str, seconds: int, seed: int) -> None:
    end, done = time.monotonic() + seconds, 0
    for data in mutated(SAMPLES[target], random.Random(seed)):
        try:
            TARGETS[target](data)
        except Exception:
            print(f"after {done:,}: {data!r}")
            raise
        done += 1
        if time.monotonic() > end:
            break
    print(f"{target}: {done:,} mutations, nothing raised")


if __name__ == "__main__":
    main()
