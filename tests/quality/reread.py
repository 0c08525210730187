"""A second measure: dialogues of the half that nothing was tuned on, read by somebody who saw neither their annotation nor what is found.

The sheets in `reread/` hold what was read, by dialogue, turn and field; a dialogue in which nothing was repeated has one row with nothing but its id. They were
written, and put on record, before the recogniser as it was then was run on these dialogues. ``kind`` is

- ``told``: the customer says the value of a field that they have said before in the dialogue, for whatever purpose, or calls it the same as before.
  Not: the answer to a question that reads this value back; a question whether something has the value; a description that tells a thing already
  found from another; a value that somebody else brought up; the same twice in one message; having no preference.
- ``asked``: who serves asks for a field whose value the customer has said before, of the same thing, and the answer is that value, or none.
  Not: whether another value would do; to choose among what was found; a read-back; a value for another thing, such as the area of a restaurant
  after that of a hotel, unless the answer is the same value.
- ``unclear``: two readers might differ; counted neither way.

Fields are those of the collection in `fields/`; of places to depart from and to arrive at, towns and stations alone.
"""

import csv
import math
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.quality.dialogues import COLLECTIONS, of_no_thing, transcripts

__all__ = ["DRAWS", "Counts", "Key", "reread", "sample", "sheet", "wilson"]

SHEETS = Path(__file__).parent / "reread"
DRAWS = {"multiwoz": (70, 110), "woz_de": (120, 186), "crosswoz": (30, 30)}
"""How many dialogues of each collection were drawn, and how many more of those that were left."""
_SEED = 5
Key = tuple[str, int, str]
"""Dialogue, turn and field."""


class Counts(NamedTuple):
    """Repetitions that were read, that are found, and that are both."""

    read: int
    found: int
    right: int


def sample(name: str, draw: int) -> list[dict[str, Any]]:
    """Return the dialogues of the first draw (0) or of a later one, in the order of their ids."""
    left = sorted(transcripts(COLLECTIONS[name], held_out=True), key=lambda each: str(each["id"]))
    drawn: list[dict[str, Any]] = []
    for number, count in enumerate(DRAWS[name][: draw + 1]):
        drawn = random.Random(_SEED + number).sample(left, min(count, len(left)))
        taken = {each["id"] for each in drawn}
        left = [each for each in left if each["id"] not in taken]
    return sorted(drawn, key=lambda each: str(each["id"]))


def sheet(name: str) -> tuple[set[str], dict[Key, str]]:
    """Return the dialogues that were read, and what was read in them: ``told``, ``asked`` or ``unclear`` by dialogue, turn and field."""
    dialogues, kinds = set(), {}
    with (SHEETS / f"{name}.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            dialogues.add(row["dialogue"])
            if row["kind"]:
                kinds[row["dialogue"], int(row["turn"]), row["field"]] = row["kind"]
    return dialogues, kinds


def reread(name: str, found: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Counts, list[Key], list[Key]]]:
    """Yield by detector how findings agree with what was read, which of them were not read, and what was read and not found."""
    dialogues, kinds = sheet(name)
    unclear = {key for key, kind in kinds.items() if kind == "unclear"}
    for detector, kind, severities in (
        ("repeated_answer", "told", None),
        ("repeated_request", "asked", None),
        ("repeated_request, for alerts", "asked", {"warning", "critical"}),
    ):
        read = {key for key, each in kinds.items() if each == kind}
        got = {
            _key(each)
            for each in found
            if each["detector"] == detector.partition(",")[0]
            and each["again"]
            and (severities is None or each["severity"] in severities)
        }
        got = {key for key in got if key[0] in dialogues} - unclear
        yield detector, Counts(len(read), len(got), len(read & got)), sorted(got - read), sorted(read - got)


def wilson(right: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share after Wilson (1927); it is all of 0 to 1 where nothing was counted."""
    if not of:
        return 0.0, 1.0
    z, share = 1.959964, right / of
    middle = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - reach) / (1 + z * z / of), (middle + reach) / (1 + z * z / of)


def _key(finding: Mapping[str, Any]) -> Key:
    dialogue, turn, _ = finding["again"]["id"].rsplit("#", 2)
    return dialogue, int(turn), of_no_thing(finding["field"])


def main() -> int:
    """Print the dialogues of a draw for reading, with their messages alone: ``python -m tests.quality.reread woz_de 1``."""
    for dialogue in sample(sys.argv[1], int(sys.argv[2])):
        print(f"## {dialogue['id']}")
        for turn in dialogue["turns"]:
            print(f"{turn['i']}{'C' if turn['role'] == 'user' else 'S'} {' '.join(turn['text'].split())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
