"""What the streams need to know, filled in by the entry point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["StreamSettings"]


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How to reach Kafka and how to read it. Times are in seconds, sizes in bytes.

    ``sources`` names the raw topics (``<prefix>.raw.<source>``), ``topics_of_others`` what is read besides, by source.
    ``instance`` is a stable name of this worker: restarts within the session then cause no
    rebalance. ``embedded``: the broker is the one in memory, which knows neither producer ids nor the settings of topics. ``security`` holds what
    every client is given besides, in the names that aiokafka and kafka-python share (``security_protocol``, ``sasl_mechanism``, ``ssl_context``, ...).
    A partition is polled while less than ``records_in_flight`` of its records are not done.
    The delivery timeout is shorter than the session, so that what a worker wrote is settled before its partitions can go to another.
    """

    bootstrap: str = "127.0.0.1:9092"
    prefix: str = "seamwatch"
    group: str = ""
    instance: str | None = None
    sources: tuple[str, ...] = ()
    topics_of_others: Mapping[str, str] = field(default_factory=dict)
    partitions: int = 12
    replication: int = 1
    session_timeout: float = 10.0
    heartbeat_interval: float = 3.0
    rebalance_timeout: float = 30.0
    request_timeout: float = 30.0
    delivery_timeout: float = 6.0
    max_poll_records: int = 5000
    max_fetch_size: int = 4 * 1024 * 1024
    records_in_flight: int = 10_000
    commit_interval: float = 0.1
    stop_timeout: float = 10.0
    stall_timeout: float = 30.0
    compression: str | None = "zstd"
    max_batch_size: int = 512 * 1024
    client: str = "seamwatch"
    embedded: bool = False
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuse settings under which a late worker could still write.

        Raises ``ValueError``.
        """
        if not self.delivery_timeout < self.session_timeout <= self.request_timeout:
            raise ValueError("settings: expected delivery_timeout < session_timeout <= request_timeout")
        if self.heartbeat_interval > self.session_timeout / 3:
            raise ValueError("settings: heartbeat_interval: expected at most a third of session_timeout")

    @property
    def group_id(self) -> str:
        """Return the consumer group, the prefix unless set."""
        return self.group or self.prefix
