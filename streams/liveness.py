"""Whether this worker still lives in the eyes of the others: one that stood still must not write, one that stands still must end."""

import threading
import time
from collections.abc import Callable

from streams.errors import Zombie

__all__ = ["Liveness", "Watchdog", "elapsed_clock"]


def elapsed_clock() -> float:
    """Return seconds that also pass while the machine sleeps, where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Liveness:
    """Remember when the polling loop last came round.

    ``patience`` is half a session timeout in seconds: after a longer gap another worker may own the partitions.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = elapsed_clock) -> None:
        self.patience = patience
        self.polled_at: float | None = None
        self._clock = clock

    @property
    def age(self) -> float:
        """Return the seconds since the loop last came round; 0 before it first did."""
        return 0.0 if self.polled_at is None else self._clock() - self.polled_at

    def turn(self) -> None:
        """Note that the loop came round.

        Raises `Zombie` when the gap was too long: also a worker that woke up again must not go on as if nothing had been.
        """
        self.check()
        self.polled_at = self._clock()

    def check(self) -> None:
        """Raise `Zombie` unless the loop came round within ``patience``."""
        if self.age > self.patience:
            raise Zombie(
                f"no poll for {self.age:.1f} s, allowed are {self.patience:.1f} s: another worker may own the partitions by now"
            )

    def rest(self) -> None:
        """Stop counting: nothing polls from here on."""
        self.polled_at = None


class Watchdog(threading.Thread):
    """End the process when the event loop no longer answers, or nothing polls for ``limit`` seconds: a supervisor starts it again."""

    def __init__(self, liveness: Liveness, limit: float, end: Callable[[BaseException], None]) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._liveness = liveness
        self._limit = limit
        self._end = end
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look twice a second."""
        while not self._stopped.wait(0.5):
            age = self._liveness.age
            if age > self._limit:
                self._end(Zombie(f"no poll for {age:.1f} s, allowed are {self._limit:.1f} s"))
                return

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
