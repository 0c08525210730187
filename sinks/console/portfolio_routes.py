"""The portfolio over HTTP: how customers stand, and who needs someone today."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints
from sqlalchemy import Engine

from sinks.console.callers import Caller, Right
from sinks.console.gate import allowed
from sinks.console.problems import PROBLEMS, Refusal
from sinks.console.settings import ConsoleSettings
from sinks.console.shapes import NeedingItem, NeedingToday, PortfolioFigures, QuadrantItem
from sinks.portfolio import MixedCurrencies, Money, money_of, needing, portfolio

__all__ = ["portfolio_routes"]

_Text = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
_Reader = Annotated[Caller, allowed(Right.ALERTS_READ)]


def portfolio_routes(engine: Engine, settings: ConsoleSettings) -> APIRouter:
    """Return the routes of the portfolio, for those who may see the alerts of all teams."""
    api = APIRouter(prefix="/api/portfolio", responses=PROBLEMS, tags=["figures"])

    def money(caller: Caller) -> Money:
        if caller.teams is not None:
            raise Refusal(HTTPStatus.FORBIDDEN, "all_teams", "the portfolio is of all teams: ask somebody who may see them")
        try:
            return money_of(engine, settings.currency, settings.rates)
        except MixedCurrencies as error:
            raise Refusal(HTTPStatus.CONFLICT, "mixed_currencies", str(error)) from None

    @api.get("")
    def quadrants(caller: _Reader, tenant: _Text | None = None) -> PortfolioFigures:
        """Count customers and revenue by quadrant: billed revenue x satisfaction."""
        found = portfolio(engine, money(caller), settings.portfolio, tenant=tenant)
        return PortfolioFigures(
            currency=found.currency,
            revenue=settings.portfolio.revenue,
            satisfaction=settings.portfolio.satisfaction,
            quadrants=[
                QuadrantItem(
                    quadrant=each.name,
                    customers=each.customers,
                    billed=each.billed,
                    forecast=each.forecast,
                    unforecast=each.unforecast,
                    satisfaction=each.satisfaction if each.customers else None,
                )
                for each in found.quadrants
            ],
            unplaced=found.unplaced,
            as_of=settings.now(),
        )

    @api.get("/today")
    def today(caller: _Reader, tenant: _Text | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> NeedingToday:
        """List the customers who need someone today: what is at stake x how hurt they are."""
        own = money(caller)
        found, unvalued = needing(engine, own, settings.portfolio, settings.harm, tenant=tenant, limit=limit)
        items = [NeedingItem.model_validate(each, from_attributes=True) for each in found]
        return NeedingToday(currency=own.currency, items=items, unvalued=unvalued, as_of=settings.now())

    return api
