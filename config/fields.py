"""Load the fields: what customers are asked for, from ``config/fields/*.yaml`` or a directory that replaces it."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, RootModel, StringConstraints

from agents.fields import FieldCatalog, FieldDefinition, FieldFormat, FieldKind
from agents.rules import Duration
from config.errors import ConfigError
from config.yaml_lines import Document, Location, read_yaml, validate

__all__ = ["SHIPPED_FIELDS", "load_fields"]

SHIPPED_FIELDS = Path(__file__).parent / "fields"

Name = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]

Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class _FieldForm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FieldKind
    aliases: tuple[Name, ...] = ()
    validity: Duration | None = None
    must_travel: bool = False
    secret: bool = False
    format: FieldFormat | None = None
    region: Region | None = None


class _FieldFile(RootModel[dict[Name, _FieldForm]]):
    model_config = ConfigDict(frozen=True)


def load_fields(directory: Path | None = None, region: str | None = None) -> FieldCatalog:
    """Load the fields of ``directory``; without one, the shipped ones. ``region`` is that of fields that name none.

    Raises :class:`ConfigError` with file, line, key and what was expected, or with both places where a name stands.
    """
    folder = SHIPPED_FIELDS if directory is None else directory
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a directory of fields")
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ConfigError(f"{folder}: holds no fields; expected files such as identity.yaml")
    definitions: list[FieldDefinition] = []
    places: dict[str, str] = {}
    for path in paths:
        document = read_yaml(path)
        for name, form in validate(_FieldFile, document).root.items():
            _claim(places, document, (name,), name)
            for index, alias in enumerate(form.aliases):
                _claim(places, document, (name, "aliases", index), alias)
            definitions.append(FieldDefinition(name=name, **{**dict(form), "region": form.region or region}))
    return FieldCatalog(definitions)


def _claim(places: dict[str, str], document: Document, location: Location, name: str) -> None:
    if name in places:
        raise document.error(location, f"{name} is taken: it stands in {places[name]} too")
    places[name] = document.where(location)
