"""Compiles to C what every touchpoint passes through, where ``SEAMWATCH_COMPILE`` is set; all else is in pyproject.toml.

They are the same modules: without it, and where the checkout is installed in place, they run as Python. Detectors, rules and what is stored stay Python: they
are models of pydantic and structs of msgspec, which a compiled class cannot be.
"""

import os
from typing import Any

from setuptools import setup

COMPILED = (
    *("agents/brief.py", "agents/chunks.py", "agents/context.py", "agents/engine.py", "agents/entry.py", "agents/fields.py"),
    *(f"agents/experience/{name}.py" for name in ("__init__", "communication", "difference", "emotional", "evidence", "expectation")),
    *(f"agents/experience/{name}.py" for name in ("fusion", "purpose", "three_cs", "value")),
    *("agents/finding.py", "agents/fingerprints.py", "agents/fold.py", "agents/intents.py", "agents/partition.py", "agents/rows.py"),
    *("agents/scores.py", "agents/sketches.py", "agents/tallies.py", "agents/timeline.py", "models/decoding.py"),
)


def extensions() -> list[Any]:
    """Return the modules to compile."""
    if not os.environ.get("SEAMWATCH_COMPILE"):
        return []
    from mypyc.build import mypycify  # nobody else needs it

    return mypycify(list(COMPILED), opt_level="3")


setup(ext_modules=extensions())
