"""`seamwatch forget` before it meets Kafka: which keys it names, what it writes, and what it says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import insert, select

from models.tables import console_audit, customer_aliases
from models.touchpoint import Refusal, parse_touchpoint
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


def test_who_is_in_no_table_is_forgotten_at_once(env: dict[str, str | None]) -> None:
    """There is nothing to wait for; the stream is told all the same."""
    with mock.patch("seamwatch.forgetting.KafkaProducer"):
        ended = run("forget", "nobody", "--yes", env=env)
    assert (ended.exit_code, "holds nothing of this customer" in ended.output) == (0, True)


def test_it_asks_first_and_says_that_no_broker_answers(env: dict[str, str | None]) -> None:
    """Without a yes nothing is done; without a broker it is one sentence."""
    assert run("forget", "4711", given=b"n\n", env=env).exit_code == 1
    with mock.patch("seamwatch.forgetting._BOOTSTRAP", 300):
        ended = run("forget", "4711", "--yes", env=env)
    assert (ended.exit_code, "no broker answers at 127.0.0.1:1" in ended.output) == (1, True)
