"""Read what became of rules: how often one fired, was taken back and was called wrong; what those in shadow found."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, and_, case, func, literal, select

from models.alert import Resolution
from models.tables import alert_changes, alerts, findings
from sinks.errors import database_errors

__all__ = ["Fired", "RuleFigures", "ShadowFinding", "rule_figures", "shadow_counts", "shadow_findings"]

_ROWS = 1_000


class Fired(NamedTuple):
    """Findings of a rule: how many there were, and how many of them were taken back, or are explained by another finding."""

    found: int
    withdrawn: int
    explained: int


class RuleFigures(NamedTuple):
    """What became of a rule: ``ever``, and since each moment that was asked for; when first and last (None: never).

    ``false_positives`` counts alerts that are resolved as such, by the version of the rule that was judged.
    """

    first: datetime | None
    last: datetime | None
    ever: Fired
    since: Mapping[datetime, Fired]
    false_positives: Mapping[int, int]
    false_positives_since: Mapping[datetime, int]


class ShadowFinding(NamedTuple):
    """A finding of a rule in shadow, its body without its revision.

    ``heard``: a rule that is on has a finding that alerts in the same contact of the customer, without a contact in the same journey.
    """

    body: Mapping[str, Any]
    withdrawn: bool
    heard: bool


def rule_figures(engine: Engine, rule: str, detector: str, since: tuple[datetime, ...]) -> RuleFigures:
    """Count what became of a rule, by the times of its findings and of the judgements.

    Raises `DatabaseUnavailable`.
    """
    times = select(func.min(findings.c.time), func.max(findings.c.time)).where(findings.c.rule == rule)
    judged = (
        select(alert_changes.c.alert, alert_changes.c.time, alerts.c.judged_rules)
        .join(alerts, alerts.c.key == alert_changes.c.alert)
        .where(alerts.c.detector == detector, alerts.c.resolution == Resolution.FALSE_POSITIVE.value)
        .where(alert_changes.c.reason == Resolution.FALSE_POSITIVE.value)
        .order_by(alert_changes.c.time)
    )
    with database_errors(engine), engine.connect() as connection:
        first, last = connection.execute(times).one()
        ever, *fired = (Fired(*connection.execute(_fired(rule, moment)).one()) for moment in (None, *since))
        verdicts = {row.alert: (row.time, (row.judged_rules or {}).get(rule)) for row in connection.execute(judged)}
    wrong = [(time, version) for time, version in verdicts.values() if version is not None]
    return RuleFigures(
        first=first,
        last=last,
        ever=ever,
        since=dict(zip(since, fired, strict=True)),
        false_positives=Counter(version for _, version in wrong),
        false_positives_since={moment: sum(time >= moment for time, _ in wrong) for moment in since},
    )


def shadow_findings(engine: Engine, since: datetime) -> Iterator[ShadowFinding]:
    """Yield what rules in shadow found of what happened since a moment, newest first.

    Raises `DatabaseUnavailable`.
    """
    heard, same = _heard(since)
    query = (
        select(findings.c.body, findings.c.withdrawn, heard.c.place.is_not(None).label("heard"))
        .outerjoin(heard, same)
        .where(findings.c.rule_mode == "shadow", findings.c.time >= since)
        .order_by(findings.c.time.desc(), findings.c.id)
    )
    with database_errors(engine), engine.connect() as connection:
        for row in connection.execution_options(yield_per=_ROWS).execute(query):
            yield ShadowFinding(row.body, row.withdrawn, bool(row.heard))


def shadow_counts(engine: Engine, since: datetime) -> dict[str, tuple[int, int]]:
    """Return by rule how much stands of what it found in shadow of what happened since a moment, and how much of that is heard anyway.

    Raises `DatabaseUnavailable`.
    """
    heard, same = _heard(since)
    query = (
        select(findings.c.rule, func.count().label("found"), func.count(heard.c.place).label("heard"))
        .outerjoin(heard, same)
        .where(findings.c.rule_mode == "shadow", findings.c.time >= since, findings.c.withdrawn.is_(False))
        .group_by(findings.c.rule)
    )
    with database_errors(engine), engine.connect() as connection:
        return {row.rule: (row.found, row.heard) for row in connection.execute(query)}


def _heard(since: datetime) -> tuple[Any, ColumnElement[bool]]:
    heard = (
        select(findings.c.tenant, findings.c.customer, _place(findings.c).label("place"))
        .where(findings.c.standing, findings.c.time >= since)
        .distinct()
        .subquery()
    )
    same = and_(
        heard.c.tenant == findings.c.tenant,
        heard.c.customer == findings.c.customer,
        heard.c.place == _place(findings.c),
    )
    return heard, same


def _fired(rule: str, since: datetime | None) -> Any:
    columns = findings.c
    query = select(func.count(), _sum(columns.withdrawn), _sum(columns.explained_by.is_not(None))).where(
        columns.rule == rule
    )
    return query if since is None else query.where(columns.time >= since)


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _place(columns: Any) -> ColumnElement[str]:
    return func.coalesce(literal("contact ") + columns.contact, literal("journey ") + columns.journey)
