"""The whole program while its workers, its broker and its database fail, on real servers: a short selection of `make faults`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.catalogue import together
from tests.faults.run import LONGEST_STOP, run
from tests.faults.world import Servers
from tests.support.services import KafkaServer, PostgresServer

pytestmark = pytest.mark.slow

SELECTION = ("kill-storm", "killed-in-transaction", "database-killed", "broker-killed")


@pytest.fixture(scope="module")
def servers(kafka: KafkaServer, postgres: PostgresServer) -> Iterator[Servers]:
    """Give servers that may be broken."""
    del kafka, postgres  # their fixtures know when to skip
    with Servers() as own:
        yield own


def test_whatever_fails_the_database_comes_to_what_the_log_says(servers: Servers, tmp_path: Path) -> None:
    """Three workers under load, one fault after the other: nothing is lost, counted twice or wrong, and who is told to stop does so in ten seconds."""
    outcome = run(together(*SELECTION), servers, tmp_path, quick=True)
    verdict = outcome.verdict
    assert verdict.findings > 500
    assert verdict.lost[:10] == []
    assert verdict.twice[:10] == []
    assert verdict.wrong[:10] == []
    assert outcome.stop <= LONGEST_STOP, outcome.notes
