"""The limit of reading: aiokafka and json.loads, counted in a dict that nobody keeps."""

import asyncio
import json
import sys
from collections import Counter
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition


async def main() -> None:
    """Count and print."""
    bootstrap, topic, partitions, events = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
    counts: Counter[str] = Counter()
    seen, since = 0, 0.0
    while seen < events:
        for records in (await consumer.getmany(timeout_ms=500, max_records=5000)).values():
            since = since or monotonic()
            for record in records:
                counts[json.loads(record.value)["customer"]] += 1
            seen += len(records)
    print(f"RATE {seen / (monotonic() - since):.0f}", flush=True)
    await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main())
