"""A hash key is replaced while customers talk: what can still be compared is, and nothing is made up about the rest."""

import json
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.fields import FieldDefinition, Fingerprinter
from agents.fingerprints import comparable, parts, same
from agents.partition import PartitionWatch, Record
from streams.producer import partition_for
from tests.reference.identity import scattered
from tests.reference.scenarios import scenarios
from tests.unit.agents.support import KEY, Sink, clock_after, fields, records, rulebook, run
from tests.unit.agents.test_links import PARTITIONS, Topic, assert_known_from_the_start, crowd

OLD, NEW, OTHER = KEY, KEY[::-1], b"another key of sixteen bytes"
COLOUR = FieldDefinition("colour")
ASKED = {"source": "s", "customer": "c", "channel": "voice", "type": "info.requested"}


def played(phases: Sequence[tuple[Fingerprinter, Sequence[Record]]], clock: int) -> Sink:
    """Run a log in phases, each by a new worker with keys of its own; return what was found."""
    sink, changelog = Sink(), dict[bytes, bytes | None]()
    for number, (fingerprinter, log) in enumerate(phases):
        watch = PartitionWatch(rulebook(), fields(), fingerprinter, 0, keyed=False)
        for key, value in changelog.items():
            watch.restore(key, value)
        watch.restored()
        steps = [watch.process(log)] if number + 1 < len(phases) else [watch.process(log), watch.advance(clock)]
        for effects in steps:
            sink.take_findings(effects)
            changelog.update(effects.tally_rows)
            changelog.update(effects.rows)
    return sink


@given(scenarios(), st.data())
def test_a_key_replaced_in_mid_stream_changes_no_finding(
    touchpoints: list[dict[str, Any]], data: st.DataObject
) -> None:
    """While the previous key is set, a worker with a new key finds in the whole story what one key finds."""
    log, clock = records(touchpoints), clock_after(touchpoints)
    cut = data.draw(st.integers(0, len(log)))
    sink = played([(Fingerprinter(OLD), log[:cut]), (Fingerprinter(NEW, OLD), log[cut:])], clock)
    assert sink.standing() == run(touchpoints, clock).standing()


@given(scenarios(), st.data())
def test_a_key_taken_away_changes_nothing_that_was_told_since_it_was_replaced(
    touchpoints: list[dict[str, Any]], data: st.DataObject
) -> None:
    """What was told while two keys were set is compared after the previous one is gone."""
    log, clock = records(touchpoints), clock_after(touchpoints)
    cut = data.draw(st.integers(0, len(log)))
    sink = played([(Fingerprinter(NEW, OLD), log[:cut]), (Fingerprinter(NEW), log[cut:])], clock)
    assert sink.standing() == run(touchpoints, clock).standing()


def told(number: int, kind: str, team: str = "sales", **data: Any) -> bytes:
    """Return a touchpoint of one customer, ``number`` minutes after nine."""
    actor = {"kind": "agent" if kind == "info.requested" else "customer", "team": team}
    time = f"2026-03-02T09:{number:02}:00Z"
    return json.dumps(ASKED | {"id": f"e{number}", "time": time, "type": kind, "actor": actor, "data": data}).encode()


@pytest.mark.parametrize(("again", "severity"), [(Fingerprinter(OLD), "warning"), (Fingerprinter(OTHER), "info")])
def test_values_that_cannot_be_compared_are_neither_the_same_nor_different(again: Fingerprinter, severity: str) -> None:
    """An answer under a key that the earlier value was not hashed with repeats nothing and takes no finding back."""
    first = Record(0, None, None, told(1, "info.provided", field="order_number", value="A-1"))
    asked = Record(1, None, None, told(2, "info.requested", field="order_number"))
    answer = Record(2, None, None, told(3, "info.provided", field="order_number", value="A-1"))
    sink = played([(Fingerprinter(OLD), [first]), (again, [asked, answer])], 0)
    found = {body["detector"]: body["severity"] for body in sink.standing().values()}
    expected = {"repeated_request": severity}
    assert found == (expected | {"repeated_answer": "warning"} if severity == "warning" else expected)


@pytest.mark.parametrize(("again", "found"), [(Fingerprinter(NEW, OLD), 1), (Fingerprinter(OTHER), 0)])
def test_stories_are_compared_by_the_key_that_they_share(again: Fingerprinter, found: int) -> None:
    """A story told again while the key is replaced is found; under keys that have nothing in common it is not."""
    story = "I cannot log in because the code is sent to a phone number that I no longer have."
    first = Record(0, None, None, told(1, "message", text=story))
    other = Record(1, None, None, told(2, "message", "service", text=story))
    sink = played([(Fingerprinter(OLD), [first]), (again, [other])], 0)
    assert [body["detector"] for body in sink.standing().values()] == ["repeated_story"] * found


@pytest.mark.parametrize("kind", ["info.provided", "message"])
def test_a_record_that_comes_again_under_a_new_key_is_a_duplicate(kind: str) -> None:
    """The same touchpoint, hashed anew, has no other content; one with another value under a known key has."""
    values = (
        ("A-1", "A-2")
        if kind == "info.provided"
        else ("one two three four five six seven eight", "nine ten eleven twelve thirteen fourteen fifteen sixteen")
    )
    line, other = (
        told(1, kind, **({"field": "order_number", "value": each} if kind == "info.provided" else {"text": each}))
        for each in values
    )
    for fingerprinter, outcomes in ((Fingerprinter(NEW, OLD), [2, 1]), (Fingerprinter(OTHER), [2, 0])):
        first = PartitionWatch(rulebook(), fields(), Fingerprinter(OLD), 0, keyed=False)
        rows = first.process([Record(0, None, None, line)]).rows
        watch = PartitionWatch(rulebook(), fields(), fingerprinter, 0, keyed=False)
        for key, value in rows:
            watch.restore(key, value)
        watch.restored()
        watch.process([Record(1, None, None, line), Record(2, None, None, other)])
        assert [watch.counts.duplicates, watch.counts.conflicts] == outcomes


def test_fingerprints_under_two_keys_are_compared_by_the_one_they_share() -> None:
    """A pair of fingerprints equals each of its parts, and says nothing about a third key's."""
    old, new, both = Fingerprinter(OLD), Fingerprinter(NEW), Fingerprinter(NEW, OLD)
    red, blue = (both.fingerprint("t", COLOUR, value) for value in ("red", "blue"))
    assert parts(red) == (new.fingerprint("t", COLOUR, "red"), old.fingerprint("t", COLOUR, "red"))
    assert all(same(red, part) and same(part, red) for part in parts(red))
    assert not any(same(red, part) for part in (blue, *parts(blue)))
    assert comparable(red, [blue, *parts(blue)])
    assert not comparable(red, [blue, Fingerprinter(OTHER).fingerprint("t", COLOUR, "red")])
    assert not comparable(parts(red)[0], [parts(red)[1]])


def test_a_key_that_replaces_itself_is_refused() -> None:
    """Two keys with one id could not be told apart in a row."""
    with pytest.raises(ValueError, match="the same id"):
        Fingerprinter(KEY, KEY)


class Rolling(Topic):
    """Partitions whose next owner has one of these ``keys``."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.keys = [Fingerprinter(OLD)]
        super().__init__()

    def owner(self, number: int) -> PartitionWatch:
        """Make one with keys of its own."""
        watch = PartitionWatch(rulebook(), fields(), self.chance.choice(self.keys), number, home=partial(partition_for, partitions=PARTITIONS))
        for row in self.rows[number]:
            watch.restore(*row)
        watch.restored()
        return watch


@pytest.mark.parametrize("seed", range(8))
def test_workers_get_the_new_key_one_by_one_under_load(seed: int) -> None:
    """Owners with the old key and owners with both take turns, die and send each other timelines: no value counts as changed, no repeat is missed."""
    chance = random.Random(seed)
    stream = scattered(crowd(seed), chance, 3)
    topic = Rolling(chance)
    third = len(stream) // 3
    phases = ([Fingerprinter(OLD)], [Fingerprinter(OLD), Fingerprinter(NEW, OLD)], [Fingerprinter(NEW, OLD)])
    for number, keys in enumerate(phases):
        topic.keys = list(keys)
        topic.owners = [topic.owner(each) for each in range(PARTITIONS)]
        topic.feed(*stream[number * third : len(stream) if number == 2 else (number + 1) * third])
        topic.settle(chance, crashes=0.4)
    assert_known_from_the_start(topic, stream)
