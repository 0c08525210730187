"""The headline of the three Cs: journey, emotional and communication consistency together."""

from typing import Final

__all__ = ["THREE_CS", "three_cs_score"]

THREE_CS: Final = "three_cs"


def three_cs_score(journey: float | None, emotional: float | None, communication: float | None) -> float | None:
    """Return the geometric mean of those that are known, 0..100; None without at least two of them.

    90, 80 and 37.5: the cube root of 270,000, 64.6. The geometric mean lets no C make up for another: where one is 0, the headline is.
    """
    known = [each for each in (journey, emotional, communication) if each is not None]
    if len(known) < 2:
        return None
    product = 1.0
    for each in known:
        product *= each / 100.0
    return float(100.0 * product ** (1.0 / len(known)))
