"""One detector a file, found by its presence here; its rule has the same name in ``config/rules``."""

import importlib
import pkgutil
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from agents.detector import Detector
from agents.rules import Rule

__all__ = ["DETECTORS", "REASONS", "RULE_MODELS"]


def _discover() -> dict[str, type[Detector[Any]]]:
    found: dict[str, type[Detector[Any]]] = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Detector) and value.__module__ == loaded.__name__:
                found[value.name] = value
    return found


DETECTORS: Mapping[str, type[Detector[Any]]] = _discover()
RULE_MODELS: Mapping[str, type[Rule]] = {name: detector.rule_model for name, detector in DETECTORS.items()}


def _reasons(detector: type[Detector[Any]]) -> tuple[str, ...]:
    words: list[str] = []
    for module in dict.fromkeys(each.__module__ for each in (detector, *detector.rule_model.__mro__)):
        for value in vars(sys.modules[module]).values():
            if isinstance(value, type) and issubclass(value, StrEnum) and value.__module__ == module:
                words += map(str, value)
    return tuple(words)


REASONS: Mapping[str, tuple[str, ...]] = {name: _reasons(detector) for name, detector in DETECTORS.items()}
"""By detector: the words of the enums beside it and its rule's model. Where there are none, the reason is the rule's name."""
