"""The other side of `benchmarks.ingest`: aiohttp that reads a body and answers 204, at the port that it is given."""

import asyncio
import sys

from aiohttp import web


async def _answer(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(status=204)


async def _serve(port: int) -> None:
    runner = web.ServerRunner(web.Server(_answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
