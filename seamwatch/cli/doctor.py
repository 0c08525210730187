"""`seamwatch doctor`: what is wrong with an installation."""

import json

import click

from seamwatch.errors import FAILED
from seamwatch.parameters import json_option
from seamwatch.terminal import options


@click.command
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Say what is wrong, and how to mend it.

    Asks settings, rules, keys, doors, receivers, broker, topics, clocks, the lag of each role, deliveries and database; one line each.
    Writes nothing anywhere, and shows no secret. Exits with 1 where anything is wrong.

    \b
      seamwatch doctor
      seamwatch doctor --json
    """
    from config.settings import load_settings
    from seamwatch import logs
    from seamwatch.doctor import State, diagnose

    logs.configure("critical", debug=options().debug)
    found = diagnose(load_settings())
    if as_json:
        checks = [each._asdict() for each in found]
        click.echo(json.dumps({"healthy": all(each.state is State.OK for each in found), "checks": checks}, ensure_ascii=False, indent=2))
    else:
        for each in found:
            mend = f" -> {each.mend}" if each.mend else ""
            click.echo(f"{each.state:<7}  {each.check}: {each.found}{mend}")
    if any(each.state is State.WRONG for each in found):
        ctx.exit(FAILED)
