"""Annotated dialogues that the shared data does not hold, read from where somebody put them: `.cache/dialogues`.

Nothing of them is in the tree; what needs them says so and goes on where they are absent. `WHERE` tells what to put there, and `absent` what is missing.

- ``multiwoz_zh``: MultiWOZ 2.1 in Chinese, the 250 dialogues that professional translators corrected; those who serve write Chinese, too.
- ``multiwoz_zh_machine``: the other dialogues of that part, as a machine translated them.
- ``multiwoz_zh_new``: the 250 dialogues in Chinese about MultiWOZ's goals that were collected for the test of DSTC9, published without annotation: the
  held-out half was read for this, by the message alone (`read/multiwoz_zh_new.csv`); nobody has looked at the other half.
- ``kddres``: KddRES (Wang et al., 2020), restaurants of Hong Kong in traditional characters, from the crowd: customers and restaurants write as they like.
- ``pershop``: PerSHOP (Mahmoudi and Faili, 2024), shopping in Persian, from the crowd. A dialogue is cut into its orders: the turns about one kind of
  product. Its annotation says that something is asked for, not what; a question counts as one for what the customer tells next, where that is one thing.
- ``multiwoz_test``: MultiWOZ 2.1 in English, the 1,000 dialogues that its authors kept for tests; the shared ones are those for validation.
- ``woz_de_more``: WOZ with customers who write German, the 600 dialogues that its authors kept for validation and tests; those for training are shared.
- ``bcontrast``: BConTrasT (Farajian et al., 2020), 706 dialogues of Taskmaster-1 (two people who write or speak, one of them orders, books or makes an
  appointment) that translators put into German for WMT20: what customers and agents say is read in German. Nothing of it is annotated.
- ``star``: STAR (Mosig et al., 2020), two people who write, one of them serves; of it the 952 dialogues in which a bank is asked for a balance or told of a
  fraud. Those who serve chose a sentence out of several that a machine put forward for what they had typed, and its label says what it asks for.
  What they looked up with is what customers told: at each turn that holds it.
- ``star_typed``: the same; where those who serve had typed four words or more, these stand in place of the sentence. What else they ask for there, and what
  they wrote freely, nobody has annotated.
"""

import csv
import hashlib
import json
import re
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from agents.formats.numerals import numbers
from agents.text.times import times
from tests.quality.dialogues import tuned_on

__all__ = ["WHERE", "File", "absent", "transcripts", "unread"]

READ = Path(__file__).parent / "read"
"""What was read in dialogues that nobody annotated."""
FOLDER = Path(__file__).parents[2] / ".cache" / "dialogues"


class File(NamedTuple):
    """A file of a collection: its name here, where it comes from, and its SHA-256."""

    name: str
    source: str
    digest: str


_CONVLAB = "github.com/thu-coai/ConvLab-2, data/multiwoz_zh/{} (Apache-2.0)"
_KDDRES = "github.com/ruleGreen/KddRES, data_zh_hant/{}.json.zip at 51a99dfa (published for research, without a licence file)"
_WOZ = "github.com/nmrksic/neural-belief-tracker, data/woz/woz_{}_de.json at 63b5933d (Apache-2.0)"
_BCONTRAST = "github.com/Unbabel/BConTrasT, {}.json at 96f33050 (CC BY-SA 4.0)"
_STAR = (
    File(
        "star.tar",
        "github.com/RasaHQ/STAR (MIT), what `git archive --format=tar 30589750 dialogues` writes",
        "984601b10a063c0fde7d28f87788f66afcbf3a463d9fbf8a3a5a338b2104e31e",
    ),
)
WHERE: dict[str, tuple[File, ...]] = {
    "multiwoz_zh": (
        File("multiwoz_zh.json.zip", _CONVLAB.format("human_val.json.zip at b014b81f"), "a0766b5741e05818a869dbb5ec8a25c68c448020ca08528258cd9d0f94eb2ab0"),
    ),
    "multiwoz_zh_machine": (
        File("multiwoz_zh_machine.json.zip", _CONVLAB.format("val.json.zip at b014b81f"), "e2f081b41a4afccac114b4027a0922090a9599781132fd7b02acb21493589587"),
    ),
    "multiwoz_zh_new": (
        File(
            "multiwoz_zh_new.json.zip",
            _CONVLAB.format("dstc9-test-250.zip at fb51470c"),
            "561116d758eaab4f396e9a2c4a03b26eff200f533f20ed8a9c145e354ee6ae78",
        ),
    ),
    "multiwoz_test": (
        File(
            "multiwoz_test.json.zip",
            "github.com/thu-coai/ConvLab-2, data/multiwoz/test.json.zip at b014b81f (Apache-2.0)",
            "438deb6ff5402cef5ff29cc0d5a10db818c1e9142727c1d631e71b563c66a5b4",
        ),
    ),
    "woz_de_more": (
        File("woz_de_validate.json", _WOZ.format("validate"), "d2c0086b86430b61eab7f816c6f34d52e79a403a46e9b45d5867b0fa912cfb48"),
        File("woz_de_test.json", _WOZ.format("test"), "e40219302733703ae5beadccd7cc4079befdc720903b9ccf22b4a952c83bdbe6"),
    ),
    "bcontrast": (
        File("bcontrast_train.json", _BCONTRAST.format("train"), "9bfef7e7f7cf4f80dd766ed1396e80e5b3535b71bc8052e0b9adcbf753f40a4d"),
        File("bcontrast_dev.json", _BCONTRAST.format("dev"), "b4b001dd093b5b1719d83bd2b6ad367bb7ed2c2793feb4ce751c3d1ff4485f72"),
        File(
            "bcontrast_test1.json",
            _BCONTRAST.format("test1_corpus-with_gold_references"),
            "fc07d22a8fee7172539e8cb3f83bee7eb0ebc949d0d4abae11e0791ff0c2f2a8",
        ),
    ),
    "kddres": tuple(
        File(f"kddres_{part}.json.zip", _KDDRES.format(part), digest)
        for part, digest in (
            ("train", "ba414d5c53698de30f576b89fc592f3da66c1f9a5577e15fb6aff0cb0feb0c1d"),
            ("val", "39d16f1859fdc130326bf1dda7785c68bdae16b661aa0e71913d1600e1065994"),
            ("test", "47cedd39f8255ff356ceb72c18faf3d4b88b7fadcbcd490b09b8b66dad8f94b1"),
        )
    ),
    "pershop": (
        File(
            "pershop.xlsx",
            "github.com/keyvanmahmoudi/PerSHOP, PerSHOP.xlsx at 1cac1077 (published for research, without a licence file)",
            "dfc17844907ca3e0098131b905c1caca4a83ad8b1deac0c6d52b72abbc42de33",
        ),
    ),
    "star": _STAR,
    "star_typed": _STAR,
}
"""The files of each collection."""

_LEFT_OUT = re.compile("[xX]月[xX]日")
_WEEKDAY = re.compile("(?:本|這|这)?(?:週|周|禮拜|礼拜|星期)([一二三四五六日天])")
_MONTH = re.compile("月.+[日號号]")
_REQUEST, _INFORM = "请求", "通知"
_SLOT = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_ASKS = {"ask_name": "customer_name", "bank_ask_account_number": "account_number", "bank_ask_pin": "pin", "bank_ask_dob": "date_of_birth"}
_LOOKED_UP = {"FullName": "customer_name", "CustomerName": "customer_name", "AccountNumber": "account_number", "PIN": "pin", "DateOfBirth": "date_of_birth"}
_DIGITS = {"account_number": range(8, 14), "pin": range(4, 5)}
"""How many digits the numbers of STAR's bank have; where others were looked up, one was taken for the other."""
_OWN_WORDS = 4
_OFTEN = 5
"""How often a value of STAR is looked up, to be one that its customers were given: they tell several where they are unsure."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CELL = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def absent(name: str) -> str | None:
    """Return what to put where, if the collection is not there; a file of other content counts as absent."""
    for file in WHERE[name]:
        path = FOLDER / file.name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != file.digest:
            return f"the dialogues are not there: {path} from {file.source}"
    return None


def transcripts(name: str) -> Iterator[dict[str, Any]]:
    """Yield the dialogues of a collection in the form of the shared ones."""
    paths = [FOLDER / file.name for file in WHERE[name]]
    if name == "pershop":
        yield from _pershop(paths[0])
    elif name == "kddres":
        yield from _kddres(paths)
    elif name in ("star", "star_typed"):
        yield from _star(paths[0], typed=name == "star_typed")
    elif name == "multiwoz_test":
        yield from _multiwoz(paths[0], "test.json", "en", "Request", "Inform")
    elif name == "bcontrast":
        yield from _bcontrast(paths)
    elif name == "woz_de_more":
        yield from _woz(paths)
    elif name == "multiwoz_zh_new":
        yield from _read(paths[0], READ / f"{name}.csv")
    elif name == "multiwoz_zh":
        yield from _multiwoz(paths[0], "human_val.json", "zh", _REQUEST, _INFORM)
    else:
        corrected = {dialogue["id"] for dialogue in transcripts("multiwoz_zh")}
        yield from (dialogue for dialogue in _multiwoz(paths[0], "val.json", "zh", _REQUEST, _INFORM) if dialogue["id"] not in corrected)


def _multiwoz(path: Path, member: str, language: str, request: str, inform: str) -> Iterator[dict[str, Any]]:
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
                    "requests": [[domain, slot] for domain, act, slot, _ in acts if act == request],
                    "informs": [[domain, slot, re.sub("([东南西北])方$", r"\1部", value)] for domain, act, slot, value in acts if act == inform],
                }
            )
        yield {"id": name, "lang": language, "turns": turns}


def _woz(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for dialogue in json.loads(path.read_bytes()):
            turns: list[dict[str, Any]] = []
            for turn in dialogue["dialogue"]:
                asked = [["r", act] for act in turn["system_acts"] if isinstance(act, str)]
                told = [["r", slot, value] for slot, value in turn["turn_label"] if slot != "request"]
                for role, text, requests, informs in (("system", turn["system_transcript"], asked, []), ("user", turn["transcript"], [], told)):
                    if text.strip():
                        turns.append({"i": len(turns), "role": role, "text": text, "requests": requests, "informs": informs})
            yield {"id": f"{path.stem}-{dialogue['dialogue_idx']}", "lang": "de", "turns": turns}


def _bcontrast(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for name, dialogue in json.loads(path.read_bytes()).items():
            turns = [
                {
                    "i": number,
                    "role": "user" if said["speaker"] == "customer" else "system",
                    "text": said["source" if said["speaker"] == "customer" else "target"],
                    "requests": [],
                    "informs": [],
                    "annotated": False,
                }
                for number, said in enumerate(dialogue)
            ]
            yield {"id": name, "lang": "de", "turns": turns}


def unread(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the dialogues of a collection without annotation that are to be read: their ids and messages, the customer's first."""
    with zipfile.ZipFile(FOLDER / WHERE[name][0].name) as archive:
        dialogues = json.loads(archive.read("data.json"))
    for each in sorted(each for each in dialogues if not tuned_on(each)):
        yield each, [turn["text"] for turn in dialogues[each]["log"]]


def _read(path: Path, sheet: Path) -> Iterator[dict[str, Any]]:
    """Yield what was read: of who serves what they ask for, of customers what they tell."""
    said: dict[tuple[str, int], list[list[str]]] = {}
    with sheet.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            said.setdefault((row["dialogue"], int(row["turn"])), []).append([row["thing"], row["slot"], row["value"]])
    for name, messages in unread(path.name.partition(".")[0]):
        turns = []
        for number, text in enumerate(messages):
            of_turn, by_customer = said.get((name, number), []), number % 2 == 0
            turns.append(
                {
                    "i": number,
                    "role": "user" if by_customer else "system",
                    "text": text,
                    "requests": [] if by_customer else [[thing, slot] for thing, slot, _ in of_turn],
                    "informs": of_turn if by_customer else [],
                }
            )
        yield {"id": name, "lang": "zh", "turns": turns}


def _kddres(paths: list[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            dialogues = json.loads(archive.read(path.name.partition("_")[2].removesuffix(".zip")))
        for name, dialogue in dialogues.items():
            turns = []
            for number, turn in enumerate(dialogue["messages"]):
                acts = turn["dialog_act"]
                turns.append(
                    {
                        "i": number,
                        "role": "user" if turn["role"] == "user" else "system",
                        "text": turn["content"],
                        "requests": [[thing, slot] for act, thing, slot, _ in acts if act == "Request"],
                        "informs": [[thing, slot, _written_alike(slot, str(value))] for act, thing, slot, value in acts if act == "Inform"],
                    }
                )
            yield {"id": name, "lang": "zh-Hant", "turns": turns}


def _written_alike(slot: str, value: str) -> str:
    """Return a value of KddRES in one spelling: customers and annotators write 下午5點半 and 17:30; 'X月X日' stands for a date that was left out."""
    if _LEFT_OUT.fullmatch(value):
        return "none"
    if slot == "時間":
        return next((time.normal for time in times(value)), value)
    if slot == "人數":
        counts = [number.digits for number in numbers(value, "zh")]
        return "2" if value.startswith(("双", "雙")) else counts[0] if counts else value
    if slot == "日期":
        value = _WEEKDAY.sub(r"星期\1", value).replace("天", "日").replace("后", "後")
        month_and_day = [number.digits for number in numbers(value, "zh")]
        return "-".join(month_and_day) if _MONTH.search(value) and len(month_and_day) == 2 else value
    return value


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


def _star(path: Path, *, typed: bool) -> Iterator[dict[str, Any]]:
    with tarfile.open(path) as archive:
        files = (archive.extractfile(member) for member in archive)
        every = [json.load(file) for file in files if file is not None]
    dialogues = [each for each in every if "bank" in each["Scenario"]["Domains"]]
    counts = Counter(pair for dialogue in dialogues for event in dialogue["Events"] for pair in _constraints(event))
    known = {pair for pair, count in counts.items() if count >= _OFTEN}
    for dialogue in dialogues:
        looked_up = known.union(*(_constraints(event) for event in dialogue["Events"]))
        turns: list[dict[str, Any]] = []
        wrote = ""
        for event in dialogue["Events"]:
            action, agent = event["Action"], event["Agent"]
            if action == "request_suggestions":
                wrote = event["Text"]
            if agent not in ("User", "Wizard") or action not in ("utter", "pick_suggestion"):
                continue
            field, own = _ASKS.get(event.get("ActionLabel", "")), typed and len(wrote.split()) >= _OWN_WORDS
            by_customer = agent == "User"
            turns.append(
                {
                    "i": len(turns),
                    "role": "user" if by_customer else "system",
                    "text": wrote if action == "pick_suggestion" and own else event["Text"],
                    "requests": [["customer", field]] if field else [],
                    "informs": [["customer", slot, value] for slot, value in _told_of(looked_up, event["Text"])] if by_customer else [],
                    "undecided": not by_customer and (action == "utter" or event["ActionLabel"] == "custom"),
                    "more": not by_customer and own,
                }
            )
            wrote = ""
        if turns:
            yield {"id": str(dialogue["DialogueID"]), "lang": "en", "turns": turns}


def _constraints(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a bank or restaurant was looked up with, of the customer: fields and values as they are compared."""
    for constraint in event.get("Constraints", ()) if event["Action"] == "query" else ():
        for name, written in constraint.items():
            value = str(written).strip('" ').lower()
            field = _LOOKED_UP.get(name, "")
            if field in _DIGITS:
                value = re.sub("[^0-9]", "", value)
            if field and len(value) in _DIGITS.get(field, range(1, 100)) and value != "null" and not value.startswith("api."):
                yield field, " ".join(value.split())


def _told_of(looked_up: set[tuple[str, str]], text: str) -> Iterator[tuple[str, str]]:
    """Yield which of the values a message holds; of names the first alone, where no whole one is there."""
    words = re.findall("[a-z0-9]+", text.lower())
    spaced = f" {' '.join(words)} "
    joined = re.findall("[0-9]+", re.sub("(?<=[0-9])[ -](?=[0-9])", "", text))
    names = sorted({value for field, value in looked_up if field == "customer_name"})
    whole = [name for name in names if " " in name and f" {name} " in spaced]
    yield from (("customer_name", name) for name in whole or sorted({name.split()[0] for name in names if name.split()[0] in words}))
    for field, value in sorted(looked_up):
        if field == "date_of_birth":
            if _day(value) and _day(value) == _day(text.lower()):
                yield field, value
        elif field != "customer_name" and value in joined:
            yield field, value


def _day(text: str) -> tuple[int, ...]:
    """Return day, month and year of the only date in a text as a sorted triple, as nobody agrees which of them comes first; nothing where there is none."""
    months = [number for word in re.findall("[a-z]+", text) for number, name in enumerate(_MONTHS, 1) if word.startswith(name)]
    found = re.findall("[0-9]+", text)
    parts = [int(each) for each in found if len(each) in (1, 2, 4)] + months[:1]
    return tuple(sorted(each % 100 if each > 31 else each for each in parts)) if len(parts) == 3 else ()


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


def main() -> int:
    """Print the dialogues of a collection that are to be read: ``python -m tests.quality.public multiwoz_zh_new``."""
    for name, messages in unread(sys.argv[1]):
        print(f"## {name}")
        for number, text in enumerate(messages):
            print(f"{number}{'S' if number % 2 else 'C'} {' '.join(text.split())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
