"""Fold values by the formats that need more than words and digits; :mod:`agents.fields` asks when one arrives."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from agents.formats import accounts, reach
from agents.formats.dates import iso
from agents.formats.locale import plain, split
from agents.formats.numerals import LANGUAGES, spoken

__all__ = ["FOLDS", "said"]


_LONGEST: Final = 200
"""No number is said in more characters; what is longer is compared as it is."""

_WORD_OF_IBAN = re.compile(r"^iban[: ]*(?=[a-z]{2}[0-9]{2})")
_NOT_DIALLED = re.compile(r"[^0-9+]+")
_FEWEST_DIALLED: Final = 5


def said(folded: str, language: str | None) -> str:
    """Return the digits of a number said in words, else ``folded`` as it is.

    A single word of a foreign language is none: ``null`` is a number to a German alone.
    """
    if len(folded) > _LONGEST:
        return folded
    text, own = plain(folded), split(language)[0]
    one_word = folded.isascii() and " " not in folded
    for each in (own,) if one_word else (own, *LANGUAGES):
        if each in LANGUAGES:
            digits = spoken(text, each)
            if digits is not None:
                return digits
    return folded


def _phone(value: str, folded: str, _: str | None, region: str | None) -> str:
    text = plain(folded if folded.isdigit() else value).strip()
    number = reach.phone(text, region)
    if number is not None:
        return number
    digits = _NOT_DIALLED.sub("", folded)
    return digits if len(digits) >= _FEWEST_DIALLED else folded


def _iban(_: str, folded: str, __: str | None, ___: str | None) -> str:
    return accounts.compact(_WORD_OF_IBAN.sub("", plain(folded)))


def _compact(_: str, folded: str, __: str | None, ___: str | None) -> str:
    return accounts.compact(plain(folded)).lstrip("#")


def _email(value: str, _: str, __: str | None, ___: str | None) -> str:
    return reach.email(value)


def _postal(_: str, folded: str, __: str | None, ___: str | None) -> str:
    return reach.postal(plain(folded))


def _date(value: str, _: str, language: str | None, region: str | None) -> str:
    tongue, place = split(language)
    date = iso(plain(value), tongue, place or region)
    return "" if date is None else f"{date.year}-{date.month}-{date.day}"


FOLDS: Final[Mapping[str, Callable[[str, str, str | None, str | None], str]]] = {
    "phone": _phone,
    "iban": _iban,
    "card": _compact,
    "email": _email,
    "order": _compact,
    "postal": _postal,
    "date": _date,
}
"""How the formats fold: the value as it arrived, the same folded as a number, the language's tag, the region. A date whose order is uncertain: to nothing."""
