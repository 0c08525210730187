"""Number words of English, German and Persian: what part of a number each is, and what it is worth."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Final, NamedTuple

__all__ = ["ALONE_NO_NUMBER", "ARTICLES", "Word", "lexicon"]


class Word(NamedTuple):
    """A part of a number: what it is worth, and its role.

    Roles: unit, ten (10..19), tens (20..90), hundreds (several in one word), hundred, scale, dozen, and, point, minus, article, repeat (double seven).
    """

    role: str
    value: Decimal


_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "unit": "0 zero nought naught oh o nil, 1 one, 2 two, 3 three, 4 four, 5 five, 6 six, 7 seven, 8 eight, 9 nine niner",
        "ten": "10 ten, 11 eleven, 12 twelve, 13 thirteen, 14 fourteen, 15 fifteen, 16 sixteen, 17 seventeen, 18 eighteen, 19 nineteen",
        "tens": "20 twenty, 30 thirty, 40 forty fourty, 50 fifty, 60 sixty, 70 seventy, 80 eighty, 90 ninety",
        "hundred": "100 hundred",
        "scale": "1e3 thousand, 1e5 lakh lakhs, 1e6 million, 1e7 crore crores, 1e9 billion, 1e12 trillion",
        "dozen": "12 dozen dozens dzs dozs doz",
        "and": "0 and",
        "point": "0 point",
        "minus": "0 minus negative",
        "article": "1 a, 0.5 half",
        "repeat": "2 double, 3 triple treble",
    },
    "de": {
        "unit": "0 null, 1 eins ein eine einen einem einer eines, 2 zwei zwo, 3 drei, 4 vier, 5 fünf fuenf, 6 sechs, 7 sieben, 8 acht, 9 neun",
        "ten": "10 zehn, 11 elf, 12 zwölf zwoelf, 13 dreizehn, 14 vierzehn, 15 fünfzehn fuenfzehn, 16 sechzehn, 17 siebzehn, 18 achtzehn, "
        "19 neunzehn",
        "tens": "20 zwanzig, 30 dreißig dreissig, 40 vierzig, 50 fünfzig fuenfzig, 60 sechzig, 70 siebzig, 80 achtzig, 90 neunzig",
        "hundred": "100 hundert",
        "scale": "1e3 tausend, 1e6 million millionen, 1e9 milliarde milliarden, 1e12 billion billionen",
        "dozen": "12 dutzend",
        "and": "0 und",
        "point": "0 komma",
        "minus": "0 minus",
        "repeat": "2 doppel doppelt, 3 dreifach",
    },
    "fa": {
        "unit": "0 صفر, 1 یک, 2 دو, 3 سه, 4 چهار, 5 پنج, 6 شش شیش, 7 هفت, 8 هشت, 9 نه",
        "ten": "10 ده, 11 یازده, 12 دوازده, 13 سیزده, 14 چهارده, 15 پانزده پونزده, 16 شانزده شونزده, 17 هفده, 18 هجده هیجده, 19 نوزده",
        "tens": "20 بیست, 30 سی, 40 چهل, 50 پنجاه, 60 شصت, 70 هفتاد, 80 هشتاد, 90 نود",
        "hundreds": "200 دویست, 300 سیصد, 400 چهارصد, 500 پانصد پونصد, 600 ششصد شیشصد, 700 هفتصد, 800 هشتصد, 900 نهصد",
        "hundred": "100 صد یکصد",
        "scale": "1e3 هزار, 1e6 میلیون, 1e9 میلیارد",
        "and": "0 و",
        "point": "0 ممیز",
        "minus": "0 منفی",
        "repeat": "2 دوتا",
    },
}

ALONE_NO_NUMBER: Final[Mapping[str, frozenset[str]]] = {
    "en": frozenset(("oh", "o", "a", "nil", "half")),
    "de": frozenset(("ein", "eine", "einen", "einem", "einer", "eines")),
    "fa": frozenset(("یک", "نه", "ده", "سی")),
}
"""Words that alone are an article, a no, a village or a name more often than a number."""

ARTICLES: Final = ALONE_NO_NUMBER["de"] - {"ein"}
"""Words that are never one digit among others."""


@cache
def lexicon(language: str) -> Mapping[str, Word]:
    """Return the number words of ``en``, ``de`` or ``fa``."""
    found: dict[str, Word] = {}
    for role, groups in _WORDS[language].items():
        for group in groups.split(", "):
            value, *words = group.split()
            found.update(dict.fromkeys(words, Word(role, Decimal(value))))
    return found
