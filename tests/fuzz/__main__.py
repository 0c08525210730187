"""`python -m tests.fuzz TARGET [--seconds N]`: with atheris, which is led by what code it reaches; without it by mutation alone."""

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

# What is reached is told of our own rooms: to have it told of all that is loaded takes minutes before the first bytes.
with nullcontext() if atheris is None else atheris.instrument_imports(include=["agents", "config", "models", "seamwatch", "streams"]):
    from tests.fuzz.targets import SAMPLES, TARGETS, mutated

KEPT = Path(".cache/fuzz/kept")
"""What reached code that nothing else did, for each target: the next run begins with it."""
FOUND = Path(".cache/fuzz/found")
"""Bytes with which a target raised, or took more than ten seconds."""


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
    KEPT.joinpath(asked.target).mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(parents=True, exist_ok=True)
    for data in [*SAMPLES[asked.target], *_found(asked.target)]:
        (KEPT / asked.target / hashlib.sha256(data).hexdigest()).write_bytes(data)
    options = [f"-max_total_time={asked.seconds}", "-max_len=8192", "-timeout=10", f"-artifact_prefix={FOUND}/{asked.target}-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(KEPT / asked.target), *options, f"-seed={asked.seed + 1}"], TARGETS[asked.target])
    atheris.Fuzz()  # ends the process: with 0, or with another code where something was found


def _found(target: str) -> Iterable[bytes]:
    """Return what was found before: it is tried first."""
    return (path.read_bytes() for path in sorted(FOUND.glob(f"{target}-*")))


def _mutate(target: str, seconds: int, seed: int) -> None:
    end, done = time.monotonic() + seconds, 0
    for data in chain(_found(target), mutated(SAMPLES[target], random.Random(seed))):
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
