"""The log of a program that runs for long: short lines with time and level on stderr."""

import logging
import sys

__all__ = ["configure"]

_LIBRARIES = {
    "aiokafka": logging.CRITICAL,  # what it calls errors, it tries again: the worker says what it waits for
    "kafka": logging.CRITICAL,  # the same
    "faust": logging.ERROR,
    "mode": logging.ERROR,
    "asyncio": logging.ERROR,
    "alembic": logging.WARNING,
}


def _says_something(record: logging.LogRecord) -> bool:
    """Leave out what Faust's services say of their own life: it goes to the loggers of the classes that extend them."""
    return record.levelno >= logging.WARNING or not record.getMessage().startswith("[^")


def configure(level: str, *, debug: bool = False) -> None:
    """Log what is at least ``level``; libraries only speak up for what matters, unless with ``debug``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(message)s", "%Y-%m-%d %H:%M:%S"))
    if not debug:
        handler.addFilter(_says_something)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else level.upper())
    for name, at_least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.INFO if debug else at_least)
    logging.getLogger("sqlalchemy").setLevel(logging.WARNING)  # below that it logs rows
