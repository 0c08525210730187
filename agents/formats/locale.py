"""Language tags, and text in a plain form that keeps every character in its place."""

import unicodedata

__all__ = ["plain", "split"]


class _Plain(dict[int, str]):
    """Characters as they are read, made when first met: lower case, one digit, dash, space and letter for each of their kind."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        plain = _EXCEPTIONS.get(letter)
        if plain is None:
            plain = unicodedata.normalize("NFKC", letter).lower()
            if len(plain) != 1:
                plain = letter
            elif plain.isdecimal():
                plain = str(unicodedata.decimal(plain))
            elif plain.isspace():
                plain = " "
            plain = _EXCEPTIONS.get(plain, plain)
        self[code] = plain
        return plain


_EXCEPTIONS = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d", "-"),
    **dict.fromkeys("\u200c\u00a0\u202f\u2009", " "),  # also the joiner between the parts of a Persian word
    "\n": "\n",
    "\t": "\t",
    "。": ".",
    "、": ",",
    "\u2044": "/",
    "\u2215": "/",
    "\u066b": ".",
    "\u066c": ",",
    "\u060c": ",",
    "ي": "ی",
    "ى": "ی",
    "ك": "ک",
    "أ": "ا",
    "إ": "ا",
    "ٔ": " ",
}
_TABLE = _Plain()


def plain(text: str) -> str:
    """Return ``text`` in lower case with the digits, dashes and spaces of ASCII; every character stays in its place."""
    return text.lower() if text.isascii() else text.translate(_TABLE)


def split(tag: str | None, region: str | None = None) -> tuple[str, str | None]:
    """Return the language and the region of a tag such as ``de``, ``en-US`` or ``zh-Hant-TW``; a ``region`` given wins.

    What is no tag has the language ``""``. Traditional script without a region is Taiwan's.
    """
    parts = (tag or "").replace("_", "-").split("-")
    if region is None:
        region = next((part.upper() for part in parts[1:] if len(part) == 2 and part.isalpha()), None)
        if region is None and len(parts) > 1 and parts[1].lower() == "hant":
            region = "TW"
    return parts[0].lower(), region
