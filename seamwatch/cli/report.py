"""`seamwatch report`: one page that a manager reads."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from seamwatch.parameters import OUTPUT, language_option
from seamwatch.terminal import notice


class _Day(click.ParamType):
    """A day, UTC."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is no day; write it as 2026-03-02.", param, ctx)


@click.command
@click.option("--from", "first", type=_Day(), required=True, help="The first day, UTC.")
@click.option("--to", "last", type=_Day(), required=True, help="The last day, included.")
@click.option("--out", type=OUTPUT, required=True, help="The file to write, or - for standard output.")
@click.option("--tenant", help="Only of this tenant.")
@language_option
def command(first: date, last: date, out: str, tenant: str | None, language: Any) -> None:
    """Write a report of a period that a manager reads.

    One page without scripts, to be read, sent and printed (PDF: the browser's print). The scores with their change and sample size, the three
    seams that hurt most and what they cost, three stories with both moments (masked), promises kept, the ways of customers, the portfolio.
    Volumes, promises and accounts come from `seamwatch worker --roles insight`.

    \b
      seamwatch report --from 2026-03-02 --to 2026-03-08 --out report.html
      SEAMWATCH_HANDLING_MINUTES='{"repeated_request": 0.7}' SEAMWATCH_COST_PER_MINUTE=0.95 seamwatch report --from ... --to ... --out report.html
    """
    from config.settings import load_settings
    from seamwatch.errors import Failed, WrongUse
    from seamwatch.reporting import write_report
    from sinks.report import Nothing

    if first > last:
        raise WrongUse(f"--from {first} is after --to {last}")
    if (last - first) > timedelta(days=3660):
        raise WrongUse("--from and --to: ten years at most")
    try:
        written = write_report(load_settings(), first, last, tenant, language, datetime.now().astimezone())
    except Nothing as nothing:
        raise Failed(str(nothing)) from None
    if out == "-":
        click.echo(written)
        return
    Path(out).write_text(written, encoding="utf-8")
    notice(f"{out}: written; the browser's print makes a PDF of it.")
