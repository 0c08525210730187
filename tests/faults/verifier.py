"""What is in the database, held against what the log says that should be.

The verifier is none of the program's clients: it reads the touchpoints topic again with kafka-python, gives it to
`agents.replay.Replay` and compares. What workers wrote into that topic (heartbeats) it leaves out: their work is what is judged.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from agents.chunks import head_of
from agents.fields import Fingerprinter
from agents.links import INTERNAL
from agents.partition import PartitionWatch
from agents.replay import Replay
from agents.timeline import microseconds
from config.fields import load_fields
from config.rules import load_rulebook
from streams.continuity import SOURCE_KEY
from tests.support.workers import HASH_KEY, Installation, database_state, expected_state, stored

__all__ = ["Verdict", "stale_rows", "verify"]

TOLERANCE = 1e-6


class Verdict(NamedTuple):
    """What was found: how many events and findings there are, and a sentence for each that was lost, counted twice or is wrong."""

    events: int
    findings: int
    lost: list[str]
    twice: list[str]
    wrong: list[str]

    @property
    def faultless(self) -> bool:
        """Return whether nothing was lost, counted twice or wrong."""
        return not (self.lost or self.twice or self.wrong)


def verify(installation: Installation, acknowledged: set[tuple[int, int]], *, measured: bool = True) -> Verdict:
    """Compare findings, alerts, scores and dead letters of ``installation`` with what its log comes to.

    ``acknowledged`` are partition and offset of every record that was produced. Without ``measured`` findings say nothing of thresholds.
    """
    replay = Replay(load_rulebook(overrides=() if measured else ("measures=off",)), load_fields(), Fingerprinter(HASH_KEY.encode()))
    lost: list[str] = []
    twice: list[str] = []
    wrong: list[str] = []
    places: dict[int, tuple[int, int]] = {}
    newest: list[datetime] = []
    for record in _read(installation, "touchpoints"):
        if record.key is None:
            continue  # a worker's heartbeat
        if record.value.startswith(INTERNAL):
            continue  # from worker to worker: the replay links and forgets by itself
        number = len(places)
        places[number] = record.partition, record.offset
        replay.feed(number, record.value)
        newest += _time(record.value)
    lost += [f"record {place} was acknowledged and is not in the log" for place in acknowledged - set(places.values())]
    latest = max(newest)
    expected = expected_state(replay, latest + timedelta(days=30), latest)
    found = database_state(installation.database, latest)
    _compare_findings(found.findings, expected.findings, lost, wrong)
    for key, (count, resolved) in expected.alerts.items():
        ours, ours_resolved = found.alerts.get(key, (0, False))
        if ours != count:
            (lost if ours < count else twice).append(f"alert {key}: {ours} occurrences, expected {count}")
        elif ours_resolved != resolved:
            wrong.append(f"alert {key}: resolved, though findings stand")
    wrong += [f"alert {key}: expected none" for key in found.alerts.keys() - expected.alerts.keys()]
    _compare_scores(found.scores, expected.scores, lost, twice, wrong)
    refused = Counter(places[letter.offset] for letter in replay.dead_letters)
    letters = Counter((row.partition, row.offset) for row in stored(installation.database, _LETTERS))
    lost += [f"dead letter {place}: not there" for place in (refused - letters)]
    wrong += [f"dead letter {place}: expected none" for place in (letters - refused)]
    twice += _opened_twice(installation)
    wrong += _ambiguous(installation)
    wrong += _rebuilt_otherwise(installation, expected.scores, latest)
    return Verdict(len(places), len(expected.findings), lost, twice, wrong)


_LETTERS = 'SELECT partition, "offset" FROM dead_letters'


def _read(installation: Installation, name: str) -> list[Any]:
    topic = f"{installation.prefix}.{name}"
    partitions = [TopicPartition(topic, number) for number in range(installation.partitions)]
    consumer = KafkaConsumer(bootstrap_servers=installation.bootstrap, enable_auto_commit=False)
    try:
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        records: list[Any] = []
        while any(consumer.position(tp) < ends[tp] for tp in partitions):
            records += [record for polled in consumer.poll(500).values() for record in polled]
        return records
    finally:
        consumer.close()


def _time(value: bytes) -> list[datetime]:
    try:
        return [datetime.fromisoformat(json.loads(value)["time"])]
    except ValueError:
        return []


def _compare_findings(found: Mapping[str, Any], expected: Mapping[str, Any], lost: list[str], wrong: list[str]) -> None:
    for identifier, body in expected.items():
        ours = found.get(identifier)
        if ours is None:
            lost.append(f"finding {identifier} ({body['detector']}): not there")
        elif ours != body:
            keys = sorted(key for key in body.keys() | ours.keys() if ours.get(key) != body.get(key))
            wrong.append(f"finding {identifier} ({body['detector']}): {', '.join(keys)} differ")
    wrong += [f"finding {identifier}: expected none" for identifier in found.keys() - expected.keys()]


def _compare_scores(
    found: Mapping[Any, tuple[float, ...]],
    expected: Mapping[Any, tuple[float, ...]],
    lost: list[str],
    twice: list[str],
    wrong: list[str],
) -> None:
    for key, numbers in expected.items():
        ours = found.get(key)
        if ours is None:
            lost.append(f"score {key}: not there")
            continue
        told = f"score {key}: {ours}, expected {numbers}"
        if len(ours) != len(numbers):  # made of other parts
            wrong.append(told)
            continue
        sums = [(mine, theirs) for mine, theirs in zip(ours[1:], numbers[1:], strict=True) if not _close(mine, theirs)]
        if sums:
            (twice if any(mine > theirs for mine, theirs in sums) else lost).append(told)
        elif not _close(ours[0], numbers[0]):
            wrong.append(told)
    wrong += [f"score {key}: expected none" for key in found.keys() - expected.keys()]


def _close(ours: float, theirs: float) -> bool:
    """Compare by size, too: a deadline's harm is of its own time, and as of the newest touchpoint before it may be vast."""
    return math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _opened_twice(installation: Installation) -> list[str]:
    """Tell of every alert that opened though it was open: each change goes on from the state that the one before left."""
    changes: dict[str, list[Any]] = defaultdict(list)
    for row in stored(installation.database, "SELECT * FROM alert_changes ORDER BY version"):
        changes[row.alert].append(row)
    found = []
    for alert, rows in changes.items():
        left: list[str | None] = [None, *(row.to_state for row in rows[:-1])]
        if [row.from_state for row in rows] != left or any(row.from_state == row.to_state for row in rows):
            found.append(f"alert {alert}: {[(row.from_state, row.to_state, row.reason) for row in rows]}")
    return found


def _rebuilt_otherwise(installation: Installation, expected: Mapping[Any, Any], as_of: datetime) -> list[str]:
    """Tell of every customer whose state, rebuilt from what compaction leaves of the changelog, has another score than is expected."""
    rulebook = load_rulebook()
    make = partial(PartitionWatch, rulebook, load_fields(), Fingerprinter(HASH_KEY.encode()))
    watches = {number: make(number) for number in range(installation.partitions)}
    last = {(record.partition, record.key): record.value for record in _read(installation, "watch-changelog")}
    for (partition, key), value in last.items():
        if key != SOURCE_KEY:
            watches[partition].restore(key, value)
    moment, half_life = microseconds(as_of), rulebook.engine.customer_half_life
    found: dict[str, tuple[float, float]] = {}
    for watch in watches.values():
        watch.restored()
        for customer in watch.customers():
            harm, findings = customer.harm(moment, half_life, None)
            if findings:
                found[f"{customer.tenant}/{customer.customer}"] = harm, findings
    wanted = {f"{key[0]}/{key[3]}": numbers[1:] for key, numbers in expected.items() if key[1:3] == ("consistency", "customer")}
    return [
        f"state of {name} in the changelog: {found.get(name)}, expected {wanted.get(name)}"
        for name in sorted(found.keys() | wanted.keys())
        if any(
            abs(ours - theirs) > TOLERANCE
            for ours, theirs in zip(found.get(name, (-1, -1)), wanted.get(name, (-1, -1)), strict=True)
        )
    ]


def stale_rows(installation: Installation) -> int:
    """Return how many rows of customers stand in the changelog behind a newer one of the same key: written by a worker that had lost the partition."""
    newest: dict[tuple[int, bytes], int] = {}
    stale = 0
    for record in _read(installation, "watch-changelog"):
        if record.value is None or record.key.startswith(b"\x00"):
            continue
        offset = head_of(record.value).offset
        stale += offset < newest.get((record.partition, record.key), -1)
        newest[record.partition, record.key] = max(offset, newest.get((record.partition, record.key), -1))
    return stale


def _ambiguous(installation: Installation) -> list[str]:
    """Tell of every revision of a finding that was said in two ways: what a worker repeats must be the same."""
    said: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for record in _read(installation, "alerts"):
        if record.value is None:
            continue  # what became of a customer's key
        body = json.loads(record.value)
        said[body["id"], body["revision"]].add(record.value)
    return [
        f"finding {identifier}: revision {revision} has {len(bodies)} bodies"
        for (identifier, revision), bodies in said.items()
        if len(bodies) > 1
    ]
