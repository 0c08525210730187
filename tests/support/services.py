"""The real servers of tests and benchmarks. `python -m tests.support.services prepare` gets what they need."""

import sys

from tests.support.kafka_server import KafkaServer
from tests.support.postgres_server import PostgresServer
from tests.support.prepare import (
    alertmanager_missing,
    browser,
    browser_missing,
    kafka_missing,
    on_ci,
    postgres_missing,
    prepare,
    prometheus_missing,
)
from tests.support.server import Server, ServerError

__all__ = [
    "KafkaServer", "PostgresServer", "Server", "ServerError", "alertmanager_missing", "browser", "browser_missing", "kafka_missing", "on_ci",
    "postgres_missing", "prometheus_missing",
]  # fmt: skip

if __name__ == "__main__":
    if sys.argv[1:] != ["prepare"]:
        sys.exit("usage: python -m tests.support.services prepare")
    sys.exit(prepare())
