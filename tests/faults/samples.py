"""What a world looks like from second to second, while something long goes on in it."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Self

from tests.faults.world import World, resident

__all__ = ["Resources", "Samples"]


class Samples:
    """Of every second: each worker's resident bytes, the rows of state of all, and the longest that a sink has waited, in seconds."""

    def __init__(self, world: World) -> None:
        self.memory: list[list[int]] = []
        self.rows: list[float] = []
        self.waits: list[float] = []
        self._world = world

    def take(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> Self:
        """Go on for so long, or until there is ``enough``."""
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end and not enough():
            workers = self._world.crew.workers
            self.memory.append([resident(worker.process.pid) for worker in workers])
            self.rows.append(sum(worker.metric("state_rows") for worker in workers))
            self.waits.append(max(worker.metric("sink_backlog_seconds") for worker in workers))
            time.sleep(max(0.0, min(began + 1, end) - time.monotonic()))
        return self

    def __str__(self) -> str:
        """Say the least, the median and the most memory that a worker had, and what all of them together grew by for each row that came."""
        memory = [each for second in self.memory for each in second]
        least, middle, most = (f"{each / 2**20:.0f}" for each in (min(memory), median(memory), max(memory)))
        grown, rows = sum(self.memory[-1]) - sum(self.memory[0]), self.rows[-1] - self.rows[0]
        return (
            f"in {len(self.waits)} samples a worker has {least} to {most} MiB, in the median {middle}; all together {grown / 2**20:+.0f} MiB"
            f" for {rows:+,.0f} rows of state; the sinks wait at most {max(self.waits):.0f} s"
        )


class Resources:
    """What each worker process holds, second by second: resident bytes, threads, open files. Use as a context manager."""

    def __init__(self, world: World) -> None:
        self._seen: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
        self._world = world
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def longest(self) -> list[tuple[int, int, int]]:
        """What was seen of the process that lived longest."""
        return max(self._seen.values(), key=len)

    def quarters(self) -> list[tuple[float, int, int]]:
        """Return of each quarter of the longest life the median of the bytes, and the most threads and files."""
        seen = self.longest
        size = max(1, len(seen) // 4)
        parts = [seen[start : start + size] for start in range(0, 4 * size, size)]
        return [(median(each[0] for each in part), max(each[1] for each in part), max(each[2] for each in part)) for part in parts if part]

    def _look(self) -> None:
        while not self._over.wait(1):
            for process in [worker.process.pid for worker in self._world.crew.workers]:
                own = Path(f"/proc/{process}")
                with suppress(OSError):
                    self._seen[process].append((resident(process), len(list((own / "task").iterdir())), len(list((own / "fd").iterdir()))))
