"""``make bench``: run the benchmarks on real Apache Kafka and print a table of rates and ratios."""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.whole_job import PARTITIONS, PEERS, WHOLE_JOB, run


def main() -> int:
    """Run and print."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("--customers", type=int, default=20_000, help="ten touchpoints each (default: %(default)s)")
    options.add_argument("--peers-python", help="a Python that has benchmarks/peers/requirements.txt; without it those are left out")
    chosen = options.parse_args()
    result = run(chosen.customers, chosen.peers_python)
    stock = result.rates[next(iter(PEERS))]
    table = Table(title="Events a second, one process each, on the same topic", title_justify="left")
    for heading in ("", "events a second", "x stock Faust", "whole job / this"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, rate in result.rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / stock:.1f}", f"{result.rates[WHOLE_JOB] / rate:.2f}")
    console = Console(width=100)
    console.print(table)
    console.print(
        f"{result.events:,} touchpoints of {result.bytes_an_event:.0f} bytes, {chosen.customers:,} customers, {PARTITIONS} partitions; "
        f"verified: the {result.findings:,} findings in the database are those of a replay."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
