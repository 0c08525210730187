"""Where it hurts most: standing findings of a period, counted by seam, silo, field or detector and ranked by impact.

Read from counts by day (`models.tables.finding_days`), which `refresh` brings up to date: a year of findings is too much to count at every question. Impact
is frequency x harm x moment weight x value of the customers hit; a customer whose revenue nobody knows is worth the mean of the others.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from models.finding import Severity
from models.tables import contact_marks, customers, finding_days, findings, place_days, place_hits, rollups
from sinks.database import writing
from sinks.errors import database_errors
from sinks.portfolio import Money

__all__ = ["BY", "Burden", "By", "Period", "Weights", "burdens", "refresh", "sides"]

By = Literal["seams", "silos", "fields", "detectors"]
BY: tuple[By, ...] = get_args(By)

_LATE = timedelta(minutes=2)
"""How long after its wall-clock time a row may become visible: a writer's transaction is ended by the server long before."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days, UTC, both included, and as many before them to compare with."""

    first: date
    last: date

    @property
    def before(self) -> date:
        """Return the first day of the period before."""
        return self.first - (self.last - self.first) - timedelta(days=1)

    def within(self, columns: Any, tenant: str | None) -> list[ColumnElement[bool]]:
        """Return the conditions for rows of the period, by ``day``, and of a tenant (None: of all)."""
        days = [columns.day >= self.first.isoformat(), columns.day <= self.last.isoformat()]
        return days if tenant is None else [*days, columns.tenant == tenant]


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
    earlier = days.day < period.first.isoformat()
    query = (
        select(earlier.label("earlier"), days.detector, days.severity, *columns, *sums)
        .where(days.day >= period.before.isoformat(), days.day <= period.last.isoformat())
        .group_by(earlier, days.detector, days.severity, *columns)
    )
    if tenant is not None:
        query = query.where(days.tenant == tenant)
    made: dict[str, Burden] = {}
    with database_errors(engine), engine.connect() as connection:
        weights = Weights.of(connection.execute(_mine(select(rollups.c.basis))).scalar())
        billed = weights.money.amount(customers.c.billed, customers.c.billed_currency)
        mean = connection.execute(select(func.avg(billed)).where(billed >= 0)).scalar() or 0.0
        for row in connection.execute(query):
            count = int(row.findings)
            weight = row.weight + (row.revenue / mean if mean else 0.0)
            for name in _NAMES[by](row):
                burden = made.setdefault(name, Burden(name))
                if row.earlier:
                    burden.before += count
                    continue
                burden.findings += count
                burden.critical += count * (row.severity == "critical")
                burden.harm += count * harm[row.severity]
                burden.impact += weight * harm[row.severity]
                burden.minutes += count * minutes.get(row.detector, 0.0)
                burden.detectors[row.detector] += count
        if by == "fields":
            query = (
                select(days.field, days.seam_from, days.seam_to, func.sum(days.findings).label("findings"))
                .where(days.day >= period.first.isoformat(), days.day <= period.last.isoformat(), days.field != "", days.seam_from != "")
                .group_by(days.field, days.seam_from, days.seam_to)
            )
            for row in connection.execute(query if tenant is None else query.where(days.tenant == tenant)):
                made[row.field].seams[f"{row.seam_from}>{row.seam_to}"] += int(row.findings)
    return sorted(made.values(), key=lambda each: (-each.impact, -each.findings, each.name))


def sides(seam: str) -> tuple[str, str]:
    """Return both sides of a seam's name, ``team:x>team:y``; a team's own name may hold what stands between."""
    before, kind, after = re.split(r">((?:team|channel):)", seam, maxsplit=1)
    return before, kind + after


def refresh(engine: Engine, now: datetime, told: Callable[[int, int], None] = lambda done, days: None, weights: Weights | None = None) -> int:
    """Count anew the days of which findings were stored since the last time, all where the weights changed; return how many days.

    ``now`` is the wall clock; ``told`` hears how many days are done, of how many. ``weights`` None: those of the last time. A customer's revenue is taken as it
    was known when the day was counted. Each day is a transaction; several may refresh at once. Raises `DatabaseUnavailable`.
    """
    engine = writing(engine) if engine.dialect.name == "sqlite" else engine
    with database_errors(engine), engine.begin() as connection:
        insert_into: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[engine.dialect.name]
        connection.execute(insert_into(rollups).values(name=finding_days.name).on_conflict_do_nothing())
        refreshed, basis = connection.execute(_mine(select(rollups.c.refreshed, rollups.c.basis))).one()
        weights = Weights.of(basis) if weights is None else weights
        changed = select(findings.c.tenant, _day(engine)).distinct()
        if refreshed is not None and basis == weights.told():
            changed = changed.where(findings.c.updated >= refreshed)
        days = sorted({each for tenant, day in connection.execute(changed) for each in _around(tenant, day)})
    for done, (tenant, day) in enumerate(days):
        told(done, len(days))
        with database_errors(engine), engine.begin() as connection:
            connection.execute(_mine(select(rollups.c.name)).with_for_update())  # one at a time
            _count_again(connection, tenant, day, weights)
    told(len(days), len(days))
    with database_errors(engine), engine.begin() as connection:
        connection.execute(_mine(update(rollups)).values(refreshed=now - _LATE, basis=weights.told()))
    return len(days)


def _mine(statement: Any) -> Any:
    return statement.where(rollups.c.name == finding_days.name)


def _around(tenant: str, day: str) -> Iterator[tuple[str, str]]:
    """Yield a day and its neighbours: a later revision may have moved a deadline by a limit, which is a day at most."""
    for ahead in (-1, 0, 1):
        yield tenant, (date.fromisoformat(day) + timedelta(days=ahead)).isoformat()


def _count_again(connection: Connection, tenant: str, day: str, weights: Weights) -> None:
    begin = datetime.combine(date.fromisoformat(day), time(), UTC)
    found, known = findings.c, customers.c
    whole_day = (found.tenant == tenant, found.standing, found.time >= begin, found.time < begin + timedelta(days=1))
    fixed = [literal(tenant), literal(day)]
    counted = [
        found.detector,
        found.severity,
        *(func.coalesce(each, "") for each in (found.seam_from, found.seam_to, found.field)),
        found.body["silos"].as_string(),
    ]
    billed, moment = weights.money.amount(known.billed, known.billed_currency), _moment(weights.moments)
    unknown = or_(billed.is_(None), billed < 0)
    weighed = [func.sum(case((unknown, moment), else_=0.0)), func.sum(case((unknown, 0.0), else_=moment * billed))]
    joined = findings.outerjoin(customers, and_(known.tenant == found.tenant, known.customer == found.customer))
    _replace(connection, finding_days, tenant, day, select(*fixed, *counted, func.count(), *weighed).select_from(joined).where(*whole_day).group_by(*counted))
    team = func.coalesce(found.team, "")
    channel = case({"ivr": "voice", "bot": "chat"}, value=found.channel, else_=found.channel)
    place = case((found.team.is_(None), channel), else_=channel + "/" + found.team)
    marked = (contact_marks.c.tenant == found.tenant, contact_marks.c.contact == found.contact, contact_marks.c.kind == "sales", contact_marks.c.name == team)
    counted = [place, team, case((exists().where(*marked), "sales"), else_="service"), found.detector, found.severity]
    placed = (*whole_day, found.channel.is_not(None))
    inner = select(*(each.label(name) for each, name in zip(counted, ("place", "team", "face", "detector", "severity"), strict=True))).where(*placed).subquery()
    _replace(connection, place_days, tenant, day, select(*fixed, *inner.c, func.count()).group_by(*inner.c))
    hits = select(*fixed, place, func.count(func.coalesce(found.contact, found.journey, found.id).distinct())).where(*placed).group_by(place)
    _replace(connection, place_hits, tenant, day, hits)


def _replace(connection: Connection, table: Any, tenant: str, day: str, query: Any) -> None:
    connection.execute(delete(table).where(table.c.tenant == tenant, table.c.day == day))
    connection.execute(insert(table).from_select([column.name for column in table.columns], query))


def _moment(moments: Mapping[str, float]) -> ColumnElement[Any]:
    """Return the weight of a finding: the higher of its touchpoint's type and its contact's intents, 1 where neither has one."""
    if not moments:
        return literal(1.0)
    found, mark = findings.c, contact_marks.c
    kind = func.coalesce(found.body["again"]["type"].as_string(), found.body["first"]["type"].as_string())
    of_type = case(dict(moments), value=kind, else_=None)
    of_intent = (
        select(func.max(case(dict(moments), value=mark.name, else_=None)))
        .where(mark.tenant == found.tenant, mark.contact == found.contact, mark.kind == "intent")
        .scalar_subquery()
    )
    return case((and_(of_type.is_not(None), or_(of_intent.is_(None), of_type >= of_intent)), of_type), else_=func.coalesce(of_intent, 1.0))


def _day(engine: Engine) -> Any:
    if engine.dialect.name == "sqlite":
        return func.substr(findings.c.time, 1, 10)
    return func.to_char(func.timezone("UTC", findings.c.time), "YYYY-MM-DD")


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
