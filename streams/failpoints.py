"""Named points at which a test ends or freezes the process, as `kill -9` or `kill -STOP` would, but exactly there."""

import os
import signal
from collections import Counter

__all__ = ["EXIT_CODE", "failpoint"]

EXIT_CODE = 70


def _armed() -> tuple[str, int, str]:
    name, count, what = (os.environ.get("SEAMWATCH_FAILPOINT", "") + "::").split(":")[:3]
    return name, int(count or 1), what


_NAME, _COUNT, _WHAT = _armed()
_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """End the process with `os._exit(70)` the n-th time that ``name`` is passed, if SEAMWATCH_FAILPOINT is ``name:n``.

    If it is ``name:n:freeze``, stop the process there until somebody lets it go on.
    """
    if not _NAME or name != _NAME:
        return
    _passed[name] += 1
    if _passed[name] != _COUNT:
        return
    if _WHAT == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        os._exit(EXIT_CODE)
