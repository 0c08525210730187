"""A worker in a process of its own, which tests kill: `python -m tests.unit.streams.live_worker BOOTSTRAP PREFIX PARTITIONS [INSTANCE]`."""

import asyncio
import logging
import sys

from agents.live import watch
from streams.app import create_app
from streams.kafka import KafkaBackend
from streams.settings import StreamSettings
from streams.worker import run_worker
from tests.unit.streams.support import CountingEngine


async def main(bootstrap: str, prefix: str, partitions: str, instance: str | None = None) -> int:
    """Watch with the counting engine until told to stop."""
    settings = StreamSettings(
        bootstrap=bootstrap,
        prefix=prefix,
        partitions=int(partitions),
        instance=instance,
        session_timeout=3.0,
        heartbeat_interval=0.5,
        delivery_timeout=2.0,
        rebalance_timeout=6.0,
        max_poll_records=100,
        commit_interval=0.1,
    )
    app = create_app(settings, KafkaBackend(settings))
    watch(app, CountingEngine)
    return await run_worker(app)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.exit(asyncio.run(main(*sys.argv[1:])))
