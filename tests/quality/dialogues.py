"""Annotated dialogues through the engine, and what their annotations say of the findings.

Each collection is divided by its dialogues' ids: phrases are tuned on one half, figures are told of the other.
"""

import gzip
import hashlib
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from agents.fields import OF, Fingerprinter
from agents.replay import Replay
from agents.text.recognise import Recogniser
from config.fields import load_fields, load_vocabulary
from config.rules import load_rulebook

__all__ = [
    "COLLECTIONS",
    "EVALUATE",
    "FIELDS",
    "Collection",
    "evaluate",
    "findings",
    "of_no_thing",
    "scored",
    "touchpoints",
    "transcripts",
    "trapped",
    "tuned_on",
    "untokenised",
]

SHARED = Path(__file__).parents[2].parent / "shared"
EVALUATE = SHARED / "evaluate" / "dialogues.py"
FIELDS = Path(__file__).parent / "fields"
NO_FAILURES = {"confirm_again", "changed", "carried_over", "told_again_xsvc_count"}
"""Labels of what looks like a repetition and is none."""

_TOKENISED = re.compile(r" (n't|'s|'re|'ll|'d|'ve|'m)\b")


class Collection:
    """Dialogues of one kind.

    ``slots`` are the annotated ones, in small letters, that its fields stand for. ``tagged``: the language that its dialogues name is that of all who speak.
    ``requests``: its labels tell which requests were repeated.
    """

    def __init__(
        self,
        name: str,
        language: str,
        slots: str,
        *,
        log: str = "dialogues",
        tagged: bool = True,
        requests: bool = True,
    ) -> None:
        self.name, self.language, self.tagged, self.requests = name, language, tagged, requests
        self.slots = frozenset(slots.split())
        self.fields = FIELDS / name
        self.log = SHARED / "data" / name / f"{log}.jsonl.gz"
        self.labels = SHARED / "data" / name / "labels.jsonl.gz"


COLLECTIONS = {
    each.name: each
    for each in (
        Collection(
            "multiwoz", "en", "area price stars day people stay depart dest leave arrive time food internet parking"
        ),
        Collection("dstc2", "en", "food area pricerange", log="calls", requests=False),
        # Its customers write German, those who serve them English: the language that the dialogues name is half of the truth.
        Collection("woz_de", "de", "essen gegend preisklasse", tagged=False),
        Collection("crosswoz", "zh", "人均消费 价格 游玩时间 评分 酒店类型 门票"),
        Collection("sgd", "en", ""),
    )
}


@cache
def evaluate() -> ModuleType:
    """Load the program that turns dialogues into touchpoints and scores findings against their labels."""
    spec = importlib.util.spec_from_file_location("dialogues", EVALUATE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tuned_on(dialogue: str) -> bool:
    """Tell whether phrases may be tuned on a dialogue; the others are held out."""
    return hashlib.sha256(dialogue.encode()).digest()[-1] % 2 == 0


def transcripts(collection: Collection, *, held_out: bool) -> Iterator[dict[str, Any]]:
    """Yield the dialogues of one half of a collection, as `evaluate` reads them."""
    yield from (each for each in evaluate().rows(str(collection.log)) if tuned_on(_id(each)) != held_out)


def touchpoints(collection: Collection, mode: str, *, held_out: bool) -> Iterator[dict[str, Any]]:
    """Yield one half of a collection as touchpoints."""
    for each in evaluate().convert(mode, str(collection.log)):
        if tuned_on(each["journey"]) == held_out:
            continue
        if mode == "text":
            each["data"]["text"] = untokenised(each["data"]["text"])
            if not collection.tagged:
                del each["language"]
        yield each


def untokenised(text: str) -> str:
    """Undo what a tokeniser did to a message."""
    return _TOKENISED.sub(r"\1", text)


def of_no_thing(field: str | None) -> str:
    """Return the field as the annotations call it, whatever it is of (:func:`agents.fields.of_thing`)."""
    return (field or "").partition(OF)[0]


def findings(collection: Collection, mode: str, *, held_out: bool) -> list[dict[str, Any]]:
    """Return what is found in one half of a collection."""
    recogniser = Recogniser(load_vocabulary(collection.fields)) if mode == "text" else None
    fields = load_fields(collection.fields) if mode == "text" else load_fields()
    replay = Replay(load_rulebook(), fields, Fingerprinter(b"a key of at least sixteen bytes"), recogniser)
    newest = 0
    for newest, touchpoint in enumerate(touchpoints(collection, mode, held_out=held_out)):
        replay.feed(newest, json.dumps(touchpoint).encode())
    replay.release()
    replay.flush()
    assert not replay.dead_letters, replay.dead_letters[:3]
    return list(replay.findings())


def scored(collection: Collection, mode: str, found: list[dict[str, Any]], *, held_out: bool) -> dict[str, Any]:
    """Return what the evaluation says of findings: precision and recall by detector, with counts and examples.

    As text only the collection's slots count.
    """
    labels = [
        each
        for each in _raw(collection.labels)
        if (mode == "structured" or (each["slot"] or "").lower() in collection.slots)
        and tuned_on(_id(each)) != held_out
    ]
    dialogues = [each for each in _raw(collection.log) if tuned_on(_id(each)) != held_out]
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.jsonl" for name in ("labels", "dialogues", "findings")]
        for file, rows in zip(files, (labels, dialogues, found), strict=True):
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        result: dict[str, Any] = evaluate().score(mode, *map(str, files))
    return result


def trapped(found: list[dict[str, Any]], collection: Collection) -> Counter[str]:
    """Count the findings at turns where labels say that what happened is no failure, by those labels."""
    kinds: dict[tuple[str, int], set[str]] = {}
    for label in _raw(collection.labels):
        kinds.setdefault((_id(label), label["turn"]), set()).add(label["kind"])
    traps: Counter[str] = Counter()
    for finding in found:
        if finding["detector"] in ("repeated_answer", "repeated_request") and finding["again"]:
            dialogue, turn, _ = finding["again"]["id"].rsplit("#", 2)
            labelled = kinds.get((dialogue, int(turn)), set())
            if labelled and labelled <= NO_FAILURES:
                traps["+".join(sorted(labelled))] += 1
    return traps


def _raw(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _id(row: dict[str, Any]) -> str:
    return str(row.get("dialogue") or row.get("session") or row["id"])
