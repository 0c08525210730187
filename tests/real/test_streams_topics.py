"""Topics on a real Kafka."""

from dataclasses import replace

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from streams.errors import TopicMismatch
from streams.settings import StreamSettings
from streams.topics import TopicAdmin
from tests.support.services import KafkaServer
from tests.support.workers import Installation


@pytest.fixture
def settings(kafka: KafkaServer, prefix: str) -> StreamSettings:
    """Return settings for topics of the test's own."""
    return StreamSettings(bootstrap=kafka.bootstrap, prefix=prefix, partitions=3, sources=("shop",))


def test_topics_are_created_once_and_as_they_are_to_be(settings: StreamSettings) -> None:
    """What is missing is created, a second time there is nothing to do, and nothing deviates."""
    with TopicAdmin(settings) as admin:
        assert len(admin.create()) == 9
        assert admin.create() == []
        assert admin.check() == []


def test_another_number_of_partitions_is_refused(settings: StreamSettings) -> None:
    """Customers would change their partitions: the worker does not start."""
    with TopicAdmin(settings) as admin:
        admin.create()
    with (
        TopicAdmin(replace(settings, partitions=4)) as admin,
        pytest.raises(TopicMismatch, match=r"partitions: expected 4, found 3, .*; a prefix keeps its number of partitions: set SEAMWATCH_PARTITIONS"),
    ):
        admin.require()


def test_deviations_are_named(settings: StreamSettings) -> None:
    """A changelog that Kafka would delete is refused by name; another retention is only told."""
    client = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    wanted = {"num_partitions": 3, "replication_factor": 1}
    client.create_topics({f"{settings.prefix}.watch-changelog": {**wanted, "configs": {"cleanup.policy": "delete"}}})
    client.create_topics({f"{settings.prefix}.alerts": {**wanted, "configs": {"retention.ms": "1000"}}})
    client.close()
    with TopicAdmin(settings) as admin:
        admin.create()
        found = {(deviation.topic, deviation.setting): deviation.fatal for deviation in admin.check()}
        assert found[f"{settings.prefix}.watch-changelog", "cleanup.policy"]
        assert not found[f"{settings.prefix}.alerts", "retention.ms"]
        with pytest.raises(TopicMismatch, match=r"watch-changelog: cleanup\.policy: expected compact, found delete; set it as expected"):
            admin.require()


def test_what_workers_can_live_with_is_shown_and_keeps_nobody_from_starting(installation: Installation) -> None:
    """A topic that keeps records for longer, or is as an earlier version made it, is shown by `topics create`, after which workers start; `topics check` ends
    with 1."""
    installation.prepare()
    alerts = f"{installation.prefix}.alerts"
    installation.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, alerts, {"retention.ms": "2592000000"})])
    told = installation.run("topics", "create")
    assert "2592000000" in told
    assert installation.run("topics", "check", code=1) == told
