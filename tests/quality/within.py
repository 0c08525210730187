"""A fourth measure: what is asked again within one contact, in dialogues that came in after everything else.

Requests are repeated seldom within a dialogue, so the dialogues to read are of two kinds, by the annotation and not by what is found: ``any``, drawn at
random out of all of the held-out half; ``likely``, out of those that were left, where who serves is annotated as asking for a slot, of whatever thing, that
the customer had told before. One contact, one customer, one who serves, and messages alone: nothing of the annotation reaches the engine.

The sheets in `within/` hold what was read, by dialogue, turn and field: what is ``asked``, as `reread` has it, and what is ``unclear``; how what was told is
spelt is no such thing, nor is the family name after the given name. A dialogue in which nothing was asked again has one row. They were put on record before
the recogniser was run on these dialogues.
"""

import csv
import json
import random
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from agents.fields import Fingerprinter
from agents.replay import Replay
from agents.text.recognise import Recogniser
from config.fields import SHIPPED_FIELDS, load_fields, load_vocabulary
from config.rules import load_rulebook
from tests.quality import public
from tests.quality.dialogues import FIELDS, of_no_thing, tuned_on, untokenised
from tests.quality.reread import Counts, Key

__all__ = ["SOURCES", "Source", "counted", "dialogues", "findings", "sample", "sheet"]

SHEETS = Path(__file__).parent / "within"
_SEED = 83
_PUT: dict[str, tuple[str, str]] = {
    "count": (
        r"wie ?viele?\b(?! (uhr|pizz))",
        r"\b(zwei|drei|vier|fünf|sechs|sieben|acht|[0-9]+|eine?n?)\b.{0,15}(person|leute|ticket|karte|passagier|pl[aä]tz)|zu (zweit|dritt|viert)|nur (ich|wir)",
    ),
    "time": (r"uhrzeit|wie ?viel uhr|welcher? zeit|\bwann\b", r"[0-9] uhr|[0-9]:[0-9]"),
    "day": (r"welche[nmr] tag|datum|\bwann\b", r"\bheute|\bmorgen (um|abend|früh|nach)|für morgen|(mon|diens|donners|frei|sams|sonn)tag|mittwoch"),
    "size": ("größe|wie groß", "klein|mittel|groß|medium|tall|grande|venti"),
    "crust": ("kruste", "dünn|dick|glutenfrei"),
    "phone": ("nummer", "[0-9]{3}"),
    "name": (r"\bname|namen\b", "name ist|ich heiße|ich bin"),
}
"""By which words a question of BConTrasT, which nobody annotated, is likely to be about a subject, and by which a customer is likely to have told it."""
_START = datetime(2026, 1, 5, 9, tzinfo=UTC)


class Source(NamedTuple):
    """Dialogues to read: in which language, whose fields, whether messages name their language, and how many of each kind.

    ``shipped``: the fields of `config/fields` besides.
    """

    name: str
    language: str
    described: str
    tagged: bool
    any: int
    likely: int
    shipped: bool = False


SOURCES = {
    each.name: each
    for each in (
        Source("multiwoz_test", "en", "multiwoz", tagged=True, any=120, likely=164),
        Source("woz_de_more", "de", "woz_de", tagged=False, any=100, likely=42),
        Source("bcontrast", "de", "bcontrast", tagged=True, any=50, likely=345, shipped=True),
    )
}


@cache
def dialogues(name: str, *, held_out: bool = True) -> dict[str, dict[str, Any]]:
    """Return the dialogues of one half of a collection by their ids."""
    rows = ((str(each["id"]), each) for each in public.transcripts(name))
    return dict(sorted((key, each) for key, each in rows if tuned_on(key) != held_out))


def likely(dialogue: Mapping[str, Any]) -> bool:
    """Tell whether a slot is annotated as asked for that the customer told before, of whatever thing; where nobody annotated, by words."""
    told: set[str] = set()
    for turn in dialogue["turns"]:
        words = partial(re.search, string=turn["text"], flags=re.IGNORECASE)
        if not turn.get("annotated", True):
            if turn["role"] == "system" and "?" in turn["text"] and any(words(_PUT[subject][0]) for subject in told):
                return True
            told |= {subject for subject, (_, telling) in _PUT.items() if turn["role"] == "user" and words(telling)}
        if turn["role"] == "system" and any(slot.lower() in told for _, slot, *_ in turn["requests"]):
            return True
        told |= {slot.lower() for _, slot, *_ in turn["informs"]}
    return False


def sample(name: str) -> dict[str, str]:
    """Return the ids of the dialogues to read, with the kind that each was drawn as."""
    source, drawn, known = SOURCES[name], random.Random(_SEED), dialogues(name)
    kinds = dict.fromkeys(drawn.sample(sorted(known), min(source.any, len(known))), "any")
    left = [key for key in known if key not in kinds and likely(known[key])]
    kinds |= dict.fromkeys(drawn.sample(left, min(source.likely, len(left))), "likely")
    return dict(sorted(kinds.items()))


def findings(name: str, chosen: Iterable[str], *, held_out: bool = True) -> list[dict[str, Any]]:
    """Return what is found where each of the ``chosen`` dialogues is a contact of a customer of its own; the ids of what is said end in its turn."""
    source, known = SOURCES[name], dialogues(name, held_out=held_out)
    with TemporaryDirectory() as folder:
        for directory in [FIELDS / source.described, *([SHIPPED_FIELDS] if source.shipped else [])]:
            for file in directory.glob("*.yaml"):
                shutil.copy(file, folder)
        recogniser = Recogniser(load_vocabulary(Path(folder)))
        replay = Replay(load_rulebook(), load_fields(Path(folder)), Fingerprinter(b"a key of at least sixteen bytes"), recogniser)
    number = 0
    for count, key in enumerate(chosen):
        for turn in known[key]["turns"]:
            by_customer = turn["role"] == "user"
            line = {
                "source": "dialogues",
                "tenant": "eval",
                "customer": key,
                "contact": key,
                "channel": "chat",
                "id": f"{key}#{turn['i']}",
                "type": "message",
                "time": (_START + timedelta(hours=count, seconds=20 * turn["i"])).isoformat(),
                "actor": {"kind": "customer"} if by_customer else {"kind": "agent", "id": "agent", "team": "service"},
                "data": {"text": untokenised(turn["text"])},
            }
            replay.feed(number, json.dumps(line | ({"language": source.language} if source.tagged else {})).encode())
            number += 1
    replay.release()
    replay.flush()
    assert not replay.dead_letters, replay.dead_letters[:3]
    return list(replay.findings())


def sheet(name: str) -> dict[Key, str]:
    """Return what was read: ``asked`` or ``unclear`` by dialogue, turn and field."""
    with (SHEETS / f"{name}.csv").open(encoding="utf-8", newline="") as rows:
        return {(row["dialogue"], int(row["turn"]), row["field"]): row["kind"] for row in csv.DictReader(rows) if row["kind"]}


def counted(name: str, found: Iterable[Mapping[str, Any]], kind: str | None = None) -> Iterator[tuple[str, Counts, list[Key], list[Key]]]:
    """Yield how findings of `repeated_request` agree with what was read, all of them and those for alerts, which were not read, and what was not found.

    ``kind`` leaves dialogues out that were drawn as another one.
    """
    kinds, drawn = sheet(name), {key for key, each in sample(name).items() if kind in (None, each)}
    read = {key for key, each in kinds.items() if each == "asked" and key[0] in drawn}
    unclear = {key for key, each in kinds.items() if each == "unclear"}
    requests = [each for each in found if each["detector"] == "repeated_request" and each["again"]]
    for detector, these in (
        ("repeated_request", requests),
        ("repeated_request, for alerts", [each for each in requests if each["severity"] != "info"]),
    ):
        got = {key for key in map(_key, these) if key[0] in drawn} - unclear
        yield detector, Counts(len(read), len(got), len(read & got)), sorted(got - read), sorted(read - got)


def _key(finding: Mapping[str, Any]) -> Key:
    dialogue, _, said = finding["again"]["id"].rpartition("#")
    return dialogue, int(said.partition("/")[0]), of_no_thing(finding["field"])


def main() -> int:
    """Print the dialogues to read, with their messages alone: ``python -m tests.quality.within multiwoz_test``."""
    known = dialogues(sys.argv[1])
    for key in sample(sys.argv[1]):
        print(f"## {key}")
        for turn in known[key]["turns"]:
            print(f"{turn['i']}{'C' if turn['role'] == 'user' else 'S'} {' '.join(untokenised(turn['text']).split())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
