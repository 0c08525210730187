"""Signatures of the vendors: what they document is taken, and whatever differs from it by a byte is not.

Twilio's examples are those of its own validator, Standard Webhooks is held to its own library; Chatwoot, Intercom, Salesforce and Zendesk describe
what they sign, and theirs are made after that here.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from pydantic import ValidationError
from standardwebhooks import Webhook

from streams.ingest.rules import Rule
from streams.ingest.signatures import Check, Posted, checker
from streams.sources.door import Door
from tests.support.sources import SOURCES, raw_of

NOW = 1_772_442_840.0
BODY = b'{"event": "message_created", "id": 501}'
WHSEC = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


def posted(headers: Mapping[str, str], body: bytes = BODY, target: str = "/in/desk") -> Posted:
    """Return a request with headers of any case."""
    return Posted(target, CIMultiDict(headers), body)


def mac(secret: str, content: bytes, algorithm: str = "sha256") -> bytes:
    """Return an HMAC."""
    return hmac.digest(secret.encode(), content, algorithm)


def signed(scheme: str, body: bytes = BODY, now: float = NOW, secret: str | None = None) -> dict[str, str]:
    """Return the headers with which a vendor would send ``body``."""
    moment, secret = str(int(now)), secret or "first-secret"
    if scheme == "chatwoot":
        digest = mac(secret, moment.encode() + b"." + body).hex()
        return {"X-Chatwoot-Signature": f"sha256={digest}", "X-Chatwoot-Timestamp": moment}
    if scheme == "intercom":
        return {"X-Hub-Signature": "sha1=" + mac(secret, body, "sha1").hex()}
    if scheme == "salesforce":
        return {"X-Signature": base64.b64encode(mac(secret, body)).decode()}
    if scheme == "zendesk":
        moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        digest = base64.b64encode(mac(secret, moment.encode() + body)).decode()
        return {"X-Zendesk-Webhook-Signature": digest, "X-Zendesk-Webhook-Signature-Timestamp": moment}
    if scheme == "standard-webhooks":
        sent = Webhook(WHSEC).sign("msg_1", datetime.fromtimestamp(int(now), UTC), body.decode("latin-1"))
        return {"webhook-id": "msg_1", "webhook-timestamp": moment, "webhook-signature": sent}
    if scheme == "hmac":
        return {"X-Desk": "v0:" + mac(secret, f"v0:{moment}:".encode() + body, "sha512").hex(), "X-Desk-Time": moment}
    return {"Authorization": f"Bearer {secret}"}


GENERIC = {
    "header": "X-Desk",
    "algorithm": "sha512",
    "prefix": "v0:",
    "signed": "v0:{timestamp}:{body}",
    "timestamp": "X-Desk-Time",
}
DOORS = {
    scheme: Door.model_validate({"scheme": scheme} | ({"signature": GENERIC} if scheme == "hmac" else {}))
    for scheme in ("chatwoot", "intercom", "salesforce", "zendesk", "standard-webhooks", "hmac", "token")
}
OVER_THE_BODY = [scheme for scheme in DOORS if scheme != "token"]
WITH_A_MOMENT = ["chatwoot", "zendesk", "standard-webhooks", "hmac"]


def check(scheme: str, *secrets: str) -> Check:
    """Return the check of a scheme's door."""
    return checker(DOORS[scheme], secrets or ((WHSEC,) if scheme == "standard-webhooks" else ("first-secret",)))


@pytest.mark.parametrize("scheme", DOORS)
def test_what_the_vendor_signed_is_taken(scheme: str) -> None:
    """A request signed after the vendor's description passes, whatever the case of its headers' names."""
    headers = signed(scheme)
    assert check(scheme)(posted(headers), NOW) is None
    assert check(scheme)(posted({name.upper(): value for name, value in headers.items()}), NOW) is None


@pytest.mark.parametrize("scheme", OVER_THE_BODY)
@given(at=st.integers(0, len(BODY) - 1), byte=st.integers(0, 255), how=st.sampled_from(["change", "insert", "cut"]))
def test_any_changed_byte_is_refused(scheme: str, at: int, byte: int, how: str) -> None:
    """A body that differs from the signed one in a byte, has one more, or one less, is refused."""
    middle = {"change": bytes([byte]) + BODY[at + 1 :], "insert": bytes([byte]) + BODY[at:], "cut": BODY[at + 1 :]}[how]
    body = BODY[:at] + middle
    expected = None if body == BODY else Rule.WRONG_SIGNATURE
    assert check(scheme)(posted(signed(scheme), body), NOW) is expected


@pytest.mark.parametrize("scheme", DOORS)
@given(data=st.data())
def test_any_changed_character_of_a_header_is_refused(scheme: str, data: st.DataObject) -> None:
    """A signature, moment or id that differs in a character is refused, and so is one that is missing."""
    headers = signed(scheme)
    name = data.draw(st.sampled_from(sorted(headers)))
    at = data.draw(st.integers(0, len(headers[name]) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda each: each != headers[name][at]))
    changed = headers[name][:at] + other + headers[name][at + 1 :]
    assert check(scheme)(posted(headers | {name: changed}), NOW) in {Rule.WRONG_SIGNATURE, Rule.STALE}
    assert check(scheme)(posted({each: headers[each] for each in headers if each != name}), NOW) is Rule.UNSIGNED


@pytest.mark.parametrize("scheme", WITH_A_MOMENT)
def test_what_was_signed_too_long_ago_is_refused(scheme: str) -> None:
    """A genuine request is good for five minutes before and after its moment, and then no more."""
    for away, expected in ((299, None), (-299, None), (302, Rule.STALE), (-302, Rule.STALE)):
        assert check(scheme)(posted(signed(scheme)), NOW + away) is expected


@pytest.mark.parametrize("moment", ["", "soon", "nan", "inf", "9" * 40, "2026-03-02T09:14:00", "-1", "٣"])
def test_a_moment_that_is_none_is_stale(moment: str) -> None:
    """A timestamp that is no time is refused like an old one, however it is written."""
    headers = signed("chatwoot") | {"X-Chatwoot-Timestamp": moment}
    assert check("chatwoot")(posted(headers), NOW) is Rule.STALE


@pytest.mark.parametrize("scheme", [each for each in DOORS if each != "standard-webhooks"])
def test_keys_are_changed_one_after_the_other(scheme: str) -> None:
    """With two secrets either is taken, with one of them the other is not."""
    old, new = signed(scheme), signed(scheme, secret="second-secret")
    both = check(scheme, "second-secret", "first-secret")
    assert (both(posted(old), NOW), both(posted(new), NOW)) == (None, None)
    assert check(scheme, "second-secret")(posted(old), NOW) is Rule.WRONG_SIGNATURE


def test_standard_webhooks_offers_several_signatures() -> None:
    """While a sender changes its key it signs with both: one of them is enough; the library's own check agrees."""
    headers = signed("standard-webhooks", now=datetime.now(UTC).timestamp())
    headers["webhook-signature"] = f"v1,{'A' * 43}= v1a,x {headers['webhook-signature']}"
    Webhook(WHSEC).verify(BODY, headers)
    assert check("standard-webhooks")(posted(headers), datetime.now(UTC).timestamp()) is None


def test_an_example_of_zendesk_passes_in_the_order_that_it_was_made_in() -> None:
    """Zendesk's one published signature has the moment after the body, against its own text: a generic door takes it, Zendesk's own does not."""
    secret, body = "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=", b'{"say": "hello"}'
    names = {"header": "X-Zendesk-Webhook-Signature", "timestamp": "X-Zendesk-Webhook-Signature-Timestamp"}
    signature = names | {"encoding": "base64", "signed": "{body}{timestamp}"}
    headers = {
        names["header"]: "tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw=",
        names["timestamp"]: "2021-07-25T10:00:00Z",
    }
    older = Door.model_validate({"scheme": "hmac", "signature": signature})
    assert checker(older, [secret])(posted(headers, body), 1_627_207_200.0) is None
    assert checker(DOORS["zendesk"], [secret])(posted(headers, body), 1_627_207_200.0) is Rule.WRONG_SIGNATURE


TWILIO = Door(scheme="twilio")
FORM = b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"


@pytest.mark.parametrize(
    ("base", "signature"),
    [
        ("https://mycompany.com", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:1234", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com:1234", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("https://mycompany.com", "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
)
def test_twilio_signs_as_it_documents(base: str, signature: str) -> None:
    """The examples of Twilio's own validator pass, with and without the port in the signed address."""
    request = posted({"X-Twilio-Signature": signature}, FORM, "/myapp.php?foo=1&bar=2")
    assert checker(TWILIO, ["12345"], base)(request, NOW) is None
    assert checker(TWILIO, ["12346"], base)(request, NOW) is Rule.WRONG_SIGNATURE
    assert checker(TWILIO, ["12345"], "https://elsewhere.com")(request, NOW) is Rule.WRONG_SIGNATURE


def test_twilio_signs_the_digest_of_json() -> None:
    """A body that is no form is signed by its digest in the address, as in Twilio's example; another body is refused."""
    body = b'{"property": "value", "boolean": true}'
    target = "/myapp.php?foo=1&bar=2&bodySHA256=" + hashlib.sha256(body).hexdigest()
    headers = {"X-Twilio-Signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    genuine = checker(TWILIO, ["12345"], "https://mycompany.com")
    assert genuine(posted(headers, body, target), NOW) is None
    assert genuine(posted(headers, body + b" ", target), NOW) is Rule.WRONG_SIGNATURE
    assert genuine(posted({}, body, target), NOW) is Rule.UNSIGNED


@given(at=st.integers(0, len(FORM) - 1), byte=st.integers(0, 255))
def test_a_twilio_form_that_says_something_else_is_refused(at: int, byte: int) -> None:
    """A form with any byte changed is refused, unless it is another way to write the same fields."""
    body = FORM[:at] + bytes([byte]) + FORM[at + 1 :]
    request = posted({"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}, body, "/myapp.php?foo=1&bar=2")
    expected = None if same_form(body) else Rule.WRONG_SIGNATURE
    assert checker(TWILIO, ["12345"], "https://mycompany.com")(request, NOW) is expected


def same_form(body: bytes) -> bool:
    """Return whether ``body`` has the fields of the example."""
    try:
        return sorted(parse_qsl(body.decode("ascii"), strict_parsing=True)) == sorted(parse_qsl(FORM.decode()))
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("door", "sentence"),
    [
        ({"scheme": "hmac"}, "signature belongs to the scheme hmac"),
        ({"scheme": "zendesk", "signature": GENERIC}, "signature belongs to the scheme hmac"),
        ({"scheme": "zendesk", "header": "X-Key"}, "header belongs to the scheme token"),
        ({"scheme": "hmac", "signature": {"header": "X", "signed": "{timestamp}{body}"}}, "belong together"),
        ({"scheme": "hmac", "signature": {"header": "X", "timestamp": "Y"}}, "belong together"),
        ({"scheme": "hmac", "signature": {"header": "X", "signed": "{moment}{body}"}}, "expected {body} once"),
        ({"scheme": "hmac", "signature": {"header": "X", "signed": "no body"}}, "expected {body} once"),
        ({"scheme": "password"}, "scheme"),
    ],
)
def test_a_door_that_would_not_close_is_refused(door: dict[str, object], sentence: str) -> None:
    """A mapping's door that lacks what its scheme needs, or says what its scheme knows, is a mistake."""
    with pytest.raises(ValidationError, match=sentence):
        Door.model_validate(door)


@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if source.mapping.door is not None])
def test_the_doors_that_ship_open_for_what_their_sources_map(name: str) -> None:
    """A record of each source, signed as its vendor signs, passes its door and becomes touchpoints; under another secret it does not pass."""
    source = SOURCES[name]
    door = source.mapping.door
    assert door is not None
    body = next(raw for case in source.mapping.cases if source.map(raw := raw_of(source, case)))
    if door.scheme == "twilio":
        fields = "".join(key + value for key, value in sorted(parse_qsl(body.decode())))
        headers = {"X-Twilio-Signature": base64.b64encode(mac("first-secret", f"https://hooks.example.org/in/{name}{fields}".encode(), "sha1")).decode()}
    elif door.signature is not None:
        headers = {door.signature.header: mac("first-secret", body, door.signature.algorithm).hex()}
    else:
        headers = signed(door.scheme, body)
    request = posted(headers, body, f"/in/{name}")
    assert checker(door, ["first-secret"], "https://hooks.example.org")(request, NOW) is None
    assert checker(door, ["other-secret"], "https://hooks.example.org")(request, NOW) is Rule.WRONG_SIGNATURE


def test_secrets_that_are_none_are_refused() -> None:
    """A door without a secret, with one that cannot be read, or Twilio's without its address, does not open."""
    with pytest.raises(ValueError, match="needs a secret"):
        checker(DOORS["zendesk"], [])
    with pytest.raises(ValueError, match="not base64"):
        checker(DOORS["standard-webhooks"], ["whsec_§"])
    with pytest.raises(ValueError, match="empty"):
        checker(DOORS["standard-webhooks"], ["whsec_"])
    with pytest.raises(ValueError, match="SEAMWATCH_INGEST_URL"):
        checker(TWILIO, ["12345"])
    with pytest.raises(ValueError, match="expected an address"):
        checker(TWILIO, ["12345"], "mycompany.com")
