"""`seamwatch db`: the database's tables."""

from datetime import UTC, datetime, timedelta

import click

from seamwatch.errors import WrongUse
from seamwatch.parameters import SINCE
from seamwatch.terminal import notice

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.group
def command() -> None:
    """Make tables, keep them small, go on after a restore.

    \b
    Before the first worker, and with each new version of the program:
      seamwatch db upgrade --grants
    Once a day, as the owner of the tables:
      seamwatch db prune --older-than 400d
    """


@command.command
@click.option("--grants", is_flag=True, help="Give the role of each part its rights to the tables, as config/postgres/roles.sql.")
def upgrade(grants: bool) -> None:
    """Create the tables in SEAMWATCH_DATABASE, or bring them up to date.

    Changes nothing where they are; several programs may try at once. Run it as the owner of the tables. With --grants the roles of
    config/postgres/roles.sql (seamwatch_worker and others), where the server has them, are given their rights in the same transaction: a table that is new is
    nobody's but the owner's.

    \b
    The default, a file in this directory:
      seamwatch db upgrade
    PostgreSQL:
      SEAMWATCH_DATABASE=postgresql://seamwatch:secret@127.0.0.1/seamwatch seamwatch db upgrade --grants
    """
    from config.settings import load_settings
    from sinks import database

    settings = load_settings()
    granted = database.upgrade(settings.database, grants=grants)
    told = {
        None: "the tables are up to date.",
        True: "the tables are up to date, and the roles have their rights.",
        False: "the tables are up to date; the roles of config/postgres/roles.sql, where they are used here, need `seamwatch db upgrade --grants`.",
    }
    notice(f"{settings.shown()['database']}: {told[granted]}")


@command.command
@click.option("--older-than", type=SINCE, required=True, metavar="DURATION", help="What is kept: 400d, or a time.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and delete nothing.")
def prune(older_than: int, dry_run: bool) -> None:
    """Delete resolved alerts with their findings and audit, and other history, older than that.

    Open alerts stay with all that belongs to them, deliveries unless they were given up; counts by day stay, until weights or rates of insights change. It
    works in small transactions beside the workers and may be ended at any moment. Nothing younger than the rules' memory and a week can be named: late
    touchpoints may still change it.

    \b
      seamwatch db prune --older-than 400d --dry-run
      seamwatch db prune --older-than 400d
    """
    from config.rules import load_rulebook
    from config.settings import load_settings
    from seamwatch.database import opened
    from sinks.prune import prunable
    from sinks.prune import prune as delete

    settings = load_settings()
    before = _EPOCH + timedelta(microseconds=older_than)
    least = timedelta(microseconds=load_rulebook(settings.rules_dir).engine.memory) + timedelta(days=7)
    if datetime.now(UTC) - before < least:
        raise WrongUse(f"--older-than: expected at least {least.days}d: what is younger may still change")
    with opened(settings) as engine:
        counts = prunable(engine, before) if dry_run else delete(engine, before)
    told = ", ".join(f"{rows:,} of {table}" for table, rows in counts.items() if rows) or "nothing"
    click.echo(f"{'would delete' if dry_run else 'deleted'} {told}")


@command.command
@click.option("--without-lost", is_flag=True, help="Go on although Kafka has deleted records since the backup.")
def rewind(without_lost: bool) -> None:
    """Have Kafka's records stored again that a restored backup does not hold.

    To be run after a restore, with all workers stopped: sets the group's offsets of what is stored back to where the database ends. Storing a record again
    changes nothing.

    \b
      seamwatch db rewind
    """
    from config.settings import load_settings
    from seamwatch.broker import reachable
    from seamwatch.restoring import rewind as set_back

    settings = load_settings()
    with reachable(settings):
        again, lost = set_back(settings, without_lost=without_lost)
    told = ", ".join(f"{records:,} of {topic}" for topic, records in again.items() if records) or "none"
    click.echo(f"records that will be stored again: {told}")
    if lost:
        click.echo(f"records that Kafka has deleted since the backup: {', '.join(f'{records:,} of {topic}' for topic, records in lost.items())}")
