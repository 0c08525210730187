"""How many of the values that others annotated are found in text, by language and kind.

Run ``python -m tests.quality.values`` for the table and every miss. What the formats do not concern is left out by a rule with a reason, and counted.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from persiantools.jdatetime import JalaliDate

from agents.text.values import Kind, Value, values

__all__ = ["DATA", "Row", "rows"]

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "lang_text"

LANGUAGES = {"English": "en", "German": "de", "Chinese": "zh"}
PHONE_IS = {
    "de": "Meine Telefonnummer ist {}.",
    "zh": "我的电话是{}。",
    "fa": "شماره تلفن من {} است.",
    "en": "My phone number is {}.",
}
LANGUAGE_OF_REGION = {"DE": "de", "AT": "de", "CH": "de", "CN": "zh", "TW": "zh-Hant", "HK": "zh-Hant", "IR": "fa"}


class Example(NamedTuple):
    """A text with the values that are expected of one kind: each as it stands in the text, or in its normal form."""

    text: str
    language: str
    expected: Sequence[str]
    region: str | None = None


@dataclass
class Row:
    """What was expected and found of one kind in one language and source."""

    source: str
    language: str
    kind: Kind
    expected: int = 0
    found: int = 0
    extra: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str, list[str]]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Return the share of what was expected that was found."""
        return self.found / self.expected if self.expected else 1.0


def rows() -> Iterator[Row]:
    """Yield a row for each source, language and kind; raises ``FileNotFoundError`` where the data are absent."""
    for name, language in LANGUAGES.items():
        yield _judged("Recognizers-Text", language, "phone", _recognised(name, "Sequence", "PhoneNumber"), _as_written)
    yield _judged("Recognizers-Text", "en", "email", _recognised("English", "Sequence", "Email"), _as_written)
    for name, language in LANGUAGES.items():
        yield _judged("Recognizers-Text", language, "number", _recognised(name, "Number", "Number"), _as_number)
    yield _judged("example numbers", "10 regions", "phone", _example_phones(), _as_normal)
    for language in ("en", "de", "zh", "fa"):
        yield _judged("dateparser", language, "date", _example_dates(language), _as_normal)
    samples = [json.loads(line) for line in (DATA / "registry" / "faker_samples.jsonl").read_text().splitlines()]
    for locale in sorted({sample["locale"] for sample in samples}):
        for kind, examples in _sampled([sample for sample in samples if sample["locale"] == locale]).items():
            yield _judged(
                "generated", locale, kind, iter(examples), _as_normal if kind in ("iban", "date") else _as_written
            )


def _judged(source: str, language: str, kind: Kind, examples: Iterator["Example | str"], form: Any) -> Row:
    row = Row(source, language, kind)
    for example in examples:
        if isinstance(example, str):
            row.left_out[example] += 1
            continue
        found = [form(value) for value in values(example.text, example.language, example.region) if value.kind == kind]
        left = list(found)
        for expected in example.expected:
            row.expected += 1
            if expected in left:
                left.remove(expected)
                row.found += 1
            else:
                row.missed.append((example.text, expected, found))
        row.extra += len(left)
    return row


def _as_written(value: Value) -> str:
    return value.text.lower()


def _as_normal(value: Value) -> str:
    return value.normal


def _as_number(value: Value) -> str:
    return _same_number(value.normal)


def _same_number(text: str) -> str:
    try:
        return f"{Decimal(text.replace(',', '.')).normalize():f}"
    except InvalidOperation:
        return text


_FRACTION = re.compile(r"[/／⅔¾⅙½]|\d\^|\de[+-]?\d|分\s*之|halb|viertel|drittel|x10", re.IGNORECASE)
_ADDRESS = re.compile(r"\d+(?:\.\d+){3}")
_ARTICLES = frozenset({"ein", "eine", "einer"})


def _recognised(language: str, folder: str, model: str) -> Iterator[Example | str]:
    path = DATA / "recognizers" / folder / language / f"{model}Model.json"
    code = LANGUAGES[language]
    for case in json.loads(path.read_text("utf-8-sig")):
        text, results = case["Input"], case["Results"]
        subtypes = {result["Resolution"].get("subtype") for result in results}
        if model != "Number":
            yield Example(text, code, [each["Text"].lower() for each in results])
        elif _FRACTION.search(_half_width(text)) or subtypes & {"fraction", "power"}:
            yield "fractions and powers, which no field holds"
        elif _ADDRESS.fullmatch(text):
            yield "network addresses"
        else:
            found = [value for value in values(text, code) if value.kind in ("date", "code") or _said_by_digits(value)]
            longer = [_half_width(value.text).lower() for value in found]
            expected = []
            for each in results:
                if each["Text"] in _ARTICLES:
                    yield "the article counted as a one"
                elif any(each["Text"] in value and each["Text"] != value for value in longer):
                    yield "part of a date, of a code or of digits said one after the other, which are one value here"
                else:
                    expected.append(_same_number(each["Resolution"]["value"]))
            yield Example(text, code, expected)


def _said_by_digits(value: Value) -> bool:
    return value.kind == "number" and "-" in value.text and not any(letter.isdigit() for letter in value.text)


def _half_width(text: str) -> str:
    return text.translate({code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)})


def _example_phones() -> Iterator[Example | str]:
    for line in (DATA / "registry" / "phones.jsonl").read_text().splitlines():
        number = json.loads(line)
        language = LANGUAGE_OF_REGION.get(number["region"], "en")
        for way in ("national", "international", "rfc3966"):
            text = PHONE_IS[language[:2]].format(number[way])
            yield Example(text, language, [number["e164"]], number["region"])


_WHOLE_DATE = re.compile(
    r"(?:(\d{1,2})\.? |(?P<year>\d{4})-)([a-z]+|\d{1,2})[ -](\d{1,4})|([a-z]+) (\d{1,2}),? (\d{4})"
)
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]


def _example_dates(language: str) -> Iterator[Example | str]:
    for line in (DATA / "registry" / "dates_dateparser.jsonl").read_text().splitlines():
        example = json.loads(line)
        if not example["locale"].startswith(language):
            continue
        if re.match(r"\d{2}年", example["text"]):
            yield "years of two digits: the century is uncertain"
            continue
        told = example.get("expect") or example["english"]
        numbers = re.findall(r"datetime\((\d+), (\d+), (\d+)", told)
        spelt = re.search(r"(\d{1,2})\.? ([a-z]+) (\d{4})|([a-z]+) (\d{1,2}) (\d{4})|(\d{4})-(\d{1,2})-(\d{1,2})", told)
        if numbers:
            year, month, day = map(int, numbers[0])
        elif spelt and spelt[7]:
            year, month, day = int(spelt[7]), int(spelt[8]), int(spelt[9])
        elif spelt and (spelt[2] or spelt[4]) in _MONTHS:
            year, month, day = (
                int(spelt[3] or spelt[6]),
                _MONTHS.index(spelt[2] or spelt[4]) + 1,
                int(spelt[1] or spelt[5]),
            )
        elif re.search(r"\d{1,2}/\d{1,2}/\d{4}", told):
            day, month, year = map(int, told.split("/"))
        else:
            yield "no year, month and day: spans, times, days of the week"
            continue
        yield Example(example["text"], example["locale"].rstrip("?"), [f"{year:04}-{month:02}-{day:02}"])


def _sampled(samples: Sequence[Mapping[str, Any]]) -> dict[Kind, list[Example | str]]:
    """Put what was generated for one locale into sentences; dates and IBANs in each of the ways that people there write them."""
    found: dict[Kind, list[Example | str]] = {"phone": [], "email": [], "iban": [], "date": []}
    for sample in samples:
        locale = sample["locale"].replace("_", "-")
        found["phone"].append(Example(PHONE_IS[locale[:2]].format(sample["phone"]), locale, [sample["phone"]]))
        found["email"].append(Example(f"{sample['name']}, {sample['email']}.", locale, [sample["email"]]))
        iban = sample["iban"]
        if iban:
            groups = " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
            found["iban"] += [Example(f"IBAN {way} please", locale, [iban]) for way in (iban, iban.lower(), groups)]
        day = date.fromisoformat(sample["date"])
        found["date"] += [Example(f"({way}).", locale, [sample["date"]]) for way in _ways(day, locale)]
    return {kind: examples for kind, examples in found.items() if examples}


def _ways(day: date, locale: str) -> list[str]:
    year, month = day.year, day.month
    name = _MONTHS[month - 1].title()
    persian = JalaliDate(day)  # type: ignore[no-untyped-call]
    ways = {
        "de-DE": [
            f"{day.day}.{month}.{year}",
            f"{day:%d.%m.%Y}",
            f"{day:%d/%m/%Y}",
            f"{day.day}. {_GERMAN[month - 1]} {year}",
        ],
        "en-US": [f"{month}/{day.day}/{year}", f"{name} {day.day}, {year}", f"{name[:3]} {day:%d} {year}"],
        "en-GB": [f"{day.day}/{month}/{year}", f"{day.day} {name} {year}", f"{day.day}th of {name} {year}"],
        "zh-CN": [f"{year}年{month}月{day.day}日", f"{year}/{month}/{day.day}", _in_characters(day)],
        "zh-TW": [f"{year}年{month}月{day.day}日", f"民國{year - 1911}年{month}月{day.day}日"] if year > 1921 else [],
        "fa-IR": [
            f"{persian.year}/{persian.month:02}/{persian.day:02}",
            f"{persian.year}/{persian.month}/{persian.day}".translate(_PERSIAN_DIGITS),
            f"{persian.day} {_PERSIAN[persian.month - 1]} {persian.year}",
        ],
    }
    return [day.isoformat(), *ways[locale]]


_GERMAN = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
_PERSIAN = ["فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"]
_PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def _in_characters(day: date) -> str:
    digits = "〇一二三四五六七八九"

    def small(number: int) -> str:
        tens = ("", "十", "二十", "三十")[number // 10]
        return tens + (digits[number % 10] if number % 10 else "")

    return "".join(digits[int(each)] for each in str(day.year)) + f"年{small(day.month)}月{small(day.day)}日"


def main() -> None:
    """Print the table, and then what was missed."""
    if not DATA.exists():
        sys.exit(f"the annotated values are not there: {DATA}")
    done = list(rows())
    print("| source | language | kind | expected | found | share | found besides |\n|---|---|---|---|---|---|---|")
    for row in done:
        print(
            f"| {row.source} | {row.language} | {row.kind} | {row.expected:,} | {row.found:,} | {row.recall:.3f} | {row.extra} |"
        )
    for row in done:
        for reason, count in row.left_out.items():
            print(f"left out of {row.source}, {row.language}, {row.kind}: {count} ({reason})")
    for row in done:
        for text, expected, found in row.missed:
            print(f"missed: {row.language} {row.kind} {expected!r} in {text!r}, found {found}")


if __name__ == "__main__":
    main()
