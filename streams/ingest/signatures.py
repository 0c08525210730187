"""Whether a request comes from whom it says: HMACs as data, and the two schemes that are none over the body."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from streams.ingest.rules import Rule
from streams.sources.door import Door, Signature
from streams.sources.times import microseconds

__all__ = ["SIGNATURES", "Check", "Posted", "checker"]

_FORM_FIELDS = 1000
_SEVERAL = 8

SIGNATURES: Mapping[str, Signature] = {
    "chatwoot": Signature(
        header="X-Chatwoot-Signature", prefix="sha256=", signed="{timestamp}.{body}", timestamp="X-Chatwoot-Timestamp"
    ),
    "intercom": Signature(header="X-Hub-Signature", algorithm="sha1", prefix="sha1="),
    "salesforce": Signature(header="X-Signature", encoding="base64"),
    "standard-webhooks": Signature(
        header="webhook-signature",
        encoding="base64",
        prefix="v1,",
        signed="{id}.{timestamp}.{body}",
        timestamp="webhook-timestamp",
        id="webhook-id",
        several=True,
        secret="base64",  # noqa: S106 - how it is written
    ),
    "zendesk": Signature(
        header="X-Zendesk-Webhook-Signature",
        encoding="base64",
        signed="{timestamp}{body}",
        timestamp="X-Zendesk-Webhook-Signature-Timestamp",
    ),
}
"""The schemes that sign the body, as their vendors document them; that of Salesforce is known by description alone."""


class Posted(NamedTuple):
    """What a signature is about: the target as it stands in the request line, headers (by any case), body."""

    target: str
    headers: Mapping[str, str]
    body: bytes


Check = Callable[[Posted, float], Rule | None]
"""Tells which rule a request breaks at a moment (seconds since 1970); None: it is genuine and recent."""


def checker(door: Door, secrets: Sequence[str], public_url: str | None = None) -> Check:
    """Return what checks the requests of ``door``. Any of ``secrets`` will do, so that they can be changed one by one.

    ``public_url`` is the address before the request's target as the vendor knows it: Twilio signs that.
    Raises ``ValueError`` with a sentence for a secret or an address that is not usable.
    """
    if not secrets:
        raise ValueError("a door needs a secret")
    if door.scheme == "token":
        return _Token(door.header, secrets).check
    if door.scheme == "twilio":
        if public_url is None:
            raise ValueError(
                "Twilio signs the address that it posts to: set SEAMWATCH_INGEST_URL to what stands before /in/"
            )
        return _Twilio(public_url, secrets).check
    return _Hmac(door.signature or SIGNATURES[door.scheme], [secret.strip() for secret in secrets], door.window).check


class _Token:
    def __init__(self, header: str | None, secrets: Sequence[str]) -> None:
        self._header = header or "Authorization"
        before = "" if header else "Bearer "
        self._expected = [f"{before}{secret}".encode() for secret in secrets]

    def check(self, posted: Posted, now: float) -> Rule | None:
        given = posted.headers.get(self._header)
        return Rule.UNSIGNED if given is None else _matches([given], self._expected)


class _Hmac:
    def __init__(self, signature: Signature, secrets: Sequence[str], window: float) -> None:
        self._signature = signature
        self._keys = [_key(secret) if signature.secret == "base64" else secret.encode() for secret in secrets]  # noqa: S105 - how it is written
        self._window = window
        self._before, self._after = signature.signed.split("{body}")

    def check(self, posted: Posted, now: float) -> Rule | None:
        signature, headers = self._signature, posted.headers
        given = headers.get(signature.header)
        moment = headers.get(signature.timestamp) if signature.timestamp else ""
        name = headers.get(signature.id) if signature.id else ""
        if given is None or moment is None or name is None:
            return Rule.UNSIGNED
        if signature.timestamp and not _recent(moment, now, self._window):
            return Rule.STALE
        parts = [each.format(timestamp=moment, id=name) for each in (self._before, self._after)]
        content = _bytes(parts[0]) + posted.body + _bytes(parts[1])
        offers = given.split()[:_SEVERAL] if signature.several else [given]
        return _matches(offers, [self._written(hmac.digest(key, content, signature.algorithm)) for key in self._keys])

    def _written(self, digest: bytes) -> bytes:
        encoded = base64.b64encode(digest) if self._signature.encoding == "base64" else digest.hex().encode()
        return self._signature.prefix.encode() + encoded


class _Twilio:
    """HMAC-SHA1 over the address and the fields of the form, or over the address that holds the digest of the body."""

    def __init__(self, public_url: str, secrets: Sequence[str]) -> None:
        self._keys = [secret.encode() for secret in secrets]
        parts = urlsplit(public_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("SEAMWATCH_INGEST_URL: expected an address such as https://hooks.example.org")
        host, path = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc, parts.path.rstrip("/")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        # Which of the two is signed differs between Twilio's products.
        self._bases = [f"{parts.scheme}://{each}{path}" for each in (host, f"{host}:{port}")]

    def check(self, posted: Posted, now: float) -> Rule | None:
        given = posted.headers.get("X-Twilio-Signature")
        if given is None:
            return Rule.UNSIGNED
        digest = dict(parse_qsl(urlsplit(posted.target).query)).get("bodySHA256")
        if digest is not None:
            if not hmac.compare_digest(_bytes(digest), hashlib.sha256(posted.body).hexdigest().encode()):
                return Rule.WRONG_SIGNATURE
            fields = ""
        else:
            try:
                text = posted.body.decode("ascii")
                pairs = parse_qsl(
                    text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_FORM_FIELDS
                )
            except ValueError:
                return Rule.WRONG_SIGNATURE
            fields = "".join(f"{name}{value}" for name, value in sorted(set(pairs)))
        contents = [_bytes(base + posted.target + fields) for base in self._bases]
        expected = [base64.b64encode(hmac.digest(key, content, "sha1")) for key in self._keys for content in contents]
        return _matches([given], expected)


def _matches(offers: Sequence[str], expected: Sequence[bytes]) -> Rule | None:
    """Compare each of ``offers`` with each of ``expected``, in constant time."""
    found = [hmac.compare_digest(_bytes(offer), each) for offer in offers for each in expected]
    return None if any(found) else Rule.WRONG_SIGNATURE


def _recent(moment: str, now: float, window: float) -> bool:
    try:
        return abs(microseconds(moment, "s", None) / 1e6 - now) <= window
    except (ValueError, OverflowError):
        return False


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise ValueError("the secret is not base64, with or without whsec_ before it") from error
    if not key:
        raise ValueError("the secret is empty")
    return key


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
