"""Task dialogues with annotated slots: what is found is what the annotations say was told again and asked again."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.fields import Fingerprinter
from agents.replay import Replay
from config.fields import load_fields
from config.rules import load_rulebook
from tests.quality.dialogues import COLLECTIONS, EVALUATE, NO_FAILURES, evaluate

pytestmark = pytest.mark.skipif(not EVALUATE.exists(), reason=f"the annotated dialogues are not there: {EVALUATE}")


def found(name: str) -> list[dict[str, Any]]:
    """Return what is found in the dialogues of a collection."""
    replay = Replay(load_rulebook(), load_fields(), Fingerprinter(b"a key of at least sixteen bytes"))
    for number, touchpoint in enumerate(evaluate().convert("structured", str(COLLECTIONS[name].log))):
        replay.feed(number, json.dumps(touchpoint).encode())
    replay.flush()
    assert not replay.dead_letters
    return list(replay.findings())


def scored(name: str, directory: Path) -> dict[str, Any]:
    """Return precision and recall by detector."""
    findings = directory / "findings.jsonl"
    findings.write_text("".join(json.dumps(each) + "\n" for each in found(name)))
    result: dict[str, Any] = evaluate().score("structured", str(COLLECTIONS[name].labels), str(COLLECTIONS[name].log), str(findings))
    return result


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("crosswoz", 0.90),
        ("woz_de", 0.97),
        pytest.param("multiwoz", 0.97, marks=pytest.mark.slow),
        pytest.param("dstc2", 0.97, marks=pytest.mark.slow),
    ],
)
def test_what_is_told_again_is_found(name: str, precision: float, tmp_path: Path) -> None:
    """Of what customers told again at least 99 % is found, and hardly anything else; of what was asked again 95 %, where that is annotated."""
    result = scored(name, tmp_path)
    told, asked = result["repeated_answer"], result["repeated_request"]
    assert told["wanted"] > 50
    assert told["precision"] >= precision, told
    assert told["recall"] >= 0.99, told
    if name in ("multiwoz", "woz_de"):
        assert asked["wanted"] > 10
        assert min(asked["precision"], asked["recall"]) >= 0.95, asked


@pytest.mark.slow
def test_confirmations_and_changes_are_no_repetitions() -> None:
    """Where a value is confirmed, changed or carried over to another service, nothing is found."""
    kinds: dict[tuple[str, int, str], set[str]] = {}
    for label in evaluate().rows(str(COLLECTIONS["sgd"].labels)):
        kinds.setdefault((label["dialogue"], label["turn"], (label["slot"] or "").lower()), set()).add(label["kind"])
    harmless = {key for key, each in kinds.items() if each & NO_FAILURES}
    assert len(harmless) > 1000
    repetitions = set()
    for finding in found("sgd"):
        if finding["detector"] in ("repeated_answer", "repeated_request") and finding["again"]:
            dialogue, turn, _ = finding["again"]["id"].rsplit("#", 2)
            repetitions.add((dialogue, int(turn), finding["field"]))
    assert repetitions & {key for key, each in kinds.items() if "told_again" in each}
    assert not repetitions & harmless
