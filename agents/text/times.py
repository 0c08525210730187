"""Times of day in text: 17:15, 5 pm, 17.30 Uhr, 17 Uhr, 下午3点半, 晚上七点一刻, ساعت 5."""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["TimeOfDay", "times"]


class TimeOfDay(NamedTuple):
    """A time of day from character ``start`` to ``end``; ``normal`` is HH:MM."""

    start: int
    end: int
    normal: str


_TIME = re.compile(
    r"(?<![0-9A-Za-z.-])(?<![0-9A-Za-z][:,])(?:"
    r"(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?: ?(?P<half>[ap])\.?m\b)?"
    r"|(?P<hour2>1?[0-9])(?:[.:](?P<minute2>[0-5][0-9]))? ?(?P<half2>[ap])\.?m\b"
    r"|(?P<hour3>[01]?[0-9]|2[0-4])(?:[.:](?P<minute3>[0-5][0-9]))? ?uhr\b(?: (?P<minute4>[0-5][0-9])\b)?"
    r"|(?P<hour5>[01]?[0-9]|2[0-4])[点點时時](?:(?P<minute5>[0-5][0-9]|[0-9](?=分))分?|(?P<half5>半|[一三]刻))?"
    r")(?![0-9:](?! ?[个個位名人张張]))",
    re.IGNORECASE | re.ASCII,
)
_NUMERALS = re.compile(
    r"(?<![零〇一二两兩三四五六七八九十百千万萬第])(?P<hour>二?十[一二三四五六七八九]?|[零一二两兩三四五六七八九])(?:[点點](?P<sharp>[钟鐘整])?|[时時](?![候间間]))"
    r"(?:(?P<minute>[二三四五]?十[一二三四五六七八九]?|[零〇][一二三四五六七八九]|[0-5][0-9])(?![0-9个個位人张張天晚])分?|(?P<part>半|[一三]刻))?"
)
_LATER = re.compile("(?:下午|傍晚|夜里|夜裡|午后|午後|晚|晚上)的?$")
_NOON = re.compile("中午的?$")
_EARLY = re.compile("(?:凌晨|早上|上午|清晨|早晨)的?$")
_REACH = 4
_PARTS = {"": 0, "半": 30, "一刻": 15, "三刻": 45}
_DIGITS = {"〇": 0, "两": 2, "兩": 2} | {digit: value for value, digit in enumerate("零一二三四五六七八九")}
_PERSIAN = re.compile(r"(?:ساعت) ([01]?[0-9]|2[0-4])(?::([0-5][0-9]))?(?![0-9:])")


def times(text: str) -> Iterator[TimeOfDay]:
    """Yield the times of day in ``text``, whose digits are 0-9."""
    for found in _TIME.finditer(text):
        parts = found.groupdict(default="")
        hour = int(parts["hour"] or parts["hour2"] or parts["hour3"] or parts["hour5"])
        minute = int(parts["minute"] or parts["minute2"] or parts["minute3"] or parts["minute4"] or parts["minute5"] or _PARTS[parts["half5"]])
        half = (parts["half"] or parts["half2"]).lower()
        if half:
            hour = hour % 12 + 12 * (half == "p")
        elif parts["hour5"] or parts["hour"]:
            hour = _of_day(hour, text, found.start())
        yield TimeOfDay(found.start(), found.end(), f"{hour % 24:02}:{minute:02}")
    for found in _NUMERALS.finditer(text):
        parts = found.groupdict(default="")
        before = text[max(0, found.start() - _REACH) : found.start()]
        alone = parts["hour"] == "一" and not (parts["sharp"] or parts["minute"] or parts["part"])
        if (alone and not (_LATER.search(before) or _NOON.search(before) or _EARLY.search(before))) or (hour := _number(parts["hour"])) > 24:
            continue  # 一点: a little
        minute = _number(parts["minute"]) if parts["minute"] else _PARTS[parts["part"]]
        yield TimeOfDay(found.start(), found.end(), f"{_of_day(hour, text, found.start()) % 24:02}:{minute:02}")
    for found in _PERSIAN.finditer(text):
        if not found[2]:
            yield TimeOfDay(found.start(1), found.end(), f"{int(found[1]) % 24:02}:00")


def _of_day(hour: int, text: str, start: int) -> int:
    """Return the hour of 24, by the part of the day that Chinese names before it."""
    before = text[max(0, start - _REACH) : start]
    if _LATER.search(before):
        return 24 if hour == 12 and "晚" in before else hour + 12 if hour < 12 else hour
    return hour + 12 if hour < 4 and _NOON.search(before) else hour


def _number(written: str) -> int:
    """Return a number of up to two digits that is written in Chinese numerals, or in digits."""
    if written.isascii():
        return int(written)
    tens, ten, ones = written.rpartition("十")
    ones = ones.lstrip("零〇")
    return (10 * _DIGITS.get(tens, 1) if ten else 0) + (_DIGITS[ones] if ones else 0)
