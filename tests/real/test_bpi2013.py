"""The incidents of BPI Challenge 2013: replay, the whole program with crashes, and a batch count agree."""

import re
import shutil
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
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

EVENTS = 65_533
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


def replayed(installation: Installation) -> dict[str, dict[str, Any]]:
    """Return what `replay` finds, by id."""
    overrides = ("--set", "memory=1000d", "--set", "ping_pong_return.mode=on")
    installation.run("replay", "--format", "xes", *overrides, "--findings", "findings.jsonl", str(bpic2013.LOG))
    return findings(installation.directory / "findings.jsonl")


def test_the_whole_program_counts_what_a_batch_counts(installation: Installation, tmp_path: Path) -> None:
    """Replay finds ping-pong in exactly the cases of an independent count, and workers that are stopped once and killed twice store exactly that."""
    with ThreadPoolExecutor() as pool:  # two programs at a time, since each keeps one processor busy
        counted, found = pool.submit(bpic2013.count), pool.submit(replayed, installation)
        installation.prepare()
        rules = {"RULES_DIR": str(changed_rules(tmp_path / "rules")), "INSTANCE_ID": "one"}
        installation.run("produce", "--format", "xes", str(bpic2013.LOG))
        for share, how in ((0.15, "kill"), (0.4, "stop"), (0.6, "kill")):
            worker, goal = installation.start(**rules), int(share * EVENTS)
            until(lambda goal=goal: installation.committed("touchpoints") >= goal, 90, worker.tail)  # type: ignore[misc]
            if how == "kill":
                worker.kill()
            else:
                assert worker.stop()[0] == 0
            assert installation.committed("touchpoints") < EVENTS, "it was done before it was ended"
        worker = installation.start(**rules).wait_ready()
        wait_until_caught_up(installation, worker, topics=(*COMMITTED, "raw.bpic2013"), seconds=120)
        truth, expected = counted.result(), found.result()
    assert truth.events == EVENTS
    assert cases(expected.values(), "ping_pong_direct") == truth.direct
    assert cases(expected.values(), "ping_pong_return") == truth.any_return
    hops = [each["rule"]["name"] for each in expected.values()]
    assert hops.count("ping_pong_direct") == truth.direct_hops
    assert hops.count("ping_pong_return") == truth.return_hops
    assert cases(expected.values(), "excessive_handoffs") == truth.passed_on
    waits = Counter(each["first"]["id"].rpartition("/")[0] for each in expected.values() if each["detector"] == "unanswered_handoff")
    assert waits == truth.unanswered
    assert "slow_handoff" not in hops, "the log tells of no acceptance"
    state = database_state(installation.database, datetime(2013, 1, 1, tzinfo=UTC))
    assert state.findings.keys() == expected.keys()
    assert state.findings == expected
    assert worker.stop()[0] == 0
