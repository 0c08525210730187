"""Numbers as people write and say them: in digits of any script, and in words of English, German, Chinese and Persian.

``spoken`` reads a whole value ("four seven double one", "vier sieben eins eins", "四七一一"); ``numbers`` finds numbers
in text. Both read plain text (:func:`agents.formats.locale.plain`), each in one pass.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Final, NamedTuple

from agents.formats import chinese
from agents.formats.number import Number, written
from agents.formats.words import ALONE_NO_NUMBER, ARTICLES, lexicon

__all__ = ["LANGUAGES", "numbers", "spoken"]

LANGUAGES: Final = ("en", "de", "fa", "zh")


class _Token(NamedTuple):
    role: str
    value: Decimal
    start: int
    end: int


_SIGN = re.compile(r"(?:^- ?|(?<![0-9)]) -|\(-)$")
_POINTING = re.compile(r"\b(?:the|this|that|which|no|any|every|each|some|another) $")
_NUMERAL = {
    "en": r"(?<![0-9],)[0-9]+,[0-9]{1,2}(?![0-9,])|\.[0-9]+"
    r"|(?:[0-9]{1,2}(?:,[0-9]{2}){1,6},[0-9]{3}(?![0-9,])|[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3}){1,6}(?! ?[0-9])|[0-9]+)(?:\.[0-9]+)?",
    "de": r"(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3}){1,6}(?! ?[0-9])|[0-9]+)(?:,[0-9]+)?",
}
_NUMERAL["fa"] = _NUMERAL["en"]
_GAP = re.compile(r"[ ]{0,4}-?[ ]{0,4}")
_SUFFIX = re.compile(r"(?: {0,2}(k|mil|mm|bln|tln|b|g)| {1,2}([mt]))(?!\w)")
_SUFFIXES = {
    "k": Decimal("1e3"),
    "m": Decimal("1e6"),
    "mm": Decimal("1e6"),
    "mil": Decimal("1e6"),
    "b": Decimal("1e9"),
    "g": Decimal("1e9"),
    "bln": Decimal("1e9"),
    "t": Decimal("1e12"),
    "tln": Decimal("1e12"),
}
_ADDENDS = frozenset({"unit", "ten", "tens", "hundreds", "numeral"})
_LONGEST_RUN = 40


def spoken(text: str, language: str) -> str | None:
    """Return the digits of a value that is a number said in words, digit by digit or not; None where it is anything else.

    ``text`` is plain; ``language`` is one of :data:`LANGUAGES`.
    """
    text = text.strip(" .,")
    if language == "zh":
        return chinese.spoken(text)
    found = list(_found(text, language, whole=True))
    if len(found) != 1 or (found[0].start, found[0].end) != (0, len(text)) or not found[0].digits.isdigit():
        return None
    return found[0].digits


def numbers(text: str, language: str) -> Iterator[Number]:
    """Yield the numbers of plain text in their order, those said digit by digit as one."""
    if language == "zh":
        yield from chinese.numbers(text)
    else:
        yield from _found(text, language if language in ALONE_NO_NUMBER else "en", whole=False)


@cache
def _pattern(language: str) -> re.Pattern[str]:
    letters = "a-zäöüß" if language != "fa" else "\u0600-\u065f\u066e-\u06ef\u06fa-\u06ff"
    return re.compile(rf"(?P<numeral>{_NUMERAL[language]})|(?P<word>[{letters}]+)")


@cache
def _compound() -> re.Pattern[str]:
    """Match the next part of a German number word: the longest one."""
    parts = sorted(lexicon("de"), key=len, reverse=True)
    return re.compile("|".join(part for part in parts if len(part) > 2))


def _tokens(text: str, language: str) -> Iterator[_Token]:
    """Yield the words and numerals that a number can be made of."""
    words = lexicon(language)
    for match in _pattern(language).finditer(text):
        start, end = match.span()
        part = match.group()
        if match.lastgroup == "numeral":
            if not _stands_alone(text, start, end):
                continue
            value = _decimal(part, language)
            suffix = _SUFFIX.match(text, end)
            if suffix is not None:
                value, end = value * _SUFFIXES[suffix[1] or suffix[2]], suffix.end()
            yield _Token("numeral", value, start, end)
            continue
        word = words.get(part)
        if word is not None:
            yield _Token(word.role, word.value, start, end)
        elif language == "de" and len(part) > 6:
            yield from _parts(part, start)


def _parts(word: str, start: int) -> Iterator[_Token]:
    found: list[_Token] = []
    words, compound = lexicon("de"), _compound()
    position = 0
    while position < len(word):
        match = compound.match(word, position)
        if match is None:
            return
        role, value = words[match.group()]
        found.append(_Token(role, value, start + position, start + match.end()))
        position = match.end()
    yield from found


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    if before.isascii() and (before.isalnum() or before == "_"):
        return False
    if before == "." and start > 1 and text[start - 2].isdigit():
        return False
    after = text[end : end + 1]
    if after.isascii() and (after.isalpha() or after == "_"):
        return _SUFFIX.match(text, end) is not None
    return not (after == "." and text[end + 1 : end + 2].isdigit())


def _decimal(part: str, language: str) -> Decimal:
    part = part.replace(" ", "")
    if language == "de":
        return Decimal(part.replace(".", "").replace(",", "."))
    whole, _, rest = part.rpartition(",")
    if whole and len(rest) < 3:
        return Decimal(f"{whole}.{rest}")
    return Decimal(part.replace(",", ""))


def _found(text: str, language: str, *, whole: bool) -> Iterator[Number]:
    tokens = list(_tokens(text, language))
    position = 0
    while position < len(tokens):
        run: list[tuple[Decimal, str, int, int, bool]] = []  # value, digits, start, end, in words
        while position < len(tokens) and len(run) < _LONGEST_RUN:
            if run and not _adjoins(text, run[-1][3], tokens[position].start):
                break
            one = _number(text, tokens, position, language)
            if one is None:
                break
            value, digits, following, in_words = one
            run.append((value, digits, tokens[position].start, tokens[following - 1].end, in_words))
            position = following
        if not run:
            position += 1
            continue
        yield from _grouped(text, run, language, whole=whole)


def _adjoins(text: str, end: int, start: int) -> bool:
    gap = text[end:start]
    return len(gap) <= 3 and gap.strip(" ") in ("", "-", ",")


def _grouped(
    text: str, run: list[tuple[Decimal, str, int, int, bool]], language: str, *, whole: bool
) -> Iterator[Number]:
    """Yield a run of numbers as one where it is said digit by digit or in pairs, else one by one."""
    small = all(
        digits.isdigit() and len(digits) <= (3 if words else 1) and text[start:end] not in ARTICLES
        for _, digits, start, end, words in run
    )
    in_words = any(words for *_, words in run)
    singles = all(len(digits) == 1 for _, digits, *_ in run)
    if len(run) > 1 and small and (in_words or (singles and len(run) > 3)):
        start, end = run[0][2], run[-1][3]
        if whole or singles or "," not in text[start:end]:
            yield Number(start, end, "".join(each[1] for each in run), True)
            return
    for _, digits, start, end, words in run:
        word = text[start:end]
        if not whole and words:
            if word in ALONE_NO_NUMBER[language]:
                continue
            if word == "one" and _POINTING.search(text[max(0, start - 8) : start]):
                continue
        yield Number(start, end, digits, words)


def _number(text: str, tokens: list[_Token], position: int, language: str) -> tuple[Decimal, str, int, bool] | None:
    """Read one number; return its value, its digits, the token after it and whether it has words."""
    first = position
    negative = False
    size = len(tokens)
    if tokens[position].role == "minus":
        negative = True
        position += 1
    elif tokens[position].role == "numeral":
        start = tokens[position].start
        negative = text[start - 1 : start] in ("-", " ") and _SIGN.search(text[max(0, start - 4) : start]) is not None
    if position < size and tokens[position].role == "repeat":
        behind = position + 1
        if behind < size and tokens[behind].role in ("unit", "numeral") and 0 <= tokens[behind].value < 10:
            times, digit = int(tokens[position].value), int(tokens[behind].value)
            if not negative and _adjoins(text, tokens[position].end, tokens[behind].start):
                return Decimal(digit), str(digit) * times, behind + 1, True
        return None
    counted = Decimal(1)
    if position < size and tokens[position].role == "article":
        counted = tokens[position].value
        position += 1
        if counted < 1 and position < size and tokens[position].role == "article":  # half a dozen
            position += 1
        if position >= size or tokens[position].role not in ("hundred", "scale", "dozen")[2 if counted < 1 else 0 :]:
            return None
    total = group = Decimal(0)
    begun = False
    room = limit = Decimal("1e30")
    last = ""
    while position < size:
        role, value, start, end = tokens[position]
        if begun and not _touches(text, tokens[position - 1].end, start):
            break
        following = tokens[position + 1] if position + 1 < size else None
        if role == "and":
            if (
                not begun
                or following is None
                or following.role not in ("unit", "ten", "tens", "hundreds", "hundred", "numeral")
            ):
                break
            if (
                following.value >= room
                or following.value == 0
                or following.value % 1
                or (language == "en" and room < 100)
            ):
                break
            after_that = tokens[position + 2].role if position + 2 < size else ""
            if not _touches(text, end, following.start) or after_that == last == "hundred":
                break
        elif role in _ADDENDS:
            if value >= room or (begun and value == 0):
                break
            after = tokens[position + 2] if position + 2 < size else None
            if (
                language == "de"
                and role == "unit"
                and value > 0
                and following is not None
                and following.role == "and"
                and after is not None
                and after.role == "tens"
                and after.value < room
                and _touches(text, end, following.start)
                and _touches(text, following.end, after.start)
            ):
                value += after.value
                position += 2
                role = "ten"
            group += value
            room = {"tens": Decimal(10), "hundreds": Decimal(100)}.get(role, Decimal(1))
            begun = True
        elif role == "hundred":
            if last == "hundred" or (begun and group == 0 and room <= 100) or (group >= 100 and last != "numeral"):
                break
            group = group * 100 if group else Decimal(100)
            room, begun = Decimal(100), True
        elif role == "scale":
            if value < limit:
                total += (group or 1) * value
            elif last == "scale":
                total *= value
            else:
                break
            group = Decimal(0)
            room = limit = value
            begun = True
        elif role == "dozen":
            if last == "dozen":
                break
            if group:  # three hundred and two dozen are three hundred and twenty-four
                dozens = group % 100 or group
                total += group + 11 * dozens
            else:
                total = 12 * (total if begun else counted)
            group, room, limit, begun = Decimal(0), Decimal(1), Decimal(1), True
        else:
            break
        last = role
        position += 1
    if not begun:
        return None
    value = total + group
    digits = ""
    if position < size and tokens[position].role == "point" and last != "point":
        digits, position = _after_point(text, tokens, position)
    end = tokens[position - 1].end
    only = position - first == 1 and tokens[first].role == "numeral"
    as_written = text[tokens[first].start : end]
    # A number of a field keeps its leading zeros.
    digits_of_value = as_written if only and as_written.isdigit() else written(value)
    if digits:
        digits_of_value += f".{digits}"
        value = Decimal(digits_of_value)
    return value, f"-{digits_of_value}" if negative else digits_of_value, position, not only


def _touches(text: str, end: int, start: int) -> bool:
    gap = text[end:start]
    return len(gap) <= 8 and _GAP.fullmatch(gap) is not None


def _after_point(text: str, tokens: list[_Token], position: int) -> tuple[str, int]:
    """Read what follows a point: digit by digit, or one number below a hundred; nothing where it is no number."""
    size = len(tokens)
    if not _touches(text, tokens[position - 1].end, tokens[position].start):
        return "", position
    digits = ""
    following = position + 1
    while following < size and _touches(text, tokens[following - 1].end, tokens[following].start):
        role, value, *_ = tokens[following]
        if role == "unit" or (role == "numeral" and value % 1 == 0 and value < 10):
            digits += str(int(value))
        elif role in ("ten", "tens") and not digits:
            digits = str(int(value))
            following += 1
            if role == "tens" and following < size and tokens[following].role == "unit":
                digits = str(int(value + tokens[following].value))
                following += 1
            break
        else:
            break
        following += 1
    return (digits, following) if digits else ("", position)
