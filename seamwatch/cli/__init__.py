"""The commands, one file each: a file ``x.py`` here with a click command named ``command`` is ``seamwatch x``.

A command's file imports click alone; the rooms that it needs are imported when it runs, so that `replay` loads neither Kafka nor a database.
"""

import errno
import importlib
import os
import pkgutil
from collections.abc import Callable
from typing import Any

import click

from seamwatch import __version__
from seamwatch.errors import explain
from seamwatch.terminal import Options

__all__ = ["Commands", "cli"]

_LEVELS = ["debug", "info", "warning", "error", "critical"]


class Commands(click.Group):
    """Finds the commands by their files, and tells what went wrong in one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None where there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)  # noqa: S101  # every file here has one
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the commands that there are where one is not known."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if self.get_command(ctx, args[0]) is None:
                error.message += f" The commands are {', '.join(self.list_commands(ctx))}."
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises becomes a sentence, unless with --debug."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            broken_pipe = isinstance(error, OSError) and error.errno == errno.EPIPE
            if ctx.params["debug"] or broken_pipe:
                raise
            raise explain(error) from None


def _work_in(_: click.Context, __: click.Parameter, directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


_options: list[Callable[[Any], Any]] = [
    click.option("--debug", is_flag=True, help="Show tracebacks, and log everything."),
    click.option("--quiet", "-q", is_flag=True, help="No progress and no notices."),
    click.option("--color/--no-color", default=None, help="Colours; by default where the output is a terminal."),
    click.option("--loglevel", "-l", type=click.Choice(_LEVELS), default="info", show_default=True, help="Of the log."),
    click.option(
        "--workdir",
        "-W",
        type=click.Path(exists=True, file_okay=False),
        callback=_work_in,
        expose_value=False,
        is_eager=True,
        help="Change to this directory first: .env is read there.",
    ),
]


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_options):
        command = option(command)
    return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings come from the environment (SEAMWATCH_BROKER, SEAMWATCH_DATABASE, SEAMWATCH_HASH_KEY, ...) and from .env.",
)
@click.version_option(__version__, prog_name="seamwatch")
@_with_options
@click.pass_context
def cli(ctx: click.Context, debug: bool, quiet: bool, color: bool | None, loglevel: str) -> None:
    """Watch a stream of customer contacts for the seams where a company makes its customers start again.

    \b
    See what is wrong in a file, without any server:
      seamwatch replay touchpoints.jsonl
    Options of the program stand before the command:
      seamwatch --debug replay touchpoints.jsonl
    What a command does, with an example:
      seamwatch replay --help
    """
    ctx.obj = Options(debug=debug, quiet=quiet, color=color, level="debug" if debug else loglevel)
