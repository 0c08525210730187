"""Telephone systems that are listened to over TCP: what comes is taken once, and what is missed is said."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from streams.connectors import Ami, Denied, Esl, Foreign, dialects, listen
from tests.support.pbx import PASSWORD, Script, ami_event, ami_login, esl_event, esl_login, halves, serving, stay


class Heard:
    """What a listener took, what it said, and how long it waited before each attempt."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.told: list[str] = []
        self.pauses: list[float] = []
        self.moment = 1_772_442_840

    async def sleep(self, seconds: float) -> None:
        """Wait without waiting."""
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    def now(self) -> datetime:
        """Return a time ten seconds after the one before."""
        self.moment += 10
        return datetime.fromtimestamp(self.moment, UTC)


async def heard(dialect: Ami | Esl, scripts: Sequence[Script], until: Callable[[Heard], bool], *, chance: float = 0.0) -> Heard:
    """Listen to a system that plays ``scripts`` until ``until``, and then as to no other."""
    got = Heard()
    async with serving(scripts) as port, asyncio.timeout(10):
        listening = asyncio.ensure_future(
            listen(dialect, "127.0.0.1", port, got.events.append, got.told.append, sleep=got.sleep, chance=lambda: chance, now=got.now)
        )
        while not until(got) and not listening.done():  # noqa: ASYNC110 - what is waited for is any of several things
            await asyncio.sleep(0.005)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        if not listening.cancelled() and (error := listening.exception()) is not None:
            raise error
    got.told = [sentence.partition(": ")[2] for sentence in got.told]
    return got


async def first_call(reader: StreamReader, writer: StreamWriter) -> None:
    """Tell two events in halves, garbage between them, and break off in the middle of a third."""
    await ami_login(reader, writer)
    await halves(writer, ami_event("Newchannel", Uniqueid="1", Timestamp="1772442840.5"))
    writer.write(b"no header\xff\xfe\r\n: nothing\r\n\r\n" + b"x" * 600_000 + b"\r\n\r\nResponse: Success\r\nPing: Pong\r\n\r\n")
    await halves(writer, ami_event("Hangup", Uniqueid="1", CallerIDName="J\u00f6rg: Sales"))
    await halves(writer, ami_event("Newchannel", Uniqueid="2")[:-2])


async def second_call(reader: StreamReader, writer: StreamWriter) -> None:
    """Go on with another event."""
    await ami_login(reader, writer)
    writer.write(ami_event("Hangup", Uniqueid="3", Timestamp="1772442900.5"))
    await stay(reader, writer)


async def slam(reader: StreamReader, writer: StreamWriter) -> None:
    """Say nothing and break off."""


async def test_a_manager_that_breaks_off_is_heard_again_and_the_gap_is_said() -> None:
    """Whole events once each, whatever pieces they come in; garbage and halves are left out; the gap has its beginning and its end."""
    got = await heard(Ami("seamwatch", PASSWORD), [first_call, slam, slam, second_call], lambda got: len(got.events) == 3)
    assert [(each["Event"], each["Uniqueid"]) for each in got.events] == [("Newchannel", "1"), ("Hangup", "1"), ("Hangup", "3")]
    assert got.events[1]["CallerIDName"] == "J\u00f6rg: Sales"
    assert ["Received" in each for each in got.events] == [False, True, False]
    assert got.told == [
        "1 that came is no message, and is left out",
        "the connection has ended; what happens there until it is connected again will be missing",
        "connected again; what happened from 2026-03-02T09:14:10Z to 2026-03-02T09:14:20Z is missing",
    ]
    assert got.pauses == [0.5, 1.0, 2.0]


async def test_attempts_come_at_intervals_that_grow_and_differ() -> None:
    """Half a second, then twice as long each, at most 30 s, and up to half of it less by chance: a thousand listeners do not come at once."""
    got = await heard(Esl("", PASSWORD), [slam], lambda got: len(got.pauses) >= 9, chance=1.0)
    assert got.pauses[:9] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    assert len(got.told) == 1


async def esl_call(reader: StreamReader, writer: StreamWriter) -> None:
    """Tell events in halves and garbage between them, and say goodbye."""
    await esl_login(reader, writer)
    await halves(writer, esl_event(Event_Name="CUSTOM", CC_Action="member-queue-start"))
    writer.write(b"Content-Length: 5\nContent-Type: text/event-json\n\n{nope")
    writer.write(b"Content-Length: 3\nContent-Type: api/response\n\n+OK")
    writer.write(b"Content-Length: 99999999999\nContent-Type: text/event-json\n\n")
    await halves(writer, esl_event(Event_Name="CHANNEL_HANGUP_COMPLETE"))
    writer.write(b"Content-Length: 4\nContent-Type: text/disconnect-notice\n\nbye\n")
    await stay(reader, writer)


async def esl_again(reader: StreamReader, writer: StreamWriter) -> None:
    """Go on."""
    await esl_login(reader, writer)
    writer.write(esl_event(Event_Name="CUSTOM", CC_Action="member-queue-end"))
    await stay(reader, writer)


async def test_an_event_socket_that_says_goodbye_is_heard_again() -> None:
    """The same of FreeSWITCH: bodies in halves, bodies that are no JSON, lengths that are none."""
    got = await heard(Esl("", PASSWORD), [esl_call, esl_again], lambda got: len(got.events) == 3)
    assert [each["Event-Name"] for each in got.events] == ["CUSTOM", "CHANNEL_HANGUP_COMPLETE", "CUSTOM"]
    assert [sentence.partition(";")[0] for sentence in got.told] == [
        "1 that came is no message, and is left out",
        "the connection has ended",
        "connected again",
    ]


@pytest.mark.parametrize(
    ("dialect", "script", "error"),
    [
        (Ami("seamwatch", "wrong"), ami_login, Denied),
        (Esl("", "wrong"), esl_login, Denied),
        (Ami("seamwatch", PASSWORD), esl_login, Foreign),
        (Esl("", PASSWORD), ami_login, Foreign),
    ],
)
async def test_a_login_that_is_refused_at_first_is_not_tried_again(dialect: Ami | Esl, script: Script, error: type[Exception]) -> None:
    """A wrong password, or another kind of system, is a mistake of who started it."""
    with pytest.raises(error):
        await heard(dialect, [script], lambda _: False)


async def test_a_login_that_is_refused_later_is_tried_again() -> None:
    """A system that starts up may know no users yet; the password did hold before."""

    async def refusing(reader: StreamReader, writer: StreamWriter) -> None:
        await ami_login(reader, writer, "another")

    got = await heard(Ami("seamwatch", PASSWORD), [first_call, refusing, second_call], lambda got: len(got.events) == 3)
    assert got.told[-1].startswith("connected again")


async def test_a_silent_system_is_asked_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who answers a ping is there; who does not is gone, though the connection stands."""
    monkeypatch.setattr(dialects, "_SILENCE", 0.05)
    pings: list[bytes] = []

    async def deaf(reader: StreamReader, writer: StreamWriter) -> None:
        await ami_login(reader, writer)
        pings.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"Response: Success\r\nPing: Pong\r\n\r\n")
        pings.append(await reader.readuntil(b"\r\n\r\n"))
        await stay(reader, writer)

    got = await heard(Ami("seamwatch", PASSWORD), [deaf, second_call], lambda got: len(got.events) == 1)
    assert pings == [b"Action: Ping\r\n\r\n"] * 2
    assert got.told[0].startswith("nothing answers in time")
