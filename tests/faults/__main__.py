"""Run the matrix: `python -m tests.faults [NAME ...] [--rounds N] [--seed S] [--write FILE]`."""

import argparse
import math
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.catalogue import FAULTS, Fault
from tests.faults.run import Outcome, run
from tests.faults.world import Servers
from tests.support.documents import replace_between
from tests.support.services import ServerError, kafka_missing, postgres_missing

BEGIN, END = "<!-- matrix: made by `make faults` -->", "<!-- end of matrix -->"
COLUMNS = ("fault", "events", "findings", "kills", "rebalances", "lost", "twice", "wrong", "stop, s", "seconds")
SHOWN = 3


def main() -> int:
    """Run what was asked for and return the exit code: 0 where every fault was survived."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Break a running installation, and see what it comes to."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="faults, or beginnings of their names; all unless told"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often each, with other touchpoints and moments")
    parser.add_argument("--seed", type=int, default=0, help="where chance begins")
    parser.add_argument("--rate", type=int, default=300, help="touchpoints a second")
    parser.add_argument("--minutes", type=int, default=10, help="how long the database is away in `database-away`")
    parser.add_argument("--hours", type=float, help="how long `soak` lasts, which is only done when named; 1 unless told")
    parser.add_argument("--quick", action="store_true", help="short sessions and outages")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the matrix into this Markdown file")
    asked = parser.parse_args()
    console = Console()
    faults = [
        each
        for each in FAULTS.values()
        if (not asked.names and (asked.list or not each.alone)) or any(each.name.startswith(name) for name in asked.names)
    ]
    if asked.list:
        for each in faults:
            console.print(f"[bold]{each.name}[/]  {each.says}", highlight=False)
        return 0
    if missing := kafka_missing() or postgres_missing():
        parser.error(missing)
    if not faults:
        parser.error("no such fault: see --list")
    outcomes, broken = _run_all(console, faults, asked)
    console.print(_table(outcomes))
    for problem in broken:
        console.print(f"[red]{problem}[/]", highlight=False)
    if asked.write and outcomes:
        _write(asked.write, outcomes, asked)
    survived = not broken and all(outcome.faultless for outcome in outcomes)
    console.print("Nothing lost, nothing twice, nothing wrong." if survived else "[red]Not all was survived.[/]")
    return 0 if survived else 1


def _run_all(console: Console, faults: list[Fault], asked: argparse.Namespace) -> tuple[list[Outcome], list[str]]:
    outcomes: list[Outcome] = []
    broken: list[str] = []
    with Servers() as servers:
        for number, (round_, each) in enumerate([(r, f) for r in range(asked.rounds) for f in faults], 1):
            title = f"{number}/{asked.rounds * len(faults)} [bold]{each.name}[/]"
            with (
                console.status(f"{title}  {each.says}"),
                tempfile.TemporaryDirectory(prefix="seamwatch-faults-") as directory,
            ):
                try:
                    outcome = _run_one(each, servers, Path(directory), asked, round_)
                except (AssertionError, ServerError, OSError) as error:
                    broken.append(f"{each.name}: {error}")
                    console.print(
                        f"{title} [red]could not be run[/]\n{traceback.format_exc()[-3000:]}", highlight=False
                    )
                    continue
            outcomes.append(outcome)
            _tell(console, title, outcome)
    return outcomes, broken


def _run_one(each: Fault, servers: Servers, directory: Path, asked: argparse.Namespace, round_: int) -> Outcome:
    minutes = round(60 * (asked.hours or 1)) if each.alone else asked.minutes
    options = {"seed": asked.seed + round_, "quick": asked.quick, "rate": asked.rate, "minutes": minutes}
    if not each.disk:
        return run(each, servers, directory, **options)
    with Servers(each.disk) as own:
        return run(each, own, directory, **options)


def _tell(console: Console, title: str, outcome: Outcome) -> None:
    verdict = outcome.verdict
    word = "[green]kept[/]" if outcome.faultless else "[red]NOT KEPT[/]"
    console.print(
        f"{title} {word}  {verdict.events} events, {outcome.kills} kills, {len(outcome.ended)} ended, {outcome.rebalances} rebalances,"
        f" lost {len(verdict.lost)}, twice {len(verdict.twice)}, wrong {len(verdict.wrong)}, stop {outcome.stop:.1f} s,"
        f" caught up in {outcome.settled:.0f} s, {outcome.memory >> 20} MiB, {outcome.seconds:.0f} s",
        highlight=False,
    )
    for line in [*outcome.notes, *outcome.ended]:
        console.print(f"    [dim]{line}[/]", highlight=False)
    for kind, sentences in zip(("lost", "twice", "wrong"), verdict[2:], strict=True):
        for sentence in sentences[:SHOWN]:
            console.print(f"    [red]{kind}: {sentence}[/]", highlight=False)


def _rows(outcomes: Iterable[Outcome]) -> list[list[str]]:
    return [
        [
            outcome.fault,
            f"{outcome.verdict.events:,}",
            f"{outcome.verdict.findings:,}",
            str(outcome.kills),
            str(outcome.rebalances),
            *(str(len(sentences)) for sentences in outcome.verdict[2:]),
            f"{outcome.stop:.1f}" if math.isfinite(outcome.stop) else "never",
            f"{outcome.seconds:.0f}",
        ]
        for outcome in outcomes
    ]


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(*COLUMNS)
    for column in table.columns[1:]:
        column.justify = "right"
    for row, outcome in zip(_rows(outcomes), outcomes, strict=True):
        table.add_row(*row, style="" if outcome.faultless else "red")
    return table


def _write(path: Path, outcomes: list[Outcome], asked: argparse.Namespace) -> None:
    """Put the matrix between its markers; faults that were not run now keep the lines that they have."""
    before = path.read_text().partition(BEGIN)[2].partition(END)[0].splitlines()
    versions = ", ".join(f"{name} {version(name)}" for name in ("faust-streaming", "aiokafka", "psycopg"))
    ran = {outcome.fault for outcome in outcomes}
    rows = {fault: [line for line in before if line.startswith(f"| {fault} |")] for fault in FAULTS.keys() - ran}
    for row, outcome in zip(_rows(outcomes), outcomes, strict=True):
        rows.setdefault(outcome.fault, []).append(f"| {' | '.join(row)} | {FAULTS[outcome.fault].says} |")
    notes = [line for line in before if line.startswith("- ") and line[2:].partition(":")[0] not in ran]
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {len(os.sched_getaffinity(0))} shared cores, Python {platform.python_version()}, {versions};"
        f" {asked.rate} touchpoints a second, seed {asked.seed}.",
        "",
        f"| {' | '.join(COLUMNS)} | what happens |",
        f"|---|{'---:|' * (len(COLUMNS) - 1)}---|",
        *(line for fault in FAULTS for line in rows[fault]),
        "",
        *notes,
        *(f"- {outcome.fault}: {note}." for outcome in outcomes for note in outcome.notes),
    ]
    replace_between(path, BEGIN, END, "\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
