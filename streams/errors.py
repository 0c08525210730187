"""What can go wrong on the way: poison is set aside, backpressure is waited for, all else ends the worker before anything is acknowledged."""

__all__ = [
    "Abandoned",
    "Backpressure",
    "BrokerUnreachable",
    "CorruptChangelog",
    "DeliveryFailed",
    "EmbeddedBrokerFailed",
    "IncompatibleLibrary",
    "LogMismatch",
    "Overtaken",
    "Poison",
    "StreamError",
    "TopicMismatch",
    "Zombie",
]


class StreamError(Exception):
    """Base of the errors of this room."""


class Poison(StreamError):
    """A record that will never be usable, whoever reads it: it becomes a dead letter.

    ``reason`` is a word of `models.dead_letter.DeadLetterReason`, ``detail`` a sentence that holds no value of the record.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Backpressure(StreamError):
    """What is behind a sink cannot take more now: the same batch is tried again after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Abandoned(StreamError):
    """The partition was revoked, or the worker stops, before the batch was done: it is read again by whoever owns the partition next."""


class DeliveryFailed(StreamError):
    """Kafka did not confirm a record in time, or refused it."""


class CorruptChangelog(StreamError):
    """A row of the changelog cannot be read: state rebuilt without it would be wrong."""


class TopicMismatch(StreamError):
    """Topics are missing or set up in a way that would lose or misplace records."""


class LogMismatch(StreamError):
    """Topics, state and committed offsets do not fit together: to go on would lose records without a word, or their order."""


class IncompatibleLibrary(StreamError):
    """The installed Faust or aiokafka lacks a name that this room builds on, or has it in another shape."""


class Zombie(StreamError):
    """This worker stood still for so long that another may own its partitions by now."""


class Overtaken(StreamError):
    """Somebody else wrote rows of a partition that this worker owns: what a worker had written that lost it arrived late."""


class BrokerUnreachable(StreamError):
    """No broker answers at the given address."""


class EmbeddedBrokerFailed(StreamError):
    """The embedded broker is not installed, or did not come up."""
