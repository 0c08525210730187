"""BPI Challenge 2013, counted in a batch straight from the log: a known truth for ping-pong, found without the engine.

Each case becomes one text, a letter for each stay with a team, in the order of its work. A direct return is then a
regular expression, a return a letter that stands twice.
"""

import gzip
import itertools
import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as Tree

__all__ = ["LOG", "PingPong", "count"]

LOG = Path(__file__).parents[2].parent / "shared" / "data" / "bpic2013" / "incidents.xes.gz"

_XES = "{http://www.xes-standard.org/}"
_DIRECT = re.compile(r"(.)(?!\1).\1", re.DOTALL)
_RETURN = re.compile(r"(.).+?\1", re.DOTALL)


class PingPong(NamedTuple):
    """Names of the cases in which a team had the case back, straight from the next one or after any others."""

    cases: int
    events: int
    direct: frozenset[str]
    any_return: frozenset[str]
    direct_hops: int
    return_hops: int


def count(log: Path = LOG) -> PingPong:
    """Read ``log`` and count; work is every event that is not Queued, in the order of (time, place in the log)."""
    stories = dict(_stories(log))
    letters = {name: _letters(work) for name, (_, work) in stories.items()}
    return PingPong(
        cases=len(stories),
        events=sum(events for events, _ in stories.values()),
        direct=frozenset(name for name, text in letters.items() if _DIRECT.search(text)),
        any_return=frozenset(name for name, text in letters.items() if _RETURN.search(text)),
        direct_hops=sum(len(re.findall(r"(?=(.).\1)", text, re.DOTALL)) for text in letters.values()),
        return_hops=sum(len(text) - len(set(text)) for text in letters.values()),
    )


def _letters(work: list[str]) -> str:
    """Return one letter a stay with a team: equal teams in a row are one stay."""
    alphabet: dict[str, str] = {}
    return "".join(alphabet.setdefault(team, chr(0x4E00 + len(alphabet))) for team, _ in itertools.groupby(work))


def _stories(log: Path) -> list[tuple[str, tuple[int, list[str]]]]:
    with gzip.open(log) as content:
        root = Tree.parse(content).getroot()  # noqa: S314  the log is a known file
    stories = []
    for trace in root.findall(f"{_XES}trace"):
        events = [{item.get("key"): item.get("value", "") for item in event} for event in trace.findall(f"{_XES}event")]
        events.sort(key=lambda event: datetime.fromisoformat(event["time:timestamp"]))  # stable: place in the log
        work = [event["org:group"] for event in events if event["concept:name"] != "Queued"]
        names = [item.get("value", "") for item in trace if item.get("key") == "concept:name"]
        stories.append((names[0], (len(events), work)))
    return stories


if __name__ == "__main__":
    found = count()
    print(f"{found.cases} cases, {found.events} events")
    print(f"a team had the case back straight from the next one: {len(found.direct)} cases, {found.direct_hops} times")
    print(f"a team had the case back: {len(found.any_return)} cases, {found.return_hops} times")
