"""`seamwatch topics`: the topics of one prefix."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from seamwatch.errors import FAILED
from seamwatch.terminal import console, count, notice, options, table

if TYPE_CHECKING:
    from streams.topics import Deviation, TopicAdmin


@click.group
def command() -> None:
    """Create the topics in Kafka, and check how they are set up.

    \b
    Before the first worker, and with each new source or version:
      seamwatch topics create
      seamwatch topics check
    """


@command.command
@click.pass_context
def check(ctx: click.Context) -> None:
    """Compare the topics with what the worker needs, and name every deviation.

    Exits with 1 where there is one.

    \b
      seamwatch topics check
      SEAMWATCH_PREFIX=staging seamwatch topics check
    """
    with _admin() as admin:
        deviations = admin.check()
        topics = len(admin.specs)
    if deviations:
        _show(deviations)
        ctx.exit(FAILED)
    notice(f"{count(topics, 'topic')} as they are to be.")


@command.command
@click.pass_context
def create(ctx: click.Context) -> None:
    """Create the topics that are missing; what is there is left as it is.

    The number of partitions (SEAMWATCH_PARTITIONS) is fixed for the life of a prefix. In production set
    SEAMWATCH_REPLICATION=3. What deviates is shown; exits with 1 where it would stop a worker.

    \b
      seamwatch topics create
      SEAMWATCH_PREFIX=staging SEAMWATCH_PARTITIONS=6 seamwatch topics create
    """
    with _admin() as admin:
        created = admin.create()
        deviations = admin.check()
    for name in created:
        notice(f"created {name}")
    if not created:
        notice("All topics are there.")
    if deviations:
        _show(deviations)
    if any(each.fatal for each in deviations):
        ctx.exit(FAILED)


@contextmanager
def _admin() -> "Iterator[TopicAdmin]":
    from config.settings import load_settings
    from seamwatch import logs
    from seamwatch.broker import mapped_sources, reachable, stream_settings
    from streams.topics import TopicAdmin

    logs.configure(options().level, debug=options().debug)
    settings = load_settings()
    with reachable(settings), TopicAdmin(stream_settings(settings, mapped_sources(settings))) as admin:
        yield admin


def _show(deviations: "list[Deviation]") -> None:
    rows = [[each.topic, each.setting, each.expected, each.found, "yes" if each.fatal else "no"] for each in deviations]
    console().print(table("Deviations", ["topic", "setting", "expected", "found", "stops a worker"], rows))
