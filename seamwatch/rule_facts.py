"""What there is to say of a rule: what it does, what decides it, its cases, and what became of it."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

from agents.detectors import DETECTORS, REASONS
from agents.rules import Duration, EngineRules, Language, Rule, Rulebook
from config.rules import Setting, load_cases, load_settings_of
from config.settings import Settings
from config.wording import load_wording
from seamwatch.database import opened
from seamwatch.errors import Failed
from seamwatch.terminal import duration
from sinks.errors import DatabaseUnavailable, SchemaOutdated, UnsupportedDatabase
from sinks.rule_figures import rule_figures

__all__ = ["configured", "rule_facts"]

_DAYS = (7, 30)
_MEANINGS = {
    "mode": "off; shadow: stored, neither alerted nor scored; on",
    "severity": "how loudly: info, warning, critical",
    "silos": "which silo types it is blamed on",
}
_UNITS = {int: "count", float: "number", str: "text", bool: "yes or no"}


def configured(rule: Rule, directory: Path | None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return what ``rule`` is set to, and where. Raises `ConfigError`."""
    return {
        "name": rule.name,
        "detector": rule.detector,
        "version": rule.version,
        "mode": rule.mode,
        "severity": rule.severity,
        "silos": list(rule.silos),
        "settings": [_setting_facts(each, rule) for each in load_settings_of(rule, directory, overrides)],
    }


def rule_facts(
    rulebook: Rulebook,
    rule: Rule,
    directory: Path | None,
    overrides: Sequence[str],
    language: Language,
    settings: Settings,
) -> dict[str, Any]:
    """Return what there is to say of ``rule``, for programs and for the terminal.

    ``live`` is what the database tells, ``no_live`` the sentence why it tells nothing. Raises `ConfigError`.
    """
    detector = DETECTORS[rule.detector]
    cases = load_cases(directory, {rule.name})
    live, no_live = _live(settings, rule)
    return configured(rule, directory, overrides) | {
        "does": _first_line(sys.modules[detector.__module__].__doc__),
        "how": _first_line(detector.__doc__),
        "texts": load_wording(rulebook, directory).template(rule.name, language)._asdict(),
        "reasons": list(REASONS[rule.detector]) or [rule.name],
        "cases": {
            "fires": [case.case for case in cases if case.findings],
            "keeps_quiet": [case.case for case in cases if not case.findings],
        },
        "live": live,
        "no_live": no_live,
    }


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]


def _setting_facts(setting: Setting, rule: Rule) -> dict[str, Any]:
    """Return what there is to say of one setting of ``rule``."""
    model = EngineRules if setting.shared else type(rule)
    field = model.model_fields[setting.key]
    annotation = field.rebuild_annotation()
    return {
        "key": setting.key,
        "value": _readable(setting.value, annotation),
        "default": _readable(setting.default, annotation),
        "unit": _unit(annotation),
        "where": setting.where,
        "meaning": setting.meaning or _MEANINGS.get(setting.key, ""),
        "shared": setting.shared,
    }


def _is_duration(annotation: Any) -> bool:
    return get_args(Duration)[1] in get_args(annotation) or any(map(_is_duration, get_args(annotation)))


def _unit(annotation: Any) -> str:
    if _is_duration(annotation):
        return "time"
    while get_origin(annotation) is not None and hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    return _UNITS.get(annotation, "words")


def _readable(value: Any, annotation: Any) -> Any:
    """Return a value as rules write it."""
    if isinstance(value, Mapping):
        return {str(key): _readable(each, annotation) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_readable(each, annotation) for each in sorted(value)]
    return duration(value) if isinstance(value, int) and _is_duration(annotation) else value


def _live(settings: Settings, rule: Rule) -> tuple[dict[str, Any] | None, str | None]:
    now = datetime.now(UTC)
    since = tuple(now - timedelta(days=days) for days in _DAYS)
    try:
        with opened(settings) as engine:
            figures = rule_figures(engine, rule.name, rule.detector, since)
    except (Failed, DatabaseUnavailable, SchemaOutdated, UnsupportedDatabase) as error:
        return None, str(error)
    ever = {"days": None, **figures.ever._asdict(), "false_positives": sum(figures.false_positives.values())}
    lately = [
        {"days": days, **figures.since[moment]._asdict(), "false_positives": figures.false_positives_since[moment]}
        for days, moment in zip(_DAYS, since, strict=True)
    ]
    return {
        "database": settings.shown()["database"],
        "first": figures.first and figures.first.isoformat(),
        "last": figures.last and figures.last.isoformat(),
        "periods": [*lately, ever],
        "false_positives_by_version": {
            str(version): number for version, number in sorted(figures.false_positives.items())
        },
    }, None
