"""The input of all benchmarks: the touchpoints of many customers at once, in a topic of real Kafka."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import KafkaProducer

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOUCHPOINTS_A_CUSTOMER = 10
CROWD = 20_000
"""How many customers are on the line at once."""

APART = timedelta(minutes=4)
"""Between two touchpoints of one customer: 15 an hour."""

TEAMS = 20
_SORRY = "Thank you very much, one moment please while I look that up for you in our system."


Told = tuple[str, str, str | None, dict[str, Any]]
"""What happens: type, kind of actor, team, data."""


def story(chance: random.Random, number: int) -> list[Told]:
    """Tell one call; one in seven is passed to another team, which asks again for what was told."""
    team, other = f"team-{number % TEAMS:02d}", f"team-{(number + 1) % TEAMS:02d}"
    field = chance.choice(["order_number", "postal_code", "customer_name"])
    value = f"{chance.randrange(10**8):08d}"
    passed_on = chance.random() < 1 / 7
    last = ("info.requested", "agent", other, {"field": field}) if passed_on else ("message", "agent", team, {"text": _SORRY})
    return [
        ("contact.started", "customer", None, {"direction": "inbound"}),
        ("contact.answered", "agent", team, {}),
        ("message", "customer", None, {"text": "Hello, I would like to know why my last bill is so high."}),
        ("info.requested", "agent", team, {"field": "account_number"}),
        ("info.provided", "customer", None, {"field": "account_number", "value": f"{chance.randrange(10**8):08d}"}),
        ("message", "agent", team, {"text": _SORRY}),
        ("info.requested", "agent", team, {"field": field}),
        ("info.provided", "customer", None, {"field": field, "value": value}),
        last,
        ("contact.ended", "agent", other if passed_on else team, {"resolved": True}),
    ]


def crowds(customers: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of ten touchpoints for each customer, who come in crowds of 20,000, one an hour after the other."""
    for first in range(0, customers, CROWD):
        start = START + timedelta(hours=first // CROWD)
        yield from touchpoints(min(CROWD, customers - first), seed=1 + first, first=first, start=start)


def touchpoints(customers: int, seed: int = 1, first: int = 0, start: datetime = START) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of ten touchpoints for each customer, all customers interleaved at random; their numbers begin at ``first``."""
    chance = random.Random(seed)
    stories = [story(chance, number) for number in range(customers)]
    turns = [number for number in range(customers) for _ in range(TOUCHPOINTS_A_CUSTOMER)]
    chance.shuffle(turns)
    done = [0] * customers
    for identifier, number in enumerate(turns, first * TOUCHPOINTS_A_CUSTOMER):
        time = start + APART * done[number] + timedelta(microseconds=chance.randrange(10**6))
        customer, contact = f"customer-{first + number:08d}", f"contact-{first + number:016d}"
        agent = f"agent-{chance.randrange(300):012d}"
        value = touchpoint(f"event-{identifier:012d}", customer, contact, stories[number][done[number]], time, agent)
        done[number] += 1
        yield f"acme/{customer}".encode(), value


def touchpoint(identifier: str, customer: str, contact: str, told: Told, time: datetime, agent: str) -> bytes:
    """Return a touchpoint as JSON."""
    kind, actor, team, data = told
    body = {
        "id": identifier,
        "source": "benchmark-platform",
        "schema_version": 1,
        "time": time.isoformat(timespec="microseconds"),
        "type": kind,
        "tenant": "acme",
        "brand": "acme-mobile",
        "customer": customer,
        "journey": None,
        "contact": contact,
        "segment": None,
        "channel": "voice",
        "language": "en",
        "actor": {"kind": actor, "id": agent, "team": team},
        "data": data,
    }
    return json.dumps(body).encode()


def produce(bootstrap: str, topic: str, customers: int) -> tuple[int, int]:
    """Fill ``topic``, every delivery awaited; return how many touchpoints, and their bytes."""
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=50, batch_size=262_144
    )
    count = size = 0
    waiting = []
    for key, value in crowds(customers):
        waiting.append(producer.send(topic, key=key, value=value))
        count, size = count + 1, size + len(value)
    producer.flush()
    for future in waiting:
        future.get(timeout=60)
    producer.close()
    return count, size
