"""The small parts: liveness, settings, partitions of keys, dead letters, failpoints, the check of the libraries."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.dead_letters import MOST_BYTES, dead_letter
from streams.errors import IncompatibleLibrary, Zombie
from streams.failpoints import EXIT_CODE
from streams.health import Health
from streams.liveness import Liveness
from streams.producer import Outgoing, Rows, group_by_partition, partition_for
from streams.selfcheck import REQUIRED, self_check
from streams.settings import StreamSettings
from streams.topics import TopicAdmin

ROOT = Path(__file__).parents[3]


def test_the_installed_libraries_are_those_that_this_builds_on() -> None:
    """Every private name of Faust and aiokafka is there, with its parameters."""
    self_check()


@pytest.mark.parametrize(
    ("where", "parameters", "problem"),
    [
        ("faust.transport.consumer:Consumer._gone", (), "faust.transport.consumer:Consumer._gone is gone"),
        ("faust.nowhere:Consumer", None, "faust.nowhere:Consumer is gone"),
        ("faust.transport.consumer:Consumer._drain_messages", ("fetch",), "no longer takes fetch"),
    ],
)
def test_a_changed_library_is_refused_by_name(where: str, parameters: tuple[str, ...] | None, problem: str) -> None:
    """The error names what is missing and the installed version of Faust."""
    with pytest.raises(IncompatibleLibrary, match=r"faust-streaming 0\.15\.\d+") as caught:
        self_check({**REQUIRED, where: parameters})
    assert problem in str(caught.value)


def test_a_worker_that_stood_still_must_not_go_on() -> None:
    """After a gap longer than its patience neither a write nor the next poll is allowed; before the first poll and after the last nothing is counted."""
    now = [0.0]
    liveness = Liveness(5.0, lambda: now[0])
    now[0] = 100.0
    liveness.check()
    liveness.turn()
    now[0] = 104.0
    liveness.turn()
    now[0] = 109.5
    with pytest.raises(Zombie):
        liveness.check()
    with pytest.raises(Zombie):
        liveness.turn()
    liveness.rest()
    liveness.check()


def test_settings_that_let_a_late_worker_write_are_refused() -> None:
    """A delivery may not outlive the session, nor a session the request that keeps it."""
    with pytest.raises(ValueError, match="delivery_timeout < session_timeout"):
        StreamSettings(delivery_timeout=10.0, session_timeout=10.0)
    with pytest.raises(ValueError, match="heartbeat_interval"):
        StreamSettings(heartbeat_interval=5.0)


@pytest.mark.parametrize(
    ("key", "partition"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_keys_are_placed_as_java_places_them(key: bytes, partition: int) -> None:
    """Kafka's own test vectors of murmur2 give the partition."""
    assert partition_for(key, 12) == (partition & 0x7FFFFFFF) % 12


def test_records_are_grouped_in_order() -> None:
    """Within a partition the order of the records stays; nothing is sent where there is nothing; a record with neither key nor partition is refused."""
    head = [("why", b"that")]
    records: list[Outgoing | Rows] = [
        Outgoing("a", 1, b"x", b"1"),
        Outgoing("b", None, b"abc", b"2", head),
        Outgoing("a", 1, None, b"3"),
        Rows("a", 1, [(b"y", b"4"), (b"x", None)]),
        Rows("c", 1, []),
    ]
    assert group_by_partition(records, lambda _: 12) == {
        ("a", 1): [(b"x", b"1", ()), (None, b"3", ()), (b"y", b"4", ()), (b"x", None, ())],
        ("b", partition_for(b"abc", 12)): [(b"abc", b"2", head)],
    }
    with pytest.raises(ValueError, match="neither key nor partition"):
        group_by_partition([Outgoing("a", None, None, b"")], lambda _: 12)


def test_a_dead_letter_keeps_bytes_and_origin() -> None:
    """Headers say where it came from and why; a value that is too long is cut, and the cut is recorded."""
    now = datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
    letter = dead_letter(
        "t.dead-letters",
        source=("t.raw.shop", 3, 42),
        reason="too_large",
        detail="long",
        key=None,
        value=b"x" * 1_000_000,
        now=now,
    )
    assert letter.value is not None
    assert len(letter.value) == MOST_BYTES
    assert dict(letter.headers) == {
        "topic": b"t.raw.shop", "partition": b"3", "offset": b"42", "reason": b"too_large", "detail": b"long",
        "time": b"2026-03-02T09:14:00.000+00:00", "truncated": b"1000000",
    }  # fmt: skip
    assert letter.partition == 3


def test_a_failpoint_ends_the_process_the_nth_time() -> None:
    """The process ends at once with a code of its own, at the named point, as often as told."""
    program = "from streams.failpoints import failpoint\nfor n in range(5): failpoint('other'); failpoint('here'); print(n, flush=True)"
    environment = {**os.environ, "SEAMWATCH_FAILPOINT": "here:3"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (EXIT_CODE, "0\n1\n")


def test_a_failpoint_freezes_the_process_until_it_is_let_go() -> None:
    """At the named point the process stands still, and goes on when it is told to."""
    program = "from streams.failpoints import failpoint\nfailpoint('here'); print('on', flush=True)"
    environment = {**os.environ, "SEAMWATCH_FAILPOINT": "here:1:freeze"}
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=10)[0] == b"on\n"


def test_health_says_why_the_worker_is_not_ready() -> None:
    """Each cause is a sentence; without one the worker is ready."""
    health = Health()
    ready = [health.ready]
    health.started = True
    ready.append(health.ready)
    assert ready == [False, True]
    health.recovering = frozenset({3, 1})
    health.waiting["sink"] = "database down"
    assert health.reasons == ["sink: database down", "recovering: partitions 1, 3"]


def test_every_topic_is_set_up_for_what_it_holds() -> None:
    """What state is rebuilt from is compacted, what is read once is kept for a week, and where clocks matter the broker stamps."""
    specs = {spec.name: spec for spec in TopicAdmin(StreamSettings(prefix="t", sources=("shop",), replication=3)).specs}
    compacted = {name for name, spec in specs.items() if spec.settings["cleanup.policy"] == "compact"}
    stamped = {name for name, spec in specs.items() if spec.settings.get("message.timestamp.type") == "LogAppendTime"}
    assert compacted == {"t.watch-changelog", "t.tallies", "t.scores"}
    assert stamped == {"t.raw.shop", "t.touchpoints"}
    assert {spec.settings["min.insync.replicas"] for spec in specs.values()} == {"2"}
    assert {spec.partitions for spec in specs.values()} == {12}
