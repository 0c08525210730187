"""Commands are tested without the settings of whoever runs the tests."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.seamwatch.support import without_settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    without_settings(monkeypatch, tmp_path)
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)  # replay tunes the collector of its process, which here is that of all tests
    gc.unfreeze()
