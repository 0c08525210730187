"""`seamwatch deliveries`: what receivers are told, what became of it, and how it is sent again."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from seamwatch.errors import Failed
from seamwatch.parameters import SINCE, json_option
from seamwatch.terminal import console, count, notice, progress, relative, table

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from sinks.delivery.store import Delivery

_STATES = ("pending", "failed", "delivered", "dead", "superseded")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_receiver_option = click.option("--receiver", "receivers", multiple=True, metavar="NAME", help="Of this receiver; can be repeated.")
_state_option = click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="In this state; can be repeated.")
_what_option = click.option("--what", type=click.Choice(["alert", "brief"]), help="Of alerts or of briefs.")
_since_option = click.option("--since", type=SINCE, metavar="TIME", help="That changed since: 2h, or a time.")


@click.group
def command() -> None:
    """List what receivers are told, see it, send it again.

    A delivery waits (pending; failed: a try did not arrive, the next one will come), or it is delivered, superseded by a newer one, or dead: refused for
    good, or tried for too long. Who is told: docs/routing.md.

    \b
    A receiver refused what it was told, and is mended:
      seamwatch deliveries list --receiver crm --state dead
      seamwatch deliveries replay --receiver crm
    """


@command.command(name="list")
@_receiver_option
@_state_option
@_what_option
@_since_option
@click.option("--limit", type=click.IntRange(0, 10_000), default=20, show_default=True, help="At most so many.")
@json_option
def list_(receivers: tuple[str, ...], states: tuple[str, ...], what: str | None, since: int | None, limit: int, as_json: bool) -> None:
    """List deliveries, those that changed last first, and how many there are by receiver and state.

    \b
      seamwatch deliveries list
      seamwatch deliveries list --receiver crm --state dead --since 24h
      seamwatch deliveries list --limit 0 --json
    """
    from config.settings import load_settings
    from seamwatch.database import opened
    from sinks.delivery.store import count_deliveries, list_deliveries

    chosen = _chosen(receivers, states, what, since)
    with opened(load_settings()) as engine:
        found, tallies = list_deliveries(engine, **chosen, limit=limit), count_deliveries(engine, **chosen)
    if as_json:
        counts = [each._asdict() | {"oldest": each.oldest.isoformat()} for each in tallies]
        click.echo(json.dumps({"deliveries": [_facts(each) for each in found], "counts": counts}, indent=2))
        return
    if not tallies:
        notice("No deliveries.")
        return
    now, out = datetime.now(UTC), console()
    rows = [
        [
            each.id[:12], each.receiver, f"{each.what} {each.subject[:8]}", each.version, each.state.value, each.tries, relative(each.updated, now),
            each.error or "",
        ]
        for each in found
    ]  # fmt: skip
    if rows:
        out.print(table("", ["id", "receiver", "of", "version", "state", "tries", "when", "why not"], rows, right=(3, 5)))
    counted = [[each.receiver, each.state.value, f"{each.number:,}", relative(each.oldest, now)] for each in tallies]
    out.print(table("By receiver and state", ["receiver", "state", "deliveries", "oldest"], counted, right=(2,)))


@command.command
@click.argument("identity", metavar="ID")
@json_option
def show(identity: str, as_json: bool) -> None:
    """Show one delivery and what it tells; of what customers said it holds masks alone. ID may be a beginning that no other has.

    \b
      seamwatch deliveries show msg_4f2a
    """
    from config.settings import load_settings
    from seamwatch.database import opened

    with opened(load_settings()) as engine:
        found = _found(engine, identity)
    facts = _facts(found)
    if as_json:
        click.echo(json.dumps(facts | {"body": found.body}, indent=2))
        return
    waited = "" if found.state.value not in _STATES[:2] else f", next try {found.due.isoformat(timespec='seconds')}"
    click.echo(f"{found.id} to {found.receiver}\n{found.what} {found.subject}, version {found.version}, of {found.tenant}/{found.customer}")
    click.echo(f"{found.state.value} after {count(found.tries, 'try', 'tries')}{waited}" + (f": {found.error}" if found.error else ""))
    click.echo(f"made {found.created.isoformat(timespec='seconds')}, changed {found.updated.isoformat(timespec='seconds')}")
    click.echo(json.dumps(found.body, indent=2, ensure_ascii=False))


@command.command
@click.argument("identities", metavar="[ID]...", nargs=-1)
@_receiver_option
@_state_option
@_what_option
@_since_option
@click.option("--all", "everything", is_flag=True, help="All that are dead.")
def replay(
    identities: tuple[str, ...], receivers: tuple[str, ...], states: tuple[str, ...], what: str | None, since: int | None, everything: bool
) -> None:
    """Have deliveries sent again, with the same webhook-id and the same body; by default those that are dead.

    What a newer one of the same alert or journey followed stays as it is: nobody is told something older after something newer.

    \b
      seamwatch deliveries replay msg_4f2a
      seamwatch deliveries replay --receiver crm
      seamwatch deliveries replay --receiver crm --state delivered --since 2h
    """
    from config.settings import load_settings
    from seamwatch.database import opened
    from sinks.delivery.store import count_deliveries
    from sinks.delivery.store import replay as send_again

    filtered = bool(receivers or states or what or since is not None)
    if sum((bool(identities), filtered, everything)) != 1:
        raise click.UsageError("say which: ids, a filter such as --receiver NAME, or --all.")
    chosen = _chosen(receivers, () if identities else states or ("dead",), what, since)
    done = left = 0
    with opened(load_settings()) as engine:
        ids = [_found(engine, each).id for each in identities]
        total = len(ids) or sum(each.number for each in count_deliveries(engine, **chosen))
        bar = progress("deliveries")
        if bar is not None:
            bar.start()
        task = None if bar is None else bar.add_task("deliveries", total=total, done=0)
        try:
            for again, replaced in send_again(engine, datetime.now(UTC), ids=ids, **chosen):
                done, left = done + again, left + replaced
                if bar is not None and task is not None:
                    bar.update(task, completed=done + left, done=done)
        finally:
            if bar is not None:
                bar.stop()
    notice(f"{count(done, 'delivery', 'deliveries')} will be sent again")
    if left:
        notice(f"{left:,} left: a newer one followed")


def _chosen(receivers: tuple[str, ...], states: tuple[str, ...], what: str | None, since: int | None) -> dict[str, Any]:
    from sinks.delivery.store import DeliveryState

    return {
        "receivers": receivers,
        "states": [DeliveryState(state) for state in states],
        "what": what,
        "since": None if since is None else _EPOCH + timedelta(microseconds=since),
    }


def _found(engine: "Engine", identity: str) -> "Delivery":
    from sinks.delivery.store import find_deliveries

    found = find_deliveries(engine, identity)
    if not found:
        raise Failed(f"{identity}: there is no such delivery")
    if len(found) > 1 and found[0].id != identity:
        raise Failed(f"{identity}: several deliveries begin so: {', '.join(each.id for each in found)}")
    return found[0]


def _facts(delivery: "Delivery") -> dict[str, Any]:
    facts = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in delivery._asdict().items() if name != "body"}
    return facts | {"waited_seconds": round((delivery.updated - delivery.queued) / timedelta(seconds=1), 3)}
