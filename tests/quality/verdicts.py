"""Tell whether callers who had to repeat themselves were less content: `python -m tests.quality.verdicts`.

DSTC2's callers said after each call whether they got what they wanted, and whether the system understood them. The repetitions are those that are found in the
annotated calls, live: at its turn each one is known, whatever comes later.
"""

import argparse
import gzip
import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.quality.dialogues import COLLECTIONS, EVALUATE, findings
from tests.support.documents import replace_between

_DOCUMENT = Path(__file__).parents[2] / "docs" / "quality.md"
_BEGIN, _END = "<!-- verdicts: written by python -m tests.quality.verdicts -->", "<!-- end of verdicts -->"
_TURNS = (3, 5, 8, 12)
_Z = 1.96


class Call(NamedTuple):
    """How long a call was, at which of its turns something was told again, and what the caller said of it."""

    turns: int
    repeated_at: Sequence[int]
    failed: bool
    misunderstood: bool


def calls() -> list[Call]:
    """Return all calls whose callers gave a verdict."""
    collection = COLLECTIONS["dstc2"]
    repeated: dict[str, list[int]] = {}
    for half in (True, False):
        for finding in findings(collection, "structured", held_out=half):
            if finding["detector"] == "repeated_answer":
                call, turn, _ = finding["again"]["id"].rsplit("#", 2)
                repeated.setdefault(call, []).append(int(turn))
    with gzip.open(collection.log, "rt", encoding="utf-8") as lines:
        told = [json.loads(line) for line in lines]
    return [
        Call(
            len(call["turns"]),
            sorted(repeated.get(call["session"], [])),
            not feedback["success"],
            any("disagree" in answer for _, answer in feedback["questionnaire"]),
        )
        for call in told
        if (feedback := call["task"]["feedback"]) is not None and feedback["success"] is not None
    ]


def fisher(a: int, b: int, c: int, d: int) -> float:
    """Return the two-sided p of Fisher's exact test of the table ((a, b), (c, d))."""

    def log_chance(x: int) -> float:
        return sum(map(_log_choose, (a + b, c + d), (x, a + c - x))) - _log_choose(a + b + c + d, a + c)

    seen = log_chance(a)
    possible = range(max(0, a + c - c - d), min(a + b, a + c) + 1)
    return min(1.0, sum(math.exp(each) for each in map(log_chance, possible) if each <= seen + 1e-9))


def odds_ratio(a: int, b: int, c: int, d: int) -> tuple[float, float, float]:
    """Return the odds ratio of ((a, b), (c, d)) with its 95 % interval (Woolf 1955, a half added to each count as Haldane does)."""
    w, x, y, z = (each + 0.5 for each in (a, b, c, d))
    logarithm, error = math.log(w * z / (x * y)), math.sqrt(1 / w + 1 / x + 1 / y + 1 / z)
    return math.exp(logarithm), math.exp(logarithm - _Z * error), math.exp(logarithm + _Z * error)


def report(every: Sequence[Call]) -> str:
    """Return both tables in Markdown."""
    lines = ["| told again | calls | did not get what they wanted | not understood well |", "|---|---:|---:|---:|"]
    for label, least, most in (("never", 0, 0), ("once", 1, 1), ("twice", 2, 2), ("three times or more", 3, math.inf)):
        these = [call for call in every if least <= len(call.repeated_at) <= most]
        lines.append(f"| {label} | {len(these):,} | {_share(call.failed for call in these)} | {_share(call.misunderstood for call in these)} |")
    lines += [
        "",
        "| verdict | by turn | calls with a repetition by then | of them unhappy | calls without | of them unhappy | odds ratio (95 %) | p |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for verdict in ("failed", "misunderstood"):
        for turn in (*_TURNS, None):
            going = [call for call in every if turn is None or call.turns > turn]
            again = [call for call in going if any(turn is None or at <= turn for at in call.repeated_at)]
            unhappy, unhappy_again = (sum(getattr(call, verdict) for call in these) for these in (going, again))
            counts = unhappy_again, len(again) - unhappy_again, unhappy - unhappy_again, len(going) - len(again) - (unhappy - unhappy_again)
            ratio, low, high = odds_ratio(*counts)
            p = fisher(*counts)
            lines.append(
                f"| {verdict} | {'the end' if turn is None else turn} | {len(again):,} | {_percent(counts[0], counts[0] + counts[1])} "
                f"| {counts[2] + counts[3]:,} | {_percent(counts[2], counts[2] + counts[3])} | {ratio:.2f} ({low:.2f} to {high:.2f}) | {_p(p)} |"
            )
    return "\n".join(lines)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _share(those: Iterable[bool]) -> str:
    counted = list(those)
    return _percent(sum(counted), len(counted))


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _p(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def main() -> int:
    """Print the tables, and write them down where told to."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.verdicts", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write the tables to {_DOCUMENT.name} too")
    chosen = parser.parse_args()
    if not EVALUATE.exists():
        print(f"the annotated dialogues are not there: {EVALUATE.parent.parent}", file=sys.stderr)
        return 1
    tables = report(calls())
    print(tables)
    if chosen.write:
        replace_between(_DOCUMENT, _BEGIN, _END, tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
