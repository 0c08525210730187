"""`seamwatch demo`: everything at once, on this machine, with nothing to set up."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seamwatch.parameters import OUTPUT

if TYPE_CHECKING:
    from seamwatch.demo.stage import Wishes


@click.command
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), help="End by itself, this long after it is ready."
)
@click.option("--rate", type=click.FloatRange(1, 5000), default=40.0, show_default=True, help="Touchpoints a second.")
@click.option("--seed", type=int, help="Simulate the same contact centre again.  [default: another one each time]")
@click.option(
    "--kafka", metavar="HOST:PORT", help="Use this Kafka instead of the embedded broker, with topics of the demo's own."
)
@click.option(
    "--database",
    metavar="URL",
    help="Write to this database instead of a temporary one; it is brought up to date first.",
)
@click.option("--keep", is_flag=True, help="Leave the temporary database, the log and the topics where they are.")
@click.option("--picture", type=OUTPUT, hidden=True, help="Write the last screen there, as SVG.")
def command(
    seconds: float | None,
    rate: float,
    seed: int | None,
    kafka: str | None,
    database: str | None,
    keep: bool,
    picture: str | None,
) -> None:
    """Show it at work: a simulated contact centre, watched live.

    Starts an embedded broker, a temporary database and a worker, feeds them with made-up customers of whom some are
    asked twice, passed around or forgotten in a queue, and shows the alerts as they come. Ctrl-C ends it all and
    leaves nothing behind. Where nobody looks (in a pipe), each alert is one line.

    \b
    See it:
      seamwatch demo
    For a minute, faster, and with the same customers each time:
      seamwatch demo --seconds 60 --rate 200 --seed 1
    Keep what it found, to look at it later:
      seamwatch demo --database sqlite:///demo.db
    """
    from secrets import randbelow

    from seamwatch.demo.stage import Wishes
    from seamwatch.terminal import options

    seed = randbelow(10**6) if seed is None else seed
    wishes = Wishes(rate=rate, seed=seed, kafka=kafka, database=database, keep=keep, debug=options().debug)
    _run(wishes, seconds, None if picture is None else Path(picture))


def _run(wishes: "Wishes", seconds: float | None, picture: Path | None) -> None:
    from seamwatch.demo.show import Show
    from seamwatch.demo.signals import bounded, until_told
    from seamwatch.demo.stage import Stage, Stopped
    from seamwatch.terminal import notice

    with until_told() as stop:
        stage = Stage(wishes, notice, stop)
        with bounded(stop, stage.end):
            try:
                with stage:
                    notice(f"ready; seed {wishes.seed}; Ctrl-C ends it")
                    Show(stage, stop).run(seconds, picture)
                    notice("ending ...")
            except Stopped:
                notice("ended before all was ready")
