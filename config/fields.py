"""Load the fields: what customers are asked for, from ``config/fields/*.yaml`` or a directory that replaces it."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, RootModel, StringConstraints

from agents.fields import FieldCatalog, FieldDefinition, FieldFormat, FieldKind, of_thing
from agents.rules import Duration
from agents.text.vocabulary import FieldWords, Vocabulary
from config.errors import ConfigError
from config.languages import Phrases, ValueForm, load_intents, load_languages
from config.yaml_lines import Document, Location, read_yaml, validate

__all__ = ["SHIPPED_FIELDS", "load_fields", "load_vocabulary"]

SHIPPED_FIELDS = Path(__file__).parent / "fields"

Name = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]

Thing = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]

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
    names: Phrases = {}
    ask: Phrases = {}
    tell: Phrases = {}
    value: ValueForm = ValueForm()
    of: dict[Thing, Phrases] = {}

    def definition(self, name: str, region: str | None) -> FieldDefinition:
        said = {key: value for key, value in dict(self).items() if key not in _TALK}
        return FieldDefinition(name, **{**said, "region": self.region or region, "things": tuple(self.of)})

    def words(self, name: str) -> FieldWords:
        return FieldWords(name, self.names, self.ask, self.tell, self.value.words_of_values(), self.kind == "preference", self.of)


_TALK = {"names", "ask", "tell", "value", "of"}


class _FieldFile(RootModel[dict[Name, _FieldForm]]):
    model_config = ConfigDict(frozen=True)


def load_fields(directory: Path | None = None, region: str | None = None) -> FieldCatalog:
    """Load the fields of ``directory``; without one, the shipped ones. ``region`` is that of fields that name none.

    Raises :class:`ConfigError` with file, line, key and what was expected, or with both places where a name stands.
    """
    return FieldCatalog(form.definition(name, region) for name, form in _read_fields(directory))


def load_vocabulary(
    directory: Path | None = None, region: str | None = None, languages: Path | None = None, intents: Path | None = None
) -> Vocabulary:
    """Load how the fields of ``directory`` are talked about, in the languages of another, and the intents of a file; without one, the shipped ones.

    ``region`` is where phone numbers without country code and dates in digits are read, if a message's language does not say.

    Raises :class:`ConfigError` as :func:`load_fields` does.
    """
    return Vocabulary(
        load_languages(languages),
        (form.words(name) for name, form in _read_fields(directory)),
        region,
        load_intents(intents),
    )


def _read_fields(directory: Path | None) -> list[tuple[str, _FieldForm]]:
    folder = SHIPPED_FIELDS if directory is None else directory
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a directory of fields")
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ConfigError(f"{folder}: holds no fields; expected files such as identity.yaml")
    forms: list[tuple[str, _FieldForm]] = []
    places: dict[str, str] = {}
    for path in paths:
        document = read_yaml(path)
        for name, form in validate(_FieldFile, document).root.items():
            _claim(places, document, (name,), name)
            for index, alias in enumerate(form.aliases):
                _claim(places, document, (name, "aliases", index), alias)
            for thing in form.of:
                for each in (name, *form.aliases):
                    _claim(places, document, (name, "of", thing), of_thing(each, thing))
            forms.append((name, form))
    return forms


def _claim(places: dict[str, str], document: Document, location: Location, name: str) -> None:
    if name in places:
        raise document.error(location, f"{name} is taken: it stands in {places[name]} too")
    places[name] = document.where(location)
