"""A back-test over what Kafka holds, on a real broker."""

import json
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from seamwatch.errors import Failed
from seamwatch.topic import read_topic
from tests.support.services import KafkaServer
from tests.support.stories import in_order, stories
from tests.support.workers import Installation

CHANGED = ("--set", "ping_pong_return.mode=on", "--set", "slow_handoff.mode=off", "--against", "shipped", "--json")
UNTIL = ("--until", "2026-06-01T00:00:00Z")


def comparable(printed: str) -> dict[str, Any]:
    """Return a summary without what differs from run to run: the time, and sums whose last digit is a matter of order."""
    summary: dict[str, Any] = json.loads(printed)
    del summary["seconds"], summary["worst"]
    return summary


def test_the_topic_gives_what_the_file_gives(installation: Installation) -> None:
    """In three partitions touchpoints have the findings of a file, under both sets of rules; a bad record is told with its partition and offset."""
    log = stories(range(100, 160))
    (installation.directory / "log.jsonl").write_text("".join(json.dumps(each) + "\n" for each in log))
    installation.prepare().produce(log)
    of_file = comparable(installation.run("replay", "log.jsonl", *CHANGED, *UNTIL))
    assert of_file["comparison"]["findings"]["appear"] > 10
    assert of_file["comparison"]["findings"]["vanish"] > 10
    assert comparable(installation.run("replay", "--from-topic", *CHANGED, *UNTIL)) == of_file
    producer = KafkaProducer(bootstrap_servers=installation.bootstrap)
    [bad, tombstone] = [
        producer.send(f"{installation.prefix}.touchpoints", key=b"acme/c", value=value) for value in (b"bad", None)
    ]
    producer.close()
    told = comparable(installation.run("replay", "--from-topic", *CHANGED, *UNTIL))
    where = bad.get(0)
    assert told["lines"] == len(log) + 2
    assert told["comparison"] == of_file["comparison"]
    assert [(each["file"], each["line"]) for each in told["refused"]["first"]] == [
        (f"{where.topic}[{where.partition}]", where.offset)
    ]
    assert tombstone.get(0).offset == where.offset + 1


def test_only_what_came_since_is_read(installation: Installation) -> None:
    """--since leaves out what the broker took before, and says so; what comes after the start is not waited for."""
    log = in_order(stories(range(100, 104)))
    installation.prepare().produce(log[:20])
    time.sleep(0.1)
    since = datetime.now(UTC).isoformat()
    installation.produce(log[20:])
    told = comparable(installation.run("replay", "--from-topic", "--since", since, *CHANGED, *UNTIL))
    assert told["lines"] == len(log) - 20
    assert comparable(installation.run("replay", "--from-topic", "--since", "1h", "--json"))["lines"] == len(log)
    later = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
    assert comparable(installation.run("replay", "--from-topic", "--since", later, "--json"))["lines"] == 0


def test_what_comes_meanwhile_is_left_for_the_next_time(installation: Installation) -> None:
    """A topic that is written faster than it is read still has an end: where it was at the start."""
    log = stories(range(100, 130))
    installation.prepare().produce(log)
    read = 0
    totals: list[int] = []
    for run in read_topic({"bootstrap_servers": installation.bootstrap}, f"{installation.prefix}.touchpoints", None, totals.append):
        read += len(run.values)
        installation.produce(log[:10])
    assert totals == [len(log)]
    assert read == len(log)


def test_a_broker_that_goes_away_ends_it(kafka: KafkaServer) -> None:
    """Where no more records come and the end is not reached, the command fails: a result of half a topic would pass for all of it."""
    del kafka  # its fixture knows when to skip
    with KafkaServer() as server:
        with closing(KafkaAdminClient(bootstrap_servers=server.bootstrap)) as admin:
            admin.create_topics([NewTopic("touchpoints", num_partitions=1, replication_factor=1)])
        producer = KafkaProducer(bootstrap_servers=server.bootstrap)
        for _ in range(8_000):
            producer.send("touchpoints", b"x" * 1_000)
        producer.close()
        runs = read_topic({"bootstrap_servers": server.bootstrap}, "touchpoints", None, lambda total: None, patience=3)
        next(runs)
        server.kill()
        with pytest.raises(Failed, match="no record for 3 s, and the end is not reached"):
            list(runs)


def test_a_missing_topic_is_told(installation: Installation) -> None:
    """Without its topics an installation has nothing to replay: one sentence that says what to do, and 1."""
    ended = subprocess.run(
        installation.command("replay", "--from-topic"),
        env=installation.environment(),
        cwd=installation.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (
        1,
        f"Error: there is no topic {installation.prefix}.touchpoints: `seamwatch topics create` makes it\n",
    )
