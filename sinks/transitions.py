"""Change alerts as operators want, and as time does: each change with its audit in one transaction, and never over a
change that somebody else made meanwhile.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, and_, func, insert, or_, select, update

from models.alert import Alert, AlertChange, AlertState, Change, Resolution, Resolve
from models.tables import alert_changes, alerts, findings
from sinks.alerts import alert_of, change_of, keys_like, verdict_columns, verdict_of
from sinks.database import one_by_one, transact
from sinks.errors import Conflict, DatabaseUnavailable, database_errors
from sinks.lifecycle import STREAM, Facts, Refusal, Step, Verdict, decide, pass_time

__all__ = ["Refused", "Report", "find_alert", "sweep", "transition", "transition_all"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ATTEMPTS = 5
_LOCKED_FROM = 2
"""The attempt, counted from 0, from which the row is locked first: the stream could be first for ever."""
_EXPIRES = [AlertState.OPEN.value, AlertState.ACKNOWLEDGED.value, AlertState.REOPENED.value]


class Refused(Exception):
    """A change that was not made: of which alert, why, and a sentence with what to do; ``first`` is the change that came before it."""

    def __init__(self, key: str, refusal: Refusal, sentence: str, first: AlertChange | None = None) -> None:
        super().__init__(sentence)
        self.key = key
        self.refusal = refusal
        self.first = first


class Report(NamedTuple):
    """What became of a change of many alerts."""

    done: list[Alert]
    refused: list[Refused]


def transition(connection: Connection, key: str, change: Change, actor: str, now: datetime) -> Alert:
    """Change an alert on behalf of ``actor`` at the wall-clock time ``now``, and return it as it is then.

    ``connection`` is in a transaction of its caller, on SQLite one of `sinks.database.writing`. Raises `Refused` where the
    change is not to be, and `Conflict` where another transaction was first: either way roll back; after `Conflict` the
    same call in a new transaction tells what the other did, or comes through.
    """
    if actor == STREAM:
        raise ValueError(f"{STREAM} is what the program does by itself, not a name of a person")
    row = _row(connection, key)
    if row is None:
        raise _no_such(key)
    last = _last_change(connection, key)
    if change.version is not None and change.version != row.version:
        raise _refused(Refusal.CHANGED, row, _first_since(connection, key, change.version) or last, change)
    if isinstance(change, Resolve) and change.of is not None:
        _check_original(connection, key, change.of)
    facts = Facts(
        severity=row.severity,
        occurrences=row.occurrences,
        last_seen=row.last_seen,
        rules=_standing_rules(connection, key),
        last_actor=last.actor,
        last_reason=change_of(last).reason,
        replaced=None if last.before is None else msgspec.convert(last.before, Verdict),
        latest=last.version == row.version,
    )
    step = decide(verdict_of(row), change, facts, actor=actor, now=now)
    if isinstance(step, Refusal):
        raise _refused(step, row, last, change)
    if not _store(connection, row, step, actor=actor, now=now, note=change.note):
        raise Conflict(f"alert {key} was changed meanwhile")
    return alert_of(_row(connection, key))


def transition_all(
    engine: Engine, keys: Iterable[str], change: Change, actor: str, now: Callable[[], datetime]
) -> Report:
    """Change many alerts, each in a transaction of its own; a key may be shortened to a beginning that no other has.

    Where the database goes away in between, the alert under way and those that follow are reported so.
    """
    report, handled = Report([], []), set[str]()
    wanted = list(dict.fromkeys(keys))
    for number, beginning in enumerate(wanted):
        try:
            key = find_alert(engine, beginning)
            if key not in handled:
                handled.add(key)
                report.done.append(_alone(engine, key, change, actor, now))
        except Refused as refused:
            report.refused.append(refused)
        except DatabaseUnavailable as error:
            lost = [Refused(key, Refusal.UNAVAILABLE, f"not known to be stored: {error}") for key in wanted[number:]]
            report.refused.extend(lost)
            break
    return report


def find_alert(engine: Engine, beginning: str) -> str:
    """Return the key that begins so. Raises `Refused` where none does or several do, `DatabaseUnavailable`."""
    found = keys_like(engine, beginning)
    if not found:
        raise _no_such(beginning)
    if len(found) > 1:
        sentence = f"several alerts begin so ({', '.join(found)}, ...): give more of the key"
        raise Refused(beginning, Refusal.AMBIGUOUS, sentence)
    return found[0]


def sweep(engine: Engine, *, now: datetime, expiry: int, limit: int = 500) -> int:
    """Open again what was snoozed until now, and resolve as expired what nobody saw for ``expiry`` microseconds; return how many alerts moved.

    At most ``limit`` in one call. Any number of workers may sweep at once: what changed meanwhile is left as it is.
    Raises `DatabaseUnavailable`, `Conflict` (nothing was changed; the next sweep does it).
    """
    unseen_since = _EPOCH + timedelta(microseconds=max(0, (now - _EPOCH) // timedelta(microseconds=1) - expiry))
    columns, snoozed = alerts.c, alerts.c.state == AlertState.SNOOZED.value
    unseen = and_(columns.updated <= unseen_since, columns.last_seen <= unseen_since)
    due = or_(
        and_(snoozed, columns.snoozed_until <= now),
        and_(snoozed, columns.snoozed_until.is_(None), unseen),
        and_(columns.state.in_(_EXPIRES), unseen),
    )
    with database_errors(engine), engine.connect() as connection:
        rows = connection.execute(select(alerts).where(due).limit(limit)).all()
    if not rows:
        return 0
    moved = 0
    with database_errors(engine), one_by_one(engine).begin() as connection:
        for row in sorted(rows, key=lambda row: str(row.key)):
            step = pass_time(
                verdict_of(row), last_seen=row.last_seen, updated=row.updated, now=now, unseen_since=unseen_since
            )
            moved += _store(connection, row, step, actor=STREAM, now=now)
    return moved


def _alone(engine: Engine, key: str, change: Change, actor: str, now: Callable[[], datetime]) -> Alert:
    def move(connection: Connection, attempt: int) -> Alert:
        if attempt >= _LOCKED_FROM:
            connection.execute(select(alerts.c.key).where(alerts.c.key == key).with_for_update())
        return transition(connection, key, change, actor, now())

    return transact(one_by_one(engine), move, _ATTEMPTS)


def _store(connection: Connection, row: Any, step: Step, *, actor: str, now: datetime, note: str | None = None) -> bool:
    """Write a step and its audit where the row is still the one that was decided on."""
    if step.reason is None:
        return False
    version = row.version + 1
    columns = verdict_columns(step.verdict)
    changed = connection.execute(
        update(alerts)
        .where(alerts.c.key == row.key, alerts.c.version == row.version)
        .values(columns | {"version": version, "updated": now})
    )
    if not changed.rowcount:
        return False
    connection.execute(
        insert(alert_changes).values(
            {
                "alert": row.key,
                "version": version,
                "from_state": row.state,
                "to_state": columns["state"],
                "reason": step.reason.value,
                "actor": actor,
                "time": now,
                "note": note,
                "assignee": columns["assignee"],
                "snoozed_until": columns["snoozed_until"],
                "duplicate_of": columns["duplicate_of"],
                "before": None if actor == STREAM else msgspec.to_builtins(verdict_of(row)),
            }
        )
    )
    return True


def _row(connection: Connection, key: str) -> Any:
    return connection.execute(select(alerts).where(alerts.c.key == key)).one_or_none()


def _last_change(connection: Connection, key: str) -> Any:
    changes = select(alert_changes).where(alert_changes.c.alert == key)
    return connection.execute(changes.order_by(alert_changes.c.version.desc()).limit(1)).one()


def _first_since(connection: Connection, key: str, version: int) -> Any:
    changes = select(alert_changes).where(alert_changes.c.alert == key, alert_changes.c.version > version)
    return connection.execute(changes.order_by(alert_changes.c.version).limit(1)).one_or_none()


def _standing_rules(connection: Connection, key: str) -> dict[str, int]:
    query = (
        select(findings.c.rule, func.max(findings.c.rule_version).label("version"))
        .where(findings.c.alert == key, findings.c.standing)
        .group_by(findings.c.rule)
    )
    return {row.rule: row.version for row in connection.execute(query)}


def _check_original(connection: Connection, key: str, original: str) -> None:
    """Raise `Refused` unless ``original`` is another alert, and no duplicate itself: so no ring can come to be."""
    # Locked, so that two alerts do not become duplicates of each other at once.
    found = connection.execute(select(alerts).where(alerts.c.key == original).with_for_update(read=True)).one_or_none()
    if found is None:
        why = "is no alert: `seamwatch alerts list` shows the keys"
    elif original == key:
        why = "is this alert itself: name the one that is worked on instead"
    elif found.resolution == Resolution.DUPLICATE.value:
        why = f"is itself a duplicate, of {found.duplicate_of}: name that one"
    else:
        return
    raise Refused(key, Refusal.NOT_THE_ORIGINAL, f"{original} {why}")


def _no_such(key: str) -> Refused:
    sentence = "there is no alert whose key begins so: `seamwatch alerts list` shows the keys"
    return Refused(key, Refusal.NO_SUCH_ALERT, sentence)


def _refused(refusal: Refusal, row: Any, first: Any, change: Change) -> Refused:
    state = row.state if row.resolution is None else f"{row.state} ({row.resolution})"
    told = f"{first.actor} was first: {first.from_state or 'nothing'} → {first.to_state} ({first.reason})"
    if first.before is not None and first.assignee != first.before["assignee"]:
        told += f", assignee {first.assignee or 'nobody'}"
    told += f" at {_time(first.time)}"
    seen = change.version if refusal is Refusal.CHANGED and change.version is not None else first.version
    if refusal in {Refusal.CHANGED, Refusal.CAME_AFTER} and first.version <= seen < row.version:
        # No transition since: the stream has changed what the alert rests on.
        told = f"{STREAM} was first: {row.occurrences} findings, {row.severity} at {_time(row.updated)}"
    sentence = {
        Refusal.CHANGED: f"is {state} at version {row.version}, not {change.version}; {told}: look at it again first",
        Refusal.ALREADY: f"nothing to change, it is {state}, assignee {row.assignee or 'nobody'}; {told}",
        Refusal.RESOLVED: f"is {state}; {told}: reopen it first",
        Refusal.NOTHING_STANDS: "all of its findings were withdrawn: it opens by itself when one stands again",
        Refusal.NOT_LATER: "the snooze would be over already: give a time that is still to come",
        Refusal.NOTE_MISSING: f"{row.assignee} has it: a hand-over needs a note on what is known so far",
        Refusal.NOT_YOURS: f"only your own last change can be undone; {told}",
        Refusal.CAME_AFTER: f"something came after your last change; {told}: change it anew instead",
        Refusal.UNDONE_ALREADY: "your last change was undone already: change it anew instead",
    }[refusal]
    return Refused(row.key, refusal, sentence, change_of(first))


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}Z"
