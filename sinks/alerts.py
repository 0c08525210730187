"""Read alerts: what is open, what one rests on, and what changes from now on."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, Select, and_, func, or_, select

from models.alert import Alert, AlertChange, AlertState, ChangeReason, Resolution
from models.finding import Finding, Seam, Severity
from models.tables import alert_changes, alerts, findings
from sinks.errors import database_errors
from sinks.lifecycle import Verdict

__all__ = [
    "LATEST_COMMIT",
    "NOBODY",
    "UNRESOLVED",
    "AlertDetails",
    "alert_of",
    "change_of",
    "count_alerts",
    "finding_of",
    "follow",
    "keys_like",
    "list_alerts",
    "newest_findings",
    "show_alert",
    "verdict_columns",
    "verdict_of",
]  # fmt: skip

NOBODY = ""
"""As an assignee to look for: alerts that nobody in particular looks after."""

UNRESOLVED = frozenset(AlertState) - {AlertState.RESOLVED}
"""The states of an alert that waits for somebody."""

LATEST_COMMIT = timedelta(seconds=60)
"""How long after its row was stamped a transaction can still become visible; longer than the database lets one last."""
_PAGE = 500


class AlertDetails(NamedTuple):
    """An alert with its findings, newest first and withdrawn ones too, and its changes, oldest first."""

    alert: Alert
    findings: list[Finding]
    changes: list[AlertChange]


def newest_findings(columns: Sequence[ColumnElement[Any]], keys: Collection[str]) -> Select[Any]:
    """Return a query of ``columns`` of the newest finding of each alert that stands, else of the newest."""
    own = findings.c
    order = func.row_number().over(partition_by=own.alert, order_by=(own.standing.desc(), own.time.desc(), own.id))
    ranked = select(*columns, order.label("place")).where(own.alert.in_(keys)).subquery()
    return select(ranked).where(ranked.c.place == 1)


def count_alerts(engine: Engine, since: datetime) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return how many alerts wait, by (state, severity), and how many resolved ones changed last after ``since``, by why they are.

    Raises `DatabaseUnavailable`.
    """
    columns, number = alerts.c, func.count()
    waiting = select(columns.state, columns.severity, number).where(columns.state.in_(sorted(UNRESOLVED)))
    resolved = select(columns.resolution, number).where(columns.state == AlertState.RESOLVED, columns.updated > since)
    with database_errors(engine), engine.connect() as connection:
        rows = connection.execute(waiting.group_by(columns.state, columns.severity))
        waits = {(state, severity): count for state, severity, count in rows}
        return waits, {row[0]: row[1] for row in connection.execute(resolved.group_by(columns.resolution))}


def list_alerts(
    engine: Engine,
    *,
    states: Collection[AlertState] = UNRESOLVED,
    tenant: str | None = None,
    detector: str | None = None,
    severities: Collection[Severity] = (),
    assignee: str | None = None,
    limit: int = 50,
    before: Alert | None = None,
) -> list[Alert]:
    """Return at most ``limit`` alerts in these states, those with the newest finding first.

    Without ``severities``, of all of them; ``assignee`` None: whoever has them.
    ``before`` is the last alert of the page before this one. Raises `DatabaseUnavailable`.
    """
    query = (
        select(alerts)
        .where(alerts.c.state.in_([state.value for state in states]))
        .order_by(alerts.c.last_seen.desc(), alerts.c.key.desc())
        .limit(limit)
    )
    if tenant is not None:
        query = query.where(alerts.c.tenant == tenant)
    if detector is not None:
        query = query.where(alerts.c.detector == detector)
    if severities:
        query = query.where(alerts.c.severity.in_(severities))
    if assignee is not None:
        query = query.where(alerts.c.assignee.is_(None) if assignee == NOBODY else alerts.c.assignee == assignee)
    if before is not None:
        older = alerts.c.last_seen < before.last_seen
        query = query.where(or_(older, and_(alerts.c.last_seen == before.last_seen, alerts.c.key < before.key)))
    with database_errors(engine), engine.connect() as connection:
        return [alert_of(row) for row in connection.execute(query)]


def show_alert(engine: Engine, key: str, *, limit: int = 100) -> AlertDetails | None:
    """Return an alert with its newest ``limit`` findings and all of its changes, or None where there is no such alert.

    Raises `DatabaseUnavailable`.
    """
    of_alert = select(findings.c.body, findings.c.revision).where(findings.c.alert == key)
    with database_errors(engine), engine.connect() as connection:
        row = connection.execute(select(alerts).where(alerts.c.key == key)).one_or_none()
        if row is None:
            return None
        found = connection.execute(of_alert.order_by(findings.c.time.desc(), findings.c.id).limit(limit)).all()
        changed = connection.execute(
            select(alert_changes).where(alert_changes.c.alert == key).order_by(alert_changes.c.version)
        ).all()
    return AlertDetails(
        alert_of(row),
        [finding_of(item) for item in found],
        [change_of(item) for item in changed],
    )


def follow(
    engine: Engine,
    *,
    since: datetime | None = None,
    tenant: str | None = None,
    interval: float = 1.0,
    stop: Event | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Alert]:
    """Yield each alert when it appears and whenever it changes, oldest change first, until ``stop`` is set.

    ``since`` is the wall-clock time from which changes are wanted (default: from now on), ``interval`` the seconds
    between two looks. Of several changes between two looks only the last is seen. Raises `DatabaseUnavailable`;
    called again with ``since``, it goes on.
    """
    stop = stop or Event()
    since = since or now()
    newest = since
    told: dict[str, tuple[int, datetime]] = {}
    while True:
        # Transactions become visible in another order than they were stamped in: look back, and leave out what was
        # told.
        horizon = max(since, newest - LATEST_COMMIT)
        told = {key: seen for key, seen in told.items() if seen[1] >= horizon}
        for alert in _changed(engine, horizon, tenant):
            newest = max(newest, alert.updated)
            if told.get(alert.key, (0, since))[0] < alert.version:
                told[alert.key] = alert.version, alert.updated
                yield alert
        if stop.wait(interval):
            return


def _changed(engine: Engine, horizon: datetime, tenant: str | None) -> Iterator[Alert]:
    query = select(alerts).order_by(alerts.c.updated, alerts.c.key).limit(_PAGE)
    if tenant is not None:
        query = query.where(alerts.c.tenant == tenant)
    position = alerts.c.updated >= horizon
    while True:
        with database_errors(engine), engine.connect() as connection:
            rows = connection.execute(query.where(position)).all()
        yield from map(alert_of, rows)
        if len(rows) < _PAGE:
            return
        last = rows[-1]
        position = or_(alerts.c.updated > last.updated, and_(alerts.c.updated == last.updated, alerts.c.key > last.key))


def keys_like(engine: Engine, beginning: str, *, limit: int = 3) -> list[str]:
    """Return the key of that name alone where there is one, else at most ``limit`` keys that begin so, in order.

    Raises `DatabaseUnavailable`.
    """
    begins = select(alerts.c.key).where(alerts.c.key.startswith(beginning, autoescape=True))
    with database_errors(engine), engine.connect() as connection:
        exact = connection.execute(select(alerts.c.key).where(alerts.c.key == beginning)).scalar_one_or_none()
        if exact is not None or not beginning:
            return [] if exact is None else [exact]
        return list(connection.execute(begins.order_by(alerts.c.key).limit(limit)).scalars())


def verdict_of(row: Any) -> Verdict:
    """Return how the alert of a row was left."""
    return Verdict(
        AlertState(row.state),
        None if row.resolution is None else Resolution(row.resolution),
        row.seen_until,
        row.judged_rules,
        row.snoozed_until,
        row.snoozed_severity,
        row.duplicate_of,
        row.assignee,
    )


def verdict_columns(verdict: Verdict) -> dict[str, Any]:
    """Return the columns of an alert that hold how it was left."""
    return {
        "state": verdict.state.value,
        "resolution": None if verdict.resolution is None else verdict.resolution.value,
        "seen_until": verdict.seen_until,
        "judged_rules": verdict.judged_rules,
        "snoozed_until": verdict.snoozed_until,
        "snoozed_severity": verdict.snoozed_severity,
        "duplicate_of": verdict.duplicate_of,
        "assignee": verdict.assignee,
    }


def finding_of(row: Any) -> Finding:
    """Return the finding of a row, of which body and revision are enough."""
    # Strict models take times and the like from JSON alone; here they are text as JSON has it.
    return Finding.model_validate(row.body | {"revision": row.revision}, strict=False)


def alert_of(row: Any) -> Alert:
    """Return the alert of a row."""
    return Alert(
        key=row.key,
        tenant=row.tenant,
        detector=row.detector,
        customer=row.customer,
        seam=None if row.seam_from is None else Seam(from_=row.seam_from, to=row.seam_to),
        state=AlertState(row.state),
        resolution=None if row.resolution is None else Resolution(row.resolution),
        severity=row.severity,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        occurrences=row.occurrences,
        assignee=row.assignee,
        version=row.version,
        updated=row.updated,
        snoozed_until=row.snoozed_until,
        until_worse=row.snoozed_severity is not None,
        duplicate_of=row.duplicate_of,
    )


def change_of(row: Any) -> AlertChange:
    """Return the audited change of a row."""
    words = {str(word): word for word in (*ChangeReason, *Resolution)}
    return AlertChange(
        alert=row.alert,
        version=row.version,
        from_state=None if row.from_state is None else AlertState(row.from_state),
        to_state=AlertState(row.to_state),
        reason=words[row.reason],
        actor=row.actor,
        time=row.time,
        note=row.note,
        assignee=row.assignee,
        snoozed_until=row.snoozed_until,
        duplicate_of=row.duplicate_of,
    )
