"""`seamwatch insights`: where it hurts most, and what it costs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from seamwatch.parameters import json_option
from seamwatch.terminal import console, count, notice, progress, table

if TYPE_CHECKING:
    from rich.progress import Progress

    from sinks.corridor import Face, Snarl
    from sinks.insights import Burden, By

_BAR = 20
_NOBODY = "(a journey begins)"
_SKIPPED = {
    "too_few_visits": "with fewer visits than --minimum",
    "volume_unknown": "whose visits are not known (`seamwatch worker --roles insight` counts them)",
    "nothing_to_compare": "with no other place to compare with",
}
_days_option = click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="So many, today's included.")
_tenant_option = click.option("--tenant", help="Only of this tenant.")
_limit_option = click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")


@contextmanager
def _counted(days: int) -> "Iterator[tuple[Any, Any, Any, Any]]":
    """Give the database with its counts up to date, the period, the settings and what all rules share."""
    from config.rules import load_rulebook
    from config.settings import load_settings
    from seamwatch.database import opened
    from sinks.insights import Period, Weights, refresh
    from sinks.portfolio import MixedCurrencies, Money, money_of

    settings = load_settings()
    now = datetime.now(UTC)
    period = Period(now.date() - timedelta(days=days - 1), now.date())
    shared = load_rulebook(settings.rules_dir).engine
    with opened(settings) as engine:
        try:
            money = money_of(engine, settings.currency, settings.rates)
        except MixedCurrencies as error:
            notice(f"The value of customers is left out: {error}.")
            money = Money(None, {})
        with progress("days") or nullcontext() as bar:
            refresh(engine, now, _mover(bar), Weights(shared.moments, money))
        yield engine, period, settings, shared


def _insight(by: "By", help_: str) -> click.Command:
    """Make the command that ranks ``by``."""

    @click.command(name=by, help=help_)
    @_days_option
    @_tenant_option
    @_limit_option
    @json_option
    def insight(days: int, tenant: str | None, limit: int, as_json: bool) -> None:
        from sinks.insights import burdens

        with _counted(days) as (engine, period, settings, shared):
            found = burdens(engine, by, period, harm=shared.harm, minutes=settings.handling_minutes, tenant=tenant)
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
        "impact": round(burden.impact, 2),
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
    worst = max(each.impact for each in found) or 1.0
    columns = [by[:-1], "impact", "findings", "critical", "change"]
    columns += ["hours"] if timed else []
    columns += ["cost"] if timed and cost is not None else []
    columns.append("most of it at" if by == "fields" else "most of it")
    rows = []
    for each in found:
        most = (each.seams if by == "fields" else each.detectors).most_common(2)
        row = [each.name, "█" * max(1, round(_BAR * each.impact / worst)) if each.findings else ""]
        row += [f"{each.findings:,}", f"{each.critical:,}", _change(each)]
        row += [f"{each.minutes / 60:,.1f}"] if timed else []
        row += [f"{each.minutes * cost:,.0f}"] if timed and cost is not None else []
        row.append(", ".join(f"{name} {count:,}" for name, count in most))
        rows.append(row)
    title = f"{period.first} to {period.last}, by impact (findings x harm x moment x value)"
    return table(title, columns, rows, right=range(2, len(columns) - 1))


def _change(burden: "Burden") -> str:
    if not burden.before:
        return "new" if burden.findings else ""
    return f"{100 * (burden.findings - burden.before) / burden.before:+.0f} %"


@click.group
def command() -> None:
    """Rank what hurts customers most, and say what it costs.

    Counts standing findings by day and ranks by findings x harm x moment of truth x value of the customers hit; "change" compares with as many
    days before. The counts are brought up to date first. Snarls, corridor and teams need `seamwatch worker --roles insight`.

    \b
      seamwatch insights seams --days 7
      seamwatch insights snarls --minimum 100
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


@command.command
@_days_option
@_tenant_option
@_limit_option
@click.option("--minimum", type=click.IntRange(1), default=50, show_default=True, help="Visits that a place needs to be judged.")
@json_option
def snarls(days: int, tenant: str | None, limit: int, minimum: int, as_json: bool) -> None:
    """Find the touchpoints of the corridor where findings pile up.

    A place is a snarl where more of its visits are hit than elsewhere, and certainly so: the lower end of the 95 % interval (Wilson) lies above.

    \b
      seamwatch insights snarls --minimum 100
    """
    from sinks.corridor import snarls as judged

    with _counted(days) as (engine, period, _, shared):
        found, skipped = judged(engine, period, shared.harm, minimum=minimum, tenant=tenant)
    if as_json:
        for each in found[:limit]:
            click.echo(json.dumps(_snarl(each), ensure_ascii=False))
    elif found:
        rows = [
            [
                each.place.name,
                f"{100 * each.rate:.1f} %",
                f"{100 * each.low:.1f}..{100 * each.high:.1f} %",
                f"{100 * each.elsewhere:.1f} %",
                f"{each.place.visits:,}",
                f"{each.place.findings:,}",
                ", ".join(f"{name} {number:,}" for name, number in each.place.detectors.most_common(2)),
            ]
            for each in found[:limit]
        ]
        columns = ["place", "hit", "95 % interval", "elsewhere", "visits", "findings", "most of it"]
        console().print(table(f"Snarls, {period.first} to {period.last}", columns, rows, right=range(1, 6)))
    else:
        notice(f"No snarl in {days} days.")
    for reason, number in sorted(skipped.items()):
        notice(f"Not judged: {count(number, 'place')} {_SKIPPED[reason]}.")


@command.command
@_days_option
@_tenant_option
@_limit_option
@json_option
def corridor(days: int, tenant: str | None, limit: int, as_json: bool) -> None:
    """Show which touchpoints follow which, how often, and what goes wrong between them.

    \b
      seamwatch insights corridor --days 7 --json
    """
    from sinks.corridor import corridor as mapped

    with _counted(days) as (engine, period, _, shared):
        found = mapped(engine, period, shared.harm, tenant=tenant)
    leaving: dict[str, int] = {}
    for move in found.moves:
        leaving[move.before] = leaving.get(move.before, 0) + move.count
    shares = [(move, move.count / leaving[move.before]) for move in found.moves[:limit]]
    if as_json:
        for move, share in shares:
            told = {"from": move.before or None, "to": move.after, "moves": move.count, "share": round(share, 4), "findings": move.findings}
            click.echo(json.dumps(told, ensure_ascii=False))
    elif shares:
        rows = [
            [move.before or _NOBODY, move.after, f"{move.count:,}", f"{100 * share:.0f} %", f"{move.findings:,}" if move.before else ""]
            for move, share in shares
        ]
        title = f"The corridor, {period.first} to {period.last}: {count(len(found.places), 'place')}, {count(len(found.moves), 'way')}"
        console().print(table(title, ["from", "to", "moves", "of all from there", "findings at the seam"], rows, right=(2, 3, 4)))
    else:
        notice(f"No moves in {days} days: `seamwatch worker --roles insight` counts them.")
    if found.late:
        notice(f"{count(found.late, 'touchpoint')} came too late to be placed.")


@command.command
@_days_option
@_tenant_option
@_limit_option
@json_option
def teams(days: int, tenant: str | None, limit: int, as_json: bool) -> None:
    """Compare each team's sales face with its service face.

    Sales are the contacts with an offer, or with an intent of `sales_intents` in the rules. A score is 100 x (1 - harm / (visits + prior)).

    \b
      seamwatch insights teams --days 90
    """
    from sinks.corridor import faces

    with _counted(days) as (engine, period, _, shared):
        found = faces(engine, period, shared.harm, shared.prior_opportunities, tenant=tenant)[:limit]
    if as_json:
        for each in found:
            lag = None if each.lag is None else round(each.lag, 2)
            click.echo(json.dumps({"team": each.team, "lag": lag, "sales": _face(each.sales), "service": _face(each.service)}, ensure_ascii=False))
    elif found:
        rows = [
            [each.team, *_face_cells(each.sales), *_face_cells(each.service), "" if each.lag is None else f"{each.lag:+.1f}"] for each in found
        ]
        columns = ["team", "sales", "visits", "service", "visits", "service behind by"]
        console().print(table(f"The two faces of teams, {period.first} to {period.last}", columns, rows, right=range(1, 6)))
    else:
        notice(f"No team was visited in {days} days: `seamwatch worker --roles insight` counts visits.")


def _snarl(each: "Snarl") -> dict[str, Any]:
    place = each.place
    rates = {name: round(getattr(each, name), 4) for name in ("rate", "low", "high", "elsewhere")}
    told = {"place": place.name, "visits": place.visits, "hits": place.hits, "findings": place.findings, "harm": round(place.harm, 2)}
    return {**told, **rates, "detectors": dict(place.detectors.most_common())}


def _face(face: "Face") -> dict[str, Any]:
    return {"score": None if face.score is None else round(face.score, 2), "visits": face.visits, "findings": face.findings}


def _face_cells(face: "Face") -> list[str]:
    return ["" if face.score is None else f"{face.score:.1f}", f"{face.visits:,}"]
