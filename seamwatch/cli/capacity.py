"""`seamwatch capacity`: what an installation needs."""

import json
from typing import Any

import click

from seamwatch.parameters import json_option


@click.command
@click.option("--events-per-second", type=click.FloatRange(min=0, min_open=True, max=1e7), required=True, help="Touchpoints a second, in the busiest hour.")
@click.option("--customers", type=click.IntRange(min=1, max=10**10), required=True, help="How many have a contact within the rules' memory (30 days).")
@click.option("--bytes", "size", type=click.IntRange(min=50, max=1_048_576), default=463, show_default=True, help="Of a touchpoint, and its raw record.")
@click.option("--live", type=click.FloatRange(min=0, max=1), default=0.02, show_default=True, help="The share of the customers who are in contact at once.")
@click.option("--teams", type=click.IntRange(min=1, max=100_000), default=100, show_default=True, help="Who handle them, with scores of their own.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), default=7, show_default=True, help="That Kafka keeps.")
@click.option("--replication", type=click.IntRange(min=1, max=7), default=3, show_default=True, help="Copies that Kafka keeps.")
@json_option
def command(events_per_second: float, customers: int, size: int, live: float, teams: int, days: float, replication: int, as_json: bool) -> None:
    """Say what so many events of so many customers need.

    And what gives out first at ten and at a hundred times as much.

    By costs that were measured (docs/capacity.md): half of what a worker can do is left free, and one worker may be away.

    \b
      seamwatch capacity --events-per-second 2000 --customers 1000000
    """
    from seamwatch.capacity import MEMORY_LIMIT, need

    given: Any = {"size": size, "live": live, "teams": teams, "days": days, "replication": replication}
    found = {times: need(times * events_per_second, times * customers, **given) for times in (1, 10, 100)}
    if as_json:
        click.echo(json.dumps({str(times): each._asdict() for times, each in found.items()}, indent=2))
        return
    for times, each in found.items():
        click.echo(f"{times * events_per_second:,.0f} events a second of {times * customers:,} customers:")
        click.echo(f"  workers     {each.workers:,} of one processor and {each.memory / 2**20:,.0f} MiB each")
        if each.memory > MEMORY_LIMIT:
            fewer = f"run {each.workers_within_limit:,} workers, of {max(each.partitions, 2 * each.workers_within_limit):,} partitions"
            click.echo(f"  memory      more than the {MEMORY_LIMIT / 2**20:,.0f} MiB of the deployment files: raise that limit, or {fewer}")
        click.echo(f"  partitions  {each.partitions:,}")
        click.echo(f"  Kafka       {each.kafka / 1e9:,.1f} GB in {days:g} days with {replication} copies")
        click.echo(f"  database    {each.records:,.0f} records a second, {each.database_a_day / 1e9:,.2f} GB a day")
        click.echo(f"  gives out   {each.limit}")
