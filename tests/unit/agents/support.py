"""What the engine's tests share: the shipped rules, all on, and the final state of a log however it is run."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from agents.fields import FieldCatalog, Fingerprinter
from agents.partition import Effects, PartitionWatch, Record
from agents.rows import CUSTOMER
from agents.rules import Rulebook
from config.fields import load_fields
from config.rules import load_rulebook
from tests.reference.timeline import microseconds

KEY = b"a key of at least sixteen bytes"
ALL_ON = ("ping_pong_return.mode=on", "ping_pong_timed.mode=on", "fusion.resolved=2")
DAY = 86_400_000_000


@cache
def rulebook(*overrides: str) -> Rulebook:
    """Return the shipped rules, all on."""
    return load_rulebook(None, (*ALL_ON, *overrides))


@cache
def fields() -> FieldCatalog:
    """Return the shipped fields."""
    return load_fields()


def partition(*overrides: str, keyed: bool = False) -> PartitionWatch:
    """Make an empty partition."""
    return PartitionWatch(rulebook(*overrides), fields(), Fingerprinter(KEY), 0, keyed=keyed)


def records(touchpoints: Sequence[dict[str, Any]], start: int = 0) -> list[Record]:
    """Make a log of touchpoints."""
    return [
        Record(offset, None, None, json.dumps(touchpoint).encode()) for offset, touchpoint in enumerate(touchpoints, start)
    ]


def clock_after(touchpoints: Sequence[dict[str, Any]]) -> int:
    """Return a clock two days after the newest touchpoint, when every deadline is over."""
    return max(microseconds(each["time"]) for each in touchpoints) + 2 * DAY


def first_of_each(touchpoints: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what a source sent twice."""
    return list({(each["source"], each["id"]): each for each in reversed(touchpoints)}.values())[::-1]


class Sink:
    """Keeps the newest revision of each finding, the newest brief of each id, and the newest tally of each entity."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.briefs: dict[str, bytes] = {}
        self.tallies: dict[str, dict[str, Any]] = {}
        self.revisions: dict[tuple[str, int], dict[str, Any]] = {}

    def take_findings(self, effects: Effects) -> None:
        for _, value in effects.findings:
            body = json.loads(value)
            revision = body["id"], body["revision"]
            assert self.revisions.setdefault(revision, body) == body, "one revision of a finding has two bodies"
            if body["revision"] > self.bodies.get(body["id"], {"revision": 0})["revision"]:
                self.bodies[body["id"]] = body
        self.briefs |= {json.loads(value)["id"]: value for _, value in effects.briefs}

    def take_tallies(self, effects: Effects) -> None:
        for key, value in effects.tallies:
            tally = json.loads(value)
            if tally["offset"] >= self.tallies.get(key.decode(), tally)["offset"]:
                self.tallies[key.decode()] = tally

    def standing(self) -> dict[str, dict[str, Any]]:
        """Return what stands, by id, without the revision (which may differ between orders of arrival)."""
        return {
            identifier: {key: value for key, value in body.items() if key != "revision"}
            for identifier, body in self.bodies.items()
            if not body["withdrawn"]
        }

    def sums(self, as_of: int) -> dict[str, tuple[float, ...]]:
        """Return all sums of every entity that holds any, decayed to one moment."""
        found = {}
        for key, tally in self.tallies.items():
            half_life = json.loads(key)[4] * 1_000_000
            decay = 2.0 ** ((tally["at"] - as_of) / half_life)
            if any(tally.get(count) for count in ("charges", "segments", "losses", "contexts")):
                names = ("harm", "opportunities", "lost", "known")
                found[key] = tuple(tally.get(name, 0.0) * decay for name in names)
            for part, (short, of, pieces, at) in tally.get("parts", {}).items():
                if pieces:
                    decay = 2.0 ** ((at - as_of) / half_life)
                    found[f"{key} {part}"] = short * decay, of * decay
        return found


def batches(log: Sequence[Record], sizes: Sequence[int]) -> Iterator[list[Record]]:
    """Split a log into batches of these sizes, again and again."""
    position = number = 0
    while position < len(log):
        size = sizes[number % len(sizes)]
        yield list(log[position : position + size])
        position += size
        number += 1


def assert_weighed(watch: PartitionWatch) -> None:
    """Assert that a partition counts its decoded customers as what they are: what is never taken back would leave no room for anybody."""
    store = watch._store
    weights = [CUSTOMER + len(row.live.entries) for row in store.decoded.values()]
    assert [row.weight for row in store.decoded.values()] == weights
    assert store._weight == sum(weights)


def run(touchpoints: Sequence[dict[str, Any]], clock: int, sizes: Sequence[int] = (1000,), *overrides: str) -> Sink:
    """Process a log in batches, then let the clock come to ``clock``."""
    watch, sink = partition(*overrides), Sink()
    for batch in batches(records(touchpoints), sizes):
        effects = watch.process(batch)
        sink.take_findings(effects)
        sink.take_tallies(effects)
    effects = watch.advance(clock)
    sink.take_findings(effects)
    sink.take_tallies(effects)
    return sink
