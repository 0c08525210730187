"""Tell how many repeated requests a handler who reads the brief would not have made: `python -m tests.quality.briefs`.

A request is avoidable where the latest brief before it of that customer and journey was for the team that asked (or for whoever takes over), and told that the
field had been given. The journeys are those of the simulated contact centre, record by record, as a worker sees them.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from config.fields import load_fields
from config.rules import load_rulebook
from streams.simulator import ContactCentre
from tests.support.documents import replace_between

__all__ = ["verdicts"]

_DOCUMENT = Path(__file__).parents[2] / "docs" / "brief.md"
_BEGIN, _END = "<!-- avoidable: written by python -m tests.quality.briefs -->", "<!-- end of avoidable -->"
_COLUMNS = ("reason", "repeated requests", "no brief before", "brief for another team", "field not in the brief", "avoidable", "share")
_VERDICTS = ("no brief", "another team", "not in it", "avoidable")


def verdicts(journeys: int, seed: int = 1, mess_rate: float = 0.0) -> Counter[tuple[str, str]]:
    """Return how many findings of `repeated_request` that stand in the end there are, by reason and by what the latest brief would have done."""
    watch = PartitionWatch(load_rulebook(), load_fields(), Fingerprinter(b"a key of at least sixteen bytes"), 0, keyed=False)
    briefs: dict[tuple[str, str], dict[str, Any]] = {}
    found: dict[str, tuple[str, str]] = {}
    for number, value in enumerate(_log(journeys, seed, mess_rate)):
        effects = watch.process([Record(number, None, None, value)])
        for _, finding in effects.findings:
            body = json.loads(finding)
            if body["detector"] != "repeated_request":
                continue
            if body["withdrawn"]:
                found.pop(body["id"], None)
            elif body["revision"] == 1:
                found[body["id"]] = body["reason"], _verdict(body, briefs.get((body["customer"], body["journey"])))
        for _, brief in effects.briefs:
            body = json.loads(brief)
            briefs[body["customer"], body["journey"]] = body
    return Counter(found.values())


def _log(journeys: int, seed: int, mess_rate: float) -> Iterator[bytes]:
    centre = ContactCentre(seed, mishap_rate=0.3, mess_rate=mess_rate)
    for journey in centre.journeys(journeys, datetime(2026, 3, 2, 9, tzinfo=UTC)):
        for each in journey.touchpoints:
            yield json.dumps(each).encode()


def _verdict(finding: dict[str, Any], brief: dict[str, Any] | None) -> str:
    if brief is None:
        return "no brief"
    if brief["to_team"] not in (None, finding["again"]["team"]):
        return "another team"
    known = any(each["field"] == finding["field"] and each["status"] != "expired" for each in brief["given"])
    return "avoidable" if known else "not in it"


def main() -> int:
    """Measure, print, and write down where told to."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.briefs", description=__doc__)
    parser.add_argument("--journeys", type=int, default=10_000)
    parser.add_argument("--write", action="store_true", help=f"write the table to {_DOCUMENT.name} too")
    chosen = parser.parse_args()
    rows = _rows(verdicts(chosen.journeys))
    table = Table(title="Repeated requests that the brief would have spared", title_justify="left")
    for number, heading in enumerate(_COLUMNS):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=120, highlight=False).print(table)
    if chosen.write:
        lines = [f"| {' | '.join(_COLUMNS)} |", f"|---|{'---:|' * (len(_COLUMNS) - 1)}", *(f"| {' | '.join(row)} |" for row in rows)]
        seen = f"Seen on {datetime.now(UTC):%d %B %Y}, of {chosen.journeys:,} simulated journeys."
        replace_between(_DOCUMENT, _BEGIN, _END, "\n".join([*lines, "", seen]))
    return 0


def _rows(counts: Counter[tuple[str, str]]) -> list[tuple[str, ...]]:
    reasons = sorted({reason for reason, _ in counts})
    figures = [(reason, [counts[reason, verdict] for verdict in _VERDICTS]) for reason in reasons]
    figures.append(("all", [sum(each) for each in zip(*(numbers for _, numbers in figures), strict=True)]))
    return [
        (reason, f"{sum(numbers):,}", *(f"{number:,}" for number in numbers), f"{numbers[-1] / sum(numbers):.0%}") for reason, numbers in figures
    ]


if __name__ == "__main__":
    sys.exit(main())
