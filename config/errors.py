"""What is wrong with a file or a setting, told to the one who wrote it."""

import difflib
from collections.abc import Iterable

__all__ = ["ConfigError", "did_you_mean"]


class ConfigError(Exception):
    """One or more sentences, one a line, each with file, line, key and what was expected."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean x?`` for the nearest of ``known``, else nothing."""
    words = sorted(known)
    longer = [each for each in words if len(word) > 2 and each.startswith(word)]
    nearest = longer or difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean {nearest[0]}?" if nearest else ""
