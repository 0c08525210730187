"""`seamwatch produce`: files into Kafka."""

from collections.abc import Callable
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from seamwatch.errors import FAILED
from seamwatch.parameters import format_option, open_input
from seamwatch.terminal import count, notice, progress, tell_refused, tracker

if TYPE_CHECKING:
    from config.settings import Settings
    from seamwatch.producing import Pace, Producing

_BIG = 4 * 1024 * 1024
_PATIENCE = 10_000
"""Milliseconds to wait for a broker."""
_LOOK = 0.5
"""Seconds between two looks at files that did not grow."""


@click.command
@click.argument("paths", nargs=-1, type=click.Path(exists=True, readable=True, allow_dash=True))
@format_option
@click.option("--topic", help="Another topic than that of the format.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), help="Records a second.  [default: as fast as Kafka takes them]"
)
@click.option(
    "--speed", type=click.FloatRange(0, min_open=True), help="By the times of the touchpoints, so many times as fast."
)
@click.option("--follow", is_flag=True, help="Go on with what is appended, until Ctrl-C; directories too.")
@click.option(
    "--positions",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("seamwatch-positions.json"),
    show_default=True,
    help="With --follow: the file that keeps how far each log was read.",
)
@click.option(
    "--connect",
    "url",
    metavar="URL",
    help="In place of PATHS: listen to a telephone system, ami://USER@HOST:5038 (Asterisk) or esl://HOST:8021 (FreeSWITCH), until Ctrl-C.",
)
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="With --connect: the file that holds its password.",
)
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    format_: str,
    topic: str | None,
    rate: float | None,
    speed: float | None,
    follow: bool,
    positions: Path,
    url: str | None,
    password_file: Path | None,
) -> None:
    """Write files to Kafka, or what a telephone system tells.

    Waits until all is confirmed. Touchpoints go to SEAMWATCH_PREFIX.touchpoints under their key tenant/customer,
    records of a source to SEAMWATCH_PREFIX.raw.SOURCE. Lines without a tenant and a customer are refused and counted;
    heartbeats are left out. Exits with 1 where a record was not confirmed.

    \b
      seamwatch produce touchpoints.jsonl
      seamwatch produce --rate 200 touchpoints.jsonl.gz
    A day in a quarter of an hour:
      seamwatch produce --speed 96 yesterday.jsonl
    A log of events, mapped by the worker (needs SEAMWATCH_CUSTOMER_KEY):
      seamwatch produce --format xes incidents.xes.gz
    A log that grows and is rotated; started again, it goes on where it was:
      seamwatch produce --follow --format asterisk /var/log/asterisk/queue_log
    A telephone system; what it does while no connection stands is lost, and that is told:
      seamwatch produce --connect ami://seamwatch@pbx:5038 --password-file /run/secrets/pbx
    """
    if (url is None) == (not paths):
        raise click.UsageError("PATHS or --connect: one of them is needed.")
    if (url is None) != (password_file is None):
        raise click.UsageError("--connect and --password-file belong together.")
    if url is not None and (follow or rate is not None or speed is not None):
        raise click.UsageError("--connect excludes --follow, --rate and --speed.")
    if rate is not None and speed is not None:
        raise click.UsageError("--rate and --speed exclude each other.")
    if follow and (speed is not None or "-" in paths):
        raise click.UsageError("--follow excludes --speed and standard input.")
    for path in paths:
        if not follow and path != "-" and Path(path).is_dir():
            raise click.UsageError(f"{path} is a directory: those are read with --follow.")
    from config.settings import load_settings
    from seamwatch import logs
    from seamwatch.broker import reachable
    from seamwatch.connecting import Connection
    from seamwatch.producing import Pace

    connection = None if url is None or password_file is None else Connection(url, password_file)
    logs.configure("error")
    settings = load_settings()
    if connection is not None and ctx.get_parameter_source("format_") is ParameterSource.DEFAULT:
        format_ = connection.dialect.source
    send: Callable[[Producing], None]
    if connection is not None:
        send = connection.send
    elif follow:
        send = partial(_follow, paths=paths, positions=positions)
    else:
        send = partial(_send, paths=paths)
    with reachable(settings):
        producing = _produce(settings, format_, topic, Pace(rate, speed), send)
    _tell(producing)
    if producing.failed:
        ctx.exit(FAILED)


def _produce(
    settings: "Settings",
    format_: str,
    topic: str | None,
    pace: "Pace",
    send: "Callable[[Producing], None]",
) -> "Producing":
    from kafka import KafkaAdminClient, KafkaProducer

    from seamwatch.broker import connection
    from seamwatch.errors import Failed
    from seamwatch.producing import Producing
    from streams.sources import load_source
    from streams.topics import Topics

    customer_key = None if settings.customer_key is None else settings.require_customer_key()
    source = load_source(format_, customer_key, settings.sources_dir)
    names = Topics(settings.prefix)
    topic = topic or (names.touchpoints if source.name == "touchpoints" else names.raw(source.name))
    with closing(KafkaAdminClient(**connection(settings), bootstrap_timeout_ms=_PATIENCE)) as admin:
        if topic not in admin.list_topics():
            raise Failed(f"there is no topic {topic}: `seamwatch topics create` makes it")
    producer = KafkaProducer(
        **connection(settings),
        client_id="seamwatch-produce",
        acks="all",
        enable_idempotence=True,
        compression_type="gzip",
        linger_ms=20,
        batch_size=256 * 1024,
        max_request_size=_BIG,
        bootstrap_timeout_ms=_PATIENCE,
        max_block_ms=_PATIENCE,
        delivery_timeout_ms=60_000,
        allow_auto_create_topics=False,
    )
    try:
        producing = Producing(producer, topic, source, pace)
        send(producing)
        return producing
    finally:
        producer.close(timeout=10)


def _send(producing: "Producing", paths: tuple[str, ...]) -> None:
    bar = progress("lines")
    with bar or nullcontext():
        for path in paths:
            with open_input(path) as stream:
                producing.send(path, stream, tracker(bar, path, stream))
        producing.finish()


def _follow(producing: "Producing", paths: tuple[str, ...], positions: Path) -> None:
    """Send what comes until SIGINT or SIGTERM. A record that is not confirmed ends it before its position is kept."""
    import signal
    from io import BytesIO
    from threading import Event

    from seamwatch.errors import Failed, WrongUse
    from seamwatch.following import Follower
    from seamwatch.told import set_from_handler

    if not producing.by_lines:
        raise WrongUse("--follow reads lines: touchpoints, and sources of the formats json, form, lines and cloudevents")
    told = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: set_from_handler(told))

    def confirm() -> None:
        producing.finish()
        if producing.failed:
            raise Failed(f"not confirmed: {', '.join(producing.failed)}; started again, it goes on where it was")

    try:
        follower = Follower(
            [Path(path) for path in paths], positions, lambda file, lines: producing.send(file, BytesIO(lines)), confirm
        )
    except ValueError as error:
        raise WrongUse(str(error)) from None
    notice(f"following {', '.join(paths)}; Ctrl-C ends it")
    while not told.is_set():
        if not follower.round():
            told.wait(_LOOK)
    follower.close()


def _tell(producing: "Producing") -> None:
    tell_refused(producing.refused, producing.reasons.total())
    for kind, number in producing.failed.items():
        click.echo(f"{count(number, 'record')} not confirmed: {kind}", err=True)
    parts = [f"{count(producing.lines, 'line')}; {count(producing.confirmed, 'record')} confirmed in {producing.topic}"]
    if producing.reasons:
        parts.append(f"{producing.reasons.total():,} refused")
    if producing.heartbeats:
        parts.append(f"{count(producing.heartbeats, 'heartbeat')} left out")
    if producing.unusual:
        parts.append(f"{producing.unusual:,} that the worker will set aside")
    notice(", ".join(parts))
