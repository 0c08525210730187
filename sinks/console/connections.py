"""Connections to the console: who takes too long over the head of a request is left."""

from asyncio import BaseTransport, TimerHandle

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["PromptConnection"]


class PromptConnection(H11Protocol):
    """A connection that is closed where the head of a request has not come ten seconds after the connection or the head began.

    uvicorn limits what is idle between two requests, and waits for ever once a byte has come, or before any has.
    """

    head_seconds = 10.0
    _late: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Await the first head."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn names the class of streams
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take what came; bytes of a head that is not whole give it no more time."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing any more."""
        super().connection_lost(exc)
        self._came()

    def _look(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._came()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self.timeout_keep_alive_handler)

    def _came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
