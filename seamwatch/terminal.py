"""What people see: tables, progress and notices. Loaded by commands when they have something to show."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

__all__ = [
    "Options", "console", "count", "duration", "notice", "options", "progress", "relative", "severity", "table", "tell_refused", "tracker",
]  # fmt: skip

_WIDE = 200
_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


@dataclass(frozen=True, slots=True)
class Options:
    """The options that stand before the command."""

    debug: bool = False
    quiet: bool = False
    color: bool | None = None
    level: str = "info"


def options() -> Options:
    """Return the options of the running command line."""
    context = click.get_current_context(silent=True)
    found = context.find_object(Options) if context is not None else None
    return found or Options()


def console(*, stderr: bool = False) -> "Console":
    """Return a console for results, or for all else (``stderr``). What comes from data is shown as it is, never as markup."""
    from rich.console import Console

    color = options().color
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        width=None if terminal else _WIDE,  # a pipe has no width: nothing is cut for it
        no_color=color is False or None,
        force_terminal=True if color else None,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=not terminal,
    )


def notice(text: str) -> None:
    """Say something on stderr that is no error; nothing with --quiet."""
    if not options().quiet:
        click.echo(text, err=True)


def table(title: str, columns: Iterable[str], rows: Iterable[Sequence[Any]], *, right: Iterable[int] = ()) -> "Table":
    """Return a table; the columns numbered in ``right`` hold figures. A cell is text, or what rich draws."""
    from rich import box
    from rich.table import Table

    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold", pad_edge=False)
    figures = set(right)
    for number, name in enumerate(columns):
        made.add_column(name, justify="right" if number in figures else "left", overflow="fold")
    for row in rows:
        made.add_row(*(each if hasattr(each, "__rich_console__") else str(each) for each in row))
    return made


def severity(word: str) -> Any:
    """Return a severity in its colour."""
    from rich.text import Text

    return Text(word, style=_STYLES.get(word.strip(), ""))


def count(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 finding``, ``1,200 findings``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(microseconds: int) -> str:
    """Return a span as rules write it: 25s, 90m, 24h."""
    for size, unit in ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")):
        if microseconds % size == 0:
            return f"{microseconds // size}{unit}"
    return f"{microseconds}us"


def relative(moment: datetime, now: datetime) -> str:
    """Return how long ago ``moment`` was, in one unit: 12 s ago, 3 h ago, in 5 min."""
    seconds = (now - moment).total_seconds()
    span = abs(seconds)
    for limit, size, unit in ((90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h"), (float("inf"), 86400, "d")):
        if span < limit:
            text = f"{span / size:,.0f} {unit}"
            return f"{text} ago" if seconds >= 0 else f"in {text}"
    return ""


def tracker(bar: "Progress | None", path: str, stream: BinaryIO) -> Callable[[int], None]:
    """Return what moves ``bar`` on when so many more lines of ``stream`` were handled."""
    if bar is None:
        return lambda lines: None
    size = None if path == "-" else Path(path).stat().st_size
    task = bar.add_task(Path(path).name, total=size, done=0)
    done = 0

    def advance(lines: int) -> None:
        nonlocal done
        done += lines
        bar.update(task, completed=stream.tell() if size else done, done=done)

    return advance


def tell_refused(refused: Sequence[Any], total: int) -> None:
    """Name the first refused lines on stderr, and count the others."""
    for each in refused:
        click.echo(f"{each.file}:{each.line}: {each.reason}: {each.detail}", err=True)
    if total > len(refused):
        click.echo(f"... and {count(total - len(refused), 'more line')} refused", err=True)


def progress(unit: str) -> "Progress | None":
    """Return a progress bar for stderr with the rate in ``unit`` a second; None where nobody looks, or with --quiet."""
    if options().quiet or not sys.stderr.isatty():
        return None
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Done(ProgressColumn):
        def render(self, task: Any) -> Text:
            done: Mapping[str, Any] = task.fields
            seconds = task.elapsed or 0.0
            rate = f", {done['done'] / seconds:,.0f}/s" if seconds > 0.5 else ""
            return Text(f"{done['done']:,} {unit}{rate}")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        Done(),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
        redirect_stdout=False,
    )
