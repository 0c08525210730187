"""Telephone systems for tests: real servers on a loopback port that speak AMI and ESL, break off, and send what is no message."""

import asyncio
import hashlib
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

__all__ = ["PASSWORD", "Script", "ami_event", "ami_login", "esl_event", "esl_login", "halves", "serving", "stay"]

PASSWORD = "pbx-password-4711"
Script = Callable[[StreamReader, StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(scripts: Sequence[Script]) -> AsyncIterator[int]:
    """Play a script for each connection, one after the other, the last one for all that follow; give the port."""
    left = list(scripts)

    async def play(reader: StreamReader, writer: StreamWriter) -> None:
        script = left.pop(0) if len(left) > 1 else left[0]
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def halves(writer: StreamWriter, content: bytes) -> None:
    """Send in two pieces, with a moment between them."""
    middle = len(content) // 2
    writer.write(content[:middle])
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.write(content[middle:])
    await writer.drain()


async def stay(reader: StreamReader, writer: StreamWriter) -> None:
    """Keep the connection until the other side ends it."""
    await reader.read()


async def _action(reader: StreamReader) -> dict[str, str]:
    block = (await reader.readuntil(b"\r\n\r\n")).decode()
    return dict(line.split(": ", 1) for line in block.split("\r\n") if line)


async def ami_login(reader: StreamReader, writer: StreamWriter, password: str = PASSWORD) -> None:
    """Let in who proves to know the password."""
    writer.write(b"Asterisk Call Manager/7.0.3\r\n")
    await _action(reader)
    writer.write(b"Event: FullyBooted\r\nPrivilege: system,all\r\n\r\nResponse: Success\r\nChallenge: 840415273\r\n\r\n")
    login = await _action(reader)
    right = hashlib.md5(f"840415273{password}".encode(), usedforsecurity=False).hexdigest() == login["Key"]
    if login["Username"] != "seamwatch" or not right:
        writer.write(b"Response: Error\r\nMessage: Authentication failed\r\n\r\n")
        await stay(reader, writer)
        return
    writer.write(b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n")
    assert (await _action(reader))["EventMask"] == "call,agent"
    writer.write(b"Response: Success\r\nEvents: On\r\n\r\n")


def ami_event(name: str, **fields: str) -> bytes:
    """Return an event as the manager writes it."""
    return "".join(f"{key}: {value}\r\n" for key, value in {"Event": name, **fields}.items()).encode() + b"\r\n"


async def esl_login(reader: StreamReader, writer: StreamWriter, password: str = PASSWORD) -> None:
    """Let in who says the password, and subscribe."""
    writer.write(b"Content-Type: auth/request\n\n")
    if await reader.readuntil(b"\n\n") != f"auth {password}\n\n".encode():
        writer.write(b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n")
        await stay(reader, writer)
        return
    writer.write(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
    assert (await reader.readuntil(b"\n\n")).startswith(b"event json ")
    writer.write(b"Content-Type: command/reply\nReply-Text: +OK event listener enabled json\n\n")


def esl_event(**headers: str) -> bytes:
    """Return an event as the event socket writes it."""
    body = json.dumps({key.replace("_", "-"): value for key, value in headers.items()}).encode()
    return b"Content-Length: %d\nContent-Type: text/event-json\n\n" % len(body) + body
