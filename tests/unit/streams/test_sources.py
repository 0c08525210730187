"""Sources: what a file gives, what a record becomes, and what is refused."""

import gzip
import io
import json
import re
import tracemalloc
from pathlib import Path
from typing import cast

import pytest

from agents.fields import Fingerprinter
from agents.replay import Replay
from config.errors import ConfigError
from config.fields import load_fields
from config.rules import load_rulebook
from models.touchpoint import MAXIMUM_BYTES, Refusal, parse_touchpoint
from streams.sources import Unmappable, Unreadable, load_source, source_names
from tests.support import bpic2013

KEY = b"0123456789abcdef"
LOG = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <global scope="event"><string key="org:group" value="UNKNOWN"/></global>
  <trace>
    <event>
      <string key="org:group" value="A &amp; B"><string key="concept:name" value="nested"/></string>
      <string key="concept:name" value="Accepted"/>
      <string key="org:resource" value="Ann"/>
      <date key="time:timestamp" value="2010-03-31T16:59:42+02:00"/>
    </event>
    <event>
      <string key="org:group" value="C"/>
      <string key="concept:name" value="Queued"/>
      <date key="time:timestamp" value="2010-03-31T17:59:42+02:00"/>
    </event>
    <string key="concept:name" value="1-1"/>
  </trace>
  <trace><string key="concept:name" value="1-2"/></trace>
</log>
"""
MAPPING = """format: xes
source: own-log
channel: app
customer: "{trace[who]}"
contact: "k/{trace[concept:name]}"
types:
  - when: {concept:name: [Start, Begin]}
    type: contact.started
    actor: {kind: customer}
    data: {direction: inbound, intent: "{event[why]}"}
  - when: {concept:name: Work}
    type: contact.answered
    actor: {kind: agent, team: "{event[org:group]}", id: "{event[org:resource]}"}
"""


def read(name: str, content: bytes) -> list[bytes]:
    """Read bytes as a file of a source."""
    return list(load_source(name, KEY).read(io.BytesIO(content)))


def event(**attributes: str) -> bytes:
    """Return a raw event of the mapping above."""
    attributes = {key.replace("_", ":"): value for key, value in attributes.items()}
    return json.dumps({"trace": {"concept:name": "7", "who": "Ann"}, "event": attributes, "index": 3}).encode()


@pytest.mark.parametrize("compress", [False, True])
def test_an_event_becomes_one_raw_record(compress: bool) -> None:
    """Attributes of the trace count wherever they stand, nested ones and globals do not, and unnamed ones are left out."""
    content = gzip.compress(LOG.encode()) if compress else LOG.encode()
    first, second = map(json.loads, read("bpic2013", content))
    assert first == {
        "trace": {"concept:name": "1-1"},
        "event": {
            "org:group": "A & B",
            "concept:name": "Accepted",
            "time:timestamp": "2010-03-31T16:59:42+02:00",
        },
        "index": 0,
    }
    assert (second["event"]["concept:name"], second["index"]) == ("Queued", 1)


def test_the_incident_log_becomes_work_and_waiting() -> None:
    """Queued tells the team that is waited for; all else is work of the team; the customer is a pseudonym."""
    source = load_source("bpic2013", KEY)
    work, waiting = (json.loads(source.map(raw)[0]) for raw in source.read(io.BytesIO(LOG.encode())))
    assert work == {
        "id": "1-1/0", "source": "bpic2013", "type": "contact.answered", "time": "2010-03-31T16:59:42+02:00",
        "tenant": "default", "customer": work["customer"], "journey": "1-1", "channel": "web", "sequence": 0,
        "actor": {"kind": "agent", "team": "A & B"},
    }  # fmt: skip
    assert re.fullmatch("c-[0-9a-f]{24}", work["customer"])
    assert (waiting["type"], waiting["data"], waiting["actor"]) == ("contact.queued", {"team": "C"}, {"kind": "system"})
    assert waiting["customer"] == work["customer"]
    for touchpoint in (work, waiting):
        assert not isinstance(parse_touchpoint(json.dumps(touchpoint).encode()), Refusal)


def test_another_log_needs_a_mapping_and_no_code(tmp_path: Path) -> None:
    """Values are lists or words, actors are pseudonymised too, and a key whose attribute is missing is left out."""
    (tmp_path / "own.yaml").write_text(MAPPING)
    source = load_source(str(tmp_path / "own.yaml"), KEY)
    assert source.name == "own-log"
    (begun,) = source.map(event(concept_name="Begin", time_timestamp="2026-03-02T09:00:00Z"))
    assert json.loads(begun) == {
        "id": "7/3", "source": "own-log", "type": "contact.started", "time": "2026-03-02T09:00:00Z", "contact": "k/7",
        "tenant": "default", "customer": json.loads(begun)["customer"], "channel": "app", "actor": {"kind": "customer"},
        "data": {"direction": "inbound"},
    }  # fmt: skip
    (work,) = source.map(event(concept_name="Work", time_timestamp="2026-03-02T09:00:00Z", org_resource="Ann"))
    actor = json.loads(work)["actor"]
    assert "team" not in actor
    assert re.fullmatch("a-[0-9a-f]{24}", actor["id"])
    assert actor["id"][2:] != json.loads(work)["customer"][2:]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"{", "not an event of a log"),
        (b"[]", "not an event of a log"),
        (b"\xff", "not an event of a log"),
        (b'{"trace": {}, "event": {}, "index": "0"}', "not an event of a log"),
        (event(concept_name="Secret"), "no type of the mapping fits"),
        (event(concept_name="Work"), r"the event lacks an attribute of {event\[time:timestamp\]}"),
        (b'{"trace": {}, "event": {"concept:name": "Work", "time:timestamp": "x"}, "index": 0}', "lacks an attribute"),
    ],
)
def test_records_that_cannot_be_mapped_say_why(tmp_path: Path, raw: bytes, sentence: str) -> None:
    """The reason is a sentence, and repeats nothing of the record."""
    (tmp_path / "own.yaml").write_text(MAPPING)
    with pytest.raises(Unmappable, match=sentence) as caught:
        load_source(str(tmp_path / "own.yaml"), KEY).map(raw)
    assert "Secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("{trace[who]}", "{trce[who]}", "own.yaml:4: customer: expected text with {trace[KEY]}"),
        ("contact.started", "contact.begun", "own.yaml:8: types[0].type: expected a touchpoint type"),
        ("kind: customer", "kind: client", "own.yaml:9: types[0].actor.kind: expected 'customer'"),
        ("channel: app", "chanel: app", "own.yaml:3: chanel: unknown key; did you mean channel?"),
        ("format: xes", "format: xml", "own.yaml:1: format: expected one of xes"),
    ],
)
def test_wrong_mappings_are_refused_by_file_and_line(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """A mapping is data, and a mistake in it is told like one in a rule."""
    (tmp_path / "own.yaml").write_text(MAPPING.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_source(str(tmp_path / "own.yaml"), KEY)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "line 1 is not XML"),
        (b"{}", "line 1 is not XML"),
        (b"<html/>", "expected a <log>, found a <html>"),
        (LOG.encode()[:-200], "is not XML: no element found"),
        (gzip.compress(LOG.encode())[:-20], "the compressed data are broken"),
        (gzip.compress(LOG.encode())[:30] + b"x" * 200, "the compressed data are broken"),
        (b'<!DOCTYPE log [<!ENTITY a "b">]><log>&a;</log>', "a log has no document type"),
        (b'<!DOCTYPE log SYSTEM "file:///etc/passwd"><log/>', "a log has no document type"),
    ],
)
def test_broken_and_hostile_files_are_refused(content: bytes, sentence: str) -> None:
    """A file that breaks off, is something else or brings entities along is refused in a sentence."""
    with pytest.raises(Unreadable, match=re.escape(sentence)):
        read("bpic2013", content)


def test_a_large_log_is_read_in_little_memory() -> None:
    """Only one trace at a time is held, whatever the size of the file."""
    start, trace, end = LOG.partition("<trace>")[0], LOG[LOG.index("<trace>") : LOG.index("</log>")], "</log>"

    class Endless(io.RawIOBase):
        left, rest = 4_000, start.encode()

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            if not self.rest and self.left >= 0:
                self.left -= 1
                self.rest = (trace if self.left >= 0 else end).encode()
            view = memoryview(cast(bytearray, buffer))
            taken, self.rest = self.rest[: len(view)], self.rest[len(view) :]
            view[: len(taken)] = taken
            return len(taken)

    source = load_source("bpic2013", KEY)
    tracemalloc.start()
    events = sum(1 for _ in source.read(cast(io.BufferedReader, Endless())))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert events == 8_000
    assert peak < 2_000_000


@pytest.mark.parametrize("compress", [False, True])
def test_lines_are_touchpoints_as_they_are(compress: bool) -> None:
    """Blank lines give nothing but are counted, and ends of lines, a byte order mark and a missing last end do not matter."""
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n  \t\n{"b": "\xff"}'
    source = load_source("touchpoints")
    raws = list(source.read(io.BytesIO(gzip.compress(content) if compress else content)))
    assert raws == [b'{"a": 1}', b"", b"", b'{"b": "\xff"}']
    assert [source.map(raw) for raw in raws] == [[raws[0]], [], [], [raws[3]]]


def test_a_line_without_end_does_not_fill_memory() -> None:
    """Of a line that is too long only the beginning is kept, too long to be accepted; the next line is whole."""
    for length in (MAXIMUM_BYTES + 1, MAXIMUM_BYTES + 2, 5 * MAXIMUM_BYTES):
        long, short = load_source("touchpoints").read(io.BytesIO(b"x" * length + b"\n{}\n"))
        assert MAXIMUM_BYTES < len(long) <= MAXIMUM_BYTES + 2
        assert short == b"{}"


def test_sources_are_found_by_name() -> None:
    """A name, the path of a mapping, or a format with one mapping; anything else is told what there is."""
    assert source_names()[0] == "touchpoints"
    assert "bpic2013" in source_names()
    assert load_source("xes", KEY).name == load_source("bpic2013", KEY).name == "bpic2013"
    with pytest.raises(ConfigError, match="no source is called bpic2012; did you mean bpic2013"):
        load_source("bpic2012", KEY)
    with pytest.raises(ConfigError, match="set SEAMWATCH_CUSTOMER_KEY"):
        load_source("bpic2013")


@pytest.mark.slow
@pytest.mark.skipif(not bpic2013.LOG.exists(), reason=f"the incident log is not there: {bpic2013.LOG}")
def test_ping_pong_in_the_incident_log_is_what_a_batch_count_finds() -> None:
    """The same cases, and as many returns, as counted without the engine straight from the log."""
    truth = bpic2013.count()
    source = load_source("bpic2013", KEY)
    replay = Replay(
        load_rulebook(None, ["memory=1000d", "ping_pong_return.mode=on"]), load_fields(), Fingerprinter(KEY)
    )
    events = 0
    with bpic2013.LOG.open("rb") as log:
        for raw in source.read(log):
            for touchpoint in source.map(raw):
                events += 1
                replay.feed(events, touchpoint)
    replay.finish(0)
    found = {"ping_pong_direct": list[str](), "ping_pong_return": list[str]()}
    for finding in replay.findings():
        if finding["rule"]["name"] in found:
            found[finding["rule"]["name"]].append(finding["journey"])
    assert (events, replay.dead_letters) == (truth.events, [])
    assert (frozenset(found["ping_pong_direct"]), len(found["ping_pong_direct"])) == (truth.direct, truth.direct_hops)
    assert (frozenset(found["ping_pong_return"]), len(found["ping_pong_return"])) == (
        truth.any_return,
        truth.return_hops,
    )
