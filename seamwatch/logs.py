"""The log of a program that runs for long, on stderr: short lines for people, or one JSON object a line for machines.

What is said again and again is said ten times a minute, and how often it was left out. Nothing that a customer said is logged: messages hold places, counts and
names of settings, and of an error that nobody foresaw its kind and place (`seamwatch.errors`).
"""

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

__all__ = ["Format", "Limited", "configure"]

Format = Literal["console", "json"]

_LIBRARIES = {
    "aiokafka": logging.CRITICAL,  # what it calls errors, it tries again: the worker says what it waits for
    "kafka": logging.CRITICAL,  # the same
    "faust": logging.ERROR,
    "mode": logging.ERROR,
    "asyncio": logging.ERROR,
    "alembic": logging.WARNING,
}
_MOST = 10
_MINUTE = 60.0
_KINDS = 1000
"""Kinds of messages that are counted at once."""


class Limited(logging.Filter):
    """Lets each kind of message through ten times a minute, and says with the first one of the next minute how many were left out.

    A kind is its template and level: figures in it make no other. What is critical always comes through. ``clock`` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._since = clock()
        self._said: dict[tuple[object, int], int] = {}
        self._before: dict[tuple[object, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is logged; it may be given the number of those before it that were not."""
        if self._clock() - self._since >= _MINUTE:
            self._since = self._clock()
            self._before = {kind: said - _MOST for kind, said in self._said.items() if said > _MOST}
            self._said = {}
        kind = record.msg, record.levelno
        self._said[kind] = said = self._said.get(kind, 0) + 1
        if len(self._said) > _KINDS:
            self._said.clear()
        record.left_out = self._before.pop(kind, 0)
        return said <= _MOST or record.levelno >= logging.CRITICAL


class _Lines(logging.Formatter):
    """For people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        left_out = getattr(record, "left_out", 0)
        return super().format(record) + (f" ({left_out} more of these in the minute before)" if left_out else "")


class _Objects(logging.Formatter):
    """For machines: time, level, logger, message, ``left_out`` where any were, ``trace`` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if left_out := getattr(record, "left_out", 0):
            told["left_out"] = left_out
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def _says_something(record: logging.LogRecord) -> bool:
    """Leave out what Faust's services say of their own life: it goes to the loggers of the classes that extend them."""
    return record.levelno >= logging.WARNING or not record.getMessage().startswith("[^")


def configure(level: str, *, debug: bool = False, form: Format = "console") -> None:
    """Log what is at least ``level``; libraries only speak up for what matters, unless with ``debug``, which also leaves out nothing."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Objects() if form == "json" else _Lines())
    if not debug:
        handler.addFilter(_says_something)
        handler.addFilter(Limited())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else level.upper())
    for name, at_least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.INFO if debug else at_least)
    logging.getLogger("sqlalchemy").setLevel(logging.WARNING)  # below that it logs rows
