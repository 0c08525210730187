"""`seamwatch dead-letters`: what could not be used, why, and how it comes back."""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from seamwatch.errors import Failed, WrongUse
from seamwatch.parameters import SINCE, acting_person, json_option
from seamwatch.terminal import console, count, notice, progress, relative, table

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.settings import Settings
    from seamwatch.letters import Refused
    from sinks.dead_letters import Filter, Letter

_KEYS = ("reason", "topic", "since")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Condition(click.ParamType):
    """A key and a value that dead letters are chosen by."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if key not in _KEYS or not equals or not text:
            self.fail(f"{value}: expected {', '.join(f'{each}=...' for each in _KEYS)}.", param, ctx)
        return key, SINCE.convert(text, param, ctx) if key == "since" else text


_filter_option = click.option(
    "--filter",
    "conditions",
    multiple=True,
    type=_Condition(),
    metavar="KEY=VALUE",
    help="reason=unmapped, topic=raw.chatwoot or since=24h; can be repeated.",
)


@click.group
def command() -> None:
    """List what could not be used, see it, write it back.

    A dead letter is named by the place where it was refused, topic/partition/offset. Its bytes lie in
    SEAMWATCH_PREFIX.dead-letters for seven days.

    \b
    A mapping was wrong, and 1,000 refused records paused its topic:
      seamwatch dead-letters list --filter topic=raw.our-desk
      seamwatch dead-letters show raw.our-desk/0/17
    Mend the mapping, start the workers anew, and:
      seamwatch dead-letters resume raw.our-desk
      seamwatch dead-letters replay --filter topic=raw.our-desk --filter reason=unmapped
    """


@command.command(name="list")
@_filter_option
@click.option("--limit", type=click.IntRange(0, 10_000), default=20, show_default=True, help="At most so many.")
@json_option
def list_(conditions: tuple[tuple[str, Any], ...], limit: int, as_json: bool) -> None:
    """List dead letters, the newest first, and how many there are by topic and reason.

    \b
      seamwatch dead-letters list
      seamwatch dead-letters list --filter reason=unmapped --filter since=24h
      seamwatch dead-letters list --limit 0 --json
    """
    from config.settings import load_settings
    from seamwatch.database import opened
    from sinks.dead_letters import count_letters, list_letters

    settings = load_settings()
    chosen = _chosen(settings, conditions)
    with opened(settings) as engine:
        letters, tallies = list_letters(engine, chosen, limit), count_letters(engine, chosen)
    if as_json:
        counts = [each._asdict() | {"last": each.last.isoformat()} for each in tallies]
        click.echo(json.dumps({"letters": [_facts(each) for each in letters], "counts": counts}, indent=2))
        return
    if not tallies:
        notice("No dead letters.")
        return
    now, out = datetime.now(UTC), console()
    rows = [
        [_short(settings, each), each.reason, each.detail, relative(each.time, now), "yes" if each.replayed else ""]
        for each in letters
    ]
    if rows:
        out.print(table("", ["place", "reason", "detail", "when", "replayed"], rows))
    counted = [
        [each.topic, each.reason, f"{each.letters:,}", f"{each.replayed:,}", relative(each.last, now)]
        for each in tallies
    ]
    out.print(table("By topic and reason", ["topic", "reason", "letters", "replayed", "last"], counted, right=(2, 3)))


@command.command
@click.argument("place", metavar="TOPIC/PARTITION/OFFSET")
@click.option("--raw", is_flag=True, help="The record as it is, with what it says of people; who saw it is noted.")
@click.option("--because", metavar="TEXT", help="Why; needed with --raw.")
@click.option("--as", "actor", metavar="NAME", help="Who looks.  [default: the login name]")
@json_option
def show(place: str, raw: bool, because: str | None, actor: str | None, as_json: bool) -> None:
    """Show one dead letter: why it was refused, and what it is made of, with its values masked.

    \b
      seamwatch dead-letters show raw.chatwoot/0/17
      seamwatch dead-letters show raw.chatwoot/0/17 --raw --because "ticket 4711: unknown event"
    """
    from config.settings import load_settings
    from seamwatch.broker import reachable
    from seamwatch.database import opened
    from seamwatch.letters import masked, read_letters
    from sinks.dead_letters import Act, note

    if raw != bool(because and because.strip()):
        raise click.UsageError("--raw and --because TEXT belong together: who sees what people said says why.")
    settings = load_settings()
    with opened(settings) as engine:
        letter = _found(settings, engine, place)
        with reachable(settings):
            refused = read_letters(settings, [letter]).get(letter)
        if refused is None:
            raise Failed(f"{place}: {letter.reason}: {letter.detail}; its bytes are no longer kept")
        if raw:
            note(engine, [letter], Act.VIEWED, acting_person(actor), datetime.now(UTC), because)
            _print_raw(refused)
            return
    facts = _facts(letter) | {"record": masked(refused)}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(f"{letter.place}\n{letter.reason}: {letter.detail}\nrefused {letter.time.isoformat(timespec='seconds')}")
    if letter.replayed:
        click.echo(f"written back {letter.replayed.isoformat(timespec='seconds')}")
    click.echo(json.dumps(facts["record"], indent=2, ensure_ascii=True))


@command.command
@_filter_option
@click.option("--all", "everything", is_flag=True, help="All that were not written back yet, without a filter.")
@click.option("--as", "actor", metavar="NAME", help="Who does it.  [default: the login name]")
def replay(conditions: tuple[tuple[str, Any], ...], everything: bool, actor: str | None) -> None:
    """Write dead letters back to the topics where they were refused, each once.

    Do so after what refused them was mended and the workers run with it: what is refused again is a new dead letter.
    Stopped halfway, the command goes on where it was.

    \b
      seamwatch dead-letters replay --filter topic=raw.our-desk --filter reason=unmapped
      seamwatch dead-letters replay --filter since=2h
    """
    from config.settings import load_settings
    from seamwatch.broker import reachable
    from seamwatch.database import opened
    from seamwatch.letters import Replaying
    from sinks.dead_letters import Act, count_letters, note, waiting_letters

    if everything == bool(conditions):
        raise click.UsageError("say which: --filter KEY=VALUE, or --all.")
    settings, who = load_settings(), acting_person(actor)
    chosen = _chosen(settings, conditions)
    with opened(settings) as engine, reachable(settings):
        total = sum(each.letters - each.replayed for each in count_letters(engine, chosen))
        replaying = Replaying(settings, lambda letters: note(engine, letters, Act.REPLAYED, who, datetime.now(UTC)))
        bar = progress("letters")
        with replaying:
            if bar is not None:
                bar.start()
            task = None if bar is None else bar.add_task("dead letters", total=total, done=0)
            try:
                for letters in waiting_letters(engine, chosen):
                    replaying.write(letters)
                    if bar is not None and task is not None:
                        done = replaying.written + replaying.left.total()
                        bar.update(task, completed=done, done=done)
            finally:
                if bar is not None:
                    bar.stop()
    notice(f"{count(replaying.written, 'dead letter')} written back")
    for reason, number in replaying.left.items():
        notice(f"{number:,} left: {reason}")


@command.command
@click.argument("topic", required=False)
def resume(topic: str | None) -> None:
    """Let workers read a paused raw topic again; without TOPIC list those that are paused.

    Workers follow within seconds. What was refused before stays a dead letter: write it back with `replay`.

    \b
      seamwatch dead-letters resume
      seamwatch dead-letters resume raw.our-desk
    """
    from config.settings import load_settings
    from seamwatch.broker import mapped_sources, reachable, stream_settings, topics_of_others
    from streams.pauses import Pauses
    from streams.topics import Topics

    settings = load_settings()
    names = Topics(settings.prefix)
    with reachable(settings), Pauses(stream_settings(settings, ())) as pauses:
        if topic is None:
            raw = [*map(names.raw, mapped_sources(settings)), *topics_of_others(settings).values()]
            paused = pauses.paused(raw)
            for name, since in paused.items():
                click.echo(f"{name} is paused since {since}")
            if not paused:
                notice("No topic is paused.")
            return
        name = _full(settings, topic)
        if not pauses.paused([name]):
            raise Failed(f"{name} is not paused")
        pauses.resume(name)
    notice(f"{name} is read again")


def _chosen(settings: "Settings", conditions: tuple[tuple[str, Any], ...]) -> "Filter":
    from models.dead_letter import DeadLetterReason
    from sinks.dead_letters import Filter

    given: dict[str, list[Any]] = {key: [value for name, value in conditions if name == key] for key in _KEYS}
    for reason in given["reason"]:
        if reason not in set(DeadLetterReason):
            raise WrongUse(f"reason={reason}: the reasons are {', '.join(DeadLetterReason)}")
    since = max(given["since"], default=None)
    return Filter(
        given["reason"],
        [_full(settings, topic) for topic in given["topic"]],
        None if since is None else _EPOCH + timedelta(microseconds=since),
    )


def _full(settings: "Settings", topic: str) -> str:
    """Return a topic's name with the prefix, whether it was given with it or not."""
    known = topic.startswith(f"{settings.prefix}.") or topic in settings.source_topics.values()
    return topic if known else f"{settings.prefix}.{topic}"


def _short(settings: "Settings", letter: "Letter") -> str:
    return letter.place.removeprefix(f"{settings.prefix}.")


def _found(settings: "Settings", engine: "Engine", place: str) -> "Letter":
    from sinks.dead_letters import find_letter

    topic, _, rest = place.partition("/")
    partition, _, offset = rest.partition("/")
    if not topic or not partition.isdecimal() or not offset.isdecimal() or len(rest) > 30:
        raise click.UsageError(f"{place} is no place; write it as raw.chatwoot/0/17: topic, partition, offset.")
    letter = find_letter(engine, _full(settings, topic), int(partition), int(offset))
    if letter is None:
        raise Failed(f"{place}: there is no such dead letter")
    return letter


def _facts(letter: "Letter") -> dict[str, Any]:
    replayed = None if letter.replayed is None else letter.replayed.isoformat()
    facts = letter._asdict() | {"place": letter.place, "time": letter.time.isoformat(), "replayed": replayed}
    return {name: value for name, value in facts.items() if not name.startswith("letter_")}


def _print_raw(refused: "Refused") -> None:
    """Print the record's value: to a terminal as text that does nothing to it, else its bytes."""
    value = refused.value or b""
    if sys.stdout.isatty():
        text = value.decode(errors="replace")
        click.echo("".join(each if each.isprintable() or each == "\n" else "�" for each in text))
    else:
        click.get_binary_stream("stdout").write(value)
