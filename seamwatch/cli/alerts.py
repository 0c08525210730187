"""`seamwatch alerts`: what is open, what one rests on, what comes, and acting on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from seamwatch.errors import FAILED, Failed, WrongUse
from seamwatch.parameters import UNTIL, WORSE, acting_person, json_option
from seamwatch.terminal import console, count, notice, relative, severity, table

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from models.alert import Alert, AlertChange
    from models.finding import Evidence, Finding, Seam
    from sinks.alerts import AlertDetails

_STATES = ("open", "acknowledged", "snoozed", "resolved", "reopened")
_SEVERITIES = ("info", "warning", "critical")
_OUTCOMES = ("fixed", "false-positive", "duplicate")
_NOBODY = "-"
_COLUMNS = ("severity", "failure", "seam", "customer", "state", "found", "first", "last", "key")
_CHANGES_SHOWN = 10


@click.group
def command() -> None:
    """List alerts, show one, follow them live, act on them.

    An alert is what one detector found for one customer at one seam. A key may be shortened to a beginning that no
    other key has.

    \b
    What waits and nobody has; take one up, and say how it ended:
      seamwatch alerts list --assignee -
      seamwatch alerts ack 2f6b
      seamwatch alerts resolve 2f6b --outcome fixed
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
@click.option(
    "--severity", "severities", multiple=True, type=click.Choice(_SEVERITIES), help="Only this one; can be repeated."
)
@click.option("--assignee", metavar="NAME", help=f"Only what NAME has; {_NOBODY} for what nobody has.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@json_option
def list_(
    states: tuple[str, ...],
    tenant: str | None,
    detector: str | None,
    severities: tuple[Any, ...],
    assignee: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the alerts that wait for somebody, those with the newest finding first.

    \b
      seamwatch alerts list
      seamwatch alerts list --detector repeated_request --limit 10
      seamwatch alerts list --severity critical --assignee -
      seamwatch alerts list --state resolved --json
    """
    from models.alert import AlertState
    from sinks.alerts import NOBODY, UNRESOLVED, list_alerts

    wanted = {AlertState(state) for state in states} or UNRESOLVED
    with _database() as engine:
        found = list_alerts(
            engine,
            states=wanted,
            tenant=tenant,
            detector=detector,
            severities=severities,
            assignee=NOBODY if assignee == _NOBODY else assignee,
            limit=limit,
        )
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
    """Show one alert: what was said where, where it was asked again, and what was done about it.

    \b
      seamwatch alerts show 2f6b0c9d41f7a8e35b6c1d2e3f405162
      seamwatch alerts show 2f6b
    """
    from sinks.alerts import show_alert

    with _database() as engine:
        details = show_alert(engine, _found(engine, key))
    if details is None:
        raise Failed(f"the alert {key} is gone: `seamwatch alerts list` shows the keys")
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


def _acting(action: Callable[..., None]) -> Callable[..., None]:
    """Give a command what all that change alerts have."""
    for option in (
        json_option,
        click.option("--version", type=click.IntRange(1), help="Only if the alert is still at this version, as --json shows it."),
        click.option("--as", "actor", metavar="NAME", help="Who acts.  [default: the login name]"),
        click.option("--note", metavar="TEXT", help="What whoever looks at it next should know."),
        click.argument("keys", metavar="KEY...", nargs=-1, required=True),
    ):  # fmt: skip
        action = option(action)
    return action


@command.command
@_acting
def ack(**given: Any) -> None:
    """Say that somebody looks after alerts.

    \b
      seamwatch alerts ack 2f6b 81d0 --note "calling the customer back"
    """
    _act("acknowledge", given)


@command.command
@_acting
@click.option("--to", metavar="NAME", help=f"Who is to look after it; {_NOBODY} for nobody.  [default: who acts]")
def assign(to: str | None, **given: Any) -> None:
    """Give alerts to somebody. What another has is handed over with a note.

    \b
      seamwatch alerts assign 2f6b
      seamwatch alerts assign 2f6b --to grace --note "refund promised until Friday"
    """
    given["actor"] = acting_person(given["actor"])
    _act("assign", given, to=None if to == _NOBODY else to or given["actor"])


@command.command
@_acting
@click.option(
    "--until",
    "ends",
    type=UNTIL,
    multiple=True,
    required=True,
    metavar="2h|TIME|worse",
    help="A while, a time, or the word worse: a higher severity or a later finding. A time and worse: whichever is first.",
)
def snooze(ends: tuple[Any, ...], **given: Any) -> None:
    """Leave alerts alone for a time, or until they get worse.

    \b
      seamwatch alerts snooze 2f6b --until 2h
      seamwatch alerts snooze 2f6b --until 2026-03-06T08:00:00+01:00 --until worse
    """
    times = [end for end in ends if end != WORSE]
    _act("snooze", given, until=min(times, default=None), worse=WORSE in ends)


@command.command
@_acting
@click.option("--outcome", type=click.Choice(_OUTCOMES), default="fixed", show_default=True, help="Why.")
@click.option("--of", metavar="KEY", help="Of a duplicate: the alert that is worked on instead.")
def resolve(outcome: str, of: str | None, **given: Any) -> None:
    """Say that alerts need nobody any more.

    A later finding opens them again; after a false positive only one by another version of its rule.

    \b
      seamwatch alerts resolve 2f6b
      seamwatch alerts resolve 2f6b --outcome false-positive --note "asked to confirm a new address"
      seamwatch alerts resolve 2f6b 81d0 --outcome duplicate --of c07e
    """
    from models.alert import Resolution

    if (outcome == "duplicate") != (of is not None):
        raise WrongUse(
            "--of KEY names the alert that is worked on instead; it goes with --outcome duplicate, and only with it"
        )
    if of is not None:
        with _database() as engine:
            of = _found(engine, of)
    _act("resolve", given, outcome=Resolution(outcome.replace("-", "_")), of=of)


@command.command
@_acting
def reopen(**given: Any) -> None:
    """Say that alerts need somebody again: resolved, snoozed or acknowledged ones.

    \b
      seamwatch alerts reopen 2f6b --note "customer called again"
    """
    _act("reopen", given)


@command.command
@_acting
def undo(**given: Any) -> None:
    """Take back your own last change of alerts, where nothing came after it.

    \b
      seamwatch alerts undo 2f6b
    """
    _act("undo", given)


def _act(action: str, given: dict[str, Any], **wanted: Any) -> None:
    import json

    from pydantic import TypeAdapter, ValidationError

    from models.alert import Change
    from sinks.transitions import transition_all

    keys, version = given["keys"], given["version"]
    if version is not None and len(keys) > 1:
        raise WrongUse("--version is that of one alert; give one KEY with it")
    change: TypeAdapter[Change] = TypeAdapter(Change)
    try:
        made = change.validate_python({"action": action, "note": given["note"], "version": version} | wanted)
    except ValidationError as error:
        names = {"to": "--to", "note": "--note"}
        raise WrongUse(
            "; ".join(f"{names.get(str(each['loc'][-1]), action)}: {each['msg']}" for each in error.errors())
        ) from None
    with _database() as engine:
        report = transition_all(engine, keys, made, acting_person(given["actor"]), lambda: datetime.now(UTC))
    for alert in report.done:
        click.echo(alert.model_dump_json() if given["as_json"] else f"{alert.key}  {_state(alert)}")
    for refused in report.refused:
        if given["as_json"]:
            first = None if refused.first is None else refused.first.model_dump(mode="json")
            told = {"key": refused.key, "refused": refused.refusal.value, "why": str(refused), "first": first}
            click.echo(json.dumps(told, ensure_ascii=False))
        else:
            click.echo(f"{refused.key}: {refused}", err=True)
    if report.refused:
        click.get_current_context().exit(FAILED)


def _found(engine: "Engine", key: str) -> str:
    from sinks.transitions import Refused, find_alert

    try:
        return find_alert(engine, key)
    except Refused as refused:
        raise Failed(f"{refused.key}: {refused}") from None


@contextmanager
def _database() -> "Iterator[Engine]":
    from config.settings import load_settings
    from seamwatch.database import opened

    with opened(load_settings()) as engine:
        yield engine


def _row(alert: "Alert", now: datetime) -> list[Any]:
    first, last = relative(alert.first_seen, now), relative(alert.last_seen, now)
    return [
        severity(alert.severity),
        alert.detector,
        _seam(alert.seam),
        alert.customer,
        _state(alert),
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


def _state(alert: "Alert") -> str:
    """Return where an alert stands and who has it: ``snoozed (ada) until worse``."""
    told = alert.state.value if alert.assignee is None else f"{alert.state.value} ({alert.assignee})"
    if alert.resolution is not None:
        told += f": {alert.resolution.value}"
    if alert.duplicate_of is not None:
        told += f" of {alert.duplicate_of}"
    if alert.state == "snoozed":
        ends = [f"{alert.snoozed_until:%Y-%m-%d %H:%M}Z"] if alert.snoozed_until else []
        told += f" until {' or '.join([*ends, *(['worse'] if alert.until_worse else [])])}"
    return told


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
    out.print(f"customer {alert.customer} of {alert.tenant}; {_state(alert)}; {found}{last}")
    for finding in details.findings:
        out.print()
        marks = {
            "taken back": finding.withdrawn,
            "explained": finding.explained_by,
            "in shadow": finding.rule.mode == "shadow",
        }
        state = next((f"  ({mark})" for mark, holds in marks.items() if holds), "")
        out.print(
            Text.assemble(
                f"{finding.time:%Y-%m-%d %H:%M:%S}Z  ", severity(finding.severity), f"  {finding.reason.replace('_', ' ')}{state}"
            )
        )
        out.print(f"  {finding.summary}")
        for line in _story(finding):
            out.print(f"  {line}")
    out.print()
    earlier = len(details.changes) - _CHANGES_SHOWN
    if earlier > 0:
        out.print(f"... {count(earlier, 'earlier change')}; --json shows all")
    for change in details.changes[-_CHANGES_SHOWN:]:
        out.print(f"{change.time:%Y-%m-%d %H:%M:%S}Z  {_changed(change)}")
        for line in (change.note or "").splitlines():
            out.print(f"  {line}")


def _changed(change: "AlertChange") -> str:
    before = f"{change.from_state.value} → " if change.from_state not in {None, change.to_state} else ""
    what = change.reason.value
    if what in {"assigned", "handed_over"}:
        what += f" to {change.assignee}"
    if what == "duplicate":
        what += f" of {change.duplicate_of}"
    if what == "snoozed" and change.snoozed_until is not None:
        what += f" until {change.snoozed_until:%Y-%m-%d %H:%M:%S}Z"
    return f"{before}{change.to_state.value}: {what}, by {change.actor}"


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
