"""Numbers that are compared exactly."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.amounts import LARGEST, share, thousandths
from agents.entry import encode


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 500),
        (4, 4000),
        (0.0005, 0),
        (0.0015, 2),
        (1.0005, 1000),
        (1.0015, 1002),  # as a binary fraction it is less
        (-0.3005, -300),
        (-0.3015, -302),
        (1e308, LARGEST),
        (-1e308, -LARGEST),
        (5e-324, 0),
    ],
)
def test_thousandths_are_rounded_half_to_even_as_they_are_written(value: float, expected: int) -> None:
    """Not the nearest binary fraction counts, but the decimal that somebody wrote; what is too large for a row is cut."""
    assert thousandths(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_can_be_stored(value: float) -> None:
    """Whatever a source sends as an amount, its thousandths fit into what rows are written in."""
    assert encode(thousandths(value))


def test_a_share_is_the_way_that_is_done() -> None:
    """Nought at the minimum and one at the maximum, whichever of them is the larger number; without a way there is none."""
    assert [share(value, 1000, 5000) for value in (1000, 2000, 5000, 6000)] == [0, Fraction(1, 4), 1, Fraction(5, 4)]
    assert share(2000, 5000, 1000) == Fraction(3, 4)
    assert share(1000, 1000, 1000) is None
