"""The report with all that the rooms give it: figures, words, the scores' formulas."""

from datetime import date, datetime

from agents.rules import Language
from config.brief_words import load_brief_words
from config.report_words import load_report_words
from config.rules import load_rulebook
from config.settings import Settings
from config.wording import load_wording
from seamwatch.database import opened
from seamwatch.observing import portfolio_terms
from seamwatch.worker import decayed
from sinks.insights import Period, Weights, refresh
from sinks.portfolio import MixedCurrencies, Money, Terms, money_of
from sinks.report import collect, page

__all__ = ["write_report"]


def write_report(settings: Settings, first: date, last: date, tenant: str | None, language: Language, now: datetime) -> str:
    """Return the page. Raises `Nothing` where there is nothing to tell, `ConfigError`, `Failed`, `DatabaseUnavailable`."""
    rulebook = load_rulebook(settings.rules_dir)
    wording, terms = load_wording(rulebook, settings.rules_dir), portfolio_terms(settings, rulebook)
    words, briefs = load_report_words(language), load_brief_words(language)
    with opened(settings) as engine:
        money: Money | str
        try:
            money = money_of(engine, settings.currency, settings.rates)
        except MixedCurrencies as error:
            money = str(error)
        refresh(engine, now, weights=Weights(rulebook.engine.moments, money if isinstance(money, Money) else Money(None, {})))
        figures = collect(
            engine,
            Period(first, last),
            now,
            harm=rulebook.engine.harm,
            prior=rulebook.engine.prior_opportunities,
            minutes=settings.handling_minutes,
            cost_per_minute=settings.cost_per_minute,
            decay=decayed,
            money=money,
            terms=Terms(terms.revenue, terms.satisfaction),
            tenant=tenant,
        )
    currency = money.currency if isinstance(money, Money) else settings.currency
    fields = wording.vocabulary(language).fields
    return page(figures, language, words, lambda finding: wording.words(finding, language), briefs.detectors, fields, currency)
