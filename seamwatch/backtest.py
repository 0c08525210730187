"""Two sets of rules over the same touchpoints: what would appear, vanish and change."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agents.fields import FieldCatalog, Fingerprinter
from agents.replay import Replay
from agents.rules import Rulebook
from agents.text import Recogniser
from seamwatch.playback import Playback, counts_for_alert, told_by
from streams.sources import Source

__all__ = ["Backtest", "Difference", "Finding", "blamed_team", "compare", "seam_name"]

Finding = Mapping[str, Any]

_ASPECTS: Mapping[str, Callable[[Finding], Any]] = {
    "severity": lambda finding: finding["severity"],
    "reason": lambda finding: finding["reason"],
    "explained": lambda finding: finding["explained_by"],
    "mode": lambda finding: finding["rule"]["mode"],
}
"""What of a finding counts as changed; that the version of its rule is another does not."""

_EXAMPLES = 3


class Backtest(Playback):
    """Reads each line once, and has both sets of rules judge it.

    What `Playback` tells is of the rules under test; ``against`` is the same of the others.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        against: Rulebook,
        fields: FieldCatalog,
        fingerprinter: Fingerprinter,
        source: Source,
        recogniser: Recogniser | None = None,
    ) -> None:
        super().__init__(rulebook, fields, fingerprinter, source, recogniser)
        other = None if recogniser is None else Recogniser(recogniser.vocabulary)
        self.against = Replay(against, fields, fingerprinter, other, told=told_by(source))

    def feed(self, line_number: int, value: bytes) -> None:
        """Take one line; line numbers must rise."""
        self.against.feed(line_number, value)
        super().feed(line_number, value)

    def flush(self) -> None:
        """Process the lines that wait."""
        self.against.flush()
        super().flush()

    def finish(self, until: int) -> None:
        """Fire the deadlines of both up to ``until`` (microseconds UTC), or to the newest touchpoint where that is later."""
        self.against.finish(until)
        super().finish(until)


class Difference(NamedTuple):
    """A finding under both sets of rules; one of the two is None where it appears or vanishes."""

    before: Finding | None
    after: Finding | None

    @property
    def aspects(self) -> list[str]:
        """Return what of it changes."""
        before, after = self.before, self.after
        if before is None or after is None:
            return []
        return [aspect for aspect, of in _ASPECTS.items() if of(before) != of(after)]

    @property
    def kind(self) -> str:
        """Return ``same``, ``appear``, ``vanish`` or ``change``."""
        if self.before is None:
            return "appear"
        if self.after is None:
            return "vanish"
        return "change" if self.aspects else "same"

    @property
    def shown(self) -> Finding:
        """Return the finding as it would be, or was."""
        finding = self.after or self.before
        assert finding is not None  # noqa: S101  # never both
        return finding


def compare(before: Iterable[Finding], after: Iterable[Finding]) -> dict[str, Any]:
    """Count what differs between the findings of two sets of rules, in all and by rule, team and seam, with examples.

    A finding is the same one where its id is. Shares of what appears are of the findings after, all others of those before; None of nothing.
    """
    old, new = {each["id"]: each for each in before}, {each["id"]: each for each in after}
    differences = [Difference(old.get(identifier), new.get(identifier)) for identifier in {**old, **new}]
    alerts = [{each["alert"] for each in side.values() if counts_for_alert(each)} for side in (old, new)]
    return {
        "findings": _counts(differences),
        "changes": dict(Counter(aspect for each in differences for aspect in each.aspects)),
        "alerts": {
            "before": len(alerts[0]),
            "after": len(alerts[1]),
            "appear": len(alerts[1] - alerts[0]),
            "vanish": len(alerts[0] - alerts[1]),
        },
        "rules": _by(differences, lambda finding: finding["rule"]["name"]),
        "teams": _by(differences, blamed_team),
        "seams": _by(differences, seam_name),
        "examples": _examples(differences),
    }


def blamed_team(finding: Finding) -> str | None:
    """Return the team that a finding is charged to: the sending one where the silo is the handoff, else the receiving one."""
    side, seen = ("from", finding["first"]) if "handoff" in finding["silos"] else ("to", finding["again"])
    kind, _, name = (finding["seam"] or {}).get(side, "").partition(":")
    return name if kind == "team" else (seen or {}).get("team")


def seam_name(finding: Finding) -> str | None:
    """Return a finding's seam as scores name it, such as ``team:sales>team:service``."""
    seam = finding["seam"]
    return seam and f"{seam['from']}>{seam['to']}"


def _counts(differences: Sequence[Difference]) -> dict[str, Any]:
    kinds = Counter(each.kind for each in differences)
    before, after = kinds.total() - kinds["appear"], kinds.total() - kinds["vanish"]
    shares = {
        kind: _share(kinds[kind], after if kind == "appear" else before) for kind in ("appear", "vanish", "change")
    }
    return {
        "before": before,
        "after": after,
        **{kind: kinds[kind] for kind in ("same", "appear", "vanish", "change")},
        "shares": shares,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _by(differences: Sequence[Difference], name_of: Callable[[Finding], str | None]) -> list[dict[str, Any]]:
    """Count by a name, those with the most movement first; a finding whose name changes counts under the later one."""
    groups: defaultdict[str, list[Difference]] = defaultdict(list)
    for each in differences:
        name = name_of(each.shown)
        if name is not None:
            groups[name].append(each)
    rows = [{"name": name, **_counts(group)} for name, group in groups.items()]
    return sorted(rows, key=lambda row: (row["same"] - row["before"] - row["appear"], row["name"]))


def _examples(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return the first few of each rule and kind, those that count for alerts before others."""
    groups: defaultdict[tuple[str, str], list[Difference]] = defaultdict(list)
    for each in differences:
        if each.kind != "same":
            groups[each.shown["rule"]["name"], each.kind].append(each)
    found = []
    for (rule, kind), group in sorted(groups.items()):
        first = sorted(group, key=lambda each: (not counts_for_alert(each.shown), each.shown["time"], each.shown["id"]))
        found += [
            {"rule": rule, "kind": kind, "before": each.before, "after": each.after} for each in first[:_EXAMPLES]
        ]
    return found
