"""What is fuzzed: functions of bytes that raise nothing, and the samples that mutation begins with."""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from multidict import CIMultiDict

from agents.partition import PartitionWatch, Record
from agents.text import Recogniser
from config.fields import load_vocabulary
from models.decoding import NOT_REGULAR, decode_touchpoint
from models.touchpoint import Refusal, parse_touchpoint
from seamwatch.mapping import mapper
from streams.errors import Poison
from streams.ingest.server import kept_headers
from streams.ingest.signatures import Posted, checker
from streams.sources.door import Door
from tests.support.sources import SOURCES, raw_of
from tests.unit.agents.support import partition
from tests.unit.seamwatch.support import asked_twice
from tests.unit.streams.ingest.test_signatures import BODY, DOORS, NOW, WHSEC, signed

__all__ = ["SAMPLES", "TARGETS", "mutated"]

_NAMES = sorted(SOURCES)
_RECOGNISER = Recogniser(load_vocabulary())
_MAPPERS = {name: mapper(SOURCES[name], recogniser=_RECOGNISER) for name in _NAMES}
_RENEWED = 500
"""Records after which a partition begins anew: its state is not what is fuzzed."""


class _Partition:
    """A partition that takes record after record."""

    def __init__(self) -> None:
        self.watch: PartitionWatch = partition()
        self.offset = 0

    def take(self, data: bytes) -> None:
        """Have a record taken as touchpoint, as one that is known, or as a dead letter; nothing else may become of it."""
        if self.offset == _RENEWED:
            self.watch, self.offset = partition(), 0
        for _ in self.watch.take([Record(self.offset, None, None, data)], lambda: False):
            pass
        effects, counts = self.watch.effects(), self.watch.take_counts()
        self.offset += 1
        became = sum(counts.touchpoints.values()) + counts.duplicates + len(effects.dead_letters) + sum(counts.unwatched.values())
        assert became >= 1 or data.startswith(b'{"seamwatch":') or b"heartbeat" in data, "the record became nothing"


_PARTITION = _Partition()


def touchpoints(data: bytes) -> None:
    """A record of the touchpoints: read the fast way it is what the model says, and the engine takes it or sets it aside."""
    told = parse_touchpoint(data)
    if isinstance(told, Refusal):
        assert told.detail
        assert len(told.detail) < 1000
    try:
        fast = decode_touchpoint(data)
    except NOT_REGULAR:
        fast = None
    assert fast is None or not isinstance(told, Refusal), "the fast way takes what the model refuses"
    _PARTITION.take(data)


def mappings(data: bytes) -> None:
    """A raw record of the source that the first byte chooses: touchpoints that are valid, or a reason."""
    if not data:
        return
    with suppress(Poison):  # with its reason, as is right
        for _, value in _MAPPERS[_NAMES[data[0] % len(_NAMES)]](data[1:], ()):
            assert not isinstance(parse_touchpoint(value), Refusal)


_TWILIO_TARGET = b"/in/desk?bodySHA256=" + hashlib.sha256(BODY).hexdigest().encode()
_TWILIO = base64.b64encode(hmac.digest(b"first-secret", b"https://hooks.example" + _TWILIO_TARGET, "sha1")).decode()
_SIGNED = {scheme: signed(scheme) for scheme in DOORS} | {"twilio": {"X-Twilio-Signature": _TWILIO}}
_CHECKS = {
    scheme: checker(DOORS.get(scheme, Door(scheme="twilio")), [WHSEC if scheme == "standard-webhooks" else "first-secret"], "https://hooks.example")
    for scheme in _SIGNED
}
_PROOFS = [value for headers in _SIGNED.values() for name, value in headers.items() if not name.lower().endswith(("time", "timestamp", "-id"))]


def _request(target: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [b"POST " + target + b" HTTP/1.1", *(f"{name}: {value}".encode() for name, value in headers.items()), b"", BODY]
    return b"\r\n".join(lines)


def doors(data: bytes) -> None:
    """A request as it stands on the wire, at the door of every scheme: taken where it is signed with the secret, else refused by rule."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode(errors="surrogateescape").split("\r\n")
    target = first.partition(" ")[2].partition(" ")[0]
    headers = CIMultiDict((name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines))
    for check in _CHECKS.values():
        if check(Posted(target, headers, body), NOW) is None:
            assert any(proof in value for value in headers.values() for proof in _PROOFS), "taken without a signature"
    kept_headers(headers)


TARGETS: Mapping[str, Callable[[bytes], None]] = {"touchpoints": touchpoints, "mappings": mappings, "doors": doors}
SAMPLES: Mapping[str, list[bytes]] = {
    "doors": [
        _request(_TWILIO_TARGET if scheme == "twilio" else b"/in/desk", headers | {"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "%e2"})
        for scheme, headers in _SIGNED.items()
    ],
    "touchpoints": [json.dumps(each).encode() for each in asked_twice("c-1")],
    "mappings": [bytes([_NAMES.index(name)]) + raw_of(source, case) for name, source in SOURCES.items() for case in source.mapping.cases],
}

_ODD = (
    b"null", b'"\\ud800"', b"1e999", b"-0", b"[" * 50, b'{"a":' * 30,
    b"\x00", b"\xff\xfe", b"9" * 40, b'"' + b"x" * 700 + b'"', b"\\u0000", b",,", b'"0001-01-01T00:00:00+23:59"',
)  # fmt: skip


def mutated(samples: list[bytes], chance: random.Random) -> Iterator[bytes]:
    """Yield samples with bytes changed, cut, doubled, swapped with those of another, or replaced by what is odd."""
    while True:
        data = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 4)):
            at, to = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
            match chance.randrange(5):
                case 0:
                    data[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    del data[at : min(to, at + 20)]
                case 2:
                    data[at:at] = data[at : min(to, at + 40)]
                case 3:
                    other = chance.choice(samples)
                    data[at : at + 10] = other[at : at + 30]
                case _:
                    data[at : at + chance.randrange(8)] = chance.choice(_ODD)
        yield bytes(data)
