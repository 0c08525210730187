"""Numbers, shares, money and days as each language writes them."""

from datetime import UTC, date, datetime
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent
from persiantools.jdatetime import JalaliDate

__all__ = ["Tongue"]

_LOCALES = {"en": "en", "de": "de", "zh-Hans": "zh_Hans", "fa": "fa"}
_OWN = "default"
"""The signs between digits that the language has; the digits themselves Babel leaves as they are."""
_PERSIAN = str.maketrans("0123456789%", "۰۱۲۳۴۵۶۷۸۹٪")


class Tongue:
    """How one language (en, de, zh-Hans, fa) writes figures; Persian days are those of the Persian calendar."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._locale = Locale.parse(_LOCALES[language])

    @property
    def rtl(self) -> bool:
        """Tell whether the language runs from right to left."""
        return self.language == "fa"

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with so many digits behind the point."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return self._digits(format_decimal(value, format=pattern, locale=self._locale, numbering_system=_OWN))

    def share(self, value: float, digits: int = 0) -> str:
        """Return a share, 0..1, as a percentage."""
        pattern = self._locale.percent_formats[None].pattern.replace("#,##0", "#,##0" + ("." + "0" * digits if digits else ""))
        return self._digits(format_percent(value, format=pattern, locale=self._locale, numbering_system=_OWN))

    def money(self, value: float, currency: str | None) -> str:
        """Return money without cents; a plain number where nobody named the currency."""
        if currency is None:
            return self.number(value)
        pattern = self._locale.currency_formats["standard"].pattern.replace(".00", "")
        return self._digits(format_currency(value, currency, format=pattern, locale=self._locale, currency_digits=False, numbering_system=_OWN))

    def day(self, value: date) -> str:
        """Return a day."""
        if self.rtl:
            told: Any = JalaliDate(value)  # type: ignore[no-untyped-call]
            return self._digits(f"{told.day} {told.strftime('%B', locale='fa')} {told.year}")
        return str(format_date(value, "long", locale=self._locale))

    def short_day(self, value: date) -> str:
        """Return a day without its year."""
        if self.rtl:
            told: Any = JalaliDate(value)  # type: ignore[no-untyped-call]
            return self._digits(f"{told.day} {told.strftime('%B', locale='fa')}")
        return str(format_date(value, {"en": "d MMM", "de": "d. MMM", "zh-Hans": "M月d日"}[self.language], locale=self._locale))

    def moment(self, value: datetime) -> str:
        """Return a day and a time of it, UTC."""
        value = value.astimezone(UTC)
        clock = self._digits(format_datetime(value, "HH:mm", locale=self._locale))
        return f"{self.short_day(value.date())} {clock}"

    def _digits(self, told: str) -> str:
        return told.translate(_PERSIAN) if self.rtl else str(told)
