"""Options and arguments that several commands share."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from seamwatch.errors import WrongUse

__all__ = [
    "MOMENT",
    "OUTPUT",
    "RULES",
    "SHIPPED",
    "SINCE",
    "SOURCE_PATHS",
    "UNTIL",
    "WORSE",
    "acting_person",
    "fields_option",
    "format_option",
    "json_option",
    "language_option",
    "open_input",
    "overrides_option",
    "rules_option",
    "terminal_language",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SOURCE_PATHS = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)


def _duration(value: str) -> int | None:
    """Return a duration in microseconds; None where it is none."""
    from pydantic import TypeAdapter, ValidationError

    from agents.rules import Duration

    try:
        return int(TypeAdapter(Duration).validate_python(value))
    except ValidationError:
        return None


class _Moment(click.ParamType):
    """A time with its zone, in microseconds UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is no time; write it as 2026-03-02T09:14:05Z.", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value} has no time zone; write it as 2026-03-02T09:14:05Z or with an offset.", param, ctx)
        return (moment - _EPOCH) // timedelta(microseconds=1)


class _Since(_Moment):
    """A time with its zone, or how long ago it was, in microseconds UTC."""

    name = "time or duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, str) and "-" not in value:
            ago = _duration(value)
            if ago is None:
                self.fail(f"{value} is neither a duration, such as 24h or 7d, nor a time.", param, ctx)
            return (datetime.now(UTC) - _EPOCH) // timedelta(microseconds=1) - ago
        return super().convert(value, param, ctx)


class _Until(_Moment):
    """A time with its zone, or how long until it, as a datetime; the word ``worse`` as it is."""

    name = "duration, time or worse"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, datetime) or value == WORSE:
            return value
        ahead = _duration(value)
        try:
            if ahead is not None:
                return datetime.now(UTC) + timedelta(microseconds=ahead)
            if "-" not in value:
                self.fail(f"{value} is neither a duration, such as 2h, nor a time, nor {WORSE}.", param, ctx)
            return _EPOCH + timedelta(microseconds=super().convert(value, param, ctx))
        except OverflowError:
            self.fail(f"{value} is too far off.", param, ctx)


class _Rules(click.Path):
    """A directory of rules, or the word ``shipped``."""

    name = "directory"

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == SHIPPED else super().convert(value, param, ctx)


class _Output(click.Path):
    """A file to write, known to be possible before the work begins."""

    name = "file"

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = str(super().convert(value, param, ctx))
        if path != "-" and not Path(path).absolute().parent.is_dir():
            self.fail(f"the directory of {path} does not exist.", param, ctx)
        return path


SHIPPED = "shipped"
"""Names the rules that come with the program."""
WORSE = "worse"
"""Until something gets worse, in place of a time."""

MOMENT = _Moment()
RULES = _Rules()
SINCE = _Since()
UNTIL = _Until()
OUTPUT = _Output()

format_option = click.option(
    "--format",
    "format_",
    default="touchpoints",
    show_default=True,
    metavar="NAME",
    help="touchpoints (JSON, one a line), xes, the name of a source (`seamwatch sources list`), or the path of its mapping (./our-log.yaml).",
)
rules_option = click.option(
    "--rules",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A directory of rules in place of the shipped one.",
)
fields_option = click.option(
    "--fields",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A directory of fields in place of the shipped one.",
)
overrides_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one key of a rule, or of what all rules share.",
)
language_option = click.option(
    "--language",
    type=click.Choice(["en", "de", "zh-Hans", "fa"]),
    default=lambda: terminal_language(os.environ),
    help="Of texts for people.  [default: that of the terminal]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def acting_person(name: str | None) -> str:
    """Return who acts: the login name unless given. Raises `WrongUse` where it is no name."""
    import getpass

    from pydantic import TypeAdapter, ValidationError

    from models.alert import Person
    from sinks.lifecycle import STREAM

    try:
        actor = TypeAdapter(Person).validate_python(name or getpass.getuser())
    except (KeyError, OSError):
        raise WrongUse("nobody is logged in here: say who acts, with --as NAME") from None
    except ValidationError:
        raise WrongUse("--as: expected a name of at most 128 characters on one line") from None
    if actor == STREAM:
        raise WrongUse(f"{STREAM} is what the program does by itself: say who acts, with --as NAME")
    return actor


def terminal_language(environment: Mapping[str, str]) -> str:
    """Return the language of who sits there, by LC_ALL, LC_MESSAGES or LANG; English where texts have none of it."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    language = re.split(r"[_.@-]", next(filter(None, names), ""))[0].lower()
    return {"de": "de", "zh": "zh-Hans", "fa": "fa"}.get(language, "en")


@contextmanager
def open_input(path: str) -> Iterator[BinaryIO]:
    """Open a file to read, - for standard input."""
    if path == "-":
        yield click.get_binary_stream("stdin")
        return
    with Path(path).open("rb") as stream:
        yield cast(BinaryIO, stream)
