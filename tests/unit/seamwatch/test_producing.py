"""What `seamwatch produce` sends, under which keys, and when."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka.partitioner import murmur2
from kafka.partitioner.default import murmur2 as producers_murmur2

from seamwatch.producing import Pace, Producing
from streams.sources import load_source
from tests.unit.seamwatch.support import asked_twice, lines, run, touchpoint


class Future:
    def add_callback(self, call: Any) -> None:
        call(None)

    def add_errback(self, call: Any) -> None:
        """Never fails."""


class Failing(Future):
    def add_callback(self, call: Any) -> None:
        """Never succeeds."""

    def add_errback(self, call: Any) -> None:
        call(TimeoutError())


class Log:
    """A producer that keeps what it is given."""

    def __init__(self, future: Future) -> None:
        self.future = future
        self.records: list[tuple[str, bytes | None, bytes]] = []

    def send(self, topic: str, *, key: bytes | None, value: bytes) -> Future:
        self.records.append((topic, key, value))
        return self.future

    def flush(self) -> None:
        """Nothing waits."""


def produce(content: bytes, *, future: Future | None = None, source: str = "touchpoints") -> tuple[Producing, Log]:
    """Send ``content`` and return what became of it."""
    log = Log(future or Future())
    producing = Producing(log, "t", load_source(source, b"0123456789abcdef"), Pace(None, None))
    producing.send("file", io.BytesIO(content))
    producing.finish()
    return producing, log


def test_touchpoints_go_out_as_they_are_under_tenant_and_customer() -> None:
    """Each line is one record with the key tenant/customer, confirmed."""
    content = lines(asked_twice("c-1"))
    producing, log = produce(content)
    assert [value for _, _, value in log.records] == content.splitlines()
    assert {key for _, key, _ in log.records} == {b"acme/c-1"}
    assert (producing.lines, producing.sent, producing.confirmed) == (6, 6, 6)


def test_lines_without_a_customer_are_refused_and_heartbeats_left_out() -> None:
    """What has no valid tenant and customer is refused with its line; what only is wrong otherwise is sent, for the worker to set aside."""
    heartbeat = {"id": "h", "source": "s", "type": "heartbeat", "time": "2026-03-02T10:00:00Z"}
    wrong = [
        touchpoint("1", "10:00:00", "message", "c-1", None, data={}),  # no text: sent
        touchpoint("2", "10:00:00", "message", "ann@example.org", None, data={"text": "hello"}),
        touchpoint("3", "10:00:00", "message", "", None, data={"text": "hello"}),
        touchpoint("4", "10:00:00", "message", "c-1", None, data={"text": "hello"}) | {"tenant": "No Tenant"},
    ]
    producing, log = produce(lines([heartbeat], wrong) + b"\nno json\n[]\n")
    assert [(key, json.loads(value)["id"]) for _, key, value in log.records] == [(b"acme/c-1", "1")]
    assert (producing.heartbeats, producing.unusual) == (1, 1)
    assert [(each.line, each.reason) for each in producing.refused] == [
        (3, "raw_identifier"),
        (4, "invalid_value"),
        (5, "invalid_value"),
        (7, "malformed_json"),
        (8, "invalid_value"),
    ]


def test_raw_records_are_keyed_by_the_customer_that_they_become() -> None:
    """Events of one case share a key, which is a pseudonym; an event that cannot be mapped has none."""
    event = (
        '<event><string key="org:group" value="A"/><string key="concept:name" value="Accepted"/>'
        '<date key="time:timestamp" value="2026-03-02T10:01:00+00:00"/></event>'
    )
    trace = '<trace><string key="concept:name" value="{}"/>{}</trace>'
    log_file = f"<log>{trace.format('1', event * 2)}{trace.format('2', event)}{trace.format('3', '<event/>')}</log>"
    producing, log = produce(log_file.encode(), source="xes")
    first, again, other, none = [key for _, key, _ in log.records]
    assert first == again != other
    assert first is not None
    assert first.startswith(b"default/c-")
    assert none is None
    assert (producing.confirmed, producing.unusual) == (4, 1)


def test_failed_deliveries_are_counted_by_reason() -> None:
    """A record that was not confirmed counts as failed."""
    producing, _ = produce(lines(asked_twice("c-1")), future=Failing())
    assert (producing.confirmed, dict(producing.failed)) == (0, {"TimeoutError": 6})


@pytest.mark.parametrize("key", [b"acme/c-1", b"default/" + bytes(range(256)), b"", "ü/日本".encode()])
def test_the_partitioner_is_that_of_java_clients(key: bytes) -> None:
    """The producer's hash is the one by which the worker finds a customer's partition."""
    assert producers_murmur2(key) & 0x7FFFFFFF == murmur2(key) & 0x7FFFFFFF


def paced(moments: list[float | None], **how: Any) -> list[float]:
    """Return when records of these moments go out, on a clock that only sleeping moves."""
    now = [100.0]
    pace = Pace(how.get("rate"), how.get("speed"), lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))
    times = []
    for moment in moments:
        pace.wait(moment)
        times.append(now[0] - 100.0)
    return times


def test_rate_and_speed_decide_when_a_record_goes() -> None:
    """Two a second go half a second apart; at tenfold speed a minute lasts six seconds, and what is late or has no time goes at once."""
    assert paced([5.0, 5.0, None], rate=2) == [0.0, 0.5, 1.0]
    assert paced([60.0, 120.0, 90.0, None, 180.0], speed=10) == [0.0, 6.0, 6.0, 6.0, 12.0]
    assert paced([1.0, 2.0]) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "PATHS or --connect: one of them is needed"),
        (("--connect", "ami://u@pbx", "password"), "PATHS or --connect: one of them is needed"),
        (("--connect", "ami://u@pbx"), "--connect and --password-file belong together"),
        (("--connect", "ami://u@pbx", "--password-file", "password", "--follow"), "--connect excludes --follow"),
        (("--connect", "ami://u:secret@pbx", "--password-file", "password"), "others see the password there"),
        (("--connect", "ami://pbx", "--password-file", "password"), "the manager interface needs a user"),
        (("--connect", "http://pbx", "--password-file", "password"), "expected ami://USER@HOST:PORT or esl://HOST:PORT"),
        (("--connect", "esl://pbx:port", "--password-file", "password"), "expected ami://USER@HOST:PORT or esl://HOST:PORT"),
        (("--connect", "esl://pbx", "--password-file", "lines"), "holds no password in one line"),
    ],
)
def test_a_connection_that_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str) -> None:
    """Before anything is connected; a password has no place where others see it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text("4711-4711")
    (tmp_path / "lines").write_text("one\ntwo")
    ended = run("produce", *arguments)
    assert (ended.exit_code, sentence in " ".join(ended.stderr.split())) == (2, True)
    assert "secret" not in ended.output
