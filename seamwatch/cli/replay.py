"""`seamwatch replay`: files through the engine, without a server."""

from contextlib import nullcontext
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seamwatch.errors import REFUSED
from seamwatch.parameters import (
    MOMENT,
    OUTPUT,
    RULES,
    SHIPPED,
    SINCE,
    SOURCE_PATHS,
    fields_option,
    format_option,
    open_input,
    overrides_option,
    rules_option,
)
from seamwatch.terminal import console, count, notice, progress, severity, table, tell_refused, tracker

if TYPE_CHECKING:
    from agents.rules import Rulebook
    from config.settings import Settings
    from seamwatch.playback import Playback


@click.command
@click.argument("paths", nargs=-1, type=SOURCE_PATHS)
@format_option
@click.option("--from-topic", is_flag=True, help="Read the topic of the format in Kafka, as far as it reaches now, in place of files.")
@click.option("--since", type=SINCE, help="Of the topic, what the broker took since then: 24h, 7d, or a time.  [default: all]")
@click.option(
    "--findings", type=OUTPUT, help="Write the findings there, one JSON object a line; - for standard output."
)
@click.option("--scores", type=OUTPUT, help="Write all scores as of --until there, one JSON object a line.")
@click.option("--briefs", type=OUTPUT, help="Write the briefs for next handlers there, one JSON object a line.")
@rules_option
@fields_option
@overrides_option
@click.option("--against", type=RULES, help="Tell what differs from these rules: a directory, or `shipped`.")
@click.option("--keep", is_flag=True, help="Keep what --against tells, as counts, in SEAMWATCH_DATABASE: the console shows it beside the rules.")
@click.option(
    "--until", type=MOMENT, help="Fire deadlines up to this time, such as 2026-03-02T10:00:00Z.  [default: now]"
)
@click.option("--text/--no-text", default=None, help="Read messages too, or not.  [default: SEAMWATCH_READ_MESSAGES, on]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--strict", is_flag=True, help="Exit with 3 where a line was refused.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    format_: str,
    from_topic: bool,
    since: int | None,
    findings: str | None,
    scores: str | None,
    briefs: str | None,
    rules: Path | None,
    fields: Path | None,
    overrides: tuple[str, ...],
    against: Path | str | None,
    keep: bool,
    until: int | None,
    text: bool | None,
    as_json: bool,
    strict: bool,
) -> None:
    """Run the rules over files, and tell what they find.

    Lines may come in any order; files may be gzipped; - is standard input. It is the engine of the live worker:
    the same touchpoints give the same findings. Messages are read: what is asked for, told and read back there
    becomes touchpoints of its own, unless the source told it itself. With --against both sets of rules judge each
    line, and what would appear, vanish and change is told.

    \b
    What went wrong last week, and where:
      seamwatch replay touchpoints.jsonl.gz
    Every finding, as JSON:
      seamwatch replay --findings - touchpoints.jsonl | head
    What would a stricter rule have found?
      seamwatch replay --set slow_handoff.mode=on --set memory=60d touchpoints.jsonl
    And what would it change?
      seamwatch replay --set slow_handoff.mode=off --against shipped touchpoints.jsonl
      seamwatch replay --rules new-rules/ --against our-rules/ --keep touchpoints.jsonl
    The same over what Kafka holds of the last day:
      seamwatch replay --from-topic --since 24h --rules new-rules/ --against our-rules/
    A log of events for process mining:
      seamwatch replay --format xes --set ping_pong_return.mode=on incidents.xes.gz
    """
    if not paths and not from_topic:
        raise click.UsageError("Missing argument: give files to read, or --from-topic.")
    if paths and from_topic:
        raise click.UsageError("files and --from-topic exclude each other.")
    if since is not None and not from_topic:
        raise click.UsageError("--since is about a topic: give --from-topic too.")
    if keep and against is None:
        raise click.UsageError("--keep is about a comparison: give --against too.")
    _check_outputs(paths, {"--findings": findings, "--scores": scores, "--briefs": briefs}, as_json)
    if briefs is not None and against is not None:
        raise click.UsageError("--against compares findings: --briefs is of no use with it.")
    from time import monotonic, time_ns

    from config.settings import load_settings

    settings = load_settings()
    if text is not None:
        settings = settings.model_copy(update={"read_messages": text})
    rules = rules or settings.rules_dir
    rulebook, other = _rulebooks(rules, overrides, against)
    playback = _playback(settings, format_, fields or settings.fields_dir, rulebook, other, briefs=briefs is not None)
    until = time_ns() // 1000 if until is None else until
    began = monotonic()
    if from_topic:
        _read_topic(playback, settings, since)
    else:
        _read(playback, paths)
    playback.finish(until)
    seconds = monotonic() - began
    found = list(playback.findings())
    if findings is not None:
        _write(findings, found)
    if scores is not None:
        _write(scores, playback.scores(until))
    if briefs is not None:
        _write(briefs, playback.briefs())
    tell_refused(playback.refused, playback.reasons.total())
    summary = _summary(playback, found, max(rulebook.engine.half_lives) // 1_000_000, until, seconds)
    if against is not None:
        names = {"tested": _named(rules, overrides), "against": _named(against)}
        summary |= {"comparison": names | _comparison(playback, found)}
    if keep:
        _keep(settings, summary)
    if as_json:
        _write("-", [summary])
    else:
        _show(summary, stderr="-" in (findings, scores, briefs))
    if strict and summary["refused"]["lines"]:
        ctx.exit(REFUSED)


def _rulebooks(
    rules: Path | None, overrides: tuple[str, ...], against: Path | str | None
) -> "tuple[Rulebook, Rulebook | None]":
    from config.rules import load_rulebook

    if against is None:
        return load_rulebook(rules, overrides), None
    return load_rulebook(rules, overrides), load_rulebook(None if against == SHIPPED else Path(against))


def _playback(
    settings: "Settings", format_: str, fields: Path | None, rulebook: "Rulebook", against: "Rulebook | None", *, briefs: bool
) -> "Playback":
    from secrets import token_bytes

    from agents.fields import Fingerprinter
    from agents.text import Recogniser
    from config.fields import load_fields, load_vocabulary
    from seamwatch.backtest import Backtest
    from seamwatch.playback import Playback
    from streams.interpreter import tune_garbage_collector
    from streams.sources import load_source

    catalog = load_fields(fields, settings.region)
    customer_key = None if settings.customer_key is None else settings.require_customer_key()
    if format_ != "touchpoints" and customer_key is None:
        notice("SEAMWATCH_CUSTOMER_KEY is not set: customers get pseudonyms under a random key, others in every run.")
        customer_key = token_bytes(32)
    source = load_source(format_, customer_key, settings.sources_dir)
    hash_key = None if settings.hash_key is None else settings.require_hash_key()
    if hash_key is None:
        notice("SEAMWATCH_HASH_KEY is not set: values are compared under a random key.")
        hash_key = token_bytes(32)
    tune_garbage_collector()
    fingerprinter = Fingerprinter(hash_key, settings.previous_key())
    recogniser = Recogniser(load_vocabulary(fields, settings.region, intents=settings.intents_file)) if settings.read_messages else None
    if against is None:
        return Playback(rulebook, catalog, fingerprinter, source, recogniser, briefs=briefs)
    return Backtest(rulebook, against, catalog, fingerprinter, source, recogniser)


def _read(playback: "Playback", paths: tuple[str, ...]) -> None:
    bar = progress("lines")
    with bar or nullcontext():
        for path in paths:
            with open_input(path) as stream:
                playback.read(path, stream, tracker(bar, path, stream))


def _read_topic(playback: "Playback", settings: "Settings", since: int | None) -> None:
    from agents.timeline import moment
    from seamwatch import logs
    from seamwatch.broker import connection, reachable
    from seamwatch.topic import read_topic
    from streams.topics import Topics

    logs.configure("error")
    names, source = Topics(settings.prefix), playback.source.name
    topic = names.touchpoints if source == "touchpoints" else names.raw(source)
    if since is not None:
        notice(f"What {topic} holds from before {moment(since)} is not read: what follows from it is not found.")
    bar = progress("records")
    task = None if bar is None else bar.add_task(topic, total=None, done=0)

    def advance(total: int | None = None) -> None:
        if bar is not None and task is not None:
            bar.update(task, completed=playback.lines, done=playback.lines, total=total)

    with reachable(settings), bar or nullcontext():
        for run in read_topic(connection(settings), topic, since, advance):
            playback.take(*run)
            advance()


def _keep(settings: "Settings", summary: dict[str, Any]) -> None:
    from datetime import UTC, datetime
    from getpass import getuser

    from seamwatch.database import opened
    from sinks.back_tests import keep_back_test

    with opened(settings) as engine:
        keep_back_test(engine, summary["comparison"], summary["touchpoints"], getuser(), datetime.now(UTC))
    notice("Kept: the console shows it on its page of rules.")


def _comparison(playback: "Playback", found: list[dict[str, Any]]) -> dict[str, Any]:
    from seamwatch.backtest import Backtest, compare

    assert isinstance(playback, Backtest)  # noqa: S101  # there is something to compare with
    return compare(playback.against.findings(), found)


def _named(rules: Path | str | None, overrides: tuple[str, ...] = ()) -> str:
    return " ".join([str(rules or SHIPPED), *(f"--set {each}" for each in overrides)])


def _summary(
    playback: "Playback", found: list[dict[str, Any]], half_life: int, until: int, seconds: float
) -> dict[str, Any]:
    from collections import Counter

    from agents.timeline import moment
    from seamwatch.playback import counts_for_alert

    standing = [finding for finding in found if counts_for_alert(finding)]
    kinds = Counter((finding["rule"]["name"], finding["reason"], finding["severity"]) for finding in found)
    for_alerts = Counter((finding["rule"]["name"], finding["reason"], finding["severity"]) for finding in standing)
    counts = playback.counts
    return {
        "lines": playback.lines,
        "touchpoints": sum(counts.touchpoints.values()),
        "duplicates": counts.duplicates,
        "conflicts": counts.conflicts,
        "unknown_keys": counts.unknown_keys,
        "recognised": playback.recognised,
        "unread_messages": dict(sorted(playback.unread.items())),
        "refused": {
            "lines": playback.reasons.total(),
            "reasons": dict(sorted(playback.reasons.items())),
            "first": [refused._asdict() for refused in playback.refused],
        },
        "findings": {
            "total": len(found),
            "for_alerts": len(standing),
            "alerts": len({finding["alert"] for finding in standing}),
            "kinds": [
                {"rule": rule, "reason": reason, "severity": word, "count": kinds[kind], "for_alerts": for_alerts[kind]}
                for kind in sorted(kinds, key=lambda kind: (-kinds[kind], kind))
                for rule, reason, word in [kind]
            ],
        },
        "worst": {scope: playback.worst(scope, half_life) for scope in ("team", "seam")} if playback.newest else {},
        "newest": moment(playback.newest) if playback.newest else None,
        "until": moment(until),
        "seconds": round(seconds, 3),
    }


def _show(summary: dict[str, Any], *, stderr: bool) -> None:
    out = console(stderr=stderr)
    seconds, lines, refused = summary["seconds"], summary["lines"], summary["refused"]["lines"]
    parts = [count(lines, "line"), count(summary["touchpoints"], "touchpoint")]
    parts += [f"{refused:,} refused"] if refused else []
    parts += [count(summary["duplicates"], "duplicate")] if summary["duplicates"] else []
    parts += [f"{summary['recognised']:,} read out of messages"] if summary["recognised"] else []
    parts += [f"{number:,} {reason.replace('_', ' ')}" for reason, number in summary["unread_messages"].items()]
    rate = f" ({lines / seconds:,.0f} a second)" if seconds else ""
    out.print(f"{', '.join(parts)} in {seconds:,.1f} s{rate}")
    if "comparison" in summary:
        from seamwatch.backtest_view import show_backtest

        show_backtest(out, summary["comparison"])
        return
    found = summary["findings"]
    if not found["total"]:
        out.print("Nothing was found.")
        return
    rows = [
        [kind["rule"], kind["reason"], severity(kind["severity"]), f"{kind['count']:,}", f"{kind['for_alerts']:,}"]
        for kind in found["kinds"]
    ]
    out.print(table("Findings", ["rule", "reason", "severity", "findings", "for alerts"], rows, right=(3, 4)))
    out.print(
        f"{count(found['total'], 'finding')}; {found['for_alerts']:,} of them make {count(found['alerts'], 'alert')}"
    )
    for scope, scores in summary["worst"].items():
        if scores:
            rows = [[score["name"], f"{score['value']:.1f}", f"{score['samples']:,.1f}"] for score in scores]
            title = f"Lowest consistency, {scope}s, as of {summary['newest']}"
            out.print(table(title, [scope, "of 100", "handlings"], rows, right=(1, 2)))


def _write(target: str, objects: Any) -> None:
    import msgspec

    encode = msgspec.json.Encoder().encode
    with click.open_file(target, "wb") as out:
        out.writelines(encode(each) + b"\n" for each in objects)


def _check_outputs(paths: tuple[str, ...], wanted: dict[str, str | None], as_json: bool) -> None:
    outputs = {option: path for option, path in wanted.items() if path is not None}
    if [*outputs.values(), *(["-"] if as_json else [])].count("-") > 1:
        raise click.UsageError(f"only one of {', '.join(f'{option} -' for option in wanted)} and --json can go to standard output.")
    files = {option: Path(path).absolute() for option, path in outputs.items() if path != "-"}
    for one, other in combinations(files, 2):
        if files[one] == files[other]:
            raise click.UsageError(f"{one} and {other} cannot go to the same file.")
    inputs = [Path(path) for path in paths if path != "-"]
    for output in files.values():
        if output.is_file() and any(output.samefile(path) for path in inputs):
            raise click.UsageError(f"{output} is read: it cannot be written.")
