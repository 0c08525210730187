"""What rules in shadow found: what it would be like to have them on."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from seamwatch.backtest import blamed_team, seam_name
from sinks.rule_figures import ShadowFinding

__all__ = ["shadow_facts"]

_EXAMPLES = 3
_MOST = 8


def shadow_facts(found: Iterable[ShadowFinding]) -> list[dict[str, Any]]:
    """Put together by rule what ``found`` holds, newest first: what stands, how many alerts it would make, by team and seam, with examples.

    ``heard`` counts the findings in whose contact a rule that is on has alerted anyway.
    """
    groups: defaultdict[str, list[ShadowFinding]] = defaultdict(list)
    for each in found:
        groups[each.body["rule"]["name"]].append(each)
    return [_rule(name, group) for name, group in sorted(groups.items())]


def _rule(name: str, group: list[ShadowFinding]) -> dict[str, Any]:
    standing = [each.body for each in group if not each.withdrawn]
    times = sorted(each.body["time"] for each in group)
    loud = [body for body in standing if body["explained_by"] is None and body["severity"] != "info"]
    return {
        "name": name,
        "versions": sorted({each.body["rule"]["version"] for each in group}),
        "found": len(standing),
        "withdrawn": len(group) - len(standing),
        "customers": len({(body["tenant"], body["customer"]) for body in standing}),
        "alerts": len({body["alert"] for body in loud}),
        "heard": sum(each.heard for each in group if not each.withdrawn),
        "teams": _most(map(blamed_team, standing)),
        "seams": _most(map(seam_name, standing)),
        "first": times[0],
        "last": times[-1],
        "examples": standing[:_EXAMPLES],
    }


def _most(names: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(name for name in names if name is not None).most_common(_MOST))
