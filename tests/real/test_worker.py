"""The whole program on a real Kafka and a real PostgreSQL: what a worker stores is what `replay` finds."""

import json
import signal
import subprocess
from functools import partial
from typing import Any

import pytest

from tests.support.workers import Installation, WorkerProcess, stored, until
from tests.unit.seamwatch.support import asked_twice, findings, lines, touchpoint, write


def says(worker: WorkerProcess, said: str) -> bool:
    """Return whether ``said`` stands in the worker's log."""
    return said in worker.log.read_text()


def scenario() -> bytes:
    """Return stories of many customers, one handoff that nobody answers, and two lines that are no touchpoints."""
    handoff = {"handoff": "h", "to_team": "service", "mode": "blind"}
    waiting = [
        touchpoint("w-1", "09:50:00", "contact.answered", "c-w", "sales"),
        touchpoint("w-2", "10:01:00", "handoff.started", "c-w", "sales", data=handoff),
    ]
    wrong = [touchpoint(f"x-{number}", "10:00:00", "message", "c-x", None, data={}) for number in range(2)]
    return lines(*(asked_twice(f"c-{number}") for number in range(50)), waiting, wrong)


@pytest.mark.parametrize("program", [None, "compiled_program"])
def test_a_worker_stores_what_replay_finds(
    installation: Installation, database_url: str, program: str | None, request: pytest.FixtureRequest
) -> None:
    """Findings and alerts are those of `replay`, wrong lines are dead letters, scores are there; the worker answers and leaves in time."""
    if program:
        installation.program = request.getfixturevalue(program)
    content = scenario()
    path = write(installation.directory, content)
    assert "to exist" in installation.run("topics", "check", code=1)
    installation.run("topics", "create")
    installation.run("topics", "check")
    installation.run("db", "upgrade")
    worker = installation.start()
    until(lambda: worker.get("/livez")[0] == 200)
    assert worker.get("/readyz")[0] == 503
    installation.run("produce", path)
    until(lambda: worker.get("/readyz")[0] == 200)
    summary = json.loads(installation.run("replay", path, "--json", "--findings", "findings.jsonl"))
    expected = findings(installation.directory / "findings.jsonl")
    assert {each["detector"] for each in expected.values()} == {
        "repeated_request",
        "repeated_answer",
        "unanswered_handoff",
    }

    def found() -> dict[str, Any]:
        return {row.id: row.body for row in stored(database_url, "SELECT id, body FROM findings WHERE NOT withdrawn")}

    until(lambda: found().keys() == expected.keys())
    assert found() == expected
    until(lambda: stored(database_url, "SELECT count(*) FROM dead_letters")[0][0] == summary["refused"]["lines"] == 2)
    (alerts,) = stored(database_url, "SELECT count(*), sum(occurrences) FROM alerts WHERE state = 'open'")
    assert tuple(alerts) == (summary["findings"]["alerts"], summary["findings"]["for_alerts"])
    until(lambda: {"team", "seam", "tenant"} <= {row.scope for row in stored(database_url, "SELECT scope FROM scores")})
    until(lambda: 'seamwatch_dead_letters_total{reason="missing_field"} 2.0' in worker.get("/metrics")[1], 5)
    assert 'seamwatch_touchpoints_total{source="test",type="info.requested"} 100.0' in worker.get("/metrics")[1]
    listed = installation.run("alerts", "list", "--json", "--limit", "1000").splitlines()
    assert len(listed) == summary["findings"]["alerts"]
    code, seconds = worker.stop()
    assert code == 0
    assert seconds < 10
    assert "4711" not in worker.log.read_text()


def test_raw_records_are_mapped_and_watched(installation: Installation, database_url: str) -> None:
    """A log of events goes through its raw topic, its mapping and the rules, and gives the findings of `replay`."""
    event = (
        '<event><string key="org:group" value="{}"/><string key="concept:name" value="Accepted"/>'
        '<string key="lifecycle:transition" value="In Progress"/><date key="time:timestamp" value="2026-03-02T10:0{}:00+00:00"/></event>'
    )
    trace = (
        '<trace><string key="concept:name" value="{}"/>'
        + "".join(event.format(*at) for at in ("A1", "B2", "A3", "C4"))
        + "</trace>"
    )
    path = write(
        installation.directory, f"<log>{''.join(trace.format(case) for case in range(20))}</log>".encode(), "log.xes"
    )
    installation.run("topics", "create")
    installation.run("db", "upgrade")
    installation.run("replay", "--format", "xes", path, "--findings", "findings.jsonl")
    expected = findings(installation.directory / "findings.jsonl")
    assert len(expected) >= 20
    worker = installation.start()
    installation.run("produce", "--format", "xes", path)
    until(
        lambda: (
            {row.id: row.body for row in stored(database_url, "SELECT id, body FROM findings WHERE NOT withdrawn")}
            == expected
        )
    )
    assert worker.stop(signal.SIGINT)[0] == 0


def test_roles_share_the_work(installation: Installation, database_url: str) -> None:
    """A worker that watches and one that stores give together what one gives that does both."""
    path = write(installation.directory, scenario())
    installation.run("topics", "create")
    installation.run("db", "upgrade")
    installation.run("produce", path)
    installation.run("replay", path, "--findings", "findings.jsonl")
    expected = findings(installation.directory / "findings.jsonl")
    watching = installation.start("--roles", "watch,score", DATABASE="sqlite:////nowhere/at/all.db")
    storing = installation.start("--roles", "sink")
    until(
        lambda: (
            {row.id for row in stored(database_url, "SELECT id FROM findings WHERE NOT withdrawn")} == expected.keys()
        )
    )
    assert [worker.stop()[0] for worker in (watching, storing)] == [0, 0]


def test_alerts_are_followed_until_ctrl_c(installation: Installation) -> None:
    """`alerts follow` shows an alert when it comes, and Ctrl-C ends it with 0 and without a trace."""
    installation.run("topics", "create")
    installation.run("db", "upgrade")
    installation.start()
    follower = subprocess.Popen(
        installation.command("alerts", "follow", "--json", "--interval", "0.2"),
        cwd=installation.directory,
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    installation.workers.append(follower)
    assert follower.stderr is not None
    assert follower.stdout is not None
    assert "Ctrl-C" in follower.stderr.readline()
    installation.run("produce", write(installation.directory, lines(asked_twice("c-1"))))
    assert json.loads(follower.stdout.readline())["customer"] == "c-1"
    follower.send_signal(signal.SIGINT)
    assert follower.wait(15) == 0  # a query under way is cancelled first, which may take the driver five
    assert follower.stderr.read() == ""


def test_without_servers_a_worker_waits_and_says_so(installation: Installation) -> None:
    """Where neither database nor broker answers, the worker lives, is not ready, says why on its log, and SIGTERM ends it with 0."""
    nobody = "127.0.0.1:1"
    no_database = installation.start(DATABASE=f"postgresql://seamwatch@{nobody}/seamwatch")
    no_broker = installation.start("--roles", "watch", BROKER=nobody)
    for worker, said in (no_database, "the database is not available"), (no_broker, f"no broker at {nobody}"):
        until(partial(says, worker, said), 10)
        assert worker.get("/livez")[0] == 200
        assert worker.get("/readyz")[0] == 503
        assert worker.stop()[0] == 0
        assert "Traceback" not in worker.log.read_text()


def test_a_worker_refuses_tables_and_topics_that_are_not_its_own(installation: Installation) -> None:
    """An empty database and topics of another number of partitions end the worker with 1 and a sentence with what to do."""
    worker = installation.start()
    assert worker.process.wait(20) == 1
    assert "seamwatch db upgrade" in worker.log.read_text()
    installation.run("db", "upgrade")
    installation.run("topics", "create")
    worker = installation.start(PARTITIONS="4")
    assert worker.process.wait(20) == 1
    assert "partitions: expected 4, found 3" in worker.log.read_text()


def test_produce_says_where_there_is_no_topic(installation: Installation) -> None:
    """A topic is never made by writing to it: the command that makes it is named."""
    path = write(installation.directory, lines(asked_twice("c-1")))
    ended = subprocess.run(
        installation.command("produce", path),
        cwd=installation.directory,
        env=installation.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "seamwatch topics create" in ended.stderr
