"""Connections to the console: who takes too long over the head or the body of a request is left."""

from asyncio import BaseTransport, TimerHandle

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["PromptConnection"]


class PromptConnection(H11Protocol):
    """A connection that is closed where the head of a request has not come ten seconds after it or the connection began, or the body thirty after the head.

    uvicorn limits what is idle between two requests, and waits for ever once a byte has come, or before any has.
    """

    head_seconds = 10.0
    body_seconds = 30.0
    _state: object = None
    _late: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Await the first head."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn names the class of streams
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take what came; bytes of what is not whole give it no more time."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing any more."""
        super().connection_lost(exc)
        self._await(None, None)

    def _look(self) -> None:
        limits = {h11.IDLE: self.head_seconds, h11.SEND_BODY: self.body_seconds}
        self._await(self.conn.their_state, limits.get(self.conn.their_state))

    def _await(self, state: object, seconds: float | None) -> None:
        """Give the other side so many seconds, from when it came into a ``state``, to leave it; None: as many as it likes."""
        if state is self._state:
            return
        self._state = state
        if self._late is not None:
            self._late.cancel()
        self._late = None if seconds is None else self.loop.call_later(seconds, self.transport.close)
