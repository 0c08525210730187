"""``make bench``: run the benchmarks on real Apache Kafka and print a table of rates and ratios."""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.whole_job import PARTITIONS, run


def main() -> int:
    """Run and print."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("--customers", type=int, default=20_000, help="ten touchpoints each (default: %(default)s)")
    options.add_argument("--stock-events", type=int, default=30_000, help="how many of them stock Faust counts (default: %(default)s)")
    chosen = options.parse_args()
    result = run(chosen.customers, chosen.stock_events)
    table = Table(title="Touchpoints topic to committed database row, one process", title_justify="left")
    for heading in ("", "events a second", "x stock Faust"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("stock Faust, count in a table", f"{result.stock:,.0f}", "1.0")
    table.add_row("Seamwatch, the whole job", f"{result.ours:,.0f}", f"{result.ours / result.stock:.1f}")
    console = Console()
    console.print(table)
    console.print(
        f"{result.events:,} touchpoints of {result.bytes_an_event:.0f} bytes, {chosen.customers:,} customers, {PARTITIONS} partitions; "
        f"verified: the {result.findings:,} findings in the database are those of a replay."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
