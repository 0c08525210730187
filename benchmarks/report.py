"""What a benchmark says: on the terminal, and between its two marker lines in docs/benchmarks.md."""

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.support.documents import replace_between

__all__ = ["Report", "say", "show", "write"]

_LIBRARIES = ("faust-streaming", "aiokafka", "SQLAlchemy", "psycopg")


class Report(NamedTuple):
    """A table whose first column names what was measured, sentences about it, and a picture in plain text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]
    picture: str = ""


def say(what: str) -> None:
    """Tell who waits what is being done."""
    print(f"  {what} ...", file=sys.stderr, flush=True)


def show(report: Report) -> None:
    """Print a report."""
    console = Console(width=120, highlight=False)
    table = Table(title=report.title, title_justify="left")
    for number, heading in enumerate(report.columns):
        table.add_column(heading, justify="right" if number else "left")
    for row in report.rows:
        table.add_row(*row)
    console.print(table)
    for note in report.notes:
        console.print(note)
    if report.picture:
        console.print(f"\n{report.picture}", markup=False)


def write(document: Path, name: str, report: Report) -> None:
    """Replace what stands between the marker lines of benchmark ``name`` in ``document``.

    Raises ``ValueError`` where the document has no such lines.
    """
    begin, end = f"<!-- {name}: written by python -m benchmarks -->", f"<!-- end of {name} -->"
    replace_between(document, begin, end, _markdown(report))


def _markdown(report: Report) -> str:
    lines = [
        f"| {' | '.join(report.columns)} |",
        f"|---|{'---:|' * (len(report.columns) - 1)}",
        *(f"| {' | '.join(row)} |" for row in report.rows),
        "",
        *report.notes,
        f"Seen on {datetime.now(UTC):%d %B %Y} on {_machine()}",
        "",
    ]
    if report.picture:
        lines += ["```text", report.picture, "```", ""]
    return "\n".join(lines)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"a shared machine of {os.cpu_count()} cores ({platform.machine()}, {memory:.0f} GiB), servers and program on it together; "
        f"Python {platform.python_version()}, {_kafka()}{versions}."
    )


def _kafka() -> str:
    """Name Kafka's version; nothing where there is none, as for a benchmark that needs none."""
    from tests.support.kafka_server import KAFKA_JARS

    return next((f"Apache Kafka {jar.stem.rpartition('-')[2]}, " for jar in KAFKA_JARS.glob("kafka_2.13-*.jar")), "")
