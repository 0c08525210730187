"""`seamwatch console`: the web console and the HTTP API, and who may come in."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from seamwatch.errors import Failed, WrongUse
from seamwatch.terminal import console, notice, options, table

if TYPE_CHECKING:
    from sinks.console.accounts import Accounts

_ROLES = ("viewer", "operator", "lead", "admin")
_SCOPES = ("alerts:read", "alerts:write", "alerts:export", "values:reveal", "sources:read", "audit:read", "customers:forget")

_team_option = click.option("--team", "teams", multiple=True, metavar="TEAM", help="Only alerts that touch this team; can be repeated.")  # fmt: skip
_generate_option = click.option("--generate", is_flag=True, help="Make a password, and show it once.")


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Serve the web console and the HTTP API until told to stop.

    Listens at SEAMWATCH_CONSOLE_HOST:SEAMWATCH_CONSOLE_PORT (127.0.0.1:8080). It needs the database alone, and neither
    Kafka nor a worker on this machine, but to reveal values (SEAMWATCH_CONSOLE_REVEAL). Nobody is let in without an account or a token.

    \b
    The first account, then the console:
      seamwatch console users add ada --role admin
      seamwatch console
    """
    if ctx.invoked_subcommand is None:
        _serve()


@command.group
def users() -> None:
    """Say who may come in, and what they may do there.

    \b
      seamwatch console users add grace --role operator --team billing
      seamwatch console users list
    """


@users.command(name="add")
@click.argument("name")
@click.option("--role", type=click.Choice(_ROLES), default="viewer", show_default=True, help="What they may do.")
@_team_option
@_generate_option
def add_user(name: str, role: str, teams: tuple[str, ...], generate: bool) -> None:
    """Make an account.

    A viewer reads, an operator acts on alerts, a lead exports them and may reveal values, an admin reads who did what.

    \b
      seamwatch console users add ada --role admin
    """
    from sinks.console.callers import Role

    password = _password(generate)
    with _accounts() as accounts:
        accounts.add(name, Role(role), _now(), password=password, teams=teams)
        _note(accounts, "user_added", name, role)
    notice(f"{name} may come in as {role}.")


@users.command(name="list")
def list_users() -> None:
    """List the accounts.

    \b
      seamwatch console users list
    """
    with _accounts() as accounts:
        people = accounts.people()
    rows = [[each.name, each.role, _teams(each.teams), "disabled" if each.disabled else ""] for each in people]
    console().print(table("", ["name", "role", "teams", ""], rows))


@users.command
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let them in again.")
def disable(name: str, undo: bool) -> None:
    """Let somebody in no more; their sessions end at once.

    \b
      seamwatch console users disable grace
    """
    with _accounts() as accounts:
        accounts.set_disabled(name, not undo)
        _note(accounts, "user_enabled" if undo else "user_disabled", name)
    notice(f"{name} may come in again." if undo else f"{name} may come in no more.")


@users.command
@click.argument("name")
@_generate_option
def password(name: str, generate: bool) -> None:
    """Give an account another password; its sessions end at once.

    \b
      seamwatch console users password grace
    """
    chosen = _password(generate)
    with _accounts() as accounts:
        accounts.set_password(name, chosen)
        _note(accounts, "password_changed", name)
    notice(f"{name} has another password.")


@command.group
def tokens() -> None:
    """Let programs use the API.

    \b
      seamwatch console tokens add wallboard --scope alerts:read
      curl -H "Authorization: Bearer sw_..." http://127.0.0.1:8080/api/alerts
    """


@tokens.command(name="add")
@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice(_SCOPES), multiple=True, required=True, help="What it may do; can be repeated.")  # fmt: skip
@_team_option
def add_token(name: str, scopes: tuple[str, ...], teams: tuple[str, ...]) -> None:
    """Make a token, and show it once.

    \b
      seamwatch console tokens add crm --scope alerts:read --scope alerts:write
    """
    from sinks.console.callers import Right

    with _accounts() as accounts:
        secret = accounts.add_token(name, map(Right, scopes), _now(), teams=teams)
        _note(accounts, "token_added", name, ", ".join(scopes))
    notice("This is shown only now:")
    click.echo(secret)


@tokens.command(name="list")
def list_tokens() -> None:
    """List the tokens, without their secrets.

    \b
      seamwatch console tokens list
    """
    with _accounts() as accounts:
        found = accounts.tokens()
    rows = [
        [
            each.name,
            ", ".join(sorted(each.rights)),
            _teams(each.teams),
            f"{each.seen:%Y-%m-%d %H:%M}Z" if each.seen else "never",
        ]
        for each in found
    ]
    console().print(table("", ["name", "scopes", "teams", "last used"], rows))


@tokens.command
@click.argument("name")
def remove(name: str) -> None:
    """Let a token in no more.

    \b
      seamwatch console tokens remove crm
    """
    with _accounts() as accounts:
        accounts.remove_token(name)
        _note(accounts, "token_removed", name)
    notice(f"{name} is let in no more.")


def _serve() -> None:
    from config.settings import load_settings
    from seamwatch import logs
    from seamwatch.console import console_settings, serve
    from seamwatch.database import opened
    from sinks.console.accounts import Accounts
    from sinks.console.pages import NOT_BUILT, is_built

    settings = load_settings()
    logs.configure(options().level, debug=options().debug, form=settings.log_format)
    told = console_settings(settings)
    if not is_built(told.web):
        notice(f"{NOT_BUILT}; the API works without them")
    with opened(settings) as engine:
        if not Accounts(engine).people():
            notice("There is no account yet: `seamwatch console users add NAME --role admin` makes one.")
        notice(f"console at http://{settings.console_host}:{settings.console_port}/; Ctrl-C ends it")
        serve(engine, told, settings.console_host, settings.console_port, settings.console_proxies)


@contextmanager
def _accounts() -> "Iterator[Accounts]":
    from config.settings import load_settings
    from seamwatch.database import opened
    from sinks.console.accounts import Accounts, Wrong

    with opened(load_settings()) as engine:
        try:
            yield Accounts(engine)
        except Wrong as wrong:
            raise Failed(str(wrong)) from None


def _password(generate: bool) -> str:
    import secrets

    from sinks.console.accounts import SHORTEST_PASSWORD

    if generate:
        made = secrets.token_urlsafe(15)
        notice("The password, shown only now:")
        click.echo(made)
        return made
    chosen: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if len(chosen) < SHORTEST_PASSWORD:
        raise WrongUse(f"a password has at least {SHORTEST_PASSWORD} characters; --generate makes one")
    return chosen


def _note(accounts: "Accounts", act: str, target: str, detail: str | None = None) -> None:
    import getpass

    from sinks.console.accounts import Act

    try:
        actor = getpass.getuser()
    except (KeyError, OSError):
        actor = "somebody"
    accounts.note(Act(_now(), actor, act, target, detail, None))


def _teams(teams: frozenset[str] | None) -> str:
    return "all" if teams is None else ", ".join(sorted(teams))


def _now() -> datetime:
    return datetime.now(UTC)
