"""The next handler's side of `benchmarks.briefs`: takes webhooks at the port that it is given, and notes of each what set it off and when it was here.

It reads as much of HTTP as our own client writes, for it has the processor together with what is measured.
"""

import asyncio
import sys
from pathlib import Path
from time import time
from typing import TextIO

import msgspec

_END = b"\r\n\r\n"


class _Desktop(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(self, noted: TextIO) -> None:
        self._noted = noted
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Note and answer each request that is here whole."""
        arrived = time()
        self._read += data
        while (end := self._read.find(_END)) >= 0:
            headers = dict(line.lower().split(b": ", 1) for line in self._read[:end].split(b"\r\n")[1:])
            after = end + len(_END) + int(headers[b"content-length"])
            if len(self._read) < after:
                return
            told, self._read = msgspec.json.decode(self._read[end + len(_END) : after]), self._read[after:]
            self._noted.write(f"{told['data']['touchpoint']}\t{arrived * 1000:.1f}\t{headers[b'webhook-id'].decode()}\n")
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def _serve(port: int, path: Path) -> None:
    with path.open("a", buffering=1) as noted:
        server = await asyncio.get_running_loop().create_server(lambda: _Desktop(noted), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
