"""What a customer is worth, and how pleased: accounts and answers, whatever their order, and the quadrant that they give."""

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Any

import msgspec

from agents.amounts import share, thousandths
from agents.detectors.portfolio_shift import QUADRANT, PortfolioShiftRule, Quadrant
from agents.timeline import SortKey

__all__ = ["MOST_ANSWERS", "Account", "Answer", "Known", "Pattern", "Terms", "pattern_of"]

MOST_ANSWERS = 20
"""How many answers of a customer are kept."""

Key = tuple[int, int, int, str, str]


class Pattern(StrEnum):
    """What an answer looks at (Meyer & Schwager): a transaction, the relationship as it is, or what could be."""

    PAST = "past"
    PRESENT = "present"
    POTENTIAL = "potential"


class Known(msgspec.Struct, array_like=True, frozen=True):
    """What an account update said last of one thing; ``currency`` None is the installation's own."""

    key: Key
    value: Any
    currency: str | None = None


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """A survey's answer as a share of its scale, 0..1."""

    key: Key
    satisfied: float


class Account(msgspec.Struct, omit_defaults=True):
    """One customer's account: of each figure what was said last in the timeline's order, and the newest answers, the oldest first.

    ``refused`` counts answers on scales of one step; what lies off its scale is no touchpoint.
    """

    billed: Known | None = None
    forecast: Known | None = None
    segment: Known | None = None
    answers: list[Answer] = []
    refused: int = 0

    def update(self, key: SortKey, data: Any) -> None:
        """Take in an ``account.updated``; what it does not say stays."""
        currency = None if data.currency is None else data.currency.strip().upper()
        for name, value in (("billed", data.billed_revenue), ("forecast", data.forecast_revenue), ("segment", data.segment)):
            known: Known | None = getattr(self, name)
            if value is not None and (known is None or key > known.key):
                setattr(self, name, Known(key, value, None if name == "segment" else currency))

    def answer(self, key: SortKey, data: Any) -> float | None:
        """Take in a ``survey.answered``; return it as a share of its scale, None where that has but one step, or it was known."""
        satisfied = share(*map(thousandths, (data.score, data.minimum, data.maximum)))
        if satisfied is None:
            self.refused += 1
            return None
        if any(each.key == key for each in self.answers):
            return None
        kept = sorted([*self.answers, Answer(key, float(satisfied))], key=lambda each: each.key)
        self.answers = kept[-MOST_ANSWERS:]
        return float(satisfied)

    def join(self, other: "Account") -> None:
        """Take in the account of another key of the same customer."""
        for name in ("billed", "forecast", "segment"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if theirs is not None and (mine is None or theirs.key > mine.key):
                setattr(self, name, theirs)
        answers = {each.key: each for each in (*self.answers, *other.answers)}
        self.answers = [answers[key] for key in sorted(answers)][-MOST_ANSWERS:]
        self.refused += other.refused

    def forget(self, time: int) -> None:
        """Forget what is not later than ``time``, in microseconds UTC."""
        for name in ("billed", "forecast", "segment"):
            known: Known | None = getattr(self, name)
            if known is not None and known.key[0] <= time:
                setattr(self, name, None)
        self.answers = [each for each in self.answers if each.key[0] > time]

    def satisfaction(self, surveys: int) -> float | None:
        """Return the mean of the last ``surveys`` answers, 0..1; None without any."""
        last = [Fraction(each.satisfied).limit_denominator(10**6) for each in self.answers[-surveys:]]
        return float(sum(last, Fraction()) / len(last)) if last else None


class Terms(msgspec.Struct, frozen=True):
    """When revenue and satisfaction are high, and what money is in.

    ``currency`` is the installation's own; None: all revenue is in one. ``rates`` tell what one unit of another currency is in it.
    """

    revenue: float
    satisfaction: float
    surveys: int
    currency: str | None = None
    rates: Mapping[str, float] = {}

    @classmethod
    def of(cls, rule: PortfolioShiftRule, currency: str | None, rates: Mapping[str, float]) -> "Terms":
        """Return the terms of the rule that finds moves, so that list and findings agree."""
        return cls(rule.revenue, rule.satisfaction, rule.surveys, currency, rates)

    def rate(self, currency: str | None) -> float | None:
        """Return what one unit of ``currency`` is in the installation's own; None where nobody said."""
        if currency is None or self.currency in {None, currency}:
            return 1.0
        return self.rates.get(currency)

    def quadrant(self, account: Account) -> Quadrant | None:
        """Return where an account stands; None where revenue or satisfaction is not known, negative, or in a currency without a rate."""
        billed, satisfied = account.billed, account.satisfaction(self.surveys)
        if billed is None or satisfied is None or billed.value < 0:
            return None
        rate = self.rate(billed.currency)
        return None if rate is None else QUADRANT[billed.value * rate >= self.revenue, satisfied >= self.satisfaction]


def pattern_of(data: Any, contact: str | None, surveys: Mapping[str, Pattern]) -> Pattern:
    """Return the one pattern that an answer belongs to: what it says, else that of its survey's invitation, else past with a contact and present without."""
    if data.pattern is not None:
        return Pattern(data.pattern)
    return surveys.get(data.survey) or (Pattern.PRESENT if contact is None else Pattern.PAST)
