"""When a promise is due: what a sentence says of it, counted from the time of its message."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from agents.text.phrases import Found

__all__ = ["DUE", "due"]

_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DUE = (
    *_UNITS,
    "working_day",
    *_WEEKDAYS,
    "today",
    "tomorrow",
    "day_after_tomorrow",
    "end_of_week",
    "next_week",
    "next",
)
"""What a language's words for a due time mean. ``next`` stands before a weekday of next week; units stand after a number."""

_FURTHEST = 366


def due(
    time: datetime,
    words: Iterable[Found],
    numbers: Iterable[tuple[int, int, int]],
    times: Iterable[str],
    dates: Iterable[str],
) -> datetime | None:
    """Return when what was said at ``time`` is due, by the clock of that time's zone; None where the sentence does not say.

    ``words`` are those of `DUE`, ``numbers`` the values of numbers with their first word and the word behind them,
    ``times`` HH:MM and ``dates`` YYYY-MM-DD. A day that is named without a time is over at midnight; a weekday is the next one after today.
    """
    meant = {each.value: each for each in words}
    clock = next(iter(times), None)
    for name, unit in (("working_day", timedelta(days=1)), *_UNITS.items()):
        found = meant.get(name)
        if found is None:
            continue
        counts = [number for number, _, end in numbers if end <= found.start <= end + 1]
        count = max(counts, default=0)
        if 0 < count * unit.total_seconds() <= _FURTHEST * 86_400:
            return _after_working_days(time, count) if name == "working_day" else time + count * unit
    day = next(iter(dates), None)
    if day is not None:
        return _on(time, datetime.fromisoformat(day).replace(tzinfo=time.tzinfo), clock)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    for number, name in enumerate(_WEEKDAYS):
        if name in meant:
            ahead = (number - time.weekday()) % 7 or 7
            if "next" in meant or "next_week" in meant:
                ahead = 7 - time.weekday() + number
            return _on(time, midnight + timedelta(days=ahead), clock)
    for name, ahead in (("day_after_tomorrow", 2), ("tomorrow", 1), ("today", 0)):
        if name in meant:
            return _on(time, midnight + timedelta(days=ahead), clock)
    if "next_week" in meant:
        return midnight + timedelta(days=14 - time.weekday())
    if "end_of_week" in meant:
        return midnight + timedelta(days=7 - time.weekday())
    if clock is not None:
        today = _on(time, midnight, clock)
        return today or _on(time, midnight + timedelta(days=1), clock)
    return None


def _on(time: datetime, day: datetime, clock: str | None) -> datetime | None:
    """Return the moment on ``day``, its end without a ``clock``; None where it is over or too far away."""
    at = day + timedelta(days=1) if clock is None else day + timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))
    return at if time < at <= time + timedelta(days=_FURTHEST) else None


def _after_working_days(time: datetime, days: int) -> datetime:
    """Return the same time of day after so many days from Monday to Friday."""
    while days:
        time += timedelta(days=1)
        days -= time.weekday() < 5
    return time
