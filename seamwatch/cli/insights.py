"""`seamwatch insights`: where it hurts most, and what it costs."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from seamwatch.parameters import json_option
from seamwatch.terminal import console, notice, progress, table

if TYPE_CHECKING:
    from rich.progress import Progress

    from sinks.insights import Burden, By

_BAR = 20


def _insight(by: "By", help_: str) -> click.Command:
    """Make the command that ranks ``by``."""

    @click.command(name=by, help=help_)
    @click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="So many, today's included.")
    @click.option("--tenant", help="Only of this tenant.")
    @click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
    @json_option
    def insight(days: int, tenant: str | None, limit: int, as_json: bool) -> None:
        from config.rules import load_rulebook
        from config.settings import load_settings
        from seamwatch.database import opened
        from sinks.insights import Period, burdens, refresh

        settings = load_settings()
        now = datetime.now(UTC)
        period = Period(now.date() - timedelta(days=days - 1), now.date())
        harm = load_rulebook(settings.rules_dir).engine.harm
        with opened(settings) as engine:
            with progress("days") or nullcontext() as bar:
                refresh(engine, now, _mover(bar))
            found = burdens(engine, by, period, harm=harm, minutes=settings.handling_minutes, tenant=tenant)
        found = [each for each in found if each.findings or each.before][:limit]
        cost = settings.cost_per_minute
        if as_json:
            for each in found:
                click.echo(json.dumps(_told(each, settings.handling_minutes, cost), ensure_ascii=False))
        elif found:
            console().print(_table(by, found, period, bool(settings.handling_minutes), cost))
            if not settings.handling_minutes:
                notice("Minutes and money: set SEAMWATCH_HANDLING_MINUTES and SEAMWATCH_COST_PER_MINUTE.")
        else:
            notice(f"No findings that stand in {days} days.")

    return insight


def _mover(bar: "Progress | None") -> Callable[[int, int], None]:
    if bar is None:
        return lambda done, days: None
    task = bar.add_task("Counting", total=None, done=0)
    return lambda done, days: bar.update(task, completed=done, total=days, done=done)


def _told(burden: "Burden", minutes: Any, cost: float | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": burden.name,
        "findings": burden.findings,
        "critical": burden.critical,
        "before": burden.before,
        "harm": round(burden.harm, 2),
        "detectors": dict(burden.detectors.most_common()),
    }
    if burden.seams:
        told["seams"] = dict(burden.seams.most_common())
    if minutes:
        told["minutes"] = round(burden.minutes, 1)
        if cost is not None:
            told["cost"] = round(burden.minutes * cost, 2)
    return told


def _table(by: "By", found: "list[Burden]", period: Any, timed: bool, cost: float | None) -> Any:
    worst = max(each.harm for each in found) or 1.0
    columns = [by[:-1], "impact", "findings", "critical", "change"]
    columns += ["hours"] if timed else []
    columns += ["cost"] if timed and cost is not None else []
    columns.append("most of it at" if by == "fields" else "most of it")
    rows = []
    for each in found:
        most = (each.seams if by == "fields" else each.detectors).most_common(2)
        row = [each.name, "█" * max(1, round(_BAR * each.harm / worst)) if each.findings else ""]
        row += [f"{each.findings:,}", f"{each.critical:,}", _change(each)]
        row += [f"{each.minutes / 60:,.1f}"] if timed else []
        row += [f"{each.minutes * cost:,.0f}"] if timed and cost is not None else []
        row.append(", ".join(f"{name} {count:,}" for name, count in most))
        rows.append(row)
    title = f"{period.first} to {period.last}, by impact (findings x harm)"
    return table(title, columns, rows, right=range(2, len(columns) - 1))


def _change(burden: "Burden") -> str:
    if not burden.before:
        return "new" if burden.findings else ""
    return f"{100 * (burden.findings - burden.before) / burden.before:+.0f} %"


@click.group
def command() -> None:
    """Rank what hurts customers most, and say what it costs.

    Counts standing findings by day and ranks by findings x harm; "change" compares with as many days before. The counts are brought up to date first.

    \b
      seamwatch insights seams --days 7
      SEAMWATCH_HANDLING_MINUTES='{"repeated_request": 0.7}' SEAMWATCH_COST_PER_MINUTE=0.95 seamwatch insights fields
    """


_RANKS: "dict[By, str]" = {
    "seams": "the seams, team to team or channel to channel",
    "silos": "the ten types of silo; a finding of two counts for both",
    "fields": "what customers are asked for again, and where it was known already",
    "detectors": "the kinds of failure",
}
for _by, _what in _RANKS.items():
    command.add_command(_insight(_by, f"Rank {_what}.\n\n\b\n  seamwatch insights {_by} --days 7 --limit 5"))
