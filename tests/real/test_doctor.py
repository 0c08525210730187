"""The doctor on real servers: all is well, then three things break."""

import json

from kafka import KafkaAdminClient

from tests.support.receiver import ReceiverServer
from tests.support.workers import Installation, stored, until
from tests.unit.seamwatch.support import asked_twice, touchpoint


def _wrong(installation: Installation, code: int) -> dict[str, str]:
    told = installation.run("doctor", "--json", code=code)
    assert not any(installation.settings[f"SEAMWATCH_{name}"] in told for name in ("HASH_KEY", "CUSTOMER_KEY"))
    checks = json.loads(told)["checks"]
    return {each["check"]: each["found"] for each in checks if each["state"] == "wrong"}


def test_a_sound_installation_is_sound_and_three_breaks_are_named(installation: Installation) -> None:
    """With a worker that has caught up nothing is wrong; without topics, tables' last revision and worker each is named with what is missing."""
    installation.settings |= {"SEAMWATCH_HASH_KEY": "9f86d081884c7d659a2feaa0c55ad015", "SEAMWATCH_CUSTOMER_KEY": "a3bf4f1b2b0b822cd15d6c15b0f00a08"}
    worker = installation.prepare().start().wait_ready()
    insight = installation.start("--roles", "insight").wait_ready()
    installation.produce(asked_twice("c-1"))
    until(lambda: bool(stored(installation.database, "SELECT id FROM findings")), told=worker.tail)
    until(lambda: bool(stored(installation.database, "SELECT 1 FROM observed WHERE next_offset > 0")), told=insight.tail)
    assert _wrong(installation, 0) == {}
    assert insight.stop()[0] == 0
    installation.produce(asked_twice("c-3"))
    assert _wrong(installation, 1) == {"insight": f"{installation.prefix}.touchpoints: 6 records wait"}

    assert worker.stop()[0] == 0
    installation.produce(asked_twice("c-2"))
    assert _wrong(installation, 1) == {
        "lag": f"{installation.prefix}.touchpoints: 6 records wait",
        "insight": f"{installation.prefix}.touchpoints: 12 records wait",
    }

    KafkaAdminClient(bootstrap_servers=installation.bootstrap).delete_topics([f"{installation.prefix}.briefs"])
    installation.settings["SEAMWATCH_DATABASE"] = installation.database + "_gone"
    found = _wrong(installation, 1)
    assert f"{installation.prefix}.briefs: topic: expected to exist, found none" in found["topics"]
    assert "does not exist" in found["database"]
    assert set(found) == {"lag", "insight", "topics", "database"}


def test_the_role_deliver_is_asked_as_all_others_are(installation: Installation) -> None:
    """While a receiver has its brief nothing is wrong; without the role the brief that waits is told, and that nobody sends to the receiver."""
    installation.settings |= {"SEAMWATCH_HASH_KEY": "9f86d081884c7d659a2feaa0c55ad015", "SEAMWATCH_CUSTOMER_KEY": "a3bf4f1b2b0b822cd15d6c15b0f00a08"}
    installation.settings |= {"SEAMWATCH_RECEIVERS_FILE": "receivers.yaml", "SEAMWATCH_DELIVER_SECRETS__DESK": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    file, topic = installation.directory / "receivers.yaml", f"{installation.prefix}.briefs"

    def handed_over(customer: str) -> None:
        handoff = touchpoint(f"{customer}-h", "10:03:00", "handoff.started", customer, "sales", data={"handoff": "h", "to_team": "service", "mode": "blind"})
        installation.produce([*asked_twice(customer)[:3], handoff])

    with ReceiverServer() as place:
        file.write_text(json.dumps({"receivers": [{"name": "desk", "kind": "brief", "url": place.url}]}))
        worker = installation.prepare().start().wait_ready()
        assert _wrong(installation, 1) == {"deliver": f"desk: nobody has ever read {topic}", "deliveries": "desk: no process sends to it"}

        role = installation.start("--roles", "deliver").wait_ready()
        until(lambda: role.metric("consumer_lag_records", topic=topic) == 0 and "consumer_lag_records" in role.get("/metrics")[1], told=role.tail)
        handed_over("c-1")
        until(lambda: len(place.told) == 1, told=role.tail)
        until(lambda: bool(stored(installation.database, "SELECT 1 FROM briefs")), told=worker.tail)
        assert _wrong(installation, 0) == {}

        assert role.stop()[0] == 0
        handed_over("c-2")
        until(lambda: len(stored(installation.database, "SELECT key FROM briefs")) == 2, told=worker.tail)
        assert _wrong(installation, 1) == {"deliver": f"{topic}: 1 records wait", "deliveries": "desk: no process sends to it"}
