"""Records as the streams hand them to the sinks, and the rows that they left."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any

from sqlalchemy import Engine, delete, select

from models.tables import alert_changes, alerts, dead_letters, ended_scores, findings, metadata, scores
from sinks.records import SinkRecord

START = datetime(2026, 3, 2, 9, 14, 5, 120001, tzinfo=UTC)
NOW = 1_772_442_900_000_000

_offsets = count()


def clock() -> int:
    """Stand still at one moment, in microseconds UTC."""
    return NOW


def moment(minutes: float) -> str:
    """Return a time, as JSON, so many minutes after the start."""
    return (START + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def finding(identity: str = "f1", revision: int = 1, *, minutes: float = 0, **changes: Any) -> dict[str, Any]:
    """Return a finding as JSON objects have it, standing and of the alert ``A`` unless changed."""
    rule = {"name": "repeated_request", "version": 1, "mode": "on"} | changes.pop("rule", {})
    return {
        "id": identity,
        "revision": revision,
        "withdrawn": False,
        "detector": "repeated_request",
        "reason": "after_handoff",
        "severity": "warning",
        "tenant": "acme",
        "customer": "c-1007",
        "journey": "auto-1",
        "contact": "k-55",
        "time": moment(minutes),
        "seam": {"from": "team:billing", "to": "team:tech"},
        "silos": ["process"],
        "field": "account_number",
        "first": None,
        "again": None,
        "evidence": [],
        "explained_by": None,
        "alert": "A",
        "rule": rule,
        "summary": "团队 tech asked again",
    } | changes


def record(
    value: Any, topic: str = "seamwatch.alerts", *, offset: int | None = None, timestamp: int = NOW
) -> SinkRecord:
    """Return a Kafka record that holds this value: bytes as they are, all else as JSON."""
    if value is not None and not isinstance(value, bytes):
        value = json.dumps(value).encode()
    return SinkRecord(topic, 3, next(_offsets) if offset is None else offset, timestamp, b"acme/c-1007", value, ())


def score(value: float | None = 87.5, *, offset: int | None = None, minutes: float = 0, **changes: Any) -> SinkRecord:
    """Return the record of a score, of a team unless changed."""
    body = {
        "tenant": "acme",
        "score": "consistency",
        "scope": "team",
        "name": "tech",
        "half_life": 3600,
        "value": value,
        "samples": 12.5,
        "components": {"harm": 0.1234567890123, "opportunities": 12.5},
        "as_of": moment(minutes),
    } | changes
    return record(body, "seamwatch.scores", offset=offset)


def brief(*, offset: int | None = None, minutes: float = 0, **changes: Any) -> SinkRecord:
    """Return the record of a brief, of journey j-1 unless changed."""
    body = {
        "schema_version": 1,
        "id": "b-1",
        "tenant": "acme",
        "customer": "c-1007",
        "journey": "j-1",
        "contact": None,
        "source": "crm",
        "touchpoint": "e-1",
        "time": moment(minutes),
        "occasion": "handoff",
        "handoff": "h-1",
        "to_team": "tech",
        "to_channel": "voice",
        "language": "en",
        "given": [],
        "authentication": None,
        "promises": [],
        "facts": [],
        "intent": "bill",
        "mood": {"sentiment": -0.5, "trend": None, "time": moment(minutes)},
        "findings": [],
    } | changes
    return record(body, "seamwatch.briefs", offset=offset)


def letter(offset: int = 7, **headers: bytes) -> SinkRecord:
    """Return the record of a dead letter."""
    fields = {"topic": b"seamwatch.raw.xes", "partition": b"2", "offset": b"%d" % offset, "reason": b"malformed_json"}
    fields |= {"detail": b"expected a value"} | headers
    base = record(b"{", "seamwatch.dead-letters")
    return base._replace(headers=list(fields.items()))


def clear(engine: Engine) -> None:
    """Empty all tables."""
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))


def rows(engine: Engine, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return these columns of a table, in order."""
    source = metadata.tables[table]
    with engine.connect() as connection:
        found = connection.execute(select(*(source.c[name] for name in columns)))
        return sorted((tuple(row) for row in found), key=repr)


def everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables but for wall-clock columns."""
    found = {}
    with engine.connect() as connection:
        for table in (findings, alerts, alert_changes, scores, ended_scores, dead_letters):
            wall_clock = {"updated"} if table is not alert_changes else {"time"}
            columns = [column for column in table.c if column.name not in wall_clock]
            result = connection.execute(select(*columns).order_by(*table.primary_key.columns))
            found[table.name] = [dict(row._mapping) for row in result]
    return found


def split(records: Sequence[SinkRecord], cuts: Sequence[int]) -> list[list[SinkRecord]]:
    """Cut records into batches before each of these positions."""
    edges = [0, *sorted(cut % (len(records) + 1) for cut in cuts), len(records)]
    return [list(records[begin:end]) for begin, end in pairwise(edges)]
