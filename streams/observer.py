"""What the streams tell those who measure them: they know no metrics, they call an observer."""

from typing import Protocol

__all__ = ["Observer", "Unobserved"]


class Observer(Protocol):
    """Receives figures, once a batch or once a second, on the event loop: an implementation returns at once and raises nothing."""

    def batch_done(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """A batch was handled to its end; ``seconds`` since it was handed over."""

    def findings_delivered(self, partition: int, seconds: float) -> None:
        """The findings of a batch are in Kafka, ``seconds`` after its records were read."""

    def committed(self, topic: str, partition: int, offset: int) -> None:
        """The group's offset moved to ``offset``."""

    def commit_age(self, seconds: float) -> None:
        """How long the oldest finished batch has waited for its commit; 0 where none waits."""

    def recovered(self, partition: int, rows: int, seconds: float) -> None:
        """State of a partition was rebuilt from ``rows`` changelog records (0: it was still at hand)."""

    def lag(self, topic: str, partition: int, records: int) -> None:
        """How many records of an owned partition are not handled yet."""

    def released(self, topic: str, partition: int) -> None:
        """The partition is no longer owned: its figures mean nothing from here on."""

    def sink_backlog(self, seconds: float) -> None:
        """How long the oldest batch has waited to be written; 0 where none waits."""

    def paused(self, topic: str, paused: bool) -> None:
        """A raw topic was paused or resumed; told of each that is read at the start, too."""

    def pulses_sent(self, number: int) -> None:
        """So many pulses were written to the touchpoints."""


class Unobserved:
    """An observer that looks away."""

    def batch_done(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """Ignore."""

    def findings_delivered(self, partition: int, seconds: float) -> None:
        """Ignore."""

    def committed(self, topic: str, partition: int, offset: int) -> None:
        """Ignore."""

    def commit_age(self, seconds: float) -> None:
        """Ignore."""

    def recovered(self, partition: int, rows: int, seconds: float) -> None:
        """Ignore."""

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Ignore."""

    def released(self, topic: str, partition: int) -> None:
        """Ignore."""

    def sink_backlog(self, seconds: float) -> None:
        """Ignore."""

    def paused(self, topic: str, paused: bool) -> None:
        """Ignore."""

    def pulses_sent(self, number: int) -> None:
        """Ignore."""
