"""`seamwatch brief`: what the next handler of a customer has to know."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from seamwatch.errors import Failed, WrongUse
from seamwatch.parameters import json_option, language_option

if TYPE_CHECKING:
    from agents.rules import Language


@click.command
@click.argument("name", metavar="JOURNEY|CUSTOMER")
@click.option(
    "--from", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file that `replay --briefs` wrote.  [default: the database]"
)
@click.option("--tenant", help="Only of this tenant.")
@language_option
@json_option
def command(name: str, path: Path | None, tenant: str | None, language: str, as_json: bool) -> None:
    """Print the latest brief of a journey or a customer.

    It tells whoever serves the customer next what not to ask again, what was promised and what hurt so far. One goes
    to the topic of briefs the moment a handoff starts, and when a known customer makes a new contact.

    \b
      seamwatch brief c-1007
      seamwatch brief order-81 --language de
      seamwatch replay --briefs briefs.jsonl touchpoints.jsonl && seamwatch brief c-1007 --from briefs.jsonl
    """
    body = _of_database(name, tenant) if path is None else _of_file(path, name, tenant)
    if body is None:
        raise Failed(f"there is no brief of {name}: nothing was handed over yet, and no new contact came of somebody who was known")
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(body))
        return
    from agents.brief_words import lines
    from config.brief_words import load_brief_words
    from config.rules import load_rulebook
    from config.settings import load_settings
    from config.wording import load_wording

    rules = load_settings().rules_dir
    spoken = cast("Language", language)
    for line in lines(body, load_brief_words(spoken), load_wording(load_rulebook(rules), rules).vocabulary(spoken)):
        click.echo(line)


def _of_database(name: str, tenant: str | None) -> dict[str, Any] | None:
    from config.settings import load_settings
    from seamwatch.database import opened
    from sinks.briefs import latest_brief

    with opened(load_settings()) as engine:
        found = latest_brief(engine, name, tenant=tenant)
    return None if found is None else found.model_dump(mode="json")


def _of_file(path: Path, name: str, tenant: str | None) -> dict[str, Any] | None:
    found = [each for each in _read(path) if name in (each["journey"], each["customer"]) and tenant in (None, each["tenant"])]
    return max(found, key=lambda each: str(each["time"]), default=None)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    from pydantic import ValidationError

    from models.brief import Brief

    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield Brief.model_validate_json(line).model_dump(mode="json")
            except ValidationError:
                raise WrongUse(f"{path}: line {number} is no brief; expected what `seamwatch replay --briefs` writes") from None
