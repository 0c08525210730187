"""The limit of latency: aiokafka reads a topic and writes each record to another, with the settings of our consumer and producer.

``python benchmarks/peers/aiokafka_echo.py BOOTSTRAP SOURCE TARGET PARTITIONS``; prints READY and runs until it is ended.
"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition


async def main() -> None:
    """Read and write."""
    bootstrap, source, target, partitions = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=5000,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=100,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=512 * 1024,
        max_request_size=4 * 1024 * 1024,
        linger_ms=0,
    )
    await consumer.start()
    await producer.start()
    consumer.assign([TopicPartition(source, number) for number in range(partitions)])
    print("READY", flush=True)
    while True:
        for tp, records in (await consumer.getmany(timeout_ms=500)).items():
            for record in records:
                await producer.send(target, key=record.key, value=record.value, partition=tp.partition)


if __name__ == "__main__":
    asyncio.run(main())
