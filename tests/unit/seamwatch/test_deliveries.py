"""`seamwatch deliveries`: what is told, what became of it, sending it again; and secrets that nothing can be signed with."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.receivers import Receivers
from config.settings import load_settings
from seamwatch.delivering import secrets_of
from seamwatch.errors import WrongUse
from sinks.database import create_engine, upgrade
from tests.unit.seamwatch.support import run
from tests.unit.sinks.builders import finding
from tests.unit.sinks.couriers import MOMENTS, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a receiver that took one alert and refused another."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    upgrade(url)
    monkeypatch.setenv("SEAMWATCH_DATABASE", url)
    engine = create_engine(url)
    world = World(engine)
    world.place.refuses = lambda body: body["data"]["alert"]["key"] == "B"
    world.find(finding(**MOMENTS), finding("g", alert="B"))
    world.rounds()
    yield world
    engine.dispose()


def test_deliveries_are_listed_and_counted(world: World) -> None:
    """The newest first, by any filter, with what became of them; as JSON without what was told."""
    told = run("deliveries", "list").output
    for word in ("crm", "alert A", "delivered", "alert B", "dead", "HTTP 400", "By receiver and state"):
        assert word in told
    listed = json.loads(run("deliveries", "list", "--state", "dead", "--json").output)
    [dead] = listed["deliveries"]
    assert (dead["subject"], dead["error"], "body" in dead) == ("B", "HTTP 400", False)
    assert [(each["state"], each["number"]) for each in listed["counts"]] == [("dead", 1)]
    assert "No deliveries." in run("deliveries", "list", "--receiver", "nobody").output


def test_one_is_shown_with_masks_alone(world: World) -> None:
    """What a delivery tells is shown by any beginning of its id; values are masks."""
    [identity] = [identity for identity, _ in world.place.arrived]
    told = run("deliveries", "show", identity[:12]).output
    assert "delivered after 1 try" in told
    assert "…4711" in told
    assert "there is no such delivery" in run("deliveries", "show", "msg_none").output
    assert "several deliveries begin so" in run("deliveries", "show", "msg_").output


def test_what_is_dead_is_sent_again_under_its_id(world: World) -> None:
    """Without a choice nothing is sent; with one the dead go again, and the command says how many."""
    assert run("deliveries", "replay").exit_code == 2
    assert run("deliveries", "replay", "--all", "--receiver", "crm").exit_code == 2
    world.place.refuses = lambda body: False
    dead = world.place.tried[:]
    assert "1 delivery will be sent again" in run("deliveries", "replay", "--receiver", "crm").output
    world.now = datetime.now(UTC)  # the command's own
    asyncio.run(world.courier.round())
    assert world.place.tried[-1] in dead
    assert len(world.place.arrived) == 2
    world.find(finding("h", alert="B", minutes=5))
    world.rounds()
    ended = run("deliveries", "replay", "--state", "delivered", "--what", "alert")
    assert "1 delivery will be sent again" in ended.output
    assert "1 left: a newer one followed" in ended.output


def test_a_secret_that_signs_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook needs a secret, and one that is base64; none is repeated."""
    receivers = Receivers.model_validate({"receivers": [{"name": "our-crm", "kind": "webhook", "url": "https://x.example"}]})
    with pytest.raises(WrongUse, match="SEAMWATCH_DELIVER_SECRETS__OUR_CRM is not set"):
        secrets_of(load_settings(), receivers)
    monkeypatch.setenv("SEAMWATCH_DELIVER_SECRETS__OUR_CRM", "no base64 at all, and secret")
    with pytest.raises(Exception, match="too short") as short:
        secrets_of(load_settings(), receivers)
    monkeypatch.setenv("SEAMWATCH_DELIVER_SECRETS__OUR_CRM", "no-base64-at-all-and-secret")
    with pytest.raises(WrongUse, match="SEAMWATCH_DELIVER_SECRETS__OUR_CRM: expected whsec_") as wrong:
        secrets_of(load_settings(), receivers)
    assert "and-secret" not in f"{short.value}{wrong.value}"
