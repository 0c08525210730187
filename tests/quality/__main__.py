"""Tell how well repetitions are found in annotated dialogues: `make quality`.

The figures are of the half of each collection that nothing was tuned on.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.quality.dialogues import COLLECTIONS, EVALUATE, Collection, findings, scored, trapped
from tests.support.documents import replace_between

_DOCUMENT = Path(__file__).parents[2] / "docs" / "quality.md"
_BEGIN, _END = "<!-- quality: written by python -m tests.quality -->", "<!-- end of quality -->"
_COLUMNS = ("", "language", "form", "detector", "labelled", "found", "right", "precision", "recall")
_ALERTING = "repeated_request, for alerts"


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
    totals: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for name in chosen.collections or COLLECTIONS:
        collection = COLLECTIONS[name]
        for form in ("structured", "text"):
            found = findings(collection, form, held_out=not chosen.tuned)
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
    _show(rows)
    if chosen.write:
        _write(rows)
    return 0


def _measured(
    collection: Collection, form: str, found: list[dict[str, Any]], *, tuned: bool
) -> Iterator[tuple[str, tuple[int, int, int]]]:
    alerting = [each for each in found if each["severity"] != "info"]
    for detector, judged in (("repeated_answer", found), ("repeated_request", found), (_ALERTING, alerting)):
        if detector != "repeated_answer" and not collection.requests:
            continue
        result = scored(collection, form, judged, held_out=not tuned)[detector.partition(",")[0]]
        yield detector, (result["wanted"], result["found"], result["hit"])
        if tuned:
            examples = {
                key: value for key, value in result.items() if key in ("wrong", "wrong_examples", "missed_examples")
            }
            print(collection.name, form, detector, json.dumps(examples, ensure_ascii=False), file=sys.stderr)


def _figures(wanted: int, found: int, hit: int) -> tuple[str, ...]:
    share = [f"{hit / whole:.3f}" if whole else "-" for whole in (found, wanted)]
    return (f"{wanted:,}", f"{found:,}", f"{hit:,}", *share)


def _show(rows: list[tuple[str, ...]]) -> None:
    table = Table(title="Repetitions in annotated dialogues", title_justify="left")
    for number, heading in enumerate(_COLUMNS):
        table.add_column(heading, justify="right" if number > 3 else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=120, highlight=False).print(table)


def _write(rows: list[tuple[str, ...]]) -> None:
    lines = [
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * 4}{'---:|' * 5}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"Seen on {datetime.now(UTC):%d %B %Y}.",
    ]
    replace_between(_DOCUMENT, _BEGIN, _END, "\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
