"""`seamwatch db`: the database's tables."""

import click

from seamwatch.terminal import notice


@click.group
def command() -> None:
    """Make the database's tables, or bring them up to date."""


@command.command
def upgrade() -> None:
    """Create the tables in SEAMWATCH_DATABASE, or bring them up to date.

    Changes nothing where they are; several programs may try at once.

    \b
    The default, a file in this directory:
      seamwatch db upgrade
    PostgreSQL:
      SEAMWATCH_DATABASE=postgresql://seamwatch:secret@127.0.0.1/seamwatch seamwatch db upgrade
    """
    from config.settings import load_settings
    from sinks import database

    settings = load_settings()
    database.upgrade(settings.database)
    notice(f"{settings.shown()['database']}: the tables are up to date.")
