"""The clock of a peer; it needs nothing but Python, for peers run in environments of their own."""

import os
import sys
from time import monotonic

__all__ = ["Rate"]


class Rate:
    """Events a second, from the first to the last of ``events``."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._seen = 0
        self._since = 0.0

    def start(self) -> None:
        """Begin, unless it has begun."""
        self._since = self._since or monotonic()

    def count(self, events: int = 1) -> None:
        """Count some more; with the last of them, end."""
        self.start()
        self._seen += events
        if self._seen >= self._events:
            self.end()

    def end(self) -> None:
        """Print the rate and end the process, whatever else it does."""
        print(f"RATE {self._events / (monotonic() - self._since):.0f}", file=sys.__stdout__, flush=True)
        os._exit(0)
