"""The demonstration's reader of accounts, visits and answers, in a process of its own: `python -m seamwatch.demo.insight`, settings as JSON on standard input.

It ends as the demonstration's worker does.
"""

import json
import sys

from config.settings import load_settings
from seamwatch import logs
from seamwatch.broker import stream_settings
from seamwatch.demo.worker import end_with_parent
from seamwatch.insight import run
from streams.embedded import EmbeddedBroker

__all__ = ["main"]


def main() -> None:
    """Read the settings and work."""
    given = json.loads(sys.stdin.readline())
    embedded_port = given.pop("embedded_port")
    logs.configure("info", debug=given.pop("debug"))
    end_with_parent()
    settings = load_settings(**given)
    streams = stream_settings(settings, ())
    sys.exit(run(settings, streams if embedded_port is None else EmbeddedBroker(embedded_port).settings(streams)))


if __name__ == "__main__":
    main()
