"""`seamwatch alerts`: what is open, what one rests on, and what comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from seamwatch.errors import Failed
from seamwatch.parameters import json_option
from seamwatch.terminal import console, count, notice, relative, severity, table

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from models.alert import Alert
    from models.finding import Evidence, Finding, Seam
    from sinks.alerts import AlertDetails

_STATES = ("open", "acknowledged", "snoozed", "resolved", "reopened")
_COLUMNS = ("severity", "failure", "seam", "customer", "state", "found", "first", "last", "key")
_CHANGES_SHOWN = 10


@click.group
def command() -> None:
    """List alerts, show one, follow them live.

    An alert is what one detector found for one customer at one seam.
    """


@command.command(name="list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(_STATES),
    help="Only this state; can be repeated.  [default: all but resolved]",
)
@click.option("--tenant", help="Only of this tenant.")
@click.option("--detector", help="Only of this detector, such as repeated_request.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@json_option
def list_(states: tuple[str, ...], tenant: str | None, detector: str | None, limit: int, as_json: bool) -> None:
    """List the alerts that wait for somebody, those with the newest finding first.

    \b
      seamwatch alerts list
      seamwatch alerts list --detector repeated_request --limit 10
      seamwatch alerts list --state resolved --json
    """
    from models.alert import AlertState
    from sinks.alerts import UNRESOLVED, list_alerts

    wanted = {AlertState(state) for state in states} or UNRESOLVED
    with _database() as engine:
        found = list_alerts(engine, states=wanted, tenant=tenant, detector=detector, limit=limit)
    if as_json:
        for alert in found:
            click.echo(alert.model_dump_json())
        return
    if not found:
        notice("No alerts.")
        return
    now = datetime.now(UTC)
    console().print(table("", _COLUMNS, [_row(alert, now) for alert in found], right=(5,)))
    if len(found) == limit:
        notice(f"The newest {limit}; --limit shows more.")


@command.command
@click.argument("key")
@json_option
def show(key: str, as_json: bool) -> None:
    """Show one alert: what was said where, and where it was asked again.

    \b
      seamwatch alerts show 2f6b0c9d41f7a8e35b6c1d2e3f405162
    """
    from sinks.alerts import show_alert

    with _database() as engine:
        details = show_alert(engine, key)
    if details is None:
        raise Failed(f"there is no alert {key}: `seamwatch alerts list` shows the keys")
    if as_json:
        click.echo(_as_json(details))
    else:
        _show(details)


@command.command
@click.option("--tenant", help="Only of this tenant.")
@click.option(
    "--interval", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True, help="Seconds between two looks."
)
@json_option
def follow(tenant: str | None, interval: float, as_json: bool) -> None:
    """Show alerts as they come and change, until Ctrl-C.

    \b
      seamwatch alerts follow
      seamwatch alerts follow --json | jq .detector
    """
    from sinks import alerts

    out = console()
    try:
        with _database() as engine:
            notice("Waiting for alerts; Ctrl-C ends this.")
            for alert in alerts.follow(engine, tenant=tenant, interval=interval):
                if as_json:
                    click.echo(alert.model_dump_json())
                else:
                    out.print(_line(alert))
    except KeyboardInterrupt:
        click.get_current_context().exit()


@contextmanager
def _database() -> "Iterator[Engine]":
    from config.settings import load_settings
    from seamwatch.database import opened

    with opened(load_settings()) as engine:
        yield engine


def _row(alert: "Alert", now: datetime) -> list[Any]:
    first, last = relative(alert.first_seen, now), relative(alert.last_seen, now)
    state = alert.state.value if alert.assignee is None else f"{alert.state.value} ({alert.assignee})"
    return [
        severity(alert.severity),
        alert.detector,
        _seam(alert.seam),
        alert.customer,
        state,
        alert.occurrences,
        first,
        last,
        alert.key,
    ]


def _line(alert: "Alert") -> Any:
    from rich.text import Text

    return Text("  ").join([
        Text(f"{alert.updated:%H:%M:%S}"),
        severity(f"{alert.severity:<8}"),
        Text(f"{alert.state.value:<12} {alert.detector}"),
        Text(_seam(alert.seam) or "-"),
        Text(f"{alert.customer}  {count(alert.occurrences, 'time')}  {alert.key}"),
    ])  # fmt: skip


def _seam(seam: "Seam | None") -> str:
    return "" if seam is None else f"{_name(seam.from_)} → {_name(seam.to)}"


def _name(side: str) -> str:
    """Return ``sales`` for ``team:sales``; a channel keeps its word, so that the two are not confused."""
    return side.removeprefix("team:").replace("channel:", "channel ")


def _show(details: "AlertDetails") -> None:
    from rich.text import Text

    alert, out, now = details.alert, console(), datetime.now(UTC)
    out.print(Text.assemble(severity(alert.severity), f"  {alert.detector}  {_seam(alert.seam)}"))
    found = f"found {count(alert.occurrences, 'time')}, first {relative(alert.first_seen, now)}"
    last = f", last {relative(alert.last_seen, now)}" if alert.occurrences > 1 else ""
    out.print(f"customer {alert.customer} of {alert.tenant}; {alert.state.value}; {found}{last}")
    for finding in details.findings:
        out.print()
        marks = {"taken back": finding.withdrawn, "explained": finding.explained_by, "in shadow": finding.rule.mode == "shadow"}
        state = next((f"  ({mark})" for mark, holds in marks.items() if holds), "")
        out.print(
            Text.assemble(
                f"{finding.time:%Y-%m-%d %H:%M:%S}Z  ", severity(finding.severity), f"  {finding.reason}{state}"
            )
        )
        out.print(f"  {finding.summary}")
        for line in _story(finding):
            out.print(f"  {line}")
    out.print()
    for change in details.changes[-_CHANGES_SHOWN:]:
        before = f"{change.from_state.value} → " if change.from_state else ""
        out.print(
            f"{change.time:%Y-%m-%d %H:%M:%S}Z  {before}{change.to_state.value}: {change.reason.value}, by {change.actor}"
        )


def _story(finding: "Finding") -> Iterator[str]:
    """Yield the touchpoints that a finding rests on in the order of time, each with what it was."""
    parts = {(each.source, each.id): each for each in finding.evidence}
    again, first = finding.again, finding.first
    for each in (first, again):
        if each is not None:
            parts[each.source, each.id] = each
    for each in sorted(parts.values(), key=lambda each: each.time):
        yield f"{each.time:%H:%M}  {_told(each)}{_mark(each, first, 'first')}{_mark(each, again, 'again')}"
    if again is None:
        yield f"{finding.time:%H:%M}  nobody, until the limit was over"


_DONE = {
    "info.provided": "said to {who}",
    "info.requested": "asked by {who}",
    "info.confirmed": "confirmed to {who}",
    "auth.passed": "identified by {who}",
    "auth.requested": "asked to identify by {who}",
    "auth.failed": "not identified by {who}",
    "handoff.started": "passed on by {who}",
    "handoff.accepted": "taken over by {who}",
    "handoff.failed": "passing on failed at {who}",
    "message": "message, {who}",
}


def _told(each: "Evidence") -> str:
    who = f"{each.team} ({each.channel})" if each.team else each.channel
    text = _DONE.get(each.type, f"{each.type}, {{who}}").format(who=who)
    what = " ".join(filter(None, [each.field, each.mask]))
    return f"{text}: {what}" if what else text


def _mark(each: "Evidence", other: "Evidence | None", word: str) -> str:
    return f"   ← {word}" if other is not None and (each.source, each.id) == (other.source, other.id) else ""


def _as_json(details: "AlertDetails") -> str:
    import json

    return json.dumps(
        {
            "alert": details.alert.model_dump(mode="json"),
            "findings": [finding.model_dump(mode="json", by_alias=True) for finding in details.findings],
            "changes": [change.model_dump(mode="json") for change in details.changes],
        },
        ensure_ascii=False,
    )
