"""The limit of reading: aiokafka and json.loads, counted in a dict that nobody keeps."""

import asyncio
import json
import sys
from collections import Counter

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.peers.rate import Rate


async def main() -> None:
    """Count and print."""
    bootstrap, topic, partitions, events = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
    counts: Counter[str] = Counter()
    rate = Rate(events)
    while True:
        for records in (await consumer.getmany(timeout_ms=500, max_records=5000)).values():
            rate.start()
            for record in records:
                counts[json.loads(record.value)["customer"]] += 1
            if rate.count(len(records)):
                rate.end(counts.total())


if __name__ == "__main__":
    asyncio.run(main())
