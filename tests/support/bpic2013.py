"""BPI Challenge 2013, counted in a batch straight from the log: a known truth for what teams do to each other, found without the engine.

Each case becomes one text, a letter for each stay with a team, in the order of its work. A direct return is then a
regular expression, a return a letter that stands twice, and the handoffs are the letters but one.

What waits is read twice. As it stands, the log tells of no acceptance. In the second reading, that of `ACCEPTING`, a team
that sets a case to In Progress or Assigned accepts it.
"""

import gzip
import itertools
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as Tree

__all__ = ["ACCEPTING", "LOG", "Truth", "count"]

LOG = Path(__file__).parents[2].parent / "shared" / "data" / "bpic2013" / "incidents.xes.gz"
ACCEPTING = Path(__file__).with_name("bpic2013_accepted.yaml")

_XES = "{http://www.xes-standard.org/}"
_DIRECT = re.compile(r"(.)(?!\1).\1", re.DOTALL)
_RETURN = re.compile(r"(.).+?\1", re.DOTALL)


_ACCEPTANCES = {("Accepted", "In Progress"), ("Accepted", "Assigned")}
_TOO_MANY = 3
_LIMIT = timedelta(hours=24)


class Truth(NamedTuple):
    """Names of the cases in which a team had the case back, straight from the next one or after any others; in which it was passed on three times; and in
    which a team for which it waited, and any other but the one before, had not begun within a day, with how often that was so.

    Of the second reading: ``slow`` are events that queued a case, each with the one that accepted it after more than a day in which no team but the one
    before had worked, ``abandoned`` those after which none did and nobody ever accepted. An event is named as CASE/PLACE, places counted from 0.
    """

    cases: int
    events: int
    direct: frozenset[str]
    any_return: frozenset[str]
    direct_hops: int
    return_hops: int
    passed_on: frozenset[str]
    unanswered: Mapping[str, int]
    slow: frozenset[tuple[str, str]]
    abandoned: frozenset[str]


class _Step(NamedTuple):
    name: str
    time: datetime
    team: str
    works: bool
    accepts: bool


def count(log: Path = LOG) -> Truth:
    """Read ``log`` and count; work is every event that is not Queued, in the order of (time, place in the log)."""
    stories = dict(_stories(log))
    letters = {name: _letters([step.team for step in steps if step.works]) for name, steps in stories.items()}
    unanswered = {name: sum(not _answered(steps, at) for at in _waits(steps)) for name, steps in stories.items()}
    late = [(steps[at].name, by) for steps in stories.values() for at, by in _accepted(steps).items() if not _answered(steps, at)]
    return Truth(
        cases=len(stories),
        events=sum(map(len, stories.values())),
        direct=frozenset(name for name, text in letters.items() if _DIRECT.search(text)),
        any_return=frozenset(name for name, text in letters.items() if _RETURN.search(text)),
        direct_hops=sum(len(re.findall(r"(?=(.).\1)", text, re.DOTALL)) for text in letters.values()),
        return_hops=sum(len(text) - len(set(text)) for text in letters.values()),
        passed_on=frozenset(name for name, text in letters.items() if len(text) > _TOO_MANY),
        unanswered={name: times for name, times in unanswered.items() if times},
        slow=frozenset((queued, by.name) for queued, by in late if by is not None),
        abandoned=frozenset(queued for queued, by in late if by is None),
    )


def _waits(steps: list[_Step]) -> list[int]:
    """Return the places of the steps that queue the case for another team than the one before.

    It is queued once while it waits: for a team for which it waits already it does not begin to wait again.
    """
    waits: list[int] = []
    for place, step in enumerate(steps):
        if step.works or _last_worker(steps[:place]) in (None, step.team):
            continue
        running = any(steps[at].team == step.team and _workers(steps[at:place]) <= {_last_worker(steps[:at])} for at in waits)
        if not running:
            waits.append(place)
    return waits


def _answered(steps: list[_Step], at: int) -> bool:
    """Tell whether any team but the one before worked in the day after the case was queued."""
    queued, before = steps[at].time, _last_worker(steps[:at])
    return any(step.works and step.team != before and queued <= step.time <= queued + _LIMIT for step in steps)


def _accepted(steps: list[_Step]) -> dict[int, _Step | None]:
    """Return the step that accepts each wait, by its place.

    Who accepts takes the oldest that waits for their team, unless a team worked meanwhile that is neither theirs nor the one before.
    """
    waits: dict[int, _Step | None] = dict.fromkeys(_waits(steps))
    for place, step in enumerate(steps):
        if not step.accepts:
            continue
        for at, by in waits.items():
            fits = at < place and steps[at].team == step.team and _workers(steps[at:place]) <= {_last_worker(steps[:at]), step.team}
            if by is None and fits:
                waits[at] = step
                break
    return waits


def _workers(steps: list[_Step]) -> set[str]:
    return {step.team for step in steps if step.works}


def _last_worker(steps: list[_Step]) -> str | None:
    return next((step.team for step in reversed(steps) if step.works), None)


def _cases(events: Iterable[str]) -> set[str]:
    return {event.rpartition("/")[0] for event in events}


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
        name = next(item.get("value", "") for item in trace if item.get("key") == "concept:name")
        steps = [
            _Step(
                f"{name}/{place}",
                datetime.fromisoformat(event["time:timestamp"]),
                event["org:group"],
                works=event["concept:name"] != "Queued",
                accepts=(event["concept:name"], event["lifecycle:transition"]) in _ACCEPTANCES,
            )
            for place, event in enumerate(events)
        ]
        steps.sort(key=lambda step: step.time)  # stable: place in the log
        stories.append((name, steps))
    return stories


if __name__ == "__main__":
    found = count()
    print(f"{found.cases} cases, {found.events} events")
    print(f"a team had the case back straight from the next one: {len(found.direct)} cases, {found.direct_hops} times")
    print(f"a team had the case back: {len(found.any_return)} cases, {found.return_hops} times")
    print(f"passed on three times: {len(found.passed_on)} cases")
    print(f"nobody else had begun within a day: {len(found.unanswered)} cases, {sum(found.unanswered.values())} times")
    slow, abandoned = _cases(dict(found.slow)), _cases(found.abandoned)
    print("where In Progress and Assigned accept:")
    print(f"  accepted after more than a day without anybody else: {len(slow)} cases, {len(found.slow)} times")
    print(f"  never accepted, and nobody else had begun within a day: {len(abandoned)} cases, {len(found.abandoned)} times")
