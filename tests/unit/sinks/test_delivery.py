"""Couriers on SQLite, and requests as they stand on the wire."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar
from standardwebhooks import Webhook

from config.receivers import Receiver
from sinks.delivery import Post, Poster
from sinks.delivery.sending import Result
from tests.support.receiver import ReceiverServer
from tests.unit.sinks.couriers import Couriers
from tests.unit.sinks.handed_over import HandedOver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class TestSqlite(Couriers):
    """Couriers on SQLite lose nothing."""


class TestHandedOverOnSqlite(HandedOver):
    """What is posted from memory is on SQLite what its rows say."""


def posting(
    server: ReceiverServer, secrets: Sequence[str] = (SECRET,), kind: str = "webhook", body: Any = MappingProxyType({"was": "über"}), **more: Any
) -> Result:
    """Make one request to a server."""
    receiver = Receiver.model_validate({"name": "crm", "kind": kind, "url": f"{server.url}/hook", "timeout": "500ms"} | more)

    async def post() -> Result:
        async with ClientSession(cookie_jar=DummyCookieJar()) as session:
            return await Poster(receiver, secrets, session).post("msg_1", dict(body))

    return asyncio.run(post())


def test_requests_are_signed_after_the_specification() -> None:
    """The specification's own library takes what is sent, under each of two secrets, so that secrets can be changed one by one."""
    other = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
    with ReceiverServer() as server:
        assert posting(server, [SECRET, other]) == Result(Post.ARRIVED)
        [told] = server.told
    for secret in (SECRET, other):
        assert Webhook(secret).verify(told.body, dict(told.headers)) == {"was": "über"}
    assert (told.path, told.headers["webhook-id"], told.headers["content-type"]) == ("/hook", "msg_1", "application/json")


def test_every_try_sends_the_same_bytes() -> None:
    """A row gives its body back with its keys in another order, as PostgreSQL does: the request is the same."""
    with ReceiverServer() as server:
        posting(server, body={"type": "brief.handoff", "data": {"b": 1, "a": "ü"}})
        posting(server, body={"data": {"a": "ü", "b": 1}, "type": "brief.handoff"})
        once, twice = server.told
    assert once.body == twice.body == '{"data":{"a":"ü","b":1},"type":"brief.handoff"}'.encode()


def test_alertmanager_gets_a_token_and_its_own_path() -> None:
    """The alerts go to /api/v2/alerts under the address, with the secret as the bearer's token where there is one."""
    with ReceiverServer() as server:
        posting(server, ["a-secret-of-some-length"], "alertmanager")
        posting(server, [], "alertmanager")
        assert [(each.path, each.headers.get("authorization")) for each in server.told] == [
            ("/hook/api/v2/alerts", "Bearer a-secret-of-some-length"),
            ("/hook/api/v2/alerts", None),
        ]


@pytest.mark.parametrize(
    ("status", "answer", "result"),
    [
        (200, {}, Result(Post.ARRIVED)),
        (302, {"Location": "/elsewhere"}, Result(Post.REFUSED, "HTTP 302: redirects are not followed")),
        (404, {}, Result(Post.REFUSED, "HTTP 404")),
        (408, {}, Result(Post.FAILED, "HTTP 408")),
        (429, {"Retry-After": "120"}, Result(Post.FAILED, "HTTP 429", timedelta(seconds=120))),
        (503, {"Retry-After": "999999"}, Result(Post.FAILED, "HTTP 503", timedelta(hours=1))),
        (503, {"Retry-After": "soon"}, Result(Post.FAILED, "HTTP 503")),
        (500, {}, Result(Post.FAILED, "HTTP 500")),
    ],
)
def test_what_an_answer_means(status: int, answer: dict[str, str], result: Result) -> None:
    """What another try can mend is tried again, no sooner than asked for; all else is final; nothing is redirected; an endless body is not read."""
    with ReceiverServer() as server:
        server.status, server.answer, server.content = status, answer, b"x" * 1_000_000
        assert posting(server) == result
        assert len(server.told) == 1


def test_a_date_in_retry_after_is_understood() -> None:
    """Retry-After may be a date."""
    with ReceiverServer() as server:
        server.status = 503
        server.answer = {"Retry-After": f"{datetime.now(UTC) + timedelta(seconds=90):%a, %d %b %Y %H:%M:%S} GMT"}
        pause = posting(server).pause
    assert pause is not None
    assert timedelta(seconds=60) < pause <= timedelta(seconds=90)


def test_who_is_silent_or_away_is_tried_again() -> None:
    """A receiver that takes the request and says nothing, and one that is not there, fail; the reason holds nothing of what was told."""
    with ReceiverServer() as server:
        server.silent.set()
        assert posting(server) == Result(Post.FAILED, "no answer within 0.5 s")
        server.stop()
        assert posting(server) == Result(Post.FAILED, "no connection: Connection refused")
