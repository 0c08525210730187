"""How hard properties look for a counterexample."""

from hypothesis import settings

__all__ = ["examples"]

_PERCENT = 100
"""What Hypothesis tries of a property unless told; tests/conftest.py lowers it where slow tests are left out."""


def examples(count: int) -> settings:
    """Let a property try ``count`` examples, fewer where slow tests are left out."""
    return settings(max_examples=max(5, count * settings().max_examples // _PERCENT))
