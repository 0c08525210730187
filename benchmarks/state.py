"""What state costs: resident bytes of a quiet row, and the rate with few and with very many customers, short and long timelines, late records."""

import gc
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import process_time

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from agents.replay import Replay
from benchmarks.installation import AS_PYTHON
from benchmarks.report import Report, say
from benchmarks.workload import START, story, touchpoint
from config.fields import load_fields
from config.rules import load_rulebook
from streams.interpreter import growing_state, tune_garbage_collector
from tests.support.compiled import compiled

_IN_FLIGHT = 500
"""Contacts at a time in a partition."""

_STEP = 40_000_000
"""Microseconds between two touchpoints of a contact."""

_BATCH = 2000
_DAY = 86_400_000_000
_BEGAN = round(START.timestamp() * 1_000_000)
_KEY = b"a benchmark's key"
_MADE = 100
"""Rows that are made; customers have one of these each."""
_SAMPLE = 200
"""Customers whose findings are compared with those of a replay."""


def run(rows: int, contacts: int, rounds: int) -> Report:
    """Measure each case in a process of its own, the cases in turns; medians count.

    Raises ``CalledProcessError`` where the findings of a case are not those of a replay.
    """
    cases = {
        "1,000 customers": (1000, 6, 0.0),
        f"{rows:,} customers": (rows, 6, 0.0),
        "100,000 customers, timelines of 30 (up to 500)": (100_000, 30, 0.0),
        "the same, 1 % of the records late": (100_000, 30, 0.01),
    }
    rates: dict[str, list[float]] = {name: [] for name in cases}
    resident, compared = 0.0, 0
    program = compiled()
    path = f"{program or AS_PYTHON}:{AS_PYTHON}"
    for number in range(rounds):
        for name, case in cases.items():
            say(f"round {number + 1}: {name}")
            environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
            done = subprocess.run(
                [sys.executable, "-m", __name__, *map(str, case), str(min(contacts, 2 * case[0]))],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            rate, bytes_a_row, findings = json.loads(done.stdout)
            compared += findings
            rates[name].append(rate)
            if case[0] == rows:
                resident = bytes_a_row
    medians = {name: median(each) for name, each in rates.items()}
    few, many, ordered, late = medians.values()
    return Report(
        title="Touchpoints a second of processor time in one partition's engine, by what is in its state",
        columns=("", "touchpoints/s", "ratio"),
        rows=[
            (name, f"{rate:,.0f}", ratio)
            for (name, rate), ratio in zip(
                medians.items(), ("1", f"{many / few:.2f} of the first", f"{ordered / few:.2f} of the first", f"{late / ordered:.2f} of in order"), strict=True
            )
        ],
        notes=[
            f"{contacts:,} contacts of ten touchpoints ({min(contacts, 2000):,} of the thousand), two of each customer who has any, {_IN_FLIGHT} at a time. "
            f"Medians of {rounds} rounds, in turns.",
            f"A quiet row of six touchpoints with ids of 36 characters takes {resident:,.0f} resident bytes, shown for {rows:,}.",
            f"The engine ran {'compiled' if program else 'as Python'}.",
            f"Verified: what stands of {_SAMPLE} customers in each run, {compared:,} findings in all, is what a replay of their touchpoints finds; "
            "no record was refused.",
        ],
    )


def measure(customers: int, history: int, late: float, contacts: int) -> tuple[float, float, int]:
    """Return touchpoints a second of processor time, resident bytes a row before it, and how many findings were compared with those of a replay.

    Raises ``AssertionError`` where they differ, and where a record was refused.
    """
    watch = PartitionWatch(load_rulebook(), load_fields(), Fingerprinter(_KEY), 0)
    tune_garbage_collector()
    before = _resident()
    for key, chunk in _quiet_rows(customers, history):
        watch.restore(key, chunk)
    watch.restored()
    gc.collect()
    bytes_a_row = (_resident() - before) / customers
    spent, count, batch = 0.0, 0, []
    callers = random.Random(3).sample(range(customers), contacts // 2)
    keys = {_key(number) for number in callers[:_SAMPLE]}
    sample: list[Record] = []
    told: list[bytes] = []
    for record in _contacts(callers, late):
        if record.key in keys:
            sample.append(record)
        batch.append(record)
        if len(batch) == _BATCH:
            began = process_time()
            with growing_state(len(batch)):
                effects = watch.process(batch)
            spent, count, batch = spent + process_time() - began, count + len(batch), []
            told += (value for key, value in effects.findings if key in keys)
    told += (value for key, value in watch.process(batch).findings if key in keys)
    if watch.counts.dead_letters:
        raise AssertionError(f"records were refused: {watch.counts.dead_letters}")
    return count / spent, bytes_a_row, _verify(callers[:_SAMPLE], history, sample, told, watch.clock)


def _verify(customers: Sequence[int], history: int, sample: Sequence[Record], told: Sequence[bytes], clock: int) -> int:
    """Compare what was ``told`` of some customers, beside what stood of their history, with a replay of all of it; return how many findings stand.

    Raises ``AssertionError`` where they differ.
    """
    replay = Replay(load_rulebook(), load_fields(), Fingerprinter(_KEY))
    before = sorted((time, value) for number in customers for time, value in _history(number, history, _name(number)))
    for line, (_, value) in enumerate(before):
        replay.feed(line, value)
    replay.flush()
    found = {each["id"]: each for each in replay.findings()}
    for line, record in enumerate(sample, len(before)):
        replay.feed(line, record.value or b"")
    replay.finish(clock)
    if replay.dead_letters:
        raise AssertionError(f"the replay refused {len(replay.dead_letters)} records")
    found.update((each["id"], each) for each in map(json.loads, told))
    stands = {name: {**each, "revision": 0} for name, each in found.items() if not each["withdrawn"]}
    wanted = {each["id"]: {**each, "revision": 0} for each in replay.findings()}
    if stands != wanted:
        missing, extra = len(wanted.keys() - stands.keys()), len(stands.keys() - wanted.keys())
        raise AssertionError(f"{missing} findings are missing, {extra} too many, of {len(wanted)}")
    return len(wanted)


def _quiet_rows(customers: int, history: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield chunks of rows with ``history`` touchpoints on average: made once for a hundred customers, and given to all."""
    made: list[list[tuple[bytes, bytes]]] = []
    for number in range(_MADE):
        watch = PartitionWatch(load_rulebook(), load_fields(), Fingerprinter(_KEY), 0)
        records = [Record(step, time // 1000, b"acme/customer", value) for step, (time, value) in enumerate(_history(number, history, "customer"))]
        made.append([(key[-5:], value) for key, value in watch.process(records).rows if value is not None and key.startswith(b"acme/")])
    for number in range(customers):
        for suffix, chunk in made[number % _MADE]:
            yield _key(number) + suffix, bytes(bytearray(chunk))


def _history(number: int, history: int, customer: str) -> Iterator[tuple[int, bytes]]:
    """Yield time (microseconds) and value of the touchpoints that the row of a customer with this number is made of, of whoever is called ``customer``."""
    number %= _MADE
    chance = random.Random(1000 + number)
    # A hyperbola: half of the rows hold less than half of the average, one in a hundred very many.
    length = history if history < 10 else min(500, round(history / 4.2 / (1 - number / 100.5)))
    for step in range(length):
        call, place = divmod(step, 10)
        time = _BEGAN - 20 * _DAY + call * 20 * _DAY // (length // 10 + 1) + place * _STEP
        told = story(random.Random(number), number)[place]
        yield time, touchpoint(_uuid(chance), customer, f"{call:04d}{_name(number)[4:]}", told, _moment(time), "agent-1")


def _contacts(callers: Sequence[int], late: float) -> Iterator[Record]:
    """Yield the records of two contacts of each caller, so many at a time, in the order of their times but for those that are ``late`` by a minute.

    Second contacts begin when all have begun their first, so that few and many customers have timelines of the same length.
    """
    chance = random.Random(4)
    turns = [*callers, *callers]
    offset, started, time = 10_000, 0, _BEGAN
    going: list[tuple[int, int, int]] = []
    held: list[tuple[int, bytes, bytes]] = []
    while started < len(turns) or going:
        time += _STEP // _IN_FLIGHT
        if len(going) < _IN_FLIGHT and started < len(turns):
            going.append((turns[started], started, 0))
            started += 1
        place = chance.randrange(len(going))
        customer, contact, step = going[place]
        key = _key(customer)
        told = story(random.Random(customer), customer)[step]
        value = touchpoint(_uuid(chance), _name(customer), f"call-{contact:031d}", told, _moment(time), "agent-1")
        if step == 9:
            going[place] = going[-1]
            going.pop()
        else:
            going[place] = (customer, contact, step + 1)
        if chance.random() < late:
            held.append((time + 60_000_000, key, value))
        else:
            yield Record(offset, time // 1000, key, value)
            offset += 1
        while held and held[0][0] <= time:
            _, key, value = held.pop(0)
            yield Record(offset, time // 1000, key, value)
            offset += 1


def _moment(time: int) -> datetime:
    return START + timedelta(microseconds=time - _BEGAN)


def _key(number: int) -> bytes:
    return f"acme/{_name(number)}".encode()


def _name(number: int) -> str:
    return f"customer-{number:027d}"


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _resident() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    customers_, history_, late_, contacts_ = sys.argv[1:]
    print(json.dumps(measure(int(customers_), int(history_), float(late_), int(contacts_))))
