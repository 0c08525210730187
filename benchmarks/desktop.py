"""The next handler's side of `benchmarks.briefs`: aiohttp at the port that it is given, which notes of each webhook what set it off and when it was here."""

import asyncio
import sys
from pathlib import Path
from time import time

import msgspec
from aiohttp import web


async def _serve(port: int, path: Path) -> None:
    with path.open("a", buffering=1) as noted:

        async def _answer(request: web.BaseRequest) -> web.Response:
            body = await request.read()
            arrived = time()
            noted.write(f"{msgspec.json.decode(body)['data']['touchpoint']}\t{arrived * 1000:.1f}\t{request.headers['webhook-id']}\n")
            return web.Response(status=204)

        runner = web.ServerRunner(web.Server(_answer, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
