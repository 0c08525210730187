"""Calendar dates as people write them in English, German, Chinese and Persian, brought to year, month and day.

A date is read only where its order is certain: the year first, a day above twelve, a month in letters, or the habit of
the language and region that it was written in. ``12/01/1990`` is no date before somebody says where.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple

from agents.formats import chinese

__all__ = ["Date", "dates", "iso"]

_MONTHS: Final[Mapping[str, int]] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner jaenner ژانویه ژانويه يناير",
            "february feb februar febr feber فوریه فبراير",
            "march mar märz maerz mär mrz مارس",
            "april apr آوریل اوریل آپریل",
            "may mai می مه",
            "june jun juni ژوئن",
            "july jul juli ژوئیه ژوییه جولای یولیو",
            "august aug اوت آگوست اگوست",
            "september sep sept سپتامبر",
            "october oct oktober okt اکتبر اکتوبر",
            "november nov نوامبر",
            "december dec dezember dez دسامبر",
        ),
        1,
    )
    for name in names.split()
}
_PERSIAN_MONTHS: Final[Mapping[str, int]] = {
    name: number
    for number, names in enumerate(
        (
            "فروردین",
            "اردیبهشت",
            "خرداد",
            "تیر",
            "مرداد امرداد",
            "شهریور",
            "مهر",
            "آبان ابان",
            "آذر اذر",
            "دی",
            "بهمن",
            "اسفند",
        ),
        1,
    )
    for name in names.split()
}
_DAY_FIRST: Final = frozenset({"de", "fa"})
_MONTH_FIRST: Final = frozenset({"US", "PH", "FM", "PW"})
_OLDEST, _NEWEST = 1850, 2150
_OLDEST_PERSIAN, _NEWEST_PERSIAN = 1230, 1500
_CHINESE_DIGITS = "".join(chinese.DIGITS) + "十廿卅"


class Date(NamedTuple):
    """A date from ``start`` to ``end`` of a text, and what it says in the Gregorian calendar."""

    start: int
    end: int
    year: int
    month: int
    day: int


def iso(text: str, language: str, region: str | None = None) -> Date | None:
    """Return the date that plain ``text`` is, nothing else being in it; None where it is none, or its order uncertain."""
    text = text.strip(" .,")
    found = next(dates(text, language, region), None)
    return found if found is not None and found.start == 0 and found.end == len(text) else None


def dates(text: str, language: str, region: str | None = None) -> Iterator[Date]:
    """Yield the dates of plain text in their order, where what they say is certain."""
    for match in _pattern().finditer(text):
        date = _DATE_OF[match.lastgroup or ""](match, language, region)
        if date is not None:
            yield Date(*match.span(), *date)


def _names(names: Mapping[str, int]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


@cache
def _pattern() -> re.Pattern[str]:
    month, persian = _names(_MONTHS), _names(_PERSIAN_MONTHS)
    day = r"[0-9]{1,2}"
    chinese_number = f"(?:[0-9]{{1,2}}|[{_CHINESE_DIGITS}]{{1,3}})"
    return re.compile(
        rf"(?<![\d.,/-])(?P<y1>[0-9]{{4}}) ?(?P<s1>[-/.]) ?(?P<m1>{day}) ?(?P=s1) ?(?P<d1>{day})(?![\d-])(?P<year_first>)"
        rf"|(?<![\d.,/-])(?P<a2>{day}) ?(?P<s2>[-/.]) ?(?P<b2>{day}) ?(?P=s2) ?(?P<y2>[0-9]{{4}})(?![\d-])(?P<year_last>)"
        rf"|(?<!\d)(?P<era>民國|民国)?(?P<y3>[0-9]{{2,4}}|[{_CHINESE_DIGITS}]{{2,4}}) ?年 ?(?P<m3>{chinese_number}) ?月 ?"
        rf"(?P<d3>{chinese_number}) ?[日号號]?(?P<chinese>)"
        rf"|(?<![\d.,/-])(?P<d4>{day})(?:st|nd|rd|th|\.|-)? {{0,2}}(?:of |de |-|)(?P<m4>{month})\.?[,-]? {{0,2}}(?P<y4>[0-9]{{4}})(?!\d)"
        rf"(?P<day_month>)"
        rf"|(?<![^\W\d_])(?P<m5>{month})\.? {{0,2}}(?P<d5>{day})(?:st|nd|rd|th)?,? {{0,2}}(?P<y5>[0-9]{{4}})(?!\d)(?P<month_day>)"
        rf"|(?<![\d.,/-])(?P<d6>{day}) {{0,2}}(?P<m6>{persian}) {{0,2}}(?:ماه )?(?P<y6>1[2-4][0-9]{{2}})(?!\d)(?P<persian>)"
    )


def _gregorian(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    if _OLDEST <= year <= _NEWEST and 1 <= month <= 12 and 1 <= day <= _days(year, month):
        return year, month, day
    return None


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _of_any_calendar(year: int, month: int, day: int, language: str, region: str | None) -> tuple[int, int, int] | None:
    if _OLDEST_PERSIAN <= year <= _NEWEST_PERSIAN and (language == "fa" or region == "IR"):
        from persiantools.jdatetime import JalaliDate

        try:
            date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
        except ValueError:
            return None
        return date.year, date.month, date.day
    return _gregorian(year, month, day)


def _year_first(match: re.Match[str], language: str, region: str | None) -> tuple[int, int, int] | None:
    return _of_any_calendar(int(match["y1"]), int(match["m1"]), int(match["d1"]), language, region)


def _year_last(match: re.Match[str], language: str, region: str | None) -> tuple[int, int, int] | None:
    one, other, year = int(match["a2"]), int(match["b2"]), int(match["y2"])
    if one > 12 or one == other or match["s2"] == ".":  # nobody writes dots behind a month that comes first
        day, month = one, other
    elif other > 12 or region in _MONTH_FIRST:
        month, day = one, other
    elif language in _DAY_FIRST or (region is not None and region not in _MONTH_FIRST and region != "CA"):
        day, month = one, other
    else:
        return None
    return _of_any_calendar(year, month, day, language, region)


def _chinese(match: re.Match[str], _: str, __: str | None) -> tuple[int, int, int] | None:
    text = match["y3"]
    if text.isdigit():
        year = int(text)
    else:
        digits = [chinese.DIGITS.get(letter) for letter in text]
        if None in digits:
            said = chinese.spoken(text)
            year = int(said) if said else 0
        else:
            year = int("".join(map(str, digits)))
    if match["era"]:
        year += 1911
    elif len(text) == 2:
        return None
    return _gregorian(year, _small(match["m3"]), _small(match["d3"]))


def _small(text: str) -> int:
    return int(text if text.isdigit() else chinese.spoken(text) or 0)


def _day_month(match: re.Match[str], *_: object) -> tuple[int, int, int] | None:
    return _gregorian(int(match["y4"]), _MONTHS[match["m4"]], int(match["d4"]))


def _month_day(match: re.Match[str], *_: object) -> tuple[int, int, int] | None:
    return _gregorian(int(match["y5"]), _MONTHS[match["m5"]], int(match["d5"]))


def _persian(match: re.Match[str], *_: object) -> tuple[int, int, int] | None:
    return _of_any_calendar(int(match["y6"]), _PERSIAN_MONTHS[match["m6"]], int(match["d6"]), "fa", None)


_DATE_OF = {
    "year_first": _year_first,
    "year_last": _year_last,
    "chinese": _chinese,
    "day_month": _day_month,
    "month_day": _month_day,
    "persian": _persian,
}
