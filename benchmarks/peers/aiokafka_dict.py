"""The limit of recovery: aiokafka alone, a partition of a changelog into a dict. Prints the seconds from its start to its last record."""

import asyncio
import sys
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition


async def main() -> None:
    """Read and print."""
    bootstrap, topic, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    began = monotonic()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = (await consumer.end_offsets([partition]))[partition]
    state = {}
    while await consumer.position(partition) < end:
        for records in (await consumer.getmany(timeout_ms=500, max_records=5000)).values():
            for record in records:
                state[record.key] = record.value
    print(f"SECONDS {monotonic() - began:.3f}")
    await consumer.stop()
    if len(state) < rows:
        sys.exit(f"{len(state)} rows, expected {rows}")


if __name__ == "__main__":
    asyncio.run(main())
