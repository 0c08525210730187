"""`seamwatch portfolio`: what customers bring and how pleased they are, and who needs someone today."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from seamwatch.parameters import json_option
from seamwatch.terminal import console, count, notice, relative, table

if TYPE_CHECKING:
    from sinks.portfolio import Needing, Portfolio

_BUBBLE = 24
_NAMES = {"model": "model", "growth": "growth", "at_risk": "at risk", "dangling": "dangling"}
_UNPLACED = {
    "no_revenue": "no revenue is known",
    "negative_revenue": "billed revenue below zero",
    "no_rate": "in a currency without a rate (SEAMWATCH_RATES)",
    "no_answer": "no survey is answered",
}
_tenant_option = click.option("--tenant", help="Only of this tenant.")


@click.group
def command() -> None:
    """Show what customers bring, and who needs someone today.

    Billed revenue x satisfaction makes four quadrants: model (both high), growth (pleased), at risk (pays well) and dangling. From where on they
    are high says the rule portfolio_shift. `seamwatch worker --roles insight` reads accounts and surveys.

    \b
      seamwatch portfolio quadrants
      seamwatch portfolio today --limit 10
      SEAMWATCH_CURRENCY=EUR SEAMWATCH_RATES='{"USD": 0.92}' seamwatch portfolio quadrants
    """


@command.command
@_tenant_option
@json_option
def quadrants(tenant: str | None, as_json: bool) -> None:
    """Count customers and their revenue by quadrant; the bar is the forecast.

    \b
      seamwatch portfolio quadrants --json
    """
    from sinks.portfolio import portfolio

    with _opened() as (engine, money, terms, _):
        found = portfolio(engine, money, terms, tenant=tenant)
    if as_json:
        for each in found.quadrants:
            click.echo(json.dumps({"quadrant": each.name, "currency": found.currency} | _told(each)))
        return
    if not sum(each.customers for each in found.quadrants) + sum(found.unplaced.values()):
        notice("No accounts and no answers yet: `seamwatch worker --roles insight` reads them.")
        return
    console().print(_quadrant_table(found))
    for reason, number in sorted(found.unplaced.items()):
        notice(f"{count(number, 'customer')} in no quadrant: {_UNPLACED[reason]}.")


@command.command
@_tenant_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@json_option
def today(tenant: str | None, limit: int, as_json: bool) -> None:
    """List the customers who need someone today.

    Those who pay well and are not pleased, and those with alerts that nobody has taken up, ranked by what is at stake (the higher of billed and
    forecast revenue) x how hurt they are.

    \b
      seamwatch portfolio today --limit 10
    """
    from sinks.portfolio import needing

    with _opened() as (engine, money, terms, harm):
        found, unvalued = needing(engine, money, terms, harm, tenant=tenant, limit=limit)
    if as_json:
        for each in found:
            click.echo(json.dumps(_person(each, money.currency), ensure_ascii=False))
    elif found:
        console().print(_today_table(found, money.currency))
    else:
        notice("Nobody of known value needs someone today.")
    if unvalued:
        notice(f"{count(unvalued, 'customer')} more with open alerts, whose revenue is not known: `seamwatch alerts list`.")


@contextmanager
def _opened() -> Iterator[Any]:
    from config.rules import load_rulebook
    from config.settings import load_settings
    from seamwatch.database import opened
    from seamwatch.errors import WrongUse
    from seamwatch.observing import portfolio_terms
    from sinks.portfolio import MixedCurrencies, Terms, money_of

    settings = load_settings()
    rulebook = load_rulebook(settings.rules_dir)
    terms = portfolio_terms(settings, rulebook)
    with opened(settings) as engine:
        try:
            money = money_of(engine, settings.currency, settings.rates)
        except MixedCurrencies as error:
            raise WrongUse(str(error)) from None
        yield engine, money, Terms(terms.revenue, terms.satisfaction), rulebook.engine.harm


def _told(each: Any) -> dict[str, Any]:
    return {
        "customers": each.customers,
        "billed": round(each.billed, 2),
        "forecast": round(each.forecast, 2),
        "without_forecast": each.unforecast,
        "satisfaction": round(each.satisfaction, 3) if each.customers else None,
    }


def _person(each: "Needing", currency: str | None) -> dict[str, Any]:
    return {
        "tenant": each.tenant,
        "customer": each.customer,
        "quadrant": each.quadrant,
        "currency": currency,
        "stake": round(each.stake, 2),
        "hurt": round(each.hurt, 3),
        "priority": round(each.priority, 2),
        "satisfaction": each.satisfaction,
        "moved": each.moved,
        "alerts": each.alerts,
        "since": None if each.since is None else each.since.isoformat(),
    }


def _quadrant_table(found: "Portfolio") -> Any:
    most = max(abs(each.forecast) for each in found.quadrants) or 1.0
    money = f" {found.currency}" if found.currency else ""
    rows = [
        [
            _NAMES[each.name],
            f"{each.customers:,}",
            f"{each.billed:,.0f}",
            f"{100 * each.satisfaction:.0f} %" if each.customers else "",
            "█" * round(_BUBBLE * each.forecast / most),
            f"{each.forecast:,.0f}" + (f" ({each.unforecast:,} not known)" if each.unforecast else ""),
        ]
        for each in found.quadrants
    ]
    columns = ["quadrant", "customers", f"billed{money}", "satisfaction", "forecast", money.strip()]
    return table("Portfolio: billed revenue x satisfaction", columns, rows, right=(1, 2, 3))


def _today_table(found: "list[Needing]", currency: str | None) -> Any:
    now = datetime.now(UTC)
    rows = [
        [
            each.customer,
            f"{each.stake:,.0f}",
            f"{100 * each.hurt:.0f} %",
            _NAMES[each.quadrant] if each.quadrant else "",
            "" if each.satisfaction is None else f"{100 * each.satisfaction:.0f} %",
            ", ".join(f"{name} {number}" for name, number in each.alerts.items()) or "pays well, is not pleased",
            "" if each.since is None else relative(each.since, now),
        ]
        for each in found
    ]
    columns = ["customer", f"at stake{f' {currency}' if currency else ''}", "hurt", "quadrant", "satisfaction", "open alerts", "since"]
    return table("Who needs someone today", columns, rows, right=(1, 2, 4))
