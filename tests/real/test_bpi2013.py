"""The incidents of BPI Challenge 2013: replay, the whole program with crashes, and a batch count agree."""

import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.rules import SHIPPED_RULES
from tests.support import bpic2013
from tests.support.workers import COMMITTED, Installation, database_state, until, wait_until_caught_up
from tests.unit.seamwatch.support import findings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not bpic2013.LOG.exists(), reason=f"the incident log is not there: {bpic2013.LOG}"),
]

CHANGED = {"engine": ("memory: 30d", "memory: 1000d"), "ping_pong_return": ("mode: off", "mode: on")}


def changed_rules(directory: Path) -> Path:
    """Write the shipped rules with a memory as long as the longest case, and with returns over other teams."""
    shutil.copytree(SHIPPED_RULES, directory)
    for name, (old, new) in CHANGED.items():
        path = directory / f"{name}.yaml"
        content = path.read_text()
        assert len(re.findall(rf"^{old}\b", content, re.MULTILINE)) == 1
        path.write_text(re.sub(rf"^{old}\b", new, content, flags=re.MULTILINE))
    return directory


def cases(found: Iterable[dict[str, Any]], rule: str) -> set[str]:
    """Return the names of the cases in which ``rule`` found something: the touchpoint's id begins with it."""
    return {each["again"]["id"].rpartition("/")[0] for each in found if each["rule"]["name"] == rule}


def test_the_whole_program_counts_what_a_batch_counts(installation: Installation, tmp_path: Path) -> None:
    """Replay finds ping-pong in exactly the cases of an independent count, and a worker that is stopped once and killed twice stores exactly that."""
    truth = bpic2013.count()
    log = str(bpic2013.LOG)
    overrides = ("--set", "memory=1000d", "--set", "ping_pong_return.mode=on")
    installation.run("replay", "--format", "xes", *overrides, "--findings", "findings.jsonl", log)
    expected = findings(tmp_path / "findings.jsonl")
    assert cases(expected.values(), "ping_pong_direct") == truth.direct
    assert cases(expected.values(), "ping_pong_return") == truth.any_return
    hops = [each["rule"]["name"] for each in expected.values()]
    assert hops.count("ping_pong_direct") == truth.direct_hops
    assert hops.count("ping_pong_return") == truth.return_hops

    rules = {"RULES_DIR": str(changed_rules(tmp_path / "rules")), "INSTANCE_ID": "one"}
    installation.prepare()
    installation.run("produce", "--format", "xes", log)
    for share, how in ((0.2, "kill"), (0.5, "stop"), (0.75, "kill")):
        worker = installation.start(**rules)
        goal = int(share * truth.events)
        until(lambda goal=goal: installation.committed("touchpoints") >= goal, 90, worker.tail)  # type: ignore[misc]
        if how == "kill":
            worker.kill()
        else:
            assert worker.stop()[0] == 0
        assert installation.committed("touchpoints") < truth.events, "it was done before it was ended"
    worker = installation.start(**rules).wait_ready()
    wait_until_caught_up(installation, worker, topics=(*COMMITTED, "raw.bpic2013"), seconds=120)
    state = database_state(installation.database, datetime(2013, 1, 1, tzinfo=UTC))
    assert state.findings.keys() == expected.keys()
    assert state.findings == expected
    assert worker.stop()[0] == 0
