"""What went wrong, for who typed the command: one sentence with what to do, and the exit code; a traceback only with --debug."""

import errno
import re
import traceback
from pathlib import Path
from typing import Any

import click

__all__ = ["FAILED", "REFUSED", "WRONG_USE", "Failed", "WrongUse", "explain"]

FAILED = 1
WRONG_USE = 2
REFUSED = 3

_ROOT = Path(__file__).parents[1]

_RIGHTS = "the broker does not let SEAMWATCH_KAFKA_USERNAME: give it the rights of config/kafka/acls.sh"

# By name, because a command must not load Kafka or SQLAlchemy in order to be told of their errors.
_KNOWN = {
    "config.errors.ConfigError": (WRONG_USE, ""),
    "sinks.errors.DatabaseUnavailable": (FAILED, "check that it runs, and SEAMWATCH_DATABASE"),
    "sinks.errors.RightMissing": (FAILED, ""),
    "sinks.errors.RolesMissing": (FAILED, ""),
    "sinks.errors.SchemaOutdated": (FAILED, ""),
    "sinks.errors.UnsupportedDatabase": (WRONG_USE, ""),
    "streams.errors.StreamError": (FAILED, ""),
    "streams.sources.errors.Unreadable": (FAILED, ""),
    "kafka.errors.AuthorizationError": (FAILED, _RIGHTS),
    "aiokafka.errors.TopicAuthorizationFailedError": (FAILED, _RIGHTS),
    "aiokafka.errors.GroupAuthorizationFailedError": (FAILED, _RIGHTS),
    "kafka.errors.KafkaError": (FAILED, "check that Kafka runs, and SEAMWATCH_BROKER"),
    "aiokafka.errors.KafkaError": (FAILED, "check that Kafka runs, and SEAMWATCH_BROKER"),
}


class Failed(click.ClickException):
    """The command could not do its work."""

    exit_code = FAILED


class WrongUse(click.ClickException):
    """Something is to be put right first: an argument, a setting, a file of rules."""

    exit_code = WRONG_USE


def explain(error: Exception) -> click.ClickException:
    """Return ``error`` as a sentence with an exit code.

    Of an error that nobody foresaw only its kind and place are told: its message may hold what a customer said.
    """
    for kind in type(error).__mro__:
        known = _KNOWN.get(f"{kind.__module__}.{kind.__qualname__}")
        if known is not None:
            code, advice = known
            message = "; ".join(filter(None, [_said(error) or kind.__name__, advice]))
            return WrongUse(message) if code == WRONG_USE else Failed(message)
    if isinstance(error, OSError) and error.strerror and error.errno != errno.EPIPE:
        return Failed(": ".join(str(part) for part in (error.filename, error.strerror) if part))
    return Failed(f"{type(error).__name__} {place(error)}: this is a bug; run `seamwatch --debug ...` for its trace")


def _said(error: Exception) -> str:
    """Return what an error says; of what a broker refuses its kind and the broker's reason, since the library puts the whole request into its sentence."""
    said = str(error)
    if not (description := getattr(error, "description", None)) or "Request '" not in said:
        return said
    reason = re.search(r"error_message='([^']+)'", said)
    return f"{type(error).__name__}: {reason[1] if reason else description}".rstrip(".")


def place(error: BaseException) -> str:
    """Return where ``error`` was raised, as ``at file:line``; the last place in this program rather than in a library."""
    frames: list[Any] = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if Path(frame.filename).is_relative_to(_ROOT) and "site-packages" not in frame.filename
    ]
    frame = (own or frames or [None])[-1]
    if frame is None:
        return "at an unknown place"
    path = Path(frame.filename)
    return f"at {path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path.name}:{frame.lineno}"
