"""Forget a customer: told to the stream under every key that stands for the customer, audited, and looked for afterwards."""

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from time import monotonic, sleep

from kafka import KafkaProducer
from sqlalchemy import Engine

from config.settings import Settings
from models.touchpoint import is_raw_identifier
from seamwatch.broker import connection
from sinks.identity import aliases_of, is_known, note_forgotten
from streams.sources.pseudonym import customer_pseudonym
from streams.topics import Topics

__all__ = ["forget", "is_forgotten", "keys_of", "tell", "touchpoints"]

_BOOTSTRAP = 10_000
_DELIVERY = 60_000
_LOOK = 0.5


def keys_of(engine: Engine, tenant: str, customer: str, customer_key: bytes | None) -> list[str]:
    """Return the customer's key, the pseudonym that sources with a mapping give it, and all aliases of both.

    What a person is reached at is nobody's key, and is not to be written down for having been forgotten: without a key for pseudonyms it names nobody.
    Raises `DatabaseUnavailable`.
    """
    own = [] if is_raw_identifier(customer) else [customer]
    if customer_key is not None:
        own.append(customer_pseudonym(customer_key, customer))
    return list(dict.fromkeys([*own, *(alias for each in own for alias in aliases_of(engine, tenant, each))]))


def touchpoints(tenant: str, customers: Iterable[str], now: datetime) -> list[tuple[bytes, bytes]]:
    """Return what tells the stream to forget customers, by key."""
    told = []
    for customer in customers:
        value = {
            "id": f"forget/{uuid.uuid4()}", "source": "seamwatch", "type": "customer.forgotten", "time": now.isoformat(), "tenant": tenant,
            "customer": customer, "channel": "web", "actor": {"kind": "system"},
        }  # fmt: skip
        told.append((f"{tenant}/{customer}".encode(), json.dumps(value).encode()))
    return told


def tell(settings: Settings, tenant: str, customers: Sequence[str], now: datetime) -> None:
    """Tell the stream to forget customers; when it returns, Kafka has confirmed it.

    Raises ``KafkaError``, `ConfigError`.
    """
    producer = KafkaProducer(
        **connection(settings),
        client_id="seamwatch-forget",
        acks="all",
        bootstrap_timeout_ms=_BOOTSTRAP,
        max_block_ms=_BOOTSTRAP,
        delivery_timeout_ms=_DELIVERY,
        allow_auto_create_topics=False,
    )
    try:
        topic = Topics(settings.prefix).touchpoints
        for sent in [producer.send(topic, key=key, value=value) for key, value in touchpoints(tenant, customers, now)]:
            sent.get(_DELIVERY / 1000)
    finally:
        producer.close(timeout=10)


def forget(settings: Settings, engine: Engine, tenant: str, customers: Sequence[str], actor: str) -> None:
    """Tell the stream to forget customers and note in the audit who had it done.

    Raises ``KafkaError``, `ConfigError`, `DatabaseUnavailable`.
    """
    now = datetime.now(UTC)
    tell(settings, tenant, customers, now)
    note_forgotten(engine, actor, len(customers), now)


def is_forgotten(engine: Engine, tenant: str, customers: Sequence[str], patience: float) -> bool:
    """Wait at most ``patience`` seconds until the database holds nothing of customers, and tell whether it does.

    Raises `DatabaseUnavailable`.
    """
    end = monotonic() + patience
    while any(is_known(engine, tenant, each) for each in customers):
        if monotonic() >= end:
            return False
        sleep(_LOOK)
    return True
