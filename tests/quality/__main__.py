"""Tell how well repetitions are found in annotated dialogues: `make quality`.

The figures are of the half of each collection that nothing was tuned on.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.quality import public, stitched, values, within
from tests.quality.dialogues import COLLECTIONS, EVALUATE, Collection, findings, scored, trapped
from tests.quality.reread import DRAWS, Counts, reread, wilson
from tests.quality.written import KINDS, LANGUAGES, dialogues, judged
from tests.support.documents import replace_between

_DOCUMENT = Path(__file__).parents[2] / "docs" / "quality.md"
_PLACES = [
    (f"<!-- {name}: written by python -m tests.quality -->", f"<!-- end of {name} -->")
    for name in ("quality", "reread", "within", "stitched", "pooled", "written", "values")
]
_COLUMNS = ("", "language", "form", "detector", "labelled", "found", "right", "precision", "recall")
_REREAD = ("", "language", "dialogues", "detector", "read", "found", "right", "precision (95 %)", "recall (95 %)")
_STITCHED = ("", "language", "pairs", "form", "detector", "labelled", "found", "right", "precision (95 %)", "recall (95 %)")
_WITHIN = ("", "language", "dialogues", "detector", "read", "found", "right", "precision (95 %)", "recall (95 %)")
_POOLED = ("language", "detector", "where", "labelled", "found", "right", "precision (95 %)", "recall (95 %)", "holds")
_ACROSS = ("multiwoz again", "dstc2 again", "star", "woz_de", "multiwoz_zh_new", "kddres", "pershop again")
"""The pairs of dialogues on which nothing was tuned, of two contacts each; those of WOZ, KddRES and the new dialogues are the pairs of before."""
_PRECISE, _FOUND = 0.9, 0.7
"""What precision and recall are to reach in each language."""
_VALUES = ("source", "language", "value", "expected", "found", "share", "found besides")
_WRITTEN = ("language", "dialogues", "touchpoint", "written", "found", "right")
_ALERTING = "repeated_request, for alerts"
_IN_ANOTHER, _WITHIN_ONE = "in another contact", "within one contact"
Pool = dict[tuple[str, str, str], list[Counts]]
"""Counts by language, detector and where, of one collection after the other."""


def main() -> int:
    """Measure what is wanted, print it, and write it down where told to."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("collections", nargs="*", choices=[*COLLECTIONS, []], help="which dialogues; without any, all")
    parser.add_argument(
        "--tuned", action="store_true", help="of the half that is tuned on, with examples of what is wrong"
    )
    parser.add_argument("--write", action="store_true", help=f"write the table to {_DOCUMENT.name} too")
    chosen = parser.parse_args()
    if not EVALUATE.exists():
        print(f"the annotated dialogues are not there: {EVALUATE.parent.parent}", file=sys.stderr)
        return 1
    rows: list[tuple[str, ...]] = []
    reread_rows: list[tuple[str, ...]] = []
    totals: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    pool: Pool = {}
    for name in chosen.collections or COLLECTIONS:
        collection = COLLECTIONS[name]
        for form in ("structured", "text"):
            found = findings(collection, form, held_out=not chosen.tuned)
            if form == "text" and name in DRAWS and not chosen.tuned:
                reread_rows += _reread(collection, found, pool)
            if not collection.slots:
                rows.append(
                    (
                        name,
                        collection.language,
                        form,
                        "at harmless turns",
                        "0",
                        str(trapped(found, collection).total()),
                        "",
                        "",
                        "",
                    )
                )
                continue
            for detector, counts in _measured(collection, form, found, tuned=chosen.tuned):
                rows.append((name, collection.language, form, detector, *_figures(*counts)))
                if form == "text":
                    totals.setdefault((collection.language, detector), []).append(counts)
    for (language, detector), several in sorted(totals.items()):
        if len(several) > 1:
            rows.append(
                (f"all {language}", language, "text", detector, *_figures(*map(sum, zip(*several, strict=True))))
            )
    tables = [
        (_COLUMNS, rows, 4),
        (_REREAD, reread_rows, 4),
        (_WITHIN, list(_within(pool)), 4),
        (_STITCHED, list(_stitched(pool)), 5),
        (_POOLED, list(_pooled(pool)), 3),
        (_WRITTEN, list(_written()), 3),
        (_VALUES, list(_values()), 3),
    ]
    for table in tables:
        _show(*table)
    if chosen.write:
        _write(tables)
    return 0


def _reread(collection: Collection, found: list[dict[str, Any]], pool: Pool) -> Iterator[tuple[str, ...]]:
    for detector, counts, *_ in reread(collection.name, found):
        pool.setdefault((collection.language, detector, _WITHIN_ONE), []).append(counts)
        yield (collection.name, collection.language, f"{sum(DRAWS[collection.name]):,}", detector, *_with_intervals(counts))


def _within(pool: Pool) -> Iterator[tuple[str, ...]]:
    for name, source in within.SOURCES.items():
        if missing := public.absent(name):
            print(missing, file=sys.stderr)
            continue
        drawn = within.sample(name)
        found = within.findings(name, drawn)
        for kind, called in ((None, name), ("any", f"{name}, drawn of all")):
            count = sum(kind in (None, each) for each in drawn.values())
            for detector, counts, *_ in within.counted(name, found, kind):
                yield (called, source.language, f"{count:,}", detector, *_with_intervals(counts))
                if kind is None:
                    pool.setdefault((source.language, detector, _WITHIN_ONE), []).append(counts)


def _pooled(pool: Pool) -> Iterator[tuple[str, ...]]:
    """Yield by language and detector what was found where nothing was tuned, in two contacts, within one, and together."""
    for language, detector in dict.fromkeys((language, detector) for language, detector, _ in sorted(pool)):
        parts = {where: _sum(pool.get((language, detector, where), [])) for where in (_IN_ANOTHER, _WITHIN_ONE)}
        for where, counts in (parts | {"together": _sum(parts.values())}).items():
            shares = [counts.right / of if of else 0.0 for of in (counts.found, counts.read)]
            holds = "-" if not counts.read else "yes" if shares[0] >= _PRECISE and shares[1] >= _FOUND else "no"
            yield (language, detector, where, *_with_intervals(counts), holds)


def _sum(several: Iterable[Counts]) -> Counts:
    return Counts(*map(sum, zip((0, 0, 0), *several, strict=True)))


def _stitched(pool: Pool) -> Iterator[tuple[str, ...]]:
    by_language: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for name, source in stitched.SOURCES.items():
        if missing := source.absent():
            print(missing, file=sys.stderr)
            continue
        for again in (False, True) if name in stitched.AGAIN else (False,):
            pairs, called = stitched.sheet(name, again=again), f"{name}, other pairs" if again else name
            for form in ("structured", "text"):
                found = stitched.findings(name, form, pairs)
                for detector, counts, *_ in stitched.counted(name, pairs, found):
                    yield (called, source.language, f"{len(pairs):,}", form, detector, *_with_intervals(counts))
                    if form == "text" and (f"{name} again" if again else name) in _ACROSS:
                        pool.setdefault((source.language.partition("-")[0], detector, _IN_ANOTHER), []).append(counts)
                    if form == "text" and not source.described and not source.pairs:
                        summed = f"other pairs and star, {source.language}" if again or source.shipped else f"all {source.language}"
                        by_language.setdefault((summed, detector), []).append(counts)
                read = None if again else stitched.questions(name)
                if form == "text" and read is not None:
                    for detector, counts, *_ in stitched.counted(name, pairs, found, read=read):
                        if detector != "repeated_answer":
                            yield (called, source.language, f"{len(pairs):,}", "text, as read", detector, *_with_intervals(counts))
    for (summed, detector), several in by_language.items():
        if len(several) > 1:
            yield (summed, summed[-2:], "", "text", detector, *_with_intervals(Counts(*map(sum, zip(*several, strict=True)))))


def _with_intervals(counts: Counts) -> tuple[str, ...]:
    shares = []
    for of in (counts.found, counts.read):
        low, high = wilson(counts.right, of)
        shares.append(f"{counts.right / of:.3f} ({low:.2f} to {high:.2f})" if of else "-")
    return (f"{counts.read:,}", f"{counts.found:,}", f"{counts.right:,}", *shares)


def _written() -> Iterator[tuple[str, ...]]:
    for language in LANGUAGES:
        lines, said = list(judged(language)), f"{len(list(dialogues(language))):,}"
        for kind in KINDS:
            pairs = [(line.expected, got) for line, got in lines]
            written = sum(type_ == kind for expected, _ in pairs for type_, _ in expected)
            found = sum(type_ == kind for _, got in pairs for type_, _ in got)
            right = sum(type_ == kind for expected, got in pairs for type_, _ in expected & got)
            yield (language, said, kind, f"{written:,}", f"{found:,}", f"{right:,}")


def _measured(
    collection: Collection, form: str, found: list[dict[str, Any]], *, tuned: bool
) -> Iterator[tuple[str, tuple[int, int, int]]]:
    alerting = [each for each in found if each["severity"] != "info"]
    for detector, these in (("repeated_answer", found), ("repeated_request", found), (_ALERTING, alerting)):
        if detector != "repeated_answer" and not collection.requests:
            continue
        result = scored(collection, form, these, held_out=not tuned)[detector.partition(",")[0]]
        yield detector, (result["wanted"], result["found"], result["hit"])
        if tuned:
            examples = {
                key: value for key, value in result.items() if key in ("wrong", "wrong_examples", "missed_examples")
            }
            print(collection.name, form, detector, json.dumps(examples, ensure_ascii=False), file=sys.stderr)


def _values() -> Iterator[tuple[str, ...]]:
    for row in values.rows():
        yield (row.source, row.language, row.kind, f"{row.expected:,}", f"{row.found:,}", f"{row.recall:.3f}", f"{row.extra:,}")


def _figures(wanted: int, found: int, hit: int) -> tuple[str, ...]:
    share = [f"{hit / whole:.3f}" if whole else "-" for whole in (found, wanted)]
    return (f"{wanted:,}", f"{found:,}", f"{hit:,}", *share)


def _show(columns: tuple[str, ...], rows: list[tuple[str, ...]], words: int) -> None:
    table = Table()
    for number, heading in enumerate(columns):
        table.add_column(heading, justify="right" if number >= words else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=140, highlight=False).print(table)


def _write(tables: list[tuple[tuple[str, ...], list[tuple[str, ...]], int]]) -> None:
    for (columns, rows, words), (begin, end) in zip(tables, _PLACES, strict=True):
        lines = [
            f"| {' | '.join(columns)} |",
            f"|{'---|' * words}{'---:|' * (len(columns) - words)}",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            f"Seen on {datetime.now(UTC):%d %B %Y}.",
        ]
        replace_between(_DOCUMENT, begin, end, "\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
