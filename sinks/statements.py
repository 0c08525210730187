"""The writer's SQL, built once: rows go in as parameters. One text for SQLite and PostgreSQL, but for the dialect's
own INSERT.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from models.tables import alert_changes, alerts, dead_letters, findings, scores

__all__ = ["LOCK_TABLES", "RANK_SEVERITY", "Statements", "chunks"]

_SEVERITY_RANK = {"info": 0, "warning": 1, "critical": 2}
RANK_SEVERITY = {rank: severity for severity, rank in _SEVERITY_RANK.items()}
LOCK_TABLES = "LOCK TABLE findings, scores, dead_letters IN SHARE ROW EXCLUSIVE MODE"
"""Of PostgreSQL: waits for the writers under way and keeps others out, not readers. Unlike an advisory lock, which a
query takes, it comes before the transaction's snapshot. Alerts are written after findings, so who holds findings
holds them too.
"""
_CHUNK = 1000
"""Parameters of one IN: a database's limit is 32,766 (SQLite) or 65,535 (PostgreSQL), and each length is a statement
of its own.
"""


class Statements:
    """All statements of the writer for one dialect (``sqlite`` or ``postgresql``)."""

    def __init__(self, dialect: str) -> None:
        insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert

        upsert = insert(findings)
        self.upsert_findings = _replacing(upsert, findings, where=_newer(upsert.excluded, findings.c))
        self.known_findings = select(
            findings.c.id, findings.c.revision, findings.c.rule_version, findings.c.alert, findings.c.standing
        ).where(findings.c.id.in_(bindparam("ids", expanding=True)))

        severity = case(_SEVERITY_RANK, value=findings.c.severity)
        self.standing = (
            select(
                findings.c.alert,
                func.count().label("occurrences"),
                func.max(severity).label("severity"),
                func.min(findings.c.time).label("first_seen"),
                func.max(findings.c.time).label("last_seen"),
            )
            .where(findings.c.alert.in_(bindparam("keys", expanding=True)), findings.c.standing)
            .group_by(findings.c.alert)
        )

        self.known_alerts = select(alerts).where(alerts.c.key.in_(bindparam("keys", expanding=True)))
        # The assignee is the operators' alone.
        self.upsert_alerts = _replacing(insert(alerts), alerts, leave={"assignee"})
        self.insert_changes = insert(alert_changes)

        upsert = insert(scores)
        new, old = upsert.excluded, scores.c
        newest = or_(new.as_of > old.as_of, (new.as_of == old.as_of) & (new.log_offset >= old.log_offset))
        self.upsert_scores = _replacing(upsert, scores, where=newest)
        as_of, offset = bindparam("at", type_=scores.c.as_of.type), bindparam("offset", type_=scores.c.log_offset.type)
        self.delete_scores = delete(scores).where(
            scores.c.key == bindparam("score"),
            or_(old.as_of < as_of, (old.as_of == as_of) & (old.log_offset <= offset)),
        )

        self.insert_letters = insert(dead_letters).on_conflict_do_nothing()

        # PostgreSQL takes a large batch faster as a copied stream that is then upserted at once.
        names = [column.name for column in findings.columns]
        listed = ", ".join(names)
        self.copied_columns: Sequence[str] = names
        self.create_copied = (
            "CREATE TEMPORARY TABLE IF NOT EXISTS copied_findings (LIKE findings) ON COMMIT DELETE ROWS"
        )
        self.copy_findings = f"COPY copied_findings ({listed}) FROM STDIN"
        self.upsert_copied = (
            f"INSERT INTO findings ({listed}) SELECT {listed} FROM copied_findings ORDER BY id"
            f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names[1:])}"
            " WHERE excluded.revision > findings.revision"
            " OR (excluded.revision = findings.revision AND excluded.rule_version > findings.rule_version)"
        )


def _newer(new: Any, old: Any) -> ColumnElement[bool]:
    return or_(new.revision > old.revision, (new.revision == old.revision) & (new.rule_version > old.rule_version))


def _replacing(
    upsert: Any,
    table: Table,
    *,
    where: ColumnElement[bool] | None = None,
    leave: frozenset[str] | set[str] = frozenset(),
) -> Any:
    keys = list(table.primary_key.columns)
    left = {column.name for column in keys} | leave
    replaced = {column.name: upsert.excluded[column.name] for column in table.columns if column.name not in left}
    return upsert.on_conflict_do_update(index_elements=keys, set_=replaced, where=where)


def chunks(keys: Sequence[str]) -> list[Sequence[str]]:
    """Cut keys into the pieces that one statement takes."""
    return [keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK)]
