"""Sources that are data: what a mapping can say, and how its mistakes are told."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from seamwatch.source_trial import failures
from streams.sources import Unmappable, Unreadable, load_source, source_names
from streams.sources.pseudonym import customer_pseudonym

DOCUMENT = Path(__file__).parents[3] / "docs" / "sources.md"
KEY = b"0123456789abcdef"
MAPPING = """format: json
source: desk
channel: {path: via, lookup: channels, otherwise: web}
customer: who
contact: ticket
time: {path: at, unit: ms}
id: event
lookups:
  channels: {Phone: voice}
  teams: {"12": sales}
records:
  - when: kind == 'noise'
    touchpoints: []
  - when: kind == 'work'
    actor: {kind: agent, team: {path: team, lookup: teams, keep: true}, id: agent}
    touchpoints:
      - type: contact.answered
      - each: notes[?text]
        when: item.text != 'skip'
        time: {path: item.offset, unit: us, since: {path: at, unit: ms}}
        type: message
        data: {text: item.text, private: {path: item.hidden, as: flag}}
"""
RECORD = {"kind": "work", "event": 9, "who": 7, "ticket": 81, "at": 1772442840250, "via": "phone", "team": 12, "agent": "ann"}


def source(tmp_path: Path, text: str = MAPPING) -> Any:
    """Load a mapping."""
    (tmp_path / "desk.yaml").write_text(text)
    return load_source(str(tmp_path / "desk.yaml"), KEY)


def mapped(source: Any, **changes: Any) -> list[dict[str, Any]]:
    """Map the record above, changed."""
    return [json.loads(each) for each in source.map(json.dumps(RECORD | changes).encode())]


def test_one_record_gives_several_touchpoints(tmp_path: Path) -> None:
    """Ids count within the record, numbers become text where ids belong, lookups fold case, and each element has its own time."""
    notes = [{"text": "a", "offset": 5, "hidden": "true"}, {"text": "skip", "offset": 6}, {}, {"text": "b", "offset": "1500000"}]
    answered, first, second = mapped(source(tmp_path), notes=notes)
    assert answered == {
        "id": "9/0", "source": "desk", "type": "contact.answered", "time": "2026-03-02T09:14:00.250000Z", "tenant": "default",
        "customer": answered["customer"], "channel": "voice", "contact": "81", "data": {},
        "actor": {"kind": "agent", "team": "sales", "id": answered["actor"]["id"]},
    }  # fmt: skip
    assert answered["customer"].startswith("c-")
    assert answered["actor"]["id"].startswith("a-")
    assert (first["id"], first["time"], first["data"]) == ("9/1", "2026-03-02T09:14:00.250005Z", {"text": "a", "private": True})
    assert (second["id"], second["time"], second["data"]) == ("9/2", "2026-03-02T09:14:01.750000Z", {"text": "b"})


def test_what_a_lookup_lacks_is_kept_or_replaced_or_missing(tmp_path: Path) -> None:
    """``keep`` passes a value through, ``otherwise`` takes another one, and without either there is none."""
    (made,) = mapped(source(tmp_path), team="support", via=None)
    assert (made["actor"]["team"], made["channel"]) == ("support", "web")
    (made,) = mapped(source(tmp_path, MAPPING.replace(", keep: true", "")), team="support")
    assert "team" not in made["actor"]


def test_a_record_without_an_id_is_known_by_its_bytes(tmp_path: Path) -> None:
    """The same bytes have the same id, other bytes another one."""
    desk = source(tmp_path)
    once, again, other = (mapped(desk, event=None, at=at)[0]["id"] for at in (1, 1, 2))
    assert once == again != other
    assert len(once) == 64 + len("/0")


@pytest.mark.parametrize(
    ("unit", "given", "time"),
    [
        ("s", 1772442840, "09:14:00.000000"),
        ("s", 1772442840.123456, "09:14:00.123456"),
        ("s", "1772442840.5", "09:14:00.500000"),
        ("ms", "1772442840250", "09:14:00.250000"),
        ("us", 1772442840250125, "09:14:00.250125"),
        ("s", "2026-03-02T10:14:00+01:00", "09:14:00.000000"),
        ("iso", "2026-03-02T09:14:00.123456789Z", "09:14:00.123456"),
        ("iso, zone: Europe/Berlin", "2026-03-02 10:14:00", "09:14:00.000000"),
    ],
)
def test_times_in_every_unit(tmp_path: Path, unit: str, given: Any, time: str) -> None:
    """Seconds, milliseconds, microseconds and ISO 8601 give the moment to the microsecond; local times need their zone."""
    (made,) = mapped(source(tmp_path, MAPPING.replace("unit: ms}\nid", f"unit: {unit}}}\nid")), at=given)
    assert made["time"] == f"2026-03-02T{time}Z"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "other"}, "no record of the mapping fits"),
        ({"who": None}, "lacks its customer"),
        ({"who": ["Secret"]}, "customer: expected text or a whole number"),
        ({"at": None}, "lacks its time"),
        ({"at": "Secret"}, "time: expected a time as the mapping describes it"),
        ({"at": 10**30}, "time: expected a time"),
        ({"at": "2026-03-02T09:14:00"}, "time: expected a time"),
        ({"ticket": "a\x00b"}, "contact.answered.contact is wrong"),
        ({"notes": "Secret"}, None),
        ({"notes": [{"text": "a"}]}, "lacks its time"),
        ({"notes": [{"text": {"Secret": 1}, "offset": 1}]}, "message.data.text is wrong"),
        ({"notes": [{"text": "a", "offset": 1, "hidden": "Secret"}]}, "private: expected a value that reads as flag"),
    ],
)
def test_records_that_cannot_be_mapped_say_why(tmp_path: Path, changes: dict[str, Any], sentence: str | None) -> None:
    """The reason names the key of the touchpoint and repeats no value; a projection over what is no list finds nothing."""
    if sentence is None:
        assert len(mapped(source(tmp_path), **changes)) == 1
        return
    with pytest.raises(Unmappable, match=sentence.replace(".", r"\.")) as caught:
        mapped(source(tmp_path), **changes)
    assert "Secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("customer: who", "customer: who[", "desk.yaml:4: customer.path: not JMESPath: wrong at character 5"),
        ("customer: who", "customer: jion('/', who)", "desk.yaml:4: customer.path: JMESPath has no function jion; did you mean join?"),
        ("customer: who", "customer: join(who)", "desk.yaml:4: customer.path: join takes 2 arguments, 1 are given"),
        ("customer: who", "customer: '!ticket.who'", "desk.yaml:4: customer.path: ! holds for what stands before the dot alone"),
        ("customer: who\n", "", "records[1].touchpoints[0].customer: missing, here, in its record and in the mapping"),
        ("contact: ticket", "contct: ticket", "desk.yaml:5: contct: unknown key; did you mean contact?"),
        ("unit: ms}\nid", "unit: min}\nid", "desk.yaml:6: time.unit: expected 'iso', 's', 'ms' or 'us'"),
        ("unit: ms}\nid", "zone: Berlin}\nid", "desk.yaml:6: time.zone: expected a time zone"),
        ("unit: us, since", "since", "desk.yaml:20: records[1].touchpoints[1].time: unit: s, ms or us is needed with since"),
        ("lookup: teams", "lookup: team", "no lookup is called team; did you mean teams?"),
        ("Phone: voice", "Phone: phone", "channel: expected one of voice, chat"),
        ("kind: agent", "kind: agnet", "actor.kind: expected one of customer, agent"),
        ("type: message", "type: mesage", "desk.yaml:21: records[1].touchpoints[1].type: no touchpoint has this type; did you mean message?"),
        ("{text: item.text,", "{txt: item.text,", "desk.yaml:22: records[1].touchpoints[1].data: message has no txt; did you mean text?"),
        ("{text: item.text,", "{", "desk.yaml:22: records[1].touchpoints[1].data: message needs text"),
        ("as: flag", "as: bool", "data.private.as: expected 'text', 'integer', 'number', 'flag' or 'html'"),
        ("keep: true", "keep: true, constant: x", "expected one of path, constant, time"),
        ("format: json", "format: lines", "desk.yaml:1: columns: missing: lines have no names of their own"),
        ("format: json", "format: json\ncolumns: [a]", "desk.yaml:2: columns: is for csv and lines alone"),
    ],
)  # fmt: skip
def test_mistakes_are_told_by_file_line_and_key(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """A mapping is checked when it is loaded, expressions and their functions too, before any record comes."""
    assert old in MAPPING
    with pytest.raises(ConfigError) as caught:
        source(tmp_path, MAPPING.replace(old, new, 1))
    assert sentence in str(caught.value).replace(f"{tmp_path}/", "")


FORM = """format: form
source: desk
texts_of_json: [Attributes, more.notes]
body: "EventType && {kind: EventType, who: Attributes.who, at: At, text: Text} || {kind: kind, who: more.notes.who, at: at, text: text}"
customer: who
time: {path: at, unit: s}
channel: chat
actor: {kind: customer}
records:
  - when: kind == 'said'
    touchpoints: [{type: message, data: {text: {path: text, as: html}}}]
"""


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"EventType=said&At=1772442840&Attributes=%7B%22who%22%3A%207%7D&Text=a+b%2Bc", "a b+c"),
        (b'{"kind": "said", "at": 1772442840, "more": {"notes": "{\\"who\\": 7}"}, "text": "<p>1 &lt; 2<br>3</p><script>no()</script><p></p>"}', "1 < 2\n3"),
        (b'[{"kind": "said", "at": 1772442840, "more": {"notes": {"who": 7}}, "text": "plain &amp; simple"}]', "plain & simple"),
    ],
)
def test_forms_and_json_in_text_are_read(tmp_path: Path, raw: bytes, text: str) -> None:
    """A vendor that posts a form here and JSON there, or JSON within text, has one mapping: all forms come under one set of names."""
    desk = source(tmp_path, FORM)
    (made,) = (json.loads(each) for each in desk.map(raw))
    assert made["data"] == {"text": text}
    assert made["customer"] == customer_pseudonym(KEY, "7")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"EventType=said&At=1772442840&Attributes=7&Text=x", "the record lacks its customer"),
        (b"EventType=said&At=%ff", "not a form in UTF-8"),
        (b"EventType", "not a form in UTF-8"),
        (b'[{"kind": "said"}, 7]', "the record lacks its customer"),
        (b"[7]", "not a form in UTF-8"),
        (b"[1,", "not JSON"),
    ],
)
def test_what_is_neither_form_nor_json_is_refused(tmp_path: Path, raw: bytes, sentence: str) -> None:
    """Of an array one that is refused refuses all."""
    with pytest.raises(Unmappable, match=sentence):
        source(tmp_path, FORM).map(raw)


def test_a_body_that_is_no_object_is_refused(tmp_path: Path) -> None:
    """What a record is wrapped in may be missing."""
    with pytest.raises(Unmappable, match="body: expected an object"):
        source(tmp_path, MAPPING.replace("customer: who", "body: inner\ncustomer: who", 1)).map(b'{"inner": [1]}')


def test_rows_and_lines_are_records_by_their_columns(tmp_path: Path) -> None:
    """CSV has names in its first row or in the mapping, and each record the number of its last line; lines stay lines; empty cells are missing."""
    table = source(tmp_path, MAPPING.replace("format: json", "format: csv\nseparator: ';'"))
    content = '\ufeffkind;event;who;ticket;at;team\nwork;1;"a;b";81;1000;\n\nnoise;2\nwork;3;"a\nb";81;1000;\n'.encode()
    read = list(table.read(io.BytesIO(content)))
    full, short = read[1], read[3]
    assert (json.loads(full)["who"], json.loads(short)) == ("a;b", {"kind": "noise", "event": "2"})
    assert [number for number, each in enumerate(read, 1) if each] == [2, 4, 6]
    (made,) = map(json.loads, table.map(full))
    assert (made["time"], "team" in made["actor"]) == ("1970-01-01T00:00:01.000000Z", False)
    assert table.map(short) == []
    with pytest.raises(Unreadable, match="after line 0: not CSV in UTF-8"):
        list(table.read(io.BytesIO(b"kind\nwork\n\xff\n")))
    barred = source(tmp_path, MAPPING.replace("format: json", "format: lines\nseparator: '|'\ncolumns: [kind, event, who, ticket, at]"))
    (line,) = barred.read(io.BytesIO(b"work|1|ann|81|1000|more\n"))
    assert line == b"work|1|ann|81|1000|more"
    assert json.loads(barred.map(line)[0])["contact"] == "81"


def test_mappings_of_ones_own_go_before_the_shipped_ones(tmp_path: Path) -> None:
    """A directory adds its mappings by name, and replaces a shipped one of the same name; its topic is called so too."""
    (tmp_path / "chatwoot.yaml").write_text(MAPPING.replace("source: desk", "source: chatwoot"))
    assert mapped(load_source("chatwoot", KEY, tmp_path))[0]["contact"] == "81"
    assert load_source("bpic2013", KEY, tmp_path).name == "bpic2013"
    assert source_names(tmp_path) == source_names()
    (tmp_path / "other.yaml").write_text(MAPPING)
    with pytest.raises(ConfigError, match=r"other.yaml:2: source: expected other"):
        load_source("other", KEY, tmp_path)
    with pytest.raises(ConfigError, match="there is no such directory of sources"):
        load_source("chatwoot", KEY, tmp_path / "none")


def test_a_customer_that_gets_another_key_is_named_as_others_are(tmp_path: Path) -> None:
    """The key that becomes an alias is pseudonymised like a customer, so that the two meet."""
    linking = MAPPING + "  - touchpoints: [{type: identity.linked, actor: {kind: system}, data: {other: old}}]\n"
    (linked,) = mapped(source(tmp_path, linking), kind="link", old="8", notes=None)
    assert linked["data"]["other"] == mapped(source(tmp_path), who=8)[0]["customer"]


def test_the_example_of_the_document_is_one(tmp_path: Path) -> None:
    """The mapping in docs/sources.md loads, and its case becomes what it says."""
    desk = source(tmp_path, DOCUMENT.read_text().partition("```yaml\n")[2].partition("```")[0])
    assert desk.mapping.cases
    assert failures(desk) == []
