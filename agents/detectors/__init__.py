"""One detector a file, found by its presence here; its rule has the same name in ``config/rules``."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from agents.detector import Detector
from agents.rules import Rule

__all__ = ["DETECTORS", "RULE_MODELS"]


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
