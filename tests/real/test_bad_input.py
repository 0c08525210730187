"""Records that are no touchpoints, through a real Kafka: each is set aside with its reason and its bytes, and stops nothing."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from streams.dead_letters import MOST_BYTES, MOST_KEY_BYTES
from tests.support.workers import Installation, stored, wait_until_caught_up
from tests.unit.seamwatch.support import asked_twice, touchpoint

MEGABYTE = 1_000_000
KEY = b"acme/c-9"
RAW_IDENTIFIERS = ("jo@example.com", "tel:5550100", "mailto:jo", "+49 151 5550100", "+15555550100")


class Bad(NamedTuple):
    """A record, and the reason for which it is set aside."""

    reason: str
    value: bytes | None
    key: bytes | None = KEY


def message(**changed: Any) -> bytes:
    """Return a good touchpoint of customer c-9 with something changed; None leaves a key out."""
    good = touchpoint("b-1", "10:00:00", "message", "c-9", None, data={"text": "hello"}) | changed
    return json.dumps({key: value for key, value in good.items() if value is not None}).encode()


def bad_records() -> list[Bad]:
    """Return what must not be taken for a touchpoint."""
    later = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    noise = random.Random(1).randbytes
    return [
        Bad("malformed_json", message()[:-10]),
        Bad("malformed_json", b"hello"),
        Bad("malformed_json", message() + message()),
        Bad("invalid_value", b'["a", "list"]'),
        Bad("invalid_value", message(id=4711)),
        Bad("invalid_value", message(data={"text": 5})),
        Bad("invalid_value", message(channel="pigeon")),
        Bad("invalid_value", message(customer="c\x00-9")),
        Bad("missing_field", message(customer=None)),
        Bad("missing_field", message(type=None)),
        Bad("unknown_type", message(type="contact.dreamt")),
        Bad("naive_time", message(time="2026-03-02T10:00:00")),
        Bad("future_time", message(time=later)),
        Bad("missing_key", message(), None),
        Bad("wrong_key", message(), b"acme/c-10"),
        Bad("wrong_key", message(), b"\xff\xfe"),
        Bad("wrong_key", message(), noise(6 * MEGABYTE)),
        Bad("empty_value", None),
        Bad("empty_value", b""),
        Bad("invalid_utf8", message().replace(b"hello", b"h\xe9llo")),
        Bad("too_deep", message(data={"text": "DEEP"}).replace(b'"DEEP"', b"[" * 100_000 + b"]" * 100_000)),
        Bad("too_large", noise(10 * MEGABYTE)),
        Bad("too_large", message(data={"text": "a" * 10 * MEGABYTE})),
        *(Bad("raw_identifier", message(customer=each), f"acme/{each}".encode()) for each in RAW_IDENTIFIERS),
    ]


@pytest.mark.slow
def test_each_bad_record_is_set_aside_with_its_reason(installation: Installation) -> None:
    """Bad records between good ones are found in the table under their place and reason, their bytes in the topic, and what is good is watched."""
    topic, raw = f"{installation.prefix}.touchpoints", f"{installation.prefix}.raw.bpic2013"
    installation.prepare()
    large = ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(16 * 1024 * 1024)})
    installation.admin.alter_configs([large])
    producer = KafkaProducer(bootstrap_servers=installation.bootstrap, max_request_size=16 * 1024 * 1024, linger_ms=50)
    sent = []
    good = [*asked_twice("c-9"), *asked_twice("c-1")]
    repeats = [good[0], good[1], good[1] | {"channel": "voice"}, good[2] | {"unheard": 1, "of": 2}]
    for number, bad in enumerate(bad_records()):
        sent.append((bad, producer.send(topic, key=bad.key, value=bad.value, partition=number % 3)))
        for each in good[number : number + 1]:
            producer.send(topic, key=f"acme/{each['customer']}".encode(), value=json.dumps(each).encode())
    for each in repeats:
        producer.send(topic, key=b"acme/c-9", value=json.dumps(each).encode())
    for value in (b"no event", b'{"trace": {}, "event": {}, "index": 0}', None, random.Random(2).randbytes(500_000)):
        bad = Bad("unmapped" if value else "empty_value", value)
        sent.append((bad, producer.send(raw, key=bad.key, value=bad.value)))
    producer.flush()
    producer.close()
    worker = installation.start()
    wait_until_caught_up(installation, worker)

    rows = {
        (row.topic, row.partition, row.offset): row
        for row in stored(installation.database, "SELECT * FROM dead_letters")
    }
    places = {(at.topic, at.partition, at.offset): bad for bad, at in ((bad, each.get(0)) for bad, each in sent)}
    assert {place: row.reason for place, row in rows.items()} == {place: bad.reason for place, bad in places.items()}
    letters = read(installation)
    for place, bad in places.items():
        row = rows[place]
        value, headers = letters[row.letter_partition, row.letter_offset]
        assert (value or b"") == (bad.value or b"")[:MOST_BYTES]
        assert headers.get("key") == (None if bad.key is None else bad.key[:MOST_KEY_BYTES])
        assert headers.get("truncated") == length_above(MOST_BYTES, bad.value)
        assert headers.get("key_truncated") == length_above(MOST_KEY_BYTES, bad.key)
        assert (headers["topic"].decode(), int(headers["partition"]), int(headers["offset"])) == place
    standing = stored(installation.database, "SELECT customer FROM findings WHERE NOT withdrawn")
    assert {row.customer for row in standing} == {"c-1", "c-9"}
    assert worker.metric("touchpoints_total", source="test") == len(good) + len(repeats)
    assert worker.metric("duplicates_total", content="same") == 3
    assert worker.metric("duplicates_total", content="other") == 1
    assert worker.metric("unknown_keys_total") == 2
    shown = worker.get("/metrics")[1] + worker.log.read_text() + "".join(row.detail for row in rows.values())
    assert not [each for each in (*RAW_IDENTIFIERS, "hello", "pigeon", "dreamt") if each in shown]
    assert worker.stop()[0] == 0


def length_above(most: int, value: bytes | None) -> bytes | None:
    """Return the length of what is longer than ``most``, as a header has it."""
    return b"%d" % len(value) if value is not None and len(value) > most else None


def read(installation: Installation) -> dict[tuple[int, int], tuple[bytes | None, dict[str, bytes]]]:
    """Return value and headers of every dead letter, by partition and offset."""
    numbers = [
        TopicPartition(f"{installation.prefix}.dead-letters", number) for number in range(installation.partitions)
    ]
    consumer = KafkaConsumer(bootstrap_servers=installation.bootstrap, auto_offset_reset="earliest")
    try:
        consumer.assign(numbers)
        ends = consumer.end_offsets(numbers)
        found: dict[tuple[int, int], tuple[bytes | None, dict[str, bytes]]] = {}
        while len(found) < sum(ends.values()):
            for records in consumer.poll(500).values():
                found |= {(record.partition, record.offset): (record.value, dict(record.headers)) for record in records}
        return found
    finally:
        consumer.close()


@pytest.mark.slow
def test_a_flood_of_bad_records_delays_no_good_one(installation: Installation) -> None:
    """Thousands of records in a row that are none are set aside one by one, and the customer after them is watched."""
    installation.prepare()
    producer = KafkaProducer(bootstrap_servers=installation.bootstrap, linger_ms=50)
    for number in range(5000):
        producer.send(f"{installation.prefix}.touchpoints", key=b"acme/c-1", value=b"no touchpoint %d" % number)
    producer.flush()
    producer.close()
    installation.produce(asked_twice("c-1"))
    worker = installation.start()
    wait_until_caught_up(installation, worker)
    assert (
        stored(installation.database, "SELECT count(*) FROM dead_letters WHERE reason = 'malformed_json'")[0][0] == 5000
    )
    assert stored(installation.database, "SELECT count(*) FROM findings WHERE customer = 'c-1'")[0][0] > 0
