"""How people are reached: phone numbers, e-mail addresses, postal codes."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

__all__ = ["REGION_OF_LANGUAGE", "email", "is_valid", "phone", "postal"]

REGION_OF_LANGUAGE: Final[Mapping[str, str]] = {"de": "DE", "fa": "IR", "zh": "CN"}
"""Where a phone number without country code is read, if nothing else says: languages that most of their speakers share one plan with."""

_LONGEST = 40
_LONGEST_DOMAIN = 253


def phone(text: str, region: str | None) -> str | None:
    """Return a phone number in E.164, with its extension after ``x``; None where it is none that could be dialled.

    ``text`` is plain; ``region`` (two letters) is where a number without country code is read.
    """
    import phonenumbers

    if len(text) > _LONGEST or not any("0" <= letter <= "9" for letter in text):
        return None
    try:
        number = phonenumbers.parse(_international(text, region), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    extension = number.extension
    written: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written}x{extension}" if extension else written


_PREFIX = re.compile(r"^[ (]*00[ )-]*(?=[1-9])")
_PREFIX_OF_AMERICA = re.compile(r"^[ (]*011[ )-]*(?=[1-9])")
_TRUNK = re.compile(r"^(\(?\+[0-9 ]{1,4}\)?) ?\(0\)")


def _international(text: str, region: str | None) -> str:
    """Write the international prefix as a plus, and leave out the zero that is dialled inside the country alone."""
    prefix = _PREFIX_OF_AMERICA if region in ("US", "CA") else _PREFIX
    return _TRUNK.sub(r"\1", prefix.sub("+", text))


def email(text: str) -> str:
    """Return an e-mail address in lower case, its domain as DNS holds it (xn--...); dots stay where they are."""
    address = unicodedata.normalize("NFKC", text).strip(" <>,;").removeprefix("mailto:")
    local, at, domain = address.rpartition("@")
    if not at:
        return address.casefold()
    if not domain.isascii() and len(domain) <= _LONGEST_DOMAIN:
        import idna

        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            domain = domain.casefold()
    return f"{local.casefold()}@{domain.lower().rstrip('.')}"


@cache
def _country_prefix() -> re.Pattern[str]:
    return re.compile(r"^(?:d|de|a|at|ch|f|nl|i|es|us|cn|tw|ir)-(?=[0-9])")


def postal(text: str) -> str:
    """Return a postal code in lower case, without spaces, dashes and the letter of a country before digits."""
    return re.sub(r"[\s-]+", "", _country_prefix().sub("", text.strip()))


def is_valid(text: str, region: str) -> bool:
    """Tell whether plain text is a phone number that the plan of ``region`` gives out."""
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(text, region)))
    except phonenumbers.NumberParseException:
        return False
