"""Requests that no client would send, the connection that brings them, and what any answer to them has to be."""

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import h11
from hypothesis import strategies as st

__all__ = ["MARK", "Answer", "Sent", "ask", "requests"]

MARK = b"swordfish"
"""Stands in much of what is sent, and in nothing that comes back."""
PATIENCE = 5.0
"""Seconds within which a whole request is answered, on a machine that is busy."""
_GLANCE = 0.05
"""Seconds for the answer to half a request: most servers wait for the other half, and this does not."""
_CONTINUE = b"HTTP/1.1 100"

_INSIDE = re.compile(rb'Traceback|File "|\.py\b|line \d+, in |site-packages|aiohttp/|Python/\d|BaseHTTP')
"""What tells of the inside of a program: stack traces, and names of its parts with their versions."""


@dataclass(frozen=True)
class Sent:
    """Bytes of a request. ``whole``: a server that has read them waits for no more, so it owes an answer."""

    data: bytes
    whole: bool

    @property
    def method(self) -> bytes:
        """Return the first word."""
        return self.data.lstrip(b"\r\n").split(b" ", 1)[0]


@dataclass(frozen=True)
class Answer:
    """The first answer to a request: ``status`` None, there was none; ``lost``, the connection was reset, which may take the answer with it."""

    status: int | None
    headers: dict[bytes, bytes]
    body: bytes
    raw: bytes
    lost: bool


_ODD = st.one_of(
    st.sampled_from([
        b"", b"\0", b"\r", b"\n", b"\xff\xfe", b"\xc3\xbc", b"%", b"%00", b"%zz", b"%ff", b"%ed%a0%80", b"..", b"%2e%2e%2f", b"//", b"[", b"http://[", b":",
        b"\t ", b"\r\n ",
        b"-1", b"+1", b"1_0", b"0x1", b"9" * 21, b"9" * 5000, b"nan", b"1e999", b"null", b'"\\ud800"', b"[" * 5000, b"{{7*7}}", b"' or 1=1--", b"<script>",
        b"chunked", MARK * 500, MARK * 9000,
    ]),
    st.binary(max_size=30),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.just(MARK),
)  # fmt: skip

_METHODS = st.one_of(
    st.sampled_from(
        [
            b"GET",
            b"GET",
            b"POST",
            b"POST",
            b"HEAD",
            b"PUT",
            b"DELETE",
            b"OPTIONS",
            b"PATCH",
            b"TRACE",
            b"PROPFIND",
            b"PRI",
            b"get",
            b"",
            b"G@T",
        ]
    ),
    _ODD.map(lambda odd: odd.split(b" ")[0]),
)
_VERSIONS = st.one_of(
    st.just(b"HTTP/1.1"),
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/9.9", b"HTTP/1", b"HTTP/1.1.1",
        b"http/1.1", b"HTTP/1.x", b"HTTP/-1.1", b"HTTP/" + b"1" * 20 + b".1", b"", MARK]),
)  # fmt: skip
_HEADERS = [
    (b"Accept", [
        b"*/*", b"text/plain", b"text/plain; version=" + MARK, b"text/plain;version=2.x", b"application/openmetrics-text; version=1.0.0; escaping=" + MARK,
        b"application/openmetrics-text; version=2." + MARK, b"application/openmetrics-text;version=2.\r\n X-Split: 1",
        b"text/plain;version=" + b"1." * 1000 + b"0", b",;=,",
    ]),
    (b"Accept-Encoding", [b"gzip", b"gzip;q=", b"gzip;q=nan, *;q=0", b"identity;q=0"]),
    (b"Authorization", [b"Bearer", b"Bearer " + MARK, b"Basic " + MARK, b"Basic Og==", b"Digest " + MARK]),
    (b"Connection", [b"close", b"keep-alive", b"upgrade", b"Content-Length", b"close, " + MARK]),
    (b"Content-Encoding", [b"gzip", b"deflate", b"identity", b"br", b"zstd"]),
    (b"Content-Length", [b"0", b"3", b"-1", b"+3", b"3,3", b"0x3", b"9" * 30, b"1e3", b""]),
    (b"Content-Type", [b"application/json", b"application/json; charset=utf-7", b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=" + MARK, b"text/" + MARK]),
    (b"Cookie", [b"seamwatch=" + MARK, b"seamwatch=\xff", b"=;=;", b'seamwatch="\\"', b"; ".join([b"a=b"] * 1000)]),
    (b"Expect", [b"100-continue", MARK]),
    (b"Host", [b"", b"a b", b"[", b"localhost:99999999", MARK]),
    (b"Last-Event-ID", [b"-1", b"9" * 30, MARK]),
    (b"Origin", [b"null", b"http://[", b"https://" + MARK]),
    (b"Range", [b"bytes=0-0", b"bytes=-1", b"bytes=9-1,0-,", b"bytes=" + b"0-0," * 1000]),
    (b"If-None-Match", [b"*", b'"' + MARK]),
    (b"If-Modified-Since", [b"Thu, 99 Jan 9999 99:99:99 GMT", MARK]),
    (b"traceparent", [b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", MARK]),
    (b"Transfer-Encoding", [b"chunked", b"gzip, chunked", b"identity", b"chunked, chunked", b"\x0bchunked", MARK]),
    (b"Upgrade", [b"websocket", b"h2c"]),
    (b"X-CSRF-Token", [b"", MARK]),
    (b"X-Forwarded-For", [b"127.0.0.1", b",", MARK]),
    (b"X-Forwarded-Proto", [b"https", MARK]),
    (b"ce-specversion", [b"1.0", b"%ff"]),
    (b"ce-id", [b"%ff", b"%", b'"', b"\xff", MARK]),
]  # fmt: skip
_BODIES = [
    b"{}",
    b'{"a": ' * 3000,
    b'{"name": "\\ud800", "password": "\\u0000"}',
    b'{"a":NaN}',
    MARK * 200,
    b"x" * 1_200_000,
]
_FRAMING = (b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"connection")
"""Headers with which the length of a request is what the server makes of it: there it may wait."""


def _one_in(count: int) -> st.SearchStrategy[bool]:
    """Draw True once in ``count`` times: Hypothesis likes the ends of a range, so it is in the middle."""
    return st.sampled_from([each == count // 2 for each in range(count)])


@st.composite
def requests(draw: st.DrawFn, targets: Sequence[bytes], known: Sequence[tuple[bytes, bytes]]) -> Sent:
    """Draw a request to one of ``targets``, or near it, with some of the headers that the door ``known``; every part may be odd, and all of it cut."""
    target = draw(st.sampled_from(targets))
    if draw(_one_in(3)):
        at, odd = draw(st.integers(0, len(target))), draw(_ODD)
        target = draw(
            st.sampled_from(
                [
                    target[:at] + odd + target[at:],
                    target + b"?a=" + odd,
                    target + b"/" + odd,
                    odd,
                    b"http://" + odd + target,
                ]
            )
        )
    headers = [pair for pair in known if not draw(_one_in(12))]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5]))):
        name, values = draw(st.sampled_from(_HEADERS))
        value = draw(_ODD if draw(_one_in(5)) else st.sampled_from(values))
        headers.append((draw(_ODD) if draw(_one_in(12)) else name, value))
    if draw(_one_in(20)):
        headers += [(b"X-%d" % number, MARK) for number in range(draw(st.sampled_from([99, 101, 200, 2000])))]
    body, framed = b"", True
    framing = draw(st.sampled_from(["none", "none", "length", "length", "chunked", "short", "broken"]))
    if framing != "none":
        body = draw(st.one_of(_ODD, st.sampled_from(_BODIES)))
    match framing:
        case "length":
            headers.append((b"Content-Length", b"%d" % len(body)))
        case "short":
            headers.append((b"Content-Length", b"%d" % (len(body) + 5)))
            framed = False
        case "chunked":
            headers.append((b"Transfer-Encoding", b"chunked"))
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
        case "broken":
            headers.append((b"Transfer-Encoding", b"chunked"))
            body, framed = draw(_ODD) + b"\r\n" + body, False
    clean = (
        all(b"\n" not in part and b"\r" not in part for pair in headers for part in pair)
        and b"\n" not in target
        and b"\r" not in target
    )
    lengths = sum(name.strip().lower() in _FRAMING for name, _ in headers)
    end = draw(st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r"] + [b"\r\n"] * 6))
    method = draw(_METHODS) if draw(_one_in(4)) else draw(st.sampled_from([b"GET", b"POST", b"HEAD"]))
    version = draw(_VERSIONS) if draw(_one_in(6)) else b"HTTP/1.1"
    first = b" ".join(word for word in (method, target, version) if word or draw(st.booleans()))
    lines = [first, *(name + b": " + value for name, value in headers), b"", body]
    data = end.join(lines)
    whole = (
        framed
        and clean
        and end == b"\r\n"
        and lengths <= (framing in {"length", "chunked"})
        and version.startswith(b"HTTP/")
        and bool(method.strip())
    )
    if draw(_one_in(10)):
        at, cut = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        data, whole = data[:at] + draw(_ODD) + data[at + cut :], False
    return Sent(data, whole)


def ask(address: tuple[str, int], sent: Sent) -> Answer:
    """Bring a request to a server and return its first answer. Raises ``AssertionError`` where that is no HTTP, tells of the
    server's inside, repeats a part of the request, or is a server's error that it should not be.
    """
    raw, ended, lost = _exchange(address, sent)
    told = _read(raw, sent.method, ended)
    if told.status is None:
        assert lost or not sent.whole, "a whole request is owed an answer"
        assert not raw or lost, "the answer is no HTTP, or not whole"
    else:
        assert 200 <= told.status < 500 or (told.status == 505 and b"HTTP/" in sent.data), told.status
    assert not _INSIDE.search(raw)
    assert MARK not in raw
    return Answer(told.status, told.headers, told.body, raw, lost)


def _exchange(address: tuple[str, int], sent: Sent) -> tuple[bytes, bool, bool]:
    """Send and receive until the server closes, the answer is complete, or nothing more is to be expected; return what came, and
    whether the connection was closed, or reset.
    """
    raw, ended, lost = b"", False, False
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        with suppress(OSError):  # who refuses early need not read the rest; what it said is read all the same
            connection.sendall(sent.data)
        end = monotonic() + (PATIENCE if sent.whole else _GLANCE)
        try:
            while (left := end - monotonic()) > 0:
                connection.settimeout(left)
                part = connection.recv(65_536)
                raw += part
                ended = not part
                if ended or _read(raw, sent.method, ended).status is not None:
                    break
                if not raw.startswith(_CONTINUE):
                    end = monotonic() + PATIENCE  # who has begun to answer does not stop in the middle
        except TimeoutError:
            pass
        except OSError:
            lost = True
    return raw, ended, lost


def _read(raw: bytes, method: bytes, ended: bool) -> Answer:
    """Return the first final answer that is whole, status None where there is none yet, or what is there is no HTTP; an answer of no length
    lasts until the connection ``ended``.
    """
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    client.send(h11.Request(method=b"HEAD" if method == b"HEAD" else b"GET", target=b"/", headers=[(b"host", b"a")]))
    client.send(h11.EndOfMessage())
    status, headers, body = None, {}, b""
    try:
        client.receive_data(raw)
        if ended:
            client.receive_data(b"")
        while (event := client.next_event()) is not h11.NEED_DATA and not isinstance(event, h11.ConnectionClosed):
            if isinstance(event, h11.Response):
                status, headers = event.status_code, dict(event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, headers, body, raw, False)
    except h11.RemoteProtocolError:
        pass
    return Answer(None, {}, b"", raw, False)
