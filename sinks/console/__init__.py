"""The web console's server: an HTTP API over the database, its live stream, its doors, and the built front end. It reads
the database alone, never a worker.
"""

from sinks.console.app import create_console
from sinks.console.settings import ConsoleSettings

__all__ = ["ConsoleSettings", "create_console"]
