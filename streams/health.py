"""How the worker is, for those who ask: the metrics port, `doctor`, tests."""

from dataclasses import dataclass, field

__all__ = ["Health"]


@dataclass(slots=True)
class Health:
    """The worker's present state, written on the event loop and read from anywhere.

    ``waiting`` names what the worker waits for (a sink, recovery), with a sentence each: it is alive, but not ready. Lag is in records by (topic, partition).
    """

    started: bool = False
    failed: str | None = None
    owned: frozenset[tuple[str, int]] = frozenset()
    recovering: frozenset[int] = frozenset()
    paused: frozenset[str] = frozenset()
    waiting: dict[str, str] = field(default_factory=dict)
    lag: dict[tuple[str, int], int] = field(default_factory=dict)
    commit_age: float = 0.0
    sink_backlog: float = 0.0
    poll_age: float = 0.0

    @property
    def ready(self) -> bool:
        """Return whether the worker does all of its work now."""
        return self.started and self.failed is None and not self.recovering and not self.waiting

    @property
    def reasons(self) -> list[str]:
        """Return why the worker is not ready, a sentence each."""
        found = [f"{name}: {text}" for name, text in sorted(self.waiting.items())]
        if self.failed is not None:
            found.append(f"failed: {self.failed}")
        if not self.started:
            found.append("not joined: the worker has no place in its group yet")
        if self.recovering:
            found.append(f"recovering: partitions {', '.join(map(str, sorted(self.recovering)))}")
        return found
