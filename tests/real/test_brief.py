"""The brief on a real Kafka: it is on its topic right after the handoff, and in the database."""

import json

from kafka import KafkaConsumer, TopicPartition

from models.brief import Brief
from tests.support.workers import Installation, stored, until
from tests.unit.seamwatch.support import asked_twice, lines, touchpoint, write

HANDOFF = {"handoff": "h", "to_team": "service", "mode": "blind", "context": []}


def test_a_handoff_puts_a_brief_on_its_topic(installation: Installation, database_url: str) -> None:
    """A value is told, a handoff starts: the brief is in the partition of its customer, is what `replay` writes, and can be asked for."""
    stories = []
    for number in range(20):
        customer = f"c-{number}"
        handoff = touchpoint(f"{customer}-h", "10:03:00", "handoff.started", customer, "sales", data=HANDOFF)
        stories.append([*asked_twice(customer)[:3], handoff])
    path = write(installation.directory, lines(*stories))
    installation.run("topics", "create")
    installation.run("db", "upgrade")
    installation.run("replay", path, "--briefs", "briefs.jsonl")
    expected = {each["customer"]: each for each in map(json.loads, (installation.directory / "briefs.jsonl").read_text().splitlines())}
    assert len(expected) == 20
    installation.start().wait_ready()
    installation.run("produce", path)
    topic = f"{installation.prefix}.briefs"
    reader = KafkaConsumer(bootstrap_servers=installation.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    reader.assign([TopicPartition(topic, number) for number in range(installation.partitions)])
    found: dict[str, dict[str, object]] = {}

    def read() -> bool:
        for records in reader.poll(500).values():
            for record in records:
                Brief.model_validate_json(record.value)
                body = json.loads(record.value)
                assert record.key == f"acme/{body['customer']}".encode()
                found[body["customer"]] = body
        return found.keys() == expected.keys()

    until(read)
    reader.close()
    assert found == expected

    until(lambda: stored(database_url, "SELECT count(*) FROM briefs")[0][0] == 20)
    assert json.loads(installation.run("brief", "j-c-7", "--json")) == expected["c-7"]
