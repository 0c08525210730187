"""Offsets without records on a real Kafka: the ends of transactions are no loss, and what was passed over by a fault is read again."""

import pytest
from aiokafka import TopicPartition

from streams.app import SeamwatchApp
from tests.faust.support import Log, Ours, running
from tests.unit.streams.support import eventually

pytestmark = pytest.mark.real


@pytest.fixture
def ours(log: Log, monkeypatch: pytest.MonkeyPatch) -> Ours:
    """Return a worker that takes the log for one of our own topics; it reads a record a poll."""
    monkeypatch.setattr(SeamwatchApp, "gapless_topics", {log.topic})
    return Ours(log)


async def test_the_ends_of_transactions_are_no_loss(log: Log, ours: Ours, caplog: pytest.LogCaptureFixture) -> None:
    """Each takes an offset, one behind the other too: nothing is read again for them, and nothing is told."""
    for number in range(3):
        log.append(1, transactional_id=f"{log.topic}-{number}")
    log.append(2)
    async with running(ours):
        await eventually(lambda: ours.committed == 8)
    assert ours.begun == [0, 2, 4, 6, 7]
    assert "without a record" not in caplog.text


async def test_what_was_passed_over_is_read_again(log: Log, ours: Ours, caplog: pytest.LogCaptureFixture) -> None:
    """A consumer whose position jumps gives the records that it passed over to nobody; ours sees it and goes back."""
    log.append(2)
    async with running(ours):
        await eventually(lambda: ours.committed == 2)
        ours.app.consumer._thread._consumer.seek(TopicPartition(log.topic, 0), 4)
        log.append(5)
        await eventually(lambda: ours.committed == 7)
    assert not ours.lost
    assert "2 of the offsets 2 to 3 came without a record: reading again" in caplog.text
