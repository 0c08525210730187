"""What an installation needs, by how much comes: workers, memory, partitions, disks, and what gives out first."""

from math import ceil
from typing import NamedTuple

__all__ = ["BUSY", "COSTS", "DAY", "MEBIBYTE", "Costs", "Need", "need"]

DAY = 86_400
"""Seconds."""
MEBIBYTE = 1024 * 1024
BUSY = 0.5
"""The share of what it can do that a worker is given: the rest is for catching up, for rebalances, and for the hour in which all call."""
_FEWEST = 12
"""Partitions that are made unless told otherwise."""


class Costs(NamedTuple):
    """What was measured (docs/capacity.md says how, and how to measure it anew).

    ``event``: processor seconds of the worker; ``base``: bytes of a worker without customers; ``row``: bytes of a quiet customer; ``open_row``: bytes more
    of one who is in contact now, of whom a partition keeps ``open_rows`` at most; ``log``: bytes that an event adds to Kafka besides itself; ``stored``:
    records that an event gives the sinks; ``database``: bytes that it adds there; ``writer``: records a second that one PostgreSQL takes.
    """

    event: float = 1 / 39_042
    base: int = 118 * MEBIBYTE
    row: int = 706
    open_row: int = 35 * 1024
    open_rows: int = 8_000
    log: float = 300.0
    stored: float = 0.1
    database: float = 60.0
    writer: int = 42_847


COSTS = Costs()


class Need(NamedTuple):
    """What is needed: ``workers`` of one processor each, one of them to spare; bytes of memory of each; bytes of disk; records a second for the database; and
    what gives out first as more comes.
    """

    workers: int
    partitions: int
    memory: int
    kafka: int
    database_a_day: int
    records: float
    limit: str


def need(rate: float, customers: int, *, size: int = 463, live: float = 0.02, days: float = 7, replication: int = 3, costs: Costs = COSTS) -> Need:
    """Return what ``rate`` events a second of ``customers`` within the rules' memory need.

    ``size`` is the bytes of an event, ``live`` the share of the customers who are in contact at once, ``days`` what Kafka keeps.
    """
    working = max(1, ceil(rate * costs.event / BUSY))
    workers = working + 1
    partitions = max(_FEWEST, 2 * workers)
    mine = customers / working  # one may be away, and the others have its customers
    opened = min(mine * live, costs.open_rows * ceil(partitions / working))
    memory = round(costs.base + mine * costs.row + opened * costs.open_row)
    kafka = round(rate * DAY * days * (size + costs.log) * replication)
    records = rate * costs.stored
    return Need(workers, partitions, memory, kafka, round(rate * DAY * costs.database), records, _limit(working, partitions, records, memory, costs))


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
