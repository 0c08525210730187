"""Load the rules: one YAML file each, ``engine.yaml`` for what all share.

A directory given instead of the shipped one replaces it: what stands there is all that is watched for. Only
``engine.yaml`` may be left out; the shipped one takes its place.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

from agents.detectors import DETECTORS, RULE_MODELS
from agents.rules import EVENTS, EngineRules, Rule, Rulebook
from config.cases import Case, Change, read_cases
from config.errors import ConfigError, did_you_mean
from config.wording import check_text
from config.yaml_lines import Document, parse_value, read_yaml, validate

__all__ = ["SHIPPED_RULES", "Setting", "load_cases", "load_rulebook", "load_settings_of"]

SHIPPED_RULES = Path(__file__).parent / "rules"
_ENGINE = "engine"
_NO_SETTINGS = frozenset({"name", "detector", "version", "texts"})
_COMMENT = re.compile(r"\s#\s+(.*)")


class Setting(NamedTuple):
    """A key that decides what a rule finds: its value, and its default (None: it has to be set).

    ``where`` is the file and line, or the override, that gives it another value than the default. ``meaning`` is the comment beside it, or beside that of a
    shipped rule of its detector.
    """

    key: str
    value: Any
    default: Any
    where: str | None
    meaning: str
    shared: bool


def load_rulebook(directory: Path | None = None, overrides: Sequence[str] = ()) -> Rulebook:
    """Load the rules of ``directory`` (default: the shipped ones), changed by ``overrides``, each ``KEY=VALUE``.

    A key of ``engine.yaml`` is named alone (``memory=60d``), one of a rule behind its name
    (``ping_pong_return.mode=on``).
    Raises :class:`ConfigError` with file, line and key, or with the override, and what was expected.
    """
    files = _read(directory)
    for override in overrides:
        _override(files, override)
    return files.rulebook()


def load_cases(directory: Path | None = None, rules: Collection[str] = ()) -> list[Case]:
    """Load the cases that stand beside the rules of ``directory``, all or those of ``rules``, in the order of rules and files.

    Raises :class:`ConfigError` as :func:`load_rulebook` does.
    """
    files = _read(directory)
    return [
        case
        for name, document in files.rules.items()
        if not rules or name in rules
        for case in read_cases(name, document, lambda changes, where: _changes(directory, changes, where))
    ]


def load_settings_of(rule: Rule, directory: Path | None = None, overrides: Sequence[str] = ()) -> list[Setting]:
    """Return the settings of a rule of ``directory``, its own first, then those it shares with others.

    The default is what ships, of a rule of one's own that of its detector. Raises :class:`ConfigError` as :func:`load_rulebook` does.
    """
    files, shipped = _read(directory), _read(None)
    for override in overrides:
        _override(files, override)
    document, twin = files.rules[rule.name], shipped.rules.get(rule.name)
    usual = None if twin is None or twin.data.get("detector") != rule.detector else _rule(rule.name, twin)
    relatives = [name for name, each in shipped.rules.items() if each.data.get("detector") == rule.detector]
    comments: dict[str, str] = {}
    for name in relatives:
        comments |= _comments(SHIPPED_RULES / f"{name}.yaml", shipped.rules[name])
    comments |= _comments((directory or SHIPPED_RULES) / f"{rule.name}.yaml", document)
    keys = [key for key in type(rule).model_fields if key not in _NO_SETTINGS]
    own = [_setting(key, rule, usual, document, comments, shared=False) for key in keys]
    engine, usual_engine = validate(EngineRules, files.engine), validate(EngineRules, shipped.engine)
    comments = _comments(SHIPPED_RULES / f"{_ENGINE}.yaml", shipped.engine)
    return own + [
        _setting(key, engine, usual_engine, files.engine, comments, shared=True)
        for key in DETECTORS[rule.detector].engine_keys
    ]


def _setting(
    key: str, model: BaseModel, usual: BaseModel | None, document: Document, comments: Mapping[str, str], *, shared: bool
) -> Setting:
    value = getattr(model, key)
    if usual is not None:
        default = getattr(usual, key)
    else:
        field = type(model).model_fields[key]
        adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
        default = None if field.is_required() else adapter.validate_python(field.get_default(call_default_factory=True))
    overrides = [where for location, where in document.overridden.items() if location[0] == key]
    where = [*overrides, document.where((key,))][0]
    return Setting(key, value, default, None if value == default else where, comments.get(key, ""), shared)


def _comments(path: Path, document: Document) -> dict[str, str]:
    """Return what stands behind each key of a file."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    places = {str(location[0]): line for location, line in document.lines.items() if len(location) == 1}
    return {key: match[1] for key, line in places.items() if (match := _COMMENT.search(lines[line - 1]))}


@dataclass(frozen=True)
class _Files:
    engine: Document
    rules: Mapping[str, Document]

    def rulebook(self) -> Rulebook:
        return Rulebook(
            engine=_engine(self.engine),
            rules=tuple(_rule(name, document) for name, document in self.rules.items()),
        )


def _read(directory: Path | None) -> _Files:
    folder = SHIPPED_RULES if directory is None else directory
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a directory of rules")
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    for path in paths:
        if path.suffix == ".yml":
            raise ConfigError(f"{path}: expected the name {path.stem}.yaml")
    rules = {path.stem: read_yaml(path) for path in paths if path.stem != _ENGINE}
    if not rules:
        raise ConfigError(f"{folder}: holds no rule; expected files such as ping_pong_direct.yaml")
    engine = folder / f"{_ENGINE}.yaml"
    return _Files(read_yaml(engine if engine.exists() else SHIPPED_RULES / engine.name), rules)


def _engine(document: Document) -> EngineRules:
    engine, events = validate(EngineRules, document), {*EVENTS, *DETECTORS}
    for name in engine.fusion:
        if name not in events:
            raise document.error(("fusion", name), f"no event and no detector is called {name}{did_you_mean(name, events)}")
    return engine


def _rule(name: str, document: Document) -> Rule:
    detector = document.data.get("detector")
    if detector is None:
        raise document.error(("detector",), "missing")
    if detector not in RULE_MODELS:
        raise document.error(
            ("detector",), f"no detector is called {detector}{did_you_mean(str(detector), RULE_MODELS)}"
        )
    if document.data.get("name", name) != name:
        raise document.error(("name",), f"expected {name}, as the file is called")
    if name in EngineRules.model_fields:
        raise document.error(("name",), f"{name} is a key of {_ENGINE}.yaml; expected another name")
    keys = {key: value for key, value in document.data.items() if key != "cases"}
    rule = validate(RULE_MODELS[detector], Document(document.shown, keys, document.lines, document.overridden))
    for language, text in rule.texts.items():
        check_text(text, document, ("texts", language))
    return rule


def _override(files: _Files, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override}: expected KEY=VALUE, such as memory=60d or ping_pong_return.mode=on")
    _set(files, key.strip(), parse_value(text, f"--set {override}"), f"--set {override}")


def _set(files: _Files, key: str, value: Any, where: str) -> None:
    first, *rest = key.split(".")
    if first in EngineRules.model_fields:
        document, location = files.engine, (first, *rest)
        default = EngineRules.model_fields[first].get_default(call_default_factory=True)
        if rest and isinstance(default, Mapping):
            document.data.setdefault(first, dict(default))
    elif first in files.rules:
        if not rest:
            raise ConfigError(f"{where}: expected a key of this rule, such as {first}.mode")
        document, location = files.rules[first], tuple(rest)
    elif rest:
        raise ConfigError(f"{where}: no rule is called {first}{did_you_mean(first, files.rules)}")
    else:
        raise ConfigError(f"{where}: unknown key{did_you_mean(first, EngineRules.model_fields)}")
    target: Any = document.data
    for part in location[:-1]:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise ConfigError(f"{where}: {part} has no keys of its own")
    target[location[-1]] = value
    document.overridden[location] = where


def _changes(directory: Path | None, changes: Mapping[str, Any], where: str) -> tuple[Change, ...]:
    """Validate what a case sets, the way the command line does, and return the values as the rules hold them."""
    files = _read(directory)
    for key, value in changes.items():
        _set(files, key, value, f"{where}: {key}")
    rulebook = files.rulebook()
    rules: dict[str, Rule] = {rule.name: rule for rule in rulebook.rules}
    found = []
    for key in changes:
        first, *rest = key.split(".")
        if first in rules:
            found.append(Change(first, rest[0], getattr(rules[first], rest[0])))
        else:
            found.append(Change(None, first, getattr(rulebook.engine, first)))
    return tuple(found)
