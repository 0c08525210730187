"""What documents tell people to type: blocks of shell, each run or marked with a reason, and commands named in sentences."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from config.settings import Settings
from seamwatch.cli import cli
from tests.documents.reference import DOCS

__all__ = ["DOCUMENTS", "ELSEWHERE", "Block", "blocks", "calls", "named", "parse", "script", "unknown_settings"]

DOCUMENTS = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
"""All that is written for people."""

ELSEWHERE = {
    "docker": "there is no container engine where tests run; services are compared with docker-compose.yml",
    "make": "its targets are what CI runs; that they exist is tested",
}
"""Programs whose lines are left out where documents are typed, and why."""

_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_CALL = re.compile(
    r"(?:^|(?<=[;|&(] )|(?<=\$\())(?:[A-Z_]+=(?:'[^']*'|\S*) )*seamwatch (?P<rest>[^|;&)#>\n]*)", re.MULTILINE
)


class Block(NamedTuple):
    """A fenced block: its language, its text, and why it is not run where that is said."""

    language: str
    text: str
    reason: str | None


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document."""
    return [
        Block(each["language"], each["text"], each["reason"])
        for each in _FENCE.finditer(document.read_text(encoding="utf-8"))
    ]


def script(block: Block) -> str:
    """Return what of a block of shell can be typed: all of it but the lines that call what is elsewhere."""
    return "".join(line for line in block.text.splitlines(keepends=True) if line.partition(" ")[0] not in ELSEWHERE)


def calls(text: str) -> Iterator[list[str]]:
    """Yield the words after `seamwatch` of each call in a script."""
    for each in _CALL.finditer(text.replace("\\\n", " ")):
        words, substitution, _ = each["rest"].partition('"$(')
        yield shlex.split(words) + [substitution] * bool(substitution)


def named(document: Path) -> Iterator[list[str]]:
    """Yield the words after `seamwatch` of each command that a sentence names in a document."""
    prose = _FENCE.sub("", document.read_text(encoding="utf-8"))
    for each in re.findall(r"`(?:[A-Z_]+=\S+ )*seamwatch ([a-z-][^`]*)`", prose):
        yield shlex.split(each.replace("\n", " ").partition(" && ")[0].partition(" | ")[0].replace(" ...", ""))


def parse(words: list[str], *, whole: bool) -> None:
    """Let click understand a command line, and raise what it finds wrong; one that is not ``whole`` may lack values and arguments. No file is opened."""
    command: click.Command = cli
    context = click.Context(cli, info_name="seamwatch", **cli.context_settings)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, context, info_name=name)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }
    unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - known
    if unknown:
        raise click.NoSuchOption(min(unknown))
    if whole and not (isinstance(command, click.Group) and not words):
        given, _, _ = command.make_parser(context).parse_args(words)
        for parameter in command.params:
            value = given.get(parameter.name or "")
            if parameter.required and not value:
                raise click.MissingParameter(param=parameter)
            if value is not None and isinstance(parameter.type, click.Choice | click.IntRange | click.FloatRange):
                parameter.type_cast_value(context, value)


def unknown_settings(text: str) -> set[str]:
    """Return the variables in a text that begin like settings and are none."""
    known = {f"SEAMWATCH_{name.upper()}" for name in Settings.model_fields}
    return {
        each.partition("__")[0] for each in re.findall(r"\bSEAMWATCH_[A-Z_]*[A-Z]\b(?!_?\*|_?\.\.\.)", text)
    } - known
