"""What an event, a customer and a rule cost: measured, and the calculator's answer held against a run of another size."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from re import search
from statistics import median
from time import process_time, sleep
from urllib.request import urlopen

from agents.fields import Fingerprinter
from agents.partition import PartitionWatch, Record
from benchmarks.installation import AS_PYTHON, Installation, Progress, installed
from benchmarks.report import Report, say
from benchmarks.workload import crowds, produce
from config.fields import load_fields
from config.rules import load_rulebook
from seamwatch.capacity import COSTS, Costs, need
from tests.support.compiled import compiled

_TICK = os.sysconf("SC_CLK_TCK")
_OF_RULES = 1_500


def run(customers: int, rounds: int) -> Report:
    """Measure one run, derive the costs, and compare what they say of a run of half the size with what it takes."""
    seen, half = _measured(customers), _measured(customers // 2)
    costs = Costs(**{**COSTS._asdict(), "event": seen["processor"], "log": seen["log"], "stored": seen["stored"], "database": seen["database"]})
    rows = [
        ("processor of the worker, microseconds an event", *_pair(seen["processor"] * 1e6, half["processor"] * 1e6)),
        ("Kafka besides the event, bytes an event", *_pair(seen["log"], half["log"])),
        ("records for the sinks, an event", *_pair(seen["stored"], half["stored"])),
        ("database, bytes an event", *_pair(seen["database"], half["database"])),
        ("memory of the worker, bytes a customer", *_pair(seen["memory"], half["memory"])),
    ]
    rows += [(f"without {name}, microseconds of the engine an event", f"{cost:+.2f}", "", "") for name, cost in _rules(rounds)]
    planned = need(2000, 1_000_000, costs=costs)
    return Report(
        title="What an event and a customer cost, and whether half of a run takes what the whole one says",
        columns=("", f"{customers:,} customers", "half of them", "half / whole"),
        rows=rows,
        notes=[
            f"By these costs 2,000 events a second of 1,000,000 customers need {planned.workers} workers of {planned.memory >> 20:,} MiB.",
            "A rule's cost is what the engine takes less when it is off; costs of rules that share work do not add up.",
        ],
    )


def _pair(whole: float, half: float) -> tuple[str, str, str]:
    return f"{whole:,.2f}", f"{half:,.2f}", f"{half / whole:.2f}" if whole else ""


def _measured(customers: int) -> dict[str, float]:
    """Let a worker do all of a log, and return what that took by event (memory: by customer)."""
    with installed() as installation:
        say(f"producing the touchpoints of {customers:,} customers")
        events, _ = produce(installation.bootstrap, installation.names.touchpoints, customers)
        progress = Progress(installation.bootstrap, installation.names)
        before = progress.log_bytes()
        with installation.worker(compiled() or AS_PYTHON) as worker:
            _await_start(installation)
            began, resident = _processor(worker.pid), _resident(worker.pid)
            while not progress.caught_up():
                if worker.poll() is not None:
                    raise RuntimeError("the worker ended: see above")
                sleep(0.2)
            took, grown = _processor(worker.pid) - began, _resident(worker.pid) - resident
        installation.verify(value for _, value in crowds(customers))
        return {
            "processor": took / events,
            "log": (progress.log_bytes() - before) / events,
            "stored": progress.stored() / events,
            "database": sum(each.stat().st_size for each in installation.folder.glob("*.db*")) / events,
            "memory": grown / customers,
        }


def _await_start(installation: Installation) -> None:
    """Wait until the worker works: what it takes to load is not an event's."""
    while True:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{installation.metrics_port}/readyz", timeout=5) as answer:
            if answer.status == 200:
                return
        sleep(0.1)


def _processor(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _resident(process: int) -> int:
    found = search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _rules(rounds: int) -> Iterator[tuple[str, float]]:
    """Yield by rule the microseconds that an event takes less in the engine when it is off; medians of rounds in turns."""
    records = [Record(offset, None, key, value) for offset, (key, value) in enumerate(crowds(_OF_RULES))]
    names = sorted(rule.name for rule in load_rulebook().rules if rule.mode == "on")
    takes: dict[str, list[float]] = {name: [] for name in ("", *names)}
    for number in range(rounds):
        say(f"rules, round {number + 1}")
        for name, seen in takes.items():
            rulebook = load_rulebook(None, (f"{name}.mode=off",) if name else ())
            watch = PartitionWatch(rulebook, load_fields(), Fingerprinter(b"a benchmark needs no secret, but a key"), 0)
            began = process_time()
            for start in range(0, len(records), 2000):
                for _ in watch.take(records[start : start + 2000], lambda: False):
                    pass
                watch.effects()
            seen.append((process_time() - began) / len(records) * 1e6)
    for name in names:
        yield name, median(whole - less for whole, less in zip(takes[""], takes[name], strict=True))
