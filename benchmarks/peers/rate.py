"""The clock of a peer; it needs nothing but Python, for peers run in environments of their own."""

import os
import sys
from time import monotonic

__all__ = ["Rate"]


class Rate:
    """Events a second, from the first to the last of ``events``.

    What was counted is told after the clock stopped, for the verifier: as a sum, or as a changelog that it reads itself.
    """

    def __init__(self, events: int) -> None:
        self._events = events
        self._seen = 0
        self._since = self._until = 0.0

    def start(self) -> None:
        """Begin, unless it has begun."""
        self._since = self._since or monotonic()

    def count(self, events: int = 1) -> bool:
        """Count some more; with the last of them, stop the clock and return True."""
        self.start()
        self._seen += events
        if self._seen < self._events:
            return False
        self.stop()
        return True

    def stop(self) -> None:
        """Stop the clock."""
        self._until = monotonic()

    def end(self, counted: int | None = None, changelog: str = "") -> None:
        """Print the rate, and the sum of all counts or the name that the changelog's topic begins with; end the process, whatever else it does."""
        print(f"RATE {self._events / (self._until - self._since):.0f}", file=sys.__stdout__)
        print(f"CHANGELOG {changelog}" if counted is None else f"COUNTED {counted}", file=sys.__stdout__, flush=True)
        os._exit(0)
