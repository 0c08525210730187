"""Bank accounts and cards: what belongs to their number and what only makes it readable."""

import re

__all__ = ["card", "compact", "iban"]

_SEPARATORS = re.compile(r"[\s./\-_]+")


def compact(text: str) -> str:
    """Return plain text without the spaces, dashes, dots and slashes that only make it readable."""
    return _SEPARATORS.sub("", text)


def iban(text: str) -> bool:
    """Tell whether compact text is an IBAN: its country, length and checksum agree."""
    from stdnum import iban as standard

    return bool(standard.is_valid(text.upper()))


def card(text: str) -> bool:
    """Tell whether compact text is the number of a payment card: 13 to 19 digits, of a known kind, with a checksum that holds."""
    from stdnum import luhn

    return 13 <= len(text) <= 19 and text.isdigit() and text[0] in "23456" and bool(luhn.is_valid(text))
