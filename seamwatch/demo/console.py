"""The demonstration's console, in a process of its own: `python -m seamwatch.demo.console`, settings as JSON on standard input.

It ends as the demonstration's worker does.
"""

import json
import sys

from config.settings import load_settings
from seamwatch import logs
from seamwatch.console import console_settings, serve
from seamwatch.database import opened
from seamwatch.demo.worker import end_with_parent

__all__ = ["main"]


def main() -> None:
    """Read the settings and serve."""
    given = json.loads(sys.stdin.readline())
    logs.configure("info", debug=given.pop("debug"))
    end_with_parent()
    settings = load_settings(**given)
    with opened(settings) as engine:
        serve(engine, console_settings(settings), settings.console_host, settings.console_port)


if __name__ == "__main__":
    main()
