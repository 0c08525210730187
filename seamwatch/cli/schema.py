"""`seamwatch schema`: what goes in and out, as JSON Schema."""

import json
from pathlib import Path
from typing import Any

import click

from seamwatch.terminal import notice

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@click.command
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write one file each there, NAME.schema.json."
)
def command(out: Path | None) -> None:
    """Print JSON Schemas of what goes in and out.

    They describe touchpoint, finding, score, tally, brief and alert.

    \b
    All of them as one object:
      seamwatch schema | python3 -m json.tool
    One file each, for a code generator or an editor:
      seamwatch schema --out schemas/
    """
    schemas = _schemas()
    if out is None:
        click.echo(json.dumps(schemas, indent=2, ensure_ascii=False))
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        path = out / f"{name}.schema.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        notice(str(path))


def _schemas() -> dict[str, dict[str, Any]]:
    from pydantic import BaseModel

    from models.alert import Alert
    from models.brief import Brief
    from models.finding import Finding
    from models.score import Score, Tally
    from models.touchpoint import TOUCHPOINT

    models: dict[str, type[BaseModel]] = {"finding": Finding, "score": Score, "tally": Tally, "brief": Brief, "alert": Alert}
    schemas = {"touchpoint": TOUCHPOINT.json_schema()} | {
        name: model.model_json_schema() for name, model in models.items()
    }
    return {name: {"$schema": _DIALECT, "title": name.capitalize()} | schema for name, schema in schemas.items()}
