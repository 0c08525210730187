"""What the vendors' records tell the detectors: whole stories, in any order, with copies."""

import base64
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.fields import Fingerprinter
from agents.replay import Replay
from config.errors import ConfigError
from config.fields import load_fields
from config.rules import load_rulebook
from seamwatch.mapping import mapper
from streams.sources import Unmappable, load_source
from streams.sources.cloudevents import enveloped
from streams.sources.heading import written
from tests.support.sources import KEY, SOURCES

SAMPLES = Path(__file__).parents[3].parent / "shared" / "data" / "vendor_events"
UNTIL = 1_772_500_000_000_000


def found(source: str, records: list[bytes]) -> list[tuple[str, str | None, str]]:
    """Return the findings over raw records: rule, contact and seam."""
    replay = Replay(load_rulebook(), load_fields(), Fingerprinter(KEY))
    touchpoints = [each for record in records for each in SOURCES[source].map(record)]
    for offset, touchpoint in enumerate(touchpoints):
        replay.feed(offset, touchpoint)
    replay.finish(UNTIL)
    assert not replay.dead_letters
    return sorted(
        (each["rule"]["name"], each["contact"], "{from}>{to}".format(**(each["seam"] or {"from": "", "to": ""})))
        for each in replay.findings()
    )


def connect(number: int, kind: str, at: str, contact: str, before: str | None = None, **detail: Any) -> bytes:
    """Return a contact event of the chain that begins with k-1."""
    stamp = f"2026-03-02T{at}Z"
    known = {"eventType": kind, "contactId": contact, "channel": "VOICE", "initiationTimestamp": stamp, "disconnectTimestamp": stamp}
    chain = {"initialContactId": "k-1", "previousContactId": before} if before else {}
    return json.dumps({"id": str(number), "detail-type": "Amazon Connect Contact Event", "time": stamp, "detail": known | chain | detail}).encode()


def agent(at: str, team: str) -> dict[str, Any]:
    """Return what an event says of the agent who took over."""
    return {"queueInfo": {"queueArn": team}, "agentInfo": {"agentArn": "a", "connectedToAgentTimestamp": f"2026-03-02T{at}Z"}}


def test_a_chain_of_contacts_is_one_journey_whatever_the_order() -> None:
    """Sales, service, sales again, over three contacts: one return, found however the events arrive and however often."""
    chain = [
        connect(1, "CONNECTED_TO_AGENT", "09:00:00", "k-1", initiationMethod="INBOUND", **agent("09:00:00", "sales")),
        connect(2, "INITIATED", "09:01:00", "k-2", "k-1", initiationMethod="TRANSFER"),
        connect(3, "CONNECTED_TO_AGENT", "09:01:10", "k-2", "k-1", initiationMethod="TRANSFER", **agent("09:01:10", "service")),
        connect(4, "INITIATED", "09:02:00", "k-3", "k-2", initiationMethod="QUEUE_TRANSFER"),
        connect(5, "CONNECTED_TO_AGENT", "09:02:10", "k-3", "k-2", initiationMethod="QUEUE_TRANSFER", **agent("09:02:10", "sales")),
    ]
    expected = [("ping_pong_direct", "k-3", "team:service>team:sales")]
    for order in itertools.islice(itertools.permutations(chain), 0, 120, 17):
        assert found("amazon_connect", [*order, order[2], order[0]]) == expected


def genesys(minute: int, team: str) -> dict[str, Any]:
    """Return an agent's answer in a queue."""
    body = {"eventTime": 1_772_442_000_000 + 60_000 * minute, "conversationId": "c-1", "mediaType": "VOICE", "queueId": team, "acdOutcome": "ANSWERED"}
    return {"id": str(minute), "detail": {"topicName": "v2.detail.events.conversation.c-1.acd.end", "eventBody": body}}


def twilio(minute: int, team: str) -> dict[str, Any]:
    """Return the acceptance of a reservation: two of them by the form, one by Event Streams."""
    at, attributes = 1_772_442_000 + 60 * minute, json.dumps({"from": "+493012345678"})
    if team == "service":
        payload = {"eventtype": "reservation.accepted", "timestamp": at * 1000, "task_sid": "WT1", "task_queue_name": team, "task_attributes": attributes}
        return {"specversion": "1.0", "data": {"payload": payload | {"sid": f"EV{minute}"}}}
    form = {"EventType": "reservation.accepted", "Timestamp": str(at), "TaskSid": "WT1", "TaskQueueName": team, "TaskAttributes": attributes}
    return form | {"Sid": f"EV{minute}"}


def zendesk(minute: int, team: str) -> dict[str, Any]:
    """Return an agent's comment: two of them by webhook, with text for ids, one by the Events Connector, with numbers."""
    ids, at = {"sales": 12, "service": 30}, f"2026-03-02T09:{minute:02}:00Z"
    comment = {"id": minute, "body": "Hello", "is_public": True, "author": {"id": 9, "is_staff": True}}
    if team == "service":
        ticket = {"id": 81, "requester_id": 7, "group_id": ids[team], "via": {"channel": "email"}}
        return {"id": str(minute), "detail": {"ticket_event": {"meta": {"occurred_at": at}, "type": "Comment Created", "comment": comment, "ticket": ticket}}}
    detail = {"id": "81", "requester_id": "7", "group_id": str(ids[team]), "via": {"channel": "email"}}
    return {"id": str(minute), "type": "zen:event-type:ticket.comment_added", "time": at, "detail": detail, "event": {"comment": comment}}


def intercom(minute: int, team: str) -> dict[str, Any]:
    """Return an agent's reply: the number of a team is text here and a number there."""
    at = 1_772_442_000 + 60 * minute
    part = {"id": str(minute), "part_type": "comment", "body": "<p>Hello</p>", "created_at": at, "author": {"type": "admin", "id": "9"}}
    item: dict[str, Any] = {"id": "81", "team_assignee_id": 30 if team == "service" else "12", "contacts": {"contacts": [{"id": "c7"}]}}
    item |= {"conversation_parts": {"conversation_parts": [part]}}
    return {"topic": "conversation.admin.replied", "id": f"n{minute}", "created_at": at, "data": {"item": item}}


def salesforce(minute: int, team: str) -> dict[str, Any]:
    """Return the record of a leg of a call, which names the leg before it."""
    leg = {"Id": f"v{minute}", "LastModifiedDate": "1", "VendorCallKey": f"k-{minute}", "QueueName": team, "FromPhoneNumber": "+493012345678"}
    before = {"PreviousCallId": f"k-{minute - 1}"} if minute > 1 else {}
    return leg | before | {"CallAcceptDateTime": f"2026-03-02T09:{minute:02}:10Z", "CallEndDateTime": f"2026-03-02T09:{minute:02}:50Z"}


def freeswitch(minute: int, team: str) -> dict[str, Any]:
    """Return an agent's answer in a queue."""
    headers = {"Event-Name": "CUSTOM", "CC-Action": "bridge-agent-start", "Core-UUID": "c", "Event-Sequence": str(minute), "CC-Member-Session-UUID": "s-1"}
    return headers | {"CC-Queue": team, "Event-Date-Timestamp": str(1_772_442_000_000_000 + 60_000_000 * minute)}


@pytest.mark.parametrize("answer", [genesys, twilio, zendesk, intercom, salesforce, freeswitch], ids=lambda answer: answer.__name__)
def test_a_customer_who_comes_back_to_a_team_is_found_whatever_the_order(answer: Callable[[int, str], dict[str, Any]]) -> None:
    """Sales, service, sales again: one return, in any order and with copies, whichever of a vendor's forms told of it."""
    source = "salesforce_voice" if answer is salesforce else answer.__name__
    told = [answer(1, "sales"), answer(2, "service"), answer(3, "sales")]
    chain = [written(each, "form" if "EventType" in each else "json") for each in told]
    for order in itertools.permutations(chain):
        assert [rule for rule, *_ in found(source, [*order, order[1]])] == ["ping_pong_direct"]


def test_a_transfer_that_nobody_takes_is_one_mishap() -> None:
    """The leg that rang in vain does not end the wait of the customer, who stays with the first team."""
    chain = [
        connect(1, "CONNECTED_TO_AGENT", "09:00:00", "k-1", initiationMethod="INBOUND", **agent("09:00:00", "sales")),
        connect(2, "INITIATED", "09:01:00", "k-2", "k-1", initiationMethod="TRANSFER"),
        connect(3, "DISCONNECTED", "09:01:30", "k-2", "k-1", initiationMethod="TRANSFER", queueInfo={"queueArn": "service"}),
    ]
    assert [rule for rule, *_ in found("amazon_connect", chain)] == ["unanswered_handoff"]


def test_an_attended_transfer_that_leaves_the_queues_is_no_mishap() -> None:
    """Over a bridge the other one is on the line already; the queue's log has nothing more of the call, and nobody waits."""
    call = [b"1772442750|17.1|sales|P/1|CONNECT|10|x|3", b"1772442900|17.1|sales|P/1|ATTENDEDTRANSFER|%b|6f2c|10|50|1"]
    assert found("asterisk", [call[0], call[1] % b"BRIDGE"]) == []
    assert [rule for rule, *_ in found("asterisk", [call[0], call[1] % b"APP"])] == ["unanswered_handoff"]


def test_a_blind_transfer_of_the_telephone_system_is_answered_by_the_queue_that_it_goes_to() -> None:
    """The transfer and the other queue's answer are one handoff; late, it is slow; never, it is unanswered."""
    call = [b"1772442750|17.1|sales|P/1|CONNECT|10|x|3", b"1772442900|17.1|sales|P/1|BLINDTRANSFER|service|internal|10|50|1"]
    queued = b"1772442901|17.1|service|NONE|ENTERQUEUE||493012345678|1"
    assert found("asterisk", [*call, queued, b"1772442920|17.1|service|P/2|CONNECT|19|y|3"]) == []
    missed = found("asterisk", [*call, queued, b"1772443100|17.1|service|P/2|CONNECT|199|y|3"])
    assert missed == [("unanswered_handoff", "17.1", "team:sales>team:service")]


def test_segments_of_a_call_belong_to_the_customer_of_its_contact_events() -> None:
    """Who copies the stream adds the first contact, and what was said stands in one timeline with the transfers."""
    segment = {"Transcript": {"Content": "hello", "BeginOffsetMillis": 1, "ParticipantRole": "CUSTOMER"}}
    said = {"EventType": "SEGMENTS", "ContactId": "k-2", "InitialContactId": "k-1", "ConnectedToSystemTimestamp": "2026-03-02T09:00:00Z"}
    (message,) = map(json.loads, SOURCES["contact_lens"].map(json.dumps(said | {"Segments": [segment]}).encode()))
    (started,) = map(json.loads, SOURCES["amazon_connect"].map(connect(1, "INITIATED", "09:00:00", "k-1", initiationMethod="INBOUND")))
    assert message["customer"] == started["customer"]
    with pytest.raises(Unmappable, match="lacks the time that it counts from"):
        SOURCES["contact_lens"].map(json.dumps({"EventType": "SEGMENTS", "ContactId": "k-2", "Segments": [segment]}).encode())


def test_a_caller_is_linked_to_the_call() -> None:
    """The number that a queue names becomes an alias of the call, both under a pseudonym."""
    queued, linked = map(json.loads, SOURCES["asterisk"].map(b"1772442901|17.1|service|NONE|ENTERQUEUE||493012345678|1"))
    assert linked["data"]["other"] == queued["customer"] != linked["customer"]
    assert "493012345678" not in json.dumps([queued, linked])


def test_a_customer_who_types_a_number_twice_into_forms_told_it_twice() -> None:
    """Values from Chatwoot's forms reach the detectors of repetition."""
    form = {
        "event": "message_updated", "content_type": "form", "content_attributes": {"submitted_values": [{"name": "order_number", "value": "4711-2299"}]},
        "conversation": {"id": 1, "inbox_id": 2, "channel": "Channel::WebWidget", "meta": {"sender": {"id": 7}}},
    }  # fmt: skip
    once, again = (json.dumps(form | {"id": at, "created_at": 1772442840 + 60 * at}).encode() for at in (1, 2))
    assert [rule for rule, *_ in found("chatwoot", [once, again])] == ["repeated_answer"]


@pytest.mark.skipif(not SAMPLES.exists(), reason=f"the vendors' own samples are not there: {SAMPLES}")
@pytest.mark.parametrize(
    ("name", "pattern", "types"),
    [
        ("chatwoot", "chatwoot/message_created.json", ["message"]),
        ("chatwoot", "chatwoot/[cw]*.json", []),
        ("asterisk", "asterisk_queue_log/*", ["contact.queued", "identity.linked", "contact.answered", "contact.ended"] * 2),
        ("amazon_connect", "aws_connect/contact-events.01*", ["contact.ended"]),
        ("contact_lens", "aws_connect/sample-real-time*", ["message", "message"]),
    ],
)
def test_the_vendors_own_samples_map(name: str, pattern: str, types: list[str]) -> None:
    """What the vendors publish as examples maps as what was written after them does."""
    made = []
    for file in sorted(SAMPLES.glob(pattern)):
        if name == "asterisk":
            records = [line for line in file.read_bytes().splitlines() if not line.startswith(b"#")]
        else:
            start = {"ConnectedToSystemTimestamp": "2026-03-02T09:00:00Z"} if name == "contact_lens" else {}
            records = [json.dumps(json.loads(file.read_text()) | start).encode()]
        made += [json.loads(each)["type"] for record in records for each in SOURCES[name].map(record)]
    assert made == types


STARTED_BLIND, STARTED_WARM = "handoff.started blind", "handoff.started warm"
TRANSFERS = [
    ("xfer_blind/*_abacbc", [STARTED_BLIND, "contact.answered"]),
    ("xfer_blind/*_abbcac", [STARTED_BLIND, "contact.answered", "contact.ended"]),
    ("xfer_blind/*_group", [STARTED_BLIND, "contact.answered", "contact.ended"]),
    ("xfer_blind/*_a_no_answer", [STARTED_BLIND, "handoff.failed no answer"]),
    ("xfer_blind/*_b_no_answer", [STARTED_BLIND, "handoff.failed no answer", "contact.ended"]),
    ("xfer_blind/*_group_no_answer", [STARTED_BLIND, "handoff.failed no answer", "contact.ended"]),
    ("xfer_blind/*_reject", [STARTED_BLIND, "handoff.failed rejected", "handoff.failed no answer", "contact.ended"]),
    ("xfer_attended/*_abacbc", [STARTED_WARM, "handoff.accepted"]),
    ("xfer_attended/*_abbcac", [STARTED_WARM, "handoff.accepted"]),
    ("xfer_attended/*_abbcac_anon", [STARTED_WARM, "handoff.accepted", "contact.ended"]),
    ("xfer_attended/*_abcbac", [STARTED_WARM, "handoff.accepted"]),
    ("xfer_blonde/*_abbcac", [STARTED_WARM, "contact.answered", "contact.ended"]),
    ("xfer_blonde/*_abacbc", [STARTED_WARM, "contact.answered"]),
    ("xfer_blonde/*_group_a", [STARTED_WARM, "contact.answered"]),
    ("xfer_blonde/*_group_b", [STARTED_WARM, "contact.answered", "contact.ended"]),
    ("xfer_blonde/*_reject", [STARTED_WARM, "handoff.failed busy", "contact.ended"]),
    ("queue/queue_blind_xfer", [STARTED_BLIND, "contact.answered", "contact.ended"]),
    ("queue/queue_attn_xfer", [STARTED_WARM, "handoff.accepted", "contact.ended"]),
]


@pytest.mark.skipif(not SAMPLES.exists(), reason=f"the recorded calls are not there: {SAMPLES}")
@pytest.mark.parametrize(("recording", "told"), TRANSFERS, ids=[name for name, _ in TRANSFERS])
def test_a_recorded_transfer_is_what_its_name_says(recording: str, told: list[str]) -> None:
    """From the transfer on: blind or attended, taken, refused or unanswered; the customer's call is the one that was transferred."""
    (file,) = (SAMPLES / "asterisk_ami").glob(f"{recording}.json")
    events = [event | {"Received": str(1_772_442_840 + second)} for second, event in enumerate(json.loads(file.read_text()))]
    made = [json.loads(each) for event in events for each in SOURCES["asterisk_ami"].map(json.dumps(event).encode())]
    (at,) = (at for at, each in enumerate(made) if each["type"] == "handoff.started")
    words = [" ".join([each["type"], *(each["data"][key] for key in ("mode", "reason") if key in each["data"])]) for each in made[at:]]
    assert words == told
    assert {each["contact"] for each in made[at:]} == {made[at]["contact"]}
    assert made[at]["contact"] in {each.get("contact") for each in made[:at] if each["type"] == "contact.answered"}


EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "io.seamwatch.touchpoint"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"specversion": "0.3"}, "not an event of CloudEvents 1.0"),
        ({"data": {}, "type": "Secret"}, "carries no events of this type"),
        ({}, "carries no data"),
        ({"data": [1]}, "the data are no JSON object"),
        ({"data_base64": "Secret!"}, "data_base64 is not base64"),
        ({"data": {"type": "message"}}, "is missing"),
    ],
)
def test_envelopes_that_cannot_be_opened_say_why(changes: dict[str, Any], sentence: str) -> None:
    """The reason repeats nothing of the event."""
    with pytest.raises(Unmappable, match=sentence) as caught:
        SOURCES["cloudevents"].map(json.dumps(EVENT | changes).encode())
    assert "Secret" not in str(caught.value)


def test_an_event_in_binary_mode_is_the_same_event() -> None:
    """An event whose attributes are headers becomes the touchpoints of the structured one, whatever it carries; without a version it is no event."""
    for case in SOURCES["cloudevents"].mapping.cases:
        assert isinstance(case.raw, dict)
        event = dict(case.raw)
        data = event.pop("data", None)
        body = json.dumps(data).encode() if isinstance(data, dict) else str(data).encode()
        body = base64.b64decode(event.pop("data_base64")) if data is None else body
        headers = [(f"ce_{name}", value.encode()) for name, value in event.items()] + [("content-type", b"any/thing"), ("ce_x", None)]
        structured = SOURCES["cloudevents"].map(json.dumps(case.raw).encode())
        assert [each for _, each in mapper(SOURCES["cloudevents"])(body, headers)] == structured
    assert enveloped(b"body", [("content-type", b"a/b"), ("ce_id", b"1")]) == b"body"
    with pytest.raises(Unmappable, match="not UTF-8"):
        enveloped(b"body", [("ce_specversion", b"1.0"), ("ce_id", b"\xff")])


def test_an_envelope_carries_no_envelope(tmp_path: Path) -> None:
    """A mapping that names itself, or another envelope, is refused when it is loaded."""
    (tmp_path / "own.yaml").write_text("format: cloudevents\nsource: own\ncarries: {a: own}\n")
    with pytest.raises(ConfigError, match=r"own\.yaml:1: format: expected one of xes, json, form, csv, lines"):
        load_source("own", KEY, tmp_path)
