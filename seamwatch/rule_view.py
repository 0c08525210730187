"""A rule on the terminal, and what rules in shadow found."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from seamwatch.terminal import count, severity, table

__all__ = ["show_rule", "show_shadow"]

_PARTS = {"what": "what happened", "why": "why it matters", "first": "what to do first"}


def show_rule(out: Console, facts: Mapping[str, Any]) -> None:
    """Print what there is to say of a rule, as `rule_facts` puts it together."""
    rest = f", version {facts['version']}, detector {facts['detector']}"
    out.print(Text.assemble((facts["name"], "bold"), f"  {facts['mode']}, ", severity(facts["severity"]), rest))
    out.print(facts["does"])
    out.print(facts["how"])
    texts = facts["texts"]
    _head(out, f"What people are told ({texts['language']})")
    for part, title in _PARTS.items():
        if texts[part]:
            out.print(Text.assemble((f"  {title}: ", "dim"), texts[part]))
    _show_settings(out, facts["settings"])
    _head(out, "Reasons")
    out.print(f"  {', '.join(facts['reasons'])}")
    for title, kind in (("It fires", "fires"), ("It keeps quiet", "keeps_quiet")):
        _head(out, f"{title}: {count(len(facts['cases'][kind]), 'case')}")
        for case in facts["cases"][kind]:
            out.print(f"  - {case}")
    _head(out, "Live")
    if facts["live"] is None:
        out.print(f"  No figures: {facts['no_live']}")
    else:
        _show_live(out, facts["live"])


def show_shadow(out: Console, rules: Sequence[Mapping[str, Any]]) -> None:
    """Print what rules in shadow found, as `shadow_facts` puts it together."""
    for rule in rules:
        out.print(Text.assemble((rule["name"], "bold"), f"  version {', '.join(map(str, rule['versions']))}"))
        out.print(f"  {count(rule['found'], 'finding')} of {count(rule['customers'], 'customer')}, {_span(rule)}")
        if rule["withdrawn"]:
            out.print(f"  {rule['withdrawn']:,} more were taken back")
        if rule["found"]:
            out.print(f"  on, it would have made {count(rule['alerts'], 'alert')}; {_covered(rule)}")
        for scope in ("teams", "seams"):
            if rule[scope]:
                out.print(f"  {scope}: {', '.join(f'{name} {number:,}' for name, number in rule[scope].items())}")
        for example in rule["examples"]:
            out.print(f"  {example['time'][:19].replace('T', ' ')}Z  {example['customer']}")
            out.print(f"    {example['summary']}")
        out.print()


def _head(out: Console, title: str) -> None:
    out.print()
    out.print(Text(title, style="bold"))


def _show_settings(out: Console, settings: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        [
            each["key"],
            _text(each["value"]),
            "set by each rule" if each["default"] is None else _text(each["default"]),
            each["unit"],
            each["where"] or "",
            each["meaning"] + (" (shared by all rules)" if each["shared"] else ""),
        ]
        for each in settings
    ]
    out.print()
    out.print(table("Settings", ["key", "in force", "default", "unit", "changed in", "meaning"], rows))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _show_live(out: Console, live: Mapping[str, Any]) -> None:
    rows = [
        ["ever" if row["days"] is None else f"last {row['days']} days"]
        + [f"{row[key]:,}" for key in ("found", "withdrawn", "explained", "false_positives")]
        for row in live["periods"]
    ]
    columns = ["", "fired", "taken back", "explained by another", "alerts called false"]
    out.print(table("", columns, rows, right=range(1, 5)))
    if live["first"] is None:
        out.print(f"  Never fired, says {live['database']}.")
    else:
        first, last = (f"{datetime.fromisoformat(live[key]):%Y-%m-%d %H:%M}Z" for key in ("first", "last"))
        out.print(f"  First {first}, last {last}, by the time of what happened; from {live['database']}")
    versions = [f"version {version}: {number:,}" for version, number in live["false_positives_by_version"].items()]
    if versions:
        out.print(f"  Alerts called false, by the version that was judged: {', '.join(versions)}")


def _span(rule: Mapping[str, Any]) -> str:
    first, last = rule["first"][:16].replace("T", " "), rule["last"][:16].replace("T", " ")
    return f"{first}Z to {last}Z"


def _covered(rule: Mapping[str, Any]) -> str:
    return f"in {rule['heard']:,} of the findings ({rule['heard'] / rule['found']:.0%}) a rule that is on has alerted in the same contact anyway"
