"""YAML with the line of every key, so that an error can name it.

A smaller language than YAML 1.1: ``on``, ``off``, ``yes`` and ``no`` are words, ``12:30`` and ``2026-03-02`` are text,
a key stands once, and there are no anchors, tags or merges.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, RootModel, ValidationError

from config.errors import ConfigError, did_you_mean

__all__ = ["Document", "Location", "parse_value", "read_yaml", "validate"]

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_MAXIMUM_BYTES = 1_048_576
_MAXIMUM_DEPTH = 32


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own attribute


_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_TEXT = "tag:yaml.org,2002:str"

for _tag, _pattern, _first in (
    (_NULL, r"^(?:null|~|)$", ["n", "~", ""]),
    (_BOOL, r"^(?:true|false)$", ["t", "f"]),
    (_INT, r"^[-+]?[0-9]+$", list("-+0123456789")),
    (_FLOAT, r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    _NULL: lambda text: None,
    _BOOL: lambda text: text == "true",
    _INT: int,
    _FLOAT: float,
    _TEXT: str,
}
_TAGS = frozenset({*_SCALARS, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


@dataclass(frozen=True)
class Document:
    """The content of one file; ``lines`` maps the location of each key and item to its line, from 1."""

    shown: str
    data: dict[str, Any]
    lines: Mapping[Location, int]
    overridden: dict[Location, str] = field(default_factory=dict)

    def where(self, location: Location) -> str:
        """Return file and line of the key at ``location``, or the override that set it."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.overridden:
                return self.overridden[location[:length]]
            if location[:length] in self.lines:
                return f"{self.shown}:{self.lines[location[:length]]}"
        return self.shown

    def error(self, location: Location, sentence: str) -> ConfigError:
        """Return an error that names where ``location`` stands, its key and the ``sentence``."""
        where = self.where(location)
        if where in self.overridden.values():
            return ConfigError(f"{where}: {sentence}")
        return ConfigError(": ".join([where, *([_dotted(location)] if location else []), sentence]))


def read_yaml(path: Path) -> Document:
    """Read the mapping in ``path``.

    Raises :class:`ConfigError` where the file cannot be read, is no YAML, holds a key twice or is no mapping.
    """
    shown = _shown(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror}") from error
    if len(content) > _MAXIMUM_BYTES:
        raise ConfigError(f"{shown}: {len(content)} bytes; at most {_MAXIMUM_BYTES} are read")
    data, lines = _load(content, shown)
    if not isinstance(data, dict):
        raise ConfigError(f"{shown}:1: expected keys with values, such as 'name: ...'")
    return Document(shown, deepcopy(data), lines)


def parse_value(text: str, shown: str) -> Any:
    """Return the value that ``text`` stands for, read as in a file; ``shown`` is named in errors."""
    return deepcopy(_load(text.encode(), shown)[0])


def validate(model: type[Model], document: Document) -> Model:
    """Return the document as ``model``.

    Raises :class:`ConfigError` with one line for each wrong, missing or unknown key.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        sentences = [
            str(document.error(_known(document, each["loc"]), _sentence(model, each)))
            for each in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(dict.fromkeys(sentences))) from error


@lru_cache(maxsize=64)
def _load(content: bytes, shown: str) -> tuple[Any, Mapping[Location, int]]:
    """Return what is in ``content`` and the lines of its keys; the rules are read again for each case that changes one."""
    try:
        loader = _Loader(content.decode("utf-8-sig"))
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown}: byte {error.start} is not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{shown}{line}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{shown}: not YAML: {str(error).splitlines()[0]}") from error
    lines: dict[Location, int] = {}
    return None if node is None else _build(node, (), shown, lines, set()), lines


def _build(node: yaml.Node, location: Location, shown: str, lines: dict[Location, int], seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(location, line)
    if id(node) in seen or len(location) > _MAXIMUM_DEPTH:
        raise ConfigError(f"{shown}:{line}: write it out: no anchors and aliases, at most {_MAXIMUM_DEPTH} levels")
    seen.add(id(node))
    if node.tag not in _TAGS:
        raise ConfigError(f"{shown}:{line}: the tag {node.tag} is not known here")
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{shown}:{key_line}: expected a word as key")
            key = str(key_node.value)
            if key in built:
                raise ConfigError(f"{shown}:{key_line}: {key}: stands twice; first in line {lines[*location, key]}")
            lines[*location, key] = key_line
            built[key] = _build(value_node, (*location, key), shown, lines, seen)
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*location, index), shown, lines, seen) for index, item in enumerate(node.value)]
    return _scalar(node, shown, line)


def _scalar(node: yaml.Node, shown: str, line: int) -> Any:
    text = str(node.value)
    if node.tag == _INT and len(text) > 20:
        raise ConfigError(f"{shown}:{line}: the number is too long; quote it if it is text")
    return _SCALARS[node.tag](text)


def _shown(path: Path) -> str:
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _known(document: Document, location: tuple[int | str, ...]) -> Location:
    """Leave out what pydantic adds to a location (names of union members, a mark of keys): keep a missing or unknown last key."""
    if location[-1:] == ("[key]",):
        location = location[:-1]
    kept: Location = ()
    for index, part in enumerate(location):
        if (*kept, part) in document.lines or (*kept, part) in document.overridden or index == len(location) - 1:
            kept = (*kept, part)
    return kept


def _sentence(model: type[BaseModel], error: Any) -> str:
    location, kind, message = error["loc"], error["type"], str(error["msg"])
    if kind == "extra_forbidden":
        return "unknown key" + did_you_mean(str(location[-1]), _keys(model, location[:-1]))
    if kind == "missing":
        return "missing"
    if kind in ("value_error", "assertion_error"):
        return message.partition(", ")[2]
    return message.replace("Input should be", "expected", 1)


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    models: list[type[BaseModel]] = [model]
    for part in location:
        if isinstance(part, int):
            continue
        if issubclass(model, RootModel) and models == [model]:  # its keys are names, not fields
            models = list(_models_in(model.model_fields["root"].annotation))
            continue
        annotations = [
            info.annotation for each in models for name, info in each.model_fields.items() if part in (name, info.alias)
        ]
        models = [found for annotation in annotations for found in _models_in(annotation)] or models
    return [info.alias or name for each in models for name, info in each.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _models_in(argument)
