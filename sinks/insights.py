"""Where it hurts most: standing findings of a period, counted by seam, silo, field or detector and ranked by impact.

Read from counts by day (`models.tables.finding_days`), which `refresh` brings up to date: a year of findings is too much to count at every question. Months
that are over are added up besides, in rows whose day is the month, for a year of days is much to add up, too. Impact is frequency x harm x moment weight x
value of the customers hit; a customer whose revenue nobody knows is worth the mean of the others.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    update,
)

from models.finding import Severity
from models.tables import contact_marks, customers, finding_days, findings, place_days, place_hits, rollups
from sinks.database import insert_into, one_by_one
from sinks.errors import database_errors
from sinks.portfolio import Money

__all__ = ["BY", "Burden", "By", "Period", "Weights", "burdens", "months_of", "refresh"]

By = Literal["seams", "silos", "fields", "detectors"]
BY: tuple[By, ...] = get_args(By)

_LATE = timedelta(minutes=2)
"""How long after its wall-clock time a row may become visible: a writer's transaction is ended by the server long before."""
_VALUED = timedelta(hours=1)
"""How old the mean revenue may be: it is read from all customers, and only scales what weighs by value against what does not."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days, UTC, both included, and as many before them to compare with."""

    first: date
    last: date

    @property
    def earlier(self) -> "Period":
        """Return as many days before."""
        return Period(self.first - (self.last - self.first) - timedelta(days=1), self.first - timedelta(days=1))

    @property
    def months(self) -> list[str]:
        """Return the months that lie in the period whole, such as 2026-03."""
        last = _month(self.last + timedelta(days=1))
        found, day = [], self.first if self.first.day == 1 else _next_month(self.first)
        while _month(day) < last:
            found.append(_month(day))
            day = _next_month(day)
        return found

    def within(self, columns: Any, tenant: str | None, months: Collection[str] = ()) -> list[ColumnElement[bool]]:
        """Return the conditions for rows of the period and of a tenant (None: of all).

        Those of ``months``, which lie in it whole, are of the month, all others of days.
        """
        spans: list[ColumnElement[bool]] = [columns.day.in_(sorted(months))] if months else []
        day = self.first
        while day <= self.last:
            after = _next_month(day)
            if _month(day) not in months:  # rows of months sort before the first day of theirs
                spans.append(columns.day.between(day.isoformat(), min(self.last, after - timedelta(days=1)).isoformat()))
            day = after
        return [or_(*spans), *([] if tenant is None else [columns.tenant == tenant])]

    def rolled(self, connection: Connection, table: Table, tenant: str | None) -> list[ColumnElement[bool]]:
        """Return the conditions for the fewest rows of ``table``, which is made by `refresh`, that add up to the period."""
        return self.within(table.c, tenant, months_of(connection, table, self.months))


@dataclass(frozen=True, slots=True)
class Weights:
    """How much more a finding weighs: ``moments`` by type of its touchpoint or intent of its contact (1 for all others), and what revenue is in."""

    moments: Mapping[str, float] = field(default_factory=dict)
    money: Money = field(default=Money(None, {}))

    def told(self) -> str:
        """Return them as one text, to know whether they changed."""
        return json.dumps([dict(sorted(self.moments.items())), self.money.currency, dict(sorted(self.money.rates.items()))])

    @classmethod
    def of(cls, told: str | None) -> "Weights":
        """Return the weights of a text."""
        if told is None:
            return cls()
        moments, currency, rates = json.loads(told)
        return cls(moments, Money(currency, rates))


@dataclass(slots=True)
class Burden:
    """What one seam, silo, field or detector cost in a period.

    ``impact`` is harm x moment weight x value of the customers (1 is the mean), added up. ``harm`` adds up the harm of its findings (by severity, as in
    scores). ``minutes`` is handling time, of the detectors that one is known of. ``before`` counts the findings of the period before. ``detectors`` and
    ``seams`` count what it is made of, the most first.
    """

    name: str
    findings: int = 0
    critical: int = 0
    impact: float = 0.0
    harm: float = 0.0
    minutes: float = 0.0
    before: int = 0
    detectors: Counter[str] = field(default_factory=Counter)
    seams: Counter[str] = field(default_factory=Counter)


def burdens(
    engine: Engine,
    by: By,
    period: Period,
    *,
    harm: Mapping[Severity, float],
    minutes: Mapping[str, float],
    tenant: str | None = None,
) -> list[Burden]:
    """Return what findings cost by seam, silo, field or detector, the highest impact first.

    ``harm`` is by severity, ``minutes`` by detector. A finding of two silos counts for both; one without seam or field counts for none. As fresh as the
    last `refresh`. Raises `DatabaseUnavailable`.
    """
    days, columns = finding_days.c, [finding_days.c[name] for name in _COLUMNS[by]]
    sums = [func.sum(each).label(each.name) for each in (days.findings, days.weight, days.revenue)]
    seams = [days.seam_from, days.seam_to] if by == "fields" else []
    made: dict[str, Burden] = {}
    with database_errors(engine), engine.connect() as connection:
        mean = connection.execute(_mine(select(rollups.c.mean))).scalar()
        grouped = [*columns, *seams, days.detector, days.severity]
        for row in connection.execute(select(*grouped, *sums).where(*period.rolled(connection, finding_days, tenant)).group_by(*grouped)):
            count = int(row.findings)
            weight = row.weight + (row.revenue / mean if mean else 0.0)
            for name in _NAMES[by](row):
                burden = made.setdefault(name, Burden(name))
                burden.findings += count
                burden.critical += count * (row.severity == "critical")
                burden.harm += count * harm[row.severity]
                burden.impact += weight * harm[row.severity]
                burden.minutes += count * minutes.get(row.detector, 0.0)
                burden.detectors[row.detector] += count
                if seams and row.seam_from:
                    burden.seams[f"{row.seam_from}>{row.seam_to}"] += count
        earlier = columns or [days.detector]
        for row in connection.execute(select(*earlier, sums[0]).where(*period.earlier.rolled(connection, finding_days, tenant)).group_by(*earlier)):
            for name in _NAMES[by](row):
                made.setdefault(name, Burden(name)).before += int(row.findings)
    return sorted(made.values(), key=lambda each: (-each.impact, -each.findings, each.name))


def refresh(engine: Engine, now: datetime, told: Callable[[int, int], None] = lambda done, days: None, weights: Weights | None = None) -> int:
    """Count anew the days of which findings were stored since the last time, all where the weights changed; return how many days.

    ``now`` is the wall clock; ``told`` hears how many days are done, of how many. ``weights`` None: those of the last time. A customer's revenue is taken as it
    was known when the day was counted. Each day is a transaction; several may refresh at once. Raises `DatabaseUnavailable`.
    """
    engine = one_by_one(engine)
    with database_errors(engine), engine.begin() as connection:
        connection.execute(insert_into(engine)(rollups).values(name=finding_days.name).on_conflict_do_nothing())
        last = connection.execute(_mine(select(rollups))).one()
        weights = Weights.of(last.basis) if weights is None else weights
        begun, same = last.refreshed, last.basis == weights.told()
        changed = select(findings.c.tenant, _day(engine), func.max(findings.c.revision)).group_by(findings.c.tenant, _day(engine))
        if begun is not None and same:
            changed = changed.where(findings.c.updated >= begun)
        days = sorted({each for tenant, day, revision in connection.execute(changed) for each in _around(tenant, day, revision)})
    for done, (tenant, day) in enumerate(days):
        told(done, len(days))
        with database_errors(engine), engine.begin() as connection:
            connection.execute(_mine(select(rollups.c.name)).with_for_update())  # one at a time
            _count_again(connection, tenant, day, weights)
    told(len(days), len(days))
    months = {day[:7] for _, day in days} | ({_month(begun)} if begun is not None else set())
    for month in sorted(each for each in months if each < _month(now)):
        with database_errors(engine), engine.begin() as connection:
            connection.execute(_mine(select(rollups.c.name)).with_for_update())
            _add_up(connection, month)
    with database_errors(engine), engine.begin() as connection:
        noted: dict[str, Any] = {"refreshed": now - _LATE, "basis": weights.told()}
        if not same or last.valued is None or not timedelta() <= now - last.valued < _VALUED:
            billed = weights.money.amount(customers.c.billed, customers.c.billed_currency)
            mean = connection.execute(select(func.avg(billed)).where(billed >= 0)).scalar()
            noted |= {"mean": mean, "valued": None if mean is None else now}
        connection.execute(_mine(update(rollups)).values(noted))
    return len(days)


def months_of(connection: Connection, table: Table, months: Collection[str]) -> set[str]:
    """Return those of ``months`` that are added up in ``table``."""
    return set(connection.scalars(select(table.c.day).where(table.c.day.in_(months)).distinct())) if months else set()


def _month(day: date) -> str:
    return day.isoformat()[:7]


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _mine(statement: Any) -> Any:
    return statement.where(rollups.c.name == finding_days.name)


def _around(tenant: str, day: str, revision: int) -> Iterator[tuple[str, str]]:
    """Yield a day and, of what was revised, its neighbours: a later revision may have moved a deadline by a limit, which is a day at most."""
    for ahead in (-1, 0, 1) if revision > 1 else (0,):
        yield tenant, (date.fromisoformat(day) + timedelta(days=ahead)).isoformat()


def _count_again(connection: Connection, tenant: str, day: str, weights: Weights) -> None:
    for table in _MADE:
        connection.execute(delete(table).where(table.c.day == day[:7]))  # added up again when all days are counted
    begin = datetime.combine(date.fromisoformat(day), time(), UTC)
    found, known = findings.c, customers.c
    whole_day = (found.tenant == tenant, found.standing, found.time >= begin, found.time < begin + timedelta(days=1))
    fixed = [literal(tenant), literal(day)]
    names = ("detector", "severity", "seam_from", "seam_to", "field", "silos")
    columns = [found.detector, found.severity, *(func.coalesce(each, "") for each in (found.seam_from, found.seam_to, found.field))]
    amount = weights.money.amount(known.billed, known.billed_currency)
    # Looked up one by one: a day has few findings, and there may be many customers.
    billed = select(amount).where(known.tenant == found.tenant, known.customer == found.customer, amount >= 0).scalar_subquery()
    told = [*columns, found.body["silos"].as_string(), *_moments(weights.moments), billed]
    each = select(*(column.label(name) for column, name in zip(told, (*names, "of_type", "of_intent", "billed"), strict=True))).where(*whole_day)
    once = each.cte("each_finding").prefix_with("MATERIALIZED", dialect="postgresql")  # or its weight is looked up for every sum
    counted = [once.c[name] for name in names]
    value, moment = once.c.billed, _higher(once.c.of_type, once.c.of_intent) if weights.moments else literal(1.0)
    weighed = [func.sum(case((value.is_(None), moment), else_=0.0)), func.sum(case((value.is_(None), 0.0), else_=moment * value))]
    _replace(connection, finding_days, tenant, day, select(*fixed, *counted, func.count(), *weighed).group_by(*counted))
    team = func.coalesce(found.team, "")
    channel = case({"ivr": "voice", "bot": "chat"}, value=found.channel, else_=found.channel)
    place = case((found.team.is_(None), channel), else_=channel + "/" + found.team)
    marked = (contact_marks.c.tenant == found.tenant, contact_marks.c.contact == found.contact, contact_marks.c.kind == "sales", contact_marks.c.name == team)
    where: list[Any] = [place, team, case((exists().where(*marked), "sales"), else_="service"), found.detector, found.severity]
    placed = (*whole_day, found.channel.is_not(None))
    inner = select(*(each.label(name) for each, name in zip(where, ("place", "team", "face", "detector", "severity"), strict=True))).where(*placed).subquery()
    _replace(connection, place_days, tenant, day, select(*fixed, *inner.c, func.count()).group_by(*inner.c))
    hits = select(*fixed, place, func.count(func.coalesce(found.contact, found.journey, found.id).distinct())).where(*placed).group_by(place)
    _replace(connection, place_hits, tenant, day, hits)


def _add_up(connection: Connection, month: str) -> None:
    for table, sums in _MADE.items():
        own = table.c
        connection.execute(delete(table).where(own.day == month))
        named = [each for each in own if each.name not in {"day", *sums}]
        query = select(literal(month).label("day"), *named, *(func.sum(own[each]).label(each) for each in sums))
        of_days = query.where(own.day.between(f"{month}-01", f"{month}-31")).group_by(*named)
        connection.execute(insert(table).from_select([each.name for each in of_days.selected_columns], of_days))


def _replace(connection: Connection, table: Any, tenant: str, day: str, query: Any) -> None:
    connection.execute(delete(table).where(table.c.tenant == tenant, table.c.day == day))
    connection.execute(insert(table).from_select([column.name for column in table.columns], query))


def _moments(moments: Mapping[str, float]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what a finding weighs by its touchpoint's type, and by its contact's intents; each null where nothing is said."""
    if not moments:
        return null(), null()
    found, mark = findings.c, contact_marks.c
    kind = func.coalesce(found.body["again"]["type"].as_string(), found.body["first"]["type"].as_string())
    intents = select(func.max(case(dict(moments), value=mark.name, else_=None)))
    intents = intents.where(mark.tenant == found.tenant, mark.contact == found.contact, mark.kind == "intent")
    return case(dict(moments), value=kind, else_=None), intents.scalar_subquery()


def _higher(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the higher of two, 1 where neither is known."""
    return case((and_(one.is_not(None), or_(other.is_(None), one >= other)), one), else_=func.coalesce(other, 1.0))


def _day(engine: Engine) -> Any:
    if engine.dialect.name == "sqlite":
        return func.substr(findings.c.time, 1, 10)
    return func.to_char(func.timezone(literal_column("'UTC'"), findings.c.time), literal_column("'YYYY-MM-DD'"))


def _seam(row: Any) -> Iterator[str]:
    if row.seam_from:
        yield f"{row.seam_from}>{row.seam_to}"


def _silos(row: Any) -> Iterable[str]:
    silos: list[str] = json.loads(row.silos or "[]")
    return silos


def _field(row: Any) -> Iterator[str]:
    if row.field:
        yield row.field


def _detector(row: Any) -> Iterator[str]:
    yield row.detector


_MADE = {finding_days: ("findings", "weight", "revenue"), place_days: ("findings",), place_hits: ("contacts",)}
"""What is counted by day and added up by month, and what is added up of it."""
_COLUMNS: dict[By, tuple[str, ...]] = {
    "seams": ("seam_from", "seam_to"),
    "silos": ("silos",),
    "fields": ("field",),
    "detectors": (),
}
_NAMES: dict[By, Callable[[Any], Iterable[str]]] = {
    "seams": _seam,
    "silos": _silos,
    "fields": _field,
    "detectors": _detector,
}
