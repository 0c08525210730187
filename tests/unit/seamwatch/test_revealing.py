"""Where the console looks for what was said at one moment, and what it takes for it."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unittest import mock

import pytest
from kafka.errors import KafkaConnectionError

from config.settings import Settings
from models.finding import Evidence
from seamwatch import revealing
from seamwatch.revealing import moment_reader
from sinks.console.moments import Said, Sought, Unread
from sinks.console.settings import StreamUnavailable
from streams.producer import partition_for
from tests.unit.seamwatch.support import run

TOPIC = "seamwatch.touchpoints"
PARTITIONS = 2
TIME = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Held(NamedTuple):
    """A record as the broker holds it."""

    offset: int
    timestamp: float
    key: bytes
    value: bytes


class Place(NamedTuple):
    """Where a moment begins."""

    offset: int


class Broker:
    """A consumer of a topic of two partitions, of which everything before ``kept`` is deleted; it reads two records at a time."""

    def __init__(self, *, kept: int = 0) -> None:
        self.records: dict[int, list[Held]] = {number: [] for number in range(PARTITIONS)}
        self.read = 0
        self.kept = kept
        self._at: dict[Any, int] = {}

    def write(self, body: dict[str, Any], arrived: datetime, key: str | None = None) -> None:
        """Append a touchpoint."""
        name = (key or f"{body['tenant']}/{body['customer']}").encode()
        number = partition_for(name, PARTITIONS)
        held = self.records[number]
        held.append(Held(len(held), arrived.timestamp() * 1000, name, json.dumps(body).encode()))

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Return the partitions."""
        assert topic == TOPIC
        return set(range(PARTITIONS))

    def end_offsets(self, partitions: Iterable[Any]) -> dict[Any, int]:
        """Return where partitions end."""
        return {tp: len(self.records[tp.partition]) for tp in partitions}

    def offsets_for_times(self, moments: dict[Any, int]) -> dict[Any, Place | None]:
        """Return the first that is kept from a moment on."""
        found = {}
        for tp, moment in moments.items():
            later = [each.offset for each in self.records[tp.partition][self.kept :] if each.timestamp >= moment]
            found[tp] = Place(later[0]) if later else None
        return found

    def assign(self, partitions: Sequence[Any]) -> None:
        """Read these."""
        self._at = dict.fromkeys(partitions, 0)

    def seek(self, tp: Any, offset: int) -> None:
        """Go on from there."""
        assert offset >= self.kept
        self._at[tp] = offset

    def position(self, tp: Any) -> int:
        """Return where it goes on."""
        return self._at[tp]

    def pause(self, *partitions: Any) -> None:
        """Read these no more."""
        for tp in partitions:
            self._at[tp] = len(self.records[tp.partition])

    def poll(self, _milliseconds: int) -> dict[Any, list[Held]]:
        """Return two records of each partition."""
        given = {tp: self.records[tp.partition][at : at + 2] for tp, at in self._at.items()}
        self._at = {tp: at + len(given[tp]) for tp, at in self._at.items()}
        self.read += sum(map(len, given.values()))
        return {tp: batch for tp, batch in given.items() if batch}

    def close(self) -> None:
        """End."""


def touchpoint(identity: str, **changes: Any) -> dict[str, Any]:
    """Return a touchpoint in which a customer tells a number."""
    told = {"id": identity, "source": "crm", "type": "info.provided", "time": TIME.isoformat(), "tenant": "acme", "customer": "c-1", "contact": "k-1"}
    return told | {"channel": "chat", "actor": {"kind": "customer"}, "data": {"field": "account_number", "value": "4711"}} | changes


def message(identity: str, text: str, **changes: Any) -> dict[str, Any]:
    """Return a message of the same moment."""
    return touchpoint(identity, type="message", data={"text": text}) | changes


def sought(identity: str = "m/0", field: str | None = "account_number", **changes: Any) -> Sought:
    """Return what is looked for."""
    told: dict[str, Any] = {"source": "crm", "id": identity, "time": TIME, "type": "info.provided", "team": None, "channel": "chat"}
    evidence = Evidence(**told, field=field, mask="…11")
    given: dict[str, Any] = {"tenant": "acme", "customers": ["c-1"], "evidence": evidence, "stored": TIME + timedelta(seconds=5)}
    return Sought(**given | changes)


def read(broker: Broker, wanted: Sought) -> Said:
    """Read it as the console does."""
    with mock.patch("kafka.KafkaConsumer", return_value=broker):
        return moment_reader(Settings(hash_key=None))(wanted)


def test_the_value_and_the_words_of_one_moment_are_found_among_others() -> None:
    """Neither another customer's, nor another contact's, nor a private note's: the value, and the message that it was read out of."""
    broker = Broker()
    for number in range(20):
        broker.write(touchpoint(f"x{number}", customer=f"c-{number + 2}"), TIME)
    broker.write(message("other", "something else", contact="k-2"), TIME)
    broker.write(message("note", "to myself", data={"text": "to myself", "private": True}), TIME)
    broker.write(message("m", "it is 4711"), TIME)
    broker.write(touchpoint("m/0"), TIME)
    for number in range(2000):
        broker.write(touchpoint(f"y{number}", time=(TIME + timedelta(seconds=1)).isoformat()), TIME + timedelta(seconds=1))
    assert read(broker, sought()) == Said("4711", "it is 4711")
    assert broker.read < 300
    assert "4711" not in repr(read(broker, sought()))


def test_what_came_under_an_alias_is_found_in_its_own_partition() -> None:
    """A customer's aliases may be at home elsewhere."""
    alias = next(f"v-{number}" for number in range(99) if partition_for(f"acme/v-{number}".encode(), 2) != partition_for(b"acme/c-1", 2))
    broker = Broker()
    broker.write(touchpoint("m/0", customer=alias), TIME)
    broker.write(touchpoint("later", time=(TIME + timedelta(hours=1)).isoformat()), TIME + timedelta(seconds=2))
    assert read(broker, sought(customers=["c-1", alias])).value == "4711"
    with pytest.raises(Unread, match="not_kept"):
        read(broker, sought())


def test_what_came_long_after_it_happened_is_found_before_its_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import of old days behind more records than may be read: it came shortly before its finding was stored."""
    monkeypatch.setattr(revealing, "_RECORDS", 50)
    broker = Broker()
    for number in range(200):
        broker.write(touchpoint(f"x{number}"), TIME + timedelta(minutes=number))
    arrived = TIME + timedelta(days=2)
    broker.write(touchpoint("m/0"), arrived)
    assert read(broker, sought(stored=arrived + timedelta(seconds=3))).value == "4711"
    with pytest.raises(Unread, match="too_far"):
        read(broker, sought("gone", stored=arrived + timedelta(seconds=3)))


def test_what_kafka_deleted_is_said_to_be_kept_no_longer() -> None:
    """Past its retention nothing is read at all, and where it was read through there is no such touchpoint."""
    broker = Broker(kept=1)
    broker.write(touchpoint("m/0"), TIME)
    broker.write(touchpoint("z"), TIME + timedelta(hours=1))
    with pytest.raises(Unread, match="not_kept"):
        read(broker, sought())
    assert broker.read == 0
    with pytest.raises(Unread, match="not_kept"):
        read(Broker(), sought())


def test_a_secret_field_is_shown_to_nobody_and_neither_is_a_message_that_tells_one() -> None:
    """Of a PIN nothing is read; of a message with an account number and a PIN only the number is shown."""
    broker = Broker()
    broker.write(message("m", "it is 4711, and my PIN 1234"), TIME)
    broker.write(touchpoint("m/0"), TIME)
    broker.write(touchpoint("m/1", data={"field": "pin", "value": "1234"}), TIME)
    assert read(broker, sought()) == Said("4711", None)
    with pytest.raises(Unread, match="secret"):
        read(broker, sought("m/1", field="pin"))


def test_a_question_has_words_and_no_value() -> None:
    """Where it was asked again: the agent's message."""
    broker = Broker()
    broker.write(message("m", "and your number?", actor={"kind": "agent"}), TIME)
    broker.write(touchpoint("m/0", type="info.requested", data={"field": "account_number"}, actor={"kind": "agent"}), TIME)
    assert read(broker, sought()) == Said(None, "and your number?")


def test_kafka_away_and_wrong_settings_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Away: to be tried again, and nothing of whom in the log; a setting that cannot be is one sentence when the console starts."""
    away = mock.patch("kafka.KafkaConsumer", side_effect=KafkaConnectionError("m/0 c-1"))
    with away, pytest.raises(StreamUnavailable):
        moment_reader(Settings())(sought())
    assert "c-1" not in caplog.text
    environment: dict[str, str | None] = {"SEAMWATCH_CONSOLE_REVEAL": "true", "SEAMWATCH_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    ended = run("console", env=environment)
    assert (ended.exit_code, "SEAMWATCH_KAFKA_USERNAME is not set" in ended.output, "Traceback" in ended.output) == (2, True, False)
    ended = run("console", env={"SEAMWATCH_CONSOLE_REVEAL": "perhaps"})
    assert (ended.exit_code, "SEAMWATCH_CONSOLE_REVEAL" in ended.output, "perhaps" in ended.output) == (2, True, False)


