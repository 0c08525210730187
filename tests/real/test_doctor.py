"""The doctor on real servers: all is well, then three things break."""

import json

from kafka import KafkaAdminClient

from tests.support.workers import Installation, stored, until
from tests.unit.seamwatch.support import asked_twice


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
