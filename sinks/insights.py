"""Where it hurts most: standing findings of a period, counted by seam, silo, field or detector and ranked by impact.

Read from counts by day (`models.tables.finding_days`), which `refresh` brings up to date: a year of findings is too much to count at every question.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Engine, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.finding import Severity
from models.tables import finding_days, findings, rollups
from sinks.database import writing
from sinks.errors import database_errors

__all__ = ["BY", "Burden", "By", "Period", "burdens", "refresh"]

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


@dataclass(slots=True)
class Burden:
    """What one seam, silo, field or detector cost in a period.

    ``harm`` adds up the harm of its findings (by severity, as in scores). ``minutes`` is handling time, of the detectors that one is known of. ``before``
    counts the findings of the period before. ``detectors`` and ``seams`` count what it is made of, the most first.
    """

    name: str
    findings: int = 0
    critical: int = 0
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
    """Return what findings cost by seam, silo, field or detector, the highest harm first.

    ``harm`` is by severity, ``minutes`` by detector. A finding of two silos counts for both; one without seam or field counts for none. As fresh as the
    last `refresh`. Raises `DatabaseUnavailable`.
    """
    days, columns = finding_days.c, [finding_days.c[name] for name in _COLUMNS[by]]
    earlier = days.day < period.first.isoformat()
    query = (
        select(earlier.label("earlier"), days.detector, days.severity, *columns, func.sum(days.findings).label("findings"))
        .where(days.day >= period.before.isoformat(), days.day <= period.last.isoformat())
        .group_by(earlier, days.detector, days.severity, *columns)
    )
    if tenant is not None:
        query = query.where(days.tenant == tenant)
    made: dict[str, Burden] = {}
    with database_errors(engine), engine.connect() as connection:
        for row in connection.execute(query):
            count = int(row.findings)
            for name in _NAMES[by](row):
                burden = made.setdefault(name, Burden(name))
                if row.earlier:
                    burden.before += count
                    continue
                burden.findings += count
                burden.critical += count * (row.severity == "critical")
                burden.harm += count * harm[row.severity]
                burden.minutes += count * minutes.get(row.detector, 0.0)
                burden.detectors[row.detector] += count
                if by == "fields" and row.seam_from:
                    burden.seams[f"{row.seam_from}>{row.seam_to}"] += count
    return sorted(made.values(), key=lambda each: (-each.harm, -each.findings, each.name))


def refresh(engine: Engine, now: datetime, told: Callable[[int, int], None] = lambda done, days: None) -> int:
    """Count anew the days of which findings were stored since the last time; return how many days.

    ``now`` is the wall clock; ``told`` hears how many days are done, of how many. Each day is a transaction; several may refresh at once. Raises
    `DatabaseUnavailable`.
    """
    engine = writing(engine) if engine.dialect.name == "sqlite" else engine
    with database_errors(engine), engine.begin() as connection:
        insert_into: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[engine.dialect.name]
        connection.execute(insert_into(rollups).values(name=finding_days.name).on_conflict_do_nothing())
        refreshed = connection.execute(_mine(select(rollups.c.refreshed))).scalar_one()
        changed = select(findings.c.tenant, _day(engine)).distinct()
        if refreshed is not None:
            changed = changed.where(findings.c.updated >= refreshed)
        days = sorted({each for tenant, day in connection.execute(changed) for each in _around(tenant, day)})
    for done, (tenant, day) in enumerate(days):
        told(done, len(days))
        with database_errors(engine), engine.begin() as connection:
            connection.execute(_mine(select(rollups.c.name)).with_for_update())  # one at a time
            _count_again(connection, tenant, day)
    told(len(days), len(days))
    with database_errors(engine), engine.begin() as connection:
        connection.execute(_mine(update(rollups)).values(refreshed=now - _LATE))
    return len(days)


def _mine(statement: Any) -> Any:
    return statement.where(rollups.c.name == finding_days.name)


def _around(tenant: str, day: str) -> Iterator[tuple[str, str]]:
    """Yield a day and its neighbours: a later revision may have moved a deadline by a limit, which is a day at most."""
    for ahead in (-1, 0, 1):
        yield tenant, (date.fromisoformat(day) + timedelta(days=ahead)).isoformat()


def _count_again(connection: Connection, tenant: str, day: str) -> None:
    begin = datetime.combine(date.fromisoformat(day), time(), UTC)
    found = findings.c
    counted = [
        literal(tenant),
        literal(day),
        found.detector,
        found.severity,
        *(func.coalesce(each, "") for each in (found.seam_from, found.seam_to, found.field)),
        found.body["silos"].as_string(),
    ]
    query = (
        select(*counted, func.count())
        .where(found.tenant == tenant, found.standing, found.time >= begin, found.time < begin + timedelta(days=1))
        .group_by(*counted[2:])
    )
    connection.execute(delete(finding_days).where(finding_days.c.tenant == tenant, finding_days.c.day == day))
    connection.execute(insert(finding_days).from_select([column.name for column in finding_days.columns], query))


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
    "fields": ("field", "seam_from", "seam_to"),
    "detectors": (),
}
_NAMES: dict[By, Callable[[Any], Iterable[str]]] = {
    "seams": _seam,
    "silos": _silos,
    "fields": _field,
    "detectors": _detector,
}
