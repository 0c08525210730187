"""Named points at which a test ends the process at once, as `kill -9` would, but exactly there."""

import os
from collections import Counter

__all__ = ["EXIT_CODE", "failpoint"]

EXIT_CODE = 70


def _armed() -> tuple[str, int]:
    name, _, count = os.environ.get("SEAMWATCH_FAILPOINT", "").partition(":")
    return name, int(count or 1)


_NAME, _COUNT = _armed()
_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """End the process with `os._exit(70)` the n-th time that ``name`` is passed, if SEAMWATCH_FAILPOINT is ``name:n``."""
    if not _NAME or name != _NAME:
        return
    _passed[name] += 1
    if _passed[name] == _COUNT:
        os._exit(EXIT_CODE)
