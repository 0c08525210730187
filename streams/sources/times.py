"""Times as vendors write them: ISO 8601, or counted in seconds, milliseconds or microseconds."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

__all__ = ["Unit", "microseconds", "written"]

Unit = Literal["iso", "s", "ms", "us"]

_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(value: Any, unit: Unit, zone: tzinfo | None) -> int:
    """Return a time or a span in microseconds; ``zone`` is that of times which name none.

    Text that is no number is ISO 8601 whatever the ``unit``: some vendors send both. Raises ``ValueError`` or
    ``OverflowError`` for what is no time.
    """
    if isinstance(value, str):
        number = _number(value)
        if number is None:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                if zone is None:
                    raise ValueError("no time zone")
                moment = moment.replace(tzinfo=zone)
            return (moment - _EPOCH) // timedelta(microseconds=1)
        value = number
    if isinstance(value, bool) or not isinstance(value, int | float) or unit == "iso":
        raise ValueError("no time")
    return round(value * _MICROSECONDS[unit])


def written(moment: int) -> str:
    """Return microseconds since the epoch as a touchpoint has them; raises ``OverflowError`` beyond the years 1 to 9999."""
    return (_EPOCH + timedelta(microseconds=moment)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(text: str) -> int | float | None:
    digits = text.removeprefix("-")
    if len(digits) > 20 or not digits.replace(".", "", 1).isdecimal():
        return None
    return float(text) if "." in text else int(text)
