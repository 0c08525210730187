"""PostgreSQL, given up when it stands still: the kernel of a server that is frozen goes on acknowledging bytes, so no timeout of TCP ever ends."""

from collections.abc import Generator, Mapping
from time import monotonic
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.conninfo import make_conninfo

__all__ = ["LONGEST_SILENCE", "ImpatientConnection", "JsonBytes", "unknown_option"]

LONGEST_SILENCE = 35.0
"""Seconds without a byte from the server; it ends a statement itself before that."""


class JsonBytes(Dumper):
    """Hands over ``bytes`` as the JSON that they are."""

    oid = psycopg.adapters.types["jsonb"].oid

    def dump(self, obj: bytes) -> bytes:
        """Return ``obj``."""
        return obj


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that is closed when a server of whom something is wanted says nothing for ``silence`` seconds.

    What was called then raises ``psycopg.OperationalError``, as for a connection that broke.
    """

    silence = LONGEST_SILENCE

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        """Carry on a conversation with the server."""
        return super().wait(self._unless_silent(gen), *args, **options)

    def _unless_silent(self, conversation: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        heard = monotonic()
        try:
            wanted = next(conversation)
            while True:
                ready = yield wanted
                if ready:
                    heard = monotonic()
                elif monotonic() - heard > self.silence:
                    self.close()
                    raise psycopg.OperationalError(f"the server has said nothing for {self.silence:.0f} s")
                wanted = conversation.send(ready)
        except StopIteration as end:
            return end.value


def unknown_option(options: Mapping[str, Any]) -> str:
    """Return what libpq says of the first of ``options`` that it does not know, nothing where it knows all."""
    try:
        make_conninfo(**options)
    except psycopg.ProgrammingError as error:
        return next(iter(str(error).splitlines()), "")
    return ""
