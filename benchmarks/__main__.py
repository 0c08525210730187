"""Measure Seamwatch beside others, in turns, on real servers that are started for it; each measurement ends with a verifier."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    briefs,
    capacity,
    console,
    ingest,
    insights,
    latency,
    messages,
    partitions,
    pruning,
    recovery,
    state,
    whole_job,
    writers,
)
from benchmarks.report import Report, show, write

_DOCUMENTS = Path(__file__).parents[1] / "docs"
_EPILOG = """
examples:
  python -m benchmarks all --write                   what `make bench` runs; the tables go to docs/benchmarks.md
  python -m benchmarks throughput --customers 5000   a quick look at the whole job beside its peers
  python -m benchmarks latency --rate 2000           another load
  python -m benchmarks writers --write               this table alone, and alone replaced in the document

Ratios within one run mean something; rates of a shared machine swing by half and more.
"""


def main() -> int:
    """Run what is wanted, print it, and write it down where told to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="{all," + ",".join(_BENCHMARKS) + "}")
    everything = _command(commands, "all", "all of them, one after the other; takes the options of each")
    for name, (text, options, _) in _BENCHMARKS.items():
        alone = _command(commands, name, text)
        for each in (alone, everything):
            options(each)
    chosen = parser.parse_args()
    for name in _BENCHMARKS if chosen.command == "all" else [chosen.command]:
        report = _BENCHMARKS[name][2](chosen)
        show(report)
        if chosen.write:
            write(_DOCUMENTS / ("capacity.md" if name == "capacity" else "benchmarks.md"), name, report)
    return 0


def _command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--write", action="store_true", help="also write the table to docs/benchmarks.md (capacity: capacity.md), with machine and date")
    parser.add_argument("--rounds", type=int, default=5, help="turns of either side, of which the median counts; throughput has one")
    return parser


def _throughput(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customers", type=int, default=40_000, help="ten touchpoints each; 20,000 of them at once")
    parser.add_argument("--peers-python", help="a Python that has benchmarks/peers/requirements.txt; without it those are left out")


def _latency(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=int, default=8000, help="touchpoints a second, well below what the whole job manages")
    parser.add_argument("--seconds", type=int, default=20, help="of each round, for either side")


def _briefs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--brief-rate", type=int, default=2000, help="touchpoints a second, of which one in ten is a handoff")
    parser.add_argument("--brief-seconds", type=int, default=20, help="of load")


def _writers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writer-customers", type=int, default=40_000, help="whose findings and scores are written")
    parser.add_argument("--batch", type=int, default=2000, help="records of one transaction")


def _state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customers-at-rest", type=int, default=1_000_000, help="rows of six touchpoints")
    parser.add_argument("--contacts", type=int, default=20_000, help="of ten touchpoints, of customers drawn at random")


def _capacity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--capacity-customers", type=int, default=20_000, help="ten touchpoints each, at full speed")
    parser.add_argument("--capacity-rates", type=int, nargs="+", default=[200, 4_000, 7_000], help="touchpoints a second of runs beside the calculator")
    parser.add_argument("--capacity-seconds", type=int, default=60, help="of each run")


def _recovery(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=200_000, help="customers in the changelog, six touchpoints each")


def _text(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--messages", type=int, default=12_000, help="of each language")


def _insights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--year", type=int, default=10_000_000, help="findings of a year")


def _pruning(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kept-findings", type=int, default=1_000_000, help="of 400 days, with what belongs to them")


def _partitions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--either-findings", type=int, default=500_000, help="of 400 days, on either side, with what belongs to them")


def _console(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--alerts", type=int, default=100_000, help="open ones, in either database")
    parser.add_argument("--update-rate", type=int, default=300, help="findings a second while the list is looked at")
    parser.add_argument("--update-seconds", type=int, default=60, help="for which they come, over either database")


def _ingest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=20_000, help="of each round, for either side")
    parser.add_argument("--connections", type=int, default=32, help="clients, each with one request at a time")


_BENCHMARKS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], Report]]] = {
    "throughput": (
        "the whole job, from touchpoints to committed rows, beside stream processors that only count",
        _throughput,
        lambda chosen: whole_job.run(chosen.customers, chosen.peers_python),
    ),
    "latency": (
        "how long a finding takes under a steady load, beside an echo of aiokafka",
        _latency,
        lambda chosen: latency.run(chosen.rate, chosen.seconds, chosen.rounds),
    ),
    "briefs": (
        "how long a brief takes after its handoff, under a steady load",
        _briefs,
        lambda chosen: briefs.run(chosen.brief_rate, chosen.brief_seconds),
    ),
    "writers": (
        "the database writer beside the driver alone, SQLite and PostgreSQL",
        _writers,
        lambda chosen: writers.run(chosen.writer_customers, chosen.batch, chosen.rounds),
    ),
    "capacity": (
        "what an event, a customer and a rule cost, and whether the calculator is right",
        _capacity,
        lambda chosen: capacity.run(chosen.capacity_customers, chosen.capacity_rates, chosen.capacity_seconds, min(chosen.rounds, 3)),
    ),
    "state": (
        "what state costs: bytes of a quiet row, few and very many customers, long timelines, late records",
        _state,
        lambda chosen: state.run(chosen.customers_at_rest, chosen.contacts, min(chosen.rounds, 3)),
    ),
    "recovery": (
        "rebuilding a partition's state beside aiokafka reading the changelog into a dict",
        _recovery,
        lambda chosen: recovery.run(chosen.rows, chosen.rounds),
    ),
    "text": (
        "reading messages: what is asked for and told in four languages, and the worst texts",
        _text,
        lambda chosen: messages.run(chosen.messages, min(chosen.rounds, 3)),
    ),
    "insights": (
        "what ranking a year of findings takes in PostgreSQL, beside counting them anew",
        _insights,
        lambda chosen: insights.run(chosen.year, min(chosen.rounds, 3)),
    ),
    "prune": (
        "what deleting old rows from a large PostgreSQL takes, and what the workers feel of it",
        _pruning,
        lambda chosen: pruning.run(chosen.kept_findings),
    ),
    "partitions": (
        "findings in one table beside partitions of a month: what is written, read, and deleted",
        _partitions,
        lambda chosen: partitions.run(chosen.either_findings, min(chosen.rounds, 3)),
    ),
    "console": (
        "what people at the console wait for, in a real browser, over SQLite and PostgreSQL",
        _console,
        lambda chosen: console.run(chosen.alerts, chosen.update_rate, chosen.update_seconds, chosen.rounds),
    ),
    "ingest": (
        "records taken in by HTTP, beside a bare server",
        _ingest,
        lambda chosen: ingest.run(chosen.requests, chosen.connections, chosen.rounds),
    ),
}


if __name__ == "__main__":
    sys.exit(main())
