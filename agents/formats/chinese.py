"""Chinese numbers, in both scripts: 四千七百, 四七一一, 5亿1万4千6百, 兩百點五, 幺三五."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from agents.formats.number import Number, written

__all__ = ["DIGITS", "numbers", "spoken"]

DIGITS: Final = {
    **{letter: digit for digit, letters in enumerate(
        ["零〇", "一壹幺弌", "二贰貳弍", "三叁參弎", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖"]
    ) for letter in letters},
    **dict.fromkeys("两兩倆俩", 2),
}  # fmt: skip
_UNITS: Final = {
    **dict.fromkeys("十拾", 10),
    **dict.fromkeys("百佰", 100),
    **dict.fromkeys("千仟", 1000),
    "廿": 20,
    "卅": 30,
}
_SCALES: Final = {**dict.fromkeys("万萬", 10**4), **dict.fromkeys("亿億", 10**8), "兆": 10**12}
_SOME: Final = frozenset("几幾余餘多")
"""Something more: it belongs to the number before a unit and adds nothing to it."""

_LETTERS = "".join((*DIGITS, *_UNITS, *_SCALES))
_ITEM = rf"[0-9]+(?:,[0-9]{{3}})*(?:\.[0-9]+)?|\.[0-9]+|[{_LETTERS}点點负負半几幾余餘多]"
_RUN = re.compile(rf"(?:{_ITEM})(?: {{0,2}}(?:{_ITEM})){{0,80}}")
_PARTS = re.compile(_ITEM)
_SUFFIX = re.compile(r" {0,2}(k|m|g|b|t)(?![\w])", re.ASCII)
_SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_DOZEN = re.compile(r"打(?![电電扫掃算开開印折车車的听聽个個])")
_NO_NUMBER = re.compile(
    r"[一壹](?=[切看定些样樣起般直下美折旦共致边邊面会會向味同])|[两兩](?=[美])|[四](?=川)|十(?=足|分[^之钟鐘])|[两兩]{2}|"
    r"[陆陸肆伍拾仟佰](?![0-9])"
)
_ALONE_A_WORD = frozenset("陆陸肆伍拾百佰千仟倆俩")


def spoken(text: str) -> str | None:
    """Return the digits of a value that is one number in Chinese characters; None where it is anything else."""
    compact = text.replace(" ", "").replace("-", "").replace(",", "")
    if not compact or not any(letter in DIGITS or letter in _UNITS for letter in compact):
        return None
    if all(letter in DIGITS or letter.isdigit() for letter in compact):
        return "".join(str(DIGITS.get(letter, letter)) for letter in compact)
    if any(letter in "点點负負半几幾余餘多." for letter in compact):
        return None
    read = _read(compact, [(match.group(), *match.span()) for match in _PARTS.finditer(compact)], 0)
    if read is None or read[1] != len(compact):
        return None
    return read[0]


def numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of plain text in their order."""
    for run in _RUN.finditer(text):
        parts = [(match.group(), *match.span()) for match in _PARTS.finditer(text, run.start(), run.end())]
        position = 0
        while position < len(parts):
            start = parts[position][1]
            if not _may_begin(text, parts[position]):
                position += 1
                continue
            read = _read(text, parts, position)
            if read is None:
                position += 1
                continue
            digits, end, position = read
            if not _may_end(text, start, end):
                continue
            if not _is_word(text, start, end):
                yield Number(start, end, digits, not text[start:end].isascii())


def _may_begin(text: str, part: tuple[str, int, int]) -> bool:
    first, start, _ = part
    before = text[start - 1] if start else " "
    if first[0].isdigit() or first[0] == ".":
        if before.isascii() and (before.isalnum() or before in "_."):
            return before == "." and text[max(0, start - 2) : start] == ".."
        return True
    return (
        first in DIGITS
        or first in _UNITS
        or first in "负負"
        or (first == "半" and text[start + 1 : start + 2] in _UNITS)
    )


def _may_end(text: str, start: int, end: int) -> bool:
    after = text[end : end + 1]
    if after.isascii() and (after.isalpha() or after == "_"):
        return False
    return not (after == "." and text[end + 1 : end + 2].isdigit() and text[start:end].isascii())


def _is_word(text: str, start: int, end: int) -> bool:
    """Tell whether what looks like a number is part of a word."""
    if end - start == 1 and text[start] in _ALONE_A_WORD:
        return True
    match = _NO_NUMBER.match(text, start)
    return match is not None and match.end() == end


def _read(text: str, parts: list[tuple[str, int, int]], position: int) -> tuple[str, int, int] | None:
    """Read one number; return its digits, where it ends and the part after it."""
    negative = False
    if parts[position][0] in "负負":
        negative = True
        position += 1
    elif parts[position][1] and text[parts[position][1] - 1] == "-" and text[max(0, parts[position][1] - 2)] in "- (":
        negative = text[max(0, parts[position][1] - 2)] != "-" or parts[position][1] == 1
    begin = position
    total = section = Decimal(0)
    digit: Decimal | None = None
    short = False  # whether the digit is a single character, which after a unit may stand for a shorter number
    unit = Decimal(0)  # of the last unit, without zero or something between
    largest = Decimal("1e20")
    string = ""
    counted = False
    while position < len(parts):
        part, start, end = parts[position]
        gap = position > begin and parts[position - 1][2] != start
        if part in DIGITS or part[0].isdigit() or part[0] == ".":
            one = part in DIGITS
            if part in "零〇" and not string and position + 1 < len(parts) and parts[position + 1][0] in _UNITS:
                position += 1
                continue
            if string and (gap or (not one and not part.isdigit()) or unit):
                break
            if string and (not one or parts[position - 1][0] not in DIGITS):
                break
            value = Decimal(DIGITS[part]) if one else Decimal(part.replace(",", ""))
            if one and value == 0 and (unit or section or total):
                unit = Decimal(0)
                string = ""
                digit = None
                position += 1
                continue
            if digit is not None and not string:
                break
            string += str(DIGITS[part]) if one else part.replace(",", "")
            digit, short = value, one
        elif part in _SOME or part == "半":
            following = parts[position + 1][0] if position + 1 < len(parts) else ""
            if following not in _SCALES and not (following in _UNITS and part not in "多余餘"):
                break
            if part == "半":
                digit, string, short = Decimal("0.5"), "0.5", False
            elif digit is not None and not string:
                break
        elif part in _UNITS:
            worth = Decimal(_UNITS[part])
            if len(string) > 1 and not string[0].isdigit():
                break
            if unit and worth >= unit and digit is None and unit < 10000:
                break
            if digit is not None and len(string) > 1 and parts[position - 1][0] in DIGITS:
                break
            section += (Decimal(1) if digit is None else digit) * worth
            digit, string, unit, counted = None, "", worth if worth not in (20, 30) else Decimal(10), True
        elif part in _SCALES:
            worth = Decimal(_SCALES[part])
            if digit is None and not counted:
                break
            if digit is not None and len(string) > 1 and parts[position - 1][0] in DIGITS:
                break
            here = section + (digit or 0)
            if here == 0:
                total *= worth
            elif worth > largest:
                total = (total + here) * worth
            else:
                total += here * worth
            section, digit, string, unit, counted = Decimal(0), None, "", worth, True
            largest = min(largest, worth)
        else:
            break
        position += 1
    if digit is None and not counted and not string:
        return None
    end = parts[position - 1][2]
    if digit is not None:
        if counted and short and unit > 10 and len(string) == 1:
            digit *= unit / 10
        section += digit
    value = total + section
    plain_digits = string if not counted and string.isdigit() else written(value)
    following = text[end : end + 4]
    if position < len(parts) and parts[position][0] in "点點":
        decimals, past = _decimals(parts, position + 1)
        if decimals:
            plain_digits = f"{plain_digits}.{decimals}".rstrip("0").rstrip(".")
            position, end = past, parts[past - 1][2]
            following = text[end : end + 4]
    suffix = _SUFFIX.match(text, end)
    if suffix is not None and text[end - 1].isdigit():
        plain_digits, end = written(Decimal(plain_digits) * _SUFFIXES[suffix[1]]), suffix.end()
    elif _DOZEN.match(following):
        plain_digits, end = written(Decimal(plain_digits) * 12), end + 1
    return f"-{plain_digits}" if negative else plain_digits, end, position


def _decimals(parts: list[tuple[str, int, int]], position: int) -> tuple[str, int]:
    digits = ""
    while position < len(parts):
        part = parts[position][0]
        if part in DIGITS and part not in "两兩倆俩":
            digits += str(DIGITS[part])
        elif part.isdigit():
            digits += part
        else:
            break
        position += 1
    if position < len(parts) and (parts[position][0] in _UNITS or parts[position][0] in _SCALES):
        return "", position
    return digits, position
