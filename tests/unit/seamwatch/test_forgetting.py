"""`seamwatch forget` before it meets Kafka: which keys it names, what it writes, and what it says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import insert, select

from config.settings import load_settings
from models.tables import console_audit, customer_aliases
from models.touchpoint import Refusal, parse_touchpoint
from seamwatch.console import console_settings
from sinks.console.settings import StreamUnavailable
from sinks.database import create_engine, upgrade
from streams.sources.pseudonym import customer_pseudonym
from tests.unit.seamwatch.support import run

KEY = "0123456789abcdef"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str | None]:
    """Give the settings of an installation without a broker, whose database knows an alias of a pseudonym."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    alias = {"tenant": "acme", "alias": "visitor", "customer": customer_pseudonym(KEY.encode(), "4711"), "linked": datetime(2026, 3, 2, tzinfo=UTC)}
    with create_engine(url).begin() as connection:
        connection.execute(insert(customer_aliases).values(alias))
    return {"SEAMWATCH_DATABASE": url, "SEAMWATCH_BROKER": "127.0.0.1:1", "SEAMWATCH_CUSTOMER_KEY": KEY}


def test_every_key_of_a_customer_is_forgotten_and_nobody_else(env: dict[str, str | None]) -> None:
    """The key as given, its pseudonym and the aliases: each gets a valid touchpoint under its own key; the audit says who asked."""
    with mock.patch("seamwatch.forgetting.KafkaProducer") as producer:
        ended = run("forget", "4711", "--tenant", "acme", "--yes", "--actor", "grace", "--wait", "0", env=env)
    assert ended.exit_code == 1
    assert "told to forget 3 keys" in ended.output
    assert "is a worker with the roles watch and sink running" in " ".join(ended.output.split())
    sent = [each.kwargs for each in producer.return_value.send.call_args_list]
    assert [each["key"] for each in sent] == [b"acme/4711", f"acme/{customer_pseudonym(KEY.encode(), '4711')}".encode(), b"acme/visitor"]
    for each in sent:
        touchpoint = parse_touchpoint(each["value"])
        assert not isinstance(touchpoint, Refusal)
        assert (touchpoint.type, f"acme/{json.loads(each['value'])['customer']}".encode()) == ("customer.forgotten", each["key"])
    with create_engine(str(env["SEAMWATCH_DATABASE"])).connect() as connection:
        assert [(row.actor, row.act, row.target) for row in connection.execute(select(console_audit))] == [("grace", "forget", None)]


def test_what_a_person_is_reached_at_is_not_written_anew(env: dict[str, str | None]) -> None:
    """An address becomes its pseudonym alone; without a key for pseudonyms it names nobody, and nothing is told."""
    with mock.patch("seamwatch.forgetting.KafkaProducer") as producer:
        assert run("forget", "erika@example.org", "--yes", env=env).exit_code == 0
        [sent] = producer.return_value.send.call_args_list
        refused = run("forget", "erika@example.org", "--yes", env=env | {"SEAMWATCH_CUSTOMER_KEY": None})
    assert b"erika" not in sent.kwargs["key"] + sent.kwargs["value"]
    assert (refused.exit_code, "set SEAMWATCH_CUSTOMER_KEY" in " ".join(refused.output.split())) == (1, True)
    assert producer.return_value.send.call_count == 1


def test_the_broker_is_spoken_to_as_it_is_configured(env: dict[str, str | None]) -> None:
    """With a name and a password, where Kafka wants them, by the command and by the console."""
    secured = {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_username": "seamwatch", "kafka_password": "hunter2-and-more"}
    settings = load_settings(database=env["SEAMWATCH_DATABASE"], broker="127.0.0.1:1", customer_key=KEY, **secured)
    forget = console_settings(settings).forget
    assert forget is not None
    with mock.patch("seamwatch.forgetting.KafkaProducer") as producer:
        assert forget(create_engine(settings.database), "acme", "4711") == (3, True)
        assert forget(create_engine(settings.database), "acme", "tel:+49301234567") == (1, False)
    assert b"1234567" not in producer.return_value.send.call_args.kwargs["value"]
    given = producer.call_args.kwargs
    assert (given["security_protocol"], given["sasl_plain_username"], given["sasl_plain_password"]) == ("SASL_PLAINTEXT", "seamwatch", "hunter2-and-more")
    with mock.patch("seamwatch.forgetting._BOOTSTRAP", 300), pytest.raises(StreamUnavailable):
        forget(create_engine(settings.database), "acme", "4711")


def test_who_is_in_no_table_is_forgotten_at_once(env: dict[str, str | None]) -> None:
    """There is nothing to wait for; the stream is told all the same, and it is said that the name may be wrong."""
    with mock.patch("seamwatch.forgetting.KafkaProducer"):
        ended = run("forget", "nobody", "--yes", env=env)
    assert (ended.exit_code, "knows nobody by this name" in ended.output, "holds nothing of this customer" in ended.output) == (0, True, True)


def test_it_asks_first_and_says_that_no_broker_answers(env: dict[str, str | None]) -> None:
    """Without a yes nothing is done; without a broker it is one sentence."""
    assert run("forget", "4711", given=b"n\n", env=env).exit_code == 1
    with mock.patch("seamwatch.forgetting._BOOTSTRAP", 300):
        ended = run("forget", "4711", "--yes", env=env)
    assert (ended.exit_code, "no broker answers at 127.0.0.1:1" in ended.output) == (1, True)
