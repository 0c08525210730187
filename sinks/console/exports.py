"""Alerts as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Iterator

from sinks.console.shapes import AlertItem

__all__ = ["alerts_csv"]

_COLUMNS = (
    "key", "tenant", "severity", "state", "resolution", "detector", "reason", "seam_from", "seam_to", "customer", "journey", "channel", "team",
    "field", "occurrences", "first_seen", "last_seen", "assignee", "version", "updated", "summary",
)  # fmt: skip
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def alerts_csv(items: Iterable[AlertItem]) -> Iterator[str]:
    """Yield the lines, a heading first. What a spreadsheet would take for a formula begins with an apostrophe."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(_COLUMNS)
    yield _taken(line)
    for item in items:
        writer.writerow(map(_safe, _row(item)))
        yield _taken(line)


def _row(item: AlertItem) -> Iterator[object]:
    alert, latest = item.alert, item.latest
    values = alert.model_dump(mode="json") | {
        "seam_from": alert.seam and alert.seam.from_,
        "seam_to": alert.seam and alert.seam.to,
    }
    values |= (
        {}
        if latest is None
        else {name: getattr(latest, name) for name in ("reason", "journey", "channel", "team", "field", "summary")}
    )
    return (values.get(name) for name in _COLUMNS)


def _safe(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _taken(line: io.StringIO) -> str:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text
