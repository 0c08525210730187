"""The doctor: what it makes of each thing that can be wrong, and what it never says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from kafka.errors import KafkaTimeoutError

from config.settings import load_settings
from seamwatch.doctor import (
    Check,
    State,
    Waiting,
    clock,
    deliver,
    deliveries,
    doors,
    insight,
    keys,
    paused,
    pulse,
    receivers,
    rules,
    topics,
    unreachable,
    waiting,
    writable,
)
from sinks.database import upgrade
from sinks.delivery import DeliveryState
from sinks.delivery.store import Tally
from streams.topics import Deviation
from tests.support.prometheus_server import PROMETHEUS
from tests.unit.seamwatch.support import run

KEY, OTHER = "9f86d081884c7d659a2feaa0c55ad015", "a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"hash_key": KEY, "customer_key": OTHER}, ""),
        ({"hash_key": KEY}, "SEAMWATCH_CUSTOMER_KEY is not set"),
        ({"hash_key": KEY, "customer_key": "0123456789abcdef"}, "SEAMWATCH_CUSTOMER_KEY can be guessed"),
        ({"hash_key": "aaaaaaaaaaaaaaaabbbb", "customer_key": KEY}, "SEAMWATCH_HASH_KEY can be guessed"),
        ({"hash_key": "ChangeMe-ChangeMe-42", "customer_key": KEY}, "SEAMWATCH_HASH_KEY can be guessed"),
        ({"hash_key": KEY, "customer_key": KEY}, "two keys are the same"),
    ],
)
def test_keys_are_set_secret_and_different(given: dict[str, str], told: str) -> None:
    """A key that is missing, made of what examples are made of, or used twice is named without being shown."""
    found = keys(load_settings(**given))
    assert (found.state is State.WRONG, told in found.found) == (bool(told), True)
    assert not any(value in str(found) for value in given.values())


def test_the_role_insight_is_missed_only_where_it_has_worked() -> None:
    """Who never started it does without; where it has read before and is gone, or late, what waits is told with what to do."""
    assert insight("t", None, 0).state is State.OK
    assert insight("t", Waiting(3, late=False), 1).state is State.OK
    gone = insight("t", Waiting(3, late=False), 0)
    assert (gone.state, gone.found) == (State.WRONG, "t: 3 records wait")
    assert "--roles insight" in gone.mend


def test_the_role_deliver_is_missed_where_somebody_wants_briefs() -> None:
    """Who wants no briefs does without; where somebody does, a role that never read, is gone, or late, is told with what to do."""
    assert deliver("t", None, 0, []).state is State.OK
    assert deliver("t", Waiting(3, late=True), 0, []).state is State.OK  # who wanted them is no longer in the file
    never = deliver("t", None, 0, ["desk"])
    assert (never.state, never.found) == (State.WRONG, "desk: nobody has ever read t")
    assert deliver("t", None, 1, ["desk"]).state is State.OK
    assert deliver("t", Waiting(3, late=False), 1, ["desk"]).state is State.OK
    for left, members, wanted in ((Waiting(3, late=False), 0, ["desk"]), (Waiting(3, late=True), 1, [])):
        behind = deliver("t", left, members, wanted)
        assert (behind.state, behind.found) == (State.WRONG, "t: 3 records wait")
        assert "--roles deliver" in behind.mend


def test_what_receivers_are_not_told_is_told() -> None:
    """A receiver to which nobody sends, what has waited for more than five minutes, and what died are named; of others than are configured nothing is."""
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def tally(receiver: str, state: DeliveryState, number: int, minutes: float) -> Tally:
        return Tally(receiver, state, number, now - timedelta(minutes=minutes))

    assert deliveries([], [tally("old", DeliveryState.DEAD, 3, 60)], [], now).found == "nobody is told"
    waits = [tally("crm", DeliveryState.FAILED, 2, 4.9), tally("crm", DeliveryState.PENDING, 3, 0)]
    assert deliveries(["crm"], waits, ["crm"], now) == Check("deliveries", State.OK, "5 wait for crm")
    late = [tally("crm", DeliveryState.FAILED, 2, 60), tally("crm", DeliveryState.PENDING, 3, 0), tally("desk", DeliveryState.DEAD, 1, 60)]
    assert deliveries(["crm", "desk"], late, ["crm"], now).found == "desk: no process sends to it; desk: 1 dead; crm: 5 wait, the oldest for 3,600 s"


def test_a_receiver_fails_for_the_doctor_when_it_does_for_the_alert() -> None:
    """The seconds that a delivery may wait stand in the rule for Prometheus, which is plain text, and in the doctor: they are the same."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    [rule] = [rule for group in groups for rule in group["rules"] if rule["alert"] == "SeamwatchReceiverFails"]
    seconds, now = float(rule["expr"].rpartition(">")[2]), datetime(2026, 3, 2, 12, tzinfo=UTC)
    found = [deliveries(["crm"], [Tally("crm", DeliveryState.FAILED, 1, now - timedelta(seconds=seconds + more))], ["crm"], now).state for more in (0, 1)]
    assert found == [State.OK, State.WRONG]


def test_rules_and_mappings_are_read_as_a_worker_reads_them() -> None:
    """What would stop a worker at start is told, whether or not there are keys."""
    assert rules(load_settings()).state is State.OK
    assert rules(load_settings(sources="zendsk")).found.endswith("did you mean zendesk?")
    assert rules(load_settings(rules_dir="/nowhere")).state is State.WRONG


def test_a_door_without_a_secret_is_told() -> None:
    """A source that vendors can post to needs a secret, and one of its vendor's kind."""
    assert doors(load_settings()).state is State.OK
    assert "SEAMWATCH_INGEST_SECRETS__CHATWOOT is not set" in doors(load_settings(sources="chatwoot")).found
    assert doors(load_settings(sources="chatwoot", ingest_secrets={"chatwoot": KEY})) == Check("doors", State.OK, "1 with a secret")
    assert "/nowhere cannot be read" in doors(load_settings(sources="chatwoot", ingest_secrets={"chatwoot": "file:/nowhere"})).found


def test_receivers_are_read_as_the_role_reads_them(tmp_path: Path) -> None:
    """Who is told is listed; a file that is wrong, and a webhook without a secret, are told."""
    assert receivers(load_settings()) == Check("receivers", State.OK, "nobody is told")
    assert "cannot be read" in receivers(load_settings(receivers_file="/nowhere")).found
    path = tmp_path / "receivers.yaml"
    path.write_text("receivers:\n  - {name: crm, kind: webhook, url: 'https://crm.example'}\n")
    assert "SEAMWATCH_DELIVER_SECRETS__CRM is not set" in receivers(load_settings(receivers_file=path)).found
    told = receivers(load_settings(receivers_file=path, deliver_secrets={"crm": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}))
    assert told == Check("receivers", State.OK, "crm (webhook)")


def test_topics_are_judged_by_their_deviations_and_by_the_brokers() -> None:
    """What is missing is to be created; one copy is enough for one broker and too few for three."""
    assert topics([], 1, 1).state is State.OK
    assert topics([], 3, 3).state is State.OK
    assert "gone with one of them" in topics([], 3, 1).found
    found = topics([Deviation("seamwatch.alerts", "topic", "to exist", "none", fatal=True)], 1, 1)
    assert found == Check("topics", State.WRONG, "seamwatch.alerts: topic: expected to exist, found none (stops a worker)", "`seamwatch topics create`")


@pytest.mark.parametrize(("ahead", "told"), [(0.2, "as ours"), (-4.9, "as ours"), (7.0, "7 s ahead of ours"), (-3600.0, "3,600 s behind ours")])
def test_clocks_may_differ_by_five_seconds(ahead: float, told: str) -> None:
    """A clock that is further away is told with its distance and direction."""
    assert clock("clock of the database", ahead).found == told


@pytest.mark.parametrize(
    ("left", "members", "state"),
    [
        ({"seamwatch.touchpoints": Waiting(0, False)}, 0, State.OK),
        ({"seamwatch.touchpoints": Waiting(40, False)}, 1, State.OK),
        ({"seamwatch.touchpoints": Waiting(40, False)}, 0, State.WRONG),
        ({"seamwatch.touchpoints": Waiting(40, True)}, 1, State.WRONG),
    ],
)
def test_a_group_is_behind_where_records_wait_for_a_minute_or_nobody_reads(left: dict[str, Waiting], members: int, state: State) -> None:
    """Records on their way are nothing wrong; without a worker any record that waits is."""
    assert waiting("lag", left, members).state is state


def test_paused_topics_and_a_database_that_takes_no_writes_are_told() -> None:
    """A pause lasts until somebody ends it, and a standby or a lesser user stores nothing."""
    assert paused({}).state is State.OK
    assert paused({"seamwatch.raw.zendesk": "2026-03-02T10:00:00Z"}).found == "seamwatch.raw.zendesk since 2026-03-02T10:00:00Z"
    assert writable({"alerts": True}, read_only=False).state is State.OK
    assert writable({"alerts": True}, read_only=True).found == "it is read-only"
    assert writable({"alerts": False}, read_only=False).found == "alerts cannot be written"


def test_a_broker_that_ends_our_connections_is_told_from_none() -> None:
    """Where something listens, it is the protocol, the password or the certificate that is wrong, not the address."""
    found = unreachable("127.0.0.1:9093", KafkaTimeoutError())
    assert found.found == "127.0.0.1:9093 takes connections, and ends ours: KafkaTimeoutError"
    assert "SEAMWATCH_KAFKA_*" in found.mend


def test_without_a_broker_all_else_is_still_asked(tmp_path: Path) -> None:
    """One line a check, exit code 1, the same as JSON, and no secret in either."""
    url, password = f"sqlite:///{tmp_path / 'seamwatch.db'}", "hunter2-and-more"
    upgrade(url)
    env = {
        "SEAMWATCH_BROKER": "127.0.0.1:1",
        "SEAMWATCH_DATABASE": url,
        "SEAMWATCH_HASH_KEY": KEY,
        "SEAMWATCH_CUSTOMER_KEY": OTHER,
        "SEAMWATCH_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SEAMWATCH_KAFKA_USERNAME": "seamwatch",
        "SEAMWATCH_KAFKA_PASSWORD": password,
    }
    shown, told = run("doctor", env=env), run("doctor", "--json", env=env)
    assert (shown.exit_code, told.exit_code) == (1, 1)
    checks = {each["check"]: each for each in json.loads(told.output)["checks"]}
    assert len(shown.output.splitlines()) == len(checks)
    assert [name for name, each in checks.items() if each["state"] == "wrong"] == ["broker"]
    assert checks["broker"]["found"] == "none answers at 127.0.0.1:1"
    assert checks["topics"]["state"] == "unknown"
    assert checks["database"]["state"] == "ok"
    for secret in (KEY, OTHER, password):
        assert secret not in shown.output + told.output


@pytest.mark.parametrize(
    ("url", "mend"),
    [("sqlite:////nowhere/x.db", "db upgrade"), ("postgresql://u:hunter2@127.0.0.1:1/d", "start it"), ("postgresql://u:hunter2@h:1/d?x=y", "start it")],
)
def test_a_database_that_is_not_there_is_told(url: str, mend: str) -> None:
    """Its line says whether it is to be started or given its tables, without the password."""
    shown = run("doctor", env={"SEAMWATCH_BROKER": "127.0.0.1:1", "SEAMWATCH_DATABASE": url})
    [line] = [each for each in shown.output.splitlines() if each.startswith("wrong    database: ")]
    assert mend in line
    assert "hunter2" not in shown.output


def test_a_pulse_that_does_not_come_is_told_by_partition() -> None:
    """Where a pulse comes every ten seconds, a partition of which nothing was stored for minutes stands still; so does a pipe that never stored anything."""
    assert pulse(10.0, {0: 5.0, 1: 80.0}).state is State.OK
    assert pulse(10.0, {0: 5.0, 1: 300.0}).found == "nothing was stored of partition 1 for 300 s"
    assert pulse(10.0, {}).state is State.WRONG
