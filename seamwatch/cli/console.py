"""`seamwatch console`: the web console and the HTTP API."""

import click

from seamwatch.terminal import notice, options


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Serve the web console and the HTTP API until told to stop.

    Listens at SEAMWATCH_CONSOLE_HOST:SEAMWATCH_CONSOLE_PORT (127.0.0.1:8080). It needs the database alone, and neither
    Kafka nor a worker on this machine.

    \b
      seamwatch console
      SEAMWATCH_DATABASE=postgresql://seamwatch:secret@127.0.0.1/seamwatch seamwatch console
    """
    if ctx.invoked_subcommand is None:
        _serve()


def _serve() -> None:
    from config.settings import load_settings
    from seamwatch import logs
    from seamwatch.console import console_settings, serve
    from seamwatch.database import opened

    logs.configure(options().level, debug=options().debug)
    settings = load_settings()
    console = console_settings(settings)
    with opened(settings) as engine:
        notice(f"console http://{settings.console_host}:{settings.console_port}/")
        serve(engine, console, settings.console_host, settings.console_port)
