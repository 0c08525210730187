"""How Asterisk's manager and FreeSWITCH's event socket speak: logging in, and messages as they come."""

import hashlib
import json
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter, timeout
from time import time
from typing import Any, Final

__all__ = ["Ami", "Denied", "Esl", "Event", "Foreign"]

Event = dict[str, Any]

_SILENCE = 30.0
"""Seconds without a byte after which the other side is asked whether it is there, and after as many more is taken for gone."""
_MOST_BYTES = 1024 * 1024


class Denied(Exception):
    """User or password is wrong."""


class Foreign(Exception):
    """Whoever answers speaks another language."""


class _Lines:
    """Reads up to a separator, and asks a silent other side whether it is there."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, ping: bytes) -> None:
        self.writer = writer
        self._reader = reader
        self._ping = ping

    async def until(self, separator: bytes) -> bytes | None:
        """Return what comes before ``separator``; None for more than a message can be, which is thrown away.

        Raises ``TimeoutError`` where nothing comes, ``IncompleteReadError`` where the connection ends.
        """
        try:
            try:
                async with timeout(_SILENCE):
                    return (await self._reader.readuntil(separator))[: -len(separator)]
            except TimeoutError:
                self.writer.write(self._ping)
                async with timeout(_SILENCE):
                    return (await self._reader.readuntil(separator))[: -len(separator)]
        except LimitOverrunError as error:
            await self._reader.readexactly(error.consumed)
            return None

    async def exactly(self, size: int) -> bytes:
        """Return so many bytes."""
        async with timeout(_SILENCE):
            return await self._reader.readexactly(size)


def _headers(block: bytes | None, end: str) -> dict[str, str] | None:
    """Return the headers of a message; None where a line is none."""
    if block is None:
        return None
    lines = [line.partition(":") for line in block.decode(errors="replace").split(end) if line]
    if not lines or not all(colon and name.strip() for name, colon, _ in lines):
        return None
    return {name.strip(): value.strip() for name, _, value in lines}


class Ami:
    """Asterisk's manager interface: blocks of lines. The password is proved by a challenge and does not travel."""

    source: Final = "asterisk_ami"
    port: Final = 5038

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._lines: _Lines

    async def log_in(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Log in, and ask for events of calls and agents."""
        self._lines = _Lines(reader, writer, b"Action: Ping\r\n\r\n")
        banner = await self._lines.until(b"\n")
        if banner is None or not banner.startswith(b"Asterisk Call Manager"):
            raise Foreign("whoever answers is no Asterisk manager")
        challenge = (await self._ask(Action="Challenge", AuthType="MD5")).get("Challenge", "")
        proof = hashlib.md5(f"{challenge}{self._password}".encode(), usedforsecurity=False).hexdigest()
        answer = await self._ask(Action="Login", AuthType="MD5", Username=self._user, Key=proof)
        if answer.get("Response") != "Success":
            raise Denied
        await self._ask(Action="Events", EventMask="call,agent")

    async def next(self) -> Event | None:
        """Return the next event, with Received where it has no Timestamp; an empty one for what is none, None for garbage."""
        message = _headers(await self._lines.until(b"\r\n\r\n"), "\r\n")
        if message is None:
            return None
        if "Event" not in message:
            return {} if "Response" in message else None
        return message if "Timestamp" in message else message | {"Received": f"{time():.6f}"}

    async def _ask(self, **action: str) -> dict[str, str]:
        lines = [f"{name}: {value}\r\n" for name, value in action.items()]
        self._lines.writer.write("".join([*lines, "\r\n"]).encode())
        while True:
            answer = _headers(await self._lines.until(b"\r\n\r\n"), "\r\n")
            if answer is not None and "Response" in answer:
                return answer


class Esl:
    """FreeSWITCH's event socket: headers, and a body of as many bytes as they say. The password travels as it is."""

    source: Final = "freeswitch"
    port: Final = 8021

    def __init__(self, user: str, password: str) -> None:
        self._auth = f"userauth {user}:{password}" if user else f"auth {password}"
        self._lines: _Lines

    async def log_in(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Log in, and ask for what the source reads."""
        self._lines = _Lines(reader, writer, b"api uptime\n\n")
        if await self._lines.until(b"\n") != b"Content-Type: auth/request":
            raise Foreign("whoever answers is no FreeSWITCH event socket")
        await self._lines.until(b"\n")
        if not (await self._ask(self._auth)).startswith("+OK"):
            raise Denied
        # What follows CUSTOM are names of its kinds.
        subscribed = await self._ask("event json CHANNEL_EXECUTE CHANNEL_BRIDGE CHANNEL_HANGUP_COMPLETE CUSTOM callcenter::info")
        if not subscribed.startswith("+OK"):
            raise Foreign("the events that are asked for are not known there")

    async def next(self) -> Event | None:
        """Return the next event; an empty one for what is none, None for garbage."""
        headers = _headers(await self._lines.until(b"\n\n"), "\n")
        if headers is None:
            return None
        body = await self._body(headers)
        if headers.get("Content-Type") == "text/disconnect-notice":
            raise IncompleteReadError(b"", None)
        if body is None:
            return None
        if headers.get("Content-Type") != "text/event-json":
            return {}
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return event if isinstance(event, dict) else None

    async def _body(self, headers: dict[str, str]) -> bytes | None:
        size = headers.get("Content-Length", "0")
        if not size.isdecimal() or not size.isascii() or int(size[:9]) > _MOST_BYTES or len(size) > 9:
            return None
        return await self._lines.exactly(int(size))

    async def _ask(self, command: str) -> str:
        self._lines.writer.write(f"{command}\n\n".encode())
        while True:
            answer = _headers(await self._lines.until(b"\n\n"), "\n")
            if answer is not None:
                await self._body(answer)
                if "Reply-Text" in answer:
                    return answer["Reply-Text"]
