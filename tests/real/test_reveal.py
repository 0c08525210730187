"""What was said at one moment, read from a real Kafka."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kafka import TopicPartition

from config.settings import Settings
from models.finding import Evidence
from seamwatch.revealing import moment_reader
from sinks.console.moments import Said, Sought, Unread
from tests.support.services import KafkaServer
from tests.support.workers import Installation


def told(now: datetime, identity: str, customer: str = "c-1", **changes: object) -> dict[str, object]:
    """Return a touchpoint of ``now`` in which a customer tells a number."""
    body = {"id": identity, "source": "crm", "type": "info.provided", "time": now.isoformat(), "tenant": "acme", "customer": customer, "contact": "k-1"}
    return body | {"channel": "chat", "actor": {"kind": "customer"}, "data": {"field": "account_number", "value": "4711"}} | changes


def test_the_moment_is_found_among_others_until_it_is_no_longer_kept(kafka: KafkaServer, installation: Installation) -> None:
    """Value and words come from the partition of the customer's key, whatever else is in it; when Kafka has deleted it, it is no longer kept."""
    installation.prepare()
    now = datetime.now(UTC).replace(microsecond=123_000)
    read = moment_reader(Settings(broker=kafka.bootstrap, prefix=installation.prefix))
    installation.produce(told(now, f"before-{number}", f"c-{number % 50}") for number in range(3000))
    installation.produce([told(now, "m", type="message", data={"text": "it is 4711"}), told(now, "m/0")])
    installation.produce(told(now, f"after-{number}", f"c-{number % 50}") for number in range(3000))
    about: dict[str, Any] = {"source": "crm", "time": now, "type": "info.provided", "team": None, "channel": "chat", "field": "account_number", "mask": None}
    sought = Sought("acme", ["c-1"], Evidence(id="m/0", **about), now + timedelta(minutes=1))
    assert read(sought) == Said("4711", "it is 4711")
    long_ago = Sought("acme", ["c-1"], sought.evidence, now - timedelta(days=8))
    with pytest.raises(Unread, match="not_kept"):
        read(long_ago)
    installation.admin.delete_records({TopicPartition(f"{installation.prefix}.touchpoints", number): -1 for number in range(3)})
    with pytest.raises(Unread, match="not_kept"):
        read(sought)
