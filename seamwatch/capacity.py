"""What an installation needs, by how much comes: workers, memory, partitions, disks, and what gives out first."""

from math import ceil
from typing import NamedTuple

from agents.rows import CUSTOMER, MAXIMUM_DECODED

__all__ = ["BUSY", "COSTS", "DAY", "MEBIBYTE", "MEMORY_LIMIT", "Costs", "Need", "need"]

DAY = 86_400
"""Seconds."""
MEBIBYTE = 1024 * 1024
BUSY = 0.5
"""The share of its processor that a worker is given: the rest is for catching up, for rebalances, and for the hour in which all call."""
MEMORY_LIMIT = 2048 * MEBIBYTE
"""Bytes that a worker may have in the deployment files (config/kubernetes, config/systemd, docker-compose.yml)."""
_FEWEST = 12
"""Partitions that are made unless told otherwise."""
_COMPACTED_AFTER = 1.0
"""Days that compaction leaves everything (``min.compaction.lag.ms`` of the topics)."""


class Costs(NamedTuple):
    """What was measured (docs/capacity.md says how, and how to measure it anew).

    ``worker``: the share of a processor that a worker takes of which little is asked: it polls, and batches of few events cost more each; ``event``:
    processor seconds of an event besides. ``busy_worker`` and ``busy_event``: so where thousands of events come a second, which then come in larger batches;
    the less of both counts. That is as much as was measured, or more, at any rate that is planned for a worker.

    ``base``: bytes of a worker without customers; ``row``: bytes of a quiet customer; ``open_row``: bytes more of one who is in contact now and has forty
    touchpoints, of whom a worker keeps ``open_rows`` at most; ``kept``: bytes that an event adds to Kafka besides itself, for as long as it; ``compacted``:
    bytes that it adds until compaction leaves the newest of each key; ``found``: findings, briefs and dead letters that it gives the sinks; ``database``:
    bytes that it adds there; ``writer``: records a second that one PostgreSQL takes.

    Scores are published at most once in ``every`` seconds each, and so the less of them for an event the more events there are. ``wide``: scores of a tenant,
    its brand and its channels, of which an event changes ``wide_changed``; ``narrow``: scores of a team and its seams, of which it changes
    ``narrow_changed``; ``history``: bytes that the database notes of each in an hour.
    """

    worker: float = 0.19
    event: float = 60e-6
    busy_worker: float = 0.335
    busy_event: float = 23.5e-6
    base: int = 118 * MEBIBYTE
    row: int = 706
    open_row: int = 57 * 1024
    open_rows: int = MAXIMUM_DECODED // (40 + CUSTOMER)
    kept: float = 60.0
    compacted: float = 400.0
    found: float = 0.05
    database: float = 60.0
    writer: int = 42_847
    every: float = 0.5
    wide: int = 12
    wide_changed: float = 0.3
    narrow: int = 6
    narrow_changed: float = 0.25
    history: int = 150


COSTS = Costs()


class Need(NamedTuple):
    """What is needed: ``workers`` of one processor each, one of them to spare, and the share of it (``processor``) that each of the others is busy; bytes of
    memory of each; bytes of disk; records a second for the database; what gives out first as more comes; and how many workers, one of them to spare, have none
    that needs more memory than `MEMORY_LIMIT`.
    """

    workers: int
    processor: float
    partitions: int
    memory: int
    kafka: int
    database_a_day: int
    records: float
    limit: str
    workers_within_limit: int


def need(
    rate: float,
    customers: int,
    *,
    size: int = 463,
    live: float = 0.02,
    teams: int = 100,
    days: float = 7,
    replication: int = 3,
    costs: Costs = COSTS,
) -> Need:
    """Return what ``rate`` events a second of ``customers`` within the rules' memory need.

    ``size`` is the bytes of an event, ``live`` the share of the customers who are in contact at once, ``teams`` those who handle them, ``days`` what Kafka
    keeps.
    """
    working = max(1, ceil(rate * costs.busy_event / (BUSY - costs.busy_worker)))
    processor = min(costs.worker + rate / working * costs.event, costs.busy_worker + rate / working * costs.busy_event)
    workers = working + 1
    partitions = max(_FEWEST, 2 * workers)
    mine = customers / working  # one may be away, and the others have its customers
    opened = min(mine * live, costs.open_rows)
    memory = round(costs.base + mine * costs.row + opened * costs.open_row)
    kafka = round(rate * DAY * (days * (size + costs.kept) + min(days, _COMPACTED_AFTER) * costs.compacted) * replication)
    narrow = costs.narrow * teams
    scores = _published(rate * costs.wide_changed, costs.wide, costs.every) + _published(rate * costs.narrow_changed, narrow, costs.every)
    records = rate * costs.found + scores
    a_day = round(rate * DAY * costs.database + (costs.wide + narrow) * 24 * costs.history)
    within = max(working, ceil(customers / _held(live, costs))) + 1
    return Need(workers, processor, partitions, memory, kafka, a_day, records, _limit(working, partitions, records, memory, costs), within)


def _held(live: float, costs: Costs) -> float:
    """Return how many customers fit into the memory that a worker may have: all who are in contact decoded, or as many as are kept so."""
    left = MEMORY_LIMIT - costs.base
    return max(left / (costs.row + live * costs.open_row), (left - costs.open_rows * costs.open_row) / costs.row)


def _published(changes: float, keys: int, every: float) -> float:
    """Return how many values a second are published of ``keys`` that change so often in all, where each rests for ``every`` seconds after it was."""
    return changes / (1 + changes / keys * every)


def _limit(working: int, partitions: int, records: float, memory: int, costs: Costs) -> str:
    database = records / (costs.writer * BUSY)
    if database >= 1:
        return "the database: one PostgreSQL does not take so many records; divide tenants among installations"
    if working > 500:
        return "partitions: more than a thousand of a topic are slow to hand out; divide tenants among installations"
    if memory > 16 * 1024 * MEBIBYTE:
        return "memory of a worker: more workers than the rate alone needs hold fewer customers each"
    nearest = "the database" if database > 1 / 10 else "the workers' processors"
    return f"nothing; next {nearest}, at {1 / max(database, 1e-9):,.0f} times the rate for the database and with {2 * working + 1} workers at twice the rate"
