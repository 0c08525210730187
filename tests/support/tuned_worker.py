"""`seamwatch worker` with other stream settings than an installation has: `python -m tests.support.tuned_worker '' '{"max_poll_records": 7}'`.

Besides the program's own failpoints it has those of `DELIVERIES`, for roles that have none of their own around what they write.
"""

import dataclasses
import json
import sys
from collections.abc import Iterable

from config.settings import load_settings
from seamwatch import logs
from seamwatch.worker import Worker, leave, plan
from streams.failpoints import failpoint
from streams.producer import Ends, KafkaDelivery, Outgoing, Rows

__all__ = ["DELIVERIES"]

DELIVERIES = ("before_delivery", "half_delivered", "after_delivery")
"""Failpoints of every delivery that has two records at least: nothing of it is written; its first half is confirmed; all is, and the batch not yet done."""


def _with_failpoints() -> None:
    """Give every delivery its failpoints. It becomes two, one after the other: the order within partitions stays."""
    deliver = KafkaDelivery.deliver

    async def dying(self: KafkaDelivery, records: Iterable[Outgoing | Rows]) -> Ends:
        records = list(records)
        half = len(records) // 2
        if not half:
            return await deliver(self, records)
        failpoint(DELIVERIES[0])
        ends = await deliver(self, records[:half])
        failpoint(DELIVERIES[1])
        ends = {**ends, **await deliver(self, records[half:])}
        failpoint(DELIVERIES[2])
        return ends

    KafkaDelivery.deliver = dying  # type: ignore[method-assign]


if __name__ == "__main__":
    roles, tuned = sys.argv[1], json.loads(sys.argv[2])
    logs.configure("info")
    settings = load_settings()
    if roles == "normalise":
        _with_failpoints()
    planned = plan(settings, roles.split(",") if roles else None)
    leave(Worker(planned, streams=dataclasses.replace(planned.streams(), **tuned)).run())
