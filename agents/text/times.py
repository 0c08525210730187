"""Times of day in text: 17:15, 5 pm, 17.30 Uhr, 17 Uhr, 下午3点半, ساعت 5."""

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
    r"(?<![0-9A-Za-z:.,-])(?:"
    r"(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?: ?(?P<half>[ap])\.?m\b)?"
    r"|(?P<hour2>1?[0-9])(?:[.:](?P<minute2>[0-5][0-9]))? ?(?P<half2>[ap])\.?m\b"
    r"|(?P<hour3>[01]?[0-9]|2[0-4])(?:[.:](?P<minute3>[0-5][0-9]))? ?uhr\b(?: (?P<minute4>[0-5][0-9])\b)?"
    r"|(?P<hour5>[01]?[0-9]|2[0-4])[点點时時](?:(?P<minute5>[0-5]?[0-9])分?|(?P<half5>半))?"
    r")(?![0-9:])",
    re.IGNORECASE | re.ASCII,
)
_LATER = re.compile("(?:下午|晚上|傍晚|中午)$")
_PERSIAN = re.compile(r"(?:ساعت) ([01]?[0-9]|2[0-4])(?::([0-5][0-9]))?(?![0-9:])")


def times(text: str) -> Iterator[TimeOfDay]:
    """Yield the times of day in ``text``, whose digits are 0-9."""
    for found in _TIME.finditer(text):
        parts = found.groupdict(default="")
        hour = int(parts["hour"] or parts["hour2"] or parts["hour3"] or parts["hour5"])
        minute = (
            parts["minute"]
            or parts["minute2"]
            or parts["minute3"]
            or parts["minute4"]
            or parts["minute5"]
            or ("30" if parts["half5"] else "00")
        )
        half = (parts["half"] or parts["half2"]).lower()
        if half == "p" or (parts["hour5"] and _LATER.search(text, max(0, found.start() - 2), found.start())):
            hour = hour + 12 if hour < 12 else hour
        elif half == "a" and hour == 12:
            hour = 0
        yield TimeOfDay(found.start(), found.end(), f"{hour % 24:02}:{int(minute):02}")
    for found in _PERSIAN.finditer(text):
        if not found[2]:
            yield TimeOfDay(found.start(1), found.end(), f"{int(found[1]) % 24:02}:00")
