"""What a file of SQLite tells of the corridor, and the interval."""

import pytest

from sinks.corridor import wilson
from tests.unit.sinks.corridors import Corridors


class TestSqlite(Corridors):
    """SQLite tells the same."""


@pytest.mark.parametrize(
    ("hits", "visits", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3, as are the others
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_that_of_the_literature(hits: int, visits: int, low: float, high: float) -> None:
    """Published values of the score interval without continuity correction, to four digits."""
    assert list(wilson(hits, visits)) == pytest.approx([low, high], abs=5e-5)


@pytest.mark.parametrize(("hits", "visits"), [(1, 0), (0, 0), (3, 2), (-1, 5)])
def test_what_is_no_proportion_is_refused(hits: int, visits: int) -> None:
    """More hits than visits, fewer than none, or none of none have no interval."""
    with pytest.raises(ValueError, match="no proportion"):
        wilson(hits, visits)
