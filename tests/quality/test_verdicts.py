"""The figures of the test of association, against known ones."""

import pytest

from tests.quality.verdicts import Call, fisher, odds_ratio, report


@pytest.mark.parametrize(
    ("table", "p"), [((3, 1, 1, 3), 0.4857), ((1, 9, 11, 3), 0.002759), ((5, 0, 0, 5), 0.007937), ((2, 2, 2, 2), 1.0)]
)
def test_p_is_that_of_the_textbooks(table: tuple[int, int, int, int], p: float) -> None:
    """Fisher's tea, and tables whose p follows from counting by hand."""
    assert fisher(*table) == pytest.approx(p, rel=1e-3)


def test_the_odds_ratio_lies_in_its_interval_and_is_one_without_an_association() -> None:
    """Equal odds give 1; the other way round gives the reciprocal."""
    ratio, low, high = odds_ratio(7, 3, 7, 3)
    assert ratio == pytest.approx(1.0)
    assert low < 1.0 < high
    assert odds_ratio(9, 1, 2, 8)[0] == pytest.approx(1 / odds_ratio(2, 8, 9, 1)[0])


def test_calls_that_are_over_are_not_counted_as_of_a_later_turn() -> None:
    """Of a call of four turns nothing is told as of the fifth."""
    told = report([Call(4, [1], failed=True, misunderstood=False), Call(9, [], failed=False, misunderstood=False)])
    assert "| failed | 3 | 1 | 100.0% | 1 | 0.0% |" in told
    assert "| failed | 5 | 0 | - | 1 | 0.0% |" in told
