"""`seamwatch bench`: what this machine's processor manages."""

import json
from contextlib import nullcontext
from pathlib import Path

import click

from seamwatch.parameters import json_option, overrides_option, rules_option


@click.command
@click.option("--touchpoints", type=click.IntRange(1_000, 5_000_000), default=50_000, show_default=True, help="How many; their journeys are simulated.")
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="The median counts.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other journeys.")
@rules_option
@overrides_option
@json_option
def command(touchpoints: int, rounds: int, seed: int, rules: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Measure how fast the engine is on this machine.

    In one process, on one processor, by its own time: the engine from a touchpoint's JSON to findings, scores and state,
    and the reading of messages. Kafka and the database come on top (docs/benchmarks.md). It is for comparing: one machine
    with another, rules with others.

    \b
      seamwatch bench
    What does it cost to compare what customers tell?
      seamwatch bench --set repeated_story.mode=off
    """
    from agents.text import Recogniser
    from config.fields import load_fields, load_vocabulary
    from config.rules import load_rulebook
    from config.settings import load_settings
    from seamwatch.measuring import measure, simulated
    from seamwatch.terminal import notice, progress

    settings = load_settings()
    rulebook = load_rulebook(rules or settings.rules_dir, overrides)
    fields = load_fields(settings.fields_dir, settings.region)
    recogniser = Recogniser(load_vocabulary(settings.fields_dir, settings.region, intents=settings.intents_file))
    notice(f"simulating {touchpoints:,} touchpoints")
    records = simulated(touchpoints, seed)
    bar = progress("rounds")
    with bar or nullcontext():
        task = None if bar is None else bar.add_task("measuring", total=rounds, done=0)

        def done(rounds: int) -> None:
            if bar is not None and task is not None:
                bar.update(task, completed=rounds, done=rounds)

        found = measure(records, rulebook, fields, recogniser, rounds, done)
    if as_json:
        click.echo(json.dumps(found._asdict(), indent=2))
        return
    for what, number, seconds in (("touchpoints", found.touchpoints, found.touchpoint_seconds), ("messages", found.messages, found.message_seconds)):
        rate = f"{1 / seconds:>10,.0f}/s" if seconds else f"{'-':>12}"
        click.echo(f"{what:<12}{rate}  {seconds * 1e6:8.1f} microseconds each, {number:,} of them")
    click.echo(f"{found.findings:,} findings; medians of {rounds} rounds")
