"""Rules in shadow on a running installation."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from agents.fields import Fingerprinter
from agents.replay import Replay
from config.fields import load_fields
from config.rules import SHIPPED_RULES, load_rulebook
from tests.support.services import KafkaServer
from tests.support.stories import newest, stories
from tests.support.workers import (
    HASH_KEY,
    Installation,
    assert_same,
    database_state,
    expected_state,
    stored,
    wait_until_caught_up,
)


@pytest.mark.slow
def test_a_rule_in_shadow_is_stored_and_neither_alerted_nor_scored(
    kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path
) -> None:
    """Sixty timelines through a worker: its findings are in the database, the alerts and scores are those of the other rules alone."""
    rules = tmp_path / "rules"
    shutil.copytree(SHIPPED_RULES, rules)
    file = rules / "repeated_request.yaml"
    file.write_text(file.read_text().replace("mode: on", "mode: shadow", 1))
    log = stories(range(100, 160))
    installation = Installation(tmp_path, kafka.bootstrap, database_url, prefix, RULES_DIR=str(rules))
    try:
        installation.prepare().produce(log)
        wait_until_caught_up(installation, installation.start())
        found = database_state(database_url, newest(log))
        states = []
        for overrides in (), ("repeated_request.mode=off",):
            replay = Replay(load_rulebook(rules, overrides), load_fields(), Fingerprinter(HASH_KEY.encode()))
            for number, each in enumerate(log):
                replay.feed(number, json.dumps(each).encode())
            states.append(expected_state(replay, newest(log) + timedelta(days=30), newest(log)))
        in_shadow, off = states
        assert_same(found, in_shadow)
        assert len(found.findings) - len(off.findings) > 20
        assert (found.alerts, found.scores.keys()) == (off.alerts, off.scores.keys())
        assert not stored(database_url, "SELECT id FROM findings WHERE rule_mode = 'shadow' AND standing")
        [told] = json.loads(installation.run("rules", "shadow", "--since", "2026-01-01T00:00:00Z", "--json"))["rules"]
        assert told["name"] == "repeated_request"
        assert told["found"] == len(found.findings) - len(off.findings)
        assert 0 < told["heard"] < told["found"]
        assert told["teams"]
    finally:
        installation.end()
