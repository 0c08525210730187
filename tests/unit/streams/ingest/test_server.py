"""The door's server over real sockets: what it confirms is appended, what it refuses is told by rule, and no answer repeats a request."""

import asyncio
import gzip
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import ClientSession

from streams.errors import DeliveryFailed
from streams.ingest import server
from streams.ingest.appender import Headers
from streams.ingest.rules import PROBLEMS, Rule
from streams.ingest.server import Ingest, OpenDoor
from streams.ingest.signatures import checker
from streams.sources.door import Door
from tests.unit.streams.support import eventually

pytestmark = pytest.mark.slow

MARK = "swordfish"
"""Stands in everything that is sent, and in nothing that comes back."""
TOKEN = {"X-Key": "good"}


class Log:
    """A topic, and what the server told of its requests."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes, dict[str, bytes]]] = []
        self.answered: list[tuple[str, str]] = []
        self.held = 0
        self.most = 0
        self.open = asyncio.Event()
        self.open.set()
        self.failing = False

    async def append(self, topic: str, value: bytes, headers: Headers = ()) -> None:
        """Keep a record, when the log is open."""
        await self.open.wait()
        if self.failing:
            raise DeliveryFailed("no broker")
        self.records.append((topic, value, dict(headers)))

    def request_answered(self, source: str, outcome: str, seconds: float) -> None:
        """Keep the outcome."""
        self.answered.append((source, outcome))

    def request_bytes(self, held: int) -> None:
        """Keep the bytes that are held, and their most."""
        self.held, self.most = held, max(self.most, held)


@asynccontextmanager
async def serving(
    rate: int = 1000, limit: int = 1000, memory: int = 10_000
) -> AsyncIterator[tuple[Log, ClientSession, Ingest]]:
    """Serve one door, `desk`, that wants a token in X-Key."""
    log = Log()
    check = checker(Door(scheme="token", header="X-Key"), ["good"])
    ingest = Ingest({"desk": OpenDoor("t.raw.desk", check, rate, limit)}, log.append, log, memory=memory)
    await ingest.start()
    host, port = ingest.address
    async with ClientSession(f"http://{host}:{port}") as session:
        yield log, session, ingest
    await ingest.stop()


async def problem(
    session: ClientSession, rule: Rule, method: str = "POST", path: str = "/in/desk", **given: Any
) -> Any:
    """Send a request that breaks ``rule``, and return the headers of the answer, which tells that and nothing of the request."""
    async with session.request(method, path, **given) as answer:
        text = await answer.text()
        document = json.loads(text)
        assert answer.content_type == "application/problem+json"
        assert document["type"] == f"urn:seamwatch:problem:{rule}"
        assert document["status"] == answer.status == PROBLEMS[rule].status
        assert document.keys() == {"type", "title", "status", "detail"}
        assert MARK not in text + str(answer.headers)
        return answer.headers


async def test_a_body_is_appended_as_it_is_and_then_confirmed() -> None:
    """The bytes of the body, whatever they are, are in the raw topic when 204 is answered, with the type of their content."""
    async with serving() as (log, session, _):
        for body in (b'{"a": 1}', b"\x00\xff\r\n", "größer".encode(), b"x" * 1000):
            async with session.post("/in/desk", data=body, headers=TOKEN | {"Content-Type": "a/b"}) as answer:
                assert (answer.status, await answer.read()) == (204, b"")
            assert log.records[-1] == ("t.raw.desk", body, {"content-type": b"a/b"})
        assert log.answered == [("desk", "accepted")] * 4
        assert log.held == 0


async def test_a_body_in_chunks_is_taken() -> None:
    """A body whose length nobody announced is one record, and is cut off at the limit of the door."""

    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield MARK.encode() * 10

    async with serving() as (log, session, _):
        async with session.post("/in/desk", data=chunks(5), headers=TOKEN) as answer:
            assert answer.status == 204
        assert log.records[0][1] == MARK.encode() * 50
        await problem(session, Rule.TOO_LARGE, data=chunks(20), headers=TOKEN)
        assert len(log.records) == 1


async def test_attributes_of_an_event_are_kept_beside_it() -> None:
    """Of a CloudEvent in binary mode the attributes become headers as its binding to Kafka names them; others' headers stay outside."""
    event = {"ce-specversion": "1.0", "CE-Id": "e%20%E2%82%AC", "ce-type": '"quoted"', "X-Other": "no"}
    async with serving() as (log, session, _):
        async with session.post("/in/desk", data=b"{}", headers=TOKEN | event) as answer:
            assert answer.status == 204
        kept = {"ce_specversion": b"1.0", "ce_id": "e €".encode(), "ce_type": b"quoted"}
        assert {name: value for name, value in log.records[0][2].items() if name != "content-type"} == kept
        await problem(session, Rule.BAD_HEADER, data=MARK, headers=TOKEN | event | {"ce-id": "%FF" + MARK})
        await problem(
            session, Rule.BAD_HEADER, data=MARK, headers=TOKEN | event | {"ce-a": MARK * 900, "ce-b": MARK * 900}
        )


async def test_each_broken_rule_is_told() -> None:
    """What is refused says by which rule, in a problem document that holds nothing of the request, and is not appended."""
    async with serving() as (log, session, _):
        await problem(session, Rule.UNKNOWN_SOURCE, path=f"/in/{MARK}", data=MARK, headers=TOKEN)
        await problem(session, Rule.UNKNOWN_SOURCE, path=f"/{MARK}?{MARK}", data=MARK)
        await problem(session, Rule.UNKNOWN_SOURCE, path="/in/desk/", data=MARK)
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH"):
            headers = await problem(session, Rule.METHOD, method, headers=TOKEN)
            assert headers["Allow"] == "POST"
        assert "WWW-Authenticate" in await problem(session, Rule.UNSIGNED, data=MARK)
        await problem(session, Rule.WRONG_SIGNATURE, data=MARK, headers={"X-Key": MARK})
        await problem(session, Rule.EMPTY_BODY, headers=TOKEN)
        await problem(session, Rule.TOO_LARGE, data=MARK * 200, headers=TOKEN)
        packed = TOKEN | {"Content-Encoding": "gzip"}
        await problem(session, Rule.ENCODED, data=gzip.compress(MARK.encode()), headers=packed)
        log.failing = True
        headers = await problem(session, Rule.UNCONFIRMED, data=MARK, headers=TOKEN)
        assert headers["Retry-After"] == "5"
        assert log.records == []
        assert ("", "unknown_source") in log.answered
        assert ("desk", "wrong_signature") in log.answered


@pytest.mark.parametrize(
    "sent",
    [
        b"swordfish\r\n\r\n",
        b"POST swordfish HTTP/9.9\r\n\r\n",
        b"POST /in/desk HTTP/1.1\r\nHost: a\r\nContent-Length: swordfish\r\n\r\n",
        b"POST /in/desk HTTP/1.1\r\nHost: a\r\nX-Key: good\r\nTransfer-Encoding: chunked\r\n\r\nswordfish\r\n",
        b"POST /in/desk HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /in/desk HTTP/1.1\r\nHost: a\r\nX-Long: " + b"swordfish" * 10_000 + b"\r\n\r\n",
        b"POST /in/desk HTTP/1.1\r\nHost: a\r\nX-swordfish: \x00\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_told_and_not_repeated(sent: bytes) -> None:
    """A request that cannot be read ends its connection with a problem document without a word of it."""
    async with serving() as (log, _, ingest):
        reader, writer = await asyncio.open_connection(*ingest.address)
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert b"400" in answer.splitlines()[0]
        assert b"urn:seamwatch:problem:malformed" in answer
        assert MARK.encode() not in answer
        assert log.records == []
        assert log.held == 0


REQUEST = (
    b"POST /in/desk HTTP/1.1\r\nHost: a\r\nX-Key: good\r\nConnection: close\r\nContent-Type: swordfish\r\nX-Other: swordfish\r\n"
    b"Content-Length: 9\r\n\r\nswordfish"
)
PIECES = (
    b"", b"\r\n", b"\r\n\r\n", b"\0", b"\xff", b":", b" ", b"%", b"%00", b"/", b"?", b"9" * 21, b"-1", b"chunked", b"GET", b"swordfish" * 1000,
    b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Expect: 100-continue\r\n", b"Content-Length: 3\r\n", b"ce-id: %ZZswordfish\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_a_request_is_made_of_it_is_taken_or_refused_without_an_echo(seed: int) -> None:
    """A request with pieces cut out and others put in: 204 if it is in the log, or a problem document without a word of it; never a server's error."""
    chance, statuses = random.Random(seed), set()
    async with serving(rate=100_000) as (log, _, ingest):
        for _ in range(60):
            sent = REQUEST
            for _ in range(chance.randrange(1, 4)):
                begin = chance.randrange(len(sent))
                sent = sent[:begin] + chance.choice(PIECES) + sent[begin + chance.choice((0, 0, 1, 3, 30)) :]
            before = len(log.records)
            reader, writer = await asyncio.open_connection(*ingest.address)
            writer.write(sent)
            answer = b""
            with suppress(asyncio.TimeoutError, ConnectionError):  # half a request is waited for, a connection may stay, or end with what nobody read
                while part := await asyncio.wait_for(reader.read(65_536), 0.1):
                    answer += part
            for head, _, body in (each.partition(b"\r\n\r\n") for each in re.split(rb"HTTP/1\.[01] ", answer)[1:]):
                status = int(head[:3])
                statuses.add(status)
                assert status in {100, 204} or 400 <= status < 500, (sent, answer)
                assert status in {100, 204} or json.loads(body)["type"].startswith("urn:seamwatch:problem:"), (sent, answer)
            assert MARK.encode() not in answer, (sent, answer)
            assert answer.count(b" 204 ") <= len(log.records) - before <= 1, (sent, answer)  # who left before may hear nothing
            writer.close()
        assert log.held == 0
    assert {204, 400, 401, 404} <= statuses


async def test_more_than_the_rate_is_told_to_come_again() -> None:
    """A source that posts more than its door's rate hears 429 with Retry-After, and is taken again later; wrong ones do not count."""
    async with serving(rate=3) as (_, session, _):
        for _ in range(10):
            await problem(session, Rule.WRONG_SIGNATURE, data=MARK, headers={"X-Key": MARK})
        statuses = []
        for _ in range(5):
            async with session.post("/in/desk", data=b"x", headers=TOKEN) as answer:
                statuses.append(answer.status)
        assert statuses[:3] == [204, 204, 204]
        assert statuses[4] == 429
        headers = await problem(session, Rule.RATE, data=MARK, headers=TOKEN)
        assert headers["Retry-After"] == "1"
        await asyncio.sleep(0.5)
        async with session.post("/in/desk", data=b"x", headers=TOKEN) as answer:
            assert answer.status == 204


async def test_memory_is_bounded() -> None:
    """While Kafka does not answer, bodies up to the limit of memory wait, those beyond hear 503 at once, and all is taken afterwards."""
    async with serving(limit=1000, memory=5000) as (log, session, _):
        log.open.clear()

        async def post() -> int:
            async with session.post("/in/desk", data=b"x" * 1000, headers=TOKEN) as answer:
                return answer.status

        waiting = [asyncio.create_task(post()) for _ in range(5)]
        await eventually(lambda: log.held == 5000)
        headers = await problem(session, Rule.PRESSURE, data=MARK, headers=TOKEN)
        assert headers["Retry-After"] == "2"
        log.open.set()
        assert await asyncio.gather(*waiting) == [204] * 5
        assert (log.held, log.most, len(log.records)) == (0, 5000, 5)


async def test_a_client_that_leaves_holds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A connection that breaks off in the middle of its body gives its memory back, and appends nothing; the log has no failure of it."""
    async with serving() as (log, _, ingest):
        _, writer = await asyncio.open_connection(*ingest.address)
        writer.write(b"POST /in/desk HTTP/1.1\r\nHost: a\r\nX-Key: good\r\nContent-Length: 500\r\n\r\nswordfish")
        await eventually(lambda: log.held == 500)
        writer.close()
        await eventually(lambda: log.held == 0)
        assert log.records == []
    assert not caplog.records


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that announces a body and sends none hears so after a while, and its memory is free."""
    monkeypatch.setattr(server, "_BODY_SECONDS", 0.1)
    async with serving() as (log, _, ingest):
        reader, writer = await asyncio.open_connection(*ingest.address)
        writer.write(b"POST /in/desk HTTP/1.1\r\nHost: a\r\nX-Key: good\r\nContent-Length: 500\r\n\r\nswordfish")
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
        writer.close()
        assert b"urn:seamwatch:problem:too_slow" in answer
        assert MARK.encode() not in answer
        assert log.held == 0


@pytest.mark.parametrize("sent", [b"", b"POST /in/desk HTTP/1.1\r\nHost:"])
async def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """A connection on which no request comes, or a part of one a byte at a time, is closed after a while."""
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.3)
    async with serving() as (log, _, ingest):
        reader, writer = await asyncio.open_connection(*ingest.address)
        writer.write(sent)
        closed = asyncio.create_task(reader.read())
        for _ in range(100):
            await asyncio.sleep(0.05)
            if closed.done():
                break
            writer.write(sent[-1:] and b"a")
        assert closed.done()
        writer.close()
        assert log.answered == []


async def test_stopping_confirms_what_is_under_way() -> None:
    """A request that is being written when the server stops is confirmed; new connections are not taken."""
    async with serving() as (log, session, ingest):
        log.open.clear()

        async def post() -> int:
            async with session.post("/in/desk", data=b"x", headers=TOKEN) as answer:
                return answer.status

        waiting = asyncio.create_task(post())
        await eventually(lambda: log.held > 0)
        address = ingest.address
        stopping = asyncio.create_task(ingest.stop())
        await asyncio.sleep(0.2)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        log.open.set()
        assert await waiting == 204
        await asyncio.wait_for(stopping, 5)
