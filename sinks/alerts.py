"""Read alerts: what is open, what one rests on, and what changes from now on."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, NamedTuple

from sqlalchemy import Engine, and_, or_, select

from models.alert import Alert, AlertChange, AlertState, ChangeReason, Resolution
from models.finding import Finding, Seam
from models.tables import alert_changes, alerts, findings
from sinks.errors import database_errors

__all__ = ["UNRESOLVED", "AlertDetails", "follow", "list_alerts", "show_alert"]

UNRESOLVED = frozenset(AlertState) - {AlertState.RESOLVED}
"""The states of an alert that waits for somebody."""

_LATEST_COMMIT = timedelta(seconds=60)
"""How long after its row was stamped a transaction can still become visible; longer than the database lets one last."""
_PAGE = 500


class AlertDetails(NamedTuple):
    """An alert with its findings, newest first and withdrawn ones too, and its changes, oldest first."""

    alert: Alert
    findings: list[Finding]
    changes: list[AlertChange]


def list_alerts(
    engine: Engine,
    *,
    states: Collection[AlertState] = UNRESOLVED,
    tenant: str | None = None,
    detector: str | None = None,
    limit: int = 50,
    before: Alert | None = None,
) -> list[Alert]:
    """Return at most ``limit`` alerts in these states, those with the newest finding first.

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
    if before is not None:
        older = alerts.c.last_seen < before.last_seen
        query = query.where(or_(older, and_(alerts.c.last_seen == before.last_seen, alerts.c.key < before.key)))
    with database_errors(engine), engine.connect() as connection:
        return [_alert(row) for row in connection.execute(query)]


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
        _alert(row),
        # Strict models take times and the like from JSON alone; here they are Python's already, or text as JSON has it.
        [Finding.model_validate(item.body | {"revision": item.revision}, strict=False) for item in found],
        [_change(item) for item in changed],
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
        horizon = max(since, newest - _LATEST_COMMIT)
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
        yield from map(_alert, rows)
        if len(rows) < _PAGE:
            return
        last = rows[-1]
        position = or_(alerts.c.updated > last.updated, and_(alerts.c.updated == last.updated, alerts.c.key > last.key))


def _alert(row: Any) -> Alert:
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
    )


def _change(row: Any) -> AlertChange:
    words = {str(word): word for word in (*ChangeReason, *Resolution)}
    return AlertChange(
        alert=row.alert,
        version=row.version,
        from_state=None if row.from_state is None else AlertState(row.from_state),
        to_state=AlertState(row.to_state),
        reason=words[row.reason],
        actor=row.actor,
        time=row.time,
    )
