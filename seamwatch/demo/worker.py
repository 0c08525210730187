"""The demonstration's worker, in a process of its own: `python -m seamwatch.demo.worker`, settings as JSON on standard input.

It ends by SIGTERM, and when standard input closes: whatever becomes of the process that started it, it does not stay behind.
"""

import json
import os
import signal
import sys
from threading import Thread
from time import sleep

from config.settings import load_settings
from seamwatch import logs
from seamwatch.worker import Worker, leave, plan
from streams.embedded import EmbeddedBroker

__all__ = ["end_with_parent", "main"]

_PATIENCE = 5.0


def main() -> None:
    """Read the settings and work."""
    given = json.loads(sys.stdin.readline())
    embedded_port, debug = given.pop("embedded_port"), given.pop("debug")
    logs.configure("info", debug=debug)
    end_with_parent()
    planned = plan(load_settings(**given), ["watch", "score", "sink"])
    streams = planned.streams()
    if embedded_port is not None:
        streams = EmbeddedBroker(embedded_port).settings(streams)
    leave(Worker(planned, streams=streams, debug=debug).run())


def end_with_parent() -> None:
    """End this process, gently if it can be, when standard input closes."""
    Thread(target=_await_end, daemon=True).start()


def _await_end() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(_PATIENCE)
    leave(1)


if __name__ == "__main__":
    main()
