"""Annotated dialogues that the shared data does not hold, read from where somebody put them: `.cache/dialogues`.

Nothing of them is in the tree; what needs them says so and goes on where they are absent. `WHERE` tells what to put there, and `absent` what is missing.

- ``multiwoz_zh``: MultiWOZ 2.1 in Chinese, the 250 dialogues that professional translators corrected; those who serve write Chinese, too.
- ``multiwoz_zh_machine``: the other dialogues of that part, as a machine translated them.
- ``pershop``: PerSHOP (Mahmoudi and Faili, 2024), shopping in Persian, from the crowd. A dialogue is cut into its orders: the turns about one kind of
  product. Its annotation says that something is asked for, not what; a question counts as one for what the customer tells next, where that is one thing.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

__all__ = ["WHERE", "absent", "transcripts"]

FOLDER = Path(__file__).parents[2] / ".cache" / "dialogues"
WHERE = {
    "multiwoz_zh": (
        "multiwoz_zh.json.zip",
        "github.com/thu-coai/ConvLab-2, data/multiwoz_zh/human_val.json.zip at b014b81f (Apache-2.0)",
        "a0766b5741e05818a869dbb5ec8a25c68c448020ca08528258cd9d0f94eb2ab0",
    ),
    "multiwoz_zh_machine": (
        "multiwoz_zh_machine.json.zip",
        "github.com/thu-coai/ConvLab-2, data/multiwoz_zh/val.json.zip at b014b81f (Apache-2.0)",
        "e2f081b41a4afccac114b4027a0922090a9599781132fd7b02acb21493589587",
    ),
    "pershop": (
        "pershop.xlsx",
        "github.com/keyvanmahmoudi/PerSHOP, PerSHOP.xlsx at 1cac1077 (published for research, without a licence file)",
        "dfc17844907ca3e0098131b905c1caca4a83ad8b1deac0c6d52b72abbc42de33",
    ),
}
"""By collection: the file's name, where it comes from, and its SHA-256."""

_REQUEST, _INFORM = "请求", "通知"
_SLOT = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_CELL = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def absent(name: str) -> str | None:
    """Return what to put where, if the collection is not there; a file of other content counts as absent."""
    file, source, digest = WHERE[name]
    path = FOLDER / file
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
        return None
    return f"the dialogues are not there: {path} from {source}"


def transcripts(name: str) -> Iterator[dict[str, Any]]:
    """Yield the dialogues of a collection in the form of the shared ones."""
    path = FOLDER / WHERE[name][0]
    if name == "pershop":
        yield from _pershop(path)
    elif name == "multiwoz_zh":
        yield from _multiwoz_zh(path, "human_val.json")
    else:
        corrected = {dialogue["id"] for dialogue in transcripts("multiwoz_zh")}
        yield from (dialogue for dialogue in _multiwoz_zh(path, "val.json") if dialogue["id"] not in corrected)


def _multiwoz_zh(path: Path, member: str) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        dialogues = json.loads(archive.read(member))
    for name, dialogue in dialogues.items():
        turns = []
        for number, turn in enumerate(dialogue["log"]):
            acts = [(*act.split("-", 1), slot, value) for act, pairs in turn["dialog_act"].items() for slot, value in pairs]
            turns.append(
                {
                    "i": number,
                    "role": "system" if number % 2 else "user",
                    "text": turn["text"],
                    "requests": [[domain, slot] for domain, act, slot, _ in acts if act == _REQUEST],
                    "informs": [[domain, slot, re.sub("([东南西北])方$", r"\1部", value)] for domain, act, slot, value in acts if act == _INFORM],
                }
            )
        yield {"id": name, "lang": "zh", "turns": turns}


def _pershop(path: Path) -> Iterator[dict[str, Any]]:
    orders: dict[str, list[dict[str, str]]] = {}
    last, count = ("", ""), 0
    for row in _rows(path):
        about = (row["C"], row.get("F") or (last[1] if row["C"] == last[0] else ""))
        if about != last:
            count, last = (count + 1 if about[0] == last[0] else 1), about
        orders.setdefault(f"{row['C']}/{count}", []).append({**row, "F": about[1]})
    for name, order in orders.items():
        turns = []
        for number, (row, after) in enumerate(pairwise([*order, {}])):
            told = [[row["F"], slot, value] for value, slot in _SLOT.findall(row.get("B", "")) if slot != "product"]
            next_told = [slot for _, slot in _SLOT.findall(after.get("B", ""))]
            asks = row.get("E") == "Ask_slot"
            turns.append(
                {
                    "i": number,
                    "role": "user" if row["H"] == "User" else "system",
                    "text": _SLOT.sub(r"\1", row.get("B", "")),
                    "requests": [[row["F"], slot] for slot in next_told] if asks and len(next_told) == 1 else [],
                    "informs": told,
                    "undecided": asks and len(next_told) != 1,
                }
            )
        yield {"id": name, "lang": "fa", "turns": turns}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of the first sheet of a workbook but its headings, by the letters of their columns."""
    with zipfile.ZipFile(path) as book:
        texts, sheet = (ElementTree.fromstring(book.read(f"xl/{name}.xml")) for name in ("sharedStrings", "worksheets/sheet1"))  # noqa: S314 - a file of known checksum
        strings = ["".join(text.text or "" for text in each.iter(f"{_CELL}t")) for each in texts]
        rows = sheet.iter(f"{_CELL}row")
        next(rows)
        for row in rows:
            cells = ((cell.attrib["r"].rstrip("0123456789"), cell.get("t"), cell.findtext(f"{_CELL}v")) for cell in row)
            yield {column: strings[int(value)] if kind == "s" else value for column, kind, value in cells if value is not None}
