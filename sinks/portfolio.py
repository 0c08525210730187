"""The portfolio (Meyer & Schwager): billed revenue x satisfaction, the forecast as the bubble, and who needs someone today."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Engine,
    Integer,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union,
)

from models.finding import Severity
from models.tables import alerts, customers
from sinks.errors import database_errors

__all__ = ["MixedCurrencies", "Money", "Needing", "Portfolio", "Quadrant", "Standing", "Terms", "money_of", "needing", "portfolio"]

Standing = Literal["model", "growth", "at_risk", "dangling"]
QUADRANTS: tuple[Standing, ...] = ("model", "growth", "at_risk", "dangling")

_WAITING = ("open", "reopened")
"""Of alerts: nobody has taken them up."""
_EXPONENTS = 40
"""Alerts of one customer that are told apart where they are ranked."""

class MixedCurrencies(ValueError):
    """Revenue is in several currencies and nobody said what one is in another."""


@dataclass(frozen=True, slots=True)
class Money:
    """What revenue is in: ``currency`` None is one that nobody named; ``rates`` tell what one unit of another one is in it."""

    currency: str | None
    rates: Mapping[str, float]

    def amount(self, value: ColumnElement[Any], currency: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a column of the installation's own currency, null where there is no rate."""
        own = or_(currency.is_(None), currency == self.currency)
        return value * case((own, literal(1.0)), *((currency == name, literal(rate)) for name, rate in sorted(self.rates.items())), else_=null())


@dataclass(frozen=True, slots=True)
class Terms:
    """From which revenue, in money, and which satisfaction, 0..1, these are high."""

    revenue: float
    satisfaction: float


@dataclass(slots=True)
class Quadrant:
    """How many customers stand in one, and what they bring. ``unforecast`` counts those of whom no forecast is known."""

    name: Standing
    customers: int = 0
    billed: float = 0.0
    forecast: float = 0.0
    unforecast: int = 0
    satisfaction: float = 0.0


@dataclass(slots=True)
class Portfolio:
    """All customers of whom anything is known: those who stand somewhere, and why the others do not."""

    currency: str | None
    quadrants: list[Quadrant]
    unplaced: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Needing:
    """A customer who needs someone: ``priority`` = what is at stake (the higher of billed and forecast revenue) x how hurt (0..1).

    ``alerts`` counts open ones that nobody has taken up, by detector; ``moved`` tells that one says they have moved to a worse quadrant.
    """

    tenant: str
    customer: str
    quadrant: Standing | None
    stake: float
    hurt: float
    billed: float
    forecast: float | None
    satisfaction: float | None
    seen: datetime | None
    alerts: dict[str, int] = field(default_factory=dict)
    since: datetime | None = None

    @property
    def priority(self) -> float:
        """Return what ranks them, in money."""
        return self.stake * self.hurt

    @property
    def moved(self) -> bool:
        """Tell whether they have moved to a worse quadrant."""
        return "portfolio_shift" in self.alerts


def money_of(engine: Engine, currency: str | None, rates: Mapping[str, float]) -> Money:
    """Return what revenue is in: ``currency`` or, where none is set, the only one that there is.

    Raises `MixedCurrencies` where none is set and there are several, `DatabaseUnavailable`.
    """
    if currency is not None:
        return Money(currency, rates)
    columns = customers.c.billed_currency, customers.c.forecast_currency
    ends = [select(end(each)).scalar_subquery() for each in columns for end in (func.min, func.max)]  # each is one look into an index
    with database_errors(engine), engine.connect() as connection:
        found = sorted(set(connection.execute(select(*ends)).one()) - {None})
        if len(found) > 1:
            named = union(*(select(each).where(each.is_not(None)) for each in columns))
            found = sorted(connection.execute(named).scalars())
    if len(found) > 1:
        to_set = "set SEAMWATCH_CURRENCY to your own and SEAMWATCH_RATES to what one unit of each other is in it"
        raise MixedCurrencies(f"revenue is in {', '.join(found)}: {to_set}")
    return Money(found[0] if found else None, rates)


def portfolio(engine: Engine, money: Money, terms: Terms, *, tenant: str | None = None) -> Portfolio:
    """Return how customers stand. Raises `DatabaseUnavailable`."""
    own, billed, forecast, standing = customers.c, *_figures(money, terms)
    known = func.count(forecast)
    query = (
        select(
            standing.label("standing"),
            func.count().label("customers"),
            func.sum(billed).label("billed"),
            func.sum(forecast).label("forecast"),
            known.label("known"),
            func.avg(own.satisfaction).label("satisfaction"),
        )
        .where(or_(own.billed.is_not(None), own.forecast.is_not(None), own.answers > 0), *_of(tenant))
        .group_by(standing)
    )
    found = Portfolio(money.currency, [Quadrant(name) for name in QUADRANTS])
    quadrants = {each.name: each for each in found.quadrants}
    with database_errors(engine), engine.connect() as connection:
        for row in connection.execute(query):
            if row.standing not in quadrants:
                found.unplaced[row.standing] = row.customers
                continue
            each = quadrants[row.standing]
            each.customers, each.unforecast = row.customers, row.customers - row.known
            each.billed, each.forecast, each.satisfaction = row.billed, row.forecast or 0.0, row.satisfaction
    return found


def needing(
    engine: Engine, money: Money, terms: Terms, harm: Mapping[Severity, float], *, tenant: str | None = None, limit: int = 20
) -> tuple[list[Needing], int]:
    """Return the customers who need someone today, the highest priority first, and how many more have open alerts but no known value.

    They pay well and are not pleased (at risk), or have alerts that nobody has taken up. How hurt they are multiplies as scores do: ``1 - (1 - harm) x ...``
    over the alerts by their severity; being at risk counts as one warning. Raises `DatabaseUnavailable`.
    """
    own, billed, forecast, standing = customers.c, *_figures(money, terms)
    seen = alerts.c
    open_alerts = (seen.state.in_(_WAITING), *([] if tenant is None else [seen.tenant == tenant]))
    waiting = (
        select(seen.tenant, seen.customer, *(func.sum(cast(seen.severity == name, Integer)).label(name) for name in ("warning", "critical")))
        .where(*open_alerts)
        .group_by(seen.tenant, seen.customer)
        .subquery("waiting")
    )
    stake = case((forecast > billed, forecast), else_=func.coalesce(billed, forecast))
    # Said as plain comparisons, which the database can estimate, and work out at each customer without the other columns.
    risk = and_(own.billed >= 0, billed >= terms.revenue, own.satisfaction < terms.satisfaction)
    left = _powers(1 - harm["warning"], waiting.c.warning + case((risk, 1), else_=0)) * _powers(1 - harm["critical"], waiting.c.critical)
    figures: list[Any] = [own.tenant, own.customer, standing.label("standing"), stake.label("stake"), billed.label("billed"), forecast.label("forecast")]
    figures += [own.satisfaction, own.seen]
    hurt = (
        select(own.tenant, own.customer, waiting.c.warning, waiting.c.critical, (stake * (1 - left)).label("priority"), func.count().over().label("valued"))
        .join_from(waiting, customers, and_(own.tenant == waiting.c.tenant, own.customer == waiting.c.customer))
        .where(or_(billed > 0, forecast > 0))
        .order_by(literal_column("priority").desc(), own.tenant, own.customer)
        .limit(limit)
        .subquery("hurt")
    )
    alerted = select(*figures, hurt.c.warning, hurt.c.critical, hurt.c.valued)
    alerted = alerted.join_from(hurt, customers, and_(own.tenant == hurt.c.tenant, own.customer == hurt.c.customer))
    # Without alerts all are hurt alike, so the dearest will do: who has some, too, and is not among the first of those, is not among the first of all.
    at_risk = select(*figures, literal(0).label("warning"), literal(0).label("critical")).where(risk, *_of(tenant))
    at_risk = at_risk.order_by(stake.desc(), own.tenant, own.customer).limit(limit)
    everyone = select(func.count()).select_from(select(seen.tenant, seen.customer).where(*open_alerts).distinct().subquery())
    made: dict[tuple[str, str], Needing] = {}
    with database_errors(engine), engine.connect() as connection:
        unvalued = connection.execute(everyone).scalar_one()
        for number, row in enumerate(connection.execute(alerted)):
            unvalued -= 0 if number else row.valued
            made[row.tenant, row.customer] = _needing(row, harm)
        for row in connection.execute(at_risk):
            made.setdefault((row.tenant, row.customer), _needing(row, harm))
        first = sorted(made.values(), key=lambda each: (-each.priority, each.tenant, each.customer))[:limit]
        counted = (
            select(seen.tenant, seen.customer, seen.detector, func.count().label("alerts"), func.min(seen.first_seen).label("since"))
            .where(seen.state.in_(_WAITING), tuple_(seen.tenant, seen.customer).in_([(each.tenant, each.customer) for each in first]))
            .group_by(seen.tenant, seen.customer, seen.detector)
            .order_by(func.count().desc(), seen.detector)
        )
        for row in connection.execute(counted):
            each = made[row.tenant, row.customer]
            each.alerts[row.detector] = row.alerts
            each.since = row.since if each.since is None else min(each.since, row.since)
    return first, unvalued


def _needing(row: Any, harm: Mapping[Severity, float]) -> Needing:
    left = (1 - harm["warning"]) ** ((row.warning or 0) + (row.standing == "at_risk")) * (1 - harm["critical"]) ** (row.critical or 0)
    where = row.standing if row.standing in QUADRANTS else None
    return Needing(row.tenant, row.customer, where, row.stake, 1 - left, row.billed or 0.0, row.forecast, row.satisfaction, row.seen)


def _powers(base: float, exponent: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a power as every SQLite can tell it, the high ones as nothing."""
    return case({number: base**number for number in range(_EXPONENTS)}, value=exponent, else_=0.0)


def _of(tenant: str | None) -> list[ColumnElement[bool]]:
    return [] if tenant is None else [customers.c.tenant == tenant]


def _figures(money: Money, terms: Terms) -> tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any]]:
    """Return the columns of billed and forecast revenue in one currency, and of where a customer stands, or why nowhere."""
    own = customers.c
    billed, forecast = money.amount(own.billed, own.billed_currency), money.amount(own.forecast, own.forecast_currency)
    pleased, pays = own.satisfaction >= terms.satisfaction, billed >= terms.revenue
    standing = case(
        (own.billed.is_(None), literal("no_revenue")),
        (own.billed < 0, literal("negative_revenue")),
        (billed.is_(None), literal("no_rate")),
        (own.satisfaction.is_(None), literal("no_answer")),
        (and_(pays, pleased), literal("model")),
        (pleased, literal("growth")),
        (pays, literal("at_risk")),
        else_=literal("dangling"),
    )
    return billed, case((forecast >= 0, forecast), else_=null()), standing
