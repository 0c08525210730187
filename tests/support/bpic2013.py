"""BPI Challenge 2013, counted in a batch straight from the log: a known truth for what teams do to each other, found without the engine.

Each case becomes one text, a letter for each stay with a team, in the order of its work. A direct return is then a
regular expression, a return a letter that stands twice, and the handoffs are the letters but one.
"""

import gzip
import itertools
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as Tree

__all__ = ["LOG", "Truth", "count"]

LOG = Path(__file__).parents[2].parent / "shared" / "data" / "bpic2013" / "incidents.xes.gz"

_XES = "{http://www.xes-standard.org/}"
_DIRECT = re.compile(r"(.)(?!\1).\1", re.DOTALL)
_RETURN = re.compile(r"(.).+?\1", re.DOTALL)


_TOO_MANY = 3
_LIMIT = timedelta(hours=24)


class Truth(NamedTuple):
    """Names of the cases in which a team had the case back, straight from the next one or after any others; in which it was passed on three times; and in
    which a team for which it waited, and any other but the one before, had not begun within a day, with how often that was so.
    """

    cases: int
    events: int
    direct: frozenset[str]
    any_return: frozenset[str]
    direct_hops: int
    return_hops: int
    passed_on: frozenset[str]
    unanswered: Mapping[str, int]


class _Step(NamedTuple):
    time: datetime
    team: str
    works: bool


def count(log: Path = LOG) -> Truth:
    """Read ``log`` and count; work is every event that is not Queued, in the order of (time, place in the log)."""
    stories = dict(_stories(log))
    letters = {name: _letters([step.team for step in steps if step.works]) for name, steps in stories.items()}
    unanswered = {name: _unanswered(steps) for name, steps in stories.items()}
    return Truth(
        cases=len(stories),
        events=sum(map(len, stories.values())),
        direct=frozenset(name for name, text in letters.items() if _DIRECT.search(text)),
        any_return=frozenset(name for name, text in letters.items() if _RETURN.search(text)),
        direct_hops=sum(len(re.findall(r"(?=(.).\1)", text, re.DOTALL)) for text in letters.values()),
        return_hops=sum(len(text) - len(set(text)) for text in letters.values()),
        passed_on=frozenset(name for name, text in letters.items() if len(text) > _TOO_MANY),
        unanswered={name: times for name, times in unanswered.items() if times},
    )


def _unanswered(steps: list[_Step]) -> int:
    """Return how often nobody but the team before had begun a day after the case was queued for another one.

    It is queued once while it waits: for a team for which it waits already it does not begin to wait again.
    """
    waits: list[tuple[int, str]] = []
    times = 0
    for place, (queued, team, works) in enumerate(steps):
        before = _last_worker(steps[:place])
        if works or before in (None, team):
            continue
        since = {at: {step.team for step in steps[at:place] if step.works} for at, _ in waits}
        if any(waited == team and since[at] <= {_last_worker(steps[:at])} for at, waited in waits):
            continue
        waits.append((place, team))
        times += not any(step.works and step.team != before and queued <= step.time <= queued + _LIMIT for step in steps)
    return times


def _last_worker(steps: list[_Step]) -> str | None:
    return next((step.team for step in reversed(steps) if step.works), None)


def _letters(work: list[str]) -> str:
    """Return one letter a stay with a team: equal teams in a row are one stay."""
    alphabet: dict[str, str] = {}
    return "".join(alphabet.setdefault(team, chr(0x4E00 + len(alphabet))) for team, _ in itertools.groupby(work))


def _stories(log: Path) -> list[tuple[str, list[_Step]]]:
    with gzip.open(log) as content:
        root = Tree.parse(content).getroot()  # noqa: S314  the log is a known file
    stories = []
    for trace in root.findall(f"{_XES}trace"):
        events = [{item.get("key"): item.get("value", "") for item in event} for event in trace.findall(f"{_XES}event")]
        steps = [
            _Step(datetime.fromisoformat(event["time:timestamp"]), event["org:group"], event["concept:name"] != "Queued")
            for event in events
        ]
        steps.sort(key=lambda step: step.time)  # stable: place in the log
        names = [item.get("value", "") for item in trace if item.get("key") == "concept:name"]
        stories.append((names[0], steps))
    return stories


if __name__ == "__main__":
    found = count()
    print(f"{found.cases} cases, {found.events} events")
    print(f"a team had the case back straight from the next one: {len(found.direct)} cases, {found.direct_hops} times")
    print(f"a team had the case back: {len(found.any_return)} cases, {found.return_hops} times")
    print(f"passed on three times: {len(found.passed_on)} cases")
    print(f"nobody else had begun within a day: {len(found.unanswered)} cases, {sum(found.unanswered.values())} times")
