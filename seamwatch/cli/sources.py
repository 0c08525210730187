"""`seamwatch sources`: where touchpoints come from, tried before they flow."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seamwatch.errors import FAILED
from seamwatch.parameters import SOURCE_PATHS, json_option, open_input
from seamwatch.terminal import console, count, notice, relative, severity, table, tell_refused

if TYPE_CHECKING:
    from config.settings import Settings
    from seamwatch.playback import Playback
    from seamwatch.source_health import Health
    from seamwatch.source_trial import Trial

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@click.group
def command() -> None:
    """List the sources, try one on a file, and begin a new one.

    A source turns what a vendor sends into touchpoints, by a mapping that is data; docs/sources.md describes it.

    \b
    What is there, and what it is good for:
      seamwatch sources list
    A new one, from the first file to the worker:
      seamwatch sources new our-desk --into sources/
      seamwatch sources try ./sources/our-desk.yaml
      seamwatch sources try ./sources/our-desk.yaml sources/our-desk.jsonl
      SEAMWATCH_SOURCES_DIR=sources SEAMWATCH_SOURCES=our-desk seamwatch topics create
    """


@command.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the sources: format, channels, door, how those that are read are doing, and which detectors each one feeds.

    Those in SEAMWATCH_SOURCES_DIR are listed too. Which ones the worker reads is in SEAMWATCH_SOURCES: of these Kafka
    and the database are asked when the last record came, how many came within the last hour, how many wait to be
    mapped, and how many were refused.

    \b
      seamwatch sources list
    What each one sends, what it cannot tell, and what is known from documents alone:
      seamwatch sources list --json | python3 -m json.tool
    """
    from config.settings import load_settings
    from seamwatch.broker import mapped_sources
    from seamwatch.source_health import health, raw_topics
    from seamwatch.source_trial import NEEDS, channels
    from streams.sources import load_source, source_names

    settings = load_settings()
    now, listed = datetime.now(UTC), []
    read = raw_topics(settings, mapped_sources(settings))
    doing, problems = health(settings, read, now)
    for name in source_names(settings.sources_dir)[1:]:
        mapping = load_source(name, b"list", settings.sources_dir).mapping  # type: ignore[attr-defined]
        about = None if mapping.about is None else mapping.about.model_dump()
        listed.append(
            {
                "source": name,
                "format": mapping.format,
                "channels": channels(mapping),
                "read": name in read,
                "topics": read.get(name, []),
                "door": None if mapping.door is None else {"path": f"/in/{name}", "scheme": mapping.door.scheme},
                "open": mapping.door is not None and name in read and bool(settings.door_secrets(name)),
                "health": _health(doing[name]) if name in doing else None,
                "about": about,
            }
        )
    for problem in problems:
        notice(problem)
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    rows = []
    for each in listed:
        told = "what it carries" if each["format"] == "cloudevents" else "-"
        door = f"{each['door']['path']} {each['door']['scheme']}" if each["door"] else ""
        closed = " (no secret)" if each["door"] and each["read"] and not each["open"] else ""
        rows.append([each["source"], each["format"], ", ".join(each["channels"]) or told, door + closed])
    out = console()
    out.print(table("Sources", ["source", "format", "channels", "door"], rows))
    rows = [
        [
            name,
            ", ".join(read[name]),
            "-" if found.last is None else relative(found.last, now),
            *("-" if figure is None else f"{figure:,}" for figure in (found.hour, found.waiting, found.refused)),
        ]
        for name, found in doing.items()
    ]
    columns = ["source", "topics", "last record", "within an hour", "waiting", "refused"]
    out.print(table("Sources that are read", columns, rows, right=(3, 4, 5)))
    fed = {each["source"]: (each["about"] or {}).get("feeds", ()) for each in listed}
    rows = [
        [detector, ", ".join(name for name, feeds in fed.items() if detector in feeds) or "your own touchpoints"] for detector in NEEDS
    ]
    out.print(table("Which sources are enough for a detector", ["detector", "sources"], rows))


def _health(found: "Health") -> dict[str, Any]:
    return found._asdict() | {"last": None if found.last is None else found.last.isoformat()}


def _added(ctx: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise click.BadParameter(f"expected KEY=VALUE, found {pair}", ctx, parameter)
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


@command.command(name="try")
@click.argument("name", metavar="SOURCE")
@click.argument("path", metavar="[FILE]", required=False, type=SOURCE_PATHS)
@click.option("--first", type=click.IntRange(0), default=5, show_default=True, help="How many records are shown.")
@click.option(
    "--add",
    "added",
    metavar="KEY=VALUE",
    multiple=True,
    callback=_added,
    help="What your sender or a connector puts into each JSON record that lacks it: text, or JSON. Repeatable.",
)
@json_option
@click.pass_context
def try_(ctx: click.Context, name: str, path: str | None, first: int, added: "dict[str, Any]", as_json: bool) -> None:
    """Show what the records of a file become, which detectors that is enough for, and what they would find.

    SOURCE is a name, or the path of a mapping. Without FILE the cases beside the mapping are played; one that fails
    exits with 1. Values are masked; words that the mapping itself names are shown. FILE may be gzipped, - is standard
    input.

    \b
      seamwatch sources try chatwoot
      seamwatch sources try chatwoot webhooks.jsonl
      seamwatch sources try ./our-desk.yaml --first 20 export.csv
      seamwatch sources try asterisk_ami --add Received=1772442840 events.jsonl
    """
    from config.settings import load_settings

    settings = load_settings()
    if path is None:
        _play_cases(ctx, settings, name)
        return
    playback, trial = _played(settings, name, path, first, added)
    facts = _facts(playback, trial)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
    else:
        _show(facts, playback)


@command.command
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("sources"),
    show_default=True,
    help="The directory to write to.",
)
def new(name: str, into: Path) -> None:
    """Write a mapping with its test case, and a sample, to begin a source with. Nothing is overwritten.

    \b
      seamwatch sources new our-desk --into sources/
    Change the mapping, put records of your own into the sample, and try:
      seamwatch sources try ./sources/our-desk.yaml
      seamwatch sources try ./sources/our-desk.yaml sources/our-desk.jsonl
    """
    from seamwatch.source_template import MAPPING, SAMPLE

    if not _NAME.fullmatch(name):
        raise click.UsageError("NAME: small letters, digits, dashes and underscores, such as our-desk.")
    files = {into / f"{name}.yaml": MAPPING.replace("NAME", name), into / f"{name}.jsonl": SAMPLE}
    for file in files:
        if file.exists():
            raise click.UsageError(f"{file} is there already: it is not overwritten.")
    into.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        file.write_text(content, encoding="utf-8")
        click.echo(file)
    mapping, sample = (f"./{file}" if not file.is_absolute() else str(file) for file in files)
    notice(
        f"Play its cases:  seamwatch sources try {mapping}\nTry the sample:  seamwatch sources try {mapping} {sample}"
    )


def _play_cases(ctx: click.Context, settings: "Settings", name: str) -> None:
    from seamwatch.source_trial import failures
    from streams.sources import load_source

    source = load_source(name, b"cases", settings.sources_dir)
    mapping = getattr(source, "mapping", None)
    if mapping is None or not mapping.cases:
        raise click.UsageError(f"{name} has no cases: give a FILE.")
    wrong = failures(source)  # type: ignore[arg-type]
    for sentence in wrong:
        click.echo(sentence)
    click.echo(f"{count(len(mapping.cases), 'case')}, {len(wrong):,} mistakes")
    if wrong:
        ctx.exit(FAILED)


def _played(settings: "Settings", name: str, path: str, first: int, added: "dict[str, Any]") -> "tuple[Playback, Trial]":
    from secrets import token_bytes

    from agents.fields import Fingerprinter
    from agents.text import Recogniser
    from config.fields import load_fields, load_vocabulary
    from config.rules import load_rulebook
    from seamwatch.playback import Playback
    from seamwatch.source_trial import Trial
    from streams.sources import load_source

    trial = Trial(load_source(name, token_bytes(32), settings.sources_dir), first, added)
    vocabulary = load_vocabulary(settings.fields_dir, settings.region, intents=settings.intents_file) if settings.read_messages else None
    playback = Playback(
        load_rulebook(settings.rules_dir),
        load_fields(settings.fields_dir, settings.region),
        Fingerprinter(token_bytes(32)),
        trial,
        None if vocabulary is None else Recogniser(vocabulary),
    )
    with open_input(path) as stream:
        playback.read(path, stream)
    playback.finish(0)
    return playback, trial


def _facts(playback: "Playback", trial: "Trial") -> dict[str, Any]:
    from collections import Counter

    from seamwatch.source_trial import missing

    found = Counter((each["rule"]["name"], each["reason"], each["severity"]) for each in playback.findings())
    return {
        "records": trial.records,
        "touchpoints": trial.types.total(),
        "types": dict(trial.types.most_common()),
        "silent": trial.silent,
        "refused": dict(playback.reasons),
        "shown": [each._asdict() for each in trial.shown],
        "missing": missing(trial.inputs),
        "findings": [
            {"rule": rule, "reason": reason, "severity": word, "count": number}
            for (rule, reason, word), number in sorted(found.items())
        ],
    }


def _show(facts: dict[str, Any], playback: "Playback") -> None:
    out = console()
    rows = [
        [_printed(each["record"]), each["reason"] or "\n".join(map(_printed, each["touchpoints"]))]
        for each in facts["shown"]
    ]
    if rows:
        out.print(table("Records, masked", ["raw", "becomes"], rows))
    silent = f", {facts['silent']:,} without any" if facts["silent"] else ""
    out.print(f"{count(facts['records'], 'record')}, {count(facts['touchpoints'], 'touchpoint')}{silent}")
    rows = [[kind, f"{number:,}"] for kind, number in facts["types"].items()]
    out.print(table("Touchpoints", ["type", "count"], rows, right=(1,)))
    rows = [[detector, ", ".join(lacks) or "nothing"] for detector, lacks in facts["missing"].items()]
    out.print(table("What detectors lack", ["detector", "lacks"], rows))
    rows = [
        [each["rule"], each["reason"], severity(each["severity"]), f"{each['count']:,}"] for each in facts["findings"]
    ]
    out.print(
        table("Findings", ["rule", "reason", "severity", "count"], rows, right=(3,)) if rows else "Nothing was found."
    )
    tell_refused(playback.refused, playback.reasons.total())


def _printed(value: Any) -> str:
    """Return JSON that does nothing to a terminal."""
    return "".join(each if each.isprintable() else "�" for each in json.dumps(value, ensure_ascii=False))
