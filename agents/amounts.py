"""Numbers that are compared exactly: scores, bounds, revenues and sentiments as decimal thousandths, and fractions of these."""

from decimal import Decimal
from fractions import Fraction

__all__ = ["share", "thousandths"]

LARGEST = 10**18
"""What lies beyond counts as this, either way: it is stored in 64 bits."""


def thousandths(value: float) -> int:
    """Return a finite number in thousandths, rounded half to even as it is written."""
    return max(-LARGEST, min(LARGEST, round(Decimal(repr(value)).scaleb(3))))


def share(value: int, minimum: int, maximum: int) -> Fraction | None:
    """Return how far ``value`` lies on the way from ``minimum`` to ``maximum``, nought to one inside; None where that is no way."""
    return None if minimum == maximum else Fraction(value - minimum, maximum - minimum)
