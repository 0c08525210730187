"""`seamwatch sources`."""

import json
from pathlib import Path

import pytest

from agents.detectors import DETECTORS
from seamwatch.source_trial import NEEDS
from tests.unit.seamwatch.support import asked_twice, lines, run, write


def test_list_tells_what_each_source_is_good_for() -> None:
    """Channels are those of the mapping, the source that the worker reads is marked, and programs get the prose too."""
    listed = {each["source"]: each for each in json.loads(run("sources", "list", "--json").stdout)}
    assert listed["chatwoot"]["channels"] == ["chat", "email", "sms", "social"]
    assert listed["cloudevents"]["channels"] == []
    assert listed["asterisk"]["about"]["feeds"][:2] == ["ping_pong", "excessive_handoffs"]
    assert [name for name, each in listed.items() if each["read"]] == ["bpic2013"]
    shown = run("sources", "list").stdout
    assert all(name in shown for name in listed)


def test_a_source_that_nobody_knows_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting that names what the worker reads is checked."""
    monkeypatch.setenv("SEAMWATCH_SOURCES", "bpic2013,chatwot")
    ended = run("sources", "list")
    assert (ended.exit_code, "no source is called chatwot; did you mean chatwoot?" in ended.stderr) == (2, True)


@pytest.mark.parametrize(
    ("topics", "sentence"),
    [
        ({"ZENDESK": "x"}, "SEAMWATCH_SOURCE_TOPICS__ZENDESK: SEAMWATCH_SOURCES does not name this source"),
        ({"GENESYS": "seamwatch.raw.genesys"}, "SEAMWATCH_SOURCE_TOPICS__GENESYS: expected a topic of others"),
        ({"GENESYS": "x", "SEGMENT": "x"}, "expected a topic of others, which is read for one source"),
        ({"GENESYS": "a b"}, "SEAMWATCH_SOURCE_TOPICS: expected letters, digits"),
    ],
)
def test_a_topic_of_others_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, topics: dict[str, str], sentence: str) -> None:
    """A topic for a source that is not read, one of our own, one for two sources."""
    monkeypatch.setenv("SEAMWATCH_SOURCES", "genesys,segment")
    for name, topic in topics.items():
        monkeypatch.setenv(f"SEAMWATCH_SOURCE_TOPICS__{name}", topic)
    ended = run("sources", "list")
    assert (ended.exit_code, sentence in ended.stderr) == (2, True), ended.stderr


def test_list_tells_doors_and_what_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Path and scheme of each door, whether it has a secret; without Kafka and without a database the rest is told, and that they are missing."""
    monkeypatch.setenv("SEAMWATCH_SOURCES", "zendesk,intercom")
    monkeypatch.setenv("SEAMWATCH_INGEST_SECRETS__ZENDESK", "0123456789abcdef")
    monkeypatch.setenv("SEAMWATCH_BROKER", "127.0.0.1:1")
    ended = run("sources", "list", "--json")
    listed = {each["source"]: each for each in json.loads(ended.stdout)}
    assert listed["zendesk"]["door"] == {"path": "/in/zendesk", "scheme": "zendesk"}
    assert [name for name, each in listed.items() if each["open"]] == ["zendesk"]
    assert listed["intercom"]["health"] == {"last": None, "hour": None, "waiting": None, "refused": None}
    assert (listed["asterisk"]["door"], listed["asterisk"]["health"]) == (None, None)
    assert "no broker answers at 127.0.0.1:1" in ended.stderr
    assert "there is no such file" in ended.stderr
    shown = run("sources", "list").stdout
    assert "/in/intercom intercom (no secret)" in " ".join(shown.split())


def test_needs_are_told_of_detectors_that_there_are() -> None:
    """A detector that is gone is not asked for."""
    assert NEEDS.keys() <= DETECTORS.keys()


def test_a_new_source_works_from_the_start(tmp_path: Path) -> None:
    """Its case passes, its sample gives touchpoints and a finding, and what is there already is kept."""
    assert run("sources", "new", "our-desk").exit_code == 0
    played = run("sources", "try", "./sources/our-desk.yaml")
    assert (played.exit_code, played.stdout) == (0, "2 cases, 0 mistakes\n")
    facts = json.loads(run("sources", "try", "./sources/our-desk.yaml", "sources/our-desk.jsonl", "--json").stdout)
    assert facts["types"] == {"contact.answered": 3, "message": 1}
    assert [each["rule"] for each in facts["findings"]] == ["ping_pong_direct"]
    (tmp_path / "sources" / "our-desk.yaml").write_text("mine")
    again = run("sources", "new", "our-desk")
    assert (again.exit_code, "is not overwritten" in again.stderr) == (2, True)
    assert (tmp_path / "sources" / "our-desk.yaml").read_text() == "mine"
    assert run("sources", "new", "Our Desk").exit_code == 2


def test_a_case_that_fails_ends_with_1(tmp_path: Path) -> None:
    """What is made in place of what is expected is told; so is a record that is refused."""
    run("sources", "new", "our-desk")
    mapping = tmp_path / "sources" / "our-desk.yaml"
    mapping.write_text(mapping.read_text().replace("team: sales}}", "team: service}}").replace("raw: {event: ping}", "raw: {event: pong}"))
    played = run("sources", "try", "./sources/our-desk.yaml")
    assert played.exit_code == 1
    assert "Sales answers: touchpoint 0 is not what is expected" in played.stdout
    assert "A ping: refused: no record of the mapping fits" in played.stdout


def test_try_masks_what_customers_said(tmp_path: Path) -> None:
    """Neither the raw record nor the touchpoint shows a value in full; words that the mapping names are shown; refusals have their line."""
    raw = {
        "event": "message_created", "id": 501, "content": "my card is 4929-1234", "message_type": "incoming", "created_at": 1772442840,
        "sender": {"name": "Ann Onymous\x1b[31m"}, "conversation": {"id": 44, "inbox_id": 3, "meta": {"sender": {"id": 70_000_001}}},
    }  # fmt: skip
    path = write(tmp_path, b"\n".join([json.dumps(raw).encode(), b"", b'{"event": "contact_created"}', b'{"event": "SecretThing"}']))
    ended = run("sources", "try", "chatwoot", path)
    assert ended.exit_code == 0
    shown = " ".join(ended.stdout.split())
    for secret in ("4929", "Onymous", "70000001", "SecretThing", "\x1b"):
        assert secret not in ended.output
    for word in ("message_created", "incoming", "…1234", "3 records, 1 touchpoint, 1 without any", "Nothing was found."):
        assert word in shown
    assert f"{path}:4: unmapped: no record of the mapping fits" in ended.stderr


@pytest.mark.parametrize("hostile", [b'{"a":' * 700 + b"1" + b"}" * 700, b"[" * 100_000, b"\xff\x00|" * 1000])
def test_try_withstands_whatever_is_in_the_file(tmp_path: Path, hostile: bytes) -> None:
    """A record that is no record is told, and nothing breaks."""
    ended = run("sources", "try", "chatwoot", write(tmp_path, hostile))
    assert ended.exit_code == 0
    assert "1 record, 0 touchpoints" in ended.stdout


def test_try_reads_a_document_over_several_lines(tmp_path: Path) -> None:
    """What a vendor's manual prints, an object or an array of them, is what its lines would be; what is no JSON is refused by its lines."""
    told = [{"event": "contact_created", "id": number} for number in range(3)]
    for document, records in ((json.dumps(told, indent=2), 3), (json.dumps(told[0], indent=2), 1), ("\n".join(map(json.dumps, told)), 3)):
        facts = json.loads(run("sources", "try", "chatwoot", write(tmp_path, document.encode()), "--json").stdout)
        assert (facts["records"], facts["silent"], facts["refused"]) == (records, records, {})
    facts = json.loads(run("sources", "try", "chatwoot", write(tmp_path, b"{\n'event': 1\n}"), "--json").stdout)
    assert (facts["records"], facts["refused"]) == (3, {"unmapped": 3})


SAMPLES = Path(__file__).parents[3].parent / "shared" / "data" / "vendor_events"
TRIED = {
    "asterisk": ("asterisk_queue_log/*", {"contact.queued": 2, "identity.linked": 2, "contact.answered": 2, "contact.ended": 2}),
    "asterisk_ami": (
        "asterisk_ami/*/*.json",
        {
            "contact.started": 22, "identity.linked": 22, "contact.answered": 51, "contact.ended": 23, "contact.abandoned": 3,
            "handoff.started": 20, "handoff.accepted": 7, "handoff.failed": 8,
        },
    ),
    "amazon_connect": ("aws_connect/contact-events*", {"contact.answered": 1, "contact.ended": 1}),
    "contact_lens": ("aws_connect/*contact-[la]*.json", {"message": 74}),
    "chatwoot": ("chatwoot/*", {"message": 1}),
}  # fmt: skip


@pytest.mark.skipif(not SAMPLES.exists(), reason=f"the vendors' own samples are not there: {SAMPLES}")
@pytest.mark.parametrize("source", TRIED)
def test_try_reads_every_sample_of_the_vendors(source: str, tmp_path: Path) -> None:
    """Each record that a vendor published, or that somebody recorded, is mapped or known to tell nothing; none is refused.

    What the source wants added is added: when a call began, which contact a file is about, when an event came.
    """
    pattern, types = TRIED[source]
    added = {
        "contact_lens": ["--add", "ConnectedToSystemTimestamp=2026-03-02T09:00:00Z", "--add", 'CustomerMetadata={"ContactId": "k-1"}'],
        "asterisk_ami": ["--add", "Received=1772442840"],
    }
    records: list[bytes] = []
    for file in sorted(SAMPLES.glob(pattern)):
        if file.suffix == ".sample":
            records += [line for line in file.read_bytes().splitlines() if not line.startswith(b"#")]
        else:
            told = json.loads(file.read_text())
            records += [json.dumps(each).encode() for each in (told if isinstance(told, list) else [told])]
    facts = json.loads(run("sources", "try", source, write(tmp_path, b"\n".join(records)), "--json", *added.get(source, [])).stdout)
    assert (facts["records"], facts["refused"], facts["types"]) == (len(records), {}, types)


def test_try_tells_what_detectors_lack(tmp_path: Path) -> None:
    """Types of touchpoints, work of a known team, and the context of handoffs are what they need."""
    facts = json.loads(run("sources", "try", "touchpoints", write(tmp_path, lines(asked_twice("Ann"))), "--first", "1", "--json").stdout)
    assert facts["missing"]["ping_pong"] == facts["missing"]["repeated_request"] == []
    assert facts["missing"]["context_lost"] == ["handoff.started", "the context of a handoff"]
    assert [each["rule"] for each in facts["findings"]] == ["repeated_answer", "repeated_request"]
    (shown,) = facts["shown"]
    assert shown["touchpoints"][0]["customer"] == "…"
    assert run("sources", "try", "touchpoints").exit_code == 2
    assert run("sources", "try", "touchpoints", "--add", "nonsense", "x.jsonl").exit_code == 2
