"""A number that was found, and how it is written in digits."""

from decimal import Decimal
from typing import NamedTuple

__all__ = ["Number", "written"]


class Number(NamedTuple):
    """A number from ``start`` to ``end`` of a text: its digits (with sign and point where it has them), and whether words said it."""

    start: int
    end: int
    digits: str
    in_words: bool


def written(value: Decimal) -> str:
    """Write a number in digits without exponent and needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
