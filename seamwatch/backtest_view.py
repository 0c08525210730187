"""A back-test on the terminal: what moves by rule, team and seam, as figures and bars, and a few examples."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from models.finding import seam_sides
from seamwatch.backtest import seam_name
from seamwatch.terminal import count, table

__all__ = ["show_backtest"]

_WIDTH = 32
_MOST = 10
_SEGMENTS = (("same", "█", "dim"), ("change", "▒", "yellow"), ("appear", "+", "green"), ("vanish", "-", "red"))
_VERBS = {"appear": "would appear", "vanish": "would vanish", "change": "would change"}


def show_backtest(out: Console, comparison: Mapping[str, Any]) -> None:
    """Print a comparison, as `compare` makes it; ``tested`` and ``against`` in it name the two sets."""
    found, alerts = comparison["findings"], comparison["alerts"]
    out.print(f"Back-test of {comparison['tested']} against {comparison['against']}")
    if found["same"] == found["before"] == found["after"]:
        out.print(f"Both find the same: {count(found['after'], 'finding')}, {count(alerts['after'], 'alert')}.")
        return
    moves = [f"{found[kind]:,} {verb}{_of(found, kind)}" for kind, verb in _VERBS.items() if found[kind]]
    out.print(f"Findings: {found['before']:,} before, {found['after']:,} after; {', '.join(moves)}")
    out.print(
        f"Alerts: {alerts['before']:,} before, {alerts['after']:,} after; {alerts['appear']:,} new, {alerts['vanish']:,} gone"
    )
    changes = ", ".join(f"{aspect} of {number:,}" for aspect, number in comparison["changes"].items())
    if changes:
        out.print(f"What changes: {changes}")
    for title, scope in (("By rule", "rules"), ("By team", "teams"), ("By seam", "seams")):
        _show_rows(out, title, scope, comparison[scope])
    _show_examples(out, comparison["examples"])
    out.print()
    out.print(
        "The touchpoints are what was recorded: what people would have done had other alerts come is not in them."
    )


def _of(found: Mapping[str, Any], kind: str) -> str:
    share = found["shares"][kind]
    side = "after" if kind == "appear" else "before"
    return f" ({share:.0%} of those {side})" if share is not None else ""


def _show_rows(out: Console, title: str, scope: str, rows: Sequence[Mapping[str, Any]]) -> None:
    moved = [row for row in rows if row["same"] != row["before"] + row["appear"]]
    longest = max((row["before"] + row["appear"] for row in moved), default=1)
    cells = [
        [row["name"], *(f"{row[key]:,}" for key in ("before", "after")), *_moves(row), _bar(row, longest)]
        for row in moved[:_MOST]
    ]
    if cells:
        out.print()
        legend = "  ".join(f"{sign} {kind}" for kind, sign, _ in _SEGMENTS)
        columns = [scope[:-1], "before", "after", "appear", "vanish", "change", ""]
        out.print(table(f"{title}: {legend}", columns, cells, right=range(1, 6)))
    left = [count(len(moved) - _MOST, f"more {scope[:-1]}")] if len(moved) > _MOST else []
    left += [f"{count(len(rows) - len(moved), scope[:-1])} without a difference"] if len(rows) > len(moved) else []
    if left:
        out.print(f"... {', '.join(left)}")


def _moves(row: Mapping[str, Any]) -> Iterable[str]:
    for kind in ("appear", "vanish", "change"):
        share = row["shares"][kind]
        yield f"{row[kind]:,} ({share:.0%})" if row[kind] and share is not None else ""


def _bar(row: Mapping[str, Any], longest: int) -> Text:
    """Draw a row; what there is at all has one cell at least."""
    bar = Text()
    for kind, sign, style in _SEGMENTS:
        if row[kind]:
            bar.append(sign * max(1, round(row[kind] / longest * _WIDTH)), style)
    return bar


def _show_examples(out: Console, examples: Sequence[Mapping[str, Any]]) -> None:
    for (rule, kind), group in groupby(examples, key=lambda each: (each["rule"], each["kind"])):
        out.print()
        out.print(Text.assemble((f"{rule} {_VERBS[kind]}", "bold"), ", for example"))
        for example in group:
            finding = example["after"] or example["before"]
            seam = " → ".join(side.removeprefix("team:") for side in seam_sides(seam_name(finding) or "no seam") if side)
            out.print(f"  {finding['time'][:19].replace('T', ' ')}Z  {finding['customer']}  {seam}  {_states(example)}")
            out.print(f"    {finding['summary']}")


def _states(example: Mapping[str, Any]) -> str:
    states = [_state(finding) for finding in (example["before"], example["after"]) if finding is not None]
    return " ⇒ ".join(states)


def _state(finding: Mapping[str, Any]) -> str:
    marks = [finding["severity"], finding["reason"]]
    marks += ["explained"] if finding["explained_by"] else []
    marks += [finding["rule"]["mode"]] if finding["rule"]["mode"] != "on" else []
    return ", ".join(marks)
